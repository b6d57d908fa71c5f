// Package detail is the whole-screen view of one row: every field and, where an appliance told it, the raw answer and the curl line
// that asks for it.
package detail

import (
	"reflect"

	"holdfast/appliance"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/scroll"
)

// Screen shows one row as it was told last.
type Screen struct {
	scroll.Place
	detail pane.Detail
	calls  []appliance.Call
	raw    []appliance.Text
	left   bool // it is not in its list any more
}

// New opens the view of d; calls are the requests that would ask for it.
func New(d pane.Detail, calls []appliance.Call) *Screen {
	s := &Screen{detail: d, calls: calls}
	if !d.Raw.Empty() {
		s.raw = d.Raw.Lines()
	}
	return s
}

// Show replaces what is shown by what is told now.
func (s *Screen) Show(d pane.Detail) {
	if !reflect.DeepEqual(s.detail.Raw, d.Raw) {
		s.raw = d.Raw.Lines()
	}
	s.detail = d
}

// Leave says that the row is not in its list any more, so that this is how it was told last.
func (s *Screen) Leave() { s.left = true }

// Curl is the requests as shell lines.
func (s *Screen) Curl() string {
	out := ""
	for _, c := range s.calls {
		out += c.Curl() + "\n"
	}
	return out
}

// View draws the screen, exactly w by h cells.
func (s *Screen) View(f widget.Frame, w, h int) []string {
	lines := s.lines(f, w-4)
	first, end := s.Fit(len(lines), h-2)
	shown := lines[first:end]
	for i, l := range shown {
		shown[i] = " " + widget.Fit(l, w-4, false, f.Theme.Symbols.Ellipsis) + " "
	}
	note := "esc back"
	if s.left {
		note = "as told last: the list has it no more  " + note
	}
	if len(s.calls) > 0 {
		note = "Y copy as curl  " + note
	}
	if more := f.More(s.Hidden()); more != "" {
		note = more + "  " + note
	}
	return f.Box(s.detail.Title, note, shown, w, h, true)
}

func (s *Screen) lines(f widget.Frame, w int) []string {
	lines := []string{""}
	label := 4
	for _, p := range s.detail.Fields {
		label = max(label, widget.Width(p.Name))
	}
	label = min(label, 24)
	for _, p := range s.detail.Fields {
		if p.Name == "" {
			lines = append(lines, f.Theme.Paint(p.Role, p.Value))
			continue
		}
		name := f.Theme.Paint(theme.Dim, widget.Fit(p.Name, label, true, f.Theme.Symbols.Ellipsis))
		for i, part := range widget.Wrap(p.Value, max(10, w-label-2)) {
			if i > 0 {
				name = widget.Pad(label)
			}
			lines = append(lines, name+"  "+f.Theme.Paint(p.Role, part))
		}
	}
	if len(s.calls) > 0 {
		lines = append(lines, "", f.Theme.Paint(theme.Heading, "THE SAME BY HAND"))
		for _, c := range s.calls {
			lines = append(lines, widget.Wrap(c.Curl(), w)...)
		}
	}
	if len(s.raw) > 0 {
		lines = append(lines, "", f.Theme.Paint(theme.Heading, "AS THE APPLIANCE TOLD IT"))
		for _, t := range s.raw {
			lines = append(lines, widget.Wrap(t.String(), w)...)
		}
	}
	return lines
}
