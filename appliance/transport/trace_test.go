package transport

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

func TestRingKeepsTheLast200(t *testing.T) {
	var r ring
	for i := range 450 {
		r.add(appliance.Exchange{Status: i + 1})
	}
	for after, want := range map[uint64]int{0: 200, 249: 200, 250: 200, 251: 199, 449: 1, 450: 0, 1000: 0} {
		got := r.after(after)
		if len(got) != want {
			t.Errorf("after %d: %d exchanges, want %d", after, len(got), want)
		}
		for i, x := range got {
			if x.Seq != uint64(x.Status) || x.Seq != 450-uint64(want)+uint64(i)+1 {
				t.Fatalf("after %d: exchange %d is number %d, status %d", after, i, x.Seq, x.Status)
			}
		}
	}
	var few ring
	few.add(appliance.Exchange{})
	if got := few.after(0); len(got) != 1 || got[0].Seq != 1 {
		t.Errorf("one exchange: %+v", got)
	}
}

func TestWorstForgetsWhatIsLongAgo(t *testing.T) {
	var r ring
	if r.worst() != 0 {
		t.Error("worst of nothing")
	}
	r.roundTrip(100)
	for range tripsSize - 1 {
		r.roundTrip(3)
	}
	if r.worst() != 100 {
		t.Errorf("worst %d", r.worst())
	}
	r.roundTrip(4)
	if r.worst() != 4 {
		t.Errorf("worst %d after it was forgotten", r.worst())
	}
}

func TestFault_SEC01_QueryValuesAreMasked(t *testing.T) {
	for query, want := range map[string]string{
		"":                        "/p",
		"a=1&b":                   "/p?a=1&b",
		"password=hunter2&a=1":    "/p?password=[redacted]&a=1",
		"a=1&newPassWord=hunter2": "/p?a=1&newPassWord=[redacted]",
		"x-auth=hunter2":          "/p?x-auth=[redacted]",
		"token=hunter2=hunter2":   "/p?token=[redacted]",
		"passphrase=hunter2":      "/p?passphrase=[redacted]",
		"p%61ss=hunter2":          "/p?p%61ss=[redacted]",
		"token%zz=hunter2":        "/p?token%zz=[redacted]",
		"token":                   "/p?token",
		"a=\x1b[2J\u202e":         "/p?a=␛[2J▯",
	} {
		if got := shownPath("/p", query); got != want {
			t.Errorf("query %q: %q, want %q", query, got, want)
		}
	}
	if got := []rune(shownPath("/"+strings.Repeat("x", 5000), "")); len(got) > pathLimit+1 {
		t.Errorf("a path of %d runes is shown", len(got))
	}
}

// A secret is searched in everything that calls leave behind, in every form it takes on the way, whatever went wrong.
func TestFault_SEC01_SecretLeavesNoTrace(t *testing.T) {
	const canary = "C4n#ry~p8"
	user := "admin"
	forms := []string{
		canary, base64.StdEncoding.EncodeToString([]byte(canary)), url.QueryEscape(canary), hex.EncodeToString([]byte(canary)),
		base64.StdEncoding.EncodeToString([]byte(user + ":" + canary)),
	}
	id, other := issue(t, nil, nil, nil), issue(t, nil, nil, nil)
	var left bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&left, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var heard atomic.Bool
	echo := func(format string) func(net.Conn, *tls.Conn) {
		return func(_ net.Conn, conn *tls.Conn) {
			b := make([]byte, 4096)
			n, _ := conn.Read(b)
			if bytes.Contains(b[:n], []byte(canary)) {
				heard.Store(true)
			}
			_, authorization, _ := strings.Cut(string(b[:n]), "Authorization: ")
			authorization, _, _ = strings.Cut(authorization, "\r\n")
			_, _ = fmt.Fprintf(conn, format, authorization)
			_ = conn.Close()
		}
	}
	for _, talk := range []func(net.Conn, *tls.Conn){
		echo("%s\r\n\r\n"), echo("HTTP/1.1 %s\r\n\r\n"), echo("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		echo("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"), echo("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
		echo("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n%.0s"), echo("HTTP/1.1 302 Found\r\nLocation: https://evil/%s\r\n\r\n"),
		echo("HTTP/1.1 500 %s\r\nContent-Length: 0\r\n\r\n"), echo("%.0s"),
	} {
		for _, pinned := range []identity{id, other} {
			m := serveRaw(t, id.config(), talk)
			c := client(t, m, pinned, func(o *Options) { o.Log = log })
			for _, auth := range []Auth{Basic(user, secret.New(canary)), Bearer(secret.New(canary))} {
				for _, r := range []Request{get("/x"), post("/x")} {
					r.Auth, r.RawQuery = auth, "token="+canary[:3]+url.QueryEscape(canary[3:])
					r.Body, r.SecretBody = []byte(canary), true
					_, err := c.Do(t.Context(), r)
					_, _ = fmt.Fprintf(&left, "%v %+v %#v %+v\n", err, c.Trace(0), r.Auth, c.Call(r, "basic", user))
				}
			}
		}
	}
	if !heard.Load() {
		t.Fatal("the secret was never sent, so this proves nothing")
	}
	for _, form := range forms {
		if i := strings.Index(left.String(), form); i >= 0 {
			t.Errorf("%q is in %q", form, left.String()[max(0, i-80):i+40])
		}
	}
}

func TestTraceAndPeerTogetherWithCalls(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serve(t, id.config(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	c := client(t, m, id, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := c.Do(t.Context(), get("/")); err != nil {
					t.Error(err)
				}
				_, _, _ = c.Trace(0), c.Peer(), c.Worst()
			}
		})
	}
	wg.Wait()
	if got := c.Trace(0); len(got) != 200 || got[199].Seq != 200 {
		t.Errorf("%d exchanges", len(got))
	}
}
