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
	name, role := " ", theme.Dim
	if p.shown.several() {
		name += b.Appliance + " "
	}
	space := p.found.space[b.Appliance]
	text := name + pane.Repository(f, space)
	if m := p.leaves(b.Appliance, space); m.n > 0 {
		if role = theme.Plain; m.tight {
			role = theme.Warn
		}
		text += "  " + m.words
		if widget.Width(text) > w {
			text = name + m.words
		}
	}
	keys := ""
	if fill := w - widget.Width(text) - widget.Width(p.keys) - 3; p.keys != "" && fill >= 0 {
		keys = widget.Pad(fill+2) + p.keys + " "
	}
	return f.Theme.Paint(role, widget.Fit(text, w-widget.Width(keys), false, f.Theme.Symbols.Ellipsis)) + f.Theme.Paint(theme.Dim, keys)
}

// room is what the marked rows would need in a repository.
type room struct {
	n     int // of them that do not lie there
	words string
	tight bool // they do not fit, or may not
}

// leaves is what a transfer of the marked rows to the repository of an appliance would leave there: what lies there already needs
// no room.
func (p *Pane) leaves(name string, s appliance.Space) room {
	var r room
	need := pane.Sum{}
	p.EachMarked(func(b Row) {
		if b.Appliance != name || !b.At(appliance.Internal) {
			r.n++
			need.Add(b.Size)
		}
	})
	r.words = fmt.Sprintf("%d marked, copied here: %s more", r.n, need)
	switch left := s.Total - s.Used - need.Bytes; {
	case s.Total <= 0 || s.Used < 0:
		r.words, r.tight = r.words+", what is free is not known", true
	case left < 0:
		r.words, r.tight = r.words+", "+widget.Size(-left)+" too much", true
	case need.Unknown > 0:
		r.words, r.tight = r.words+", leaves "+widget.Size(left)+" at the most", true
	default:
		r.words += ", leaves " + widget.Size(left)
	}
	return r
}
