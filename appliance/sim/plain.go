package sim

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
)

// maxPlain bounds what is read of a request in plain HTTP, in bytes.
const maxPlain = 1 << 16

// plainListener is a listener below TLS whose connections answer plain HTTP by themselves, as an ECB does (api/ecb.md 1.1);
// net/http would say 400 in words of its own. No fault meets such a request, and none is counted.
type plainListener struct {
	net.Listener
	answer http.Handler
}

// Accept waits for the next connection.
func (l plainListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &plainConn{Conn: c, answer: l.answer}, nil
}

// plainConn is a connection that is read by TLS only when its first byte is not the beginning of a method.
type plainConn struct {
	net.Conn
	answer http.Handler
	looked bool // only the one goroutine that reads
}

// NetConn is the connection itself.
func (c *plainConn) NetConn() net.Conn { return c.Conn }

// Read reads as the connection does. A request in plain HTTP is answered, and for whoever reads the connection ends there. Until
// then the time that TLS has for its handshake runs.
func (c *plainConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.looked || n == 0 {
		return n, err
	}
	c.looked = true
	if b[0] < 'A' || b[0] > 'Z' { // a record of TLS begins with 22
		return n, err
	}
	rest := io.LimitReader(io.MultiReader(bytes.NewReader(b[:n]), c.Conn), maxPlain)
	r, bad := http.ReadRequest(bufio.NewReader(rest))
	if bad != nil {
		return 0, bad
	}
	r.RemoteAddr = c.RemoteAddr().String()
	a := &plainAnswer{header: http.Header{}, status: http.StatusOK}
	c.answer.ServeHTTP(a, r)
	out := http.Response{StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Header: a.header, Body: io.NopCloser(&a.body),
		ContentLength: int64(a.body.Len()), Close: true, Request: r}
	if bad := out.Write(c.Conn); bad != nil {
		return 0, bad
	}
	return 0, io.EOF
}

// plainAnswer is an answer before it is sent.
type plainAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is what is sent before the body.
func (a *plainAnswer) Header() http.Header { return a.header }

// WriteHeader sets the status.
func (a *plainAnswer) WriteHeader(status int) { a.status = status }

// Write adds to the body.
func (a *plainAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }
