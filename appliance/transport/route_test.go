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
	"net/url"
	"strings"
	"syscall"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

func TestFault_NET11_Redirects(t *testing.T) {
	id := issue(t, nil, nil, nil)
	const hello = "hello"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			_, _ = io.WriteString(w, hello+" "+r.Method+" "+r.Header.Get("Authorization"))
			return
		}
		status := http.StatusFound
		_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
		w.Header()["Location"] = r.URL.Query()["to"]
		w.WriteHeader(status)
	})
	m := serve(t, id.config(), handler)
	c := client(t, m, id, nil)
	via := func(to string, status int) Request {
		r := get("/go")
		r.Query = map[string][]string{"to": {to}, "status": {fmt.Sprint(status)}}
		return r
	}
	chain := func(n int) string {
		to := "/end"
		for range n {
			r := via(to, 302)
			to = r.url(must(New(Options{URL: "https://appliance.test"}))(t).base).RequestURI()
		}
		return to
	}
	followed := []Request{
		via("/end", 301), via("end", 302), via("https://appliance.test/end", 303), via("HTTPS://APPLIANCE.test:443/end", 307),
		via("//appliance.test/end", 308), via(chain(2), 302), via("/end#fragment", 302),
	}
	for _, r := range followed {
		r.Auth = Basic("u", secret.New("p"))
		if got := must(c.Do(t.Context(), r))(t); !strings.HasPrefix(string(got.Body), hello+" GET Basic ") {
			t.Errorf("%v: %d %q", r.Query, got.Status, got.Body)
		}
	}
	refused := []string{
		"https://evil.test/end", "http://appliance.test/end", "https://appliance.test:8443/end", "//evil.test/end",
		"https://u:p@appliance.test/end", "https://appliance.test@evil.test/", "file:///etc/passwd", "https:///end", chain(3),
		"https://appliance.test:0/", "javascript:alert(1)",
	}
	for _, to := range refused {
		before, _ := m.count()
		got, err := c.Do(t.Context(), via(to, 302))
		if got != nil {
			t.Errorf("%s: followed", to)
		}
		wants(t, err, []error{appliance.ErrMalformed}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		if after, _ := m.count(); after != before {
			t.Errorf("%s: a new connection was made", to)
		}
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := via("/end", status)
		r.Method = http.MethodPost
		_, err := c.Do(t.Context(), r)
		wants(t, err, []error{appliance.ErrMalformed}, appliance.ErrUnreachable)
		if errors.Is(err, appliance.ErrAmbiguous) != (status < 307) {
			t.Errorf("a change redirected with %d: %v", status, err)
		}
		r.Login = true
		_, err = c.Do(t.Context(), r)
		wants(t, err, []error{appliance.ErrMalformed}, appliance.ErrAmbiguous)
	}
	for _, r := range []Request{via("/end", 304), via("/end", 300)} {
		if got := must(c.Do(t.Context(), r))(t); got.Status < 300 {
			t.Errorf("%v was followed", r.Query)
		}
	}
}

func TestFault_NET12_ProxyOnlyWhenAsked(t *testing.T) {
	id := issue(t, nil, nil, nil)
	for _, test := range []struct {
		url   string
		proxy bool
		want  string
	}{
		{"https://appliance.test", false, "appliance.test:443"},
		{"https://appliance.test", true, proxyName},
		{"https://127.0.0.1:8443", true, "127.0.0.1:8443"},
		{"https://[::1]", true, "[::1]:443"},
		{"https://localhost", true, "localhost:443"},
	} {
		var dialled string
		c := client(t, nil, id, func(o *Options) {
			o.URL, o.Proxy = test.url, test.proxy
			o.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
				dialled = addr
				return nil, syscall.ECONNREFUSED
			}
		})
		_, err := c.Do(t.Context(), get("/"))
		wants(t, err, []error{appliance.ErrUnreachable})
		if dialled != test.want {
			t.Errorf("%s, proxy %v: dialled %s, want %s", test.url, test.proxy, dialled, test.want)
		}
		if strings.Contains(err.Error(), "proxypass") {
			t.Errorf("the proxy's password is in %q", err)
		}
	}
}

// Through a proxy the connection to the appliance is trusted as it is without one, and the proxy sees nothing of ours.
func TestFault_NET12_ThroughAProxy(t *testing.T) {
	id, other := issue(t, nil, nil, nil), issue(t, nil, nil, nil)
	asked := make(chan string, 10)
	m := serveRaw(t, id.config(), func(bare net.Conn, conn *tls.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(bare))
		if err != nil {
			return
		}
		asked <- fmt.Sprint(req.Method, " ", req.Host, " ", req.Header["Authorization"])
		_, _ = io.WriteString(bare, "HTTP/1.1 200 OK\r\n\r\n")
		_ = answer(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	r := get("/")
	r.Auth = Basic("u", secret.New("p"))
	proxied := func(pinned identity) *Client { return client(t, m, pinned, func(o *Options) { o.Proxy = true }) }
	if got := must(proxied(id).Do(t.Context(), r))(t); string(got.Body) != "ok" {
		t.Errorf("body %q", got.Body)
	}
	_, err := proxied(other).Do(t.Context(), r)
	wants(t, err, []error{appliance.ErrUntrusted})
	peer := must(Inspect(t.Context(), Options{URL: "https://appliance.test", Dial: m.dial, Proxy: true}))(t)
	if peer.Pin != id.pin() {
		t.Errorf("peer %+v", peer)
	}
	for range 3 {
		if got := <-asked; got != "CONNECT appliance.test:443 []" {
			t.Errorf("the proxy was asked %q", got)
		}
	}
}

// A proxy that is spoken to over TLS is refused before anything is sent: its certificate would be held against our pin, or
// ours against its name.
func TestFault_NET12_NoProxyOverTLS(t *testing.T) {
	cases := []struct {
		proxy string
		err   error
	}{
		{"https://u:proxypass@proxy.test:3128", errProxyTLS}, {"http://proxy.test:3128", nil}, {"", nil},
	}
	for _, test := range cases {
		chosen, err := usableProxy(must(url.Parse(test.proxy))(t), nil)
		if !errors.Is(err, test.err) || (chosen == nil) != (test.err != nil) {
			t.Errorf("%s: %v, %v", test.proxy, chosen, err)
		}
	}
	if chosen, err := usableProxy(nil, nil); chosen != nil || err != nil {
		t.Errorf("no proxy: %v, %v", chosen, err)
	}
	if _, err := usableProxy(nil, errors.New("proxypass")); !errors.Is(err, errProxySetting) {
		t.Errorf("an unreadable one: %v", err)
	}
	id := issue(t, nil, nil, nil)
	c := client(t, nil, id, func(o *Options) { o.Dial = nil })
	for _, pool := range []*http.Transport{c.kept, c.fresh} {
		pool.Proxy = func(*http.Request) (*url.URL, error) { return usableProxy(must(url.Parse(cases[0].proxy))(t), nil) }
	}
	for _, r := range []Request{get("/"), post("/")} {
		_, err := c.Do(t.Context(), r)
		wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
		says(t, err, "not supported", "http://")
		if strings.Contains(err.Error(), "proxypass") {
			t.Errorf("the proxy's password is in %q", err)
		}
	}
}
