package sim

import (
	"context"
	"net"
	"sync"
)

// Pipe returns a listener in memory and the way to connect to it. Network and address that are dialled do not matter.
// Nothing in it is a socket, so that virtual time (testing/synctest) goes on.
func Pipe() (net.Listener, func(ctx context.Context, network, addr string) (net.Conn, error)) {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	return l, l.dial
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
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
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		err = &net.OpError{Op: "dial", Net: network, Addr: pipeAddr{}, Err: net.ErrClosed}
	case <-ctx.Done():
		err = &net.OpError{Op: "dial", Net: network, Addr: pipeAddr{}, Err: ctx.Err()}
	}
	_ = client.Close() // closing a pipe never fails
	_ = server.Close()
	return nil, err
}

type pipeAddr struct{}

// Network and String name no place.
func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
