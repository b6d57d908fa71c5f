package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/sim"
)

// An LXCA and an ECB restart under us, while locks are held there: no connection, then a page with 503, then a 401, then all is
// as it was. That is one state with one word; nothing that changes anything is sent meanwhile; afterwards everything is looked
// at again, and the screen says what the appliances have.
func TestFault_NET08_TheSimulatorsRestart(t *testing.T) {
	for _, locks := range []string{"kept", "gone"} {
		t.Run(locks, func(t *testing.T) {
			cfg := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}, {Name: "edge", Kind: sim.KindECB}}, Backups: 1, Seed: 1}
			onSims(t, cfg, func(t *testing.T, h *house) { restarts(t, h, locks) })
		})
	}
}

func restarts(t *testing.T, h *house, locks string) {
	kept, plain := h.take("dc1", "UP", 6*time.Minute), h.take("dc1", "FC", 20*time.Minute)
	h.keep("dc1", kept)
	h.take("edge", appliance.ConfigurationLock, 0)
	h.pass(2*time.Minute + 45*time.Second) // the kept one is due in 15 seconds
	type count struct{ changing, logins, lists, jobs int }
	counts := func(name string) count {
		r := h.sims.Appliance(name).Requests()
		return count{
			h.changing(name), r["POST /rest/v1.1/auth/token"], r["GET /aicc/service/sftp/locks"],
			r["GET /tasks"] + r["GET /rest/v1.1/admin/asyncstatus"],
		}
	}
	before := map[string]count{"dc1": counts("dc1"), "edge": counts("edge")}
	h.fault("restart=40s locks="+locks, "outage=30s how=503 after=40s", "status=401 GET after=70s times=1 on=dc1")
	states := map[string][]fleet.State{}
	from := time.Now()
	for time.Since(from) < 70*time.Second {
		h.pass(time.Second)
		for name := range before {
			s := h.Snapshot(name).State
			if all := states[name]; len(all) == 0 || all[len(all)-1] != s {
				states[name] = append(all, s)
			}
			if got := counts(name).changing; got != before[name].changing {
				t.Fatalf("%s: a changing request was sent while it restarted%s", name, h.story())
			}
		}
	}
	for name := range before {
		h.until(90*time.Second, name+" to be up", func() bool { return h.Snapshot(name).State == fleet.StateUp })
	}
	h.pass(40 * time.Second)
	for name, b := range before {
		must(t, name+" was", fmt.Sprint(states[name]), "[up down restarting]") // what refuses connections may be anything at first
		now := counts(name)
		switch {
		case name == "edge" && now.logins != b.logins+1:
			t.Errorf("%s: %d logins, want one%s", name, now.logins-b.logins, h.story())
		case name == "dc1" && now.lists <= b.lists, now.jobs <= b.jobs:
			t.Errorf("%s: not looked at again: %+v, before %+v", name, now, b)
		}
		told := strings.Join(h.told(name, fleet.Info), "|")
		must(t, "loss and return told: "+told, strings.Count(told, "cannot be reached")*10+strings.Count(told, "answers again"), 11)
	}
	must(t, "restarts", len(h.truth("dc1", "appliance.restarted", "")), 1)
	there, mine := h.alive("dc1"), h.mine("dc1")
	slices.Sort(mine)
	must(t, "ours"+h.story(), fmt.Sprint(mine), fmt.Sprint(there))
	must(t, "the plain one", slices.Contains(there, plain), locks == "kept")
	must(t, "the kept one goes on", len(there) > 0 && h.lock("dc1", there[len(there)-1]).Kept || h.lock("dc1", there[0]).Kept, true)
	must(t, "losses", len(h.Snapshot("dc1").Lost), map[string]int{"kept": 0, "gone": 2}[locks])
	must(t, "gaps", len(h.Snapshot("dc1").Gaps), map[string]int{"kept": 0, "gone": 1}[locks])
	// The token that owned it is gone, and with that the lock is nobody's whom we know.
	if l := h.lock("edge", appliance.ConfigurationLock); l.Mine && l.Holder == appliance.HolderYou {
		t.Errorf("the ECB's lock is said to be ours%s", h.story())
	}
}
