package tokens

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/ecb"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/transport"
)

// childEnv is the URL of the appliance for a re-executed test binary, which is one run that is killed somewhere.
const childEnv = "HOLDFAST_TOKENS_CHILD"

var (
	claim = appliance.Claim{Scope: appliance.ConfigurationLock}
	lock  = appliance.Lock{ID: appliance.ConfigurationLock}
)

// childMain takes the lock, renews it twice and gives it back. It dies just before what it keeps is made durable for the
// nth time, and prints how often that was.
func childMain() int {
	nth, err := strconv.Atoi(os.Getenv("SYNC"))
	if err != nil {
		panic(err)
	}
	store := InFolder(os.Getenv("STATE"), "dc1")
	synced := 0
	store.sync = func(f *os.File) error {
		if synced++; synced == nth {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
		return f.Sync()
	}
	c, err := clientOf(os.Getenv(childEnv), os.Getenv("PIN"), store, "one")
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, do := range []func() error{
		func() error { _, err := c.Acquire(ctx, claim); return err },
		func() error { _, err := c.Renew(ctx, lock); return err },
		func() error { _, err := c.Renew(ctx, lock); return err },
		func() error { _, err := c.Release(ctx, lock); return err },
	} {
		if err := do(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println(synced)
	return 0
}

func clientOf(url, pin string, store ecb.Tokens, engine string) (*ecb.Client, error) {
	clk := clock.System()
	tc, err := transport.New(transport.Options{Name: "dc1", URL: url, Clock: clk, Trust: transport.Trust{Pin: pin}})
	if err != nil {
		return nil, err
	}
	return ecb.New(ecb.Options{
		Name: "dc1", User: "admin", Password: secret.Fixed(secret.New("Passw0rd-admin")), Transport: tc, Clock: clk,
		Tokens: store, Engine: engine,
	}), nil
}

// point is where a run is killed: at the nth request, before or after it took effect, or before the nth sync; 0 = never.
type point struct {
	request int
	effect  bool
	sync    int
}

func (p point) String() string {
	return fmt.Sprintf("request %d effect %v sync %d", p.request, p.effect, p.sync)
}

// victim is one run and the appliance that it speaks to.
type victim struct {
	sim   *broker.Appliance
	url   string
	pin   string
	state string

	mu       sync.Mutex
	requests []string
	later    int // of requests, those of the next run
	process  *os.Process
	at       point
	dead     chan struct{}
}

// handle kills the run at its point.
func (v *victim) handle(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.requests = append(v.requests, r.Method+" "+r.URL.Path)
	now := v.process != nil && len(v.requests) == v.at.request
	v.mu.Unlock()
	if !now {
		v.sim.ServeHTTP(w, r)
		return
	}
	if v.at.effect {
		v.sim.ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := v.process.Kill(); err != nil {
		panic(err)
	}
	<-v.dead
	panic(http.ErrAbortHandler)
}

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

// run runs a child to its end at p. synced is how often it synced when it was not killed.
func run(t *testing.T, p point) (v *victim, synced int) {
	t.Helper()
	v = &victim{
		// Verifications are over at once, so that the next run need not wait for that of a proof.
		sim: broker.New(broker.Options{Name: "dc1", Seed: 1, Speed: 1e9}), pin: transport.PinOf(certificate().Leaf),
		state: t.TempDir(), at: p, dead: make(chan struct{}),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(v.handle))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	v.url = server.URL

	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), childEnv+"="+v.url, "PIN="+v.pin, "STATE="+v.state, "SYNC="+strconv.Itoa(p.sync))
	var out, words strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &words
	v.mu.Lock()
	err = cmd.Start()
	v.process = cmd.Process
	v.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	close(v.dead)
	if p == (point{}) {
		if synced, err = strconv.Atoi(strings.TrimSpace(out.String())); err != nil {
			t.Fatalf("child: %v, %s%s", err, out.String(), words.String())
		}
		return v, synced
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child was not killed: %v, %s%s", err, out.String(), words.String())
	}
	return v, 0
}

// Wherever a run is killed, the next one gives the lock back, or says until when it may be held by a token that nobody saw; and
// no token is left lying about.
func TestFault_TOK02_KilledAnywhere(t *testing.T) {
	whole, synced := run(t, point{})
	if synced < 16 || len(whole.requests) != 8 {
		t.Fatalf("%d syncs, requests %v", synced, whole.requests)
	}
	var points []point
	for n := range whole.requests {
		points = append(points, point{request: n + 1}, point{request: n + 1, effect: true})
	}
	for n := range synced {
		points = append(points, point{sync: n + 1})
	}
	taken, lost := 0, 0
	for _, p := range points {
		t.Run(p.String(), func(t *testing.T) {
			v, _ := run(t, p)
			held, left := next(t, v)
			if held {
				taken++
			}
			if left {
				lost++
				sent := len(v.requests) - v.later
				if last := v.requests[sent-1]; p.request > 0 && !p.effect || !strings.HasSuffix(last, "auth/token") {
					t.Errorf("the lock was left after %s", last)
				}
			}
		})
	}
	// Two renewals, each of which is lost between its effect and the new token being kept: on the way here, and here.
	if taken < 10 || lost != 4 {
		t.Errorf("taken up %d times, left to a lost token %d times", taken, lost)
	}
}

// next is the run after: whether it had the lock, and whether it had to leave it to a lost token.
func next(t *testing.T, v *victim) (held, left bool) {
	t.Helper()
	store := InFolder(v.state, "dc1")
	c, err := clientOf(v.url, v.pin, store, "two")
	if err != nil {
		t.Fatal(err)
	}
	before, sent := time.Now(), len(v.requests)
	defer func() { v.later = len(v.requests) - sent }()
	held, err = c.Resume(t.Context(), "one")
	owner := v.sim.LockOwner()
	switch {
	case held && err == nil:
		if _, err := c.Release(t.Context(), lock); err != nil {
			t.Errorf("release: %v", err)
		}
		if owner := v.sim.LockOwner(); owner != "" {
			t.Errorf("still held by %q", owner)
		}
	case held:
		t.Errorf("held, and %v", err)
	case owner == "" && (err == nil || errors.Is(err, appliance.ErrGone)):
	case owner != "" && errors.Is(err, appliance.ErrNotHeld):
		left = true
		_, until, ok := strings.Cut(err.Error(), "until about ")
		at, parsed := time.Parse("15:04:05 MST", until)
		want := before.Add(10 * time.Minute)
		off := time.Duration(at.Hour()*3600+at.Minute()*60+at.Second()-want.Hour()*3600-want.Minute()*60-want.Second()) * time.Second
		if !ok || parsed != nil || off.Abs() > time.Minute {
			t.Errorf("it does not say until when: %v", err)
		}
	default:
		t.Errorf("the lock is held by %q, and: %v", owner, err)
	}
	if entries, err := os.ReadDir(store.path); err == nil && len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	return held, left
}
