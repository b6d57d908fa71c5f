package lxca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
	"holdfast/appliance/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is a limit of time for documents whose reading is not to be timed, as on a busy host.
const patient = time.Hour

const adminPassword = "Passw0rd-admin"

// ticker is the base clock of simulated appliances; it moves when a test says so.
type ticker struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticker) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *ticker) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is two simulated LXCAs, the second one newly set up, over TLS on loopback.
type world struct {
	one, fresh *sim.Appliance
	clock      *ticker
	truth      func() []kit.Effect
}

func newWorld(t *testing.T, switches ...string) world {
	t.Helper()
	c := &ticker{now: time.Now().Round(time.Second)}
	fleet, err := sim.Start(t.Context(), sim.Config{
		Appliances: []sim.Spec{{Name: "one", Kind: sim.KindLXCA}, {Name: "new", Kind: sim.KindLXCA, Fresh: true}},
		Backups:    3, Jobs: 2, Clock: c.Now, Switches: switches,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	return world{one: fleet.Appliance("one"), fresh: fleet.Appliance("new"), clock: c, truth: fleet.Truth().Effects}
}

// client connects to a by its pinned key.
func client(t *testing.T, a *sim.Appliance, user, password string) *Client {
	t.Helper()
	return dial(t, a.URL, transport.Trust{Pin: a.Pin}, user, password)
}

func dial(t *testing.T, url string, trust transport.Trust, user, password string) *Client {
	t.Helper()
	return dialWith(t, transport.Options{Name: "one", URL: url, Trust: trust, Clock: clock.System()}, user, password)
}

func dialWith(t *testing.T, o transport.Options, user, password string) *Client {
	t.Helper()
	tr, err := transport.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return New(Options{Name: "one", User: user, Password: secret.Fixed(secret.New(password)), Transport: tr})
}

// canned is one prepared answer, and the requests that came for it.
type canned struct {
	status int
	header http.Header
	body   string

	mu   sync.Mutex
	seen []string // method, path, body
	last http.Header
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c.mu.Lock()
	c.last = r.Header
	c.seen = append(c.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/com.lenovo.lxca-v4.1.0+json; charset=UTF-8")
	for k, v := range c.header {
		w.Header()[k] = v
	}
	w.WriteHeader(c.status)
	if _, err := w.Write([]byte(c.body)); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		panic(http.ErrAbortHandler)
	}
}

// answering returns a client of a server that gives always the same answer.
func answering(t *testing.T, c *canned) *Client {
	t.Helper()
	return serving(t, c)
}

// serving returns a client of a server on loopback.
func serving(t *testing.T, h http.Handler) *Client {
	t.Helper()
	return servingWith(t, h, false)
}

// answeringReadOnly is answering for a client that may only look.
func answeringReadOnly(t *testing.T, c *canned) *Client {
	t.Helper()
	return servingWith(t, c, true)
}

func servingWith(t *testing.T, h http.Handler, readOnly bool) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.TLS = tlsConfig()
	server.StartTLS()
	t.Cleanup(server.Close)
	return dialWith(t, transport.Options{
		Name: "one", URL: server.URL, Trust: transport.Trust{Pin: sim.Pin(server.Certificate())}, Clock: clock.System(), ReadOnly: readOnly,
	}, "ADMIN", adminPassword)
}

func tlsConfig() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate()}} }

// certificate is the one of all canned servers. The one of httptest is RSA, whose handshakes take most of a test's time.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// answerOf is a JSON answer with a status.
func answerOf(status int, body string) *canned { return &canned{status: status, body: body} }

// page is what a proxy or a login form answers.
func page(status int) *canned {
	return &canned{
		status: status, body: "<html><body>Please log in, secretly</body></html>",
		header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}},
	}
}

// calls are all calls of a client, by what they do; change tells those that change the appliance.
type call struct {
	name   string
	change bool
	do     func(context.Context, *Client) error
}

const (
	someUUID = "4edf27ff-08d1-49b5-b7f3-7e8edc4fd278"
	someLock = appliance.LockID("0123456789abcdef0123456789abcdef")
)

// somePassphrase is the one of the simulated packages.
var somePassphrase = secret.New(xclarity.DefaultPassphrase)

func allCalls() []call {
	transfer := func(verb appliance.Verb, to string) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error {
			_, err := c.Transfer(ctx, appliance.Transfer{Verb: verb, Backup: someUUID, Destination: to})
			return err
		}
	}
	return []call{
		{"probe", false, func(ctx context.Context, c *Client) error { _, err := c.Probe(ctx); return err }},
		{"locks", false, func(ctx context.Context, c *Client) error { _, err := c.Locks(ctx); return err }},
		{"backups", false, func(ctx context.Context, c *Client) error { _, err := c.Backups(ctx); return err }},
		{"space", false, func(ctx context.Context, c *Client) error { _, err := c.Space(ctx); return err }},
		{"jobs", false, func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err }},
		{"lock", false, func(ctx context.Context, c *Client) error { _, _, err := c.Lock(ctx, someLock); return err }},
		{"job", false, func(ctx context.Context, c *Client) error { _, _, err := c.Job(ctx, "17"); return err }},
		{"acquire", true, func(ctx context.Context, c *Client) error {
			_, err := c.Acquire(ctx, appliance.Claim{Scope: "UP", TTL: time.Minute})
			return err
		}},
		{"release", true, func(ctx context.Context, c *Client) error {
			_, err := c.Release(ctx, appliance.Lock{ID: someLock})
			return err
		}},
		{"copy", true, transfer(appliance.VerbCopy, "/mnt/my_remote_share")},
		{"move", true, transfer(appliance.VerbMove, "/mnt/my_remote_share")},
		{"push", true, transfer(appliance.VerbPush, "198.18.0.2")},
		{"cancel push", true, func(ctx context.Context, c *Client) error { _, err := c.CancelPush(ctx); return err }},
		{"cancel job", true, func(ctx context.Context, c *Client) error { _, err := c.CancelJob(ctx, "17"); return err }},
		{"room", false, func(ctx context.Context, c *Client) error { _, err := c.Room(ctx, 1); return err }},
		{"quiet", false, func(ctx context.Context, c *Client) error { _, err := c.Quiet(ctx); return err }},
		{"create", true, func(ctx context.Context, c *Client) error {
			_, err := c.CreateBackup(ctx, appliance.NewBackup{Label: "weekly", Images: true, Destination: "/mnt/my_remote_share"}, somePassphrase)
			return err
		}},
		{"process", true, func(ctx context.Context, c *Client) error { _, err := c.Process(ctx, somePassphrase); return err }},
		{"prepare", true, func(ctx context.Context, c *Client) error {
			_, err := c.Prepare(ctx, someUUID, somePassphrase)
			return err
		}},
		{"restore", true, func(ctx context.Context, c *Client) error {
			_, err := c.Restore(ctx, appliance.Restoring{Backup: someUUID}, somePassphrase)
			return err
		}},
		{"delete", true, func(ctx context.Context, c *Client) error {
			_, err := c.DeleteBackup(ctx, someUUID, "/mnt/my_remote_share")
			return err
		}},
	}
}
