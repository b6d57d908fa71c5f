package theme

import (
	"image/color"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// Every theme paints every role without adding to the text, and what is alarming looks unlike what is well.
func TestEveryThemePaintsEveryRole(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		for _, dark := range []bool{true, false} {
			th := New(name, dark, false)
			for r := range roles {
				for what, got := range map[string]string{"plain": th.Paint(r, "text"), "cursor": th.PaintCursor(r, "text")} {
					if ansi.Strip(got) != "text" {
						t.Errorf("%s role %d %s: %q", name, r, what, got)
					}
				}
				if th.Paint(r, "") != "" || th.PaintCursor(r, "") != "" {
					t.Errorf("%s role %d paints nothing as something", name, r)
				}
			}
			if th.Paint(Alarm, "x") == th.Paint(Good, "x") || th.Paint(Key, "x") == th.Paint(Off, "x") {
				t.Errorf("%s: alarm and good, or on and off, look the same", name)
			}
			if th.PaintCursor(Plain, "x") == th.Paint(Plain, "x") {
				t.Errorf("%s: the row under the cursor looks like the others", name)
			}
		}
	}
}

// Data that ticks wears the terminal's own colour in every theme: a colour would be written again each second.
func TestPlainHasNoColour(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if got := New(name, true, false).Paint(Plain, "x"); got != "x" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What is dim elsewhere is read on the row under the cursor.
func TestNothingIsDimOnTheCursor(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		th := New(name, true, false)
		for _, r := range []Role{Dim, Heading, Off} {
			if th.PaintCursor(r, "x") != th.PaintCursor(Plain, "x") {
				t.Errorf("%s: role %d is %q", name, r, th.PaintCursor(r, "x"))
			}
		}
	}
}

// Where there are 256 colours, what is meant to be grey stays grey.
func TestGreyStaysGrey(t *testing.T) {
	t.Parallel()
	for name, p := range palettes() {
		for what, c := range map[string]color.Color{"dim": p.dim, "cursor": p.cursorBack} {
			if _, own := c.(ansi.BasicColor); own || c == nil {
				continue
			}
			near := colorprofile.ANSI256.Convert(c)
			if r, g, b, _ := near.RGBA(); r != g || g != b {
				t.Errorf("%s: %s becomes %v", name, what, near)
			}
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;:]*)m")

// Without colours only weight and reverse are used.
func TestNoneHasNoColour(t *testing.T) {
	t.Parallel()
	th := New("none", true, false)
	for r := range roles {
		for _, s := range []string{th.Paint(r, "x"), th.PaintCursor(r, "x")} {
			for _, m := range sgr.FindAllStringSubmatch(s, -1) {
				for _, p := range strings.Split(m[1], ";") {
					if !slices.Contains([]string{"", "0", "1", "2", "4", "7"}, p) {
						t.Errorf("role %d: %q", r, s)
					}
				}
			}
		}
	}
}

func TestAuto(t *testing.T) {
	t.Parallel()
	if New("auto", true, false).Name() != "dark" || New("auto", false, false).Name() != "light" {
		t.Error("auto does not follow the background")
	}
	if New("light", true, false).Name() != "light" {
		t.Error("a chosen theme follows the background")
	}
	if New("no such", true, false).Name() != "dark" {
		t.Error("an unknown theme is not auto")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if err := Check(name); err != nil {
			t.Error(err)
		}
	}
	if err := Check("pink"); err == nil || !strings.Contains(err.Error(), "colour-blind") {
		t.Errorf("%v", err)
	}
}

// ASCII symbols are ASCII, none is missing in either set, and each is as wide as its brother is meant to be.
func TestSymbols(t *testing.T) {
	t.Parallel()
	ascii, unicode := reflect.ValueOf(New("dark", true, true).Symbols), reflect.ValueOf(New("dark", true, false).Symbols)
	for i := range ascii.NumField() {
		name := ascii.Type().Field(i).Name
		if ascii.Field(i).Kind() != reflect.String {
			continue
		}
		a, u := ascii.Field(i).String(), unicode.Field(i).String()
		if a == "" || u == "" {
			t.Errorf("%s is missing", name)
		}
		if strings.ContainsFunc(a, func(r rune) bool { return r > 0x7e || r < 0x20 }) {
			t.Errorf("%s is not ASCII: %q", name, a)
		}
		if ansi.StringWidthWc(u) != 1 {
			t.Errorf("%s is not one cell: %q", name, u)
		}
	}
	s := New("dark", true, true).Symbols
	states := []string{s.Up, s.Slow, s.Down, s.Trouble, s.Asking}
	slices.Sort(states)
	if len(slices.Compact(states)) != 5 {
		t.Errorf("two states have one symbol: %q", states)
	}
	for _, s := range []Symbols{s, New("dark", true, false).Symbols} {
		parts := []string{s.Past, s.Held, s.Uncertain, s.Kept, s.Gap, s.Onward, s.Now}
		slices.Sort(parts)
		if len(slices.Compact(parts)) != 7 {
			t.Errorf("two parts of the timeline have one symbol: %q", parts)
		}
	}
}
