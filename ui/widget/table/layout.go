package table

// placed is a column with the width it has on this screen and the blanks before it.
type placed struct {
	column int
	width  int
	gap    int
}

// layout gives each column its width; what does not fit is dropped, the most droppable first.
func (m *Model[R]) layout(w int) []placed {
	keep := make([]placed, 0, len(m.columns))
	for i, c := range m.columns {
		if c.Hidden == nil || !c.Hidden() {
			keep = append(keep, placed{column: i, width: c.Width})
		}
	}
	m.space(keep)
	for need(keep) > w {
		worst, at := 0, -1
		for i, p := range keep {
			if d := m.columns[p.column].Drop; d > worst {
				worst, at = d, i
			}
		}
		if at < 0 {
			break
		}
		keep = append(keep[:at], keep[at+1:]...)
		m.space(keep)
	}
	m.grant(keep, w)
	rest, shares := w-need(keep), 0
	for _, p := range keep {
		shares += m.columns[p.column].Grow
	}
	for i := range keep {
		if g := m.columns[keep[i].column].Grow; g > 0 && rest > 0 {
			more := rest * g / shares
			keep[i].width += more
			rest, shares = rest-more, shares-g
		}
	}
	for i := len(keep) - 1; i >= 0 && need(keep) > w; i-- { // still too wide: narrow what may be, from the right
		if least := m.columns[keep[i].column].Least; least > 0 {
			keep[i].width = max(least, keep[i].width-(need(keep)-w))
		}
	}
	for i := len(keep) - 1; i >= 0 && need(keep) > w; i-- {
		keep[i].width = max(0, keep[i].width-(need(keep)-w))
	}
	return keep
}

// grant gives the columns what their rows wish for, from the left: out of what is free and out of what others do not need.
// Which columns there are has been decided before, so that no row makes another column come or go.
func (m *Model[R]) grant(cols []placed, w int) {
	wants := m.index.wants
	if len(wants) != len(m.columns) {
		return
	}
	for i, p := range cols {
		if least, want := m.columns[p.column].Least, wants[p.column]; least > 0 && want > 0 {
			cols[i].width = min(p.width, max(least, want))
		}
	}
	for i, p := range cols {
		if lacks := wants[p.column] - p.width; m.columns[p.column].Urgent && lacks > 0 && lacks <= w-need(cols) {
			cols[i].width += lacks
		}
	}
	for i, p := range cols {
		if lacks := wants[p.column] - p.width; !m.columns[p.column].Urgent && lacks > 0 {
			cols[i].width += max(0, min(lacks, w-need(cols)))
		}
	}
}

// space puts two blanks between columns, one behind a tight one.
func (m *Model[R]) space(cols []placed) {
	for i := range cols {
		switch {
		case i == 0:
			cols[i].gap = 0
		case m.columns[cols[i-1].column].Tight:
			cols[i].gap = 1
		default:
			cols[i].gap = 2
		}
	}
}

func need(cols []placed) int {
	n := 0
	for _, c := range cols {
		n += c.gap + c.width
	}
	return n
}
