package chaos

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// crashed is a kind of migration that is killed at each of its crash points.
type crashed struct {
	name  string
	verb  appliance.Verb
	steps int
	also  func(*migration.Plan)
}

var crashes = []crashed{
	{name: "copy", verb: appliance.VerbCopy, steps: 1},
	{name: "move", verb: appliance.VerbMove, steps: 1},
	{name: "push", verb: appliance.VerbPush, steps: 1},
	{name: "five", verb: appliance.VerbMove, steps: 5, also: func(p *migration.Plan) { p.Careful, p.AtOnce = true, 2 }},
}

// How long nobody looks after a crash, by round: the jobs go on, are just over, are long over.
var asleep = []time.Duration{0, 4 * time.Second, 5 * time.Minute}

// strideOf is which of the points of a long migration the common tests take.
const strideOf = 12

// Killed before and after each write of its journal and wherever it sends anything for an act, and gone on with by the next run
// (which in the last round is killed as well): each transfer is made once, every backup lies where it should, and the report says
// so (faults.md JNL-01, JOB-04, JOB-09, I4, I5, I6).
func TestFault_JOB09_MigrationKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			points, stride, rounds := 0, strideOf*raced.Or(1, 2), 1
			if c.steps == 1 {
				stride /= 3
			}
			if *full {
				stride, rounds = 1, len(asleep)
			}
			runs := 0
			for at := 1; !t.Failed(); at += stride {
				died := false
				for round := range rounds {
					if !*full {
						round = at / stride % len(asleep)
					}
					synctest.Test(t, func(t *testing.T) { died = c.run(t, at, round) })
					runs++
				}
				if !died {
					break
				}
				points = at
			}
			if points < 20 {
				t.Errorf("there were only %d points", points)
			}
			t.Logf("%d crash points, %d runs", points, runs)
		})
	}
}

// run kills a migration at a point, and has the next run go on with it. It reports whether there was such a point.
func (c crashed) run(t *testing.T, at, round int) bool {
	f := &fleetOps{world: emptyWorld(t, uint64(at)<<8+uint64(round), sim.Config{
		Appliances: []sim.Spec{
			{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}, {Name: "dc2", Kind: sim.KindLXCA, RequestLog: true},
			{Name: "fresh", Kind: sim.KindLXCA, Fresh: true, RequestLog: true},
		},
		Speed: 2,
	})}
	f.migrates = true
	f.stock(c.steps + 1)
	f.main = f.start(false, true, "")
	f.pass(3 * time.Second)
	f.main.points.Store(0)
	f.main.dieAt.Store(int64(at))
	s := f.beginThis(c)
	f.until(s)
	f.main.dieAt.Store(0) // not at what comes after the migration
	died := f.main.dead.Load()
	if died {
		f.resumeKilled(s, at, round)
	}
	f.lull()
	time.Sleep(90 * time.Second) // as long as what the last engine took over is looked for
	f.look()
	all := f.finish()
	if s.begun || len(all) > 0 {
		f.whole(c, s, all)
	}
	for n := range s.plan.Items {
		if s.tries[n] > 3 { // of the first kill and of the second
			t.Errorf("step %d was retried %d times", n+1, s.tries[n]-1)
		}
	}
	f.report()
	if t.Failed() {
		t.Logf("killed at point %d in round %d", at, round)
	}
	return died
}

// beginThis begins the migration.
func (f *fleetOps) beginThis(c crashed) *session {
	plan := migration.NewPlan(c.verb, xclarity.DefaultShare)
	if c.verb == appliance.VerbPush {
		target := f.fleet.Appliance("fresh")
		plan.Destination, plan.Target = target.Address, target.Name
	}
	if c.also != nil {
		c.also(&plan)
	}
	for n := range c.steps {
		a := []string{"dc1", "dc2"}[n%2]
		for _, b := range f.main.engine.Snapshot(a).Backups {
			if string(b.ID) == f.unused[a][n/2] {
				plan.Items = append(plan.Items, migration.Item{Appliance: a, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
			}
		}
	}
	s := &session{id: "m1", plan: plan, tries: make([]int, c.steps)}
	for n := range s.tries {
		s.tries[n] = 1
	}
	f.sessions = append(f.sessions, s)
	f.main.nextID = s.id
	_, err := f.main.runner.Begin(context.Background(), otto, plan)
	s.begun = err == nil
	return s
}

// until waits until the migration rests, or its process is dead.
func (f *fleetOps) until(s *session) {
	for range int(longestStep / time.Second) {
		time.Sleep(time.Second)
		v, err := f.main.runner.View(s.id)
		if f.main.dead.Load() || err != nil || !v.Live {
			return
		}
	}
	f.t.Errorf("it does not come to rest")
}

// resumeKilled goes on with the migration of a killed process, as often as it takes.
func (f *fleetOps) resumeKilled(s *session, at, round int) {
	f.again(asleep[round])
	for tries := range 4 {
		if round == 2 && tries == 0 {
			f.main.dieAt.Store(f.main.points.Load() + int64(1+at%15))
		}
		f.until(s)
		if !f.main.dead.Load() {
			f.attendAll(s)
			f.until(s)
		}
		if f.main.dead.Load() {
			f.again(0)
		}
	}
	f.main.dieAt.Store(0)
}

// again starts the process again after a while.
func (f *fleetOps) again(after time.Duration) {
	p := f.main
	f.main = nil
	if err := p.bury(); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(after)
	f.main = f.start(false, true, "")
	time.Sleep(3 * time.Second)
}

// attendAll is an operator who resumes and retries.
func (f *fleetOps) attendAll(s *session) {
	v, err := f.main.runner.View(s.id)
	if err != nil || v.State.Ended() {
		return
	}
	for n := range v.Steps {
		if v.Steps[n].Phase.Wrong() {
			f.retry(f.main, s, n)
		}
	}
	_ = f.main.runner.Resume(otto, s.id)
}

// whole wants all of it done, by one job for each step.
func (f *fleetOps) whole(c crashed, s *session, all []migration.Record) {
	if len(all) != 1 || all[0].State != migration.StateDone || all[0].Tally() != fmt.Sprintf("%d done", c.steps) {
		f.t.Errorf("it ended as %d migrations, the first %v: %s", len(all), all[0].State, all[0].Tally())
	}
	if n := f.check.totals.transfers; n != c.steps {
		f.t.Errorf("%d jobs for %d steps", n, c.steps)
	}
}
