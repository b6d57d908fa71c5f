package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// Pipe returns a listener in memory and the way to connect to it. Network and address that are dialled do not matter.
// Nothing in it is a socket, so that virtual time (testing/synctest) goes on. The server sees its callers under the name
// that As gave them, and a number.
func Pipe() (net.Listener, func(ctx context.Context, network, addr string) (net.Conn, error)) {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	return l, l.dial
}

// callerKey is the key of a caller's name in a context.
type callerKey struct{}

// As gives connections in memory that are dialled with the context a name, for the truth log.
func As(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

type pipeListener struct {
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
	dialed atomic.Int64
}

// Accept waits for the next connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and every later dial; connections stay.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is the same for every listener in memory.
func (l *pipeListener) Addr() net.Addr { return pipeAddr("pipe") }

func (l *pipeListener) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	name, named := ctx.Value(callerKey{}).(string)
	if !named {
		name = "pipe"
	}
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	caller := pipeAddr(name + ":" + strconv.FormatInt(l.dialed.Add(1), 10))
	var err error
	select {
	case l.conns <- &pipeConn{Conn: server, remote: caller, reset: reset}:
		return &pipeConn{Conn: client, remote: pipeAddr("pipe"), reset: reset}, nil
	case <-l.done:
		err = &net.OpError{Op: "dial", Net: network, Addr: pipeAddr("pipe"), Err: net.ErrClosed}
	case <-ctx.Done():
		err = &net.OpError{Op: "dial", Net: network, Addr: pipeAddr("pipe"), Err: ctx.Err()}
	}
	_ = client.Close() // closing a pipe never fails
	_ = server.Close()
	return nil, err
}

// pipeConn is one end of a connection in memory, which can be reset as a socket can.
type pipeConn struct {
	net.Conn
	remote pipeAddr
	reset  *atomic.Bool // shared by both ends
}

// Reset makes the other end find the connection reset once this one is closed.
func (c *pipeConn) Reset() { c.reset.Store(true) }

// RemoteAddr names the other end.
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

// Read reads as a pipe does, and tells of a reset.
func (c *pipeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.explain("read", err)
}

// Write writes as a pipe does, and tells of a reset.
func (c *pipeConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.explain("write", err)
}

func (c *pipeConn) explain(op string, err error) error {
	if c.reset.Load() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)) {
		return &net.OpError{Op: op, Net: "pipe", Addr: c.remote, Err: syscall.ECONNRESET}
	}
	return err
}

type pipeAddr string

// Network and String name no place.
func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
