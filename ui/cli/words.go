package cli

import (
	"errors"
	"regexp"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// quoted is a text as %q writes it.
const quoted = `"(?:[^"\\]|\\.)*"`

// plain puts what Go says of its own into words, and takes away which system call said it.
var plain = []struct {
	of *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`exec: ("[^"]*"): executable file not found in \$PATH`), "there is no command $1 in $$PATH"},
	{regexp.MustCompile(`exec: ("[^"]*"): (stat [^:]*: )?`), "$1: "},
	{regexp.MustCompile(`strconv\.Parse(Int|Uint|Float): parsing ` + quoted + `: value out of range`), "it is too large"},
	{regexp.MustCompile(`strconv\.ParseFloat: parsing ` + quoted + `: invalid syntax`), "it is not a number"},
	{regexp.MustCompile(`strconv\.ParseInt: parsing ` + quoted + `: invalid syntax`), "it is not a whole number"},
	{regexp.MustCompile(`strconv\.ParseUint: parsing ` + quoted + `: invalid syntax`), "it is not a whole number of 0 or more"},
	{regexp.MustCompile(`strconv\.ParseBool: parsing ` + quoted + `: invalid syntax`), "it is neither true nor false"},
	{regexp.MustCompile(`(stopped waiting: )?context deadline exceeded`), "the time for it was over"},
	{regexp.MustCompile(`context canceled`), "it was ended"},
	{regexp.MustCompile(`\b(dial|read|write) (tcp|udp)[46]? [^ ]+: (connect: )?`), ""},
	{regexp.MustCompile(`\b(mkdir|open|stat|lstat|read|write|chmod|rename|fork/exec) (/[^:]*): `), "$2: "},
}

// wording is an error with other words for it.
type wording struct {
	text string
	of   error
}

func (w *wording) Error() string { return w.text }
func (w *wording) Unwrap() error { return w.of }

// words is an error as an operator reads it, as on the screen. Every error that a command ends with, and whatever else of an
// error reaches stderr, goes through here. A configuration has a line for each mistake.
func words(err error) string {
	var sig Interrupted
	text := err.Error()
	if errors.As(err, &sig) && errors.Is(err, fleet.ErrStopped) {
		text = "stopped waiting: " + sig.Error()
	}
	for _, p := range plain {
		text = p.of.ReplaceAllString(text, p.to)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = appliance.Words(strings.ReplaceAll(line, "\t", "    ")).String()
	}
	return strings.Join(lines, "\n")
}
