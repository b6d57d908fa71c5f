package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
	"holdfast/appliance/sim"
)

const year = 365 * 24 * time.Hour

// skewed are LXCAs whose clocks are off by anything up to ten years, either way, and an ECB.
func skewed(seed uint64) (cfg sim.Config, off map[string]time.Duration) {
	r := rand.New(rand.NewPCG(seed, 1))
	cfg = sim.Config{Appliances: []sim.Spec{{Name: "edge", Kind: sim.KindECB}}, Seed: seed}
	off = map[string]time.Duration{"edge": 10 * year}
	list := []time.Duration{-10 * year, -time.Hour, -time.Minute, -4 * time.Second, 0, 4 * time.Second, time.Minute, time.Hour, 10 * year}
	for range 4 {
		list = append(list, time.Duration(r.Int64N(int64(20*year)))-10*year)
	}
	for i, d := range list {
		name := fmt.Sprintf("dc%d", i)
		cfg.Appliances = append(cfg.Appliances, sim.Spec{Name: name, Kind: sim.KindLXCA})
		off[name] = d
	}
	return cfg, off
}

// held checks I2 for every appliance: what the screen says is held now, the appliance has.
func (h *house) held(t *testing.T, names ...string) {
	t.Helper()
	now := h.Clock().Now()
	for _, name := range names {
		for _, l := range h.Snapshot(name).Locks {
			if state, _ := l.Term.At(now); !l.Mine || state != lease.Held {
				continue
			}
			if a := h.sims.Appliance(name); a.ECB != nil && a.ECB.LockOwner() != "admin" ||
				a.LXCA != nil && !slices.Contains(h.alive(name), l.ID) {
				t.Fatalf("%s: %s is said to be held and is not there%s", name, l.ID, h.story())
			}
		}
	}
}

// However far an appliance's clock is off: a lock of ours lasts as long as was granted and never longer than it is there, one of
// another is told by the appliance's own time and never rises, and the skew is said once.
func TestFault_CLK01_SimulatorsWithAnySkew(t *testing.T) {
	for seed := range uint64(1) {
		cfg, off := skewed(seed)
		onSims(t, cfg, func(t *testing.T, h *house) {
			r := rand.New(rand.NewPCG(seed, 2))
			ttl, foreign := map[string]time.Duration{}, map[string]appliance.LockID{}
			var names []string
			for _, a := range h.sims.Appliances() {
				a.Clock.Step(off[a.Name])
				names = append(names, a.Name)
			}
			h.pass(70 * time.Second) // everything is asked again
			for _, name := range names {
				if name == "edge" {
					h.take(name, appliance.ConfigurationLock, 0)
					continue
				}
				foreign[name] = appliance.LockID(h.sims.Appliance(name).LXCA.AddForeignLock("FC", 12*time.Minute))
				ttl[name] = time.Minute + time.Duration(r.IntN(10*60))*time.Second
				id := h.take(name, "UP", ttl[name])
				_, left := h.lock(name, id).Term.At(h.Clock().Now())
				must(t, name+" lasts", left > ttl[name]-time.Second && left <= ttl[name], true)
			}
			ends := time.Now().Add(12 * time.Minute)
			h.pass(11 * time.Second)
			before := map[string]time.Duration{}
			for range 13 * 60 {
				h.pass(time.Second)
				h.held(t, names...)
				for name, id := range foreign {
					l := h.lock(name, id)
					if l.ID == "" {
						continue
					}
					state, left := l.Term.At(h.Clock().Now())
					if was, ok := before[name]; state == lease.Held && (left > time.Until(ends)+time.Second || time.Until(ends)-left > 4*time.Second || ok && left > was) {
						t.Fatalf("%s, off by %s: another's lock lasts %s, was %s, does %s", name, off[name], left, was, time.Until(ends))
					}
					before[name] = left
				}
			}
			for _, name := range names {
				noticed := 0
				for _, n := range h.Snapshot(name).Notices {
					if strings.HasPrefix(n.Text, "clock ") {
						noticed++
					}
				}
				must(t, fmt.Sprintf("notices of %s, off by %s", name, off[name]), noticed == 1, off[name].Abs() > 5*time.Second)
				if name != "edge" {
					must(t, name+" "+string(foreign[name]), len(h.alive(name)), 0)
					must(t, "losses of "+name+h.story(), len(h.Snapshot(name).Lost), 0)
				}
			}
		})
	}
}

// The appliance's clock is set while we hold locks there: ours are told by our own clock, another's by the new time, and the
// difference is a notice, all within one poll.
func TestFault_CLK02_SteppedUnderUs(t *testing.T) {
	cfg := sim.Config{Seed: 1}
	steps := []time.Duration{-10 * year, -time.Hour, -time.Minute, time.Minute, time.Hour, 10 * year}
	for i := range steps {
		cfg.Appliances = append(cfg.Appliances, sim.Spec{Name: fmt.Sprintf("dc%d", i), Kind: sim.KindLXCA})
	}
	onSims(t, cfg, func(t *testing.T, h *house) {
		ids := map[string]appliance.LockID{}
		for i, step := range steps {
			name := fmt.Sprintf("dc%d", i)
			ids[name] = h.take(name, "UP", 20*time.Minute)
			h.fault(fmt.Sprintf("clock-step=%s on=%s after=1m", step, name))
		}
		h.pass(61 * time.Second)
		for i, step := range steps {
			name := fmt.Sprintf("dc%d", i)
			h.until(11*time.Second, name+" to be noticed", func() bool {
				s := h.Snapshot(name)
				return (s.Skew-step).Abs() < 3*time.Second && slices.ContainsFunc(s.Notices, func(n fleet.Notice) bool { return strings.HasPrefix(n.Text, "clock ") })
			})
		}
		h.pass(3 * time.Minute)
		for name, id := range ids {
			l := h.lock(name, id)
			state, left := l.Term.At(h.Clock().Now())
			must(t, name+" is held", l.Mine && state == lease.Held && left > 15*time.Minute && left < 16*time.Minute, true)
			must(t, "losses"+h.story(), len(h.Snapshot(name).Lost), 0)
		}
		for range 16 * 60 {
			h.pass(time.Second)
			for name := range ids {
				h.held(t, name)
			}
		}
		for name := range ids {
			must(t, "losses"+h.story(), len(h.Snapshot(name).Lost), 0)
		}
	})
}

// On an appliance whose locks live by its own clock, a step of that clock ends them or has them last longer. The list is right
// against what we reckon, both ways, within one poll: what is missing is lost, with an alarm, and what is still listed is ours.
func TestFault_CLK02_TheListBeatsArithmetic(t *testing.T) {
	for _, step := range []time.Duration{15 * time.Minute, -15 * time.Minute} {
		var stepped atomic.Int64
		base := func() time.Time { return time.Now().Add(time.Duration(stepped.Load())) }
		cfg := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}, Seed: 1, Clock: base}
		onSims(t, cfg, func(t *testing.T, h *house) {
			id := h.take("dc1", "UP", 10*time.Minute)
			h.pass(5 * time.Minute)
			stepped.Store(int64(step))
			noticed := func() bool { return (h.Snapshot("dc1").Skew - step).Abs() < 3*time.Second }
			if step > 0 {
				h.until(11*time.Second, "the alarm", func() bool { return h.lock("dc1", id).ID == "" && noticed() })
				must(t, "there", len(h.alive("dc1")), 0)
				must(t, "losses", len(h.Snapshot("dc1").Lost), 1)
				must(t, "alarms", len(h.told("dc1", fleet.Alarm)), 1)
				must(t, h.told("dc1", fleet.Alarm)[0], strings.Contains(h.told("dc1", fleet.Alarm)[0], "is lost"), true)
				return
			}
			h.until(11*time.Second, "the notice", noticed)
			h.pass(5*time.Minute + 11*time.Second) // past our reckoning, by one poll
			for range 14 * 60 {
				must(t, "there", slices.Contains(h.alive("dc1"), id), true)
				l := h.lock("dc1", id)
				must(t, "ours still"+h.story(), l.Mine && l.Holder == appliance.HolderYou, true)
				state, _ := l.Term.At(h.Clock().Now())
				must(t, "and not gone", state == lease.Gone, false)
				h.held(t, "dc1")
				h.pass(time.Second)
			}
			h.pass(time.Minute)
			must(t, "row", h.lock("dc1", id).ID, "")
		})
	}
}
