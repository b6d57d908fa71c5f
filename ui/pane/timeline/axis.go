package timeline

import (
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/ui/widget"
)

// Span is how much time the axis shows, and how far apart its labels are. The axis begins a step before the last label that
// is past, so that it stands still for a whole step: between a fifth and a half of it is past.
type Span struct{ Whole, Step time.Duration }

var spans = []Span{
	{5 * time.Minute, time.Minute}, {15 * time.Minute, 3 * time.Minute}, {time.Hour, 15 * time.Minute}, {4 * time.Hour, time.Hour},
	{12 * time.Hour, 3 * time.Hour}, {24 * time.Hour, 6 * time.Hour},
}

// usual is the place in spans of what is shown at first.
const usual = 2

// axis is a stretch of wall time in equal cells. Offsets are counted from its beginning.
type axis struct {
	from  time.Time
	span  Span
	cells int
	now   time.Duration // offset of the present
	run   time.Duration // the present on the run of time that terms are on
}

// newAxis makes the axis around now; cells must be positive.
func newAxis(now appliance.Reading, span Span, cells int) axis {
	_, zone := now.Wall.Zone()
	shift := time.Duration(zone) * time.Second // labels are round in the zone in which they are read
	from := now.Wall.Round(0).Add(shift).Truncate(span.Step).Add(-shift - span.Step)
	return axis{from: from, span: span, cells: cells, now: now.Wall.Sub(from), run: now.Run}
}

// edge is the offset at which a cell begins; edge(cells) is the end of the axis.
func (a axis) edge(cell int) time.Duration {
	return a.span.Whole * time.Duration(cell) / time.Duration(a.cells)
}

// cell is the cell that an offset falls into: below zero before the axis, cells or more behind it.
func (a axis) cell(offset time.Duration) int {
	switch {
	case offset < 0:
		return -1
	case offset >= a.span.Whole:
		return a.cells
	}
	n := int(offset * time.Duration(a.cells) / a.span.Whole)
	for n+1 <= a.cells && a.edge(n+1) <= offset { // edges are rounded down to the nanosecond
		n++
	}
	return n
}

// of is the offset of a moment on the run of time, as far out as it matters: sums with one that is farther could overflow.
func (a axis) of(run time.Duration) time.Duration {
	return a.now + max(-a.span.Whole, min(run-a.run, a.span.Whole))
}

// at is the offset of a moment on the wall clock, as far out as it matters.
func (a axis) at(wall time.Time) time.Duration {
	return max(-a.span.Whole, min(wall.Sub(a.from), 2*a.span.Whole))
}

// label is a text that begins at a cell.
type label struct {
	cell int
	text string
}

const nowWord = "now"

// labels are the clock times of each step and the word for the present, which is in the way of no other: what would touch it
// is left out, and so is what has no room.
func (a axis) labels() []label {
	width := widget.Width(nowWord)
	now := label{max(0, min(a.cell(a.now)-width/2, a.cells-width)), nowWord}
	var labels []label
	free := 0
	for offset := time.Duration(0); offset < a.span.Whole; offset += a.span.Step {
		l := label{a.cell(offset), a.from.Add(offset).Format("15:04")}
		end := l.cell + len(l.text)
		if l.cell < free || end > a.cells || (l.cell <= now.cell+width && now.cell <= end) {
			continue
		}
		labels, free = append(labels, l), end+1
	}
	if width <= a.cells {
		labels = append(labels, now)
	}
	slices.SortFunc(labels, func(x, y label) int { return x.cell - y.cell })
	return labels
}
