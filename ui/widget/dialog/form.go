package dialog

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
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
	f.problem = ""
	return o
}

// View draws the form into at most w by h cells. On a low screen the fields count: what the form says goes first, then the blank
// lines, and then the fields that are furthest from the one that is filled in.
func (f *Form) View(fr widget.Frame, w, h int) []string {
	w = min(w, 76)
	inner, room := w-4, h-2
	label := 0
	for _, x := range f.fields {
		label = max(label, widget.Width(x.Label))
	}
	label = min(label, inner/2)
	var intro, fields, foot []string
	for _, s := range f.intro {
		intro = append(intro, paintAll(fr, theme.Dim, widget.Wrap(s, inner))...)
	}
	for i, x := range f.fields {
		fields = append(fields, f.line(fr, i, x, label, inner))
	}
	if f.problem != "" {
		foot = append(foot, paintAll(fr, theme.Alarm, widget.Wrap(f.problem, inner))...)
	}
	foot = append(foot, f.hints(fr, inner))
	blank := []string{""}
	lines := slices.Concat(blank, intro, blank, fields, blank, foot)
	if len(intro) == 0 || len(lines) > room {
		lines = slices.Concat(blank, fields, blank, foot)
	}
	if len(lines) > room {
		shown := max(1, min(len(fields), room-len(foot)))
		top := max(0, min(f.on-shown/2, len(fields)-shown))
		lines = append(slices.Clone(fields[top:top+shown]), foot...)
	}
	for i, l := range lines {
		lines[i] = " " + widget.Fit(l, inner, false, "") + " "
	}
	return fr.Box(f.title, "", lines[:min(len(lines), max(0, room))], w, min(h, len(lines)+2), true)
}

// hints names the keys.
func (f *Form) hints(fr widget.Frame, w int) string {
	next := "next"
	if f.on == len(f.fields)-1 {
		next = "go on"
	}
	hints := []hint{{"enter", next}}
	if len(f.fields[f.on].Choices) > 0 {
		hints = append(hints, hint{"space", "change"})
	}
	if len(f.fields) > 1 {
		hints = append(hints, hint{"tab", "next line"})
	}
	line, t := "", fr.Theme
	for _, x := range append(hints, hint{"esc", "leave"}) {
		line += t.Paint(theme.Key, x.key) + " " + t.Paint(theme.Dim, x.what) + "   "
	}
	return widget.Cut(line, w, "")
}

func (f *Form) line(fr widget.Frame, i int, x Field, label, w int) string {
	t := fr.Theme
	sign := "  "
	if i == f.on {
		sign = t.Paint(theme.Accent, t.Symbols.Cursor+" ")
	}
	room := max(3, w-label-6)
	var value string
	switch {
	case x.Secret:
		value = strings.Repeat("*", min(len([]rune(f.lines[i].Raw())), room-1))
		if i == f.on {
			value += "_"
		}
		value = t.Paint(theme.Input, value)
	case len(x.Choices) > 0:
		value = appliance.Label(x.Value).String()
		if i == f.on {
			value = "< " + value + " >"
		}
		value = t.Paint(theme.Input, widget.Cut(value, room, t.Symbols.Ellipsis))
	default:
		value = f.lines[i].View(fr, room, i == f.on)
	}
	line := sign + t.Paint(theme.Dim, widget.Fit(x.Label, label, false, t.Symbols.Ellipsis)) + "  " + value
	if x.About != "" && widget.Width(line)+2+widget.Width(x.About) <= w {
		line += "  " + t.Paint(theme.Dim, x.About)
	}
	return line
}
