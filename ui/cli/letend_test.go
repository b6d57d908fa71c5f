package cli

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/sim"
)

// inGo is what of Go's own must not be said to an operator.
var inGo = []string{"context canceled", "engine is not running", "follow command", "it was ended"}

// A signal while a request is under way does not cut it in half: what came of it is told, or that it is not known.
func TestFault_SIG02_CommandsEndInOrder(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		fault string
		args  string
		said  string
		locks int // of ours afterwards
		code  int
	}{
		"a copy, answered in time": {"delay-answer=1s PUT", "backups copy dc1 BACKUP --to " + nas + " --yes", "goes on there", 0, 130},
		"a copy, not answered":     {"black-hole PUT", "backups copy dc1 BACKUP --to " + nas + " --yes", "what became of it is not known; the next dashboard that runs finds out", 0, 130},
		"a removal, not answered":  {"black-hole DELETE", "backups delete dc1 BACKUP --from internal --last --yes", "what became of it is not known; the next dashboard that runs finds out", 0, 130},
		"a lock, answered in time": {"delay-answer=1s POST sftp/locks", "locks acquire dc1 UP", "took UP", 1, 0},
		"a lock, not answered":     {"delay-answer=5m POST sftp/locks", "locks acquire dc1 UP", "what became of it is not known; the next dashboard that runs, or command about that lock, finds out", 1, 130},
		"a lock, never arrived":    {"drop-before POST sftp/locks #1", "locks acquire dc1 UP", "what became of it is not known", 0, 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, x.fault)
				uuid := sims.Appliance("dc1").LXCA.Backups()[0].UUID
				ctx, cancel := context.WithCancelCause(t.Context())
				began := time.Now()
				time.AfterFunc(500*time.Millisecond, func() { cancel(Interrupted{syscall.SIGINT}) })
				args := append([]string{"--config", config}, strings.Fields(strings.Replace(x.args, "BACKUP", uuid, 1))...)
				r := call{args: args, sims: sims, user: "maria"}.run(ctx)
				r.want(t, x.code, x.said)
				r.wantNot(t, inGo...)
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("it took %v", took)
				}
				<-time.After(5 * time.Minute)
				if n := len(sims.Appliance("dc1").LXCA.Locks()); n != x.locks {
					t.Errorf("%d locks, want %d", n, x.locks)
				}
			})
		})
	}
}

// A hold that a signal ends while its request is not answered says at once what it waits for, ends within seconds, and asks for
// the lock no second time.
func TestFault_SIG02_HoldAsksNoSecondTime(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"not answered": "black-hole POST sftp/locks #1", "never arrived": "drop-before POST sftp/locks #1",
		"ECB, not answered": "black-hole POST configuration/lock #1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, fault)
				about := []string{"dc1", "UP"}
				if strings.Contains(fault, "configuration") {
					about = []string{"edge", "configuration"}
				}
				began := time.Now()
				args := append(append([]string{"locks", "hold"}, about...), "--", "sh", "-c", "echo ran")
				r := after(t, 10*time.Second, sims, config, args...)
				r.want(t, 130, "ended by SIGINT: waiting a moment for the end of: acquire", "whether the lock was had is not known, and the command was not run",
					"the next holdfast that runs looks for it")
				r.wantNot(t, inGo...)
				r.quiet(t)
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
				<-time.After(10 * time.Minute)
				if n, owner := len(sims.Appliance("dc1").LXCA.Locks()), sims.Appliance("edge").ECB.LockOwner(); n != 0 || owner != "" {
					t.Errorf("%d locks, %q", n, owner)
				}
			})
		})
	}
}
