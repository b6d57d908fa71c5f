package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// wrecks are the ways in which an appliance spoils a call on a connection that stands, by path.
var wrecks = map[string]func(bare net.Conn, conn *tls.Conn){
	"/cut":           func(bare net.Conn, _ *tls.Conn) { _ = bare.Close() },
	"/cut/header":    func(bare net.Conn, conn *tls.Conn) { sent(conn, "HTTP/1.1 200 OK\r\nX: "); _ = bare.Close() },
	"/cut/body":      func(bare net.Conn, conn *tls.Conn) { sent(conn, length+"half"); _ = bare.Close() },
	"/reset":         func(bare net.Conn, _ *tls.Conn) { reset(bare) },
	"/reset/body":    func(bare net.Conn, conn *tls.Conn) { sent(conn, length+"half"); reset(bare) },
	"/stall":         func(bare net.Conn, _ *tls.Conn) { swallow(bare) },
	"/stall/body":    func(bare net.Conn, conn *tls.Conn) { sent(conn, length+"half"); swallow(bare) },
	"/garbage":       func(bare net.Conn, conn *tls.Conn) { sent(conn, "garbage\r\n\r\n"); swallow(bare) },
	"/garbage/chunk": func(bare net.Conn, conn *tls.Conn) { sent(conn, chunked+"garbage\r\n"); swallow(bare) },
	"/garbage/gzip":  func(bare net.Conn, conn *tls.Conn) { sent(conn, zipped+"garbage") },
	"/garbage/tls":   func(bare net.Conn, _ *tls.Conn) { sent(bare, strings.Repeat("garbage", 10)); swallow(bare) },
	"/switch": func(bare net.Conn, conn *tls.Conn) {
		sent(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		swallow(bare)
	},
	"/large": func(bare net.Conn, conn *tls.Conn) {
		sent(conn, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 3000))
		swallow(bare)
	},
}

const (
	length  = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	zipped  = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n"
)

func sent(conn net.Conn, raw string) { _, _ = io.WriteString(conn, raw) }
func swallow(conn net.Conn)          { _, _ = io.Copy(io.Discard, conn) }

// wrecker answers requests until one names a wreck, which it counts.
func wrecker(count *atomic.Int32) func(bare net.Conn, conn *tls.Conn) {
	return func(bare net.Conn, conn *tls.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if wreck := wrecks[r.URL.Path]; wreck != nil {
				count.Add(1)
				wreck(bare, conn)
				return
			}
			sent(conn, "HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

// 10,000 calls that all go wrong leave no goroutine (TestMain looks) and no connection: 3,360 of them on a connection that
// breaks, stalls, talks rubbish or is left under them, the others before or after they were sent.
func TestFault_NET14_NothingIsLeft(t *testing.T) {
	id, other := issue(t, nil, nil, nil), issue(t, nil, nil, nil)
	synctest.Test(t, func(t *testing.T) {
		var wrecked, calls atomic.Int32
		m := serveRaw(t, id.config(), wrecker(&wrecked))
		limits := func(o *Options) { o.Limits.Body = 2000 }
		c, wrong := client(t, m, id, limits), client(t, m, other, limits)
		for _, pool := range []*http.Transport{c.kept, c.fresh, wrong.fresh} {
			pool.TLSClientConfig.CurvePreferences = []tls.CurveID{tls.CurveP256} // the cheapest, for 3,000 handshakes
		}
		refused := client(t, nil, id, func(o *Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
		})
		call := func(c *Client, ctx context.Context, r Request, kinds ...error) {
			calls.Add(1)
			_, err := c.Do(ctx, r)
			for _, kind := range kinds {
				if errors.Is(err, kind) {
					return
				}
			}
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 12 {
					for path := range wrecks {
						call(c, t.Context(), get(path), appliance.ErrUnreachable, appliance.ErrMalformed, appliance.ErrTooLarge)
						call(c, t.Context(), post(path), appliance.ErrAmbiguous)
					}
					call(wrong, t.Context(), post("/"), appliance.ErrUntrusted)
					for _, r := range []Request{get("/stall"), post("/stall/body")} {
						leaving, cancel := context.WithCancel(t.Context())
						time.AfterFunc(time.Second, cancel)
						call(c, leaving, r, context.Canceled)
						cancel()
					}
				}
				for range 217 {
					call(refused, t.Context(), post("/"), appliance.ErrUnreachable)
					call(c, ended, post("/"), context.Canceled)
					call(c, t.Context(), get("/away"), appliance.ErrMalformed)
				}
				call(refused, t.Context(), get("/"), appliance.ErrUnreachable)
			})
		}
		wg.Wait()
		if calls.Load() != 10_000 || wrecked.Load() < 3360 {
			t.Errorf("%d calls, %d of them wrecked on a live connection", calls.Load(), wrecked.Load())
		}
		for _, client := range []*Client{c, wrong, refused} {
			client.Close()
		}
		synctest.Wait()
		if _, open := m.count(); open != 0 {
			t.Errorf("%d connections are left", open)
		}
	})
}
