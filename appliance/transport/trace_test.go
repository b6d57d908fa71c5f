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

func TestRingKeepsTheLast(t *testing.T) {
	r := ring{size: 200}
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
	few := ring{size: 200}
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
		strings.ToUpper(hex.EncodeToString([]byte(canary))), url.PathEscape(canary),
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
		echo("HTTP/1.1 200 OK\r\n\r\n%s"), echo("HTTP/1.1 400 Bad Request\r\n\r\nno %s, " + canary),
	} {
		for _, pinned := range []identity{id, other} {
			m := serveRaw(t, id.config(), talk)
			c := client(t, m, pinned, func(o *Options) { o.Log = log })
			for _, auth := range []Auth{Basic(user, secret.New(canary)), Bearer(secret.New(canary))} {
				for _, r := range []Request{get("/x"), post("/x")} {
					r.Auth, r.RawQuery = auth, "token="+canary[:3]+url.QueryEscape(canary[3:])
					r.Body, r.SecretBody = []byte(canary), true
					answer, err := c.Do(t.Context(), r)
					if answer != nil {
						left.Write(answer.Body)
					}
					_, _ = fmt.Fprintf(&left, "%v %+v %#v %+v\n", err, c.Trace(0), r.Auth, c.Call(r, "basic", user))
					for _, x := range c.Trace(0) {
						again, _ := x.Call()
						_, _ = fmt.Fprintf(&left, "%+v %s\n", again, again.Curl())
					}
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

// What an appliance repeats of our secrets is not passed on: not what was in Authorization, whatever the answer, and no
// spelling of a password where the answer is for people. Short words and a success are left as they are.
func TestFault_SEC01_EchoIsMasked(t *testing.T) {
	const canary = "C4n\"ry <&>+p8"
	id := issue(t, nil, nil, nil)
	var status atomic.Int32
	var say func(r *http.Request) string
	m := serve(t, id.config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte("before " + say(r) + " after"))
	}))
	c := client(t, m, id, nil)
	plain := func(word string) func(*http.Request) string { return func(*http.Request) string { return word } }
	header := func(r *http.Request) string { return r.Header.Get("Authorization") }
	basic, bearer := Basic("admin", secret.New(canary)), Bearer(secret.New("v1.t0k3n-c4n4ry"))
	form := []byte("accessToken=" + url.QueryEscape(canary))
	for name, test := range map[string]struct {
		status int32
		auth   Auth
		body   []byte // secret
		say    func(*http.Request) string
		want   string // empty: as it was said
	}{
		"basic":             {400, basic, nil, header, "Basic [redacted]"},
		"basic in success":  {200, basic, nil, header, "Basic [redacted]"},
		"bearer":            {401, bearer, nil, header, "Bearer [redacted]"},
		"bearer in success": {200, bearer, nil, header, "Bearer [redacted]"},
		"plain":             {403, basic, nil, plain("password " + canary + " is wrong"), "password [redacted] is wrong"},
		"JSON":              {400, basic, nil, plain(`C4n\"ry \u003c\u0026\u003e+p8`), "[redacted]"},
		"XML":               {423, basic, nil, plain("C4n&#34;ry &lt;&amp;&gt;+p8"), "[redacted]"},
		"query":             {500, basic, nil, plain(url.QueryEscape(canary)), "[redacted]"},
		"path":              {500, basic, nil, plain(url.PathEscape(canary)), "[redacted]"},
		"base64":            {502, basic, nil, plain(base64.StdEncoding.EncodeToString([]byte(canary))), "[redacted]"},
		"base64url":         {502, basic, nil, plain(base64.URLEncoding.EncodeToString([]byte(canary))), "[redacted]"},
		"hex":               {502, basic, nil, plain(hex.EncodeToString([]byte(canary))), "[redacted]"},
		"HEX":               {502, basic, nil, plain(strings.ToUpper(hex.EncodeToString([]byte(canary)))), "[redacted]"},
		"body":              {400, Auth{}, form, plain(string(form)), "[redacted]"},
		"value of a body":   {400, Auth{}, form, plain("no token " + canary), "no token [redacted]"},
		"open body":         {400, Auth{}, nil, plain(canary), ""},
		"success":           {200, basic, nil, plain(canary), ""},
		"short":             {400, Basic("a", secret.New("right")), nil, plain("no right"), ""},
	} {
		status.Store(test.status)
		say = test.say
		r := post("/x")
		r.Auth = test.auth
		if test.body != nil {
			r.Body, r.SecretBody = test.body, true
		}
		want := test.want
		if want == "" {
			want = say(nil)
		}
		if got := must(c.Do(t.Context(), r))(t); string(got.Body) != "before "+want+" after" {
			t.Errorf("%s: %q, want %q", name, got.Body, want)
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
