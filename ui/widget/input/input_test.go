package input

import (
	"strings"
	"testing"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

func typed(l *Line, s string) {
	for _, r := range s {
		l.Press(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func TestTyping(t *testing.T) {
	t.Parallel()
	l := New()
	typed(&l, " 20m ")
	if l.Text() != "20m" || l.Raw() != " 20m " {
		t.Errorf("%q, %q", l.Text(), l.Raw())
	}
	l.Press(tea.KeyPressMsg{Code: tea.KeyBackspace})
	l.Press(tea.KeyPressMsg{Code: tea.KeyHome})
	typed(&l, "1h")
	if l.Raw() != "1h 20m" {
		t.Errorf("%q", l.Raw())
	}
	l.Set("x")
	typed(&l, "y")
	if l.Raw() != "xy" {
		t.Errorf("%q", l.Raw())
	}
}

// Only what is printable is taken, by key or by paste, and no more than a line holds.
func TestOnlyPrintable(t *testing.T) {
	t.Parallel()
	l := New()
	l.Paste("a\r\nb\x1b[31m\u202ec\u009bd\x00")
	l.Press(tea.KeyPressMsg{Code: 'x', Text: "\x07"})
	if got := l.Raw(); got != "ab[31mcd" || strings.ContainsFunc(got, unicode.IsControl) {
		t.Errorf("%q", got)
	}
	l.Paste(strings.Repeat("x", 10_000))
	if n := len([]rune(l.Raw())); n != longest {
		t.Errorf("%d runes", n)
	}
}

func TestViewFits(t *testing.T) {
	t.Parallel()
	f := widget.Frame{Theme: theme.New("dark", true, false)}
	for _, s := range []string{"", "short", strings.Repeat("long ", 30), strings.Repeat("漢", 40)} {
		for w := 3; w < 60; w++ {
			for _, focused := range []bool{true, false} {
				l := New()
				l.Set(s)
				l.Press(tea.KeyPressMsg{Code: tea.KeyLeft})
				if got := ansi.StringWidthWc(ansi.Strip(l.View(f, w, focused))); got > w {
					t.Fatalf("%q in %d cells is %d wide", s, w, got)
				}
			}
		}
	}
}
