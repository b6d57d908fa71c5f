package backups

import (
	"cmp"

	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

func columns() []table.Column[Row] {
	return []table.Column[Row]{
		{Title: "LABEL", Width: 12, Wish: Name, Cell: label, Compare: pane.By(Name)},
		{Title: "CREATED", Width: 12, Drop: 2, Cell: func(f widget.Frame, b Row) table.Cell {
			if b.Created.IsZero() && !b.CreText.Empty() {
				return table.Cell{Text: b.CreText.String(), Role: theme.Dim}
			}
			return table.Cell{Text: f.Day(b.Created), Role: known(!b.Created.IsZero())}
		}, Compare: func(a, b Row) int { return a.Created.Compare(b.Created) }},
		{Title: "SIZE", Width: 8, Right: true, Drop: 1, Cell: size,
			Compare: func(a, b Row) int { return cmp.Compare(a.Size, b.Size) }},
		{Title: "VERSION", Width: 7, Drop: 3, Cell: func(_ widget.Frame, b Row) table.Cell {
			return table.Cell{Text: b.Version.String(), Role: theme.Dim}
		}, Compare: pane.By(func(b Row) string { return b.Version.String() })},
		{Title: "LIES IN", Width: 24, Least: 8, Grow: 1, Wish: lying, Cell: lies, Compare: pane.By(places)},
	}
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
