package cli

import (
	"testing"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/sim"
)

// Of a lock that cannot be given back for as long as a hold tries it at its end, the journal knows that it is owed, and the next
// command gives it back (faults.md LCK-08).
func TestFault_LCK08_HoldEndsWhileItMayNot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dc1", "edge"} {
		scope := map[string]string{"dc1": "UP", "edge": "configuration"}[name]
		withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
			var out output
			env := &Env{Out: &out, Err: &out, User: "maria", Dial: sims.DialContext, Clock: processClock()}
			c, err := load(env, flags{config: config})
			if err == nil {
				c, err = only(c, name)
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := assemble(t.Context(), env, c, part{acting: true, purpose: "locks hold"})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.answers(t.Context(), name, time.Minute); err != nil {
				t.Fatal(err)
			}
			locks := func() int {
				if name == "edge" {
					return len(sims.Appliance(name).ECB.LockOwner())
				}
				return len(sims.Appliance(name).LXCA.Locks())
			}
			before := locks()
			if _, err := r.acquire(t.Context(), env, name, scope, lockFlags{}); err != nil {
				t.Fatal(err)
			}
			away(sims, name, true)
			for r.engine.Snapshot(name).State.Answers() {
				time.Sleep(time.Second) // virtual
			}
			r.giveBack(t.Context(), env, name)
			r.close()
			all := r.remembered(t.Context(), env).ours
			if len(all) != 1 || all[0].State != fleet.HoldingOwed {
				t.Errorf("the journal has %+v; said: %s", all, out.String())
			}
			away(sims, name, false)
			locksOf(t, sims, config, "acquire", name, "nosuch").want(t, ExitUsage)
			if locks() == before {
				t.Error("a command about another lock has given it back")
			}
			locksOf(t, sims, config, "release", name, scope).want(t, ExitRefused) // it is on its way out already
			if n := locks(); n != before {
				t.Errorf("%d locks at the end, %d before; said: %s", n, before, out.String())
			}
		})
	}
}

// away has an appliance answer nobody.
func away(sims *sim.Fleet, name string, is bool) {
	if a := sims.Appliance(name); a.LXCA != nil {
		a.LXCA.SetAway(is)
	} else {
		a.ECB.SetAway(is)
	}
}
