package chaos

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/xclarity"
)

// locksAtOnce is how many locks are to be there at once while hours are counted.
const locksAtOnce = 100

// firstHours is the first seed of hours; those of chaos lie below.
const firstHours = uint64(1_000_001)

// Locks are watched for many virtual hours, each second, while the clocks of the appliances jump by up to ten years, our host is
// suspended and its wall clock set, answers are lost, and the program is started again: none is ever shown as held after the
// moment at which its appliance lets it end (faults.md I2, CLK-01 to CLK-04).
func TestHours(t *testing.T) {
	t.Parallel()
	want := fullHours / raced.Or(share, 4*share)
	switch {
	case *hours > 0:
		want = *hours
	case *full:
		want = fullHours
	}
	seconds, past, jumps := 0, 0, 0
	first := firstHours
	if *oneSeed >= firstHours {
		first = *oneSeed
	}
	for seed := first; seconds < want*3600 && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watchLocks(t, seed, min(want*3600-seconds, 100*3600))
				seconds += w.check.totals.lockSeconds
				jumps += w.ops
				past += w.check.totals.past
			})
		})
	}
	t.Logf("%d lock-hours watched under %d jumps of clocks: %d s shown held past the earliest end", seconds/3600, jumps, past)
}

// watchLocks watches locks for so many lock-seconds.
func watchLocks(t *testing.T, seed uint64, seconds int) *world {
	w := newWorld(t, seed, sim.Config{
		Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}, {Name: "dc2", Kind: sim.KindLXCA}, {Name: "ecb-1", Kind: sim.KindECB}},
	})
	w.pass(5 * time.Second)
	w.must(fault.Rule{Kind: fault.Mix, P: 0.01, Seed: seed})
	for w.check.shownSeconds() < seconds && len(w.check.violations()) == 0 {
		w.revive()
		w.furnishLocks()
		w.jump()
		w.pass(time.Duration(5+w.rng.IntN(60)) * time.Second)
	}
	w.acts.Wait()
	for _, p := range w.running() {
		if err := p.quit(); err != nil {
			t.Error(err)
		}
	}
	w.report()
	return w
}

// jump has one of the clocks jump, or the program start again.
func (w *world) jump() {
	w.ops++
	all := w.fleet.Appliances()
	a := all[w.rng.IntN(len(all))]
	switch n := w.rng.IntN(20); {
	case n < 12:
		d := w.stepBy()
		w.story.add(a.Name, "its clock is set by %s", d)
		a.Clock.Step(d)
	case n < 15:
		d := time.Duration(1+w.rng.IntN(900)) * time.Second
		w.story.add("", "our host is suspended for %s", d)
		w.suspend(d)
	case n < 17:
		d := w.hostStep()
		if w.rng.IntN(4) > 0 {
			d %= 30 * time.Second // far ones end every lock by what we may say, and there are the fewer to watch
		}
		w.story.add("", "our wall clock is set by %s", d)
		w.setWall(d)
	case n < 18:
		w.main.kill()
	}
	w.look()
}

// furnishLocks takes as many locks as are missing, and keeps every fourth.
func (w *world) furnishLocks() {
	p := w.main
	for _, s := range p.engine.Snapshots() {
		mine := 0
		for _, l := range s.Locks {
			if l.Mine {
				mine++
			}
		}
		want := locksAtOnce / 2
		if s.Kind == appliance.ECB {
			want = 1
		}
		for range min(4, want-mine) {
			act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}
			if s.Kind == appliance.LXCA {
				scope := xclarity.Components[w.rng.IntN(len(xclarity.Components))]
				ttl := time.Duration(1+w.rng.IntN(90)) * time.Minute
				act.Claim = appliance.Claim{Scope: scope, TTL: fleet.Mark(ttl, 24*time.Hour, w.rng.Float64())}
			}
			keep := w.rng.IntN(4) == 0
			w.acts.Go(func() {
				r, err := p.engine.Do(w.t.Context(), maria, s.Name, act)
				w.story.add(s.Name, "%s %v: %s %v", act.Verb, act.Claim, r.Text, err)
				if err == nil && keep {
					_, _ = p.engine.Do(w.t.Context(), maria, s.Name, appliance.Act{Verb: appliance.VerbKeep, Lock: appliance.Lock{ID: r.Lock}})
				}
			})
		}
	}
}
