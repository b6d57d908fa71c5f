package escape

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// terminal is a keyboard and our reader of it: a pipe, to which a terminal would only add its line discipline.
func terminal(t *testing.T) (keyboard *os.File, r io.Reader) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), out.Close() })
	return out, Reader(in)
}

// read is what one Read brings after keys were pressed.
func read(t *testing.T, keyboard io.Writer, r io.Reader, keys string) string {
	t.Helper()
	if _, err := io.WriteString(keyboard, keys); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// An escape that nothing follows is named; sequences and everything else come through as they are.
func TestLoneEscape(t *testing.T) {
	t.Parallel()
	keyboard, r := terminal(t)
	for keys, want := range map[string]string{
		"\x1b": "\x1b[27u", "a\x1b": "a\x1b[27u", "\x1b\x1b": "\x1b\x1b[27u", "\x1b[A": "\x1b[A", "\x1bOP": "\x1bOP", "a": "a", "\x1ba": "\x1ba",
		"\x1b[200~paste\x1b[201~": "\x1b[200~paste\x1b[201~",
	} {
		if got := read(t, keyboard, r, keys); got != want {
			t.Errorf("%q came as %q, want %q", keys, got, want)
		}
	}
}

// An escape that was cut off from its sequence is left alone when the rest is there in time.
func TestCutSequence(t *testing.T) {
	t.Parallel()
	keyboard, r := terminal(t)
	if _, err := io.WriteString(keyboard, "\x1b[A"); err != nil {
		t.Fatal(err)
	}
	all := ""
	for range 3 {
		buf := make([]byte, len(named)) // room for one byte at a time
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		all += string(buf[:n])
	}
	if all != "\x1b[A" {
		t.Errorf("it came as %q", all)
	}
}

// The end of the input is told, and what has no descriptor is read as it is.
func TestOthers(t *testing.T) {
	t.Parallel()
	keyboard, r := terminal(t)
	if err := keyboard.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 16)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
	words := strings.NewReader("\x1b")
	if Reader(words) != io.Reader(words) {
		t.Error("what is no file is wrapped")
	}
}

// A terminal is still known as one, so that Bubble Tea can make it raw and stop reading.
func TestTerminalStaysOne(t *testing.T) {
	t.Parallel()
	outer, inner, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = outer.Close(), inner.Close() })
	f, ok := Reader(inner).(file)
	if !ok || f.Fd() != inner.Fd() || f.Name() != inner.Name() {
		t.Errorf("it became %T", f)
	}
}
