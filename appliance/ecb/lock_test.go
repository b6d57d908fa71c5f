package ecb

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

const version = "/rest/v1.1/"

func TestAcquireRelease(t *testing.T) {
	b := newBench(t)
	b.holder(appliance.HolderUnknown)
	r := b.acquire()
	b.sent(0, "POST "+version+"auth/token 200", "POST "+version+"configuration/lock 204")
	if r.Lock.ID != appliance.ConfigurationLock || r.Lock.TTL != 10*time.Minute || r.Lock.Holder != appliance.HolderYou || !r.Lock.Exclusive {
		t.Errorf("lock %+v", r.Lock)
	}
	if b.sim.LockOwner() != "admin" {
		t.Errorf("the appliance says %q holds it", b.sim.LockOwner())
	}
	l := b.lock()
	if l.Holder != appliance.HolderYou || l.TTL != 10*time.Minute || l.Seen != r.Stamp || l.Scope.Code != appliance.ConfigurationLock {
		t.Errorf("listed as %+v", l)
	}
	mark := b.mark()
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, ErrYours) {
		t.Errorf("acquired twice: %v", err)
	}
	b.sent(mark)

	b.hands.advance(time.Minute)
	released, err := b.Release(t.Context(), theLock)
	if err != nil {
		t.Fatal(err)
	}
	b.sent(mark, "POST "+version+"configuration/unlock 204")
	if b.sim.LockOwner() != "" || released.Lock.Holder != appliance.HolderNobody {
		t.Errorf("after the release: %q, %+v", b.sim.LockOwner(), released.Lock)
	}
	if l := b.lock(); l.Holder != appliance.HolderNobody || l.Seen.Received.Run != time.Minute {
		t.Errorf("after the release: %+v", l)
	}
	if _, err := b.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("released twice: %v", err)
	}
}

// The receipt counts from before the token was asked for, not from the lock: the lock ends with the token.
func TestAcquireCountsFromTheToken(t *testing.T) {
	b := newBench(t)
	b.between(on("configuration/lock", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		b.hands.advance(20 * time.Second)
		next.ServeHTTP(w, r)
	}))
	if r := b.acquire(); r.Stamp.Sent.Run != 0 {
		t.Errorf("counted from %v, the token was asked for at 0", r.Stamp.Sent.Run)
	}
	b.hands.advance(10*time.Minute - 20*time.Second - time.Nanosecond)
	b.holder(appliance.HolderYou)
	b.hands.advance(time.Nanosecond)
	b.holder(appliance.HolderUnknown)
}

func TestAcquireHeldByAnother(t *testing.T) {
	b := newBench(t)
	b.sim.LockByOther("gui")
	b.hands.advance(time.Second)
	_, err := b.Acquire(t.Context(), theClaim)
	var r *appliance.Refusal
	if !errors.Is(err, appliance.ErrHeld) || !errors.As(err, &r) || r.Status != 423 || len(r.Messages) == 0 {
		t.Fatalf("err %v", err)
	}
	if l := b.lock(); l.Holder != appliance.HolderAnother || l.Seen.Received.Run != time.Second || l.TTL != 0 {
		t.Errorf("listed as %+v", l)
	}
	// What was seen stays known while nobody says anything else.
	b.between(on("configuration/lock", page(http.StatusBadRequest, mediaXML, "")))
	if _, err := b.Acquire(t.Context(), theClaim); err == nil || errors.Is(err, appliance.ErrHeld) {
		t.Errorf("err %v", err)
	}
	b.holder(appliance.HolderAnother)
	b.between(nil)
	b.sim.UnlockByOther()
	b.acquire()
	b.holder(appliance.HolderYou)
}

func TestAcquireRefusals(t *testing.T) {
	tests := []struct {
		name  string
		with  meddler
		kind  error
		words string
	}{
		{"400", page(400, mediaXML, "<response><data/><messages><errorMessage>bad</errorMessage></messages></response>"), nil, "400 Bad Request: bad"},
		{"401", page(401, mediaXML, ""), appliance.ErrCredentials, "401"},
		{"403", page(403, mediaXML, ""), appliance.ErrForbidden, "403"},
		{"404", page(404, mediaXML, ""), appliance.ErrUnsupported, "404"},
		{"423 with a text for a free lock", page(423, mediaXML, "<response><messages><errorMessage>User does not have the lock.</errorMessage></messages></response>"), appliance.ErrHeld, "423"},
		{"426", page(426, mediaXML, ""), appliance.ErrUnsupported, "426"},
		{"429", page(429, mediaXML, ""), appliance.ErrBusy, "429"},
		{"500", page(500, mediaXML, ""), appliance.ErrAmbiguous, "500"},
		{"503 page", page(503, "text/html", "<html>secret page</html>"), appliance.ErrAmbiguous, "503 Service Unavailable"},
		{"200 page", page(200, "text/html", "<html>secret page</html>"), appliance.ErrAmbiguous, "unreadable answer"},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.Redirect(w, r, "/x", 307) }, appliance.ErrMalformed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.between(on("configuration/lock", tt.with))
			_, err := b.Acquire(t.Context(), theClaim)
			if err == nil || tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("err %v", err)
			}
			if strings.Contains(err.Error(), "secret page") {
				t.Errorf("a foreign page is shown: %v", err)
			}
			if open := b.ownership().phase != phaseNone; open != errors.Is(err, appliance.ErrAmbiguous) {
				t.Errorf("left open: %v after %v", open, err)
			}
		})
	}
	t.Run("scope", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.Acquire(t.Context(), appliance.Claim{Scope: "UP"}); !errors.Is(err, appliance.ErrUnsupported) {
			t.Errorf("err %v", err)
		}
		for _, f := range []func() error{
			func() error { _, err := b.Release(t.Context(), appliance.Lock{ID: "x"}); return err },
			func() error { _, err := b.Renew(t.Context(), appliance.Lock{ID: "x"}); return err },
		} {
			if err := f(); !errors.Is(err, appliance.ErrUnsupported) {
				t.Errorf("err %v", err)
			}
		}
		b.sent(0)
	})
}

func TestAcquireWithABody(t *testing.T) {
	b := newBench(t)
	b.between(on("configuration/lock", page(200, mediaXML, "<response><data/><messages><errorMessage>mind\x0bthe \u202egap</errorMessage></messages></response>")))
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Errorf("a control character in XML was taken: %v", err)
	}
	b = newBench(t)
	b.between(on("configuration/lock", page(200, mediaXML, "<response><data/><messages><errorMessage>mind the \u202egap</errorMessage></messages></response>")))
	if r := b.acquire(); len(r.Told) != 1 || r.Told[0].Text.String() != "mind the ▯gap" {
		t.Errorf("told %v", r.Told)
	}
}

func TestStandbyTakesNoLock(t *testing.T) {
	b := newBench(t)
	b.set("role", "standby")
	h, err := b.Probe(t.Context())
	if err != nil || !strings.Contains(h.NoLocks, "only on the active node") {
		t.Fatalf("NoLocks %q, %v", h.NoLocks, err)
	}
	mark := b.mark()
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("err %v", err)
	}
	b.sent(mark)
	b.set("role", "active")
	if h, err = b.Probe(t.Context()); err != nil || h.NoLocks != "" {
		t.Fatalf("NoLocks %q, %v", h.NoLocks, err)
	}
	b.acquire()
}

// A 403 of a node that takes no configuration says nothing of the account.
func TestForbiddenOnStandby(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.set("role", "standby")
	if _, err := b.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.between(on("configuration/unlock", page(403, mediaXML, "")))
	if _, err := b.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrForbidden) {
		t.Errorf("err %v", err)
	}
	if h, err := b.Probe(t.Context()); err != nil || !h.MayChange || h.Doubt {
		t.Errorf("health %+v, %v", h, err)
	}
	b.holder(appliance.HolderYou)
}

func TestReleaseOutcomes(t *testing.T) {
	t.Run("ended with its token", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.hands.advance(10 * time.Minute)
		if _, err := b.Release(t.Context(), theLock); err != nil {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
	})
	t.Run("the appliance forgot the token", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.sim.RevokeTokens()
		_, err := b.Release(t.Context(), theLock)
		if !errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrCredentials) {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
	})
	t.Run("freed behind our back", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.sim.StealByOther("gui")
		b.sim.UnlockByOther()
		r, err := b.Release(t.Context(), theLock)
		if err != nil || len(r.Told) != 1 {
			t.Errorf("told %v, err %v", r.Told, err)
		}
		b.holder(appliance.HolderNobody)
	})
	t.Run("a 423 without words", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.between(on("configuration/unlock", page(423, mediaXML, "")))
		if _, err := b.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrHeld) {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
	})
	t.Run("answer lost, sent once more", func(t *testing.T) {
		b := newBench(t)
		b.acquire()
		b.between(on("configuration/unlock", once(lose)))
		if _, err := b.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
			t.Fatalf("err %v", err)
		}
		b.holder(appliance.HolderUnknown)
		if _, err := b.Release(t.Context(), theLock); err != nil {
			t.Errorf("err %v", err)
		}
		b.holder(appliance.HolderNobody)
	})
}

func TestFault_LCK10_StolenLock(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.sim.StealByOther("acli")
	b.hands.advance(time.Second)
	_, err := b.Release(t.Context(), theLock)
	if !errors.Is(err, appliance.ErrNotHeld) || !errors.Is(err, appliance.ErrHeld) {
		t.Errorf("err %v", err)
	}
	if b.sim.LockOwner() != "acli" {
		t.Errorf("the appliance says %q holds it", b.sim.LockOwner())
	}
	if l := b.lock(); l.Holder != appliance.HolderAnother || l.Seen.Received.Run != time.Second {
		t.Errorf("listed as %+v", l)
	}
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("renewed: %v", err)
	}
}

func TestFault_LCK10_StolenBeforeRenewal(t *testing.T) {
	for _, by := range []string{"gui", ""} {
		t.Run("held by "+by, func(t *testing.T) {
			b := newBench(t)
			b.acquire()
			if _, err := b.Renew(t.Context(), theLock); err != nil {
				t.Fatal(err)
			}
			b.hands.advance(time.Minute)
			b.forgetProof() // else the loss shows only with the next protected call
			b.sim.StealByOther("gui")
			want := appliance.HolderAnother
			if by == "" {
				b.sim.UnlockByOther()
				want = appliance.HolderNobody
			}
			if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
				t.Errorf("err %v", err)
			}
			if b.sim.LockOwner() != by {
				t.Errorf("the appliance says %q holds it", b.sim.LockOwner())
			}
			b.holder(want)
		})
	}
}

// Every way in which the lock request's answer can be lost, and what others do until we look.
func TestFault_LCK09_LockAnswerLost(t *testing.T) {
	tests := []struct {
		name  string
		lost  meddler
		then  func(*bench)
		held  bool
		after appliance.Holder
	}{
		{"took effect", lose, func(*bench) {}, true, appliance.HolderYou},
		{"took no effect", swallow, func(*bench) {}, true, appliance.HolderYou},
		{"took no effect, somebody else came", swallow, func(b *bench) { b.sim.LockByOther("gui") }, false, appliance.HolderAnother},
		{"took effect, stolen", lose, func(b *bench) { b.sim.StealByOther("gui") }, false, appliance.HolderAnother},
		{"took effect, restarted", lose, func(b *bench) { b.sim.RevokeTokens() }, false, appliance.HolderUnknown},
		{"took effect, ended", lose, func(b *bench) { b.hands.advance(10 * time.Minute) }, false, appliance.HolderUnknown},
		{"taken between unlock and lock", lose, func(b *bench) {
			b.between(on("configuration/lock", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				b.sim.LockByOther("gui")
				next.ServeHTTP(w, r)
			}))
		}, false, appliance.HolderAnother},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.between(on("configuration/lock", tt.lost))
			if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Fatalf("err %v", err)
			}
			b.holder(appliance.HolderUnknown)
			mark := b.mark()
			if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Errorf("asked for again: %v", err)
			}
			b.sent(mark)
			b.between(nil)
			tt.then(b)
			held, err := b.Settle(t.Context())
			if err != nil || held != tt.held {
				t.Fatalf("settled as held = %v, %v; want %v", held, err, tt.held)
			}
			b.holder(tt.after)
			if held != (b.sim.LockOwner() == "admin") {
				t.Errorf("held = %v, but the appliance says %q", held, b.sim.LockOwner())
			}
			if again, err := b.Settle(t.Context()); err != nil || again != held {
				t.Errorf("settled twice: %v, %v", again, err)
			}
		})
	}
}

func TestFault_LCK09_SettlingIsLostToo(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"configuration/lock", "configuration/unlock", "configuration/lock"} {
		b.between(on(path, lose))
		var err error
		if b.ownership().phase == phaseNone {
			_, err = b.Acquire(t.Context(), theClaim)
		} else {
			_, err = b.Settle(t.Context())
		}
		if !errors.Is(err, appliance.ErrAmbiguous) || b.ownership().phase != phaseLocking {
			t.Fatalf("after the answer to %s was lost: phase %d, %v", path, b.ownership().phase, err)
		}
	}
	b.between(nil)
	if held, err := b.Settle(t.Context()); !held || err != nil {
		t.Fatalf("settled as %v, %v", held, err)
	}
	if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
		t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
	}
}

func TestSettleUnlock(t *testing.T) {
	for name, steal := range map[string]bool{"released": false, "stolen": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.acquire()
			b.between(on("configuration/unlock", swallow))
			if _, err := b.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Fatalf("err %v", err)
			}
			if _, err := b.Settle(t.Context()); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Fatalf("err %v", err)
			}
			b.between(nil)
			if steal {
				b.sim.StealByOther("gui")
			}
			if held, err := b.Settle(t.Context()); held || err != nil {
				t.Errorf("settled as %v, %v", held, err)
			}
			if owner := b.sim.LockOwner(); owner == "admin" {
				t.Errorf("still held by %q", owner)
			}
		})
	}
}
