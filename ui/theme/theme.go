// Package theme holds every colour of the screen, once. A theme is a palette; styles are made from it once and then only
// written, so that drawing a line costs no more than joining strings.
package theme

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// Role is what a piece of text is for. Colours are chosen by role and by nothing else.
type Role int

// Roles.
const (
	Plain   Role = iota // data
	Dim                 // borders, labels, what is not there
	Heading             // column headings
	Title               // a pane's title
	Accent              // where the focus is; nothing else wears it
	Strong              // the row under the cursor
	Good                // states, on words that stand still
	Warn                //
	Alarm               //
	Ours                // what is ours
	Key                 // a key that can be pressed
	Off                 // a key or a choice that cannot
	Brand               // the program's name
	Input               // what is being typed
	roles
)

// Names of the themes, in the order in which to offer them.
var names = []string{"auto", "dark", "light", "high-contrast", "colour-blind", "16-colour", "none"}

// Names lists the themes that there are.
func Names() []string { return slices.Clone(names) }

// Check returns an error that lists the themes unless name is one of them.
func Check(name string) error {
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("unknown theme %q: use one of %s", name, strings.Join(names, ", "))
}

// Theme paints text by role. It is immutable and may be shared.
type Theme struct {
	name    string
	paints  [roles]paint
	cursor  [roles]paint // the same on the row under the cursor of the focused pane
	ASCII   bool         // no symbol beyond ASCII
	Symbols Symbols
}

// paint is what to write before and after a piece of text.
type paint struct{ on, off string }

// New makes the theme of that name; dark tells what the terminal's background is, for auto. An unknown name is auto.
func New(name string, dark, ascii bool) *Theme {
	p, ok := palettes()[name]
	if !ok {
		name = "light"
		if dark {
			name = "dark"
		}
		p = palettes()[name]
	}
	t := &Theme{name: name, ASCII: ascii, Symbols: unicodeSymbols}
	if ascii {
		t.Symbols = asciiSymbols
	}
	for r := range roles {
		t.paints[r] = paintOf(p.style(r))
		t.cursor[r] = paintOf(p.onCursor(r))
	}
	return t
}

// Name is the theme's name; never auto.
func (t *Theme) Name() string { return t.name }

// Paint writes s in the colours of r.
func (t *Theme) Paint(r Role, s string) string {
	p := &t.paints[r]
	if p.on == "" || s == "" {
		return s
	}
	return p.on + s + p.off
}

// PaintCursor writes s in the colours of r on the row under the cursor.
func (t *Theme) PaintCursor(r Role, s string) string {
	p := &t.cursor[r]
	if p.on == "" || s == "" {
		return s
	}
	return p.on + s + p.off
}

func paintOf(s lipgloss.Style) paint {
	const mark = "x"
	on, off, _ := strings.Cut(s.Render(mark), mark)
	return paint{on, off}
}

// palette is the handful of colours a theme is made of; nil = the terminal's own. Where a terminal has 256 of them (tmux often
// says so) the nearest is taken: dim and cursorBack are such that it is a grey.
type palette struct {
	dim, accent, good, warn, alarm, ours, cursorBack color.Color
	reverse                                          bool // the cursor's row is shown in reverse
}

func palettes() map[string]palette {
	hex := lipgloss.Color
	return map[string]palette{
		"dark": {dim: hex("#767a80"), accent: hex("#58b4d0"), good: hex("#7bc275"), warn: hex("#e3b341"),
			alarm: hex("#ff7b72"), ours: hex("#79c0ff"), cursorBack: hex("#303338")},
		"light": {dim: hex("#6c6e70"), accent: hex("#00708a"), good: hex("#1a7f37"), warn: hex("#8f5a00"),
			alarm: hex("#c4161c"), ours: hex("#0550ae"), cursorBack: hex("#e2e6ea")},
		"high-contrast": {dim: hex("#bfbfbf"), accent: hex("#00ffff"), good: hex("#00ff00"), warn: hex("#ffff00"),
			alarm: hex("#ff6060"), ours: hex("#80c8ff"), reverse: true},
		"colour-blind": {dim: hex("#7a7f87"), accent: hex("#56b4e9"), good: hex("#009e73"), warn: hex("#e69f00"),
			alarm: hex("#d55e00"), ours: hex("#56b4e9"), cursorBack: hex("#303338")},
		"16-colour": {dim: lipgloss.BrightBlack, accent: lipgloss.Cyan, good: lipgloss.Green, warn: lipgloss.Yellow,
			alarm: lipgloss.Red, ours: lipgloss.Blue, reverse: true},
		"none": {reverse: true},
	}
}

func (p palette) style(r Role) lipgloss.Style {
	s := lipgloss.NewStyle()
	fg := func(c color.Color) lipgloss.Style {
		if c == nil {
			return s
		}
		return s.Foreground(c)
	}
	switch r {
	case Dim, Heading, Off:
		return fg(p.dim)
	case Title:
		return s
	case Accent:
		return fg(p.accent).Bold(true)
	case Strong, Input:
		return s.Bold(true)
	case Good:
		return fg(p.good)
	case Warn:
		return fg(p.warn)
	case Alarm:
		return fg(p.alarm).Bold(true)
	case Ours:
		return fg(p.ours)
	case Key, Brand:
		return fg(p.accent).Bold(true)
	default:
		return s
	}
}

// onCursor is the style of a role on the row under the cursor, where nothing is dim: it would be hard to read there.
func (p palette) onCursor(r Role) lipgloss.Style {
	switch r {
	case Dim, Heading, Off:
		r = Plain
	}
	s := p.style(r)
	switch {
	case p.reverse:
		return lipgloss.NewStyle().Reverse(true)
	case p.cursorBack != nil:
		return s.Background(p.cursorBack)
	default:
		return s.Bold(true)
	}
}
