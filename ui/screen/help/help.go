// Package help shows every binding, made from the records that dispatch them; what cannot be done now says why.
package help

import (
	"holdfast/ui/keymap"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/scroll"
)

// Screen is the open help.
type Screen struct {
	scroll.Place
	bindings []keymap.Binding
	whyNot   []string
}

// New opens the help; why is asked once, for the moment at which it was opened.
func New(bindings []keymap.Binding, why func(keymap.Binding) string) *Screen {
	s := &Screen{bindings: bindings}
	for _, b := range bindings {
		s.whyNot = append(s.whyNot, why(b))
	}
	return s
}

const (
	keyWidth = 13
	columns2 = 104 // inner width from which there are two columns
)

// View draws the help in at most w by h cells.
func (s *Screen) View(f widget.Frame, w, h int) []string {
	w = min(w, 124)
	inner := w - 4
	var lines []string
	if inner < columns2 {
		for _, b := range s.blocks(f, inner) {
			lines = append(lines, b...)
		}
	} else {
		column := (inner - 4) / 2
		var sides [2][]string // the groups in turn
		for i, b := range s.blocks(f, column) {
			sides[i%2] = append(sides[i%2], b...)
		}
		lines = beside(sides[0], sides[1], column)
	}
	lines = lines[1:] // the blank one before the first group
	first, end := s.Fit(len(lines), h-2)
	shown := lines[first:end]
	for i, l := range shown {
		shown[i] = " " + widget.Fit(l, inner, false, "") + " "
	}
	note := "esc back"
	if more := f.More(s.Hidden()); more != "" {
		note = more + "  " + note
	}
	return f.Box("Help", note, shown, w, len(shown)+2, true)
}

// beside joins two columns of lines.
func beside(left, right []string, w int) []string {
	lines := make([]string, max(len(left), len(right)))
	at := func(c []string, i int) string {
		if i < len(c) {
			return widget.Fit(c[i], w, false, "")
		}
		return widget.Pad(w)
	}
	for i := range lines {
		lines[i] = at(left, i) + widget.Pad(4) + at(right, i)
	}
	return lines
}

// blocks is the lines of each group.
func (s *Screen) blocks(f widget.Frame, w int) [][]string {
	var blocks [][]string
	group := ""
	for i, b := range s.bindings {
		if b.Group != group {
			group = b.Group
			blocks = append(blocks, []string{"", f.Theme.Paint(theme.Strong, group)})
		}
		last := len(blocks) - 1
		blocks[last] = append(blocks[last], s.entry(f, b, s.whyNot[i], w)...)
	}
	return blocks
}

// entry is one binding, on as many lines as its sentence needs.
func (s *Screen) entry(f widget.Frame, b keymap.Binding, why string, w int) []string {
	key, about, text := theme.Key, theme.Plain, b.About
	if why != "" {
		key, about, text = theme.Off, theme.Off, b.About+" ("+why+")"
	}
	label := f.Theme.Paint(key, widget.Fit(b.Label(f.Theme.ASCII), keyWidth, true, ""))
	var lines []string
	for _, part := range widget.Wrap(text, w-keyWidth-2) {
		lines = append(lines, label+"  "+f.Theme.Paint(about, part))
		label = widget.Pad(keyWidth)
	}
	return lines
}
