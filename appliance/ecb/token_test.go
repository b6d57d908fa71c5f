package ecb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

func TestFault_TOK03_OneLoginForFifty(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	waiting := make(chan struct{}, 50)
	b.between(on("auth/token", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		<-release
		next.ServeHTTP(w, r)
	}))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			waiting <- struct{}{}
			if _, err := b.Backups(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for range 50 {
		<-waiting
	}
	close(release)
	all.Wait()
	logins := 0
	for _, line := range b.since(0) {
		if strings.Contains(line, "auth/token") {
			logins++
		}
	}
	if logins != 1 || len(b.since(0)) != 51 {
		t.Errorf("%d logins in %d requests, want 1 in 51", logins, len(b.since(0)))
	}
}

// The lock's token is another than the poll token, and stays when that one is replaced.
func TestFault_TOK03_TwoTokens(t *testing.T) {
	b := newBench(t)
	if _, err := b.Jobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.acquire()
	b.drop(b.poll.token)
	if _, err := b.Jobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
		t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
	}
}

// When the one who logs in for all goes away, the others do not fail with it.
func TestLoginOutlivesItsCaller(t *testing.T) {
	b := newBench(t)
	in := make(chan struct{})
	b.between(on("auth/token", once(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		close(in)
		_, _ = io.Copy(io.Discard, r.Body) // lets the server notice that the client goes
		<-r.Context().Done()
	})))
	first, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := b.Jobs(first); !errors.Is(err, context.Canceled) {
			t.Errorf("the one that went: %v", err)
		}
	})
	<-in
	all.Go(func() {
		if _, err := b.Jobs(t.Context()); err != nil {
			t.Errorf("the one that stayed: %v", err)
		}
	})
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := b.Jobs(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting does not end with the context: %v", err)
	}
	cancel()
	all.Wait()
}

func TestFault_TOK06_TokenLostInAPoll(t *testing.T) {
	b := newBench(t)
	if _, err := b.Jobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.sim.RevokeTokens()
	mark := b.mark()
	if _, err := b.Jobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.sent(mark, "GET "+version+"admin/asyncstatus 401", sentLogin, sentAsync)
	// A 401 that stays is told; there is no second repeat.
	b.between(on("admin/asyncstatus", page(401, mediaXML, "")))
	mark = b.mark()
	if _, err := b.Jobs(t.Context()); !errors.Is(err, appliance.ErrCredentials) {
		t.Errorf("err %v", err)
	}
	b.sent(mark, "GET "+version+"admin/asyncstatus 401", sentLogin, "GET "+version+"admin/asyncstatus 401")
}

// What changes something is sent once, whatever token the 401 is about.
func TestFault_TOK06_ChangesAreNotRepeated(t *testing.T) {
	for path, do := range map[string]func(*bench) error{
		"configuration/lock":   func(b *bench) error { _, err := b.Acquire(t.Context(), theClaim); return err },
		"configuration/unlock": func(b *bench) error { b.acquire(); _, err := b.Release(t.Context(), theLock); return err },
		"auth/token": func(b *bench) error {
			b.acquire()
			b.between(on("auth/token", page(401, mediaXML, "")))
			_, err := b.renewToken(t.Context(), b.own.token)
			return err
		},
	} {
		b := newBench(t)
		b.between(on(path, page(401, mediaXML, "")))
		if path == "auth/token" {
			b.between(nil)
		}
		if err := do(b); statusOf(err) != 401 {
			t.Errorf("%s: %v", path, err)
		}
		sent := 0
		for _, line := range b.since(0) {
			if strings.HasSuffix(line, path+" 401") {
				sent++
			}
		}
		if sent != 1 {
			t.Errorf("%s was sent %d times", path, sent)
		}
	}
}

func TestPollTokenIsReplacedBeforeItsEnd(t *testing.T) {
	b := newBench(t)
	for _, step := range []struct {
		after time.Duration
		sent  []string
	}{
		{0, []string{sentLogin, sentAsync}},
		{9*time.Minute - time.Nanosecond, []string{sentAsync}},
		{time.Nanosecond, []string{sentLogin, sentAsync}},
	} {
		b.hands.advance(step.after)
		mark := b.mark()
		if _, err := b.Jobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.sent(mark, step.sent...)
	}
}

func TestTokenLifetime(t *testing.T) {
	b := newBench(t, func(o *Options, _ *transport.Options) { o.TokenLifetime = 100 * time.Second })
	if r := b.acquire(); r.Lock.TTL != 100*time.Second || b.LockRules().DefaultTTL != 100*time.Second {
		t.Errorf("%+v", r)
	}
	b.hands.advance(100 * time.Second)
	b.holder(appliance.HolderUnknown)
	if b.margin() != 10*time.Second {
		t.Errorf("margin %v", b.margin())
	}
}

// A token that dies under us is a lost lock: nothing is sent again, and nobody logs in for it (faults.md TOK-01).
func TestFault_TOK01_DeadTokenIsALostLock(t *testing.T) {
	for name, act := range map[string]struct {
		do   func(*bench) error
		sent []string
	}{
		"release": {func(b *bench) error { _, err := b.Release(b.t.Context(), theLock); return err },
			[]string{"POST " + version + "configuration/unlock 401"}},
		"renewal": {func(b *bench) error { _, err := b.Renew(b.t.Context(), theLock); return err },
			[]string{
				"POST " + version + "auth/token 401",
				"GET " + version + "admin/asyncstatus 401", sentLogin, sentAsync, // with the poll token, which only reads
				"PUT " + version + "configuration/management?action=verify 401",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			b := newBench(t, keeping(s, "one"))
			b.acquire()
			if _, err := b.Jobs(t.Context()); err != nil {
				t.Fatal(err)
			}
			owning := b.own.token.text.Reveal()
			b.sim.RevokeTokens()
			mark := b.mark()
			uses := 0
			b.between(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Header.Get("Authorization") == "Bearer "+owning {
					uses++
				}
				next.ServeHTTP(w, r)
			})
			err := act.do(b)
			if !errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrCredentials) {
				t.Errorf("err %v", err)
			}
			b.sent(mark, act.sent...)
			if uses != 1 {
				t.Errorf("the dead token was used %d times", uses)
			}
			b.holder(appliance.HolderUnknown)
			if b.ownership().phase != phaseNone || s.engines() != "" || b.sim.LockOwner() != "" {
				t.Errorf("phase %d, kept: %s, owner %q", b.ownership().phase, s.engines(), b.sim.LockOwner())
			}
		})
	}
}
