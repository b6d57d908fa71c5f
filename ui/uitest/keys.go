package uitest

import (
	"fmt"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// frames is a little more than two frames of the program (12 a second), and more than a lone escape waits for what could
// follow it.
const frames = 200 * time.Millisecond

// sequences is what a terminal sends for keys that are not one character.
var sequences = map[string]string{
	"enter": "\r", "esc": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "backspace": "\x7f", "space": " ",
	"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
	"pgup": "\x1b[5~", "pgdown": "\x1b[6~", "insert": "\x1b[2~", "f1": "\x1bOP",
}

// sequence is the bytes of one key.
func sequence(key string) (string, error) {
	if s, ok := sequences[key]; ok {
		return s, nil
	}
	if len(key) == len("ctrl+x") && key[:5] == "ctrl+" && key[5] >= 'a' && key[5] <= 'z' {
		return string(rune(key[5] - 'a' + 1)), nil
	}
	if utf8.RuneCountInString(key) == 1 {
		return key, nil
	}
	return "", fmt.Errorf("there is no key %q", key)
}

// Press presses keys, one after the other, as Bubble Tea names them, and lets the program draw after each.
func (x *Terminal) Press(keys ...string) *Terminal {
	x.t.Helper()
	for _, k := range keys {
		s, err := sequence(k)
		if err != nil {
			x.t.Fatal(err)
		}
		x.Send(s)
		x.settle()
	}
	return x
}

// Storm presses keys as fast as a held key or a stuck one does: all of them arrive at once.
func (x *Terminal) Storm(keys ...string) *Terminal {
	x.t.Helper()
	all := ""
	for _, k := range keys {
		s, err := sequence(k)
		if err != nil {
			x.t.Fatal(err)
		}
		all += s
	}
	x.Send(all)
	x.settle()
	return x
}

// Type types text.
func (x *Terminal) Type(text string) *Terminal {
	x.t.Helper()
	for _, r := range text {
		x.Send(string(r))
	}
	x.settle()
	return x
}

// Paste pastes text as a terminal does that knows bracketed paste.
func (x *Terminal) Paste(text string) *Terminal {
	x.t.Helper()
	x.Send("\x1b[200~" + text + "\x1b[201~")
	x.settle()
	return x
}

// Send sends bytes as they are, as a terminal's own reports come.
func (x *Terminal) Send(s string) { _, _ = x.in.Write([]byte(s)) } // a queue takes everything

// Resize changes the terminal's size and reports it.
func (x *Terminal) Resize(w, h int) *Terminal {
	x.t.Helper()
	x.mu.Lock()
	x.emu.Resize(w, h)
	x.mu.Unlock()
	x.Send(fmt.Sprintf("\x1b[48;%d;%d;0;0t", h, w))
	x.settle()
	return x
}

// settle lets the program take what was sent and draw. In real time the screen itself is waited for, by Until.
func (x *Terminal) settle() {
	if x.virtual {
		<-time.After(frames)
		synctest.Wait()
	}
}
