package dialog

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/appliance/policy"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// leastRows and mostRows are how many rows of a list are shown.
const (
	leastRows = 3
	mostRows  = 12
)

// chooser asks how long and which; the list takes what is left of h lines.
func (d *Dialog) chooser(f widget.Frame, w, h int) []string {
	var lines []string
	if s := d.spec.Span; s != nil {
		lines = append(append(lines, ""), d.spanLines(f, s, w)...)
	}
	if len(d.spec.Options) > 0 || d.spec.Typed != "" {
		lines = append(lines, "", "")
		least := leastRows
		if h < len(lines)+leastRows { // a low screen: no blank lines, and one row at least
			lines = append(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "")
			if d.spec.Span != nil { // what may be typed is told when it is typed wrongly
				lines = append(lines[:1], "")
			}
			least = 1
		}
		rows := max(least, min(mostRows, h-len(lines)))
		shown := d.list
		if d.spec.Span != nil && d.spec.Span.Empty != "" && d.span.Text() != "" {
			shown.at = nowhere // what was typed counts
		}
		list, above, below := shown.view(f, w, rows, !d.onSpan)
		lines[len(lines)-1] = d.filterLine(f, w, f.More(above, below))
		lines = append(lines, list...)
	}
	return lines
}

// spanLines is the duration as it is typed, and what it may be, below it where there is no room beside it. They keep their
// places while it is typed.
func (d *Dialog) spanLines(f widget.Frame, s *Span, w int) []string {
	const field, gap = 10, 2
	hint := fmt.Sprintf("%s to %s", widget.Span(max(s.Min, s.Floor)), widget.Span(s.Max))
	if s.Empty != "" {
		hint += "; nothing typed: " + s.Empty
	}
	room := w - widget.Width(s.Label) - gap
	line := f.Theme.Paint(theme.Dim, s.Label+widget.Pad(gap))
	if room < field+gap+widget.Width(hint) {
		return append([]string{line + d.span.View(f, room, d.onSpan)}, paintAll(f, theme.Dim, widget.Wrap(hint, w))...)
	}
	return []string{line + widget.Fit(d.span.View(f, w/2, d.onSpan), field, false, "") + widget.Pad(gap) + f.Theme.Paint(theme.Dim, hint)}
}

// filterLine is what was typed to narrow the list, and at its right end how much more of the list there is.
func (d *Dialog) filterLine(f widget.Frame, w int, more string) string {
	room := w - widget.Width(more) - 2
	if more == "" || room < 20 {
		return d.typed(f, w)
	}
	return widget.Fit(d.typed(f, room), room, false, f.Theme.Symbols.Ellipsis) + "  " + f.Theme.Paint(theme.Dim, more)
}

const narrowing = "choose; type to narrow"

// typed shows what was typed to narrow the list, or to stand for itself.
func (d *Dialog) typed(f widget.Frame, w int) string {
	typed := d.list.filter.View(f, w-20, !d.onSpan)
	switch {
	case d.list.filter.Raw() == "" && d.list.none():
		words := "none of these can be chosen"
		if d.spec.Typed != "" {
			words += "; type " + d.spec.Typed
		}
		return f.Theme.Paint(theme.Warn, words)
	case d.list.filter.Raw() == "" && d.spec.Typed != "":
		return f.Theme.Paint(theme.Dim, "choose, or type "+d.spec.Typed)
	case d.list.filter.Raw() == "" && (d.onSpan || len(d.spec.Options) <= leastRows || w < len(narrowing)):
		return f.Theme.Paint(theme.Dim, "choose")
	case d.list.filter.Raw() == "":
		return f.Theme.Paint(theme.Dim, narrowing)
	case len(d.list.shown) == 0 && d.spec.Typed != "":
		return f.Theme.Paint(theme.Dim, d.spec.Typed+"  ") + typed
	default:
		return f.Theme.Paint(theme.Dim, "narrowed to  ") + typed
	}
}

// about is what will be done, and what cannot be taken back of it.
func (d *Dialog) about(f widget.Frame, w int) []string {
	v, _ := d.values()
	var lines []string
	if d.spec.What != "" {
		lines = append(lines, "", f.Theme.Paint(theme.Dim, "what  ")+widget.Cut(d.spec.What, w-6, f.Theme.Symbols.Ellipsis))
	}
	if v.Choice != "" {
		lines = append(lines, "", f.Theme.Paint(theme.Dim, d.spec.choiceWord()+"  ")+f.Theme.Paint(theme.Strong, d.label(v.Choice)))
	}
	if d.spec.Warn != nil {
		if s := d.spec.Warn(v); s != "" {
			lines = append(lines, "")
			lines = append(lines, paintAll(f, theme.Warn, widget.Wrap(s, w))...)
		}
	}
	return lines
}

// answer is where the code is typed, or No and Yes, of which No is chosen at first.
func (d *Dialog) answer(f widget.Frame) []string {
	v, _ := d.values()
	switch {
	case d.disarmed != "":
		return nil
	case d.risk(v) == policy.RiskCode:
		return []string{"", "Type " + f.Theme.Paint(theme.Alarm, d.spec.Code) + " and press enter: " + d.code.View(f, 20, true)}
	}
	no, yes := "  No  ", "  Yes, "+d.spec.Verb+"  "
	if d.yes {
		return []string{"", f.Theme.Paint(theme.Dim, no) + "  " + f.Theme.Paint(theme.Accent, "["+yes+"]")}
	}
	return []string{"", f.Theme.Paint(theme.Accent, "["+no+"]") + "  " + f.Theme.Paint(theme.Dim, yes)}
}

func (d *Dialog) label(value string) string {
	for _, o := range d.spec.Options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

const mostCalls = 3

// requests shows exactly what will be sent.
func (d *Dialog) requests(f widget.Frame, w int) []string {
	calls := d.calls()
	if len(calls) == 0 {
		return nil
	}
	lines := []string{""}
	for i, c := range calls {
		if i == mostCalls && len(calls) > mostCalls {
			lines = append(lines, f.Theme.Paint(theme.Dim, fmt.Sprintf("and %d more requests", len(calls)-i)))
			break
		}
		text := widget.Wrap(c.Method+" "+c.URL, w)
		for _, part := range widget.Wrap(c.Body, w-2) {
			if part != "" {
				text = append(text, "  "+part)
			}
		}
		lines = append(lines, paintAll(f, theme.Dim, text)...)
	}
	return lines
}

// foot is the problem, if there is one, and the keys.
func (d *Dialog) foot(f widget.Frame, w int) []string {
	var lines []string
	problem := d.problem
	if d.disarmed != "" {
		problem = d.disarmed
	}
	if problem != "" {
		lines = append(lines, "")
		lines = append(lines, paintAll(f, theme.Alarm, widget.Wrap(problem, w))...)
	}
	return append(lines, "", d.hints(f, w))
}

// hint is a key and what it does.
type hint struct{ key, what string }

func (d *Dialog) hints(f widget.Frame, w int) string {
	var hints []hint
	v, _ := d.values()
	switch {
	case d.disarmed != "":
	case d.stage == choosing:
		hints = append(hints, hint{"enter", d.onward(v)})
		if d.spec.Span != nil && len(d.spec.Options) > 0 {
			other := "duration"
			if d.onSpan {
				other = "list"
			}
			hints = append(hints, hint{"tab", other})
		}
		hints = d.withCopy(hints, "ctrl+y")
	case d.risk(v) == policy.RiskCode:
		hints = d.withCopy(append(hints, hint{"enter", d.spec.Verb}), "Y")
	default:
		hints = d.withCopy(append(hints, hint{"y", d.spec.Verb}, hint{"n", "no"}), "Y")
	}
	return fitHints(f, append(hints, hint{"esc", "back"}), w)
}

// onward is what enter does while something is chosen.
func (d *Dialog) onward(v Values) string {
	switch {
	case d.list.at == nowhere && d.list.none():
		return "why not"
	case d.risk(v) == policy.RiskNone:
		return d.spec.Verb
	default:
		return "go on"
	}
}

// withCopy adds the key that copies the requests, where there are any.
func (d *Dialog) withCopy(hints []hint, key string) []hint {
	if len(d.calls()) == 0 {
		return hints
	}
	return append(hints, hint{key, "copy as curl"})
}

// fitHints writes the keys on one line: the first and the last always, of the others what fits.
func fitHints(f widget.Frame, hints []hint, w int) string {
	const gap = 3
	width := func(h hint) int { return widget.Width(h.key) + 1 + widget.Width(h.what) }
	last := len(hints) - 1
	room := w - width(hints[last])
	var words []string
	for i, h := range hints {
		if i < last {
			if room -= width(h) + gap; room < 0 && i > 0 {
				continue
			}
		}
		words = append(words, f.Theme.Paint(theme.Key, h.key)+" "+f.Theme.Paint(theme.Dim, h.what))
	}
	return strings.Join(words, widget.Pad(gap))
}
