// Package dialog is the boxes that stand in front of the panes: forms that ask what is to be done and how, and that want a
// yes or a code before anything that cannot be undone. A dialog never acts: it returns an Action and the root performs it.
package dialog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/policy"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// Outcome is what a key did to a dialog.
type Outcome struct {
	Close  bool
	Action any    // what to perform, with Close
	Copy   string // text for the clipboard
}

// Option is one choice of a list. One with a reason why not is shown and cannot be taken.
type Option struct {
	Value, Label, Note string
	WhyNot             string
	Wary               bool // can be taken, but by going there only: the cursor never starts on it
}

// whole reports whether a typed text may be meant as it stands, though options hold it: it can be used, and has more than the
// letters of a name in it, as addresses and paths do.
func (s Spec) whole(typed string) bool {
	return s.Typed != "" && strings.ContainsAny(typed, "./:") && s.Check(typed) == nil
}

func (s Spec) choiceWord() string {
	if s.Word == "" {
		return "to"
	}
	return s.Word
}

// Values is what was chosen.
type Values struct {
	Choice string
	Span   time.Duration
	Typed  bool // the code was typed
}

// Spec says what a dialog asks.
type Spec struct {
	Title string
	Intro []string
	What  string   // what is acted on, in a line that stays on the lowest screen
	Word  string   // what the choice is called when it is confirmed; empty = to
	Keys  []string // row keys that it names; it is disarmed when one vanishes
	// Over tells why what it is about is over meanwhile, which disarms it, too; empty = it is not; may be nil.
	Over    func() string
	Opener  string   // the key that opened it, which never confirms
	Options []Option // empty = no list
	Typed   string   // what may also be typed, as a word for the label; empty = only the list
	Check   func(typed string) error
	Span    *Span
	Risk    func(Values) policy.Risk
	Code    string // what must be typed for policy.RiskCode
	Warn    func(Values) string
	Calls   func(Values) []appliance.Call
	Action  func(Values) any
	Verb    string // on the yes button: release
}

// Span asks for a duration from Min to Max.
type Span struct {
	Label    string
	Start    time.Duration // 0 = nothing is typed yet
	Min, Max time.Duration
	Empty    string // what it means to type nothing, which then is a Span of 0; empty = something must be typed
	// Floor is what a duration must not be below in this case, though Min is shorter; Why says what it would do.
	Floor time.Duration
	Why   string
}

// read is the duration that was typed.
func (s *Span) read(typed string) (time.Duration, error) {
	if typed == "" && s.Empty != "" {
		return 0, nil
	}
	d, err := ParseSpan(typed, s.Min, s.Max)
	if err == nil && d < s.Floor {
		return 0, fmt.Errorf("%s %s: %s", widget.Span(d), s.Why, allowed(s.Floor, s.Max))
	}
	return d, err
}

// Dialog is one open dialog.
type Dialog struct {
	spec     Spec
	stage    stage
	list     list
	span     input.Line
	code     input.Line
	onSpan   bool
	yes      bool
	problem  string
	disarmed string
}

type stage int

const (
	choosing stage = iota
	confirming
)

// New opens a dialog.
func New(s Spec) *Dialog {
	d := &Dialog{spec: s, list: newList(s.Options, s.whole), span: input.New(), code: input.New()}
	if s.Span != nil {
		if s.Span.Start > 0 {
			d.span.Set(widget.Span(s.Span.Start))
		}
		d.onSpan = len(s.Options) == 0 || s.Span.Empty != ""
	}
	if d.onlyOne() {
		d.stage = confirming
	}
	return d
}

// onlyOne reports whether there is nothing to choose, only to confirm.
func (d *Dialog) onlyOne() bool {
	return len(d.spec.Options) <= 1 && d.spec.Span == nil && d.spec.Typed == ""
}

// Keys is the rows that it names.
func (d *Dialog) Keys() []string { return d.spec.Keys }

// Over is why what it is about is over; empty = it is not.
func (d *Dialog) Over() string {
	if d.spec.Over == nil {
		return ""
	}
	return d.spec.Over()
}

// Disarm makes the dialog unable to confirm anything, because what it names is gone.
func (d *Dialog) Disarm(why string) { d.disarmed = why }

// Paste types pasted text where words are asked for; it never confirms, and a code is not taken from it.
func (d *Dialog) Paste(s string) {
	if d.stage != choosing {
		d.problem = "the code must be typed, not pasted"
		return
	}
	if d.onSpan {
		d.span.Paste(s)
	} else {
		d.list.paste(s)
	}
}

// Press handles one key.
func (d *Dialog) Press(k tea.KeyPressMsg) Outcome {
	switch k.String() {
	case "ctrl+c":
		return Outcome{Close: true}
	case "esc":
		return d.back()
	case "ctrl+y":
		return Outcome{Copy: d.curl()}
	}
	if d.disarmed != "" {
		return Outcome{}
	}
	d.problem = ""
	if d.stage == choosing {
		return d.choose(k)
	}
	return d.confirm(k)
}

func (d *Dialog) back() Outcome {
	if d.stage == confirming && !d.onlyOne() {
		d.stage, d.yes, d.problem = choosing, false, ""
		d.code.Set("")
		return Outcome{}
	}
	return Outcome{Close: true}
}

func (d *Dialog) choose(k tea.KeyPressMsg) Outcome {
	switch k.String() {
	case "tab", "shift+tab":
		if d.spec.Span != nil && len(d.spec.Options) > 0 {
			d.onSpan = !d.onSpan
		}
	case "enter":
		return d.chosen()
	case "up", "down", "pgup", "pgdown": // they mean nothing to a line of text
		d.list.press(k)
	default:
		if d.onSpan {
			d.span.Press(k)
		} else {
			d.list.press(k)
		}
	}
	return Outcome{}
}

// chosen checks what was entered and goes on to the confirmation, or acts where none is wanted.
func (d *Dialog) chosen() Outcome {
	v, problem := d.values()
	if problem != "" {
		d.problem = problem
		return Outcome{}
	}
	if d.risk(v) == policy.RiskNone {
		return Outcome{Close: true, Action: d.spec.Action(v)}
	}
	d.stage, d.yes = confirming, false
	return Outcome{}
}

func (d *Dialog) risk(v Values) policy.Risk {
	if d.spec.Risk == nil {
		return policy.RiskNone
	}
	return d.spec.Risk(v)
}

// values is what is entered now, and what is wrong with it.
func (d *Dialog) values() (Values, string) {
	var v Values
	if len(d.spec.Options) > 0 || d.spec.Typed != "" {
		o, typed, ok := d.list.chosen()
		switch {
		case ok && o.WhyNot != "":
			return v, o.Label + ": " + o.WhyNot
		case ok:
			v.Choice = o.Value
		case typed == "":
			return v, d.list.whyNone()
		case d.spec.Typed == "":
			return v, "nothing in the list holds " + appliance.Label(typed).String()
		default:
			if err := d.spec.Check(typed); err != nil {
				return v, err.Error()
			}
			v.Choice = typed
		}
	}
	if s := d.spec.Span; s != nil {
		span, err := s.read(d.span.Text())
		if err != nil {
			return v, err.Error()
		}
		v.Span = span
	}
	return v, ""
}

func (d *Dialog) confirm(k tea.KeyPressMsg) Outcome {
	v, problem := d.values()
	if problem != "" {
		d.problem = problem
		return Outcome{}
	}
	key := k.String()
	if key == "Y" {
		return Outcome{Copy: d.curl()}
	}
	if d.risk(v) == policy.RiskCode {
		return d.typeCode(v, k)
	}
	switch key {
	case "left", "right", "tab", "shift+tab", "h", "l":
		d.yes = !d.yes
	case "n":
		return d.back()
	case "y":
		if d.spec.Opener != "y" {
			return Outcome{Close: true, Action: d.spec.Action(v)}
		}
	case "enter":
		if d.yes && d.spec.Opener != "enter" {
			return Outcome{Close: true, Action: d.spec.Action(v)}
		}
		return d.back()
	}
	return Outcome{}
}

func (d *Dialog) typeCode(v Values, k tea.KeyPressMsg) Outcome {
	if k.String() != "enter" {
		d.code.Press(k)
		return Outcome{}
	}
	if !SameCode(d.code.Text(), d.spec.Code) {
		d.problem = "that is not the code"
		d.code.Set("")
		return Outcome{}
	}
	v.Typed = true
	return Outcome{Close: true, Action: d.spec.Action(v)}
}

// calls is the requests that would be sent for what is entered now.
func (d *Dialog) calls() []appliance.Call {
	v, problem := d.values()
	if problem != "" || d.spec.Calls == nil {
		return nil
	}
	return d.spec.Calls(v)
}

// curl is the requests as shell lines.
func (d *Dialog) curl() string {
	out := ""
	for _, c := range d.calls() {
		out += c.Curl() + "\n"
	}
	return out
}

// View draws the dialog in at most w by h cells; every line has the same width.
func (d *Dialog) View(f widget.Frame, w, h int) []string {
	width := min(max(76, w*2/3), 84, w)
	lines := d.body(f, width-4, h-2)
	for i, l := range lines {
		lines[i] = " " + widget.Fit(l, width-4, false, "") + " "
	}
	box := f.Box(d.spec.Title, "", lines, width, min(h, len(lines)+2), true)
	return box
}

// body is what the dialog says, in at most h lines. What matters most stays on a low screen: the keys, then the question,
// then what it is about, and last the requests, which can be copied.
func (d *Dialog) body(f widget.Frame, w, h int) []string {
	foot := d.foot(f, w)
	var intro []string
	for _, s := range d.spec.Intro {
		intro = append(intro, widget.Wrap(s, w)...)
	}
	requests := d.requests(f, w)
	ask := func(intro, requests []string) []string {
		about, answer := d.question(f, w, h-len(foot)-len(intro)-len(requests))
		return slices.Concat(intro, about, requests, answer)
	}
	if len(intro) > 0 { // everything else begins with a blank line of its own
		intro = append([]string{""}, intro...)
	}
	lines := ask(intro, requests)
	if len(lines)+len(foot) > h {
		lines = ask(intro, nil)
	}
	if len(lines)+len(foot) > h {
		lines = ask(nil, nil)
	}
	if over := len(lines) + len(foot) - h; over > 0 {
		lines = lines[min(over, len(lines)):]
	}
	lines = append(lines, foot...)
	return lines[:min(len(lines), max(0, h))]
}

// question is what is asked, and where it is answered: between the two stand the requests.
func (d *Dialog) question(f widget.Frame, w, h int) (about, answer []string) {
	if d.stage == choosing {
		return d.chooser(f, w, h), nil
	}
	return d.about(f, w), d.answer(f)
}

func paintAll(f widget.Frame, r theme.Role, lines []string) []string {
	for i, l := range lines {
		lines[i] = f.Theme.Paint(r, l)
	}
	return lines
}
