package dialog

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// list is options with a line that filters them, and that may also be an answer of its own.
type list struct {
	options []Option
	shown   []int
	at      int
	filter  input.Line
	typed   bool
}

func newList(options []Option, typed bool) list {
	l := list{options: options, typed: typed, filter: input.New()}
	l.refilter()
	for i, n := range l.shown { // the first that can be taken
		if options[n].WhyNot == "" {
			l.at = i
			break
		}
	}
	return l
}

func (l *list) refilter() {
	l.shown = l.shown[:0]
	q := strings.ToLower(l.filter.Text())
	for i, o := range l.options {
		if q == "" || strings.Contains(strings.ToLower(o.Label+" "+o.Value), q) {
			l.shown = append(l.shown, i)
		}
	}
	l.at = max(0, min(l.at, len(l.shown)-1))
}

func (l *list) press(k tea.KeyPressMsg) {
	switch k.String() {
	case "up", "ctrl+p":
		l.at--
	case "down", "ctrl+n":
		l.at++
	case "pgup":
		l.at -= 8
	case "pgdown":
		l.at += 8
	default:
		before := l.filter.Raw()
		l.filter.Press(k)
		if l.filter.Raw() != before {
			l.at = 0
			l.refilter()
		}
	}
	l.at = max(0, min(l.at, len(l.shown)-1))
}

func (l *list) paste(s string) {
	l.filter.Paste(s)
	l.at = 0
	l.refilter()
}

// chosen is the option under the cursor, or what was typed when no option holds it.
func (l *list) chosen() (o Option, typed string, ok bool) {
	if len(l.shown) > 0 {
		return l.options[l.shown[l.at]], "", true
	}
	return Option{}, l.filter.Text(), false
}

// view draws at most h lines.
func (l *list) view(f widget.Frame, w, h int, focused bool) []string {
	s := f.Theme.Symbols
	var lines []string
	h = max(1, h)
	first := max(0, min(l.at-h/2, len(l.shown)-h))
	for i := first; i < len(l.shown) && len(lines) < h; i++ {
		o := l.options[l.shown[i]]
		mark, paint := "  ", f.Theme.Paint
		if i == l.at {
			mark = f.Theme.Paint(theme.Accent, s.Cursor) + " "
			if focused {
				paint = f.Theme.PaintCursor
			}
		}
		role, note := theme.Plain, o.Note
		if o.WhyNot != "" {
			role, note = theme.Off, o.WhyNot
		}
		label := o.Label
		if note != "" {
			label = widget.Fit(label, min(30, w/2), false, s.Ellipsis) + "  " + note
		}
		lines = append(lines, mark+paint(role, widget.Fit(label, w-2, false, s.Ellipsis)))
	}
	return lines
}
