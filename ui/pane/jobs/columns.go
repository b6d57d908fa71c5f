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
	text := func(of func(Row) string) func(widget.Frame, Row) table.Cell {
		return func(_ widget.Frame, r Row) table.Cell { return table.Cell{Text: of(r), Role: theme.Dim} }
	}
	id := func(r Row) string { return number(r.ID) }
	label := func(r Row) string { return r.Label }
	left := func(r Row) string { return r.Pace.left() }
	rate := func(r Row) string { return r.Pace.rate() }
	return []table.Column[Row]{
		{Title: "ID", Width: 4, Right: true, Wish: id, Cell: text(id), Compare: byID},
		{Title: "", Width: 1, Tight: true, Cell: func(f widget.Frame, r Row) table.Cell {
			return table.Cell{Text: sign(f, r), Role: theme.Dim}
		}},
		{Title: "JOB", Width: 16, Least: 12, Grow: 1, Wish: indented, Cell: func(f widget.Frame, r Row) table.Cell {
			if r.Mine {
				return table.Cell{Text: indented(r), Role: theme.Ours}
			}
			return table.Cell{Text: indented(r), Role: pane.Fresh(f, r.Part)}
		}, Compare: pane.By(What)},
		{Title: "ON", Width: 8, Drop: 1, Wish: on, Cell: text(on), Compare: pane.By(on)},
		{Title: "BACKUP", Width: 12, Drop: 4, Wish: label, Cell: text(label), Compare: pane.By(label)},
		{Title: "STATE", Width: 12, Urgent: true, Wish: wholeState, Cell: state, Compare: func(a, b Row) int {
			return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Percent, b.Percent))
		}},
		{Title: "LEFT", Width: 6, Right: true, Drop: 2, Cell: fresh(left),
			Compare: pane.By(func(r Row) int64 { return int64(r.Pace.Left) })},
		{Title: "RATE", Width: 10, Right: true, Drop: 3, Cell: fresh(rate), Compare: pane.By(func(r Row) int64 { return r.Pace.Rate })},
		{Title: "BY", Width: 8, Drop: 6, Wish: by, Cell: text(by), Compare: pane.By(by)},
		{Title: "SINCE", Width: 12, Drop: 5, Cell: func(f widget.Frame, r Row) table.Cell {
			if r.Started.IsZero() {
				return table.Cell{}
			}
			return table.Cell{Text: f.Day(r.Started), Role: theme.Dim}
		}, Compare: func(a, b Row) int { return a.Started.Compare(b.Started) }},
	}
}

// fresh is what was reckoned from the latest listing, and nothing once that is old.
func fresh(of func(Row) string) func(widget.Frame, Row) table.Cell {
	return func(f widget.Frame, r Row) table.Cell {
		if r.Part.Stale(f.Now) {
			return table.Cell{}
		}
		return table.Cell{Text: of(r)}
	}
}

// on is the job's appliance; a part stands below its job and need not say it again.
func on(r Row) string {
	if r.Root != nil {
		return ""
	}
	return r.Job.Appliance
}

// by is who started it: of ours the operator, of others whom the appliance names.
func by(r Row) string {
	if r.Mine {
		return r.Who
	}
	return r.By.String()
}

// sign tells whether parts are folded away below a row: + they are, - they are shown; an ellipsis that they lie too deep to be.
func sign(f widget.Frame, r Row) string {
	switch {
	case len(r.Children) == 0:
		return ""
	case r.cut:
		return f.Theme.Symbols.Ellipsis
	case r.open:
		return "-"
	default:
		return "+"
	}
}

// indented is what a row is about, as far to the right as it lies deep.
func indented(r Row) string { return strings.Repeat("  ", r.Depth) + What(r) }

// number is an id that people use; the name that we gave to an appliance's only slot is none.
func number(id appliance.JobID) string {
	if strings.Trim(string(id), "0123456789") != "" {
		return "-"
	}
	return string(id)
}

// misleading reports whether a job ended without success and its own word does not say so: it calls itself complete while a part of
// it failed, or running though it is at its end (faults.md JOB-02, JOB-08).
func misleading(r Row) bool {
	word := strings.ToLower(strings.ReplaceAll(r.State.String(), "_", ""))
	if r.Phase != appliance.PhaseProblem || strings.HasPrefix(word, "complete") && word != "complete" && word != "completed" {
		return false
	}
	for _, says := range []string{"stop", "cancel", "abort", "interrupt", "fail", "error"} {
		if strings.Contains(word, says) {
			return false
		}
	}
	return true
}

// wholeState is the appliance's own word with all that is to be said beside it.
func wholeState(r Row) string {
	switch {
	case misleading(r):
		return strings.TrimSpace(r.State.String() + " without success")
	case r.asked():
		return r.State.String() + " as asked"
	case r.Phase.Ended() || !(r.Percent >= 0):
		return r.State.String()
	default:
		return strings.TrimLeft(r.State.String()+"  "+percent(r.Percent)+strings.Repeat(" ", barWidth+1), " ")
	}
}

// state is the appliance's own word, and percent and bar while it runs; where only one fits, the figures while it simply runs. A
// figure that is stale gives way to its age.
func state(f widget.Frame, r Row) table.Cell {
	switch {
	case r.Phase == appliance.PhaseSucceeded:
		return table.Cell{Text: r.State.String(), Role: theme.Good}
	case misleading(r):
		return table.Cell{Text: wholeState(r), Short: "no success", Role: theme.Alarm}
	case r.asked():
		return table.Cell{Text: wholeState(r), Short: r.State.String(), Role: theme.Warn}
	case r.Phase == appliance.PhaseProblem:
		return table.Cell{Text: r.State.String(), Role: theme.Alarm}
	case r.Part.Stale(f.Now):
		return table.Cell{Text: "seen " + widget.Ago(f.Now.Since(r.Part.At)), Role: theme.Warn}
	case !(r.Percent >= 0): // NaN too
		return table.Cell{Text: r.State.String()}
	}
	share := min(r.Percent, 100)
	bar := fmt.Sprintf("%3.0f %% %s", share, widget.Bar(f.Theme.Symbols, share/100, barWidth))
	cell := table.Cell{Text: strings.TrimSpace(r.State.String() + "  " + bar), Short: bar}
	if r.Phase != appliance.PhaseRunning && !r.State.Empty() {
		cell.Short = r.State.String()
	}
	return cell
}
