package transport

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe makes two ends of a connection in memory. Unlike net.Pipe a write does not wait for the reader, as on a real
// connection; two ends that say goodbye at once would otherwise wait for each other.
func pipe() (a, b net.Conn) {
	one, two := newHalf(), newHalf()
	return &end{in: one, out: two}, &end{in: two, out: one}
}

// half is one direction.
type half struct {
	mu       sync.Mutex
	buf      []byte
	closed   bool          // no more will be written
	failure  error         // what reading ends with once closed; nil: io.EOF
	deadline time.Time     // of reading
	changed  chan struct{} // closed whenever something above changed
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

func (h *half) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	close(h.changed)
	h.changed = make(chan struct{})
}

// take reads what there is; wait is what to wait for when there is nothing.
func (h *half) take(p []byte) (n int, err error, wait <-chan struct{}, deadline time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.deadline.IsZero() && !time.Now().Before(h.deadline):
		return 0, os.ErrDeadlineExceeded, nil, time.Time{}
	case len(h.buf) > 0:
		n = copy(p, h.buf)
		h.buf = h.buf[n:]
		return n, nil, nil, time.Time{}
	case h.closed && h.failure != nil:
		return 0, h.failure, nil, time.Time{}
	case h.closed:
		return 0, io.EOF, nil, time.Time{}
	}
	return 0, nil, h.changed, h.deadline
}

// end is one end of a pipe.
type end struct {
	in, out *half
	once    sync.Once
	mu      sync.Mutex
	gone    bool
}

func (e *end) Read(p []byte) (int, error) {
	for {
		n, err, wait, deadline := e.in.take(p)
		if wait == nil {
			return n, err
		}
		var late <-chan time.Time
		var timer *time.Timer
		if !deadline.IsZero() {
			timer = time.NewTimer(time.Until(deadline))
			late = timer.C
		}
		select {
		case <-wait:
		case <-late:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

func (e *end) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return 0, net.ErrClosed
	}
	n, err := len(p), error(nil)
	e.out.change(func() {
		if e.out.closed {
			n, err = 0, io.ErrClosedPipe
			return
		}
		e.out.buf = append(e.out.buf, p...)
	})
	return n, err
}

func (e *end) Close() error {
	e.once.Do(func() {
		e.mu.Lock()
		e.gone = true
		e.mu.Unlock()
		for _, h := range []*half{e.in, e.out} {
			h.change(func() { h.closed = true })
		}
	})
	return nil
}

// reset closes the connection whose one end is c so that the other end learns of a reset.
func reset(c net.Conn) {
	e := c.(*end)
	e.out.change(func() { e.out.closed, e.out.failure = true, syscall.ECONNRESET })
	_ = e.Close()
}

func (e *end) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
func (e *end) RemoteAddr() net.Addr { return e.LocalAddr() }

func (e *end) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }
func (e *end) SetReadDeadline(t time.Time) error {
	e.in.change(func() { e.in.deadline = t })
	return nil
}
func (e *end) SetWriteDeadline(time.Time) error { return nil }
