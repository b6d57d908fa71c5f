package cli

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/fault"
)

// spoil has things go wrong from now on.
func spoil(t *testing.T, sims *sim.Fleet, rules ...string) {
	t.Helper()
	for _, text := range rules {
		r, err := fault.Parse(text)
		if err == nil {
			_, err = sims.Faults().Add(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The answer to the request for the lock is lost, and the appliance cannot be asked for a minute. Then the lock is found to be
// ours, and the command runs under it; nothing is left at the end.
func TestFault_LCK02_HoldFindsWhatItWasGranted(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		before := len(sims.Appliance("dc1").LXCA.Locks())
		spoil(t, sims, "outage=1m how=503 POST sftp/locks #1 effect=yes")
		r := locksOf(t, sims, config, "hold", "dc1", "UP", "--ttl", "20m", "--", "sh", "-c", "echo under $HOLDFAST_LOCK_ID")
		r.want(t, ExitDone, "outcome unknown", "whether the lock was had is looked for until", "UP Updates was found to be yours", "under ")
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
			t.Errorf("%d locks afterwards, before %d", n, before)
		}
	})
}

// What cannot be found out is not called "not had": it is unknown, and says until when; a later run finds the lock, and gives it back,
// as no command runs under it.
func TestFault_LCK02_HoldDoesNotKnow(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		before := len(sims.Appliance("dc1").LXCA.Locks())
		spoil(t, sims, "outage=5m POST sftp/locks #1 effect=yes")
		began := time.Now()
		r := locksOf(t, sims, config, "hold", "dc1", "UP", "--ttl", "20m", "--", "sh", "-c", "echo ran")
		r.want(t, ExitHoldFailed, "whether the lock was had is not known, and the command was not run", "at the latest, and the next holdfast that runs looks for it")
		r.quiet(t)
		if took := time.Since(began); took < findLimit || took > findLimit+releaseLimit+time.Minute {
			t.Errorf("it looked for %v", took)
		}
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before+1 {
			t.Fatalf("%d locks afterwards, before %d: nothing was lost", n, before)
		}
		<-time.After(5 * time.Minute) // it answers again
		locksOf(t, sims, config, "release", "dc1", "FC").want(t, ExitFailed, "you hold no lock FC")
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before+1 {
			t.Errorf("%d locks after a command about another lock, before %d", n, before)
		}
		locksOf(t, sims, config, "release", "dc1", "UP").want(t, ExitRefused, "is being given back already")
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
			t.Errorf("%d locks at the end, before %d", n, before)
		}
	})
}

// The request never arrived, and that is found out: the lock is asked for once more, as the engine does it.
func TestFault_LCK02_HoldAsksOnceMore(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		spoil(t, sims, "drop-before POST sftp/locks #1")
		locksOf(t, sims, config, "hold", "dc1", "UP", "--", "true").want(t, ExitDone, "dc1: took UP")
	})
}

// The request never arrived, and for a minute nothing could be found out: the command asks once more then.
func TestFault_LCK02_HoldAsksOnceMoreAfterAnOutage(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		before := len(sims.Appliance("dc1").LXCA.Locks())
		spoil(t, sims, "outage=1m how=503 POST sftp/locks #1")
		r := locksOf(t, sims, config, "hold", "dc1", "UP", "--", "sh", "-c", "echo ran")
		r.want(t, ExitDone, "nothing came of the request; the lock is asked for once more", "dc1: took UP", "ran")
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
			t.Errorf("%d locks afterwards, before %d", n, before)
		}
	})
}

// The only lock of an ECB: the answer is lost, and so is that to the question whose it is, until the appliance is back.
func TestFault_LCK09_HoldFindsOut(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		lost string
		code int
		said string
		runs bool
	}{
		"had, and found":         {"drop-after POST configuration/lock #1", ExitDone, "edge: configuration was found to be yours", true},
		"not had, and had after": {"drop-before POST configuration/lock #1", ExitDone, "edge: configuration was found to be yours", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, x.lost, "black-hole POST configuration/unlock times=1")
				r := locksOf(t, sims, config, "hold", "edge", "configuration", "--", "sh", "-c", "echo ran")
				r.want(t, x.code, x.said)
				if strings.Contains(r.out, "ran") != x.runs {
					t.Errorf("stdout: %q", r.out)
				}
				if owner := sims.Appliance("edge").ECB.LockOwner(); owner != "" {
					t.Errorf("the lock is held by %q", owner)
				}
			})
		})
	}
}

// An ECB that is gone for good leaves it unknown; so does one that is gone while a held lock is waited for.
func TestFault_LCK09_HoldDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"at once": nil, "after a wait": {"--wait", "4m"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, "outage=30m POST configuration/lock #1 effect=yes")
				args := append([]string{"hold", "edge", "configuration"}, flags...)
				r := locksOf(t, sims, config, append(args, "--", "sh", "-c", "echo ran")...)
				r.want(t, ExitHoldFailed, "whether the lock was had is not known, and the command was not run")
				r.quiet(t)
			})
		})
	}
}

// The answer to the request for the only lock is lost, and so is what could have found out whose it is, until the command ends: a later
// one finds that out by the token that is kept, for which the lock is given back if it was had (api/ecb.md 4).
func TestFault_LCK09_FoundOutByTheNextRun(t *testing.T) {
	t.Parallel()
	hold := []string{"hold", "edge", "configuration", "--", "sh", "-c", "echo ran"}
	acquire := []string{"acquire", "edge", "configuration"}
	for name, x := range map[string]struct {
		effect  string
		args    []string
		code    int
		between bool // another run ends while nobody can tell
	}{
		"hold":                       {" effect=yes", hold, ExitHoldFailed, false},
		"acquire":                    {" effect=yes", acquire, ExitUnknown, false},
		"hold without effect":        {"", hold, ExitHoldFailed, false},
		"acquire without effect":     {"", acquire, ExitUnknown, false},
		"hold, by the next but one":  {" effect=yes", hold, ExitHoldFailed, true},
		"acquire, by the same again": {" effect=yes", acquire, ExitUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, "outage=3m POST configuration/lock #1"+x.effect)
				locksOf(t, sims, config, x.args...).want(t, x.code)
				if x.between {
					locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitUnreachable)
				}
				<-time.After(4 * time.Minute)
				locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitFailed, "you hold no lock")
				if owner := sims.Appliance("edge").ECB.LockOwner(); owner != "" {
					t.Errorf("the lock is held by %q", owner)
				}
				on(t, sims, config, "events").want(t, ExitDone, "about which an earlier run asked last, is not yours")
			})
		})
	}
}

// Commands that came to the lock of an earlier one while the ECB was away ended without it. The one that comes when it is back finds
// the token under the name of who took the lock, however many there were in between (faults.md TOK-02).
func TestFault_TOK02_HeldThroughCommandsThatCouldNotAsk(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone)
		spoil(t, sims, "outage=3m GET /rest #1 on=edge")
		for _, act := range []string{"extend", "extend", "extend"} {
			locksOf(t, sims, config, act, "edge", "configuration").want(t, ExitUnreachable)
		}
		<-time.After(4 * time.Minute)
		locksOf(t, sims, config, "extend", "edge", "configuration").want(t, ExitDone)
		locksOf(t, sims, config, "release", "edge", "configuration").want(t, ExitDone)
		if owner := sims.Appliance("edge").ECB.LockOwner(); owner != "" {
			t.Errorf("the lock is held by %q", owner)
		}
		on(t, sims, config, "events").want(t, ExitDone, "the configuration lock of an earlier run is still yours")
	})
}

// A signal before the command runs ends the hold as it would end the command: the wait is over, and what is not known is said.
func TestFault_SIG02_HoldBeforeTheCommand(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		faults []string
		args   []string
		said   string
	}{
		"while it waits": {nil, []string{"edge", "configuration", "--wait", "10m"}, "stopped waiting: ended by SIGTERM"},
		"while it does not know": {[]string{"outage=30m POST sftp/locks #1 effect=yes"}, []string{"dc1", "UP", "--ttl", "1h"},
			"whether the lock was had is not known, and the command was not run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				sims.Appliance("edge").ECB.LockByOther(broker.SourceGUI)
				before := len(sims.Appliance("dc1").LXCA.Locks())
				spoil(t, sims, x.faults...)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(40*time.Second, func() { cancel(Interrupted{syscall.SIGTERM}) })
				args := append(append([]string{"--config", config, "locks", "hold"}, x.args...), "--", "sh", "-c", "echo ran")
				began := time.Now()
				r := call{args: args, sims: sims}.run(ctx)
				r.want(t, 143, x.said)
				r.quiet(t)
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %v", took)
				}
				if x.args[0] != "dc1" {
					return
				}
				<-time.After(30 * time.Minute) // it answers again, and the lock that was asked for for an hour is found
				locksOf(t, sims, config, "release", "dc1", "UP").want(t, ExitRefused, "is being given back already")
				if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before {
					t.Errorf("%d locks at the end, before %d", n, before)
				}
			})
		})
	}
}

// The wait for an ECB's lock gets it though the answer to a try, and that to whose it is, were lost; and what cannot be given back is
// not called given back.
func TestFault_LCK09_HoldWaitsAndUndoes(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		times string
		flags []string
		code  int
		owner string
	}{
		"got":               {"1", []string{"--wait", "4m"}, ExitDone, ""},
		"not to be undone":  {"1000", nil, ExitHoldFailed, "admin"},
		"found, and undone": {"1", nil, ExitDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
				spoil(t, sims, "drop-after POST configuration/lock #1", "drop-before POST configuration/unlock times="+x.times)
				args := append([]string{"hold", "edge", "configuration"}, x.flags...)
				locksOf(t, sims, config, append(args, "--", "true")...).want(t, x.code)
				if owner := sims.Appliance("edge").ECB.LockOwner(); owner != x.owner {
					t.Errorf("the lock is held by %q", owner)
				}
			})
		})
	}
}
