package pane

import (
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/widget"
)

// Seen is how a listing stands, and whose it is; without a name it is that of all rows.
type Seen struct {
	Name string
	Part fleet.Part
}

// marks is what is told of the marked rows, and for which version of the rows that was made.
type marks struct {
	version int
	text    string
}

// heading is what stands in the upper edge: what is shown, and of how many rows.
func (l *List[R]) heading(f widget.Frame) (title, note string) {
	title = fmt.Sprintf("%d %s", l.def.Number, l.title)
	ix := l.table.Index()
	switch {
	case l.query != "":
		note = fmt.Sprintf("/%s  %d of %d", appliance.Label(l.query), ix.Found, ix.Total)
	case ix.Total > 0 && l.note != "":
		note = fmt.Sprintf("%d · %s", ix.Total, l.note)
	case ix.Total > 0:
		note = fmt.Sprint(ix.Total)
	default:
		note = l.note
	}
	if words := stale(f, l.seen); words != "" {
		note = words + "  " + note
	}
	if l.table.Marks() > 0 {
		note = l.marked() + "  " + note
	}
	if _, _, by := l.table.Order(); by != "" {
		note = "sorted by " + by + "  " + note
	}
	return title, note
}

// stale tells how old the listings are that should be newer; empty when none is.
func stale(f widget.Frame, seen []Seen) string {
	n, oldest := 0, Seen{}
	for _, s := range seen {
		if s.Part.Stale(f.Now) {
			if n == 0 || s.Part.At.Run < oldest.Part.At.Run {
				oldest = s
			}
			n++
		}
	}
	age := func() string { return "seen " + widget.Ago(f.Now.Since(oldest.Part.At)) }
	switch {
	case n == 0:
		return ""
	case oldest.Name == "":
		return age()
	case n == 1:
		return oldest.Name + " " + age()
	default:
		return fmt.Sprintf("%d of %d are old, %s %s", n, len(seen), oldest.Name, age())
	}
}

// marked is how many rows are marked, and their bytes; it is made anew when the rows or the marks have changed.
func (l *List[R]) marked() string {
	if l.marks.text != "" && l.marks.version == l.table.Version() {
		return l.marks.text
	}
	text := fmt.Sprintf("%d marked", l.table.Marks())
	if l.def.Amount != nil {
		var s Sum
		l.table.EachMarked(func(_ string, r R) { s.Add(l.def.Amount(r)) })
		text += ", " + s.String()
	}
	l.marks = marks{l.table.Version(), text}
	return text
}

// Sum is bytes of which some may be unknown.
type Sum struct {
	Bytes   int64
	Unknown int // rows whose bytes are not known
}

// Add takes one more, below zero for unknown.
func (s *Sum) Add(bytes int64) {
	if bytes < 0 {
		s.Unknown++
		return
	}
	s.Bytes += bytes
}

// String never says less than may be: what is not known is told.
func (s Sum) String() string {
	switch {
	case s.Unknown == 0:
		return widget.Size(s.Bytes)
	case s.Bytes == 0:
		return fmt.Sprintf("%d of unknown size", s.Unknown)
	}
	return fmt.Sprintf("%s and %d of unknown size", widget.Size(s.Bytes), s.Unknown)
}
