package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

// stage is one engine with real clients, its journal and simulated appliances, and one backup of dc1.
type stage struct {
	*fleetOps
	id string
	n  int
}

// onStage sets it and gives it to a test.
func onStage(t *testing.T, switches []string, test func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{fleetOps: &fleetOps{world: emptyWorld(t, 1, sim.Config{
			Appliances: []sim.Spec{
				{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}, {Name: "fresh", Kind: sim.KindLXCA, Fresh: true}, {Name: "ecb-1", Kind: sim.KindECB},
			},
			Switches: switches,
		})}}
		s.migrates = true
		s.id = s.fleet.Appliance("dc1").LXCA.AddBackup(xclarity.Backup{Label: "nightly", Size: gigabyte})
		s.main = s.start(false, true, "")
		s.pass(3 * time.Second)
		test(t, s)
		s.acts.Wait()
		if s.main != nil {
			if err := s.main.quit(); err != nil {
				t.Error(err)
			}
		}
		s.report()
	})
}

// transfer has an operator ask for one.
func (s *stage) transfer(verb appliance.Verb) (ref string, err error) {
	s.n++
	t := appliance.Transfer{Verb: verb, Backup: appliance.BackupID(s.id), Label: appliance.Label("nightly"), Destination: xclarity.DefaultShare}
	if verb == appliance.VerbPush {
		t.Destination = s.fleet.Appliance("fresh").Address
	}
	if b := find(s.fleet.Appliance("dc1").LXCA, s.id); b != nil {
		t.Checksum = appliance.Label(b.Checksum)
	}
	ref = fmt.Sprintf("r/%d", s.n)
	_, err = s.main.engine.Do(s.t.Context(), otto, "dc1", appliance.Act{Verb: verb, Transfer: t, Ref: ref})
	return ref, err
}

// ends waits for what came of a request.
func (s *stage) ends(ref string) fleet.Ending {
	s.t.Helper()
	e, err := s.main.engine.Follow(s.t.Context(), "dc1", ref)
	if err != nil {
		s.t.Errorf("%s: %v", ref, err)
	}
	return e
}

// count tells how often something happened that fits.
func (s *stage) count(what string, fits func(kit.Effect) bool) (n int) {
	for _, e := range s.fleet.Truth().Effects() {
		if e.What == what && (fits == nil || fits(e)) {
			n++
		}
	}
	return n
}

func (s *stage) places() string {
	if b := find(s.fleet.Appliance("dc1").LXCA, s.id); b != nil {
		return strings.Join(b.Locations, " ")
	}
	return "nowhere"
}

// The answer to a transfer is lost, cut or made by somebody in between, and its effect comes, comes late, or never: it is asked for
// once, its job is adopted, and what is told is what happened.
func TestFault_JOB01_LostAnswers(t *testing.T) {
	for _, verb := range []appliance.Verb{appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush} {
		for _, c := range []struct {
			rule  string
			jobs  int
			fates []fleet.Fate
		}{
			{"drop-before", 0, []fleet.Fate{fleet.FateUnknown, fleet.FateNot}},
			{"drop-after", 1, []fleet.Fate{fleet.FateThere}},
			{"delay-effect=20s", 1, []fleet.Fate{fleet.FateThere}},
			{"delay-effect=55s", 1, []fleet.Fate{fleet.FateThere}},
			{"cut=10", 1, []fleet.Fate{fleet.FateThere}},
			{"reset effect=yes", 1, []fleet.Fate{fleet.FateThere}},
			{"status=502 effect=yes", 1, []fleet.Fate{fleet.FateThere}},
			{"status=502", 0, []fleet.Fate{fleet.FateUnknown, fleet.FateNot}},
			{"html=200 effect=yes", 1, []fleet.Fate{fleet.FateThere}},
			{"black-hole effect=yes", 1, []fleet.Fate{fleet.FateThere}},
		} {
			t.Run(fmt.Sprintf("%s %s", verb, c.rule), func(t *testing.T) {
				onStage(t, nil, func(t *testing.T, s *stage) {
					kind, options, _ := strings.Cut(c.rule, " ")
					rule, err := fault.Parse(strings.TrimSpace(kind + " PUT /managementServer/data times=1 " + options))
					if err != nil {
						t.Fatal(err)
					}
					s.must(rule)
					ref, _ := s.transfer(verb)
					e := s.ends(ref)
					s.pass(2 * time.Minute)
					jobs := s.count("job.started", nil)
					if asked := s.fleet.Appliance("dc1").Requests()["PUT /managementServer/data"]; asked != 1 || jobs != c.jobs || !slices.Contains(c.fates, e.Fate) {
						t.Errorf("asked for %d times, %d jobs, told as %s: %s", asked, jobs, e.Fate, e.Text)
					}
				})
			})
		}
	}
}

// However an appliance names the job, or does not, it is found, and the transfer is followed to its end.
func TestFault_JOB02_EveryWayToNameAJob(t *testing.T) {
	for _, x := range xclarity.Switches() {
		if x.Name != "job-id-key" {
			continue
		}
		for _, value := range x.Values {
			t.Run(value, func(t *testing.T) {
				onStage(t, []string{"job-id-key=" + value}, func(t *testing.T, s *stage) {
					ref, _ := s.transfer(appliance.VerbMove)
					if e := s.ends(ref); e.Fate != fleet.FateThere || s.count("job.started", nil) != 1 || s.places() != xclarity.DefaultShare {
						t.Errorf("told as %s (%s), %d jobs, in %s", e.Fate, e.Text, s.count("job.started", nil), s.places())
					}
				})
			})
		}
	}
}

// The appliance restarts at each step of a move: what is told is where the backup is, and no second move is made.
func TestFault_JOB04_RestartAtEachStep(t *testing.T) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond, 2 * time.Second, 5 * time.Second, 5900 * time.Millisecond, 7 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			onStage(t, nil, func(t *testing.T, s *stage) {
				ref, err := s.transfer(appliance.VerbMove)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(after)
				s.must(fault.Rule{Kind: fault.Restart, On: "dc1", Times: 1, For: 20 * time.Second})
				e := s.ends(ref)
				want, place := fleet.FateNot, xclarity.Internal
				if s.count("backup.moved", nil) > 0 {
					want, place = fleet.FateThere, xclarity.DefaultShare
				}
				if e.Fate != want || s.places() != place || s.count("job.started", nil) != 1 {
					t.Errorf("told as %s (%s), in %s, %d jobs", e.Fate, e.Text, s.places(), s.count("job.started", nil))
				}
			})
		})
	}
}

// A backup that is in neither place is an alarm that names it, its checksum and the job.
func TestFault_JOB04_Neither(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		s.must(fault.Rule{Kind: fault.Outage, On: "dc1", Times: 1, After: 5 * time.Second, For: 10 * time.Second})
		ref, err := s.transfer(appliance.VerbMove)
		if err != nil {
			t.Fatal(err)
		}
		b := find(s.fleet.Appliance("dc1").LXCA, s.id)
		time.Sleep(8 * time.Second)
		s.fleet.Appliance("dc1").LXCA.RemoveBackup(s.id, "all")
		e := s.ends(ref)
		if e.Fate != fleet.FateNeither || !strings.Contains(e.Text, s.id) || !strings.Contains(e.Text, b.Checksum) || !strings.Contains(e.Text, "job 1") {
			t.Errorf("told as %s: %s", e.Fate, e.Text)
		}
	})
}

// A job that ends and is removed from the list before it was seen to end is not taken for done: the listings tell.
func TestFault_JOB07_RemovedFromTheList(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		onStage(t, nil, func(t *testing.T, s *stage) {
			s.must(fault.Rule{Kind: fault.DropBefore, Path: "/tasks*", Method: "GET", After: 2 * time.Second, Until: 20 * time.Second})
			ref, err := s.transfer(appliance.VerbMove)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			if cancelled {
				s.rivalRequest(s.fleet.Appliance("dc1"), "PUT", "/tasks", `{"action":"cancel","list":["1"]}`)
			}
			time.Sleep(5 * time.Second)
			s.rivalRequest(s.fleet.Appliance("dc1"), "DELETE", "/tasks/1", "")
			e := s.ends(ref)
			want, place := fleet.FateThere, xclarity.DefaultShare
			if cancelled {
				want, place = fleet.FateNot, xclarity.Internal
			}
			if e.Fate != want || s.places() != place {
				t.Errorf("cancelled %v: told as %s (%s), in %s", cancelled, e.Fate, e.Text, s.places())
			}
		})
	}
}

// To cancel a push names no job: somebody else's that took the place of ours goes on.
func TestFault_JOB06_TheirPushGoesOn(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		ref, err := s.transfer(appliance.VerbPush)
		if err != nil {
			t.Fatal(err)
		}
		s.ends(ref)
		theirPush(s.fleetOps, xclarity.Backup{})
		for _, job := range []appliance.JobID{"", "1"} {
			if _, err := s.main.engine.Do(t.Context(), otto, "dc1", appliance.Act{Verb: appliance.VerbCancelPush, Job: job}); err == nil {
				t.Errorf("it was cancelled, job %q", job)
			}
		}
		s.pass(20 * time.Second)
		if n := s.count("push.cancelled", nil); n != 0 {
			t.Errorf("%d pushes were cancelled", n)
		}
	})
}

// A backup in two places is deleted in the one that was named, and the last one only by who says that he knows.
func TestFault_JOB11_DeleteNamesOnePlace(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		ref, err := s.transfer(appliance.VerbCopy)
		if err != nil {
			t.Fatal(err)
		}
		s.ends(ref)
		b := find(s.fleet.Appliance("dc1").LXCA, s.id)
		remove := func(from string) error {
			_, err := s.main.engine.Do(t.Context(), otto, "dc1", appliance.Act{Verb: appliance.VerbDelete, Transfer: appliance.Transfer{
				Verb: appliance.VerbDelete, Backup: appliance.BackupID(s.id), Checksum: appliance.Label(b.Checksum), Destination: from,
			}})
			s.pass(3 * time.Second)
			return err
		}
		if err := remove("all"); err == nil || s.places() != "internal "+xclarity.DefaultShare {
			t.Errorf("all: %v, it lies in %s", err, s.places())
		}
		if err := remove(xclarity.Internal); err != nil || s.places() != xclarity.DefaultShare {
			t.Errorf("internal: %v, it lies in %s", err, s.places())
		}
		s.pass(time.Minute)
		if err := remove(xclarity.DefaultShare); err == nil || s.places() != xclarity.DefaultShare {
			t.Errorf("the last: %v, it lies in %s", err, s.places())
		}
	})
}

// The configuration lock is stolen while it is shown as held: what it protects is not done, and the reason is told.
func TestFault_LCK10_NothingIsSavedWithoutTheLock(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		do := func(act appliance.Act) error {
			_, err := s.main.engine.Do(t.Context(), policy.Person{Name: "otto", Role: policy.Admin}, "ecb-1", act)
			return err
		}
		if err := do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}); err != nil {
			t.Fatal(err)
		}
		s.fleet.Appliance("ecb-1").ECB.StealByOther("rest")
		for _, verb := range []appliance.Verb{appliance.VerbSave, appliance.VerbActivate} {
			if err := do(appliance.Act{Verb: verb}); err == nil || !strings.Contains(err.Error(), "lock") {
				t.Errorf("%s: %v", verb, err)
			}
		}
		if n := s.count("config.saved", nil) + s.count("config.activated", nil); n != 0 {
			t.Errorf("%d were saved or activated", n)
		}
	})
}

// The target processes what came in last: when that is another package, it is told.
func TestFault_JOB08_AnotherPackageIsProcessed(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		c := trial{verb: appliance.VerbPush, process: true}
		s.sessions = append(s.sessions, s.planned(c, s.id))
		x := s.sessions[0]
		x.id, x.tries, s.main.nextID = "m1", []int{1}, "m1"
		if _, err := s.main.runner.Begin(t.Context(), otto, x.plan); err != nil {
			t.Fatal(err)
		}
		s.until(x)
		theirPush(s.fleetOps, xclarity.Backup{})
		s.pass(10 * time.Second)
		s.give(s.main, x, 0, true)
		s.until(x)
		v, _ := s.main.runner.View(x.id)
		if step := v.Steps[0]; !step.Phase.Wrong() || !strings.Contains(step.Note, "another package was") {
			t.Errorf("it is %s: %s", step.Phase, step.Note)
		}
	})
}

// A push fails because the target has the backup: that it is not there is not told.
func TestFault_JOB08_FailedPushOfWhatTheTargetHas(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *stage) {
		for _, want := range []fleet.Fate{fleet.FateThere, fleet.FateUnknown} {
			ref, err := s.transfer(appliance.VerbPush)
			if err != nil {
				t.Fatal(err)
			}
			if e := s.ends(ref); e.Fate != want {
				t.Errorf("told as %s, want %s: %s", e.Fate, want, e.Text)
			}
			s.pass(30 * time.Second)
		}
	})
}
