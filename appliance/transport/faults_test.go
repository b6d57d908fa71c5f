package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

func TestFault_NET01_NoConnectionIsUnreachableEvenForAChange(t *testing.T) {
	id := issue(t, nil, nil, nil)
	for name, test := range map[string]struct {
		dial error
		says string
	}{
		"refused":  {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "connection refused"},
		"no route": {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "no route to host"},
		"dns":      {&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, "host name not found"},
		"words":    {errors.New("\x1b[31mred\u202e"), "␛[31mred▯"},
	} {
		c := client(t, nil, id, func(o *Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, test.dial }
		})
		for _, r := range []Request{get("/x"), post("/x")} {
			_, err := c.Do(t.Context(), r)
			wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous, appliance.ErrMalformed)
			says(t, err, "dc1: "+r.Method+" /x: unreachable: ", test.says)
		}
		if x := c.Trace(1); len(x) != 1 || x[0].Seq != 2 || x[0].Status != 0 || !strings.Contains(x[0].Err, test.says) {
			t.Errorf("%s: trace %+v", name, x)
		}
	}
}

func TestFault_NET01_RefusedOnARealSocket(t *testing.T) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := must(New(Options{Name: "dc1", URL: "https://" + addr}))(t)
	_, err := c.Do(t.Context(), post("/"))
	wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
	says(t, err, "connection refused")
}

func TestFault_NET01_ResetWhileAnswering(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serveRaw(t, id.config(), func(bare net.Conn, conn *tls.Conn) {
		_ = answer(conn, "")
		_ = bare.Close() // without a TLS goodbye
	})
	c := client(t, m, id, nil)
	_, err := c.Do(t.Context(), get("/"))
	wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
	_, err = c.Do(t.Context(), post("/"))
	wants(t, err, []error{appliance.ErrAmbiguous}, appliance.ErrUnreachable)
	says(t, err, "outcome unknown", "broke before an answer came")
	_, err = c.Do(t.Context(), Request{Method: "POST", Path: "/login", Login: true})
	wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
}

func TestFault_NET01_NoTLSOnThePort(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serveRaw(t, id.config(), func(bare net.Conn, _ *tls.Conn) {
		_, _ = io.WriteString(bare, "HTTP/1.0 400 Bad Request\r\n\r\nspeak TLS? no")
		_, _ = io.Copy(io.Discard, bare)
	})
	_, err := client(t, m, id, nil).Do(t.Context(), post("/"))
	wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
	says(t, err, "no TLS on that port")
}

// Where the appliance swallows everything, each limit of NET-02 ends the call at its very moment, in virtual time.
func TestFault_NET02_BlackHole(t *testing.T) {
	id := issue(t, nil, nil, nil)
	noConnection := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	untilClosed := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	header := "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
	for name, test := range map[string]struct {
		dial dialFunc
		talk func(bare net.Conn, conn *tls.Conn)
		r    Request
		want time.Duration
		kind error
		says string
	}{
		"connect":        {noConnection, nil, get("/"), 5 * time.Second, appliance.ErrUnreachable, "no connection within 5s"},
		"connect change": {noConnection, nil, post("/"), 5 * time.Second, appliance.ErrUnreachable, "no connection within 5s"},
		"handshake": {nil, func(bare net.Conn, _ *tls.Conn) { untilClosed(bare) }, post("/"), 5 * time.Second,
			appliance.ErrUnreachable, "no TLS handshake within 5s"},
		"header": {nil, func(_ net.Conn, conn *tls.Conn) { untilClosed(conn) }, get("/"), 15 * time.Second,
			appliance.ErrUnreachable, "no answer within 15s"},
		"login": {nil, func(_ net.Conn, conn *tls.Conn) { untilClosed(conn) }, Request{Method: "POST", Path: "/", Login: true},
			30 * time.Second, appliance.ErrUnreachable, "not finished within 30s"},
		"change": {nil, func(_ net.Conn, conn *tls.Conn) { untilClosed(conn) }, post("/"), 60 * time.Second,
			appliance.ErrAmbiguous, "not finished within 1m0s"},
		"body": {nil, func(_ net.Conn, conn *tls.Conn) { _ = answer(conn, header); untilClosed(conn) }, get("/"),
			30 * time.Second, appliance.ErrUnreachable, "not finished within 30s (answered 200, 4 bytes"},
		"body of a change": {nil, func(_ net.Conn, conn *tls.Conn) { _ = answer(conn, header); untilClosed(conn) }, post("/"),
			60 * time.Second, appliance.ErrAmbiguous, "not finished within 1m0s (answered 200, 4 bytes"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := serveRaw(t, id.config(), test.talk)
			c := client(t, m, id, func(o *Options) {
				if test.dial != nil {
					o.Dial = test.dial
				}
			})
			start := time.Now()
			_, err := c.Do(t.Context(), test.r)
			if took := time.Since(start); took != test.want {
				t.Errorf("%s: took %s, want %s", name, took, test.want)
			}
			wants(t, err, []error{test.kind}, context.DeadlineExceeded)
			if errors.Is(err, appliance.ErrAmbiguous) == errors.Is(err, appliance.ErrUnreachable) {
				t.Errorf("%s: %q is both or neither", name, err)
			}
			says(t, err, test.says)
			c.Close()
			synctest.Wait()
			if _, open := m.count(); open != 0 {
				t.Errorf("%s: %d connections are left", name, open)
			}
		})
	}
}

func TestFault_NET03_DripAndLeaving(t *testing.T) {
	id := issue(t, nil, nil, nil)
	drip := func(_ net.Conn, conn *tls.Conn) {
		if answer(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") != nil {
			return
		}
		for {
			if _, err := conn.Write([]byte{'x'}); err != nil {
				return
			}
			<-time.After(time.Second)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := client(t, serveRaw(t, id.config(), drip), id, nil)
		start := time.Now()
		_, err := c.Do(t.Context(), get("/"))
		wants(t, err, []error{appliance.ErrUnreachable})
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("a drip took %s", took)
		}
		leave := errors.New("left the view")
		for _, r := range []Request{get("/"), post("/")} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(3*time.Second, func() { cancel(leave) })
			start = time.Now()
			_, err = c.Do(ctx, r)
			wants(t, err, []error{context.Canceled}, appliance.ErrUnreachable)
			if took := time.Since(start); took != 3*time.Second {
				t.Errorf("leaving took %s", took)
			}
			if errors.Is(err, appliance.ErrAmbiguous) != (r.Method == "POST") {
				t.Errorf("%s that was left: %v", r.Method, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = c.Do(ctx, get("/"))
		wants(t, err, []error{context.DeadlineExceeded, appliance.ErrUnreachable})
	})
}

func TestCallThatEndedBeforeItBeganSendsNothing(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := newMemory()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, m, id, nil).Do(ctx, post("/"))
	wants(t, err, []error{context.Canceled}, appliance.ErrAmbiguous, appliance.ErrUnreachable)
	if dials, _ := m.count(); dials != 0 {
		t.Errorf("%d connections", dials)
	}
}

func gzipped(t testing.TB, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	must(w.Write(b))(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFault_NET04_TooLarge(t *testing.T) {
	id := issue(t, nil, nil, nil)
	const limit = 10_000
	bomb := gzipped(t, make([]byte, 100*limit))
	full := strings.Repeat("x", limit)
	for name, test := range map[string]struct{ raw, says string }{
		"body":    {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", limit+1) + full + "x", "body over the limit of 10000"},
		"endless": {"HTTP/1.1 200 OK\r\n\r\n" + full + "x", "answered 200 with a body over the limit of 10000 bytes"},
		"chunked": {fmt.Sprintf("HTTP/1.1 500 E\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", 2*limit) + full + full, "answered 500"},
		"bomb": {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(bomb)) + bomb,
			"body over the limit of 10000 bytes"},
		"header": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n", "header over the limit of 262144 bytes"},
		"many headers": {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 60_000) + "\r\n",
			"header over the limit of 262144 bytes"},
	} {
		m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) { _ = answer(conn, test.raw); _ = conn.Close() })
		c := client(t, m, id, func(o *Options) { o.Limits.Body = limit })
		got, err := c.Do(t.Context(), get("/"))
		if got != nil {
			t.Errorf("%s: an answer", name)
		}
		wants(t, err, []error{appliance.ErrTooLarge}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		says(t, err, test.says)
		_, err = c.Do(t.Context(), post("/"))
		wants(t, err, []error{appliance.ErrTooLarge, appliance.ErrAmbiguous})
	}
}

func TestFault_NET04_AtTheLimit(t *testing.T) {
	want := Limits{
		5 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, 60 * time.Second, 8_388_608, 262_144,
	}
	if got := (Limits{Connect: -1}).withDefaults(); got != want {
		t.Errorf("default limits %+v", got)
	}
	id := issue(t, nil, nil, nil)
	body := gzipped(t, make([]byte, 10_000))
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		_ = answer(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"+body)
		_ = conn.Close()
	})
	c := client(t, m, id, func(o *Options) { o.Limits.Body = 10_000 })
	if got := must(c.Do(t.Context(), get("/")))(t); len(got.Body) != 10_000 {
		t.Errorf("a body at the limit came with %d bytes", len(got.Body))
	}
}

// Whatever an appliance sends without end, at the limits that count when none are set a call costs no more memory than a few
// bodies of the largest size, and ends.
func TestFault_NET04_MemoryCeiling(t *testing.T) {
	const ceiling = 64 << 20 // allocated in all by one call and the appliance in this process
	id := issue(t, nil, nil, nil)
	piece := strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 50)
	member := gzipped(t, make([]byte, 8<<20))
	for name, test := range map[string]struct{ head, endless, says string }{
		"body":   {"HTTP/1.1 200 OK\r\n\r\n", piece, "body over the limit of 8388608 bytes"},
		"header": {"HTTP/1.1 200 OK\r\n", piece, "header over the limit of 262144 bytes"},
		"bomb":   {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", member, "body over the limit of 8388608 bytes"},
	} {
		l := must(tls.Listen("tcp", "127.0.0.1:0", id.config()))(t) // a socket, which takes no more than is read
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			conn, err := l.Accept()
			if err == nil {
				err = answer(conn, test.head)
			}
			for err == nil {
				_, err = io.WriteString(conn, test.endless)
			}
		}()
		c := client(t, nil, id, func(o *Options) { o.URL = "https://" + l.Addr().String() })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.Do(t.Context(), get("/"))
		runtime.ReadMemStats(&after)
		wants(t, err, []error{appliance.ErrTooLarge}, appliance.ErrUnreachable)
		says(t, err, test.says)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > ceiling {
			t.Errorf("%s: %d MiB were allocated", name, spent>>20)
		}
		if now := int64(after.HeapInuse) - int64(before.HeapInuse); now > ceiling {
			t.Errorf("%s: %d MiB more are in use", name, now>>20)
		}
		_ = l.Close()
		<-ended // the connection was closed under it
	}
}

// A gzip stream of nothing is 20 bytes and an empty answer (api/lxca.md 6, quirk 7).
func TestEmptyGzip(t *testing.T) {
	id := issue(t, nil, nil, nil)
	empty := gzipped(t, nil)
	for _, body := range []string{empty, ""} {
		m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
			_ = answer(conn, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(body))+body)
		})
		if got := must(client(t, m, id, nil).Do(t.Context(), get("/")))(t); len(got.Body) != 0 {
			t.Errorf("empty gzip gave %q", got.Body)
		}
	}
}
