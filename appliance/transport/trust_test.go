package transport

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/appliance"
)

// swapping serves whatever identity is stored, and counts the requests and resumed sessions.
type swapping struct {
	id       atomic.Pointer[identity]
	requests atomic.Int32
	resumed  atomic.Int32
}

func (s *swapping) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.id.Load().Certificate, nil },
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.DidResume {
				s.resumed.Add(1)
			}
			return nil
		},
	}
}

func (s *swapping) ServeHTTP(http.ResponseWriter, *http.Request) { s.requests.Add(1) }

func swap(t testing.TB, first identity) (*swapping, *memory) {
	t.Helper()
	s := &swapping{}
	s.id.Store(&first)
	return s, serve(t, s.config(), s)
}

func TestFault_TLS01_SelfSignedIsRefusedAndShown(t *testing.T) {
	id := issue(t, nil, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "evil\x1b[2J\u202e"}
	})
	s, m := swap(t, id)
	c := client(t, m, id, func(o *Options) { o.Trust = Trust{} })
	for _, r := range []Request{get("/"), post("/")} {
		_, err := c.Do(t.Context(), r)
		wants(t, err, []error{appliance.ErrUntrusted}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		says(t, err, id.pin(), "`holdfast trust dc1`", "nothing was sent")
		var untrusted *UntrustedError
		if !errors.As(err, &untrusted) || untrusted.Got != id.pin() || untrusted.Want != "" ||
			untrusted.Peer.Pin != id.pin() || !untrusted.Peer.NotAfter.Equal(validTo) {
			t.Errorf("untrusted: %+v", untrusted)
		}
		if subject := untrusted.Peer.Subject.String(); strings.ContainsAny(subject, "\x1b\u202e") {
			t.Errorf("subject %q is not clean", subject)
		}
	}
	if s.requests.Load() != 0 || c.Peer().Pin != "" {
		t.Errorf("%d requests arrived, peer %+v", s.requests.Load(), c.Peer())
	}
}

func TestFault_TLS01_InspectSendsNothing(t *testing.T) {
	id := issue(t, nil, nil, nil)
	type seen struct {
		n   int
		err error
	}
	handshakes := make(chan seen, 1)
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		if err := conn.HandshakeContext(t.Context()); err != nil {
			handshakes <- seen{-1, err}
			return
		}
		n, err := conn.Read(make([]byte, 100))
		handshakes <- seen{n, err}
	})
	o := Options{Name: "dc1", URL: "https://appliance.test", Dial: m.dial, Trust: Trust{Pin: "not looked at"}}
	peer := must(Inspect(t.Context(), o))(t)
	if peer.Pin != id.pin() || peer.Protocol != "TLS 1.3" || peer.Old || len(peer.Names) != 2 ||
		peer.Names[0].String() != "appliance.test" || !peer.NotBefore.Equal(validFrom) {
		t.Errorf("peer %+v", peer)
	}
	if s := <-handshakes; s.n != 0 || !errors.Is(s.err, io.EOF) {
		t.Errorf("the appliance saw %+v", s)
	}
	_ = m.Close()
	_, err := Inspect(t.Context(), o)
	wants(t, err, []error{appliance.ErrUnreachable})
}

func TestInspectOfABlackHoleEnds(t *testing.T) {
	id := issue(t, nil, nil, nil)
	synctest.Test(t, func(t *testing.T) {
		m := serveRaw(t, id.config(), func(bare net.Conn, _ *tls.Conn) { _, _ = io.Copy(io.Discard, bare) })
		start := time.Now()
		_, err := Inspect(t.Context(), Options{Name: "dc1", URL: "https://appliance.test", Dial: m.dial})
		wants(t, err, []error{appliance.ErrUnreachable})
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestFault_TLS02_KeyChanged(t *testing.T) {
	old, other := issue(t, nil, nil, nil), issue(t, nil, nil, nil)
	s, m := swap(t, old)
	c := client(t, m, old, nil)
	must(c.Do(t.Context(), get("/")))(t)
	s.id.Store(&other)
	c.Close()
	for _, r := range []Request{get("/"), post("/")} {
		_, err := c.Do(t.Context(), r)
		wants(t, err, []error{appliance.ErrUntrusted}, appliance.ErrAmbiguous)
		says(t, err, old.pin(), other.pin(), "nothing was sent", "change the pin of dc1 in the configuration")
		var untrusted *UntrustedError
		if !errors.As(err, &untrusted) || untrusted.Want != old.pin() || untrusted.Got != other.pin() {
			t.Errorf("untrusted %+v", untrusted)
		}
	}
	if n := s.requests.Load(); n != 1 || c.Peer().Pin != old.pin() {
		t.Errorf("%d requests arrived; peer %+v", n, c.Peer())
	}
}

func TestFault_TLS03_RenewedOnTheSameKey(t *testing.T) {
	first := issue(t, nil, nil, nil)
	renewed := issue(t, nil, first.key, func(c *x509.Certificate) { c.NotAfter = validTo.AddDate(1, 0, 0) })
	s, m := swap(t, first)
	c := client(t, m, first, nil)
	must(c.Do(t.Context(), get("/")))(t)
	if p := c.Peer(); p.Renewed || p.Pin != first.pin() {
		t.Errorf("first peer %+v", p)
	}
	s.id.Store(&renewed)
	c.Close()
	must(c.Do(t.Context(), get("/")))(t)
	if p := c.Peer(); !p.Renewed || p.Pin != first.pin() || !p.NotAfter.Equal(renewed.Leaf.NotAfter) {
		t.Errorf("renewed peer %+v", p)
	}
	must(c.Do(t.Context(), post("/")))(t)
	if !c.Peer().Renewed {
		t.Error("the notice was lost at the next handshake")
	}
}

// No session is resumed, so a swapped key is seen even where the appliance would resume; and were sessions kept, the
// check would run on them too.
func TestFault_TLS05_ResumedSession(t *testing.T) {
	old, other := issue(t, nil, nil, nil), issue(t, nil, nil, nil)
	s, m := swap(t, old)
	c := client(t, m, old, nil)
	for range 3 {
		must(c.Do(t.Context(), post("/")))(t)
	}
	if s.resumed.Load() != 0 {
		t.Error("a session was resumed")
	}
	s.id.Store(&other)
	_, err := c.Do(t.Context(), post("/"))
	wants(t, err, []error{appliance.ErrUntrusted})

	s.id.Store(&old)
	config := must(c.tlsConfig(0, false))(t)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	shake := func() (resumed bool, err error) {
		conn := tls.Client(must(m.dial(t.Context(), "", ""))(t), config)
		defer conn.Close()
		if err := conn.HandshakeContext(t.Context()); err != nil {
			return false, err
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // the ticket comes with the answer
		return conn.ConnectionState().DidResume, nil
	}
	if resumed, err := shake(); resumed || err != nil {
		t.Fatalf("first handshake: resumed %v, %v", resumed, err)
	}
	if resumed, err := shake(); !resumed || err != nil {
		t.Fatalf("second handshake: resumed %v, %v", resumed, err)
	}
	c.trust.Pin = other.pin()
	_, err = shake()
	wants(t, err, []error{appliance.ErrUntrusted})
}

func TestFault_TLS06_OldProtocol(t *testing.T) {
	id := issue(t, nil, nil, nil)
	for _, test := range []struct {
		server, minimum uint16
		old             bool
		protocol        string // empty: refused
	}{
		{tls.VersionTLS13, 0, false, "TLS 1.3"},
		{tls.VersionTLS12, 0, false, "TLS 1.2"},
		{tls.VersionTLS11, 0, false, ""},
		{tls.VersionTLS10, 0, false, ""},
		{tls.VersionTLS11, tls.VersionTLS11, true, "TLS 1.1"},
		{tls.VersionTLS10, tls.VersionTLS10, true, "TLS 1.0"},
		{tls.VersionTLS10, tls.VersionTLS11, false, ""},
		{tls.VersionTLS13, tls.VersionTLS10, false, "TLS 1.3"},
		{tls.VersionTLS12, tls.VersionTLS13, false, ""},
	} {
		config := id.config()
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, test.server
		m := serve(t, config, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		c := client(t, m, id, func(o *Options) { o.MinTLS = test.minimum })
		_, err := c.Do(t.Context(), post("/"))
		if test.protocol == "" {
			wants(t, err, []error{appliance.ErrUnreachable}, appliance.ErrAmbiguous)
			says(t, err, "min_tls")
			continue
		}
		if p := c.Peer(); err != nil || p.Old != test.old || p.Protocol != test.protocol {
			t.Errorf("%+v: %v, peer %+v", test, err, p)
		}
	}
}

// There is no way to switch the check off: whatever the trust, an unknown key is refused or New fails.
func TestFault_TLS07_NoTrustIsNoAnswer(t *testing.T) {
	id := issue(t, nil, nil, nil)
	s, m := swap(t, id)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trust := range map[string]Trust{
		"star": {Pin: "*"}, "prefix only": {Pin: "sha256//"}, "short": {Pin: "sha256//AAAA"},
		"without prefix": {Pin: strings.TrimPrefix(id.pin(), "sha256//")}, "blank": {Pin: " "},
		"no file": {CAFile: empty + "x"}, "empty file": {CAFile: empty},
	} {
		if _, err := New(Options{Name: "dc1", URL: "https://appliance.test", Dial: m.dial, Trust: trust}); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
	_, err := client(t, m, id, func(o *Options) { o.Trust = Trust{} }).Do(t.Context(), get("/"))
	wants(t, err, []error{appliance.ErrUntrusted})
	if s.requests.Load() != 0 {
		t.Error("something was sent")
	}
}

// A key that is confirmed while the client is in use is trusted from the next handshake on, and one that is replaced is not
// any more. While the file cannot be read nobody is trusted.
func TestFault_TLS01_ConfirmedWhileRunning(t *testing.T) {
	ca, file := authority(t)
	id := issue(t, &ca, nil, nil)
	s, m := swap(t, id)
	path := filepath.Join(t.TempDir(), "known_appliances")
	stranger := issue(t, nil, nil, nil)
	c := client(t, m, id, func(o *Options) { o.Trust = Trust{Known: must(OpenKnown(path))(t)} })
	backed := client(t, m, id, func(o *Options) { o.Trust = Trust{Known: must(OpenKnown(path))(t), CAFile: file} })
	confirm := func(pin string) {
		t.Helper()
		if err := must(OpenKnown(path))(t).Add("appliance.test:443", pin, "maria", trustedAt); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Do(t.Context(), get("/"))
	wants(t, err, []error{appliance.ErrUntrusted})
	must(backed.Do(t.Context(), post("/")))(t)
	confirm(id.pin())
	must(c.Do(t.Context(), get("/")))(t)
	if got := c.Call(get("/"), "", ""); got.Pin != id.pin() {
		t.Errorf("shown with the pin %q", got.Pin)
	}
	must(c.Do(t.Context(), post("/")))(t)
	confirm(stranger.pin())
	for _, c := range []*Client{c, backed} {
		_, err = c.Do(t.Context(), post("/"))
		wants(t, err, []error{appliance.ErrUntrusted})
		says(t, err, id.pin(), stranger.pin(), "`holdfast trust dc1`")
	}
	if err := os.WriteFile(path, []byte("appliance.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = backed.Do(t.Context(), post("/"))
	wants(t, err, []error{appliance.ErrUntrusted})
	says(t, err, path+":1: a line is", "nothing was sent")
	if n := s.requests.Load(); n != 3 {
		t.Errorf("%d requests arrived", n)
	}
}

// Whatever an appliance writes into its certificate and its headers, what is told of them is printable and bounded.
func TestFault_DAT06_CertificatesAndHeaders(t *testing.T) {
	const hostile = "a\x1b]0;x\x07\u009b2J\u202eb\u2028\r\n"
	id := issue(t, nil, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: hostile + strings.Repeat("c", 5000), Organization: []string{hostile}}
		c.DNSNames = []string{"appliance.test", "\x1b[2J.test"}
		for range 100 {
			c.DNSNames = append(c.DNSNames, strings.Repeat("n", 500)+".test")
		}
	})
	printable := func(where, s string, limit int) {
		t.Helper()
		if strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
			t.Errorf("%s: %q", where, s)
		}
		if n := utf8.RuneCountInString(s); n > limit {
			t.Errorf("%s: %d runes", where, n)
		}
	}
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		_ = answer(conn, "HTTP/1.1 302 \x1b[2J\u202e\r\nContent-Type: text/\u009b2J\r\nLocation: https://%1b[2J\u202e.evil/\u009b\r\nContent-Length: 0\r\n\r\n")
	})
	_, untrusted := client(t, m, id, func(o *Options) { o.Trust = Trust{} }).Do(t.Context(), get("/"))
	wants(t, untrusted, []error{appliance.ErrUntrusted})
	printable("untrusted", untrusted.Error(), 8192)
	peer := must(Inspect(t.Context(), Options{URL: "https://appliance.test", Dial: m.dial}))(t)
	printable("subject", peer.Subject.String(), appliance.LabelLimit)
	if len(peer.Names) == 0 || len(peer.Names) > maxNames {
		t.Errorf("%d names", len(peer.Names))
	}
	for _, name := range peer.Names {
		printable("name", name.String(), appliance.LabelLimit)
	}
	c := client(t, m, id, nil)
	_, err := c.Do(t.Context(), get("/"))
	wants(t, err, []error{appliance.ErrMalformed})
	printable("redirect", err.Error(), 1024)
	for _, x := range c.Trace(0) {
		printable("trace", x.Path+x.Err, 2048)
	}
}
