package uitest

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Deadlines of Until. In virtual time a minute costs little; in real time the machine may be busy.
const (
	virtualPatience = 3 * time.Minute
	realPatience    = 30 * time.Second
)

// Screen is what stands on the screen, without colours and without blanks at the ends of lines.
func (x *Terminal) Screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text()
}

// text is Screen with mu held.
func (x *Terminal) text() string {
	lines := make([]string, x.emu.Height())
	for y := range lines {
		var b strings.Builder
		for c := 0; c < x.emu.Width(); c++ {
			cell := x.emu.CellAt(c, y)
			switch {
			case cell == nil || cell.Content == "":
				if cell == nil || cell.Width > 0 {
					b.WriteByte(' ')
				}
			default:
				b.WriteString(cell.Content)
			}
		}
		lines[y] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(lines, "\n")
}

// Styled is the screen with its colours, as escape sequences.
func (x *Terminal) Styled() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.emu.Render(), "\r\n", "\n")
}

// Line is the first line of the screen that holds every part; the test fails without one.
func (x *Terminal) Line(parts ...string) string {
	x.t.Helper()
	screen := x.Screen()
	for line := range strings.Lines(screen) {
		if holdsAll(line, parts) {
			return strings.TrimSuffix(line, "\n")
		}
	}
	x.t.Fatalf("no line holds %q:\n%s", parts, screen)
	return ""
}

// Style is how the first cell of text on the screen is drawn, as an escape sequence; the test fails when it is not there.
func (x *Terminal) Style(text string) string {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	want := strings.Split(text, "")
	for y := range x.emu.Height() {
		for c := 0; c+len(want) <= x.emu.Width(); c++ {
			if x.at(c, y, want) {
				return x.emu.CellAt(c, y).Style.String()
			}
		}
	}
	x.t.Fatalf("%q is not on the screen:\n%s", text, x.text())
	return ""
}

// at reports whether the cells from (c, y) on hold want.
func (x *Terminal) at(c, y int, want []string) bool {
	for i, r := range want {
		if cell := x.emu.CellAt(c+i, y); cell == nil || cell.Content != r {
			return false
		}
	}
	return true
}

// Title is the window's title.
func (x *Terminal) Title() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.title
}

// Raw is every byte that the program has written.
func (x *Terminal) Raw() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

var osc52 = regexp.MustCompile("\x1b\\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\\\)")

// Clipboard is what was copied last, by OSC 52; empty when nothing was.
func (x *Terminal) Clipboard() string {
	x.t.Helper()
	all := osc52.FindAllStringSubmatch(x.Raw(), -1)
	if len(all) == 0 {
		return ""
	}
	text, err := base64.StdEncoding.DecodeString(all[len(all)-1][1])
	if err != nil {
		x.t.Fatalf("the clipboard holds no base64: %v", err)
	}
	return string(text)
}

func holdsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// Until waits until one line of the screen holds all parts.
func (x *Terminal) Until(parts ...string) *Terminal {
	x.t.Helper()
	x.wait(fmt.Sprintf("a line with %q", parts), func() bool {
		for line := range strings.Lines(x.text()) {
			if holdsAll(line, parts) {
				return true
			}
		}
		return false
	})
	return x
}

// UntilGone waits until no line of the screen holds all parts.
func (x *Terminal) UntilGone(parts ...string) *Terminal {
	x.t.Helper()
	x.wait(fmt.Sprintf("no line with %q", parts), func() bool {
		for line := range strings.Lines(x.text()) {
			if holdsAll(line, parts) {
				return false
			}
		}
		return true
	})
	return x
}

// UntilMatch waits until the screen matches.
func (x *Terminal) UntilMatch(pattern string) *Terminal {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	x.wait("a match of "+pattern, func() bool { return re.MatchString(x.text()) })
	return x
}

// UntilNoMatch waits until the screen does not match.
func (x *Terminal) UntilNoMatch(pattern string) *Terminal {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	x.wait("no match of "+pattern, func() bool { return !re.MatchString(x.text()) })
	return x
}

// Never fails the test when a part is on the screen now.
func (x *Terminal) Never(parts ...string) *Terminal {
	x.t.Helper()
	screen := x.Screen()
	for _, p := range parts {
		if strings.Contains(screen, p) {
			x.t.Errorf("%q is on the screen:\n%s", p, screen)
		}
	}
	return x
}

// wait returns when holds does, which is asked with mu held, at once and after each write to the screen.
func (x *Terminal) wait(what string, holds func() bool) {
	x.t.Helper()
	patience := realPatience
	if x.virtual {
		patience = virtualPatience
	}
	late := false
	x.mu.Lock()
	defer x.mu.Unlock()
	timer := time.AfterFunc(patience, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		late = true
		x.wake.Broadcast()
	})
	defer timer.Stop()
	for !holds() {
		if late || x.over {
			x.t.Fatalf("waited in vain for %s (ended: %v, code %d, errors %q)\n%s", what, x.over, x.code, x.errs, x.text())
		}
		x.wake.Wait()
	}
}
