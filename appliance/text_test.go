package appliance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
)

// cleaned pairs raw words with what may reach a terminal.
var cleaned = []struct{ name, raw, want string }{
	{"plain ASCII", "nightly-1121 (v4.1.0)", "nightly-1121 (v4.1.0)"},
	{"letters of other scripts", "Zürich · резерв · 予備", "Zürich · резерв · 予備"},
	{"CSI colour", "\x1b[31mred\x1b[0m", "␛[31mred␛[0m"},
	{"OSC title without an end", "\x1b]0;owned", "␛]0;owned"},
	{"OSC 8 hyperlink", "\x1b]8;;http://x\x07y\x1b]8;;\x07", "␛]8;;http://x␇y␛]8;;␇"},
	{"CR overwrites", "failed\rdone  ", "failed␍done  "},
	{"BS erases", "no\b\byes", "no␈␈yes"},
	{"LF makes a row", "a\nb", "a␊b"},
	{"TAB jumps", "a\tb", "a␉b"},
	{"NUL", "a\x00b", "a␀b"},
	{"DEL", "a\x7fb", "a␡b"},
	{"C1 CSI", "a\u009b31mb", "a▯31mb"},
	{"C1 OSC, NEL, PAD", "\u009d0;x\u009c\u0085\u0080", "▯0;x▯▯▯"},
	{"C1 as a bare byte", "a\x9b31m", "a\ufffd31m"},
	{"bidi override", "a\u202egpj.exe\u202c", "a▯gpj.exe▯"},
	{"bidi isolates and marks", "\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c", "▯a▯b▯c▯▯▯▯"},
	{"zero-width joiner", "👩\u200d💻", "👩▯💻"},
	{"zero-width space, non-joiner, BOM, word joiner", "a\u200bb\u200cc\ufeffd\u2060e", "a▯b▯c▯d▯e"},
	{"soft hyphen", "a\u00adb", "a▯b"},
	{"variation selectors", "❤\ufe0f a\ufe00 b\U000e0100", "❤▯ a▯ b▯"},
	{"Mongolian selectors", "a\u180b\u180e\u180f", "a▯▯▯"},
	{"tag characters", "ok\U000e0001\U000e0061\U000e007f", "ok▯▯▯"},
	{"Hangul fillers", "\u115f\u1160\u3164\uffa0", "▯▯▯▯"},
	{"Khmer inherent vowels, joiner, blank braille", "\u17b4\u17b5a\u034f\u2800", "▯▯a▯▯"},
	{"blank letters and symbols", "\U0001d159\U00013441\U00013442", "▯▯▯"},
	{"line and paragraph separators", "a\u2028b\u2029c", "a▯b▯c"},
	{"no-break and wide spaces", "a\u00a0b\u3000c\u2007d\u202fe\u1680f", "a b c d e f"},
	{"invalid UTF-8", "a\xffb\xc3(\xe2\x82", "a\ufffdb\ufffd(\ufffd\ufffd"},
	{"surrogate halves and overlong forms", "\xed\xa0\x80\xc0\xaf", strings.Repeat("\ufffd", 5)},
	{"private use", "\ue000\U000f0000\U0010fffd", "▯▯▯"},
	{"noncharacters and unassigned", "\ufdd0\uffff\u0378", "▯▯▯"},
	{"annotation and shorthand controls", "\ufff9\ufffb\U0001bca0\U0001d173", "▯▯▯▯"},
	{"two marks are a letter", "e\u0323\u0302", "e\u0323\u0302"},
	{"three marks are a flood", "e\u0323\u0302\u0301", "e\u0323\u0302▯"},
	{"enclosing marks count", "e\u20dd\u20de\u20e0", "e\u20dd\u20de▯"},
	{"a mark has nothing of ours to stand on", "\u0301a", "▯a"},
	{"a composed syllable of jamo", "\u1112\u1161\u11ab", "\u1112\u1161\u11ab"},
	{"a flood of vowel jamo", "\u1112\u1161\u1161\u1161", "\u1112\u1161\u1161▯"},
	{"a flood of old vowel jamo", "\u1112\ud7b0\ud7cb\ud7b0", "\u1112\ud7b0\ud7cb▯"},
}

func TestFault_DAT06_Table(t *testing.T) {
	for _, c := range cleaned {
		t.Run(c.name, func(t *testing.T) {
			got := appliance.Label(c.raw).String()
			if got != c.want {
				t.Errorf("Label(%q) = %q, want %q", c.raw, got, c.want)
			}
			checkClean(t, c.raw, appliance.LabelLimit)
		})
	}
}

// TestFault_DAT06_EveryRune cleans each rune that is assigned behind a letter, and those of the first blocks alone.
func TestFault_DAT06_EveryRune(t *testing.T) {
	var all strings.Builder
	const piece = 4096                   // runes to a word, so that this takes no time
	for r := rune(0); r < 0xf1000; r++ { // the rest is private use
		if r == 0x40000 {
			r = 0xe0000 // between the two nothing is assigned
		}
		all.WriteString("a" + string(r))
		if alone := appliance.Clean(string(r), 1).String(); r < 0x3000 && dirty(alone) != "" {
			t.Errorf("U+%04X alone: %s", r, dirty(alone))
		}
		if r%piece == piece-1 {
			if problem := dirty(appliance.Clean(all.String(), 2*piece).String()); problem != "" {
				t.Errorf("U+%04X to U+%04X: %s", r-piece+1, r, problem)
			}
			all.Reset()
		}
	}
}

func TestFault_DAT06_EveryByte(t *testing.T) {
	for b := range 256 {
		raw := "<" + string([]byte{byte(b)}) + ">"
		checkClean(t, raw, appliance.LabelLimit)
		if got := appliance.Label(raw).String(); !strings.HasPrefix(got, "<") || !strings.HasSuffix(got, ">") {
			t.Errorf("byte %#x took its neighbours along: %q", b, got)
		}
	}
}

func TestFault_DAT06_CombiningFlood(t *testing.T) {
	raw := "a" + strings.Repeat("\u0301", 10000)
	checkClean(t, raw, appliance.LabelLimit)
	if got := appliance.Label(raw).String(); strings.Count(got, "\u0301") > 2*strings.Count(got, "▯")+2 {
		t.Errorf("more than two marks to a base: %q", got)
	}
}

func TestFault_DAT06_Limits(t *testing.T) {
	cases := []struct {
		name, raw string
		limit     int
		want      string
	}{
		{"nothing may stay", "abc", 0, ""},
		{"a negative limit", "abc", -1, ""},
		{"only the ellipsis", "abc", 1, "…"},
		{"just fits", "abc", 3, "abc"},
		{"one too many", "abcd", 3, "ab…"},
		{"runes, not bytes", "äöü", 3, "äöü"},
		{"runes, one too many", "äöüß", 3, "äö…"},
		{"more bytes out than in", "\x1b\x1b\x1b", 3, "␛␛␛"},
		{"invalid bytes are a rune each", "\xff\xff\xff\xff", 3, "\ufffd\ufffd…"},
		{"no limit to speak of", "a\x1bb", math.MaxInt, "a␛b"},
		{"empty", "", 3, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := appliance.Clean(c.raw, c.limit).String(); got != c.want {
				t.Errorf("Clean(%q, %d) = %q, want %q", c.raw, c.limit, got, c.want)
			}
		})
	}
	for limit, clean := range map[int]func(string) appliance.Text{
		appliance.LabelLimit: appliance.Label, appliance.MessageLimit: appliance.Words,
	} {
		for _, unit := range []string{"x", "ü", "予", "\x1b", "\xff"} {
			got := clean(strings.Repeat(unit, limit+1)).String()
			if n := utf8.RuneCountInString(got); n != limit || !strings.HasSuffix(got, "…") {
				t.Errorf("%d of %q: %d runes, ends in %q", limit+1, unit, n, got[len(got)-3:])
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, c := range cleaned {
		f.Add(c.raw, 256)
		f.Add(c.raw, 2)
	}
	f.Add(strings.Repeat("\u0301", 300), 256)
	f.Add(strings.Repeat("🇩", 9)+"👍🏽👨\u200d👩\u200d👧", 20)
	f.Fuzz(func(t *testing.T, raw string, limit int) {
		checkClean(t, raw, limit%(appliance.MessageLimit+1))
	})
}

// checkClean asserts all that the sanitiser promises of any raw words.
func checkClean(t *testing.T, raw string, limit int) {
	t.Helper()
	out := appliance.Clean(raw, limit).String()
	if problem := dirty(out); problem != "" {
		t.Errorf("Clean(%q, %d) = %q: %s", raw, limit, out, problem)
	}
	if again := appliance.Clean(out, limit).String(); again != out {
		t.Errorf("not idempotent: %q, then %q", out, again)
	}
	if n := utf8.RuneCountInString(out); n > max(0, limit) {
		t.Errorf("%d runes, limit %d: %q", n, limit, out)
	}
	if w := ansi.StringWidth(out); w > 2*max(0, limit) {
		t.Errorf("%d cells, limit %d: %q", w, limit, out)
	}
	if stripped := ansi.Strip(out); stripped != out {
		t.Errorf("a terminal would take something of %q as a command; it would print %q", out, stripped)
	}
	if raw != "" && limit > 0 && out == "" {
		t.Errorf("%q vanished", raw)
	}
}

// dirty says what in s must not reach a terminal, empty when nothing.
func dirty(s string) string {
	if !utf8.ValidString(s) {
		return "invalid UTF-8"
	}
	marks := 3 // nothing to stand on
	for i, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp) {
			return fmt.Sprintf("control or format rune %U at %d", r, i)
		}
		if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return fmt.Sprintf("invisible rune %U at %d", r, i)
		}
		if unicode.Is(unicode.Zs, r) && r != ' ' {
			return fmt.Sprintf("space that is not a space %U at %d", r, i)
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > 2 {
			return fmt.Sprintf("mark without a base, or one too many, %U at %d", r, i)
		}
	}
	return ""
}

func TestTextIsWhatItPrints(t *testing.T) {
	x := appliance.Label("a\x1b<b>")
	if got := fmt.Sprintf("%s|%v", x, x); got != "a␛<b>|a␛<b>" {
		t.Errorf("formatted %q", got)
	}
	j, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(j, &back); err != nil || back != "a␛<b>" {
		t.Errorf("JSON %s reads back as %q, %v", j, back, err)
	}
	if x.Empty() || !(appliance.Text{}).Empty() || !appliance.Label("").Empty() {
		t.Error("Empty is wrong")
	}
}
