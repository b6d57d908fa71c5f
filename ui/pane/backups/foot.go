package backups

import (
	"fmt"

	"holdfast/appliance"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// foot is how full the repository of the row's appliance is, and what the marked rows would leave there; where there is room, also
// the keys that change the view.
func (p *Pane) foot(f widget.Frame, w int) string {
	b, ok := p.Row()
	if !ok {
		return widget.Pad(w)
	}
	text, role := " ", theme.Dim
	if p.shown.several() {
		text += b.Appliance + " "
	}
	space := p.found.space[b.Appliance]
	text += pane.Repository(f, space)
	if words, tight := p.leaves(b.Appliance, space); words != "" {
		text += "  " + words
		if role = theme.Plain; tight {
			role = theme.Warn
		}
	}
	keys := ""
	if fill := w - widget.Width(text) - widget.Width(p.keys) - 3; p.keys != "" && fill >= 0 {
		keys = widget.Pad(fill+2) + p.keys + " "
	}
	return f.Theme.Paint(role, widget.Fit(text, w-widget.Width(keys), false, f.Theme.Symbols.Ellipsis)) + f.Theme.Paint(theme.Dim, keys)
}

// leaves is what a transfer of the marked rows to the repository of an appliance would leave there: what lies there already needs
// no room. tight tells that they do not fit, or may not.
func (p *Pane) leaves(name string, s appliance.Space) (words string, tight bool) {
	n, need := 0, pane.Sum{}
	p.EachMarked(func(b Row) {
		if b.Appliance != name || !b.At(appliance.Internal) {
			n++
			need.Add(b.Size)
		}
	})
	if n == 0 {
		return "", false
	}
	words = fmt.Sprintf("%d marked here: %s more", n, need)
	switch left := s.Total - s.Used - need.Bytes; {
	case s.Total <= 0 || s.Used < 0:
		return words + ", what is free is not known", true
	case left < 0:
		return words + ", " + widget.Size(-left) + " too much", true
	case need.Unknown > 0:
		return words + ", leaves " + widget.Size(left) + " at the most", true
	default:
		return words + ", leaves " + widget.Size(left), false
	}
}
