package uitest

import (
	"context"
	"io"
	"net"
	"sync"
)

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// buffered makes connections in memory behave like sockets: a write does not wait for the reader. Without that a client
// that refuses a certificate and a server that still talks would wait for each other.
func buffered(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		b := &bufferedConn{Conn: c, out: newQueue()}
		go b.pump()
		return b, nil
	}
}

type bufferedConn struct {
	net.Conn
	out  *queue
	once sync.Once
}

// pump carries what was written to the other side until either side ends.
func (b *bufferedConn) pump() {
	_, _ = io.Copy(b.Conn, b.out) // whoever closed the connection knows why
	_ = b.Conn.Close()
}

// Write never waits.
func (b *bufferedConn) Write(p []byte) (int, error) { return b.out.Write(p) }

// Close ends the connection; what the other side has not read by then is lost.
func (b *bufferedConn) Close() error {
	b.once.Do(func() {
		b.out.Close()
		_ = b.Conn.Close()
	})
	return nil
}
