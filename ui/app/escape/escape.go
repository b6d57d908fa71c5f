// Package escape tells a lone escape from the beginning of another key. A terminal sends both as the same byte, and Bubble Tea
// waits 50 ms for what may follow (ultraviolet terminal_reader.go:27, which bubbletea tty.go:74 takes without an option to set
// it). With the wait for the next drawing that is longer than a key may take (design.md 8), unless the terminal speaks the Kitty
// keyboard protocol, in which escape is a sequence of its own. So we wait for less, and then write that sequence.
package escape

import (
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// wait is for how long the rest of a sequence may fail to come, once its first byte is there. A terminal writes all of it at
// once; tmux waits as long by default. What comes later is taken for other keys, none of which does anything by itself.
const wait = 10 * time.Millisecond

// lone is a byte that begins every sequence, and alone what Kitty's protocol writes for it.
const (
	lone  = 0x1b
	named = "\x1b[27u"
)

// most is the highest descriptor that can be waited for.
const most = 1024

// file is what Bubble Tea knows a terminal by, and what it can stop reading.
type file interface {
	io.ReadWriteCloser
	Fd() uintptr
	Name() string
}

// Reader is r with lone escapes named as such when r is a terminal or another file; anything else is returned as it is.
func Reader(r io.Reader) io.Reader {
	if f, ok := r.(file); ok && f.Fd() < most {
		return reader{f}
	}
	return r
}

type reader struct{ file }

// Read reads what is there. When that ends in an escape and nothing follows in time, the escape is named.
func (r reader) Read(p []byte) (int, error) {
	if len(p) < len(named) {
		return r.file.Read(p)
	}
	n, err := r.file.Read(p[:len(p)-len(named)+1])
	if err != nil || n == 0 || p[n-1] != lone || r.more() {
		return n, err
	}
	return n - 1 + copy(p[n-1:], named), nil
}

// more waits for what may follow. When that cannot be told it says that something does, and Bubble Tea waits as it would.
func (r reader) more() bool {
	var set unix.FdSet
	set.Zero()
	set.Set(int(r.Fd()))
	left := unix.NsecToTimeval(int64(wait))
	n, err := unix.Select(int(r.Fd())+1, &set, nil, nil, &left)
	return n > 0 || err != nil
}
