package ecb

import (
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/lease"
	"holdfast/appliance/transport"
)

// Our clock was set back after the crash: the token is from the future then, lives all the same, and is tried. How long it lasts is
// not claimed: from now on it may end, and it has ended a token lifetime from now at the latest.
func TestFault_TOK02_FromTheFuture(t *testing.T) {
	for _, back := range []time.Duration{2 * time.Minute, 3 * time.Hour} {
		b, s := died(t)
		issued := b.hands.wall().Add(-time.Minute)
		set := func(o *Options, to *transport.Options) { // of this host, not of the appliance
			o.Clock = clock.New(func() (time.Time, time.Duration) { w, m := b.hands.read(); return w.Add(-back), m })
			to.Clock = o.Clock
		}
		n := b.next(s, set)
		now := n.clock.Now()
		if held, err := n.Resume(t.Context(), "one"); !held || err != nil {
			t.Fatalf("back by %v: held %v, %v", back, held, err)
		}
		n.sent(0, sentLogin, sentAsync, sentVerify)
		l := n.lock()
		term := lease.Own(l.Seen, l.TTL, 0)
		if state, _ := term.At(n.clock.Now()); l.Holder != appliance.HolderYou || state != lease.Expiring || term.End > now.Run {
			t.Errorf("back by %v: listed as %+v, which is %v until %v", back, l, state, term.End)
		}
		if k, err := s.Kept(t.Context(), "two"); err != nil || !k.Token.Issued.Equal(issued) || s.engines() != "two held" {
			t.Errorf("kept: %s, issued %v (%v)", s.engines(), k.Token.Issued, err)
		}
		b.hands.advance(time.Minute)
		third := b.another(keeping(s, "three"), set) // and after another crash
		if held, err := third.Resume(t.Context(), "two"); !held || err != nil {
			t.Fatalf("back by %v: the third: held %v, %v", back, held, err)
		}
		b.hands.advance(9*time.Minute + 59*time.Second)
		if h := lockOf(t, third).Holder; h != appliance.HolderYou {
			t.Errorf("holder %q just before its last end", h)
		}
		b.hands.advance(2 * time.Second)
		if h := lockOf(t, third).Holder; h != appliance.HolderUnknown || s.engines() != "" {
			t.Errorf("holder %q after its last end, kept: %s", h, s.engines())
		}
	}
}

// Renewed, it is dated; given back, it is given back.
func TestFault_TOK02_FromTheFutureGoesOn(t *testing.T) {
	b, s := died(t)
	n := b.next(s, func(o *Options, to *transport.Options) {
		o.Clock = clock.New(func() (time.Time, time.Duration) { w, m := b.hands.read(); return w.Add(-time.Hour), m })
		to.Clock = o.Clock
	})
	if held, err := n.Resume(t.Context(), "one"); !held || err != nil {
		t.Fatalf("held %v, %v", held, err)
	}
	b.hands.advance(time.Second)
	r, err := n.Renew(t.Context(), theLock)
	if err != nil || r.Unproven || r.Stamp.Sent.Run != time.Second || n.lock().Seen != r.Stamp {
		t.Errorf("renewed: %+v, %v", r, err)
	}
	if _, err := n.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" || s.engines() != "" {
		t.Errorf("released: %v, owner %q, kept: %s", err, b.sim.LockOwner(), s.engines())
	}
}
