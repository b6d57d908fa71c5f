package ecb

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

const (
	sentLogin   = "POST " + version + "auth/token 200"
	sentAsync   = "GET " + version + "admin/asyncstatus 200"
	sentVerify  = "PUT " + version + "configuration/management?action=verify 202"
	refuseProof = "PUT " + version + "configuration/management?action=verify 423"
)

// busyFor makes asyncstatus say inProgress.
func busy() meddler {
	return on("admin/asyncstatus", page(200, mediaXML,
		`<response><data><operationState><operation>activate</operation><status>inProgress</status></operationState></data></response>`))
}

func TestRenewKeepsTheLock(t *testing.T) {
	for _, f := range RenewalForms() {
		for _, strict := range []string{"any", string(f)} {
			for _, bare := range []bool{false, true} {
				t.Run(string(f)+"/"+strict, func(t *testing.T) {
					b := newBench(t, form(f), func(o *Options, _ *transport.Options) { o.BareContentType = bare })
					b.set("renewal-form", strict)
					b.set("renewal-content-type", map[bool]string{false: "strict-full", true: "strict-bare"}[bare])
					b.acquire()
					for i := range 5 { // 25 minutes in all, far past the first token's end
						b.hands.advance(5 * time.Minute)
						mark := b.mark()
						r, err := b.Renew(t.Context(), theLock)
						if err != nil {
							t.Fatal(err)
						}
						if i == 0 {
							b.sent(mark, sentLogin, sentLogin, sentAsync, sentVerify)
						} else {
							b.sent(mark, sentLogin)
						}
						if want := time.Duration(i+1) * 5 * time.Minute; r.Stamp.Sent.Run != want || len(r.Told) != 0 {
							t.Errorf("counted from %v, want %v; told %v", r.Stamp.Sent.Run, want, r.Told)
						}
						if l := b.lock(); l.Holder != appliance.HolderYou || l.Seen != r.Stamp {
							t.Errorf("listed as %+v", l)
						}
						if b.sim.LockOwner() != "admin" {
							t.Fatalf("the appliance says %q", b.sim.LockOwner())
						}
					}
					if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
						t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
					}
				})
			}
		}
	}
}

func TestRenewIgnored(t *testing.T) {
	b := newBench(t)
	b.set("renewal-form", "ignored")
	b.acquire()
	b.hands.advance(5 * time.Minute)
	mark := b.mark()
	_, err := b.Renew(t.Context(), theLock)
	if !errors.Is(err, appliance.ErrUnsupported) {
		t.Fatalf("err %v", err)
	}
	for _, words := range []string{`"raw"`, "14:10:00 UTC", `renewal_form = "accessToken"`} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %s", err, words)
		}
	}
	b.sent(mark, sentLogin, sentLogin, sentAsync, refuseProof, sentAsync, sentVerify)
	if l := b.lock(); l.Holder != appliance.HolderYou || l.Seen.Sent.Run != 0 {
		t.Errorf("listed as %+v", l)
	}
	// It is known now: no further tokens are made for nothing.
	mark = b.mark()
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("err %v", err)
	}
	b.sent(mark)
	if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
		t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
	}
}

// A body that the appliance does not understand may be refused too; the lock stays with the old token.
func TestRenewRefused(t *testing.T) {
	for _, status := range []string{"401", "400"} {
		t.Run(status, func(t *testing.T) {
			b := newBench(t, form(FormToken))
			b.set("renewal-form", "accessToken")
			b.set("renewal-bad-token", status)
			b.acquire()
			b.hands.advance(5 * time.Minute)
			_, err := b.Renew(t.Context(), theLock)
			if err == nil || !strings.Contains(err.Error(), "the lock is still yours") || !strings.Contains(err.Error(), `"raw"`) {
				t.Fatalf("err %v", err)
			}
			if l := b.lock(); l.Holder != appliance.HolderYou || l.Seen.Sent.Run != 0 {
				t.Errorf("listed as %+v", l)
			}
		})
	}
	t.Run("the old token is dead", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.sim.RevokeTokens()
		if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
	})
	t.Run("and it could not be asked", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.between(on("auth/token", page(400, mediaXML, "")))
		if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) || statusOf(err) != 400 {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
		b.between(nil)
		if held, err := b.Settle(t.Context()); !held || err != nil {
			t.Errorf("settled as %v, %v", held, err)
		}
		b.holder(appliance.HolderYou)
	})
}

func TestRenewWhileBusy(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.between(busy())
	b.hands.advance(5 * time.Minute)
	mark := b.mark()
	r, err := b.Renew(t.Context(), theLock)
	if err != nil || !r.Unproven || len(r.Told) != 1 || !strings.Contains(r.Told[0].Text.String(), `is busy with "activate"`) {
		t.Fatalf("told %v, %v", r.Told, err)
	}
	b.sent(mark, sentLogin, sentLogin, sentAsync) // and no proof
	if r.Stamp.Sent.Run != 0 || b.lock().Seen.Sent.Run != 0 {
		t.Errorf("counted from %v before it is proven", r.Stamp.Sent.Run)
	}
	// Still busy when the old token ends: nothing is claimed, and the new token is kept.
	b.hands.advance(4 * time.Minute)
	if r, err = b.Renew(t.Context(), theLock); err != nil || r.Stamp.Sent.Run != 0 {
		t.Fatalf("counted from %v, %v", r.Stamp.Sent.Run, err)
	}
	b.hands.advance(time.Minute)
	b.holder(appliance.HolderUnknown)
	// Not busy any more: proven at once. The token has but half of its life left, so it is renewed as well.
	b.between(nil)
	mark = b.mark()
	if r, err = b.Renew(t.Context(), theLock); err != nil || r.Unproven || r.Stamp.Sent.Run != 10*time.Minute {
		t.Fatalf("counted from %v, unproven %v, %v", r.Stamp.Sent.Run, r.Unproven, err)
	}
	b.sent(mark, sentAsync, sentVerify, sentLogin)
	b.holder(appliance.HolderYou)
	if b.sim.LockOwner() != "admin" {
		t.Errorf("the appliance says %q", b.sim.LockOwner())
	}
}

// A renewed token that was not proven yet is proven by the next call, without one more renewal.
func TestRenewProvesAtTheNextChance(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.hands.advance(5 * time.Minute)
	b.between(busy())
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	b.between(nil)
	b.hands.advance(time.Minute)
	mark := b.mark()
	r, err := b.Renew(t.Context(), theLock)
	if err != nil || r.Stamp.Sent.Run != 5*time.Minute || len(r.Told) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	b.sent(mark, sentAsync, sentVerify)
}

// While it is not known which of two tokens owns the lock, both are tried to give it back.
func TestReleaseWithAnUnprovenToken(t *testing.T) {
	for _, renewal := range []string{"any", "ignored"} {
		t.Run(renewal, func(t *testing.T) {
			b := newBench(t)
			b.set("renewal-form", renewal)
			b.acquire()
			b.between(busy())
			if _, err := b.Renew(t.Context(), theLock); err != nil {
				t.Fatal(err)
			}
			b.between(nil)
			if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
				t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
			}
		})
	}
}

// A proof counts for one build.
func TestRenewProvesAgainAfterAnUpgrade(t *testing.T) {
	b := newBench(t)
	b.acquire()
	renew := func() {
		t.Helper()
		if _, err := b.Renew(t.Context(), theLock); err != nil {
			t.Fatal(err)
		}
	}
	renew()
	if works, known := b.proof(); !works || !known {
		t.Fatal("not proven")
	}
	for range 2 {
		if _, err := b.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := b.proof(); known {
		t.Fatal("a proof for an unknown build counts for a known one")
	}
	b.hands.advance(time.Minute) // the verification that the first proof started is over
	mark := b.mark()
	renew()
	b.sent(mark, sentLogin, sentAsync, sentVerify)
}

func TestRenewNeedsALiveToken(t *testing.T) {
	b := newBench(t)
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("err %v", err)
	}
	b.acquire()
	b.hands.advance(10 * time.Minute)
	mark := b.mark()
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("err %v", err)
	}
	b.sent(mark)
	b.acquire() // what is left of the old term does not stand in the way
}

// Nothing that uses the owning token runs beside a renewal, and waiting for it ends with the context.
func TestRenewIsAlone(t *testing.T) {
	b := newBench(t)
	b.acquire()
	in, out := make(chan struct{}), make(chan struct{})
	b.between(on("auth/token", once(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		close(in)
		<-out
		next.ServeHTTP(w, r)
	})))
	done := make(chan error)
	go func() { _, err := b.Renew(t.Context(), theLock); done <- err }()
	<-in
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() error{
		"release": func() error { _, err := b.Release(ended, theLock); return err },
		"renew":   func() error { _, err := b.Renew(ended, theLock); return err },
		"acquire": func() error { _, err := b.Acquire(ended, theClaim); return err },
		"settle":  func() error { _, err := b.Settle(ended); return err },
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s beside a renewal: %v", name, err)
		}
	}
	b.holder(appliance.HolderYou) // knowing needs no turn
	close(out)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A renewal that comes too late may be taken for a plain login, whatever was proven before.
func TestRenewTooLate(t *testing.T) {
	b := newBench(t)
	b.acquire()
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	b.hands.advance(9*time.Minute + 59*time.Second)
	b.between(on("auth/token", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		b.hands.advance(2 * time.Second)
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Del("Content-Type")
		next.ServeHTTP(w, r)
	}))
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("err %v", err)
	}
	b.holder(appliance.HolderNobody)
}
