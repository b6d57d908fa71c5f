package ecb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hands are a clock that only moves when told to.
type hands struct {
	mu   sync.Mutex
	past time.Duration
}

var start = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past += d
}

func (h *hands) wall() time.Time { w, _ := h.read(); return w }

func (h *hands) read() (time.Time, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return start.Add(h.past), h.past
}

// certificate is made once: an ECDSA one, as RSA handshakes are slow.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// meddler stands between client and appliance.
type meddler func(w http.ResponseWriter, r *http.Request, next http.Handler)

// bench is a client and what it talks to, over TLS on loopback.
type bench struct {
	*Client
	t     *testing.T
	hands *hands
	sim   *broker.Appliance // nil with a handler of the test's own
	url   string

	mu     sync.Mutex
	meddle meddler
}

// setup changes the options of a bench's client.
type setup func(*Options, *transport.Options)

// newBench is a client of a simulated ECB.
func newBench(t *testing.T, with ...setup) *bench {
	t.Helper()
	h := &hands{}
	sim := broker.New(broker.Options{Name: "ecb-lab", Clock: kit.NewClock(h.wall), Seed: 1})
	b := newBenchOn(t, h, sim, with...)
	b.sim = sim
	return b
}

// newBenchOn is a client of any handler.
func newBenchOn(t *testing.T, h *hands, handler http.Handler, with ...setup) *bench {
	t.Helper()
	b := &bench{t: t, hands: h}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		meddle := b.meddle
		b.mu.Unlock()
		if meddle != nil {
			meddle(w, r, handler)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	b.url = server.URL
	b.Client = b.another(with...)
	return b
}

// another is one more client of the same appliance.
func (b *bench) another(with ...setup) *Client {
	b.t.Helper()
	clk := clock.New(b.hands.read)
	o := Options{Name: "ecb-lab", User: "admin", Password: secret.Fixed(secret.New("Passw0rd-admin")), Clock: clk}
	to := transport.Options{
		Name: "ecb-lab", URL: b.url, Clock: clk, Trust: transport.Trust{Pin: transport.PinOf(certificate().Leaf)},
	}
	for _, f := range with {
		f(&o, &to)
	}
	tc, err := transport.New(to)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(tc.Close)
	o.Transport = tc
	return New(o)
}

func (b *bench) between(m meddler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.meddle = m
}

func (b *bench) set(name, value string) {
	b.t.Helper()
	if err := b.sim.Switches().Set(name, value); err != nil {
		b.t.Fatal(err)
	}
}

// mark is where the trace stands; since lists what was sent after it, as METHOD PATH STATUS.
func (b *bench) mark() uint64 {
	trace := b.Trace(0)
	if len(trace) == 0 {
		return 0
	}
	return trace[len(trace)-1].Seq
}

func (b *bench) since(mark uint64) []string {
	var lines []string
	for _, x := range b.Trace(mark) {
		lines = append(lines, x.Method+" "+x.Path+" "+strconv.Itoa(x.Status))
	}
	return lines
}

func (b *bench) sent(mark uint64, want ...string) {
	b.t.Helper()
	if got := b.since(mark); strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.t.Errorf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (b *bench) acquire() appliance.Receipt {
	b.t.Helper()
	r, err := b.Acquire(b.t.Context(), appliance.Claim{Scope: appliance.ConfigurationLock})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) lock() appliance.Lock { return lockOf(b.t, b.Client) }

func lockOf(t *testing.T, c *Client) appliance.Lock {
	t.Helper()
	list, err := c.Locks(t.Context())
	if err != nil || len(list.Locks) != 1 {
		t.Fatalf("locks: %v, %v", list, err)
	}
	return list.Locks[0]
}

func (b *bench) holder(want appliance.Holder) {
	b.t.Helper()
	if got := b.lock().Holder; got != want {
		b.t.Errorf("holder %q, want %q", got, want)
	}
}

// theLock is what a caller passes to Renew and Release.
var theLock = appliance.Lock{ID: appliance.ConfigurationLock}

var theClaim = appliance.Claim{Scope: appliance.ConfigurationLock}

// lose lets a request take effect and then cuts the connection instead of answering.
func lose(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// swallow cuts the connection before a request takes effect.
func swallow(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// on applies m to requests for paths that end so, and lets others through.
func on(suffix string, m meddler) meddler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// once applies m to the first request only.
func once(m meddler) meddler {
	var mu sync.Mutex
	done := false
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		first := !done
		done = true
		mu.Unlock()
		if first {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// page answers every request in the same way.
func page(status int, contentType, body string) meddler {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func as(user, password string) setup {
	return func(o *Options, _ *transport.Options) { o.User, o.Password = user, secret.Fixed(secret.New(password)) }
}

func form(f RenewalForm) setup {
	return func(o *Options, _ *transport.Options) { o.RenewalForm = f }
}
