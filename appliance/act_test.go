package appliance_test

import (
	"testing"
	"time"

	"holdfast/appliance"
)

func TestActTarget(t *testing.T) {
	up := appliance.Claim{Scope: "UP", TTL: time.Minute}
	lock := appliance.Lock{ID: lockID}
	ecb := appliance.Lock{ID: appliance.ConfigurationLock, Exclusive: true}
	only := appliance.Claim{Scope: appliance.ConfigurationLock}
	transfer := func(v appliance.Verb) appliance.Act {
		return appliance.Act{Verb: v, Transfer: appliance.Transfer{Verb: v, Backup: uuid}}
	}
	cases := []struct {
		act  appliance.Act
		want string
	}{
		{appliance.Act{Verb: appliance.VerbAcquire, Claim: up}, "lock scope UP"},
		{appliance.Act{Verb: appliance.VerbExtend, Claim: up, Lock: lock}, "lock " + lockID},
		{appliance.Act{Verb: appliance.VerbRelease, Lock: lock}, "lock " + lockID},
		{appliance.Act{Verb: appliance.VerbKeep, Lock: lock}, "lock " + lockID},
		{appliance.Act{Verb: appliance.VerbWait, Claim: only}, "lock scope configuration"},
		{transfer(appliance.VerbCopy), "backup " + uuid},
		{transfer(appliance.VerbMove), "backup " + uuid},
		{transfer(appliance.VerbPush), "backup " + uuid},
		{appliance.Act{Verb: appliance.VerbCancelJob, Job: "17"}, "job 17"},
		{appliance.Act{Verb: appliance.VerbCancelPush}, "cancel push"},
		{transfer(appliance.VerbDelete), "backup " + uuid},
		// What makes the appliance busy goes one at a time, whatever it is about.
		{appliance.Act{Verb: appliance.VerbCreate}, "backup and restore"},
		{appliance.Act{Verb: appliance.VerbRestore, Restore: appliance.Restoring{Backup: uuid}}, "backup and restore"},
		{appliance.Act{Verb: appliance.VerbActivate}, "backup and restore"},
		// The only lock of an ECB: taking it and giving it back are about the same thing.
		{appliance.Act{Verb: appliance.VerbAcquire, Claim: only}, "lock scope configuration"},
		{appliance.Act{Verb: appliance.VerbExtend, Lock: ecb}, "lock scope configuration"},
		{appliance.Act{Verb: appliance.VerbRelease, Lock: ecb}, "lock scope configuration"},
	}
	for _, c := range cases {
		if got := c.act.Target(); got != c.want {
			t.Errorf("target of %s = %q, want %q", c.act.Verb, got, c.want)
		}
	}
}

func TestPhase(t *testing.T) {
	ended := map[appliance.Phase]bool{
		appliance.PhaseUnknown: false, appliance.PhasePending: false, appliance.PhaseRunning: false,
		appliance.PhaseSucceeded: true, appliance.PhaseProblem: true,
	}
	for p, want := range ended {
		if p.Ended() != want || p.Live() == want {
			t.Errorf("phase %d: ended %v, live %v", p, p.Ended(), p.Live())
		}
	}
	if (appliance.Job{}).Phase.Ended() {
		t.Error("a job of which nothing is known counts as ended")
	}
}

func TestScopeString(t *testing.T) {
	for want, s := range map[string]appliance.Scope{
		"UP Updates": {Code: "UP", Name: appliance.Label("Updates")}, "configuration": {Code: "configuration"}, "": {},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestStamp(t *testing.T) {
	wall := time.Date(2026, 11, 21, 14, 3, 22, 0, time.UTC)
	sent := appliance.Reading{Wall: wall, Run: 10 * time.Second}
	received := appliance.Reading{Wall: wall.Add(-time.Hour), Run: 12 * time.Second} // the wall clock was set back meanwhile
	s := appliance.Stamp{Sent: sent, Received: received, Date: wall}
	if got := s.RoundTrip(); got != 2*time.Second {
		t.Errorf("round trip %v: the wall clock must not count", got)
	}
	if got := sent.Since(received); got != 0 {
		t.Errorf("time back in time: %v", got)
	}
	if skew, ok := s.Skew(); !ok || skew != time.Hour {
		t.Errorf("skew %v, %v", skew, ok)
	}
	if _, ok := (appliance.Stamp{Sent: sent, Received: received}).Skew(); ok {
		t.Error("a skew without a Date")
	}
	if _, ok := (appliance.Stamp{Date: wall}).Skew(); ok {
		t.Error("a skew without an answer")
	}
	if !(appliance.Reading{Run: time.Hour}).IsZero() || sent.IsZero() {
		t.Error("IsZero is wrong")
	}
}
