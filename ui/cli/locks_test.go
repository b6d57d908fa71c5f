package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/xclarity"
)

// locksOf runs a locks command on the simulated fleet.
func locksOf(t *testing.T, sims *sim.Fleet, config string, args ...string) result {
	t.Helper()
	return call{args: append([]string{"--config", config, "locks"}, args...), sims: sims, user: "maria"}.run(t.Context())
}

// A lock that one command took, the next one lists as ours, extends and gives back, though the first has ended.
func TestLocksOfOneCommandAreThoseOfTheNext(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		lxca := sims.Appliance("dc1").LXCA
		before := len(lxca.Locks())
		r := locksOf(t, sims, config, "acquire", "dc1", "UP", "--ttl", "20m", "--json")
		r.want(t, ExitDone, "took UP")
		var took listedJSON
		if err := json.Unmarshal([]byte(r.out), &took); err != nil || took.Holder != "you" || took.Ends == nil || len(took.ID) != 32 {
			t.Fatalf("%v: %s", err, r.out)
		}
		locksOf(t, sims, config, "list").want(t, ExitDone, "you (maria)", took.ID, "another")
		status := func(flags ...string) result {
			return call{args: append([]string{"--config", config, "status"}, flags...), sims: sims}.run(t.Context())
		}
		status().want(t, ExitDone, "dc1      UP Updates     you")
		status("--json").want(t, ExitDone, `"holder": "you"`)
		locksOf(t, sims, config, "extend", "dc1", took.ID, "--ttl", "1h").want(t, ExitDone, "extended UP")
		if n := len(lxca.Locks()); n < before+1 {
			t.Errorf("%d locks while one is ours, %d before", n, before)
		}
		// The extension may have left two, as it ended before both were listed; each is ours.
		list := json.NewDecoder(strings.NewReader(locksOf(t, sims, config, "list", "--json").out))
		for list.More() {
			var l listedJSON
			if err := list.Decode(&l); err != nil {
				t.Fatal(err)
			}
			if l.Holder == "you" && slices.ContainsFunc(lxca.Locks(), func(x xclarity.Lock) bool { return x.ID == l.ID }) {
				locksOf(t, sims, config, "release", "dc1", l.ID).want(t, ExitDone)
			}
		}
		if n := len(lxca.Locks()); n != before {
			t.Errorf("%d locks at the end, %d before", n, before)
		}
	})
}

// An ECB's lock hangs on a token: the next command finds it kept, and gives the lock back with it (faults.md TOK-02).
func TestFault_TOK02_TheNextCommandGivesBack(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		ecb := sims.Appliance("edge").ECB
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone, "took configuration")
		if ecb.LockOwner() != "admin" {
			t.Fatalf("the lock is held by %q", ecb.LockOwner())
		}
		locksOf(t, sims, config, "list", "edge").want(t, ExitDone, "you (maria)")
		locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitDone, "released configuration")
		if ecb.LockOwner() != "" {
			t.Errorf("the lock is held by %q", ecb.LockOwner())
		}
	})
}

// Bad input is told with what may be meant instead, and nothing is sent.
func TestLocksBadInput(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		sims.Appliance("edge").ECB.LockByOther(broker.SourceGUI)
		before := len(sims.Appliance("dc1").LXCA.Locks())
		for args, want := range map[string]struct {
			code int
			said string
		}{
			"acquire dc9 UP":                                   {ExitUsage, `there is no appliance named "dc9"`},
			"acquire dc1 XY":                                   {ExitUsage, "there is no lock about XY at dc1: there are"},
			"acquire dc1 UP --ttl 25h":                         {ExitUsage, "--ttl 25h: a lock of dc1 lasts from 1m to 24h"},
			"acquire dc1 UP --ttl 0":                           {ExitUsage, "--ttl 0s: a lock of dc1 lasts from 1m to 24h"},
			"acquire dc1 UP --ttl -1":                          {ExitUsage, "a length of time is written like 45s, 20m or 1h30m"},
			"acquire dc1 UP --ttl 99999999999h":                {ExitUsage, "that is longer than can be counted"},
			"acquire dc1 UP --wait -1s":                        {ExitUsage, "--wait -1s: it is how long to wait"},
			"acquire dc1":                                      {ExitUsage, "locks acquire wants APPLIANCE SCOPE; 1 argument is given"},
			"acquire edge configuration --ttl -1m":             {ExitUsage, "--ttl -1m: a lock lasts longer than nothing"},
			"extend dc1 UP --ttl 0":                            {ExitRefused, "UP Updates at dc1 is not yours"},
			"acquire dc1 UP --ttl -1s":                         {ExitUsage, "--ttl -1s: a lock of dc1 lasts from"},
			"acquire dc1 UP --ttl soon":                        {ExitUsage, "invalid argument"},
			"acquire edge configuration":                       {ExitRefused, "locked by another user"},
			"release dc1 UP":                                   {ExitRefused, "UP Updates at dc1 is not yours"},
			"lst":                                              {ExitUsage, `unknown command "lst" for "holdfast locks": did you mean list?`},
			"release dc1 UP --read-only":                       {ExitRefused, "dc1: release: this run is read-only"},
			"acquire dc1 UP --read-only":                       {ExitRefused, "dc1: acquire: this run is read-only"},
			"release dc1 nosuch":                               {ExitFailed, "you hold no lock nosuch at dc1; holdfast locks list dc1 shows"},
			"hold dc1 UP":                                      {ExitHoldFailed, "no command to run is given"},
			"hold dc1 UP --":                                   {ExitHoldFailed, "no command to run is given"},
			"hold dc1 -- true":                                 {ExitHoldFailed, "wants APPLIANCE and SCOPE, then --"},
			"hold dc1 UP true":                                 {ExitHoldFailed, "then --, then the command"},
			"hold dc1 UP --until noon -- true":                 {ExitHoldFailed, `--until "noon" is neither`},
			"hold dc1 UP --on-lost cry -- true":                {ExitHoldFailed, "--on-lost is term or leave"},
			"hold dc1 UP --wait -5s -- true":                   {ExitHoldFailed, "--wait -5s: it is how long to wait"},
			"hold dc1 UP --ttl 48h -- true":                    {ExitHoldFailed, "--ttl 48h: a lock of dc1 lasts from 1m to 24h"},
			"hold dc1 UP --frobnicate -- true":                 {ExitHoldFailed, "unknown flag: --frobnicate"},
			"hold dc1 XY -- true":                              {ExitHoldFailed, "there is no lock about XY at dc1: there are"},
			"hold dc9 UP -- true":                              {ExitHoldFailed, `there is no appliance named "dc9"`},
			"hold dc1 UP -- no-such-command-anywhere":          {ExitHoldFailed, `there is no command "no-such-command-anywhere" in $PATH`},
			"hold dc1 UP --until 1999-01-31T14:30:00Z -- true": {ExitHoldFailed, "--until 1999-01-31T14:30:00Z is past"},
			"hold edge configuration -- true":                  {ExitNotHad, "the lock was not had, and the command not run"},
		} {
			locksOf(t, sims, config, strings.Fields(args)...).want(t, want.code, want.said)
		}
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
			t.Errorf("%d locks, before %d", n, before)
		}
	})
}

// What an earlier run left is settled before anything else is done: the only lock is known for ours, and said to be.
func TestFault_TOK02_AcquireWaitsForWhatIsLeft(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone)
		spoil(t, sims, "status=503 POST configuration/lock times=2") // of the client that takes it up
		r := locksOf(t, sims, config, "acquire", "edge", "configuration")
		r.want(t, ExitRefused, "you hold it already")
		locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitDone, "edge: released configuration")
	})
}

// Who finds the only lock held is told when it is by a command of ours, and what to do.
func TestLockHeldByAnEarlierCommand(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone)
		locksOf(t, sims, config, "hold", "edge", "configuration", "--", "true").want(t, ExitNotHad,
			"an earlier command of yours took it for maria: holdfast locks release edge configuration gives it back")
		locksOf(t, sims, config, "hold", "edge", "configuration", "--wait", "40s", "--", "true").want(t, ExitNotHad,
			"edge: acquire configuration: it was not free within 40s; an earlier command of yours took it")
	})
}

// That there is no such lock is told at once, and so is what is waited for while that is not known.
func TestLocksThatAreNotThere(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		for _, args := range [][]string{{"extend", "dc1", "FC"}, {"release", "edge", "configuration"}} {
			began := time.Now()
			locksOf(t, sims, config, args...).want(t, ExitFailed, "you hold no lock "+args[2]+" at "+args[1])
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%v took %v", args, took)
			}
		}
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone)
		spoil(t, sims, "black-hole PUT configuration/management") // whose it is cannot be told
		began := time.Now()
		r := locksOf(t, sims, config, "release", "edge", "configuration")
		r.want(t, ExitUnknown, "whether you hold a lock configuration at edge could not be found out in time", "edge: waiting until 00:00:", "at the most, to learn what became of the locks that an earlier run held there")

		if took := time.Since(began); took < adoptLimit || took > 2*adoptLimit {
			t.Errorf("it took %v", took)
		}
	})
}
