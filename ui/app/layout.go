package app

// Bounds of the screen: what is larger is clamped before anything is laid out (faults.md TRM-02), what is smaller shows
// one line.
const (
	mostWidth, mostHeight   = 500, 200
	leastWidth, leastHeight = 40, 10
	twoColumns              = 110 // narrowest screen with two columns
	tabs                    = 60  // narrowest screen with tabs
	stacked                 = 20  // lowest screen on which panes fit one below the other
)

// spot is a pane's place on the screen.
type spot struct{ pane, x, y, w, h int }

func (m *Model) tooSmall() bool { return m.width < leastWidth || m.height < leastHeight }

// withTabs tells whether the panes that have no place are named on a line of their own.
func (m *Model) withTabs() bool { return m.width < twoColumns || m.height < stacked }

// layout gives the visible panes their places between the header and the bottom line; the places never overlap and cover
// everything.
func (m *Model) layout() []spot {
	top, w := 1, m.width
	if m.withTabs() {
		top = 2
	}
	h := m.height - top - 1
	switch {
	case m.tooSmall():
		return nil
	case m.zoomed || w < tabs:
		return []spot{{m.focus, 0, top, w, h}}
	case m.withTabs():
		return m.oneColumn(top, w, h)
	default:
		return m.columns(top, w, h)
	}
}

// oneColumn is the focused pane with what matters most below it: the locks, or what happened.
func (m *Model) oneColumn(top, w, h int) []spot {
	if h < stacked-3 {
		return []spot{{m.focus, 0, top, w, h}}
	}
	below := paneLocks
	if m.focus == paneLocks {
		below = m.bottom
	}
	lower := max(6, h*2/5)
	return []spot{{m.focus, 0, top, w, h - lower}, {below, 0, top + h - lower, w, lower}}
}

// columns is everything at once: the fleet beside its locks, backups beside jobs, and what happened below.
func (m *Model) columns(top, w, h int) []spot {
	bottom := max(5, h/5)
	if m.bottom == paneTimeline { // a bar for each lock wants rows
		bottom = max(5, h/3)
	}
	middle := max(7, (h-bottom)*9/20)
	upper := h - bottom - middle
	left := max(38, w*31/100)
	half := w * 56 / 100
	return []spot{
		{paneAppliances, 0, top, left, upper},
		{paneLocks, left, top, w - left, upper},
		{paneBackups, 0, top + upper, half, middle},
		{paneJobs, half, top + upper, w - half, middle},
		{m.bottom, 0, top + upper + middle, w, bottom},
	}
}

// shown reports whether a pane has a place on the screen.
func (m *Model) shown(p int) bool {
	for _, s := range m.layout() {
		if s.pane == p {
			return true
		}
	}
	return false
}
