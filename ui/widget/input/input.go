// Package input is one line of typed text, edited like any other line. It is drawn standing still: a caret that blinks
// would write to the terminal twice a second.
package input

import (
	"strings"
	"unicode"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// longest is how many runes a line holds.
const longest = 200

// Line is one line of typed text.
type Line struct{ model textinput.Model }

// New makes an empty line.
func New() Line {
	m := textinput.New()
	m.CharLimit = longest
	m.SetVirtualCursor(false)
	m.KeyMap.Paste = key.NewBinding(key.WithDisabled()) // it would read the clipboard of the host, not of the person
	m.Focus()
	return Line{m}
}

// Text is what was typed, without blanks at its ends.
func (l *Line) Text() string { return strings.TrimSpace(l.model.Value()) }

// Raw is what was typed as it stands.
func (l *Line) Raw() string { return l.model.Value() }

// Set replaces the text and puts the caret behind it.
func (l *Line) Set(s string) {
	l.model.SetValue(s)
	l.model.CursorEnd()
}

// Press edits by one key. What is typed must be printable.
func (l *Line) Press(k tea.KeyPressMsg) {
	if k.Text != "" && !printable(k.Text) {
		return
	}
	l.model, _ = l.model.Update(k)
}

// Paste adds what is printable of s at the caret.
func (l *Line) Paste(s string) {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	l.model, _ = l.model.Update(tea.PasteMsg{Content: clean})
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// View draws the text with its caret, the end of it when it is wider than w.
func (l *Line) View(f widget.Frame, w int, focused bool) string {
	runes := []rune(l.model.Value())
	if !focused {
		return widget.Cut(string(runes), w, f.Theme.Symbols.Ellipsis)
	}
	at := l.model.Position()
	before, under, after := string(runes[:at]), "_", ""
	if at < len(runes) {
		under, after = string(runes[at]), string(runes[at+1:])
	}
	for widget.Width(before) > max(0, w-2) {
		before = before[len(string([]rune(before)[0])):]
	}
	after = widget.Cut(after, w-widget.Width(before)-widget.Width(under), "")
	if under != "_" {
		under = f.Theme.PaintCursor(theme.Input, under)
	}
	return f.Theme.Paint(theme.Input, before) + under + f.Theme.Paint(theme.Input, after)
}
