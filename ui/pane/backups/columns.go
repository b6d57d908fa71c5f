package backups

import (
	"cmp"

	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

func (p *Pane) columns() []table.Column[Row] {
	on := func(b Row) string { return b.Appliance }
	text := func(of func(Row) string) func(widget.Frame, Row) table.Cell {
		return func(_ widget.Frame, b Row) table.Cell { return table.Cell{Text: of(b), Role: theme.Dim} }
	}
	version := func(b Row) string { return b.Version.String() }
	return []table.Column[Row]{
		{Title: "LABEL", Width: 12, Wish: Name, Cell: label, Compare: pane.By(Name)},
		{Title: "APPLIANCE", Width: 9, Least: 6, Wish: on, Cell: text(on), Compare: pane.By(on),
			Hidden: func() bool { return !p.shown.several() }},
		{Title: "DIFFERENCE", Width: 20, Cell: func(_ widget.Frame, b Row) table.Cell {
			return table.Cell{Text: p.found.verdicts[b], Role: theme.Warn}
		}, Hidden: func() bool { return p.shown.diff == nil }},
		{Title: "CREATED", Width: 12, Drop: 2, Cell: created, Compare: func(a, b Row) int { return a.Created.Compare(b.Created) }},
		{Title: "AGE", Width: 5, Right: true, Drop: 5, Cell: age},
		{Title: "SIZE", Width: 8, Right: true, Drop: 1, Cell: size,
			Compare: func(a, b Row) int { return cmp.Compare(a.Size, b.Size) }},
		{Title: "VERSION", Width: 7, Drop: 3, Cell: text(version), Compare: pane.By(version)},
		{Title: "CHECKSUM", Width: shortSum, Drop: 4, Cell: checksum},
		{Title: "LIES IN", Width: 24, Least: 8, Grow: 1, Wish: lying, Cell: lies, Compare: pane.By(places)},
	}
}

func created(f widget.Frame, b Row) table.Cell {
	if b.Created.IsZero() && !b.CreText.Empty() {
		return table.Cell{Text: b.CreText.String(), Role: theme.Dim}
	}
	return table.Cell{Text: f.Day(b.Created), Role: known(!b.Created.IsZero())}
}

func age(f widget.Frame, b Row) table.Cell {
	if b.Created.IsZero() {
		return table.Cell{}
	}
	return table.Cell{Text: widget.Age(f.Now.Wall.Sub(b.Created)), Role: theme.Dim}
}

// shortSum is how much of a checksum a row shows: enough to tell two apart, not to prove that they are the same.
const shortSum = 8

func checksum(_ widget.Frame, b Row) table.Cell {
	if b.Checksum.Empty() {
		return table.Cell{Text: "unknown", Role: theme.Dim}
	}
	return table.Cell{Text: widget.Cut(b.Checksum.String(), shortSum, ""), Role: theme.Dim}
}

// Name is what a backup is called: its label, else its file, else its id.
func Name(b Row) string {
	switch {
	case !b.Label.Empty():
		return b.Label.String()
	case !b.File.Empty():
		return b.File.String()
	default:
		return string(b.ID)
	}
}

func label(_ widget.Frame, b Row) table.Cell { return table.Cell{Text: Name(b)} }

// known is the colour of what is, or is not, known.
func known(is bool) theme.Role {
	if is {
		return theme.Plain
	}
	return theme.Dim
}

func size(_ widget.Frame, b Row) table.Cell {
	return table.Cell{Text: widget.Size(b.Size), Role: known(b.Size >= 0)}
}

func lies(_ widget.Frame, b Row) table.Cell {
	if b.Moving || len(b.Locations) == 0 {
		return table.Cell{Text: lying(b), Role: theme.Warn}
	}
	return table.Cell{Text: lying(b)}
}

// lying says where a backup is, and that it is under way.
func lying(b Row) string {
	switch {
	case b.Moving:
		return "in transfer · " + places(b)
	case len(b.Locations) == 0:
		return "unknown"
	default:
		return places(b)
	}
}
