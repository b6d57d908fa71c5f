package chaos

import (
	"fmt"
	"time"

	"holdfast/appliance/sim/fault"
)

// steps are how far an appliance's clock, or ours, jumps.
var steps = []time.Duration{
	10 * 365 * 24 * time.Hour, 30 * 24 * time.Hour, 2 * time.Hour, 10 * time.Minute, 45 * time.Second, 4 * time.Second,
}

func (w *world) stepBy() time.Duration {
	d := steps[w.rng.IntN(len(steps))]
	if w.rng.IntN(2) == 0 {
		return -d
	}
	return d
}

// must puts a rule into force.
func (w *world) must(r fault.Rule) {
	w.t.Helper()
	if _, err := w.fleet.Faults().Add(r); err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
}

// storm begins the faults of requests: some always, more of them at times.
func (w *world) storm(rate float64) {
	w.must(fault.Rule{Kind: fault.Mix, P: rate, Seed: w.rng.Uint64()})
	w.must(fault.Rule{Kind: fault.Mix, P: 3 * rate, Seed: w.rng.Uint64(), Method: "POST,PUT,DELETE"})
}

// misfortune is one random fault of a whole appliance, of our host, or of its disk.
func (w *world) misfortune() {
	all := w.fleet.Appliances()
	a := all[w.rng.IntN(len(all))]
	once := fault.Rule{On: a.Name, Times: 1}
	seconds := time.Duration(1+w.rng.IntN(60)) * time.Second
	switch n := w.rng.IntN(20); {
	case n < 3:
		once.Kind, once.For, once.How = fault.Restart, seconds, []string{fault.Refused, fault.Unavailable, fault.Hang}[w.rng.IntN(3)]
		once.KeepLocks = w.rng.IntN(2) == 0
	case n < 6:
		once.Kind, once.For, once.How = fault.Outage, seconds, []string{fault.Refused, fault.Unavailable, fault.Hang}[w.rng.IntN(3)]
	case n < 9:
		once.Kind, once.For = fault.ClockStep, w.stepBy()
	case n < 10:
		once.Kind = fault.SwapCertificate
		w.later(time.Duration(10+w.rng.IntN(60))*time.Second, func() { w.trust(a.Name) })
	case n < 12:
		once.Kind, once.KeepLocks, once.On = fault.RevokeToken, w.rng.IntN(3) == 0, "ecb-*"
	case n < 14:
		once.Kind, once.By = fault.StealLock, []string{"rest", "gui", "acli"}[w.rng.IntN(3)]
	case n < 15: // everything fails for a while
		w.must(fault.Rule{Kind: fault.Mix, P: 0.9, Seed: w.rng.Uint64(), On: a.Name, Until: seconds})
		return
	case n < 16:
		d := time.Duration(1+w.rng.IntN(600)) * time.Second
		w.story.add("", "our host is suspended for %s", d)
		w.suspend(d)
		w.look()
		return
	case n < 18:
		d := w.hostStep()
		w.story.add("", "our wall clock is set by %s", d)
		w.setWall(d)
		w.look()
		return
	default:
		if p := w.main; p != nil && !p.dead.Load() {
			w.story.add("", "the disk of %s is full for %s", p.id, seconds)
			w.check.unwritable(p.id, seconds)
			p.full.Store(true)
			w.later(seconds, func() { p.full.Store(false) })
		}
		return
	}
	w.story.add(a.Name, "misfortune: %s", fmt.Sprint(once))
	w.must(once)
}

// hostStep is how far our wall clock is set: never by so much that finished records would be old.
func (w *world) hostStep() time.Duration { return w.stepBy() % (12 * time.Hour) }

// suspend has our host sleep, while the appliances go on: what falls due there happens in its time.
func (w *world) suspend(d time.Duration) {
	for ; d > 0; d -= time.Second {
		w.times.suspend(min(d, time.Second))
		w.fleet.Settle()
	}
}

// setWall sets the wall clock of our host.
func (w *world) setWall(by time.Duration) {
	w.times.setWall(by)
	w.check.wallSet(by < 0)
}

// later does something after a time.
func (w *world) later(d time.Duration, f func()) {
	w.acts.Go(func() {
		time.Sleep(d)
		f()
	})
}
