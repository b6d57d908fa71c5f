package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
	"holdfast/appliance/sim"
)

func oneECB() sim.Config {
	return sim.Config{Appliances: []sim.Spec{{Name: "edge", Kind: sim.KindECB}}, Seed: 1}
}

const (
	lockPost   = "POST /rest/v1.1/configuration/lock"
	unlockPost = "POST /rest/v1.1/configuration/unlock"
	tokenPost  = "POST /rest/v1.1/auth/token"
)

// The token that owns the lock comes to its end: that is warned of twice, with a bell, and then said; what is to come is up to the
// operator, who takes the lock again.
func TestFault_TOK01_WarnedBeforeItEnds(t *testing.T) {
	onSims(t, oneECB(), func(t *testing.T, h *house) {
		id := h.take("edge", appliance.ConfigurationLock, 0)
		for range 10*60 + 5 {
			h.pass(time.Second)
			h.held(t, "edge")
		}
		var rings []string
		for _, e := range h.Events(0, 0) {
			if e.Ring {
				rings = append(rings, fmt.Sprintf("%s %s", e.At.Wall.UTC().Format("04:05"), e.Text))
			}
		}
		must(t, "bells"+h.story(), len(rings), 2)
		for i, want := range []string{"07:3", "09:0"} { // a quarter and a tenth are left
			must(t, rings[i], strings.HasPrefix(rings[i], want) && strings.Contains(rings[i], "configuration ends in"), true)
		}
		must(t, "said", strings.Contains(strings.Join(h.told("edge", fleet.Warn), "|"), "configuration of yours has ended"), true)
		must(t, "row", h.lock("edge", id).Mine, false)
		must(t, "owner", h.sims.Appliance("edge").ECB.LockOwner(), "")
		must(t, "locks asked for", h.sims.Appliance("edge").Requests()[lockPost], 1)
		h.take("edge", appliance.ConfigurationLock, 0)
		must(t, "owner", h.sims.Appliance("edge").ECB.LockOwner(), "admin")
	})
}

// The token ends at any step of what is done with it, before or after the step takes effect: nothing that changes anything is sent
// again by itself, the lock is not said to be ours when it is not, and the next request of the operator works.
func TestFault_TOK01_EndsAtEachStep(t *testing.T) {
	release := appliance.Act{Verb: appliance.VerbRelease, Lock: appliance.Lock{ID: appliance.ConfigurationLock}}
	extend := appliance.Act{Verb: appliance.VerbExtend, Lock: appliance.Lock{ID: appliance.ConfigurationLock}}
	for _, c := range []struct {
		act  appliance.Act
		step string // the request at which it ends
	}{
		{acquire(appliance.ConfigurationLock, 0), lockPost},
		{extend, tokenPost},
		{extend, "PUT /rest/v1.1/configuration/management"},
		{release, unlockPost},
	} {
		for _, effect := range []string{"", "effect=yes"} {
			for _, lost := range []bool{false, true} { // its answer too
				t.Run(fmt.Sprintf("%s %s %s lost=%v", c.act.Verb, c.step, effect, lost), func(t *testing.T) {
					onSims(t, oneECB(), func(t *testing.T, h *house) {
						edge := h.sims.Appliance("edge")
						if c.act.Verb != appliance.VerbAcquire {
							h.take("edge", appliance.ConfigurationLock, 0)
							h.pass(time.Minute)
						}
						before := edge.Requests()
						h.fault("revoke-token " + c.step + " #1 " + effect)
						if lost {
							h.fault("drop-after " + c.step + " #1")
						}
						_, err := h.do("edge", c.act)
						// A request for the lock or to give it back is settled by giving back and asking anew, both of them harmless.
						after := edge.Requests()
						for request, most := range map[string]int{lockPost: 2, unlockPost: 2, tokenPost: 2, "PUT /rest/v1.1/configuration/management": 2} {
							if n := after[request] - before[request]; n > most || n > 1 && !lost && strings.HasPrefix(request, "POST /rest/v1.1/configuration") {
								t.Errorf("%s was sent %d times%s", request, n, h.story())
							}
						}
						if errors.Is(err, appliance.ErrCredentials) && c.act.Verb != appliance.VerbAcquire { // to that one's token a 401 is the first word
							t.Errorf("a dead token is taken for wrong credentials: %v", err)
						}
						h.pass(30 * time.Second)
						// What ends behind the last answer that says that it is ours is found out with the next request that needs it.
						if blind := err == nil && c.act.Verb != appliance.VerbRelease; blind && edge.ECB.LockOwner() == "" {
							_, err := h.do("edge", extend)
							must(t, fmt.Sprint("told: ", err), errors.Is(err, appliance.ErrNotHeld), true)
							must(t, "an alarm"+h.story(), strings.Contains(strings.Join(h.told("edge", fleet.Alarm), "|"), "configuration is lost"), true)
						}
						l := h.lock("edge", appliance.ConfigurationLock)
						if state, _ := l.Term.At(h.Clock().Now()); l.Mine && l.Holder == appliance.HolderYou && state == lease.Held && edge.ECB.LockOwner() != "admin" {
							t.Errorf("said to be held, %v%s", err, h.story())
						}
						must(t, "state", h.Snapshot("edge").State, fleet.StateUp)
						n := edge.Requests()[lockPost]
						h.pass(2 * time.Minute)
						must(t, "asked for by itself", edge.Requests()[lockPost], n)
						// The operator goes on, at the latest once a token that nobody knows has ended.
						again := func() bool {
							if edge.ECB.LockOwner() == "admin" && len(h.mine("edge")) == 1 {
								return true
							}
							_, err := h.do("edge", acquire(appliance.ConfigurationLock, 0))
							h.pass(10 * time.Second)
							return err == nil
						}
						h.until(11*time.Minute, "the lock to be had again", again)
						must(t, "owner", edge.ECB.LockOwner(), "admin")
						must(t, "ours"+h.story(), len(h.mine("edge")), 1)
					})
				})
			}
		}
	}
}

// A renewal that cannot be proven yet is told once, with the reason (api/ecb.md 2.2).
func TestUnprovenRenewalIsToldOnce(t *testing.T) {
	onSims(t, oneECB(), func(t *testing.T, h *house) {
		id := h.take("edge", appliance.ConfigurationLock, 0)
		h.pass(2 * time.Minute)
		must(t, "error", h.sims.Appliance("edge").ECB.StartAsync("activate", "otto"), nil)
		r, err := h.do("edge", appliance.Act{Verb: appliance.VerbExtend, Lock: appliance.Lock{ID: id}})
		must(t, "error", err, nil)
		must(t, "unproven", r.Unproven, true)
		must(t, "times that is said: "+r.Text, strings.Count(r.Text, "renewed")+strings.Count(r.Text, "not proven"), 2)
		must(t, r.Text, strings.HasSuffix(r.Text, `; it says: not ready: the appliance is busy with "activate"`), true)
	})
}

// The password was changed while we hold the lock by a token: what is done by that token says nothing of the password, so that the
// wrong one is offered twice at most, whatever is done in between.
func TestFault_TOK05_TheOwningTokenForgivesNothing(t *testing.T) {
	onSims(t, oneECB(), func(t *testing.T, h *house) {
		edge := h.sims.Appliance("edge")
		id := h.take("edge", appliance.ConfigurationLock, 0)
		must(t, "error", edge.ECB.Switches().Set("password-change", "401"), nil)
		before := edge.Requests()[tokenPost]
		for range 4 {
			h.pass(30 * time.Second)
			_, err := h.do("edge", appliance.Act{Verb: appliance.VerbExtend, Lock: appliance.Lock{ID: id}})
			must(t, "extended", err == nil, false)
			h.pass(20 * time.Second) // whose the lock is was asked by a verification
			_, err = h.do("edge", appliance.Act{Verb: appliance.VerbVerify})
			must(t, fmt.Sprintf("verified: %v", err), err == nil || errors.Is(err, fleet.ErrRefusedByUs), true)
		}
		must(t, "offered"+h.story(), edge.Requests()[tokenPost]-before, 2)
	})
}
