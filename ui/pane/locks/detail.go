package locks

import (
	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// Detail is everything known of a lock, for the person me.
func Detail(me string) func(widget.Frame, Row) pane.Detail {
	return func(f widget.Frame, r Row) pane.Detail {
		d := pane.Detail{Title: r.Lock.Appliance + " " + r.Scope.String(), Raw: r.Raw}
		add := func(name, value string, role theme.Role) {
			if value != "" {
				d.Fields = append(d.Fields, pane.Pair{Name: name, Value: value, Role: role})
			}
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
