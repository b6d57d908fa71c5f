package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// form asks for a name, a choice and a passphrase.
func form() *Form {
	return NewForm("Make a backup", []string{strings.Repeat("a long word ", 20)}, []Field{
		{Name: "label", Label: "name", Value: "old"}, {Name: "to", Label: "to", Value: "internal", Choices: []string{"internal", "/mnt/nas", "/mnt/usb"}},
		{Name: "phrase", Label: "passphrase", About: "kept nowhere", Secret: true},
	}, func(f Filled) error {
		if f.Secrets["phrase"].Empty() {
			return errors.New("it needs a passphrase")
		}
		return nil
	}, func(f Filled) any { return f })
}

func keys(f *Form, names ...string) (out Outcome) {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "up": tea.KeyUp,
		"down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace}
	for _, n := range names {
		if code, ok := codes[n]; ok {
			out = f.Press(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range n {
			out = f.Press(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
	return out
}

func look(f *Form, w, h int) string {
	return ansi.Strip(strings.Join(f.View(widget.Frame{Theme: theme.New("dark", true, false)}, w, h), "\n"))
}

// A form gives back what was filled in, secrets apart, and forgets them.
func TestFormIsFilledIn(t *testing.T) {
	t.Parallel()
	f := form()
	if out := keys(f, "-2", "enter", "space", "right", "left", "x", "enter", "enter"); out.Close {
		t.Errorf("without a passphrase: %+v", out)
	}
	if s := look(f, 80, 20); !strings.Contains(s, "it needs a passphrase") || !strings.Contains(s, "▸ passphrase") {
		t.Errorf("the problem is not shown:\n%s", s)
	}
	keys(f, "Canary")
	f.Paste("4711\r\n")
	if s := look(f, 80, 20); strings.Contains(s, "Canary") || !strings.Contains(s, "**********_") {
		t.Errorf("a secret is shown, or not that it is typed:\n%s", s)
	}
	out := keys(f, "enter")
	filled, ok := out.Action.(Filled)
	if !ok || !out.Close || filled.Values["label"] != "old-2" || filled.Values["to"] != "/mnt/nas" || filled.Secrets["phrase"].Reveal() != "Canary4711" {
		t.Fatalf("%+v", out)
	}
	if _, shown := filled.Values["phrase"]; shown || strings.Contains(fmt.Sprintf("%+v %#v", filled, filled), "Canary") || f.lines[2].Raw() != "" {
		t.Error("the secret is among what is shown, or still in the form")
	}
}

// Whoever leaves a form leaves nothing in it, and nothing is done.
func TestFormIsLeft(t *testing.T) {
	t.Parallel()
	f := form()
	out := keys(f, "up", "Canary", "esc")
	if !out.Close || out.Action != nil || f.lines[2].Raw() != "" {
		t.Errorf("%+v, %q", out, f.lines[2].Raw())
	}
}

// What is pasted goes into the line that it is pasted into and nowhere else; a newline in it confirms nothing.
func TestFormPaste(t *testing.T) {
	t.Parallel()
	f := form()
	f.Paste("-new\r")
	keys(f, "tab")
	f.Paste("/mnt/usb\r\r\r")
	if f.on != 1 || f.lines[0].Raw() != "old-new" || f.fields[1].Value != "internal" {
		t.Errorf("on %d, %q, %q", f.on, f.lines[0].Raw(), f.fields[1].Value)
	}
}

// At every size the line that is filled in, the problem and the keys are seen, and nothing is wider or higher than its room.
func TestFault_TRM01_FormSizes(t *testing.T) {
	t.Parallel()
	f := form()
	keys(f, "up", "enter")
	for w := 36; w <= 100; w++ {
		for h := 8; h <= 40; h++ {
			lines := f.View(widget.Frame{Theme: theme.New("dark", true, false)}, w, h)
			if len(lines) > h {
				t.Fatalf("%dx%d: %d lines", w, h, len(lines))
			}
			for i, l := range lines {
				if got := ansi.StringWidthWc(l); got != min(w, 76) {
					t.Fatalf("%dx%d: line %d is %d cells wide", w, h, i, got)
				}
			}
			for _, want := range []string{"▸ passphrase", "it needs a", "enter go on"} {
				if s := look(f, w, h); !strings.Contains(s, want) {
					t.Fatalf("%dx%d: %q is not shown:\n%s", w, h, want, s)
				}
			}
		}
	}
}
