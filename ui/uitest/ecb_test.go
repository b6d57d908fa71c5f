package uitest_test

import (
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/ui/uitest"
)

// onECB puts the cursor on the ECB in pane 1.
func onECB(x *uitest.Terminal) { x.Press("1", "G").Until("▸ ● ecb-edge") }

// The configuration lock is taken after a yes, extended by renewing the token that owns it, and released.
func TestECBLock(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.TokenTTL = time.Minute
	play(t, uitest.Options{Sim: cfg}, func(x *uitest.Terminal) {
		onECB(x)
		ecb := x.Fleet.Appliance("ecb-edge").ECB
		x.Press("a").Until("Acquire a lock on ecb-edge").Until("configuration lock is exclusive").Until("[  No  ]")
		x.Press("y").Until("ecb-edge", "configuration", "you", ":")
		if ecb.LockOwner() != "admin" {
			t.Fatalf("the lock is held by %q", ecb.LockOwner())
		}
		x.Until("you took configuration")
		x.Advance(30 * time.Second)
		x.Until("configuration", "you", "00:2")
		x.Press("2", "g", "e").Until("Extend configuration on ecb-edge").Press("y").Until("you extended configuration")
		x.UntilMatch(`configuration +you +00:5`)
		x.Advance(40 * time.Second)
		if ecb.LockOwner() != "admin" {
			t.Errorf("40 s after it was extended the lock is held by %q", ecb.LockOwner())
		}
		x.Press("r").Until("Release configuration on ecb-edge").Press("y").Until("you released configuration")
		if ecb.LockOwner() != "" {
			t.Errorf("the lock is held by %q", ecb.LockOwner())
		}
	})
}

// A lock that another holds cannot be taken, and the program says who stands in the way and for all what it is.
func TestECBLockOfAnother(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { f.Appliance("ecb-edge").ECB.LockByOther(broker.SourceGUI) }
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		onECB(x)
		x.Press("a").Until("Acquire a lock on ecb-edge").Press("y")
		x.Until("ecb-edge:", "another")
		x.Until("configuration", "another", "seen")
		if owner := x.Fleet.Appliance("ecb-edge").ECB.LockOwner(); owner != "gui" {
			t.Errorf("the lock is held by %q", owner)
		}
		x.Press("2", "G", "r").Until("release: it is not yours, and only its holder can do that")
		x.Press("e").Until("extend: it is not yours, and only its holder can do that")
	})
}

// What an ECB has not is said.
func TestECBHasNoTransfers(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		onECB(x)
		x.Until("3 Backups · ecb-edge")
		x.Press("3", "c").Until("copy: this appliance has no copying, moving or pushing of backups")
	})
}

// While an ECB is away it may lose the lock unseen, as by a restart: the row claims it no more until the appliance was asked, which
// is done as soon as it is back (faults.md LCK-10).
func TestFault_LCK10_ECBRestarts(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		play(t, uitest.Options{}, func(x *uitest.Terminal) {
			onECB(x)
			x.Press("a").Until("Acquire a lock on ecb-edge").Press("y").Until("you took configuration")
			x.UntilMatch(`configuration +you +0?9:`)
			ecb := x.Fleet.Appliance("ecb-edge").ECB
			ecb.SetAway(true)
			x.Advance(70 * time.Second)
			x.UntilMatch(`configuration +you · to be proved +(end unknown|unknown|seen)`)
			if restarts {
				ecb.Restart(false)
			}
			ecb.SetAway(false)
			if restarts {
				x.Until("configuration", "LOST")
				return
			}
			x.Until("asked whether configuration is still yours: it is")
			x.UntilMatch(`configuration +you +0?[78]:`)
		})
	}
}
