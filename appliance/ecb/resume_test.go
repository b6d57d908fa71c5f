package ecb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// next is a bench as the next run has it: another client and engine on the same appliance, with a clock that begins now.
func (b *bench) next(s *shelf, with ...setup) *bench {
	b.t.Helper()
	n := &bench{t: b.t, hands: b.hands, sim: b.sim, url: b.url}
	n.Client = b.another(append([]setup{keeping(s, "two")}, with...)...)
	return n
}

// died is a run that held the lock, renewed it after two minutes, and died a minute later.
func died(t *testing.T) (*bench, *shelf) {
	t.Helper()
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	b.acquire()
	b.hands.advance(2 * time.Minute)
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	b.hands.advance(time.Minute)
	return b, s
}

func TestFault_TOK02_Resumed(t *testing.T) {
	b, s := died(t)
	n := b.next(s)
	held, err := n.Resume(t.Context(), "one")
	if err != nil || !held {
		t.Fatalf("held %v, %v", held, err)
	}
	n.sent(0, sentLogin, sentAsync, sentVerify)
	l := n.lock()
	if l.Holder != appliance.HolderYou || l.Seen.Sent.Run != -time.Minute || !l.Seen.Sent.Wall.Equal(start.Add(2*time.Minute)) {
		t.Errorf("listed as %+v", l)
	}
	if s.engines() != "two held" {
		t.Errorf("kept: %s", s.engines())
	}
	if _, err := n.Resume(t.Context(), "one"); !errors.Is(err, ErrYours) {
		t.Errorf("resumed twice: %v", err)
	}
	b.hands.advance(9*time.Minute - time.Nanosecond)
	n.holder(appliance.HolderYou)
	b.hands.advance(time.Nanosecond)
	n.holder(appliance.HolderUnknown)
}

// What was resumed is extended and given back like any other.
func TestFault_TOK02_ResumedIsOursInFull(t *testing.T) {
	b, s := died(t)
	n := b.next(s)
	if held, err := n.Resume(t.Context(), "one"); !held || err != nil {
		t.Fatal(held, err)
	}
	b.hands.advance(time.Minute)
	if r, err := n.Renew(t.Context(), theLock); err != nil || r.Unproven {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := n.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" || s.engines() != "" {
		t.Errorf("released: %v, owner %q, kept: %s", err, b.sim.LockOwner(), s.engines())
	}
}

// A lock that was only asked for is given back and not taken again; so is one that was being given back.
func TestFault_LCK09_AskedForByTheDead(t *testing.T) {
	for _, path := range []string{"configuration/lock", "configuration/unlock"} {
		for how, m := range map[string]meddler{"took effect": lose, "took no effect": swallow} {
			t.Run(path+" "+how, func(t *testing.T) {
				s := newShelf()
				b := newBench(t, keeping(s, "one"))
				b.between(on(path, m))
				_, err := b.Acquire(t.Context(), theClaim)
				if path == "configuration/unlock" {
					_, err = b.Release(t.Context(), theLock)
				}
				if !errors.Is(err, appliance.ErrAmbiguous) {
					t.Fatal(err)
				}
				b.between(nil)
				n := b.next(s)
				if held, err := n.Resume(t.Context(), "one"); held || err != nil {
					t.Errorf("held %v, %v", held, err)
				}
				n.holder(appliance.HolderNobody)
				if b.sim.LockOwner() != "" || s.engines() != "" {
					t.Errorf("owner %q, kept: %s", b.sim.LockOwner(), s.engines())
				}
			})
		}
	}
}

func TestFault_TOK02_EndedOrNone(t *testing.T) {
	b, s := died(t)
	b.hands.advance(9 * time.Minute)
	n := b.next(s)
	for range 2 {
		if held, err := n.Resume(t.Context(), "one"); held || !errors.Is(err, appliance.ErrGone) {
			t.Errorf("held %v, %v", held, err)
		}
	}
	n.sent(0)
	if s.engines() != "" {
		t.Errorf("kept: %s", s.engines())
	}
	b, s = died(t)
	if _, err := b.next(s).Resume(t.Context(), "three"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("an engine that kept nothing: %v", err)
	}
	if _, err := b.another().Resume(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("without a store: %v", err)
	}
}

// Nobody but the appliance and the account that a token is of gets to see it.
func TestFault_SEC03_NoTokenForAnotherHost(t *testing.T) {
	for name, change := range map[string]func(*Kept){
		"another host": func(k *Kept) { k.URL = "https://ecb.example.net" },
		"another user": func(k *Kept) { k.User = "otto" },
	} {
		t.Run(name, func(t *testing.T) {
			b, s := died(t)
			k := s.kept["one"]
			change(&k)
			s.kept["one"] = k
			n := b.next(s)
			held, err := n.Resume(t.Context(), "one")
			if held || err == nil || errors.Is(err, appliance.ErrGone) || !strings.Contains(err.Error(), "offered to nobody else") {
				t.Errorf("held %v, %v", held, err)
			}
			n.sent(0)
			if s.engines() != "one held" {
				t.Errorf("kept: %s", s.engines())
			}
			if strings.Contains(err.Error(), k.Token.Text.Reveal()) {
				t.Error("the token is told")
			}
		})
	}
}

// While it cannot be told what became of the lock, everything stays kept, and it may be tried again.
func TestFault_TOK02_ResumedLater(t *testing.T) {
	for name, m := range map[string]meddler{
		"busy": busy(), "unreachable": swallow, "503": page(503, mediaXML, ""),
		"proof lost":   on("configuration/management", lose),
		"proof is 403": on("configuration/management", page(403, mediaXML, "")),
		"login is 401": on("auth/token", page(401, mediaXML, "")),
	} {
		t.Run(name, func(t *testing.T) {
			b, s := died(t)
			n := b.next(s)
			b.between(m)
			held, err := n.Resume(t.Context(), "one")
			if held || err == nil || errors.Is(err, appliance.ErrGone) || errors.Is(err, appliance.ErrNotHeld) {
				t.Errorf("held %v, %v", held, err)
			}
			if s.engines() != "one held" {
				t.Errorf("kept: %s", s.engines())
			}
			n.holder(appliance.HolderUnknown)
			b.between(nil)
			b.hands.advance(time.Minute) // a verification is over
			if held, err := n.Resume(t.Context(), "one"); !held || err != nil {
				t.Errorf("again: held %v, %v", held, err)
			}
		})
	}
	t.Run("unlock lost", func(t *testing.T) {
		s := newShelf()
		b := newBench(t, keeping(s, "one"))
		b.between(on("configuration/lock", lose))
		if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
			t.Fatal(err)
		}
		n := b.next(s)
		b.between(on("configuration/unlock", lose))
		if _, err := n.Resume(t.Context(), "one"); !errors.Is(err, appliance.ErrAmbiguous) || s.engines() != "one locking" {
			t.Errorf("%v, kept: %s", err, s.engines())
		}
		b.between(nil)
		if held, err := n.Resume(t.Context(), "one"); held || err != nil || s.engines() != "" || b.sim.LockOwner() != "" {
			t.Errorf("held %v, %v, kept: %s", held, err, s.engines())
		}
	})
}

func TestResumeWhileSomethingIsOpen(t *testing.T) {
	b, s := died(t)
	n := b.next(s)
	b.sim.UnlockByOther()
	b.between(on("configuration/lock", swallow))
	if _, err := n.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatal(err)
	}
	if _, err := n.Resume(t.Context(), "one"); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Errorf("err %v", err)
	}
	readOnly := b.next(s, func(_ *Options, to *transport.Options) { to.ReadOnly = true })
	if _, err := readOnly.Resume(t.Context(), "one"); !errors.Is(err, appliance.ErrReadOnly) || !strings.Contains(s.engines(), "one held") {
		t.Errorf("%v, kept: %s", err, s.engines())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.next(s).Resume(ended, "one"); !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
}

// When the store cannot take the lock over, the old record stays: the lock can be taken up once more.
func TestResumedButNotKept(t *testing.T) {
	b, s := died(t)
	n := b.next(s)
	s.full = true
	if held, err := n.Resume(t.Context(), "one"); !held || err != nil {
		t.Fatal(held, err)
	}
	if s.engines() != "one held" {
		t.Errorf("kept: %s", s.engines())
	}
	if h := n.probe(); len(h.Told) != 1 || !strings.Contains(h.Told[0].Text.String(), "disk full") {
		t.Errorf("told %v", h.Told)
	}
}

// An engine that died in the middle of a renewal may have left the lock with a token that nobody saw. Then it is said until
// when, by Resume and by everybody who is refused the lock meanwhile.
func TestFault_TOK02_LostTokenUntil(t *testing.T) {
	for _, fate := range []string{"revoked", "kept"} {
		t.Run("old token "+fate, func(t *testing.T) {
			b, s := died(t)
			b.set("old-token", fate)
			b.between(on("auth/token", lose))
			if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Fatal(err)
			}
			b.between(nil)
			b.hands.advance(time.Minute)
			n := b.next(s)
			held, err := n.Resume(t.Context(), "one")
			if held || !errors.Is(err, appliance.ErrNotHeld) || !strings.Contains(err.Error(), "until about 14:13:00 UTC") {
				t.Fatalf("held %v, %v", held, err)
			}
			if another := fate == "kept"; errors.Is(err, appliance.ErrHeld) != another {
				t.Errorf("held by another: want %v: %v", another, err)
			}
			if s.engines() != "" {
				t.Errorf("kept: %s", s.engines())
			}
			_, err = n.Acquire(t.Context(), theClaim)
			if !errors.Is(err, appliance.ErrHeld) || !strings.Contains(appliance.Reason(err), "until about 14:13:00 UTC") {
				t.Errorf("err %v", err)
			}
			b.hands.advance(9 * time.Minute)
			n.acquire()
		})
	}
}

// After a lost renewal the same is said without a restart.
func TestLostTokenIsToldByAcquire(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.between(on("auth/token", once(lose)))
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatal(err)
	}
	if held, err := b.Settle(t.Context()); held || err != nil {
		t.Fatal(held, err)
	}
	if _, err := b.Acquire(t.Context(), theClaim); !strings.Contains(appliance.Reason(err), "until about 14:10:00 UTC") {
		t.Errorf("err %v", err)
	}
	b.hands.advance(10 * time.Minute)
	b.sim.LockByOther("gui")
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrHeld) || strings.Contains(err.Error(), "until about") {
		t.Errorf("err %v", err)
	}
}

// So it is when the tokens that we know of have ended meanwhile.
func TestLostTokenOutlivesTheOthers(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.hands.advance(9 * time.Minute)
	b.between(on("auth/token", once(lose)))
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatal(err)
	}
	b.hands.advance(2 * time.Minute)
	if held, err := b.Settle(t.Context()); held || err != nil {
		t.Fatal(held, err)
	}
	_, err := b.Acquire(t.Context(), theClaim)
	if !errors.Is(err, appliance.ErrHeld) || !strings.Contains(appliance.Reason(err), "until about 14:19:00 UTC") {
		t.Errorf("err %v", err)
	}
}

// Both tokens of an unproven renewal are kept, and the one that owns the lock is found.
func TestFault_TOK02_UnprovenRenewal(t *testing.T) {
	for _, renewal := range []string{"any", "ignored"} {
		for name, later := range map[string]time.Duration{"at once": 0, "when the old token has ended": 6 * time.Minute} {
			t.Run(renewal+" "+name, func(t *testing.T) {
				s := newShelf()
				b := newBench(t, keeping(s, "one"))
				b.set("renewal-form", renewal)
				b.acquire()
				b.hands.advance(5 * time.Minute)
				b.between(busy())
				if _, err := b.Renew(t.Context(), theLock); err != nil {
					t.Fatal(err)
				}
				b.between(nil)
				b.hands.advance(later)
				n := b.next(s)
				held, err := n.Resume(t.Context(), "one")
				if err != nil || held != (b.sim.LockOwner() == "admin") {
					t.Fatalf("held %v, %v, owner %q", held, err, b.sim.LockOwner())
				}
				if !held && later == 0 {
					t.Error("the lock was not taken up")
				}
			})
		}
	}
}

// What was kept by hand or by a mistake is not sent.
func TestResumeWhatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Kept){
		"unusable token": func(k *Kept) { k.Token.Text = secret.New("a\r\nX: b") },
		"unknown phase":  func(k *Kept) { k.Phase = "dancing" },
	} {
		b, s := died(t)
		k := s.kept["one"]
		change(&k)
		s.kept["one"] = k
		n := b.next(s)
		if held, err := n.Resume(t.Context(), "one"); held || err == nil {
			t.Errorf("%s: held %v, %v", name, held, err)
		}
		n.sent(0)
	}
}

// The version of the API is kept: a lock can be given back without finding it out first.
func TestResumeInTheRightVersion(t *testing.T) {
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	b.set("versions", "v1.2-only")
	b.between(on("configuration/lock", lose))
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatal(err)
	}
	b.between(nil)
	n := b.next(s)
	if held, err := n.Resume(t.Context(), "one"); held || err != nil {
		t.Error(held, err)
	}
	n.sent(0, "POST /rest/v1.2/configuration/unlock 204")
}
