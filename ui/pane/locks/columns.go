package locks

import (
	"cmp"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// barWidth is narrow on purpose: each step of a bar costs bytes on the line.
const barWidth = 10

// leftWidth holds the longest countdown, 23:59:59, so that nothing moves when one shortens.
const leftWidth = 8

func columns(me string) []table.Column[Row] {
	return []table.Column[Row]{
		{Title: "APPLIANCE", Width: 9, Least: 6, Wish: on, Cell: func(f widget.Frame, r Row) table.Cell {
			return table.Cell{Text: r.Lock.Appliance, Role: pane.Fresh(f, r.Part)}
		}, Compare: pane.By(on)},
		{Title: "SCOPE", Width: 13, Least: 5, Grow: 1, Cell: func(f widget.Frame, r Row) table.Cell {
			return table.Cell{Text: r.Scope.String(), Role: pane.Fresh(f, r.Part)}
		}, Compare: pane.By(func(r Row) string { return r.Scope.String() })},
		{Title: "HOLDER", Width: 7, Least: 7, Wish: func(r Row) string { return HolderWord(me, r) },
			Cell:    func(_ widget.Frame, r Row) table.Cell { return holder(me, r) },
			Compare: pane.By(func(r Row) string { return HolderWord(me, r) })},
		{Title: "LEFT", Width: leftWidth + 1 + barWidth, Least: leftWidth, Ticks: true, Cell: left,
			Compare: func(a, b Row) int { return cmp.Compare(a.Term.End, b.Term.End) }},
		{Title: "ENDS", Width: 8, Right: true, Ticks: true, Drop: 1, Cell: ends},
	}
}

func on(r Row) string { return r.Lock.Appliance }

// HolderWord is who holds a lock, in a word, for the person me.
func HolderWord(me string, r Row) string {
	who := string(r.Holder)
	switch {
	case r.Lost != nil || r.Doubt != nil || r.Mine || r.Elsewhere:
		who = r.By
		if who == me || who == "" {
			who = "you"
		}
	}
	switch {
	case r.Elsewhere:
		return who + " elsewhere"
	case r.Unproven:
		return who + " · to be proved"
	case r.Kept:
		return who + " · kept"
	case r.Wait != nil && r.Wait.Who == me:
		return who + " · you wait"
	case r.Wait != nil:
		return who + " · " + r.Wait.Who + " waits"
	default:
		return who
	}
}

func holder(me string, r Row) table.Cell {
	word := HolderWord(me, r)
	switch {
	case r.Mine, r.Elsewhere, r.Lost != nil, r.Doubt != nil:
		return table.Cell{Text: word, Role: theme.Ours}
	case r.Holder == appliance.HolderAnother:
		return table.Cell{Text: word}
	default:
		return table.Cell{Text: word, Role: theme.Dim}
	}
}

// left is the countdown with its bar: in the terminal's own colour while all is well, since what ticks must cost little.
func left(f widget.Frame, r Row) table.Cell {
	switch {
	case r.Lost != nil:
		return table.Cell{Text: "LOST at " + f.Clock(r.Lost.At.Wall), Short: "LOST", Role: theme.Alarm}
	case r.Doubt != nil:
		return table.Cell{Text: "outcome unknown", Short: "unknown", Role: theme.Warn}
	case r.Owed:
		return table.Cell{Text: "release pending", Short: "pending", Role: theme.Warn}
	}
	state, d := r.state(f)
	digits := widget.Fit(widget.Left(d), leftWidth, true, "")
	switch state {
	case lease.Held:
		return table.Cell{Text: digits + " " + widget.Bar(f.Theme.Symbols, r.Term.Share(f.Now), barWidth), Short: digits,
			Role: urgency(f, r)}
	case lease.Expiring:
		return table.Cell{Text: digits + " expiring", Short: "expiring", Role: theme.Warn}
	case lease.Gone:
		if r.Unlisted {
			return table.Cell{Text: "past its end", Short: "past end", Role: theme.Alarm}
		}
		return table.Cell{Text: "past end, listed", Short: "past end", Role: theme.Warn}
	}
	if r.Unsure {
		return table.Cell{Text: "unknown, asking", Short: "unknown", Role: theme.Warn}
	}
	if r.Wait != nil {
		since := "since " + f.Clock(r.Wait.Since.Wall)[:len("15:04")]
		if r.Wait.Tries == 0 {
			return table.Cell{Text: since, Short: "asking"}
		}
		tries := fmt.Sprintf("try %d", r.Wait.Tries)
		return table.Cell{Text: tries + " " + since, Short: tries}
	}
	if r.Exclusive && !r.Seen.Received.IsZero() {
		age := f.Now.Since(r.Seen.Received)
		return table.Cell{Text: "seen " + widget.Ago(age), Short: widget.Ago(age), Role: theme.Dim}
	}
	return table.Cell{Text: "end unknown", Short: "unknown", Role: theme.Dim}
}

// urgency colours our own locks before they run out; other people's are theirs to watch.
func urgency(f widget.Frame, r Row) theme.Role {
	if !r.Mine {
		return theme.Plain
	}
	switch share := r.Term.Share(f.Now); {
	case share < 0.10:
		return theme.Alarm
	case share < 0.25:
		return theme.Warn
	default:
		return theme.Plain
	}
}

func ends(f widget.Frame, r Row) table.Cell {
	if r.Part.Stale(f.Now) {
		return table.Cell{Text: widget.Age(f.Now.Since(r.Part.At)) + " old", Role: theme.Warn}
	}
	if !r.Term.Known {
		return table.Cell{}
	}
	return table.Cell{Text: f.Clock(r.Term.EndsWall), Role: theme.Dim}
}
