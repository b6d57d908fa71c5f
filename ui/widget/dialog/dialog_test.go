package dialog

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/appliance/policy"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// press presses keys and returns what the last one did.
func press(d *Dialog, keys ...string) Outcome {
	codes := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
		"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "backspace": {Code: tea.KeyBackspace},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+y": {Code: 'y', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	}
	var o Outcome
	for _, k := range keys {
		msg, ok := codes[k]
		if !ok {
			msg = tea.KeyPressMsg{Code: rune(k[0]), Text: k}
		}
		o = d.Press(msg)
	}
	return o
}

func ask(risk policy.Risk) Spec {
	return Spec{Title: "Release UP", Opener: "r", Verb: "release", Code: "k7qp", Risk: func(Values) policy.Risk { return risk },
		Action: func(v Values) any { return v }, Calls: func(Values) []appliance.Call { return []appliance.Call{{Method: "DELETE", URL: "https://a/x"}} }}
}

func screen(d *Dialog, w, h int) string {
	f := widget.Frame{Theme: theme.New("dark", true, false)}
	return ansi.Strip(strings.Join(d.View(f, w, h), "\n"))
}

// The usual answer is No: enter closes and does nothing.
func TestDefaultIsNo(t *testing.T) {
	t.Parallel()
	if o := press(New(ask(policy.RiskAsk)), "enter"); !o.Close || o.Action != nil {
		t.Errorf("%+v", o)
	}
}

func TestYes(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{"y"}, {"right", "enter"}, {"tab", "enter"}, {"l", "enter"}, {"h", "right", "left", "enter"}} {
		if o := press(New(ask(policy.RiskAsk)), keys...); !o.Close || o.Action == nil {
			t.Errorf("%q: %+v", keys, o)
		}
	}
	for _, keys := range [][]string{{"n"}, {"esc"}, {"ctrl+c"}, {"right", "left", "enter"}, {"right", "n"}, {"right", "esc"}} {
		if o := press(New(ask(policy.RiskAsk)), keys...); !o.Close || o.Action != nil {
			t.Errorf("%q: %+v", keys, o)
		}
	}
	for _, keys := range [][]string{{"r"}, {"x"}, {"right"}, {"a", "b", "c"}} {
		if o := press(New(ask(policy.RiskAsk)), keys...); o.Close || o.Action != nil {
			t.Errorf("%q: %+v", keys, o)
		}
	}
}

// The key that opened a dialog never confirms it (faults.md TRM-03), even when it is remapped to y or enter.
func TestFault_TRM03_OpenerNeverConfirms(t *testing.T) {
	t.Parallel()
	for _, opener := range []string{"y", "enter"} {
		s := ask(policy.RiskAsk)
		s.Opener = opener
		if o := press(New(s), "right", opener); o.Action != nil {
			t.Errorf("%s: %+v", opener, o)
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	for typed, good := range map[string]bool{"k7qp": true, "K7QP": true, " k7qp": true, "k7q": false, "k7qpx": false, "": false, "y": false, "yes!": false} {
		d := New(ask(policy.RiskCode))
		o := press(d, append(strings.Split(typed, ""), "enter")...)
		if typed == "" {
			o = press(d, "enter")
		}
		if (o.Action != nil) != good {
			t.Errorf("%q: %+v", typed, o)
		}
		if !good && (o.Close || !strings.Contains(screen(d, 80, 24), "that is not the code")) {
			t.Errorf("%q: %s", typed, screen(d, 80, 24))
		}
	}
	d := New(ask(policy.RiskCode))
	d.Paste("k7qp")
	if o := press(d, "enter"); o.Action != nil {
		t.Error("a pasted code confirms")
	}
	s := ask(policy.RiskCode)
	s.Code = ""
	if o := press(New(s), "enter"); o.Action != nil {
		t.Error("no code at all confirms")
	}
}

func destinations() Spec {
	s := ask(policy.RiskAsk)
	s.Options = []Option{{Value: "internal", Label: "internal", WhyNot: "it lies there already"}, {Value: "/mnt/a", Label: "/mnt/a"}, {Value: "/mnt/b", Label: "/mnt/b"}}
	s.Typed = "a mount point"
	s.Check = func(typed string) error {
		if !strings.HasPrefix(typed, "/") {
			return errors.New("type a path")
		}
		return nil
	}
	return s
}

func TestChoosing(t *testing.T) {
	t.Parallel()
	for want, keys := range map[string][]string{
		"/mnt/a": {"enter", "y"}, "/mnt/b": {"down", "enter", "y"}, "/mnt/nas": append(strings.Split("/mnt/nas", ""), "enter", "y"),
		"/mnt/b ": {"b", "enter", "y"}, " /mnt/a": {"down", "up", "enter", "esc", "enter", "y"},
	} {
		o := press(New(destinations()), keys...)
		if v, ok := o.Action.(Values); !ok || v.Choice != strings.TrimSpace(want) {
			t.Errorf("%q: %+v", keys, o)
		}
	}
	for problem, keys := range map[string][]string{"it lies there already": {"up", "enter"}, "type a path": {"z", "enter"}} {
		d := New(destinations())
		if o := press(d, keys...); o.Close || !strings.Contains(screen(d, 80, 24), problem) {
			t.Errorf("%q: %s", keys, screen(d, 80, 24))
		}
	}
}

// What needs neither choice nor confirmation is done at once; a span is checked first.
func TestSpanField(t *testing.T) {
	t.Parallel()
	s := ask(policy.RiskNone)
	s.Span = &Span{Label: "for", Start: 20 * time.Minute, Min: time.Minute, Max: time.Hour}
	if o := press(New(s), "enter"); o.Action != (Values{Span: 20 * time.Minute}) {
		t.Errorf("%+v", o)
	}
	if o := press(New(s), "ctrl+u", "4", "5", "m", "enter"); o.Action != (Values{Span: 45 * time.Minute}) {
		t.Errorf("%+v", o)
	}
	d := New(s)
	if o := press(d, "ctrl+u", "2", "h", "enter"); o.Close || !strings.Contains(screen(d, 80, 24), "out of range") {
		t.Errorf("%+v %s", o, screen(d, 80, 24))
	}
	s.Options = []Option{{Value: "UP", Label: "UP Updates"}}
	if o := press(New(s), "u", "p", "tab", "backspace", "backspace", "backspace", "9", "tab", "enter"); o.Action != (Values{Choice: "UP", Span: 9 * time.Minute}) {
		t.Errorf("%+v", o)
	}
}

// A dialog that was disarmed answers to nothing but leaving it.
func TestFault_JOB10_Disarmed(t *testing.T) {
	t.Parallel()
	for _, risk := range []policy.Risk{policy.RiskAsk, policy.RiskCode} {
		d := New(ask(risk))
		d.Disarm("it is gone")
		for _, k := range []string{"y", "right", "enter", "k", "7", "q", "p", "enter", "Y"} {
			if o := press(d, k); o.Close || o.Action != nil {
				t.Fatalf("%s: %+v", k, o)
			}
		}
		if s := screen(d, 80, 24); !strings.Contains(s, "it is gone") || strings.Contains(s, "k7qp") || strings.Contains(s, "Yes") {
			t.Errorf("%s", s)
		}
		if o := press(d, "esc"); !o.Close {
			t.Error("it cannot be left")
		}
	}
}

func TestCopyAsCurl(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"Y", "ctrl+y"} {
		if o := press(New(ask(policy.RiskAsk)), key); o.Close || o.Copy != "curl -X DELETE https://a/x\n" {
			t.Errorf("%s: %+v", key, o)
		}
	}
}

// A dialog is as wide in every line, whatever room it has, and never larger than that.
func TestViewFits(t *testing.T) {
	t.Parallel()
	s := destinations()
	s.Intro = []string{"A long sentence that has to be wrapped, about what will be done and to what, with 漢字 in it."}
	s.Warn = func(Values) string { return "There is no way back from this, whatever one may wish for later." }
	s.Risk = func(Values) policy.Risk { return policy.RiskCode }
	for _, keys := range [][]string{nil, {"enter"}, {"z", "enter"}} {
		for w := 20; w < 120; w += 3 {
			for h := 4; h < 40; h++ {
				d := New(s)
				press(d, keys...)
				lines := d.View(widget.Frame{Theme: theme.New("none", true, true)}, w, h)
				if len(lines) > h {
					t.Fatalf("%dx%d: %d lines", w, h, len(lines))
				}
				for _, l := range lines {
					if got := ansi.StringWidthWc(l); got > w || got != ansi.StringWidthWc(lines[0]) {
						t.Fatalf("%dx%d: a line is %d wide: %q", w, h, got, l)
					}
				}
			}
		}
	}
}

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"20m": 20 * time.Minute, "20": 20 * time.Minute, " 20 m ": 20 * time.Minute, "1h30m": 90 * time.Minute, "90s": 90 * time.Second, "1.5h": 90 * time.Minute,
		"60s": time.Minute, "24h": 24 * time.Hour,
	} {
		if got, err := ParseSpan(s, time.Minute, 24*time.Hour); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", " ", "soon", "59s", "24h1s", "-20m", "1m0.5s", "20 minutes", "1e9", "99999999999999999999", "m", "0", "20m\x1b"} {
		if got, err := ParseSpan(s, time.Minute, 24*time.Hour); err == nil {
			t.Errorf("%q is %v", s, got)
		} else if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the error holds a control: %q", err)
		}
	}
}

func FuzzParseSpan(f *testing.F) {
	for _, s := range []string{"20m", "1h30m", "5", "", "1d", "\x00", "9999999999h", "1m1m1m", "+5m", "١٢m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseSpan(s, time.Minute, 24*time.Hour)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if d < time.Minute || d > 24*time.Hour || d%time.Second != 0 {
			t.Errorf("%q is %v", s, d)
		}
		if again, err := ParseSpan(widget.Span(d), time.Minute, 24*time.Hour); err != nil || again != d {
			t.Errorf("%q is %v, written %q, which is %v %v", s, d, widget.Span(d), again, err)
		}
	})
}

// Codes are four characters that are told apart at a glance, and none is like the one before.
func TestNewCode(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		c := NewCode()
		if len(c) != 4 || strings.ContainsAny(c, "01iloyn") {
			t.Fatalf("code %q", c)
		}
		seen[c] = true
	}
	if len(seen) < 190 {
		t.Errorf("only %d different codes of 200", len(seen))
	}
	if !SameCode("AB12", "ab12") || SameCode("", "") {
		t.Error("codes are compared wrongly")
	}
}
