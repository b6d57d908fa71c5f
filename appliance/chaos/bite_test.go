package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
	"holdfast/appliance/sim/kit"
)

// stand is a checker that is told whatever a test wants. Engines a and b run, z has ended, v may only look.
type stand struct {
	*checker
	now   time.Time
	n     uint64
	truth *kit.Truth
}

func newStand() *stand {
	s := &stand{now: time.Now().Round(0), truth: kit.NewTruth(nil)}
	s.checker = newChecker(s.truth, func() time.Time { return s.now })
	s.began("a", false, true)
	s.began("b", false, true)
	s.began("z", false, true)
	s.ended("z", true)
	s.began("v", true, false)
	return s
}

const (
	lockA = "0000000000000000000000000000000a"
	lockB = "0000000000000000000000000000000b"
	uuid  = "11111111-1111-1111-1111-111111111111"
)

// does is an effect that somebody asked for; by is an engine of ours, or anybody else with an empty one.
func (s *stand) does(by, what string, e kit.Effect) {
	e.What, e.Appliance, e.At, e.Client = what, "dc1", s.now, "rival:1"
	if by != "" {
		e.Client = runPrefix + by + ":1"
	}
	s.truth.Record(e)
	s.catchUp()
}

// grants has a lock granted for a minute and a second.
func (s *stand) grants(by, id string) {
	s.does(by, "lock.granted", kit.Effect{ID: id, Scope: "UP", TTL: 61, Ends: s.now.Add(61 * time.Second)})
}

// configuration has the lock of an ECB granted for ten minutes.
func (s *stand) configuration(by string) {
	s.does(by, "lock.granted", kit.Effect{ID: "1", Scope: appliance.ConfigurationLock, Ends: s.now.Add(10 * time.Minute)})
}

func (s *stand) starts(by, id string) {
	s.does(by, "job.started", kit.Effect{ID: id, Kind: "copy", UUID: uuid, From: "internal", To: "/mnt/nas"})
}

// intends has an intent recorded and returns its number.
func (s *stand) intends(by string, act appliance.Act) uint64 {
	s.n++
	s.intended(fleet.Intent{ID: s.n, Engine: by, Appliance: "dc1", Act: act})
	return s.n
}

var (
	acquireA = appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 61 * time.Second}}
	releaseA = appliance.Act{Verb: appliance.VerbRelease, Lock: appliance.Lock{ID: lockA}}
	copyU    = appliance.Act{Verb: appliance.VerbCopy, Transfer: transferU}

	transferU = appliance.Transfer{Verb: appliance.VerbCopy, Backup: uuid, Destination: "/mnt/nas"}
	runsFor   = lease.Term{Known: true, HeldUntil: time.Hour, End: time.Hour, GoneAfter: time.Hour}
)

// holds has a lock taken as it should be.
func (s *stand) holds(by, id string) {
	s.settled(s.intends(by, acquireA), "", "")
	s.grants(by, id)
}

// shows has an engine show a lock.
func (s *stand) shows(by string, l fleet.Lock) {
	l.Term = runsFor
	s.shown(by, &fleet.Snapshot{Name: "dc1", Locks: []fleet.Lock{l}}, func() appliance.Reading { return appliance.Reading{Wall: s.now} })
}

func mine(id string) fleet.Lock {
	return fleet.Lock{Lock: appliance.Lock{ID: appliance.LockID(id), Holder: appliance.HolderYou}, Mine: true}
}

func conf() fleet.Lock {
	l := mine(appliance.ConfigurationLock)
	l.Exclusive = true
	return l
}

func says(text string) fleet.Event { return fleet.Event{Appliance: "dc1", Text: text} }

// The checker finds each kind of violation, by its rule, in truth, journal or screens that are falsified.
func TestCheckerBites(t *testing.T) {
	for i, c := range []struct {
		rule, says string
		happens    func(*stand)
	}{
		{"I1", "another's, which it was granted", func(s *stand) {
			s.holds("a", lockA)
			s.shows("a", fleet.Lock{Lock: appliance.Lock{ID: lockA, Holder: appliance.HolderAnother}})
		}},
		{"I1", "on no screen", func(s *stand) { s.holds("a", lockA); s.atRest() }},
		{"I1", "on no screen", func(s *stand) {
			s.intends("a", appliance.Act{Verb: appliance.VerbAcquire})
			s.configuration("a")
			s.atRest()
		}},
		{"I1", "in no journal", func(s *stand) {
			s.intends("a", appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: time.Hour}})
			s.does("a", "lock.granted", kit.Effect{ID: lockA, Scope: "UP", TTL: 3600, Ends: s.now.Add(time.Hour)})
			s.inventory(fleet.Estate{})
		}},
		{"I1", "no lock came of it", func(s *stand) { s.settled(s.intends("a", acquireA), fleet.OutcomeDone, "") }},
		{"I1", "and the lock is there", func(s *stand) {
			s.holds("a", lockA)
			s.settled(s.intends("a", releaseA), fleet.OutcomeDone, "")
		}},
		{"I1", "on no screen", func(s *stand) { // of a run that ended in the middle of asking
			s.intends("z", appliance.Act{Verb: appliance.VerbAcquire})
			s.configuration("z")
			s.atRest()
		}},
		{"I2", "after its end", func(s *stand) { s.holds("a", lockA); s.now = s.now.Add(62 * time.Second); s.shows("a", mine(lockA)) }},
		{"I2", "nobody was granted", func(s *stand) { s.shows("a", mine(lockA)) }},
		{"I2", "never granted", func(s *stand) { s.shows("a", conf()) }},
		{"I2", "configuration lock as held after its end", func(s *stand) {
			s.intends("a", appliance.Act{Verb: appliance.VerbAcquire})
			s.configuration("a")
			s.now = s.now.Add(601 * time.Second)
			s.shows("a", conf())
		}},
		{"I2", "which ended", func(s *stand) {
			s.holds("a", lockA)
			s.does("", "lock.stolen", kit.Effect{ID: lockA, Scope: "UP"})
			s.now = s.now.Add(time.Hour)
			s.inventory(fleet.Estate{Holdings: []fleet.Holding{{Appliance: "dc1", Lock: lockA, State: fleet.HoldingHeld}}})
		}},
		{"I3", "somebody else's", func(s *stand) {
			s.grants("", lockA)
			s.intends("a", releaseA)
			s.does("a", "lock.released", kit.Effect{ID: lockA, Scope: "UP"})
		}},
		{"I3", "of b, which runs", func(s *stand) {
			s.holds("b", lockA)
			s.intends("a", releaseA)
			s.does("a", "lock.released", kit.Effect{ID: lockA, Scope: "UP"})
		}},
		{"I3", "configuration lock of b, which runs", func(s *stand) {
			s.intends("b", appliance.Act{Verb: appliance.VerbAcquire})
			s.configuration("b")
			s.intends("a", appliance.Act{Verb: appliance.VerbRelease})
			s.does("a", "lock.released", kit.Effect{ID: "1", Scope: appliance.ConfigurationLock})
		}},
		{"I3", "configuration lock, which is somebody else's", func(s *stand) {
			s.configuration("")
			s.intends("a", appliance.Act{Verb: appliance.VerbRelease})
			s.does("a", "lock.released", kit.Effect{ID: "1", Scope: appliance.ConfigurationLock})
		}},
		{"I3", "as its own, which is somebody else's", func(s *stand) { s.grants("", lockA); s.shows("a", mine(lockA)) }},
		{"I3", "as its own, which is of b", func(s *stand) { s.holds("b", lockA); s.shows("a", mine(lockA)) }},
		{"I3", "is cancelled by", func(s *stand) {
			s.starts("", "7")
			s.intends("a", appliance.Act{Verb: appliance.VerbCancelJob, Job: "7"})
			s.does("a", "job.ended", kit.Effect{ID: "7", State: "Cancelled"})
		}},
		{"I3", "is cancelled by", func(s *stand) {
			s.does("", "job.started", kit.Effect{ID: "7", Kind: "push", UUID: uuid})
			s.now = s.now.Add(time.Hour)
			s.intends("a", appliance.Act{Verb: appliance.VerbCancelPush, Job: "7"})
			s.does("a", "push.cancelled", kit.Effect{ID: "7"})
		}},
		{"I3", "which we were never granted", func(s *stand) {
			s.grants("", lockA)
			s.inventory(fleet.Estate{Holdings: []fleet.Holding{{Appliance: "dc1", Lock: lockA, State: fleet.HoldingHeld}}})
		}},
		{"I4", "had its effect already", func(s *stand) { s.holds("a", lockA); s.grants("a", lockB) }},
		{"I4", "had its effect already", func(s *stand) { s.intends("a", copyU); s.starts("a", "1"); s.starts("a", "2") }},
		{"I4", "refused, and had an effect", func(s *stand) {
			id := s.intends("a", copyU)
			s.starts("a", "1")
			s.settled(id, fleet.OutcomeRefused, "")
		}},
		{"I4", "which was settled as refused", func(s *stand) {
			s.settled(s.intends("a", acquireA), fleet.OutcomeRefused, "")
			s.grants("a", lockA)
		}},
		{"I4", "no job came of it", func(s *stand) { s.settled(s.intends("a", copyU), fleet.OutcomeDone, "") }},
		{"I4", "which is somebody else's", func(s *stand) {
			s.starts("", "1")
			s.tracked(fleet.Transit{ID: s.intends("a", copyU), Appliance: "dc1", Transfer: transferU, Job: "1"})
		}},
		{"I4", "which there never was", func(s *stand) {
			s.tracked(fleet.Transit{ID: s.intends("a", copyU), Appliance: "dc1", Transfer: transferU, Job: "1"})
		}},
		{"I4", "was never settled", func(s *stand) {
			id := s.intends("a", copyU)
			s.inventory(fleet.Estate{Intents: []fleet.Record{{Intent: fleet.Intent{ID: id, Appliance: "dc1", Act: copyU}}}})
		}},
		{"I4", "neither known to have ended", func(s *stand) {
			s.inventory(fleet.Estate{Transits: []fleet.Transit{{ID: 1, Appliance: "dc1", Transfer: transferU}}})
		}},
		{"I4", "3 requests POST", func(s *stand) {
			s.intends("a", acquireA)
			s.intended(fleet.Intent{ID: 99, Engine: "a", Appliance: "dc2", Act: acquireA})
			s.asked("dc1", map[string]int{"POST /aicc/service/sftp/locks": 4}, map[string]int{"POST": 1})
		}},
		{"I4", "2 requests PUT", func(s *stand) {
			s.intends("a", copyU)
			s.asked("dc1", map[string]int{"PUT /managementServer/data": 2}, nil)
		}},
		{"I4", "and nobody was told", func(s *stand) {
			id := s.intends("a", copyU)
			s.starts("a", "1")
			s.settled(id, fleet.OutcomeDone, "")
			s.does("", "job.ended", kit.Effect{ID: "1", State: "Complete"})
			s.atRest()
		}},
		{"I4", "and runs", func(s *stand) { s.starts("", "1"); s.told("a", says("job 1 (copy of x to y) ended: Complete")) }},
		{"I5", "is called moved", func(s *stand) {
			s.does("", "backup.copied", kit.Effect{UUID: uuid, Locations: []string{"internal", "/mnt/nas"}})
			s.told("a", says("backup x ("+uuid+") is moved to /mnt/nas"))
		}},
		{"I5", "lies nowhere", func(s *stand) { s.does("a", "backup.moved", kit.Effect{UUID: uuid}) }},
		{"I6", "without an intent before it", func(s *stand) { s.grants("a", lockA); s.intends("a", acquireA) }},
		{"I6", "without an intent before it", func(s *stand) { s.starts("a", "1"); s.intends("a", copyU) }},
		{"I6", "without an intent before it", func(s *stand) {
			s.holds("a", lockA)
			s.does("a", "lock.released", kit.Effect{ID: lockA, Scope: "UP"})
		}},
		{"I6", "without an intent before it", func(s *stand) {
			s.intends("a", copyU)
			s.starts("a", "1")
			s.does("a", "job.ended", kit.Effect{ID: "1", State: "Cancelled"})
		}},
		{"I6", "without an intent that is open", func(s *stand) { s.configuration("a") }},
		{"I6", "which was never recorded", func(s *stand) { s.settled(9, fleet.OutcomeDone, "") }},
		{"I6", "without its intent", func(s *stand) { s.starts("a", "1"); s.tracked(fleet.Transit{ID: 9, Appliance: "dc1", Job: "1"}) }},
		{"I7", "as it is", func(s *stand) { s.secrets("the log", "x Passw0rd y", []string{"Passw0rd"}) }},
		{"I7", "in base64", func(s *stand) { s.secrets("the log", "x UGFzc3cwcmQ= y", []string{"Passw0rd"}) }},
		{"I8", "U+001B", func(s *stand) { s.told("a", says("evil \x1b]0;text")) }},
		{"role", "may only look", func(s *stand) { s.grants("v", lockA) }},
		{"role", "may only look", func(s *stand) { s.intends("v", acquireA) }},
	} {
		s := newStand()
		c.happens(s)
		found := false
		for _, v := range s.violations() {
			found = found || v.rule == c.rule && strings.Contains(v.what, c.says)
		}
		if !found {
			t.Errorf("%d: no violation of %s (%s) was found, but %v", i, c.rule, c.says, s.violations())
		}
	}
}

// What is as it should be breaks no rule.
func TestCheckerLetsTheTruthPass(t *testing.T) {
	s := newStand()
	s.intends("a", acquireA)
	s.grants("a", lockA)
	s.settled(1, fleet.OutcomeDone, "")
	s.shows("a", mine(lockA))
	s.shows("b", fleet.Lock{Lock: appliance.Lock{ID: lockA, Holder: appliance.HolderAnother}, Elsewhere: true})
	s.grants("", lockB)
	s.shows("a", fleet.Lock{Lock: appliance.Lock{ID: lockB, Holder: appliance.HolderAnother}})
	s.shows("a", mine(lockA))
	s.atRest()
	release := s.intends("a", releaseA)
	s.does("a", "lock.released", kit.Effect{ID: lockA, Scope: "UP"})
	s.settled(release, fleet.OutcomeDone, "")
	s.intends("z", appliance.Act{Verb: appliance.VerbAcquire})
	s.configuration("z") // late
	resume := s.intends("a", appliance.Act{Verb: appliance.VerbResume})
	s.shows("a", conf())
	s.does("a", "lock.released", kit.Effect{ID: "1", Scope: appliance.ConfigurationLock})
	s.settled(resume, fleet.OutcomeDone, "")
	move := copyU
	move.Verb, move.Transfer.Verb = appliance.VerbMove, appliance.VerbMove
	id := s.intends("a", move)
	s.does("a", "job.started", kit.Effect{ID: "1", Kind: "move", UUID: uuid, From: "internal", To: "/mnt/nas"})
	s.tracked(fleet.Transit{ID: id, Appliance: "dc1", Transfer: move.Transfer, Job: "1"})
	s.settled(id, fleet.OutcomeDone, "")
	s.does("a", "backup.moved", kit.Effect{UUID: uuid, Locations: []string{"/mnt/nas"}})
	s.does("", "job.ended", kit.Effect{ID: "1"})
	s.told("a", says(fmt.Sprintf("job 1 (move of x to /mnt/nas) ended: %s", "Complete")))
	s.told("a", says("backup x ("+uuid+") is moved to /mnt/nas"))
	s.settled(s.intends("a", acquireA), fleet.OutcomeUnknown, "")
	s.asked("dc1", map[string]int{"POST /aicc/service/sftp/locks": 2, "PUT /managementServer/data": 1}, nil)
	s.atRest()
	s.inventory(fleet.Estate{})
	s.secrets("the log", "nothing", []string{"Passw0rd"})
	for _, v := range s.violations() {
		t.Error(v)
	}
}

// Two runs that asked for the very same, of which what came of one request was taken for what came of the other: that this one has its
// effect later breaks no rule either, and that it has another one does.
func TestCheckerSwapsWhatCannotBeTold(t *testing.T) {
	s := newStand()
	first := s.intends("a", acquireA)
	s.intends("b", acquireA)
	s.grants("b", lockA)
	s.settled(first, fleet.OutcomeDone, "")
	s.grants("a", lockB)
	for _, v := range s.violations() {
		t.Error(v)
	}
	s.grants("a", "33333333333333333333333333333333")
	if all := s.violations(); len(all) != 1 || all[0].rule != "I4" {
		t.Errorf("%v", all)
	}
}
