package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"holdfast/appliance/sim"
)

// front stands before a simulated appliance on a socket: whoever connects speaks to it, and it hands the requests on. There a
// test can stop a request before or after its effect, or the connection before the request.
type front struct {
	name   string // of who uses it, in the truth log
	server *httptest.Server
	proxy  *httputil.ReverseProxy

	mu      sync.Mutex
	seen    []string                                          // the requests that change something, in order
	reads   int                                               // the others
	dialled func(net.Conn) bool                               // told of each new connection; true = it is not served
	meet    func(w http.ResponseWriter, r *http.Request) bool // told of each request; true = it was answered, or never will be
	held    []net.Conn
}

// newFront begins to serve an appliance until the test ends, and has the appliance's settings name it.
func newFront(t *testing.T, sims *sim.Fleet, a *sim.Appliance, name string) *front {
	t.Helper()
	target, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool := &http.Transport{
		DialContext:     sims.DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is the simulator in this process
	}
	quiet := log.New(io.Discard, "", 0)
	f := &front{name: name, proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("X-Request-Id", name)
		},
		Transport: pool, ErrorLog: quiet,
	}}
	f.server = httptest.NewUnstartedServer(f)
	f.server.Config.ErrorLog = quiet
	f.server.Listener = &doorman{f.server.Listener, f}
	f.server.StartTLS()
	t.Cleanup(func() {
		f.mu.Lock()
		for _, c := range f.held {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.server.CloseClientConnections()
		f.server.Close()
		pool.CloseIdleConnections()
	})
	return f
}

// doorman lets connections in, or leaves them standing: then nothing can be sent on them.
type doorman struct {
	net.Listener
	front *front
}

// Accept waits for the next connection that is let in.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.front.mu.Lock()
		dialled := d.front.dialled
		d.front.mu.Unlock()
		if dialled == nil || !dialled(c) {
			return c, nil
		}
		d.front.mu.Lock()
		d.front.held = append(d.front.held, c)
		d.front.mu.Unlock()
	}
}

// ServeHTTP notes a request and hands it on, unless the test wants it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if r.Method == http.MethodGet {
		f.reads++
	} else {
		f.seen = append(f.seen, requestName(r))
	}
	meet := f.meet
	f.mu.Unlock()
	if meet == nil || !meet(w, r) {
		f.proxy.ServeHTTP(w, r)
	}
}

// requestName is what a request is known by: its method and path, and that it renews a token.
func requestName(r *http.Request) string {
	name := r.Method + " " + r.URL.Path
	if strings.HasSuffix(r.Header.Get("Content-Type"), "form-urlencoded") {
		name += " renewal"
	}
	return name
}

// sent is how often a request came that changes something.
func (f *front) sent(request *regexp.Regexp) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.seen {
		if request.MatchString(s) {
			n++
		}
	}
	return n
}

// looks is how often something was asked that changes nothing.
func (f *front) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// arm has a function told of each request, and another of each connection; either may be nil.
func (f *front) arm(meet func(w http.ResponseWriter, r *http.Request) bool, dialled func(net.Conn) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meet, f.dialled = meet, dialled
}

// effect lets the appliance do what is asked, and keeps its answer.
func (f *front) effect(r *http.Request) *http.Response {
	answer := httptest.NewRecorder()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q := r.Clone(context.WithoutCancel(r.Context()))
	q.Body = io.NopCloser(bytes.NewReader(body))
	f.proxy.ServeHTTP(answer, q)
	return answer.Result()
}

// deliver sends an answer and returns once the other side has read all of it, and so closed the connection, as it does with
// each one on which it has changed something.
func deliver(w http.ResponseWriter, answer *http.Response) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // all was said
	answer.Close = true
	if err := answer.Write(conn); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, conn) // it ends with the connection, however that ends
	return nil
}

// A thousand appliances for hours are to fit into the memory that they take in their first minutes.
func TestManyAppliancesRememberFewerExchangesEach(t *testing.T) {
	for appliances, want := range map[int]int{0: 200, 1: 200, 100: 200, 250: 80, 500: 40, 1000: 40} {
		if got := remembered(appliances); got != want {
			t.Errorf("%d appliances remember %d exchanges each, not %d", appliances, got, want)
		}
	}
}
