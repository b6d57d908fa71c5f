package cli

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// has reports whether dc1 has that lock.
func (p *place) has(id string) bool {
	return slices.ContainsFunc(p.sims.Appliance("dc1").LXCA.Locks(), func(l xclarity.Lock) bool { return l.ID == id })
}

// Two holds, and a command that would give back, run beside each other on one state folder: each has its own lock and touches
// no other's.
func TestFault_JNL05_TwoHolds(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	first, over1 := p.holding(t, "dc1", "UP")
	second, over2 := p.holding(t, "dc1", "UP")
	id1, id2 := first.id(), second.id()
	if id1 == id2 || !p.has(id1) || !p.has(id2) || p.ours() != 2 {
		t.Errorf("locks %s and %s, %d of ours", id1, id2, p.ours())
	}
	for _, args := range [][]string{{"release", "dc1", "UP"}, {"release", "dc1", id1}, {"extend", "dc1", id2}} {
		began := time.Now()
		locksOf(t, nil, p.config, args...).want(t, ExitRefused, "another process of yours holds UP Updates at dc1 for", "locks hold: sh", "do it there")
		if took := time.Since(began); took > adoptLimit/2 {
			t.Errorf("%v took %v", args, took)
		}
	}
	locksOf(t, nil, p.config, "list", "dc1").want(t, ExitDone, id1, id2, "locks hold: sh")
	over1()
	first.end(ExitDone)
	if p.has(id1) || !p.has(id2) {
		t.Error("the end of the first hold did not give back its lock and no other")
	}
	over2()
	second.end(ExitDone)
	if p.ours() != 0 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
}

// Of two holds of the only lock of an ECB the second is told at once whose it is, and leaves it alone.
func TestFault_JNL05_TwoHoldsOfOneLock(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	ecb := p.sims.Appliance("edge").ECB
	first, over := p.holding(t, "edge", "configuration")
	first.id()
	second, _ := p.holding(t, "edge", "configuration")
	second.end(ExitNotHad)
	second.says("the lock was not had, and the command not run")
	second.says("another process of yours holds it for")
	if ecb.LockOwner() != "admin" {
		t.Errorf("the lock is held by %q", ecb.LockOwner())
	}
	locksOf(t, nil, p.config, "release", "edge", "configuration").want(t, ExitRefused, "another process of yours holds configuration at edge for")
	over()
	first.end(ExitDone)
	if owner := ecb.LockOwner(); owner != "" {
		t.Errorf("the lock is held by %q", owner)
	}
	third, over := p.holding(t, "edge", "configuration")
	third.id()
	over()
	third.end(ExitDone)
}

// With --wait the second has the lock once the first gave it back, and says that it waits.
func TestFault_JNL05_TheSecondWaits(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		ecb := sims.Appliance("edge").ECB
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone)
		done := make(chan result, 1)
		go func() {
			done <- locksOf(t, sims, config, "hold", "edge", "configuration", "--wait", "2m", "--", "sh", "-c", "echo under the lock")
		}()
		<-time.After(30 * time.Second)
		select {
		case r := <-done:
			t.Fatalf("it did not wait: %+v", r)
		default:
		}
		locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitDone, "edge: released configuration")
		(<-done).want(t, ExitDone, "under the lock", "edge: waiting for configuration until 00:02:0")
		if owner := ecb.LockOwner(); owner != "" {
			t.Errorf("the lock is held by %q", owner)
		}
	})
}

// A signal to the hold is the command's, whose own code it then ends with; one to the whole group reaches both.
func TestFault_SIG02_HoldPassesSignalsOn(t *testing.T) {
	t.Parallel()
	const script = `for s in INT TERM HUP QUIT USR1 USR2; do trap "echo got $s; exit 9" $s; done; echo ready; while :; do sleep 0.05; done`
	for name, x := range map[string]struct {
		signal syscall.Signal
		group  bool
	}{
		"INT": {syscall.SIGINT, false}, "TERM": {syscall.SIGTERM, false}, "HUP": {syscall.SIGHUP, false}, "USR1": {syscall.SIGUSR1, false},
		"INT to the group": {syscall.SIGINT, true}, "TERM to the group": {syscall.SIGTERM, true}, "HUP to the group": {syscall.SIGHUP, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			b := launch(t, nil, "--config", p.config, "locks", "hold", "dc1", "UP", "--", "sh", "-c", script)
			b.says("ready")
			to := b.cmd.Process.Pid
			if x.group {
				to = -to
			}
			if err := syscall.Kill(to, x.signal); err != nil {
				t.Fatal(err)
			}
			b.end(9)
			b.says("got " + strings.Fields(name)[0])
			if p.ours() != 0 {
				t.Errorf("%d locks of ours are left", p.ours())
			}
		})
	}
}

// At a terminal ctrl-c reaches the command by the terminal, and so once.
func TestFault_SIG02_HoldAtATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config, "locks", "hold", "dc1", "UP", "--", "sh", "-c",
		`trap 'n=$((n+1)); echo "INT $n."' INT; trap 'echo "over after $n."; exit 7' TERM; echo ready; while :; do sleep 0.05; done`)
	c.until("ready")
	c.press("\x03")
	c.until("INT 1.")
	c.signal(syscall.SIGTERM)
	c.until("over after 1.")
	if code := c.end(); code != 7 {
		t.Errorf("exit code %d\n%s", code, c.written())
	}
	if p.ours() != 0 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
}

// Words that nobody reads do not end a hold: its lock is given back.
func TestFault_SIG03_HoldWithoutStderr(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	gone := closedPipe(t)
	b := launch(t, func(cmd *exec.Cmd) { cmd.Stderr = gone }, "--config", p.config, "locks", "hold", "dc1", "UP", "--", "sh", "-c", "echo ran; exit 4")
	b.end(4)
	b.says("ran")
	if p.ours() != 0 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
	acquired := launch(t, func(cmd *exec.Cmd) { cmd.Stderr = gone }, "--config", p.config, "locks", "acquire", "dc1", "UP")
	acquired.end(ExitDone)
	acquired.says("you (")
}

// The variable that holds a password is not passed on to the command, nor seen by what it starts (faults.md SEC-02).
func TestFault_SEC02_TheCommandHasNoPassword(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(text string) string {
		return regexp.MustCompile(`password_file = ".*dc1.password"`).ReplaceAllString(text, `password_env = "SECRET_OF_DC1"`)
	})
	b := launch(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "SECRET_OF_DC1=Passw0rd-admin", "OTHER=passed on") },
		"--config", p.config, "locks", "hold", "dc1", "UP", "--", "sh", "-c", "env; tr '\\0' '\\n' < /proc/$PPID/cmdline; echo end")
	b.end(ExitDone)
	b.says("OTHER=passed on")
	b.says("HOLDFAST_SCOPE=UP")
	if all := b.out.String() + b.err.String(); strings.Contains(all, "SECRET_OF_DC1") || strings.Contains(all, "Passw0rd") {
		t.Errorf("the command can read a password:\n%s", all)
	}
}

// The appliance is away for a while as the command runs: nothing is lost by that, and the lock is given back at the end.
func TestFault_NET01_HoldThroughAnOutage(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(text string) string {
		return strings.Replace(text, "[[", "[defaults.intervals]\nlocks = \"1s\"\n[[", 1)
	})
	b, over := p.holding(t, "dc1", "UP")
	id := b.id()
	p.sims.Appliance("dc1").LXCA.SetAway(true)
	<-time.After(1500 * time.Millisecond) // a poll at least
	if !p.has(id) {
		t.Error("the lock went")
	}
	p.sims.Appliance("dc1").LXCA.SetAway(false)
	over()
	b.end(ExitDone)
	b.says("over")
	if p.ours() != 0 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
	if strings.Contains(b.err.String(), "lost") {
		t.Errorf("stderr: %s", b.err.String())
	}
}

// The appliance goes away when the lock is to be given back: that is tried until it is back. One that stays away longer is
// owed, which is said, and a later command gives it back.
func TestFault_LCK08_HoldGivesBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		away string
		left int
		said string
	}{
		"short": {"10s", 0, ""},
		"long":  {"5m", 1, "dc1: UP Updates could not be given back: connection refused; the next holdfast that runs gives it back, or it ends at 01:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				lxca := sims.Appliance("dc1").LXCA
				before := len(lxca.Locks())
				spoil(t, sims, "outage="+x.away+" DELETE sftp/locks #1")
				locksOf(t, sims, config, "hold", "dc1", "UP", "--ttl", "1h", "--", "sh", "-c", "exit 6").want(t, 6, x.said)
				if n := len(lxca.Locks()); n != before+x.left {
					t.Errorf("%d locks afterwards, before %d", n, before)
				}
				<-time.After(5 * time.Minute)
				locksOf(t, sims, config, "acquire", "dc1", "FC").want(t, ExitDone)    // which is about another lock
				locksOf(t, sims, config, "release", "dc1", "UP").want(t, ExitRefused) // ours is gone, or on its way out; the other is another's
				if slices.ContainsFunc(lxca.Locks(), func(l xclarity.Lock) bool { return l.By == "admin" && l.Component == "UP" }) {
					t.Errorf("the lock is still there: %+v", lxca.Locks())
				}
			})
		})
	}
}
