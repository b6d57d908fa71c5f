package widget

import (
	"strings"
)

// plainly is what stands for our own signs where there is only ASCII.
var plainly = map[rune]string{'·': "|", '→': ">", '…': "~", '–': "-", '↑': "^", '↓': "v", '▯': "?", '−': "-"}

// ASCII writes a screen with ASCII alone, cell for cell; what has no stand-in becomes a question mark. Escape sequences are
// ASCII already and stay.
func ASCII(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case plainly[r] != "":
			b.WriteString(plainly[r])
		default:
			b.WriteString(strings.Repeat("?", Width(string(r))))
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
