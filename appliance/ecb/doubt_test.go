package ecb

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"holdfast/appliance"
)

// tells answers the status with a role and an uptime.
func tells(role, uptime string) meddler {
	return on("system/status", page(http.StatusOK, mediaXML,
		"<response><data><role>"+role+"</role><uptimeSeconds>"+uptime+"</uptimeSeconds></data><messages/><links/></response>"))
}

// Whatever shows that the appliance may have lost the lock, it is not said to be ours before that was asked; nothing is sent for
// the doubt itself (api/ecb.md 2.3, 2.4).
func TestFault_LCK10_InDoubt(t *testing.T) {
	probe := func(t *testing.T, b *bench) {
		t.Helper()
		if _, err := b.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		happens func(t *testing.T, b *bench)
		ours    bool // still
	}{
		"somebody says so": {func(_ *testing.T, b *bench) { b.Doubt() }, true},
		"restarted": {func(t *testing.T, b *bench) {
			b.sim.Restart(false)
			probe(t, b)
		}, false},
		"restarted, and it keeps tokens": {func(t *testing.T, b *bench) {
			b.between(tells("Active", "100"))
			probe(t, b)
			b.between(tells("Active", "99"))
			probe(t, b)
		}, true},
		"switched over": {func(t *testing.T, b *bench) {
			b.between(tells("Active", "100000000"))
			probe(t, b)
			b.between(tells("Standby", "100000000"))
			probe(t, b)
		}, true},
		"stolen": {func(_ *testing.T, b *bench) {
			b.sim.StealByOther("gui")
			b.Doubt()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			b := newBench(t, keeping(s, "one"))
			b.acquire()
			probe(t, b)
			probe(t, b)
			b.holder(appliance.HolderYou)
			b.hands.advance(time.Second)
			c.happens(t, b)
			b.holder(appliance.HolderUnknown)
			if s.engines() != "one held" {
				t.Errorf("kept: %s", s.engines())
			}
			b.between(swallow)
			if _, err := b.Settle(t.Context()); err == nil {
				t.Error("settled by nothing")
			}
			b.holder(appliance.HolderUnknown)
			b.between(nil)
			mark := b.mark()
			if held, err := b.Settle(t.Context()); held != c.ours || err != nil {
				t.Errorf("held %v, %v", held, err)
			}
			if n := len(b.since(mark)); n < 2 || n > 3 {
				t.Errorf("asked by %q", b.since(mark))
			}
			if got := b.lock().Holder == appliance.HolderYou; got != c.ours {
				t.Errorf("then it is ours: %v", got)
			}
			mark = b.mark()
			if held, _ := b.Settle(t.Context()); held != c.ours {
				t.Error("settled in another way")
			}
			b.sent(mark)
		})
	}
}

// A renewal of a lock that is in doubt proves itself, though an earlier one was proven.
func TestFault_LCK10_RenewedInDoubt(t *testing.T) {
	for _, stolen := range []bool{false, true} {
		b := newBench(t)
		b.acquire()
		b.hands.advance(time.Minute)
		if _, err := b.Renew(t.Context(), theLock); err != nil {
			t.Fatal(err)
		}
		b.hands.advance(time.Minute)
		want := appliance.HolderYou
		if stolen {
			b.sim.StealByOther("gui")
			want = appliance.HolderAnother
		}
		b.Doubt()
		if _, err := b.Renew(t.Context(), theLock); errors.Is(err, appliance.ErrNotHeld) != stolen {
			t.Errorf("stolen %v: %v", stolen, err)
		}
		b.holder(want)
	}
}

// What is in doubt is given back with its own token, without being asked about first.
func TestReleasedInDoubt(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.Doubt()
	mark := b.mark()
	if _, err := b.Release(t.Context(), theLock); err != nil || b.sim.LockOwner() != "" {
		t.Errorf("%v, owner %q", err, b.sim.LockOwner())
	}
	b.sent(mark, "POST /rest/v1.1/configuration/unlock 204")
	b.holder(appliance.HolderNobody)
}
