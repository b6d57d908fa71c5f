package locks

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// lost makes of what an event says after the lock's name a sentence of its own: "is lost: …", or "of yours has ended".
func lost(note string) string {
	if why, ok := strings.CutPrefix(note, "is lost: "); ok {
		return "lost: " + why
	}
	return "lost: it " + strings.TrimPrefix(note, "of yours ")
}

// Detail is everything known of a lock, for the person me.
func Detail(me string) func(widget.Frame, Row) pane.Detail {
	return func(f widget.Frame, r Row) pane.Detail {
		d := pane.Detail{Title: r.Lock.Appliance + " " + r.Scope.String(), Raw: r.Raw}
		add := func(name, value string, role theme.Role) {
			if value != "" {
				d.Fields = append(d.Fields, pane.Pair{Name: name, Value: value, Role: role})
			}
		}
		if r.Lost != nil || r.Doubt != nil {
			absent(me, f, r, add)
			return d
		}
		state, d2 := r.state(f)
		add("state", state.String(), theme.Strong)
		add("holder", HolderWord(me, r), holder(me, r).Role)
		if state != lease.Unknown {
			add("left at least", widget.Left(d2), theme.Plain)
			add("ends", f.Second(r.Term.EndsWall), theme.Plain)
			add("granted for", widget.Span(r.Term.TTL), theme.Plain)
		} else {
			add("ends", "unknown: the appliance told too little to compute it", theme.Plain)
		}
		switch {
		case r.Kept && r.KeptJob != "":
			add("kept", "extended by itself until job "+appliance.Label(string(r.KeptJob)).String()+" ends", theme.Plain)
		case r.Kept && r.KeptTo.IsZero():
			add("kept", "extended by itself until told otherwise", theme.Plain)
		case r.Kept:
			add("kept", "extended by itself until "+f.Second(r.KeptTo), theme.Plain)
		}
		add("for", r.Purpose, theme.Plain)
		if r.Owed {
			add("release", "asked for; it is tried until the lock is gone", theme.Warn)
		}
		if r.Elsewhere {
			add("held by", "another Holdfast of yours, which looks after it", theme.Plain)
		}
		add("note", r.Note, theme.Warn)
		if r.Wait != nil {
			add("waiting", fmt.Sprintf("%s since %s, %d tries, the next at %s", r.Wait.Who, f.Second(r.Wait.Since.Wall), r.Wait.Tries,
				f.Second(r.Wait.Next.Wall)), theme.Plain)
		}
		if r.ID != appliance.ConfigurationLock {
			add("id", string(r.ID), theme.Plain)
		}
		add("created", r.CreText.String(), theme.Plain)
		if r.Unlisted {
			add("listing", "granted to us, not seen in a list yet", theme.Warn)
		}
		if r.Exclusive {
			add("kind", "exclusive: nobody else can change the configuration meanwhile", theme.Plain)
		} else {
			add("kind", "counted: several may exist; the SFTP service stops when the last one goes", theme.Plain)
		}
		if !r.Seen.Received.IsZero() {
			add("last seen", widget.Ago(f.Now.Since(r.Seen.Received)), theme.Plain)
		}
		if r.Part.Err != "" {
			add("latest listing failed", r.Part.Err, theme.Warn)
		}
		return d
	}
}

// absent tells of what is no lock: the loss of one, or a request for one.
func absent(me string, f widget.Frame, r Row, add func(name, value string, role theme.Role)) {
	switch {
	case r.Lost != nil:
		add("state", lost(r.Note), theme.Alarm)
		add("found out", f.Second(r.Lost.At.Wall), theme.Plain)
		add("holder", HolderWord(me, r), theme.Ours)
		add("what to do", "look whether what needed it still runs; A takes this row away", theme.Plain)
	case r.Doubt != nil:
		add("state", "outcome unknown: the answer to the request was lost", theme.Warn)
		add("asked for by", r.Doubt.Who, theme.Plain)
		add("asked for at", f.Second(r.Doubt.Since.Wall), theme.Plain)
		add("looked for until", f.Second(r.Doubt.Until.Wall), theme.Plain)
		add("what to do", "R looks again now; a lock that came of it is recognised by its time", theme.Plain)
	}
}
