package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
)

// The simulator refuses every extension of a kept lock: it is tried again, warned of, called lost in time and taken anew once that
// is granted; the gap that is told holds the one that there was.
func TestFault_LCK05_RefusedBySimulator(t *testing.T) {
	onSims(t, many(1), func(t *testing.T, h *house) {
		id := h.take("dc0", "UP", 4*time.Minute+7*time.Second)
		h.keep("dc0", id)
		refused := h.fault("status=400 POST sftp/locks")
		began := time.Now()
		h.pass(3*time.Minute + 30*time.Second)
		rings := 0
		for _, e := range h.Events(0, 0) {
			if e.Ring {
				rings++
			}
		}
		must(t, "bells"+h.story(), rings, 1)
		must(t, "tried again and again", h.sims.Appliance("dc0").Requests()[posts] > 5, true)
		var gone time.Time
		for time.Since(began) < 5*time.Minute {
			h.pass(time.Second)
			h.held(t, "dc0")
			if gone.IsZero() && len(h.alive("dc0")) == 0 {
				gone = time.Now()
			}
		}
		must(t, "losses"+h.story(), len(h.Snapshot("dc0").Lost), 1)
		h.sims.Faults().Remove(refused)
		h.until(time.Minute, "it to be taken anew", func() bool { return len(h.alive("dc0")) == 1 })
		back := time.Now()
		h.pass(12 * time.Second)
		must(t, "gaps"+h.story(), len(h.Snapshot("dc0").Gaps), 1)
		g := h.Snapshot("dc0").Gaps[0]
		if g.From.Wall.After(gone) || g.To.Wall.Before(back.Add(-time.Second)) || gone.Sub(g.From.Wall) > 10*time.Second || g.To.Wall.Sub(back) > 3*time.Second {
			t.Errorf("told from %s to %s, was from %s to %s", g.From.Wall, g.To.Wall, gone, back)
		}
		must(t, "kept", h.lock("dc0", h.alive("dc0")[0]).Kept, true)
		must(t, "the loss stays said", len(h.Snapshot("dc0").Lost), 1)
	})
}

// The old lock vanishes at the simulator just before the new one is granted: that is a gap with bounds, and the jobs are looked at.
func TestFault_LCK06_TheOldOneVanishes(t *testing.T) {
	onSims(t, many(1), func(t *testing.T, h *house) {
		old := h.take("dc0", "UP", 2*time.Minute+7*time.Second)
		h.keep("dc0", old)
		h.fault("steal-lock POST sftp/locks #1")
		h.until(2*time.Minute, "the theft", func() bool { return len(h.truth("dc0", "fault.steal-lock", "")) == 1 })
		jobs := h.sims.Appliance("dc0").Requests()["GET /tasks"]
		at := h.truth("dc0", "fault.steal-lock", "")[0].At
		h.until(12*time.Second, "the gap", func() bool { return len(h.Snapshot("dc0").Gaps) == 1 })
		g := h.Snapshot("dc0").Gaps[0]
		must(t, fmt.Sprintf("from %s to %s, at %s", g.From.Wall, g.To.Wall, at), g.From.Wall.After(at) || g.To.Wall.Before(at), false)
		must(t, "two polls at the most", g.To.Wall.Sub(g.From.Wall) <= 20*time.Second, true)
		must(t, "said"+h.story(), strings.Contains(strings.Join(h.told("dc0", fleet.Alarm), "|"), "there may have been a gap"), true)
		h.pass(2 * time.Second)
		must(t, "the jobs are looked at", h.sims.Appliance("dc0").Requests()["GET /tasks"] > jobs, true)
		h.pass(10 * time.Minute)
		must(t, "it goes on", len(h.alive("dc0")) > 0, true)
		must(t, "gaps", len(h.Snapshot("dc0").Gaps), 1)
	})
}

// However giving back fails at the simulator, it is pending, tried again until it is done or the lock has ended, and done once.
func TestFault_LCK08_FailsAtTheSimulator(t *testing.T) {
	rules := []string{
		"status=500 DELETE sftp/locks times=4", "status=401 DELETE sftp/locks times=1", "reset DELETE sftp/locks times=5", "drop-after DELETE sftp/locks times=1",
		"drop-before DELETE sftp/locks times=3", "black-hole DELETE sftp/locks times=1", "status=404 DELETE sftp/locks times=1 effect=yes",
		"delay-effect=30s DELETE sftp/locks times=1", "status=500 DELETE sftp/locks", // never
	}
	cfg := many(len(rules))
	onSims(t, cfg, func(t *testing.T, h *house) {
		ids := map[string]appliance.LockID{}
		for i, rule := range rules {
			name := fmt.Sprintf("dc%d", i)
			ids[name] = h.take(name, "UP", 10*time.Minute+7*time.Second)
			h.fault(rule + " on=" + name)
			_, err := h.do(name, appliance.Act{Verb: appliance.VerbRelease, Lock: h.lock(name, ids[name]).Lock})
			if l := h.lock(name, ids[name]); err != nil && l.ID != "" && (!l.Owed || l.Note == "") {
				t.Errorf("%s: %v, and the row says %+v", rule, err, l)
			}
		}
		for range 12 * 60 {
			h.pass(time.Second)
			for name, id := range ids {
				l := h.lock(name, id)
				if state, _ := l.Term.At(h.Clock().Now()); l.ID == "" && len(h.alive(name)) > 0 {
					t.Fatalf("%s: not shown, and there%s", name, h.story())
				} else if l.Mine && state == lease.Gone {
					t.Fatalf("%s: shown, and gone%s", name, h.story())
				}
			}
		}
		for i, rule := range rules {
			name := fmt.Sprintf("dc%d", i)
			released, expired := len(h.truth(name, "lock.released", "")), len(h.truth(name, "lock.expired", ""))
			must(t, rule+h.story(), fmt.Sprint(released, expired), map[bool]string{true: "0 1", false: "1 0"}[i == len(rules)-1])
			must(t, rule+": losses", len(h.Snapshot(name).Lost), 0)
			must(t, rule+": state", h.Snapshot(name).State, fleet.StateUp)
		}
		holdings, err := h.journal.Holdings(t.Context())
		must(t, fmt.Sprintf("holdings %v", err), len(holdings), 0)
	})
}
