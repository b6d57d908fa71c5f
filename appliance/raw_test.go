package appliance_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/appliance"
)

func lines(raw string) []string {
	out := []string{}
	for _, l := range appliance.RawAnswer([]byte(raw)).Lines() {
		out = append(out, l.String())
	}
	return out
}

func TestRawLines(t *testing.T) {
	long := strings.Repeat("x", appliance.MessageLimit+50)
	cases := []struct {
		name, raw string
		want      []string
	}{
		{"nothing", "", []string{}},
		{"JSON is indented", `{"b":1,"a":[]}` + "\n", []string{"{", `  "b": 1,`, `  "a": []`, "}"}},
		{"JSON keeps its spelling", `{"m":"<a & b>","n":1.50}`, []string{"{", `  "m": "<a & b>",`, `  "n": 1.50`, "}"}},
		{"duplicate keys stay to be seen", `{"a":1,"a":2}`, []string{"{", `  "a": 1,`, `  "a": 2`, "}"}},
		{"JSON lets C1 and bidi through", "[\"\u009b31m\u202e\"]", []string{"[", `  "▯31m▯"`, "]"}},
		{"cut JSON as it stands", `{"a":`, []string{`{"a":`}},
		{"XML", "<a>\r\n\t<b/>\r\n</a>\r\n", []string{"<a>", "  <b/>", "</a>"}},
		{"CR inside a line", "a\rb\n", []string{"a␍b"}},
		{"escape sequences", "\x1b[2J\n\x1b]0;x", []string{"␛[2J", "␛]0;x"}},
		{"an empty line between", "a\n\nb", []string{"a", "", "b"}},
		{"a long line", long, []string{strings.Repeat("x", appliance.MessageLimit-1) + "…"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := lines(c.raw); !slices.Equal(got, c.want) {
				t.Errorf("Lines of %.60q = %.300q, want %.300q", c.raw, got, c.want)
			}
		})
	}
}

// TestFault_DAT02_NestedAnswerIsNotIndented: indenting 10,000 levels would make 200 MB of blanks from 20 kB.
func TestFault_DAT02_NestedAnswerIsNotIndented(t *testing.T) {
	const deep = 9000
	raw := strings.Repeat("[", deep) + strings.Repeat("]", deep)
	got := lines(raw)
	if len(got) != 1 || utf8.RuneCountInString(got[0]) != appliance.MessageLimit {
		t.Errorf("%d lines from %d levels", len(got), deep)
	}
	flat := lines("[" + strings.Repeat(`"[[[",`, 200) + `"]\"["]`)
	if len(flat) != 203 {
		t.Errorf("brackets inside strings are no levels: %d lines", len(flat))
	}
}

func TestRawIsNotPrintable(t *testing.T) {
	r := appliance.RawAnswer([]byte("\x1b[31mpage"))
	type row struct{ Raw appliance.Raw }
	for _, s := range []string{fmt.Sprint(r), fmt.Sprintf("%s", r), fmt.Sprintf("%+v", row{r}), fmt.Sprintf("%q", row{r})} {
		if strings.Contains(s, "page") || strings.Contains(s, "\x1b") || !strings.Contains(s, "9 bytes") {
			t.Errorf("printed as %q", s)
		}
	}
	if r.Empty() || !(appliance.Raw{}).Empty() {
		t.Error("Empty is wrong")
	}
}

func FuzzRawLines(f *testing.F) {
	f.Add([]byte(`{"a":["\u001b[31m",null,{"b":1e9}]}`))
	f.Add([]byte("<a>\r\n\u2028\x1b[31m</a>"))
	f.Add(bytes.Repeat([]byte("["), 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, l := range appliance.RawAnswer(b).Lines() {
			if problem := dirty(l.String()); problem != "" {
				t.Errorf("line %d of %q: %s", i, b, problem)
			}
		}
	})
}
