package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
)

func TestDoGivesTheWholeAnswerWithItsStamp(t *testing.T) {
	id := issue(t, nil, nil, nil)
	synctest.Test(t, func(t *testing.T) {
		m := serve(t, id.config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			<-time.After(time.Second) // virtual: the appliance thinks
			w.Header().Set("Content-Type", "Application/com.lenovo.lxca-v2.0.0+JSON; charset=UTF-8")
			w.WriteHeader(http.StatusTeapot)
			_, _ = fmt.Fprintf(w, "%s %s %s %s|%s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"),
				r.Header.Get("X-Extra"), body)
		}))
		c := client(t, m, id, nil)
		r := Request{
			Method: http.MethodPost, Path: "/a%2Fb", RawQuery: "x=1&y", Auth: Bearer(secret.New("tok")),
			Header: http.Header{"X-Extra": {"more"}}, Body: []byte("hello"),
		}
		start := time.Now()
		got := must(c.Do(t.Context(), r))(t)
		if want := "POST /a%2Fb?x=1&y Bearer tok more|hello"; string(got.Body) != want || got.Status != http.StatusTeapot {
			t.Errorf("got %d %q, want %q", got.Status, got.Body, want)
		}
		if got.ContentType != "application/com.lenovo.lxca-v2.0.0+json" {
			t.Errorf("content type %q", got.ContentType)
		}
		if trip := got.Stamp.RoundTrip(); trip != time.Second || c.Worst() != trip {
			t.Errorf("round trip %s, worst %s", trip, c.Worst())
		}
		if s := got.Stamp; !s.Sent.Wall.Equal(start) || !s.Date.Equal(start.Add(time.Second)) {
			t.Errorf("sent %s, date %s, started %s", s.Sent.Wall, s.Date, start)
		}
		trace := c.Trace(0)
		if len(trace) != 1 || trace[0].Status != http.StatusTeapot || trace[0].Path != "/a%2Fb?x=1&y" ||
			trace[0].Duration != time.Second || trace[0].Size != int64(len(got.Body)) || trace[0].Seq != 1 {
			t.Errorf("trace %+v", trace)
		}
	})
}

func TestReadOnlyRefusesChanges(t *testing.T) {
	id := issue(t, nil, nil, nil)
	var served atomic.Int32
	m := serve(t, id.config(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	c := client(t, m, id, func(o *Options) { o.ReadOnly = true })
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		_, err := c.Do(t.Context(), Request{Method: method, Path: "/x"})
		wants(t, err, []error{appliance.ErrReadOnly}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
	}
	if served.Load() != 0 || len(c.Trace(0)) != 0 || !c.ReadOnly() {
		t.Errorf("%d requests were sent in read-only mode", served.Load())
	}
	for _, r := range []Request{get("/x"), {Method: "HEAD", Path: "/x"}, {Method: "POST", Path: "/login", Login: true}} {
		must(c.Do(t.Context(), r))(t)
	}
	if served.Load() != 3 {
		t.Errorf("%d of 3 allowed requests arrived", served.Load())
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	id := issue(t, nil, nil, nil)
	c := client(t, newMemory(), id, nil)
	for name, r := range map[string]Request{
		"method":          {Method: "TRACE", Path: "/x"},
		"relative":        get("x"),
		"other host":      get("//evil/x"),
		"query in path":   get("/x?token=hunter2"),
		"dots":            get("/a/../b"),
		"escaped dots":    get("/a/%2e%2E/b"),
		"space":           get("/a b"),
		"escape":          get("/a%zz"),
		"query":           {Method: "GET", Path: "/", RawQuery: "a\r\nb"},
		"idempotency key": {Method: "POST", Path: "/", Header: http.Header{"idempotency-key": {"1"}}},
		"cookie":          {Method: "GET", Path: "/", Header: http.Header{"Cookie": {"1"}}},
		"header value":    {Method: "GET", Path: "/", Header: http.Header{"X": {"a\nb"}}},
		"accept":          {Method: "GET", Path: "/", Accept: "a\nb"},
		"user":            {Method: "GET", Path: "/", Auth: Basic("a:b", secret.New("hunter2"))},
		"token":           {Method: "GET", Path: "/", Auth: Bearer(secret.New("hunter2\n"))},
	} {
		_, err := c.Do(t.Context(), r)
		wants(t, err, nil, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
	if len(c.Trace(0)) != 0 {
		t.Errorf("something was sent: %+v", c.Trace(0))
	}
}

// A kept connection that dies under a request is where net/http sends again. A read may be; what changes something
// arrives once at most, whatever the method and with or without a body.
func TestNothingThatChangesIsSentTwice(t *testing.T) {
	id := issue(t, nil, nil, nil)
	var arrived atomic.Int32
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		r := bufio.NewReader(conn)
		for n := 0; ; n++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if req.Method != http.MethodGet {
				arrived.Add(1)
				return // no answer
			}
			if n > 0 {
				return // a reused connection dies under the request
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	c := client(t, m, id, nil)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, body := range []string{"", "{}"} {
			must(c.Do(t.Context(), get("/")))(t) // leaves a kept connection, reused or not
			arrived.Store(0)
			_, err := c.Do(t.Context(), Request{Method: method, Path: "/", Body: []byte(body)})
			wants(t, err, []error{appliance.ErrAmbiguous}, appliance.ErrUnreachable)
			if n := arrived.Load(); n != 1 {
				t.Errorf("%s with body %q arrived %d times", method, body, n)
			}
		}
	}
}

// An appliance that closes a kept connection without a word costs nothing: a read is asked anew on a new connection,
// and what changes something was never on the old one.
func TestFault_NET01_KeptConnectionThatDied(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		_ = answer(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	c := client(t, m, id, nil)
	for i := range 20 {
		for _, r := range []Request{get("/"), post("/"), {Method: "DELETE", Path: "/"}} {
			if got, err := c.Do(t.Context(), r); err != nil || string(got.Body) != "ok" {
				t.Fatalf("%s %d: %v", r.Method, i, err)
			}
		}
	}
}

// The rule above does not hang on connections alone: a request that is built here cannot be sent again by net/http.
func TestBodyCannotBeReadTwice(t *testing.T) {
	r := post("/")
	req := must(r.build(t.Context(), r.url(must(New(Options{URL: "https://h"}))(t).base)))(t)
	if req.GetBody != nil || req.ContentLength != 2 || req.Header.Get("Idempotency-Key") != "" {
		t.Errorf("request can be replayed: %+v", req)
	}
}

func TestReadsShareOneConnectionAndChangesDoNot(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serve(t, id.config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, strings.Repeat("x", 10_000), http.StatusNotFound)
	}))
	c := client(t, m, id, nil)
	for range 5 {
		must(c.Do(t.Context(), get("/")))(t)
	}
	if dials, _ := m.count(); dials != 1 {
		t.Errorf("5 reads took %d connections", dials)
	}
	for range 2 {
		must(c.Do(t.Context(), post("/")))(t)
	}
	if dials, open := m.count(); dials != 3 || open > 3 {
		t.Errorf("two changes took %d connections more, %d open", dials-1, open)
	}
}

func TestFault_CLK05_DateThatCannotBeUsed(t *testing.T) {
	const good = "Sat, 21 Nov 2026 14:03:22 GMT"
	for name, test := range map[string]struct {
		h    http.Header
		want string
	}{
		"good":      {http.Header{"Date": {good}}, "2026-11-21T14:03:22Z"},
		"twice":     {http.Header{"Date": {good, "Sun, 22 Nov 2026 14:03:22 GMT"}}, "2026-11-21T14:03:22Z"},
		"rfc 850":   {http.Header{"Date": {"Saturday, 21-Nov-26 14:03:22 GMT"}}, "2026-11-21T14:03:22Z"},
		"missing":   {http.Header{}, ""},
		"empty":     {http.Header{"Date": {""}}, ""},
		"malformed": {http.Header{"Date": {"yesterday"}}, ""},
		"epoch":     {http.Header{"Date": {"-1"}}, ""},
		"cached":    {http.Header{"Date": {good}, "Age": {"12"}}, ""},
		"age 0":     {http.Header{"Date": {good}, "Age": {"0"}}, ""},
	} {
		got := ""
		if d := date(test.h); !d.IsZero() {
			got = d.Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%s: date %q, want %q", name, got, test.want)
		}
	}
}

func TestFault_NET09_RetryAfter(t *testing.T) {
	date := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	wall := date.Add(time.Hour) // the appliance's clock is wrong: its own counts
	stamp := appliance.Stamp{Date: date, Received: appliance.Reading{Wall: wall}}
	noDate := appliance.Stamp{Received: appliance.Reading{Wall: wall}}
	for _, test := range []struct {
		value string
		stamp appliance.Stamp
		want  time.Duration
	}{
		{"", stamp, 0}, {"0", stamp, 0}, {"7", stamp, 7 * time.Second}, {"300", stamp, 5 * time.Minute},
		{"301", stamp, 5 * time.Minute}, {"99999999999999999999", stamp, 5 * time.Minute}, {"-5", stamp, 0},
		{"soon", stamp, 0}, {"1.5", stamp, 0},
		{date.Add(42 * time.Second).Format(http.TimeFormat), stamp, 42 * time.Second},
		{date.Add(-42 * time.Second).Format(http.TimeFormat), stamp, 0},
		{date.Add(42 * time.Hour).Format(http.TimeFormat), stamp, 5 * time.Minute},
		{wall.Add(42 * time.Second).Format(http.TimeFormat), noDate, 42 * time.Second},
	} {
		if got := retryAfter(http.Header{"Retry-After": {test.value}}, test.stamp); got != test.want {
			t.Errorf("Retry-After %q: %s, want %s", test.value, got, test.want)
		}
	}
}

func TestMediaType(t *testing.T) {
	for value, want := range map[string]string{
		"":                                 "",
		"application/json":                 "application/json",
		"TEXT/HTML; charset=utf-8":         "text/html",
		"application/xml; charset":         "application/xml",
		"text/\x1b[31mred":                 "",
		"application/vnd.x+json;;; broken": "application/vnd.x+json",
	} {
		if got := mediaType(http.Header{"Content-Type": {value}}); got != want {
			t.Errorf("Content-Type %q: %q, want %q", value, got, want)
		}
	}
}

func TestCallShowsTheRequestWithoutSecrets(t *testing.T) {
	id := issue(t, nil, nil, nil)
	c := client(t, newMemory(), id, func(o *Options) { o.URL = "https://Appliance.test:8443/"; o.Trust.CAFile = "/ca.pem" })
	r := Request{
		Method: http.MethodPost, Path: "/token", RawQuery: "a=1&Token=hunter2", Auth: Basic("admin", secret.New("hunter2")),
		Body: []byte("hunter2"), SecretBody: true, Accept: "application/xml",
	}
	got := c.Call(r, "basic", "admin")
	want := appliance.Call{
		Method: "POST", URL: "https://appliance.test:8443/token?a=1&Token=[redacted]", Auth: "basic", User: "admin",
		Accept: "application/xml", Body: "$TOKEN", Pin: id.pin(),
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	r.SecretBody, r.Body = false, []byte(`{"a":1}`)
	if got := c.Call(r, "basic", "admin"); got.Body != `{"a":1}` {
		t.Errorf("body %q", got.Body)
	}
}

func TestStampUsesTheGivenClock(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serve(t, id.config(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	wall := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	c := client(t, m, id, func(o *Options) {
		o.Clock = clock.New(func() (time.Time, time.Duration) { return wall, 0 })
	})
	if got := must(c.Do(t.Context(), get("/")))(t); !got.Stamp.Sent.Wall.Equal(wall) || !got.Stamp.Received.Wall.Equal(wall) {
		t.Errorf("stamp %+v", got.Stamp)
	}
}

func BenchmarkDoKeptAlive(b *testing.B) {
	id := issue(b, nil, nil, nil)
	body := []byte(strings.Repeat("x", 2000))
	m := serve(b, id.config(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	c := client(b, m, id, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(b.Context(), get("/aicc")); err != nil {
			b.Fatal(err)
		}
	}
}

// An appliance that answers 101 has net/http hand its connection over, which ends for nobody's limit.
func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	id := issue(t, nil, nil, nil)
	synctest.Test(t, func(t *testing.T) {
		m := serveRaw(t, id.config(), func(bare net.Conn, conn *tls.Conn) {
			_ = answer(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, bare)
		})
		c := client(t, m, id, nil)
		start := time.Now()
		_, err := c.Do(t.Context(), get("/"))
		wants(t, err, []error{appliance.ErrMalformed}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		says(t, err, "answered 101")
		_, err = c.Do(t.Context(), post("/"))
		wants(t, err, []error{appliance.ErrMalformed, appliance.ErrAmbiguous}, appliance.ErrUnreachable)
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
		synctest.Wait()
		if _, open := m.count(); open != 0 {
			t.Errorf("%d connections are left", open)
		}
	})
}

// Whatever net/http does about a body, reading it ends with the call.
func TestReadingABodyEndsWithTheCall(t *testing.T) {
	id := issue(t, nil, nil, nil)
	synctest.Test(t, func(t *testing.T) {
		c := client(t, nil, id, nil)
		whole, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ours, theirs := pipe()
		defer theirs.Close() //nolint:errcheck // in memory
		body := struct {
			io.Reader
			io.Closer
		}{ours, ours}
		start := time.Now()
		got, err := c.read(whole, &http.Response{StatusCode: 200, Body: body}, appliance.Stamp{})
		if took := time.Since(start); took != time.Second || len(got.Body) != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("took %s: %q, %v", took, got.Body, err)
		}
	})
}

// What is made of an answer carries the appliance's wish along, if it told one.
func TestFault_NET09_LaterCarriesTheWish(t *testing.T) {
	var wish interface{ RetryAfter() time.Duration }
	refused := errors.New("busy")
	err := fmt.Errorf("list: %w", (&Response{RetryAfter: 7 * time.Second}).Later(refused))
	if !errors.Is(err, refused) || !errors.As(err, &wish) || wish.RetryAfter() != 7*time.Second || err.Error() != "list: busy" {
		t.Errorf("%v", err)
	}
	if err := (&Response{}).Later(refused); !errors.Is(err, refused) || errors.As(err, &wish) {
		t.Errorf("nothing told: %v", err)
	}
	if err := (&Response{RetryAfter: time.Second}).Later(nil); err != nil {
		t.Errorf("a success became %v", err)
	}
}
