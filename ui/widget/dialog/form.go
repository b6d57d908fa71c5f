package dialog

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance/secret"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// Field is one line of a form.
type Field struct {
	Name   string // by which its value is found
	Label  string
	About  string // a word beside it
	Value  string // at first; of a Choice one of Choices
	Secret bool   // what is typed is shown as dots, and leaves the form as a secret only
	// Choices are what left and right go through; none: it is typed.
	Choices []string
}

// Filled is what was filled in. Secrets are apart, so that nothing shows them.
type Filled struct {
	Values  map[string]string
	Secrets map[string]secret.Secret
}

// Form asks for several things at once.
type Form struct {
	title   string
	intro   []string
	fields  []Field
	lines   []input.Line
	on      int
	problem string
	check   func(Filled) error
	action  func(Filled) any
}

// NewForm opens a form. check tells what is wrong with what was filled in; action makes the Outcome's Action of it.
func NewForm(title string, intro []string, fields []Field, check func(Filled) error, action func(Filled) any) *Form {
	f := &Form{title: title, intro: intro, fields: fields, check: check, action: action}
	for _, x := range fields {
		l := input.New()
		if len(x.Choices) == 0 {
			l.Set(x.Value)
		}
		f.lines = append(f.lines, l)
	}
	return f
}

// Paste types pasted text.
func (f *Form) Paste(s string) {
	if len(f.fields[f.on].Choices) == 0 {
		f.lines[f.on].Paste(s)
	}
}

// Press handles one key.
func (f *Form) Press(k tea.KeyPressMsg) Outcome {
	f.problem = ""
	field := &f.fields[f.on]
	switch key := k.String(); key {
	case "esc", "ctrl+c":
		return f.leave(Outcome{Close: true})
	case "tab", "down":
		f.on = (f.on + 1) % len(f.fields)
	case "shift+tab", "up":
		f.on = (f.on + len(f.fields) - 1) % len(f.fields)
	case "enter":
		if f.on < len(f.fields)-1 {
			f.on++
			return Outcome{}
		}
		return f.submit()
	case "left", "right", "space":
		if len(field.Choices) > 0 {
			field.turn(map[string]int{"left": -1}[key])
			return Outcome{}
		}
		f.lines[f.on].Press(k)
	default:
		if len(field.Choices) == 0 {
			f.lines[f.on].Press(k)
		}
	}
	return Outcome{}
}

// turn goes to the choice before or after.
func (x *Field) turn(by int) {
	if by == 0 {
		by = 1
	}
	for i, c := range x.Choices {
		if c == x.Value {
			x.Value = x.Choices[(i+by+len(x.Choices))%len(x.Choices)]
			return
		}
	}
}

func (f *Form) submit() Outcome {
	filled := Filled{Values: map[string]string{}, Secrets: map[string]secret.Secret{}}
	for i, x := range f.fields {
		switch {
		case x.Secret:
			filled.Secrets[x.Name] = secret.New(f.lines[i].Raw())
		case len(x.Choices) > 0:
			filled.Values[x.Name] = x.Value
		default:
			filled.Values[x.Name] = f.lines[i].Text()
		}
	}
	if err := f.check(filled); err != nil {
		f.problem = err.Error()
		return Outcome{}
	}
	return f.leave(Outcome{Close: true, Action: f.action(filled)})
}

// leave forgets what was typed.
func (f *Form) leave(o Outcome) Outcome {
	for i := range f.lines {
		f.lines[i] = input.New()
	}
	return o
}

// View draws the form into at most w by h cells.
func (f *Form) View(fr widget.Frame, w, h int) []string {
	w = min(w, 76)
	inner := w - 4
	label := 0
	for _, x := range f.fields {
		label = max(label, widget.Width(x.Label))
	}
	var lines []string
	for _, s := range f.intro {
		lines = append(lines, paintAll(fr, theme.Dim, widget.Wrap(s, inner))...)
	}
	if h < len(lines)+len(f.fields)+5 {
		lines = nil // a low screen: the fields count
	} else {
		lines = append(append([]string{""}, lines...), "")
	}
	for i, x := range f.fields {
		lines = append(lines, f.line(fr, i, x, label, inner))
	}
	lines = append(lines, "", fr.Theme.Paint(theme.Alarm, widget.Cut(f.problem, inner, fr.Theme.Symbols.Ellipsis)))
	for i, l := range lines {
		lines[i] = " " + widget.Fit(l, inner, false, "") + " "
	}
	return fr.Box(f.title, "enter next, at the end go on  esc leave", lines[:min(len(lines), h-2)], w, min(h, len(lines)+2), true)
}

func (f *Form) line(fr widget.Frame, i int, x Field, label, w int) string {
	t := fr.Theme
	sign := "  "
	if i == f.on {
		sign = t.Paint(theme.Accent, t.Symbols.Cursor+" ")
	}
	room := w - label - 6
	value := ""
	switch {
	case x.Secret:
		value = strings.Repeat("*", min(len([]rune(f.lines[i].Raw())), room-1))
		if i == f.on {
			value += "_"
		}
		value = t.Paint(theme.Input, value)
	case len(x.Choices) > 0:
		value = x.Value
		if i == f.on {
			value = "< " + x.Value + " >"
		}
		value = t.Paint(theme.Input, value)
	default:
		value = f.lines[i].View(fr, room, i == f.on)
	}
	line := sign + t.Paint(theme.Dim, widget.Fit(x.Label, label, false, "")) + "  " + value
	if x.About != "" && widget.Width(line)+2+widget.Width(x.About) <= w {
		line += "  " + t.Paint(theme.Dim, x.About)
	}
	return line
}
