package transport

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// proxyName is what every test of this package finds in its proxy variables: the default client must not care.
const proxyName = "proxy.invalid:3128"

func TestMain(m *testing.M) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		if err := os.Setenv(name, "http://proxyuser:proxypass@"+proxyName); err != nil {
			panic(err)
		}
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// Certificates are valid over virtual time (2000) and real time alike.
var (
	validFrom = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

// identity is a certificate with its key.
type identity struct {
	tls.Certificate
	key *ecdsa.PrivateKey
}

func (i identity) pin() string { return PinOf(i.Leaf) }

// issue makes a certificate for appliance.test and 127.0.0.1, changed by edit, on key (nil: a new one), signed by ca
// (nil: self-signed).
func issue(t testing.TB, ca *identity, key *ecdsa.PrivateKey, edit func(*x509.Certificate)) identity {
	t.Helper()
	if key == nil {
		key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	}
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62)))(t), Subject: pkix.Name{CommonName: "appliance.test"},
		NotBefore: validFrom, NotAfter: validTo, DNSNames: []string{"appliance.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
	}
	if edit != nil {
		edit(template)
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.Leaf, ca.key
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer))(t)
	leaf := must(x509.ParseCertificate(der))(t)
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, key}
}

// authority makes a CA and the file that trusts it.
func authority(t testing.TB) (identity, string) {
	t.Helper()
	ca := issue(t, nil, nil, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.DNSNames, c.IPAddresses = true, x509.KeyUsageCertSign, nil, nil
	})
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Certificate[0]})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return ca, file
}

// must unwraps a value or fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// memory is a listener whose connections are pipes in memory, so that virtual time works on them.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	dials  []string // addresses asked for
	open   int
}

func newMemory() *memory {
	return &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// dial is for Options.Dial.
func (m *memory) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	ours, theirs := pipe()
	m.mu.Lock()
	m.dials = append(m.dials, addr)
	m.open++
	m.mu.Unlock()
	select {
	case m.conns <- theirs:
		return &counted{Conn: ours, m: m}, nil
	case <-ctx.Done():
		m.release()
		return nil, ctx.Err()
	case <-m.closed:
		m.release()
		return nil, errors.New("nobody listens")
	}
}

func (m *memory) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open--
}

func (m *memory) count() (dials, open int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.dials), m.open
}

// counted tells memory when our end is closed.
type counted struct {
	net.Conn
	m    *memory
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(c.m.release)
	return c.Conn.Close()
}

// serve runs handler over TLS on a memory listener until the test ends.
func serve(t testing.TB, config *tls.Config, handler http.Handler) *memory {
	t.Helper()
	m := newMemory()
	s := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(tls.NewListener(m, config)) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return m
}

// serveRaw gives each connection, unread, to talk, which gets the bare and the TLS connection; both are closed after.
func serveRaw(t testing.TB, config *tls.Config, talk func(bare net.Conn, conn *tls.Conn)) *memory {
	t.Helper()
	m := newMemory()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			bare, err := m.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer bare.Close()
				talk(bare, tls.Server(bare, config))
			})
		}
	})
	t.Cleanup(func() { _ = m.Close(); wg.Wait() })
	return m
}

// answer reads one request from conn and writes raw.
func answer(conn net.Conn, raw string) error {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, req.Body); err != nil {
		return err
	}
	_, err = io.WriteString(conn, raw)
	return err
}

// config is a server's with that identity.
func (i identity) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{i.Certificate}}
}

// client makes a client of the appliance at m that pins id, changed by edit.
func client(t testing.TB, m *memory, id identity, edit func(*Options)) *Client {
	t.Helper()
	o := Options{Name: "dc1", URL: "https://appliance.test", Trust: Trust{Pin: id.pin()}}
	if m != nil {
		o.Dial = m.dial
	}
	if edit != nil {
		edit(&o)
	}
	c := must(New(o))(t)
	t.Cleanup(c.Close)
	return c
}

func get(path string) Request { return Request{Method: http.MethodGet, Path: path} }
func post(path string) Request {
	return Request{Method: http.MethodPost, Path: path, Body: []byte("{}")}
}

// wants checks which kinds an error is, and which it is not.
func wants(t testing.TB, err error, is []error, not ...error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, kind := range is {
		if !errors.Is(err, kind) {
			t.Errorf("error %q is not %q", err, kind)
		}
	}
	for _, kind := range not {
		if errors.Is(err, kind) {
			t.Errorf("error %q is %q", err, kind)
		}
	}
}

func says(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
}
