package sim

import (
	"context"
	"math/rand/v2"
	"time"

	"holdfast/appliance/sim/xclarity"
)

// life is what other people do to the appliances, and what happens to them.
type life struct {
	rng    *rand.Rand
	fleet  *Fleet
	locked map[*Appliance]bool      // ECBs whose configuration somebody else has locked
	slow   map[*Appliance]time.Time // when a slow appliance comes back
	copied map[string]bool          // backups that others have copied to a share, by uuid
}

// live lets things happen, a few a minute, until ctx ends. Nothing that happens depends on anything but the seed, the
// time, and what the locks and backups are by then.
func (f *Fleet) live(ctx context.Context, seed uint64) {
	if len(f.appliances) == 0 {
		return
	}
	l := &life{
		rng: rand.New(rand.NewPCG(seed, 0x6c696665)), fleet: f,
		locked: map[*Appliance]bool{}, slow: map[*Appliance]time.Time{}, copied: map[string]bool{},
	}
	l.begin()
	t := time.NewTimer(l.between(3*time.Second, 12*time.Second))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		l.recover()
		l.happen(f.appliances[l.rng.IntN(len(f.appliances))])
		t.Reset(l.between(3*time.Second, 12*time.Second))
	}
}

func (l *life) between(low, high time.Duration) time.Duration {
	return low + time.Duration(l.rng.Int64N(int64(high-low)))
}

func (l *life) component() string {
	return xclarity.Components[l.rng.IntN(len(xclarity.Components))]
}

// begin gives the first LXCA a lock that lasts and one that is about to expire, so that there is something to see.
func (l *life) begin() {
	for _, a := range l.fleet.appliances {
		if a.LXCA != nil && !a.LXCA.Fresh() {
			a.LXCA.AddForeignLock(l.component(), 25*time.Minute)
			a.LXCA.AddForeignLock(l.component(), 40*time.Second)
			return
		}
	}
}

// recover lets slow appliances come back.
func (l *life) recover() {
	for a, until := range l.slow {
		if !a.Clock.Base().Before(until) {
			a.setSlow(0)
			delete(l.slow, a)
		}
	}
}

// happen lets one thing happen to an appliance.
func (l *life) happen(a *Appliance) {
	n := l.rng.IntN(10)
	switch {
	case n == 0 && len(l.slow) == 0:
		a.setSlow(l.between(800*time.Millisecond, 2500*time.Millisecond))
		l.slow[a] = a.Clock.Base().Add(l.between(15*time.Second, 40*time.Second))
	case a.ECB != nil:
		l.onECB(a)
	case n < 6:
		l.onLocks(a.LXCA)
	default:
		l.onBackups(a.LXCA)
	}
}

func (a *Appliance) setSlow(d time.Duration) {
	if a.LXCA != nil {
		a.LXCA.SetSlow(d)
	} else {
		a.ECB.SetSlow(d)
	}
}

// onECB lets another operator lock the configuration now and then, or unlock it again.
func (l *life) onECB(a *Appliance) {
	if l.rng.IntN(3) > 0 {
		return
	}
	if l.locked[a] {
		a.ECB.UnlockByOther()
		l.locked[a] = false
		return
	}
	l.locked[a] = a.ECB.LockByOther("198.51.100.7")
}

// onLocks lets others take a lock, often a short one, or give back one that would last. It never touches a lock of a
// real user, and lets short ones expire.
func (l *life) onLocks(a *xclarity.Appliance) {
	var others []string
	for _, k := range a.Locks() {
		if k.By == xclarity.Other && k.Ends.Sub(a.Clock().Base()) > 2*time.Minute {
			others = append(others, k.ID)
		}
	}
	if len(others) < 2 || (len(others) < 5 && l.rng.IntN(2) == 0) {
		ttl := l.between(2*time.Minute, 30*time.Minute)
		if l.rng.IntN(2) == 0 {
			ttl = l.between(20*time.Second, 90*time.Second)
		}
		a.AddForeignLock(l.component(), ttl)
		return
	}
	a.RemoveLock(others[l.rng.IntN(len(others))])
}

// onBackups lets others copy a backup to the share, or remove a copy of theirs again.
func (l *life) onBackups(a *xclarity.Appliance) {
	backups := a.Backups()
	if len(backups) == 0 {
		return
	}
	b := backups[l.rng.IntN(len(backups))]
	if len(b.Locations) > 1 {
		if l.copied[b.UUID] && a.RemoveBackup(b.UUID, xclarity.DefaultShare) {
			delete(l.copied, b.UUID)
		}
		return
	}
	// Refused when it lies on the share only or is in use; then nothing happens this time.
	_, err := a.StartTransfer(xclarity.Transfer{
		Operation: "copy", UUID: b.UUID, Destination: xclarity.DefaultShare, User: xclarity.Other,
	})
	if err == nil {
		l.copied[b.UUID] = true
	}
}
