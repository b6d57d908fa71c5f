package dialog

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance/secret"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// Phrase asks for a passphrase, twice where a mistake could not be found later. What is typed is shown as dots and leaves
// the dialog as a secret only.
type Phrase struct {
	title   string
	intro   []string
	twice   bool
	lines   [2]input.Line
	on      int // the line that is typed
	problem string
	action  func(secret.Secret) any
}

// NewPhrase opens the dialog; action makes the Outcome's Action of what was typed.
func NewPhrase(title string, intro []string, twice bool, action func(secret.Secret) any) *Phrase {
	return &Phrase{title: title, intro: intro, twice: twice, lines: [2]input.Line{input.New(), input.New()}, action: action}
}

// Paste types pasted text.
func (p *Phrase) Paste(s string) { p.lines[p.on].Paste(s) }

// Press handles one key.
func (p *Phrase) Press(k tea.KeyPressMsg) Outcome {
	switch k.String() {
	case "esc", "ctrl+c":
		return p.leave(Outcome{Close: true})
	case "tab", "up", "down", "shift+tab":
		if p.twice {
			p.on = 1 - p.on
		}
	case "enter":
		return p.enter()
	default:
		p.problem = ""
		p.lines[p.on].Press(k)
	}
	return Outcome{}
}

func (p *Phrase) enter() Outcome {
	first, second := p.lines[0].Raw(), p.lines[1].Raw()
	switch {
	case first == "":
		p.problem, p.on = "type the passphrase", 0
	case p.twice && p.on == 0:
		p.on = 1
	case p.twice && first != second:
		p.problem, p.on = "the two are not the same", 1
		p.lines[1].Set("")
	default:
		return p.leave(Outcome{Close: true, Action: p.action(secret.New(first))})
	}
	return Outcome{}
}

// leave forgets what was typed.
func (p *Phrase) leave(o Outcome) Outcome {
	p.lines = [2]input.Line{input.New(), input.New()}
	return o
}

// View draws the dialog into at most w by h cells.
func (p *Phrase) View(f widget.Frame, w, h int) []string {
	w = min(w, 72)
	inner := w - 4
	lines := []string{""}
	for _, s := range p.intro {
		for _, l := range widget.Wrap(s, inner) {
			lines = append(lines, f.Theme.Paint(theme.Dim, l))
		}
	}
	lines = append(lines, "")
	labels := []string{"passphrase"}
	if p.twice {
		labels = append(labels, "again")
	}
	for i, label := range labels {
		dots := strings.Repeat("*", min(len([]rune(p.lines[i].Raw())), inner-14))
		if i == p.on {
			dots += "_"
		}
		lines = append(lines, f.Theme.Paint(theme.Dim, widget.Fit(label, 12, false, ""))+f.Theme.Paint(theme.Input, dots))
	}
	lines = append(lines, "", f.Theme.Paint(theme.Alarm, p.problem))
	for i, l := range lines {
		lines[i] = " " + widget.Fit(l, inner, false, "") + " "
	}
	return f.Box(p.title, "enter go on  esc leave", lines[:min(len(lines), h-2)], w, min(h, len(lines)+2), true)
}
