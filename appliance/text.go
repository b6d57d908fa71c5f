package appliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many runes are kept of appliance-supplied words, by use (faults.md DAT-06).
const (
	LabelLimit   = 256
	MessageLimit = 4096
)

// Text is words that an appliance supplied, made safe to print: no control, format or invisible rune is in it. The zero
// value is empty. The only way to make one is to clean the raw words, so that forgetting to is a compile error.
type Text struct{ s string }

// Label cleans a short text: a name, a state, a version.
func Label(raw string) Text { return Clean(raw, LabelLimit) }

// Words cleans a message.
func Words(raw string) Text { return Clean(raw, MessageLimit) }

// Clean makes raw printable on one line and keeps at most limit runes, the last of which is then an ellipsis.
func Clean(raw string, limit int) Text {
	if limit <= 0 {
		return Text{}
	}
	if plain(raw) && len(raw) <= limit {
		return Text{raw}
	}
	limit = min(limit, len(raw))
	var b strings.Builder
	b.Grow(min(len(raw), 4*limit))
	runes, marks := 0, mostMarks // a mark at the beginning would land on what is printed before these words
	for _, r := range raw {
		if runes == limit {
			return Text{cutLast(b.String()) + "…"}
		}
		r, marks = standIn(r, marks)
		b.WriteRune(r)
		runes++
	}
	return Text{b.String()}
}

// plain reports whether s is nothing but printable ASCII, which is nearly always.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func cutLast(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[:len(s)-n]
}

// Stand-ins for what must not reach a terminal.
const (
	standInHidden = '▯' // a format, bidi, zero-width, private or unassigned rune
	mostMarks     = 2   // combining marks on one base; more of them paint over the neighbouring lines
)

// standIn returns what is printed for r, and the count of combining marks so far on the current base.
func standIn(r rune, marks int) (rune, int) {
	switch {
	case r == utf8.RuneError:
		return r, 0
	case r < 0x20:
		return 0x2400 + r, 0 // control pictures: ESC becomes ␛
	case r == 0x7f:
		return 0x2421, 0
	case invisible(r):
		return standInHidden, 0
	case unicode.Is(unicode.Zs, r):
		return ' ', 0
	case unicode.Is(unicode.M, r), conjoining(r):
		if marks >= mostMarks {
			return standInHidden, 0
		}
		return r, marks + 1
	case unicode.IsPrint(r):
		return r, 0
	default: // C1, format and bidi controls, line and paragraph separators, private use, unassigned
		return standInHidden, 0
	}
}

// conjoining tells the vowel and final jamo: letters that terminals paint into the cell before them, as they do marks.
func conjoining(r rune) bool { return 0x1161 <= r && r <= 0x11ff || 0xd7b0 <= r && r <= 0xd7ff }

// invisible tells the letters, marks and symbols that Unicode calls printable and that show nothing.
func invisible(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0, 0x13441, 0x13442, 0x16fe4, 0x1d159:
		return true
	}
	switch {
	case 0x180b <= r && r <= 0x180f, 0xfe00 <= r && r <= 0xfe0f, 0xe0000 <= r && r <= 0xe0fff:
		return true
	}
	return false
}

// String returns the printable words.
func (t Text) String() string { return t.s }

// Empty reports whether there are no words at all.
func (t Text) Empty() bool { return t.s == "" }

// MarshalJSON writes the printable words.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.s) }

// Raw is an answer as the appliance sent it. It is printable only line by line, through Lines.
type Raw struct{ b []byte }

// RawAnswer keeps b, which the caller must not change afterwards.
func RawAnswer(b []byte) Raw { return Raw{b} }

// Empty reports whether nothing was kept.
func (r Raw) Empty() bool { return len(r.b) == 0 }

// String says how much there is, so that a verb of fmt cannot let the bytes through.
func (r Raw) String() string { return fmt.Sprintf("[raw answer, %d bytes]", len(r.b)) }

// deepestIndent is how deep an answer may be nested and still be indented: blanks grow with the square of the depth.
const deepestIndent = 64

// Lines returns the answer as printable lines, JSON indented, each of at most MessageLimit runes; none for no answer.
func (r Raw) Lines() []Text {
	s := string(r.b)
	if json.Valid(r.b) && depth(r.b) <= deepestIndent {
		var pretty bytes.Buffer
		if json.Indent(&pretty, r.b, "", "  ") == nil {
			s = pretty.String()
		}
	}
	var lines []Text
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		lines = append(lines, Words(strings.ReplaceAll(line, "\t", "  ")))
	}
	return lines
}

// depth is how many arrays and objects of valid JSON lie within each other.
func depth(valid []byte) int {
	open, deepest, quoted := 0, 0, false
	for i := 0; i < len(valid); i++ {
		switch c := valid[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			open++
			deepest = max(deepest, open)
		case c == ']' || c == '}':
			open--
		}
	}
	return deepest
}

// Field is one attribute of something as the appliance told it, known to us or not.
type Field struct {
	Key   Text
	Value Text
}

// Attributes reads every attribute of something as the appliance told it, in order of key, whenever somebody looks: of the many
// things that are listed few are ever looked at so closely, and the answer itself says the same in less memory. Nil: none are known.
type Attributes func() []Field

// List reads them.
func (a Attributes) List() []Field {
	if a == nil {
		return nil
	}
	return a()
}
