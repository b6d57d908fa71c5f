package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

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
			"acquire dc9 UP":                          {ExitUsage, `there is no appliance named "dc9"`},
			"acquire dc1 XY":                          {ExitUsage, "there is no lock about XY at dc1: there are"},
			"acquire dc1 UP --ttl 25h":                {ExitUsage, "--ttl 25h0m0s: a lock of dc1 lasts from"},
			"acquire dc1 UP --ttl -1s":                {ExitUsage, "--ttl -1s: a lock of dc1 lasts from"},
			"acquire dc1 UP --ttl soon":               {ExitUsage, "invalid argument"},
			"acquire edge configuration":              {ExitRefused, "locked by another user"},
			"release dc1 UP":                          {ExitRefused, "UP Updates at dc1 is not yours"},
			"release dc1 nosuch":                      {ExitRefused, "you hold no lock nosuch at dc1"},
			"hold dc1 UP":                             {ExitUsage, "requires at least 3 arg"},
			"hold dc1 UP true":                        {ExitUsage, "then --, then the command"},
			"hold dc1 UP --until noon -- true":        {ExitUsage, `--until "noon" is neither`},
			"hold dc1 UP --on-lost cry -- true":       {ExitUsage, "--on-lost is term or leave"},
			"hold dc1 UP -- no-such-command-anywhere": {ExitHoldFailed, "nothing was locked"},
			"hold edge configuration -- true":         {ExitNotHad, "the lock was not had, and the command not run"},
		} {
			locksOf(t, sims, config, strings.Fields(args)...).want(t, want.code, want.said)
		}
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
			t.Errorf("%d locks, before %d", n, before)
		}
	})
}

// live runs test on a fleet on loopback, in real time, with a configuration of it that polls fast.
func live(t *testing.T, test func(sims *sim.Fleet, config string)) {
	t.Helper()
	sims, err := sim.Start(t.Context(), pair())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sims.Close)
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := sim.WriteConfig(path, sims); err != nil {
		t.Fatal(err)
	}
	change(t, path, func(text string) string {
		return "state_dir = \"state\"\n[defaults.intervals]\nlocks = \"1s\"\n" + text
	})
	test(sims, path)
}

// hold runs `locks hold` with a shell command.
func hold(ctx context.Context, config, appliance, scope, script string, flags ...string) result {
	args := append([]string{"--config", config, "locks", "hold", appliance, scope}, flags...)
	return call{args: append(args, "--", "sh", "-c", script), user: "maria"}.run(ctx)
}

func TestHoldPassesTheExitCodeAndGivesBack(t *testing.T) {
	t.Parallel()
	live(t, func(sims *sim.Fleet, config string) {
		lxca := sims.Appliance("dc1").LXCA
		before := len(lxca.Locks())
		r := hold(t.Context(), config, "dc1", "UP", "echo $HOLDFAST_APPLIANCE $HOLDFAST_SCOPE ${#HOLDFAST_LOCK_ID}; exit 7", "--ttl", "1m")
		r.want(t, 7, "dc1 UP 32")
		if n := len(lxca.Locks()); n != before {
			t.Errorf("%d locks afterwards, before %d", n, before)
		}
		r = hold(t.Context(), config, "edge", "configuration", "kill -9 $$")
		r.want(t, 128+9)
		if owner := sims.Appliance("edge").ECB.LockOwner(); owner != "" {
			t.Errorf("the lock of the ECB is held by %q", owner)
		}
	})
}

// The lock goes while the command runs: the command is told by SIGTERM, and the exit code says it.
func TestHoldSaysThatTheLockWasLost(t *testing.T) {
	t.Parallel()
	live(t, func(sims *sim.Fleet, config string) {
		ready := filepath.Join(t.TempDir(), "ready")
		if err := syscall.Mkfifo(ready, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan result, 1)
		go func() {
			done <- hold(t.Context(), config, "dc1", "UP", "trap 'echo told; exit 0' TERM; echo x > "+ready+"; while :; do sleep 0.1; done")
		}()
		if _, err := os.ReadFile(ready); err != nil { // until the command runs
			t.Fatal(err)
		}
		lxca := sims.Appliance("dc1").LXCA
		for lxca.StealLock(func(int) int { return 0 }) != "" {
		}
		(<-done).want(t, ExitLost, "told", "was lost while the command ran")
	})
}
