// Package transport speaks HTTPS with one appliance, carefully: it trusts a certificate only for a stated reason, bounds
// every time and size, never sends a request twice by itself, never lets a secret out, and stamps each answer with the
// moments between which the appliance gave it (design.md 2 and 8, faults.md NET and TLS rows).
//
// Reads (GET, HEAD) share connections that are kept open. Everything else goes over a connection of its own: a kept one
// that the appliance closed a moment ago would leave us not knowing whether the request arrived, and net/http could even
// send it again.
package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

// Options say which appliance, and how it is talked to.
type Options struct {
	Name string // of the appliance, for errors and logs
	URL  string // https://host[:port][/]; see Canonical
	// Dial opens a connection; nil: a net.Dialer.
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Trust    Trust  // zero: the system's CAs
	MinTLS   uint16 // least TLS version, as in crypto/tls; 0: TLS 1.2 (faults.md TLS-06)
	Proxy    bool   // use the proxy that the environment names; never for loopback (faults.md NET-12)
	ReadOnly bool   // refuse everything but GET, HEAD and logins
	Clock    *clock.Clock
	Limits   Limits
	Remember int          // how many of the last exchanges Trace can tell; 0: 200
	Log      *slog.Logger // nil: none
}

// Limits bound one call. A zero value is the default behind it (faults.md NET-02, NET-04).
type Limits struct {
	Connect     time.Duration // until connected: 5 s
	Handshake   time.Duration // for the TLS handshake: 5 s
	Header      time.Duration // from a read written to its answer's header: 15 s
	Whole       time.Duration // a whole read or login, with its body and redirects: 30 s
	Changing    time.Duration // a whole call that changes something: 60 s
	Body        int64         // decoded bytes of a body: 8 MiB
	HeaderBytes int64         // of the answer's header: 256 KiB
}

// withDefaults fills in what is not set.
func (l Limits) withDefaults() Limits {
	or := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	or(&l.Connect, 5*time.Second)
	or(&l.Handshake, 5*time.Second)
	or(&l.Header, 15*time.Second)
	or(&l.Whole, 30*time.Second)
	or(&l.Changing, 60*time.Second)
	if l.Body <= 0 {
		l.Body = 8 << 20
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 256 << 10
	}
	return l
}

// idleLimit is how long an unused connection is kept: longer than any usual poll period (design.md 8).
const idleLimit = 150 * time.Second

// Client sends requests to one appliance. It is safe for concurrent use.
type Client struct {
	name     string
	base     *url.URL
	key      string
	trust    Trust
	roots    *x509.CertPool // of the CA file; nil: the system's
	readOnly bool
	limits   Limits
	clock    *clock.Clock
	log      *slog.Logger
	kept     *http.Transport // for reads
	fresh    *http.Transport // a connection for each other request

	ring ring

	mu        sync.Mutex
	peer      appliance.Peer
	firstCert [32]byte // of the first handshake, and of its key
	firstPin  string
}

// New makes a client. It opens no connection; it fails on a malformed URL or pin and on an unreadable CA file.
func New(o Options) (*Client, error) {
	c, err := newClient(o, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", appliance.Label(o.Name), err)
	}
	return c, nil
}

// newClient makes a client. One that only inspects trusts every key and must not send anything.
func newClient(o Options, inspect bool) (*Client, error) {
	base, key, err := Canonical(o.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		name: appliance.Label(o.Name).String(), base: base, key: key, trust: o.Trust, readOnly: o.ReadOnly,
		limits: o.Limits.withDefaults(), clock: o.Clock, log: o.Log, ring: ring{size: cmp.Or(o.Remember, 200)},
	}
	if c.name == "" {
		c.name = base.Host
	}
	if c.clock == nil {
		c.clock = clock.System()
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	config, err := c.tlsConfig(o.MinTLS, inspect)
	if err != nil {
		return nil, err
	}
	c.kept, c.fresh = c.newPool(o, config), c.newPool(o, config)
	c.kept.ResponseHeaderTimeout = c.limits.Header
	c.fresh.DisableKeepAlives = true
	return c, nil
}

// newPool makes a pool of connections that speak HTTP/1.1 and nothing else.
func (c *Client) newPool(o Options, config *tls.Config) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	t := &http.Transport{
		Protocols:              &protocols,
		DialContext:            c.dialer(o.Dial),
		TLSClientConfig:        config.Clone(),
		TLSHandshakeTimeout:    c.limits.Handshake,
		MaxResponseHeaderBytes: c.limits.HeaderBytes,
		IdleConnTimeout:        idleLimit,
		MaxIdleConnsPerHost:    4,
		// Requests and headers of answers are short, bodies pass these buffers by, and every connection keeps its own.
		ReadBufferSize: 1 << 10, WriteBufferSize: 2 << 10,
	}
	if o.Proxy {
		t.Proxy = environmentProxy
	}
	return t
}

// dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer bounds the time that dial may take.
func (c *Client) dialer(dial dialFunc) dialFunc {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		bounded, cancel := context.WithTimeout(ctx, c.limits.Connect)
		defer cancel()
		conn, err := dial(bounded, network, addr)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			return nil, limitError{"no connection", c.limits.Connect}
		}
		return conn, err
	}
}

// environmentProxy is the proxy that the environment names.
func environmentProxy(req *http.Request) (*url.URL, error) {
	return usableProxy(http.ProxyFromEnvironment(req))
}

// usableProxy is the proxy, unless it would have to be spoken to over TLS. No error repeats the variable, which may hold a
// password.
func usableProxy(proxy *url.URL, err error) (*url.URL, error) {
	switch {
	case err != nil:
		return nil, errProxySetting
	case proxy != nil && proxy.Scheme == "https":
		return nil, errProxyTLS
	}
	return proxy, nil
}

// URL is the appliance's address in its one form, as Canonical gives it.
func (c *Client) URL() string { return c.base.String() }

// ReadOnly reports whether changes are refused.
func (c *Client) ReadOnly() bool { return c.readOnly }

// Peer is what the last trusted handshake told; zero before the first.
func (c *Client) Peer() appliance.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Trace returns the last requests, oldest first, those after seq only. At most 200 are kept.
func (c *Client) Trace(after uint64) []appliance.Exchange { return c.ring.after(after) }

// Worst is the worst round trip of the recent answers; 0 before the first.
func (c *Client) Worst() time.Duration { return c.ring.worst() }

// Close closes the connections that are not in use. The client stays usable.
func (c *Client) Close() {
	c.kept.CloseIdleConnections()
	c.fresh.CloseIdleConnections()
}

// Call is the request r for showing: what Do would send, without secrets. A body that holds one shows as $TOKEN.
func (c *Client) Call(r Request, authKind, user string) appliance.Call {
	call := appliance.Call{
		Method: r.Method, URL: c.base.Scheme + "://" + c.base.Host + r.shown(),
		Auth: authKind, User: user, Accept: r.Accept, ContentType: r.ContentType, Body: string(r.Body),
	}
	// Where the trusted keys cannot be read nothing will be sent, and the line is shown without one.
	if call.Pin, _ = c.pin(); call.Pin == "" {
		call.CAFile = c.trust.CAFile
	}
	if r.SecretBody {
		call.Body = "$TOKEN"
	}
	return call
}
