package jobs

import (
	"cmp"
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

const barWidth = 6

func columns() []table.Column[Row] {
	return []table.Column[Row]{
		{Title: "ID", Width: 3, Right: true, Drop: 2, Cell: func(_ widget.Frame, r Row) table.Cell {
			return table.Cell{Text: number(r.ID), Role: theme.Dim}
		}, Compare: byID},
		{Title: "JOB", Width: 21, Least: 12, Grow: 1, Wish: What, Cell: func(f widget.Frame, r Row) table.Cell {
			if r.Mine {
				return table.Cell{Text: What(r), Role: theme.Ours}
			}
			return table.Cell{Text: What(r), Role: pane.Fresh(f, r.Part)}
		}, Compare: pane.By(What)},
		{Title: "ON", Width: 8, Drop: 1, Wish: on, Cell: func(_ widget.Frame, r Row) table.Cell {
			return table.Cell{Text: r.Job.Appliance, Role: theme.Dim}
		}, Compare: pane.By(on)},
		{Title: "STATE", Width: 12, Cell: state, Compare: func(a, b Row) int {
			return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Percent, b.Percent))
		}},
	}
}

func on(r Row) string { return r.Job.Appliance }

// number is an id that people use; the name that we gave to an appliance's only slot is none.
func number(id appliance.JobID) string {
	if strings.Trim(string(id), "0123456789") != "" {
		return "-"
	}
	return string(id)
}

// state is percent and bar while it runs, else the appliance's own word; a figure that is stale gives way to its age.
func state(f widget.Frame, r Row) table.Cell {
	switch r.Phase {
	case appliance.PhaseSucceeded:
		return table.Cell{Text: r.State.String(), Role: theme.Good}
	case appliance.PhaseProblem:
		return table.Cell{Text: r.State.String(), Role: theme.Alarm}
	}
	switch {
	case r.Part.Stale(f.Now):
		return table.Cell{Text: "seen " + widget.Ago(f.Now.Since(r.Part.At)), Role: theme.Warn}
	case r.Percent < 0:
		return table.Cell{Text: r.State.String()}
	default:
		return table.Cell{Text: fmt.Sprintf("%3.0f %% %s", r.Percent, widget.Bar(f.Theme.Symbols, r.Percent/100, barWidth))}
	}
}
