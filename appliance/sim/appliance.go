package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

// Appliance is one appliance of a fleet. As JSON it is exactly what `holdfast sim` prints when it is ready.
type Appliance struct {
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	URL      string        `json:"url"`
	Address  string        `json:"address"` // virtual: what a push to it names
	Pin      string        `json:"pin"`     // of the first certificate, see SwapCertificate
	Accounts []kit.Account `json:"accounts"`

	LXCA  *xclarity.Appliance `json:"-"` // nil for an ECB
	ECB   *broker.Appliance   `json:"-"` // nil for an LXCA
	Clock *kit.Clock          `json:"-"`

	hosts    []string // that its certificates are made for
	cert     atomic.Pointer[tls.Certificate]
	handler  http.Handler
	requests *requests
	listener net.Listener
	gate     *gate
	dial     dialer
	server   *http.Server
	conns    sync.WaitGroup
}

// dialer connects to an address.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// Switches are the appliance's own switches.
func (a *Appliance) Switches() *kit.Switches {
	if a.LXCA != nil {
		return a.LXCA.Switches()
	}
	return a.ECB.Switches()
}

// Certificate is the certificate that new connections see.
func (a *Appliance) Certificate() *x509.Certificate { return a.cert.Load().Leaf }

// SwapCertificate gives new connections another certificate and returns its pin.
func (a *Appliance) SwapCertificate(c Cert) (string, error) {
	cert, err := c.make(a.hosts, a.Clock.Base(), a.cert.Load())
	if err != nil {
		return "", err
	}
	a.cert.Store(cert)
	return Pin(cert.Leaf), nil
}

// Requests returns how often each request came, by "METHOD /path". It is empty unless Spec.RequestLog is set.
func (a *Appliance) Requests() map[string]int {
	if a.requests == nil {
		return map[string]int{}
	}
	return a.requests.all()
}

// listen opens the appliance's listener and prepares its server.
func (a *Appliance) listen(cfg Config, spec Spec) error {
	addr := spec.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var err error
	switch {
	case spec.Listener != nil:
		a.listener = spec.Listener
	case cfg.Memory:
		a.listener, a.dial = Pipe()
	default:
		if a.listener, err = net.Listen("tcp", addr); err != nil {
			return fmt.Errorf("listen at %s: %w", addr, reason(err))
		}
	}
	at := a.listener.Addr().String()
	host, port, err := net.SplitHostPort(at)
	switch ip := net.ParseIP(host); {
	case err != nil: // in memory: it is known by its virtual address
		host, at = a.Address, a.Address
	case ip != nil && ip.IsUnspecified(): // every address of this host, and none that a client could connect to
		host = "127.0.0.1"
		at = net.JoinHostPort(host, port)
	}
	a.hosts = []string{a.Name, "localhost", "127.0.0.1", "::1", a.Address, host}
	a.URL = "https://" + at
	if a.Pin, err = a.SwapCertificate(spec.Cert); err != nil {
		return err
	}
	minTLS := cfg.MinTLS
	if minTLS == 0 {
		minTLS = tls.VersionTLS12
	}
	a.gate = newGate(a.listener, a.Clock.Base)
	if a.dial != nil {
		a.dial = a.gate.refusing(a.dial)
	}
	var below net.Listener = a.gate
	if a.ECB != nil {
		below = plainListener{a.gate, a.ECB}
	}
	a.listener = tls.NewListener(below, &tls.Config{
		MinVersion: minTLS, MaxVersion: cfg.MaxTLS, NextProtos: []string{"http/1.1"},
		SessionTicketsDisabled: true, // a resumed session would hide that the certificate was swapped
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.cert.Load(), nil },
	})
	a.server = &http.Server{
		Handler: a.handler, ErrorLog: log.New(io.Discard, "", 0), ConnState: a.track,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 1 << 16,
	}
	return nil
}

// track counts open connections, so that Close can wait for their goroutines.
func (a *Appliance) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		a.conns.Done()
	}
}

// serve serves until the server is closed.
func (a *Appliance) serve() {
	_ = a.server.Serve(a.listener) // always ends with http.ErrServerClosed
}

// requests counts requests.
type requests struct {
	mu    sync.Mutex
	count map[string]int
}

func (q *requests) log(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.mu.Lock()
		q.count[r.Method+" "+r.URL.Path]++
		q.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (q *requests) all() map[string]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := make(map[string]int, len(q.count))
	for k, n := range q.count {
		m[k] = n
	}
	return m
}
