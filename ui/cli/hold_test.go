package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/sim"
)

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

// A lock that could not be extended in time is told of before it ends.
func TestFault_LCK05_HoldWarns(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		var out, errs output
		env := Env{Out: &out, Err: &errs, User: "maria", Dial: sims.DialContext, Clock: clock.System()}
		c, err := load(&env, flags{config: config})
		if err != nil {
			t.Fatal(err)
		}
		r, err := assemble(t.Context(), &env, c, part{acting: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		<-time.After(3 * time.Second) // until everything was asked
		id, err := r.acquire(t.Context(), &env, "dc1", "UP", lockFlags{ttl: span{20 * time.Minute, true}})
		if err != nil {
			t.Fatal(err)
		}
		keep := appliance.Act{Verb: appliance.VerbKeep, Lock: appliance.Lock{ID: id}}
		if _, err := r.engine.Do(t.Context(), r.person, "dc1", keep); err != nil {
			t.Fatal(err)
		}
		defer r.warn(t.Context(), &env)()
		sims.Appliance("dc1").LXCA.SetAway(true)
		<-time.After(10 * time.Minute)
		if strings.Contains(errs.String(), "ends in") {
			t.Errorf("with half of its time left: %s", errs.String())
		}
		<-time.After(10 * time.Minute)
		if n := strings.Count(errs.String(), "dc1: lock UP Updates ("); n < 2 || !strings.Contains(errs.String(), "it is kept, and could not be extended yet") {
			t.Errorf("%d warnings: %s", n, errs.String())
		}
	})
}
