package dialog

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"
	"time"

	"holdfast/ui/widget"
)

// ParseSpan reads a duration as people type it: 20m, 1h30m, 90s; a bare number is minutes. It must be whole seconds
// within the bounds.
func ParseSpan(s string, shortest, longest time.Duration) (time.Duration, error) {
	allowed := allowed(shortest, longest)
	text := strings.ReplaceAll(s, " ", "")
	if text == "" {
		return 0, fmt.Errorf("how long: %s", allowed)
	}
	if strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0 {
		text += "m"
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && duration.MatchString(text): // more than can be counted
		return 0, fmt.Errorf("%s is out of range: %s", text, allowed)
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration: %s", s, allowed)
	case d < shortest || d > longest:
		return 0, fmt.Errorf("%s is out of range: %s", widget.Span(d), allowed)
	case d%time.Second != 0:
		return 0, fmt.Errorf("%q is not whole seconds: %s", s, allowed)
	}
	return d, nil
}

// allowed is the bounds of a duration in words.
func allowed(shortest, longest time.Duration) string {
	return fmt.Sprintf("from %s to %s, like 20m or 1h30m", widget.Span(shortest), widget.Span(longest))
}

// duration is what is written like one, however large.
var duration = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?(h|m|s|ms))+$`)

// NewCode makes the four characters that a dangerous dialog wants typed; none looks like another and none is y or n.
func NewCode() string {
	const letters = "abcdefghjkmpqrstuvwxz23456789"
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

// SameCode reports whether what was typed is the code; case does not matter.
func SameCode(typed, code string) bool {
	return code != "" && subtle.ConstantTimeCompare([]byte(strings.ToLower(typed)), []byte(strings.ToLower(code))) == 1
}
