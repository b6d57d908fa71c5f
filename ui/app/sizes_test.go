package app

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// fits fails the test unless the picture has exactly h lines, each exactly w cells wide. Below the least size one line is
// enough.
func (b *bench) fits(t *testing.T, what string, w, h int) {
	t.Helper()
	content := b.View().Content
	if w < leastWidth || h < leastHeight {
		if strings.Contains(content, "\n") || ansi.StringWidthWc(content) > w {
			t.Fatalf("%s at %dx%d: %q does not fit", what, w, h, content)
		}
		return
	}
	lines := strings.Split(content, "\n")
	if len(lines) != h {
		t.Fatalf("%s at %dx%d: %d lines\n%s", what, w, h, len(lines), content)
	}
	for i, l := range lines {
		got := ansi.StringWidthWc(l)
		if boxed := b.dialog != nil || b.help != nil || b.form != nil; boxed && got < w {
			continue // behind a box, blanks at the end of a line are left to the terminal
		}
		if got != w {
			t.Fatalf("%s at %dx%d: line %d is %d cells wide: %q", what, w, h, i, got, ansi.Strip(l))
		}
	}
}

// states are keys that lead to each kind of screen, from the dashboard with nothing open.
var states = map[string][]string{
	"panes":           nil,
	"zoomed":          {"2", "z"},
	"requests":        {"6"},
	"timeline":        {"7"},
	"timeline zoomed": {"7", "z", "-"},
	"filter":          {"3", "/", "n"},
	"filter of none":  {"3", "/", "q", "q"},
	"marks":           {"3", "space", "space"},
	"acquire":         {"1", "a"},
	"acquire on ECB":  {"1", "G", "a"},
	"acquire problem": {"1", "a", "tab", "x", "enter"},
	"release":         {"2", "g", "r"},
	"copy":            {"3", "c"},
	"move with code":  {"3", "m", "down", "enter"},
	"push with code":  {"3", "p", "enter"},
	"many":            {"3", "space", "space", "space", "m"},
	"help":            {"?"},
	"help below":      {"?", "G"},
	"detail":          {"3", "enter"},
	"detail below":    {"3", "enter", "G"},
	"detail of lock":  {"2", "enter"},
	"message":         {"1", "e"},
	"new backup":      {"3", "n"},
	"passphrases":     {"3", "n", "x", "enter", "enter", "enter", "enter", "p", "enter", "q", "enter"},
	"more":            {"3", "o"},
	"more on ECB":     {"1", "G", "o"},
	"delete":          {"3", "D", "enter"},
	"restore":         {"3", "o", "r", "e", "s", "t", "o", "enter"},
	"wizard":          {"3", "space", "space", "M"},
	"wizard where":    {"3", "space", "space", "M", "enter"},
	"wizard push":     {"3", "space", "space", "M", "enter", "down", "down", "down", "enter"},
	"wizard how":      {"3", "space", "space", "M", "enter", "enter", "enter"},
	"wizard review":   {"3", "space", "space", "M", "enter", "enter", "enter", "enter", "9", "enter"},
	"wizard nothing":  {"3", "M", "space", "enter"},
	"migration":       {"3", "space", "space", "M", "enter", "enter", "enter", "enter", "2", "enter"},
	"migration keys":  {"3", "space", "space", "M", "enter", "enter", "enter", "enter", "2", "enter", "?"},
	"migration ends":  {"3", "space", "space", "M", "enter", "enter", "enter", "enter", "2", "enter", "x"},
}

// Every size from nothing to 120x40 is drawn, on every kind of screen, without a panic and without a line that is too
// long or too short.
func TestFault_TRM01_EverySize(t *testing.T) {
	t.Parallel()
	for name, keys := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, nil, func(b *bench) {
				b.press(keys...)
				b.stands(t, name)
				widths, heights := breaks(121), breaks(41)
				if keys == nil {
					widths, heights = all(121), all(41)
				}
				for _, w := range widths {
					for _, h := range heights {
						b.size(w, h)
						b.fits(t, name, w, h)
					}
				}
			})
		})
	}
}

// stands fails the test unless the keys led to where the name of the state says.
func (b *bench) stands(t *testing.T, name string) {
	t.Helper()
	open := map[string]bool{
		"new backup": b.form != nil, "passphrases": b.form != nil, "restore": b.form != nil, "more": b.dialog != nil, "delete": b.dialog != nil,
		"wizard": b.migrating.wizard != nil, "migration": b.migrating.session != nil,
	}
	for what, is := range open {
		if strings.HasPrefix(name, what) && !is {
			t.Fatalf("%s is not open:\n%s", what, ansi.Strip(b.View().Content))
		}
	}
}

func all(n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = i
	}
	return sizes
}

// breaks is the sizes below n around which something changes, and some between.
func breaks(n int) []int {
	return slices.DeleteFunc([]int{0, 1, 2, 5, 9, 10, 11, 12, 14, 17, 19, 20, 21, 24, 32, 39, 40, 41, 50, 59, 60, 61, 80, 109, 110, 111, 120},
		func(size int) bool { return size >= n })
}

// What is larger than any screen is clamped before anything is laid out.
func TestFault_TRM02_Clamped(t *testing.T) {
	t.Parallel()
	onBench(t, nil, func(b *bench) {
		b.size(65_535, 65_535)
		b.fits(t, "clamped", mostWidth, mostHeight)
	})
}

// Places of panes never overlap and cover all between header and bottom line.
func TestLayoutCovers(t *testing.T) {
	t.Parallel()
	m := &Model{bottom: paneEvents}
	for _, zoomed := range []bool{false, true} {
		for focus := range panes {
			if m.zoomed, m.focus = zoomed, focus; focus > paneEvents {
				m.bottom = focus
			}
			for m.width = leastWidth; m.width <= 200; m.width += 3 {
				for m.height = leastHeight; m.height <= 60; m.height++ {
					covers(t, m)
				}
			}
		}
	}
}

func covers(t *testing.T, m *Model) {
	t.Helper()
	top := 1
	if m.withTabs() {
		top = 2
	}
	seen := make([]bool, m.width*m.height)
	n, focused := 0, false
	for _, s := range m.layout() {
		focused = focused || s.pane == m.focus
		for y := s.y; y < s.y+s.h; y++ {
			for x := s.x; x < s.x+s.w; x++ {
				if y < top || y >= m.height-1 || x >= m.width || seen[y*m.width+x] {
					t.Fatalf("%dx%d: pane %d is out of place at %d,%d", m.width, m.height, s.pane, x, y)
				}
				seen[y*m.width+x], n = true, n+1
			}
		}
	}
	if n != m.width*(m.height-top-1) || !focused {
		t.Fatalf("%dx%d, zoomed %v, focus %d: %d cells covered, focus shown: %v", m.width, m.height, m.zoomed, m.focus, n, focused)
	}
}

// A mouse click gives a pane the focus and never acts; the wheel moves in it.
func TestMouse(t *testing.T) {
	t.Parallel()
	onBench(t, func(o *Options) { o.Mouse = true }, func(b *bench) {
		if b.View().MouseMode != tea.MouseModeCellMotion {
			t.Error("the mouse is not taken")
		}
		for _, s := range b.layout() {
			b.run(second(b.Update(tea.MouseClickMsg{X: s.x + 2, Y: s.y + 2, Button: tea.MouseLeft})))
			b.pump()
			if b.focus != s.pane || b.dialog != nil || b.detail != nil {
				t.Errorf("a click on pane %d: focus %d", s.pane, b.focus)
			}
		}
		b.press("3", "g")
		first := b.backups.Key()
		b.run(second(b.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})))
		if b.backups.Key() == first {
			t.Error("the wheel moves nothing")
		}
		b.press("enter")
		b.run(second(b.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})))
		b.run(second(b.Update(tea.MouseClickMsg{X: 3, Y: 3})))
		if b.detail == nil {
			t.Error("a click has closed the detail")
		}
		b.press("esc", "M")
		for y := range 40 { // nothing in the wizard is chosen by a click
			b.run(second(b.Update(tea.MouseClickMsg{X: 6, Y: y, Button: tea.MouseLeft})))
		}
		if b.migrating.wizard == nil || b.focus != paneBackups {
			t.Error("a click went through the wizard")
		}
	})
}

// An old tick of a clock that was replaced does nothing, so that there is never more than one.
func TestOneClock(t *testing.T) {
	t.Parallel()
	onBench(t, nil, func(b *bench) {
		if !b.tick.fast {
			t.Fatal("no countdown ticks")
		}
		if cmd := b.ticked(tickMsg(b.tick.generation - 1)); cmd != nil {
			t.Error("an old tick goes on")
		}
		b.press("?")
		if b.counting() {
			t.Error("something ticks behind the help")
		}
	})
}

// Whatever the size, a dialog that wants a code shows it, and one that wants a yes shows both answers.
func TestDialogsShowTheirQuestion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		keys       []string
	}{
		{"code", "and press enter:", []string{"3", "m", "down", "enter"}},
		{"foreign lock", "and press enter:", []string{"2", "g", "r"}},
		{"yes or no", "No", []string{"1", "G", "a"}},
		{"list", "▸ UP", []string{"1", "a"}},
		{"span", "20m", []string{"1", "a"}},
		{"problem", "nothing in the list holds", []string{"1", "a", "z", "q", "enter"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onBench(t, nil, func(b *bench) {
				b.press(c.keys...)
				for _, size := range [][2]int{{160, 50}, {120, 40}, {80, 24}, {110, 10}, {60, 15}, {40, 12}, {40, 10}} {
					b.size(size[0], size[1])
					if !strings.Contains(ansi.Strip(b.View().Content), c.want) {
						t.Errorf("%dx%d: %q is not shown:\n%s", size[0], size[1], c.want, ansi.Strip(b.View().Content))
					}
				}
			})
		})
	}
}
