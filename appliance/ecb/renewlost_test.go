package ecb

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"holdfast/appliance"
)

func TestSettleWithAnUnprovenToken(t *testing.T) {
	for name, ignored := range map[string]bool{"the new token owns the lock": false, "the old one does": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if ignored {
				b.set("renewal-form", "ignored")
			}
			b.acquire()
			b.hands.advance(time.Minute)
			b.between(busy())
			if _, err := b.Renew(t.Context(), theLock); err != nil {
				t.Fatal(err)
			}
			b.hands.advance(5 * time.Minute)
			b.between(on("auth/token", swallow))
			_, err := b.Renew(t.Context(), theLock)
			switch {
			case ignored && !errors.Is(err, appliance.ErrUnsupported):
				t.Fatalf("err %v", err)
			case !ignored && err != nil && !errors.Is(err, appliance.ErrAmbiguous):
				t.Fatalf("err %v", err)
			}
			b.between(nil)
			b.hands.advance(time.Minute) // the verification that a proof starts is over
			if held, err := b.Settle(t.Context()); !held || err != nil {
				t.Fatalf("settled as %v, %v", held, err)
			}
			want := time.Minute
			if ignored {
				want = 0
			}
			if l := b.lock(); l.Holder != appliance.HolderYou || l.Seen.Sent.Run != want {
				t.Errorf("listed as %+v", l)
			}
			if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
				t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
			}
		})
	}
}

func TestRenewAnswerLost(t *testing.T) {
	tests := []struct {
		name string
		with meddler
		held bool
	}{
		{"before the effect", swallow, true},
		{"after the effect", lose, false},
		{"unreadable token", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			page(200, mediaXML, "<response><data/></response>")(w, r, next)
		}, true},
		{"503", page(503, "text/plain", "restarting"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.acquire()
			if _, err := b.Backups(t.Context()); err != nil { // has the poll token
				t.Fatal(err)
			}
			b.hands.advance(5 * time.Minute)
			b.between(on("auth/token", once(tt.with)))
			if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
				t.Fatalf("err %v", err)
			}
			b.holder(appliance.HolderUnknown)
			held, err := b.Settle(t.Context())
			if err != nil || held != tt.held {
				t.Fatalf("settled as %v, %v", held, err)
			}
			if tt.held {
				b.holder(appliance.HolderYou)
				if _, err := b.Renew(t.Context(), theLock); err != nil {
					t.Errorf("renewed: %v", err)
				}
			}
		})
	}
}

// A renewal after a lost one proves which token owns the lock, although the form was proven before.
func TestRenewAfterALostRenewal(t *testing.T) {
	b := newBench(t)
	b.acquire()
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	b.hands.advance(time.Minute)
	b.between(on("auth/token", once(swallow)))
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatalf("err %v", err)
	}
	b.between(busy())
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatalf("which token owns the lock is not known, but: %v", err)
	}
	b.holder(appliance.HolderUnknown)
	b.between(nil)
	mark := b.mark()
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	b.sent(mark, sentAsync, sentVerify)
	b.holder(appliance.HolderYou)
}
