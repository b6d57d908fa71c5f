package dialog

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// nowhere is the place of a cursor that stands on no row.
const nowhere = -1

// list is options with a line that filters them, and that may also be an answer of its own.
type list struct {
	options []Option
	shown   []Option
	at      int // place in shown, or nowhere
	filter  input.Line
	whole   func(typed string) bool // whether it may be an answer of its own, though options hold it
}

func newList(options []Option, whole func(string) bool) list {
	l := list{options: options, whole: whole, filter: input.New()}
	l.refilter()
	return l
}

func (o Option) free() bool { return o.WhyNot == "" }

// refilter shows what holds the typed words. The cursor starts on the first row that may be taken as it is, and nowhere when
// there is none; a row that is what was typed, or the only one that is left, was meant by its words. What was typed and is a
// whole answer by itself, though it is also the beginning of another, stands beside that one and neither is chosen.
func (l *list) refilter() {
	l.shown = l.shown[:0]
	typed := l.filter.Text()
	q := strings.ToLower(typed)
	for _, o := range l.options {
		if q == "" || strings.Contains(strings.ToLower(o.Label+" "+o.Value), q) {
			l.shown = append(l.shown, o)
		}
	}
	l.at = slices.IndexFunc(l.shown, func(o Option) bool { return o.free() && !o.Wary })
	if q == "" || len(l.shown) == 0 {
		return
	}
	exact := slices.IndexFunc(l.shown, func(o Option) bool { return strings.ToLower(o.Value) == q || strings.ToLower(o.Label) == q })
	switch {
	case exact >= 0:
		l.at = exact
	case l.whole != nil && l.whole(typed):
		l.shown = append(l.shown, Option{Value: typed, Label: typed, Note: "as typed"})
		l.at = nowhere
	case len(l.shown) == 1:
		l.at = 0
	}
}

func (l *list) press(k tea.KeyPressMsg) {
	switch k.String() {
	case "up", "ctrl+p":
		l.move(-1)
	case "down", "ctrl+n":
		l.move(1)
	case "pgup":
		l.move(-8)
	case "pgdown":
		l.move(8)
	default:
		before := l.filter.Raw()
		l.filter.Press(k)
		if l.filter.Raw() != before {
			l.refilter()
		}
	}
}

// move goes by n rows; from nowhere to the first row, or upwards to the last one.
func (l *list) move(n int) {
	switch last := len(l.shown) - 1; {
	case last < 0:
	case l.at == nowhere && n < 0:
		l.at = last
	case l.at == nowhere:
		l.at = 0
	default:
		l.at = max(0, min(l.at+n, last))
	}
}

func (l *list) paste(s string) {
	l.filter.Paste(s)
	l.refilter()
}

// chosen is the option under the cursor, or what was typed when no option holds it.
func (l *list) chosen() (o Option, typed string, ok bool) {
	switch {
	case l.at != nowhere:
		return l.shown[l.at], "", true
	case len(l.shown) == 0:
		return Option{}, l.filter.Text(), false
	}
	return Option{}, "", false
}

// none reports whether rows are shown and none of them can be taken.
func (l *list) none() bool {
	return len(l.shown) > 0 && !slices.ContainsFunc(l.shown, Option.free)
}

// whyNone says what is to be done while the cursor stands nowhere, or why nothing can be.
func (l *list) whyNone() string {
	const most = 3
	if !l.none() {
		return "choose one"
	}
	var why []string
	for i, o := range l.shown {
		if i == most {
			why = append(why, fmt.Sprintf("and %d more", len(l.shown)-most))
			break
		}
		why = append(why, o.Label+": "+o.WhyNot)
	}
	return strings.Join(why, "; ")
}

// mostLabel is how wide a label may be that has a note beside it.
const mostLabel = 30

// view draws at most h lines, and tells how many rows above and below them are not begun there. A note that is longer than its
// column goes on in the next lines.
func (l *list) view(f widget.Frame, w, h int, focused bool) (shown []string, above, below int) {
	label := 0
	for _, o := range l.shown {
		label = max(label, widget.Width(o.Label))
	}
	label = min(label, mostLabel, w/2)
	var lines []string
	begins := make([]int, len(l.shown))
	at := 0
	for i, o := range l.shown {
		if begins[i] = len(lines); i == l.at {
			at = begins[i]
		}
		lines = append(lines, l.option(f, o, w, label, i == l.at, focused)...)
	}
	h = max(1, h)
	top := max(0, min(at-h/2, len(lines)-h))
	end := min(len(lines), top+h)
	for _, begin := range begins {
		switch {
		case begin < top:
			above++
		case begin >= end:
			below++
		}
	}
	return lines[top:end], above, below
}

// option is one row, on as many lines as its note needs.
func (l *list) option(f widget.Frame, o Option, w, label int, chosen, focused bool) []string {
	s := f.Theme.Symbols
	mark, paint := "  ", f.Theme.Paint
	if chosen {
		mark = f.Theme.Paint(theme.Accent, s.Cursor) + " "
		if focused {
			paint = f.Theme.PaintCursor
		}
	}
	role, note := theme.Plain, o.Note
	if !o.free() {
		role, note = theme.Off, o.WhyNot
	}
	if note == "" {
		return []string{mark + paint(role, widget.Fit(o.Label, w-2, false, s.Ellipsis))}
	}
	var lines []string
	text := widget.Fit(o.Label, label, false, s.Ellipsis)
	for _, part := range widget.Wrap(note, max(1, w-label-4)) {
		lines = append(lines, mark+paint(role, widget.Fit(text+"  "+part, w-2, false, s.Ellipsis)))
		mark, text = "  ", widget.Pad(label)
	}
	return lines
}
