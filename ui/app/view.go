package app

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"holdfast/appliance/fleet"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// View draws the screen. It asks nobody anything.
func (m *Model) View() tea.View {
	screen := m.screen(m.frame())
	if m.opts.ASCII {
		screen = widget.ASCII(screen)
	}
	v := tea.NewView(screen)
	v.AltScreen = true
	v.WindowTitle = m.windowTitle()
	v.ProgressBar = m.progressBar()
	if m.opts.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

func (m *Model) screen(f widget.Frame) string {
	if m.tooSmall() {
		return m.smallLine(f)
	}
	lines := m.under(f)
	if front := m.front(f); front != nil {
		return over(lines, front, m.width, m.height)
	}
	return strings.Join(lines, "\n")
}

// smallLine says that there is no room; everything else goes on.
func (m *Model) smallLine(widget.Frame) string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	return widget.Cut(fmt.Sprintf("Holdfast needs %dx%d, this is %dx%d", leastWidth, leastHeight, m.width, m.height), m.width, "")
}

// under is the screen without dialogs: header, panes, bottom line.
func (m *Model) under(f widget.Frame) []string {
	lines := make([]string, 0, m.height)
	lines = append(lines, m.header(f))
	if m.detail != nil {
		lines = append(lines, m.detail.View(f, m.width, m.height-2)...)
		return append(lines, m.bottomLine(f))
	}
	if view := m.migrationView(f, m.width, m.height-2); view != nil {
		return append(append(lines, view...), m.bottomLine(f))
	}
	if m.withTabs() {
		lines = append(lines, m.tabLine(f))
	}
	spots := m.layout()
	for i := 0; i < len(spots); {
		row := [][]string{m.pane(f, spots[i])}
		h := spots[i].h
		y := spots[i].y
		for i++; i < len(spots) && spots[i].y == y; i++ {
			row = append(row, m.pane(f, spots[i]))
		}
		for n := range h {
			line := ""
			for _, block := range row {
				line += block[n]
			}
			lines = append(lines, line)
		}
	}
	return append(lines, m.bottomLine(f))
}

func (m *Model) pane(f widget.Frame, s spot) []string {
	return m.panes[s.pane].View(f, s.w, s.h, s.pane == m.focus)
}

// front is what stands before the panes.
func (m *Model) front(f widget.Frame) []string {
	switch {
	case m.form != nil:
		return m.form.View(f, m.width-4, m.height-2)
	case m.dialog != nil:
		return m.dialog.View(f, m.width-4, m.height-2)
	case m.help != nil:
		return m.help.View(f, m.width-4, m.height-2)
	}
	return nil
}

// over lays a box on the middle of the screen.
func over(under, box []string, w, h int) string {
	x := max(0, (w-widget.Width(box[0]))/2)
	y := max((h-len(box))/3, min(1, h-len(box)), 0) // the header stays in sight where there is room for it
	return lipgloss.NewCompositor(
		lipgloss.NewLayer(strings.Join(under, "\n")),
		lipgloss.NewLayer(strings.Join(box, "\n")).X(x).Y(y).Z(1),
	).Render()
}

// header tells how the fleet is, who looks, and what time it is: seconds only while something counts them.
func (m *Model) header(f widget.Frame) string {
	t := f.Theme
	left := " " + t.Paint(theme.Brand, "HOLDFAST")
	used := 9
	add := func(r theme.Role, s string) {
		left += "  " + t.Paint(r, s)
		used += 2 + widget.Width(s)
	}
	up, ill := m.tally()
	add(theme.Plain, plural(len(m.snapshots), "appliance", "appliances"))
	if up > 0 {
		add(theme.Good, fmt.Sprintf("%d up", up))
	}
	for _, s := range ill {
		role := theme.Alarm
		if s.state == fleet.StateSlow || s.state == fleet.StateRestarting || s.state == fleet.StateAsking {
			role = theme.Warn
		}
		add(role, fmt.Sprintf("%d %s", s.n, s.state))
	}
	if words, role := m.migrationWords(); words != "" {
		add(role, words)
	}
	clock := f.Now.Wall.Format("MST 15:04") + "   " // the seconds come and go in a place of their own
	if m.tick.fast {
		clock = f.Now.Wall.Format("MST 15:04:05")
	}
	who := m.opts.Person.Name + "  " + strings.ToUpper(m.opts.Person.Role.String())
	right := clock + "  " + who + " "
	if m.engine.ReadOnly() {
		right = "READ-ONLY  " + right
	}
	if fill := m.width - used - widget.Width(right); fill >= 2 {
		return left + widget.Pad(fill) + right
	}
	if fill := m.width - used - widget.Width(clock) - 1; fill >= 2 {
		return left + widget.Pad(fill) + clock + " "
	}
	return widget.Fit(" HOLDFAST "+clock, m.width, false, "")
}

type count struct {
	state fleet.State
	n     int
}

// tally counts the appliances that answer well, and the others by state.
func (m *Model) tally() (up int, ill []count) {
	var n [fleet.StateMisset + 1]int
	for _, s := range m.snapshots {
		n[s.State]++
	}
	for state, k := range n {
		if k > 0 && fleet.State(state) != fleet.StateUp {
			ill = append(ill, count{fleet.State(state), k})
		}
	}
	return n[fleet.StateUp], ill
}

// tabLine names all panes, the focused one in its colour.
func (m *Model) tabLine(f widget.Frame) string {
	var line strings.Builder
	used := 0
	for p := range m.panes {
		if p > paneEvents && m.focus != p {
			continue
		}
		name := fmt.Sprintf(" %d %s ", p+1, m.panes[p].Name())
		if m.width < tabs {
			name = fmt.Sprintf(" %d ", p+1)
			if p == m.focus {
				name = fmt.Sprintf(" %d %s ", p+1, m.panes[p].Name())
			}
		}
		if used += widget.Width(name); used > m.width {
			used -= widget.Width(name)
			break
		}
		role := theme.Dim
		if p == m.focus {
			role = theme.Accent
		}
		line.WriteString(f.Theme.Paint(role, name))
	}
	return line.String() + widget.Pad(m.width-used)
}

// bottomLine is the filter while it is typed, a message while there is one, else the keys.
func (m *Model) bottomLine(f widget.Frame) string {
	t := f.Theme
	switch {
	case m.filtering:
		hint := "   enter when done, esc clears it"
		text := " " + t.Paint(theme.Key, "/") + m.filter.View(f, m.width-widget.Width(hint)-2, true)
		return widget.Fit(text+t.Paint(theme.Dim, hint), m.width, false, "")
	case m.toast.text != "":
		role := theme.Good
		if m.toast.bad {
			role = theme.Alarm
		}
		return t.Paint(role, widget.Fit(" "+m.toast.text, m.width, false, t.Symbols.Ellipsis))
	case m.dialog != nil || m.help != nil || m.detail != nil || m.form != nil: // what is in front names its own keys
		return widget.Pad(m.width)
	case m.migrating.open():
		return m.migrationKeys(f)
	}
	return m.keyLine(f)
}

func (m *Model) windowTitle() string {
	up, ill := m.tally()
	title := fmt.Sprintf("holdfast: %d up", up)
	for _, s := range ill {
		title += fmt.Sprintf(", %d %s", s.n, s.state)
	}
	if words, _ := m.migrationWords(); words != "" {
		title += ", " + words
	}
	return title
}
