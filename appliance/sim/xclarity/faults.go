package xclarity

import (
	"slices"
	"time"

	"holdfast/appliance/sim/kit"
)

// restarted is why a job fails that ran when the appliance restarted (api/lxca.md 4.5: a restart stops jobs).
const restarted = "The management server was restarted."

// Restart does what a restart does to the state: sessions are gone, running jobs have failed without an effect, and
// locks are gone too unless they are kept (neither is documented).
func (a *Appliance) Restart(keepLocks bool) {
	a.Settle()
	a.door.endAll()
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.record(now, itself, kit.Effect{What: "appliance.restarted"})
	for _, j := range slices.Clone(a.running) {
		if j.landing {
			continue // its package is already on the other side
		}
		j.failStep, j.why = j.stepAt(now), restarted
		a.finish(j, stateFailed, now, itself)
	}
	if keepLocks {
		return
	}
	for len(a.locks) > 0 {
		a.takeOff(0, itself, "lock.released")
	}
}

// DownUntil closes every connection that comes before that base time without an answer; pushes cannot arrive either.
func (a *Appliance) DownUntil(t time.Time) { a.backAt.Store(t.UnixNano()) }

// StealLock takes a lock of a real user off the list without his doing. Pick chooses one of n; it is not called when
// there is none. The lock's id is empty then.
func (a *Appliance) StealLock(pick func(n int) int) string {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	var own []int
	for i, l := range a.locks {
		if l.by != Other {
			own = append(own, i)
		}
	}
	if len(own) == 0 {
		return ""
	}
	i := own[pick(len(own))]
	id := a.locks[i].id
	a.takeOff(i, itself, "lock.stolen")
	return id
}
