package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
)

// firstMigrations is the first seed of migrations.
const firstMigrations = uint64(2_000_001)

// What all seeds of migrations must come to, and what one does.
const (
	fullMigrations = 10_000
	ofSeed         = 25
	atOnce         = 12
)

// migrationTally is what all seeds came to.
type migrationTally struct {
	mu                                  sync.Mutex
	migrations, steps, jobs, crashes    int
	doubled, lost, absent, wrongReports int
	phases                              map[migration.Phase]int
	faults                              map[fault.Kind]int
	virtual                             time.Duration
}

// String tells it all.
func (y *migrationTally) String() string {
	var phases, kinds []string
	for _, p := range slices.Sorted(maps.Keys(y.phases)) {
		phases = append(phases, fmt.Sprintf("%d %s", y.phases[p], p))
	}
	sum := 0
	for _, k := range slices.Sorted(maps.Keys(y.faults)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, y.faults[k]))
		sum += y.faults[k]
	}
	return fmt.Sprintf("%d migrations of %d steps (%s), %d jobs, %d crashes, %d faults (%s), %s of virtual time: "+
		"%d duplicate transfers, %d lost migrations, %d backups absent because of us, %d reports wrong", y.migrations, y.steps,
		strings.Join(phases, ", "), y.jobs, y.crashes, sum, strings.Join(kinds, ", "), y.virtual.Round(time.Minute), y.doubled, y.lost, y.absent,
		y.wrongReports)
}

func (y *migrationTally) add(w *world, all []migration.Record) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.migrations += len(all)
	for i := range all {
		y.steps += len(all[i].Steps)
		for n := range all[i].Steps {
			y.phases[all[i].Steps[n].Phase]++
		}
	}
	for kind, n := range w.fleet.Faults().Counts() {
		y.faults[kind] += n
	}
	y.jobs += w.check.totals.transfers
	y.crashes += w.check.totals.crashes
	y.virtual += w.times.base().Sub(w.times.start)
	for _, v := range w.check.violations() {
		switch v.rule {
		case "I4":
			y.doubled++
		case "I5":
			y.absent++
		case "lost":
			y.lost++
		case "report":
			y.wrongReports++
		}
	}
}

// Thousands of random migrations under random faults, with engines that crash and others that go on with what they left: no
// transfer is sent twice, none is lost, no backup is absent from both places because of us, and what is told in the end is what
// happened (faults.md I4, I5, JOB-01, JOB-04, JOB-05, JOB-09).
func TestMigrations(t *testing.T) {
	t.Parallel()
	y := &migrationTally{phases: map[migration.Phase]int{}, faults: map[fault.Kind]int{}}
	want := fullMigrations / raced.Or(share, 10*share)
	switch {
	case *migrations > 0:
		want = *migrations
	case *full:
		want = fullMigrations
	}
	if *oneSeed > 0 {
		want = 0
	}
	if *oneSeed >= firstMigrations {
		t.Run(fmt.Sprintf("seed=%d", *oneSeed), func(t *testing.T) { migrate(t, *oneSeed, y) })
	}
	seeds(t, firstMigrations, func() bool { return y.migrations >= want }, func(t *testing.T, seed uint64) { migrate(t, seed, y) })
	t.Log(y)
}

// migrate is one run.
func migrate(t *testing.T, seed uint64, y *migrationTally) {
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld(t, seed, sim.Config{
			Appliances: []sim.Spec{
				{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}, {Name: "dc2", Kind: sim.KindLXCA, RequestLog: true},
				{Name: "dc3", Kind: sim.KindLXCA, RequestLog: true}, {Name: "fresh", Kind: sim.KindLXCA, Fresh: true, RequestLog: true},
			},
			Speed: 2,
		})
		w.migrates = true
		f := &fleetOps{world: w, locks: seed%4 == 0}
		f.stock(3 * ofSeed / 2)
		w.main = w.start(false, true, "")
		w.pass(5 * time.Second)
		w.storm(0.05)
		for len(w.check.violations()) == 0 && len(f.sessions) < ofSeed {
			f.step()
		}
		f.settle()
		all := f.finish()
		w.report()
		y.add(w, all)
	})
}

// fleetOps is a world in which migrations run.
type fleetOps struct {
	*world
	unused   map[string][]string // uuids of backups that no migration has yet, by appliance
	remote   map[string][]string // the same of those that lie on a share only
	sessions []*session
	locks    bool // migrations keep locks
}

// of is the process that runs a migration, and how it stands there.
func (f *fleetOps) of(s *session) (*process, migration.View) {
	for _, p := range f.running() {
		if p.runner == nil {
			continue
		}
		if v, err := p.runner.View(s.id); err == nil {
			return p, v
		}
	}
	return nil, migration.View{}
}

// unrested counts the migrations that engines have which have not ended.
func (f *fleetOps) unrested() (count int) {
	for _, s := range f.sessions {
		if p, v := f.of(s); p != nil && !v.State.Ended() {
			count++
		}
	}
	return count
}

// step is what one moment brings.
func (f *fleetOps) step() {
	f.revive()
	if len(f.sessions) < ofSeed && f.unrested() < atOnce {
		f.begin()
	}
	for _, s := range f.sessions {
		if f.rng.IntN(8) == 0 {
			f.order(s)
		}
	}
	if f.rng.IntN(6) == 0 {
		f.mishap()
	}
	if f.rng.IntN(12) == 0 {
		f.succession()
	}
	time.Sleep(time.Duration(500+f.rng.IntN(3000)) * time.Millisecond)
	f.look()
}

// settle lets everything be found out, in a run that has taken over all that is left, and has an operator end what can be ended.
func (f *fleetOps) settle() {
	if len(f.check.violations()) > 0 {
		f.acts.Wait()
		return
	}
	for _, a := range f.fleet.Appliances() {
		f.mend(a)
	}
	f.lull()
	for _, at := range []**process{&f.main, &f.second} {
		if *at != nil {
			f.quit(at)
		}
	}
	f.main = f.start(false, true, "")
	f.pass(10 * time.Second)
	for range rounds {
		for _, s := range f.sessions {
			f.attend(s)
		}
		f.rest()
		if f.unrested() == 0 {
			break
		}
	}
	if f.locks {
		time.Sleep(lateLocks)
	}
	f.look()
}

// lateLocks is how long a lock that was asked for is looked for at most when nothing goes wrong any more.
const lateLocks = 2 * time.Minute

// lull ends every fault, and waits until each has had its effect.
func (f *fleetOps) lull() {
	f.fleet.Faults().Stop()
	for _, p := range f.running() {
		p.full.Store(false)
		p.fuse.Store(0)
	}
	f.revive()
	for f.fleet.Faults().Pending() > 0 {
		time.Sleep(time.Second)
	}
	f.acts.Wait()
}

// rounds is how often an operator comes by at most: those that push to one target wait for each other.
const rounds = 4 * ofSeed

// rest waits until nothing more happens in any migration by itself: when one comes to rest, another may go on.
func (f *fleetOps) rest() {
	ctx, cancel := context.WithTimeout(f.t.Context(), longestStep*3*ofSeed)
	defer cancel()
	for again := true; again; {
		again = false
		for _, s := range f.sessions {
			p, v := f.of(s)
			if p == nil {
				continue
			}
			again = again || v.Live
			if _, err := p.runner.Wait(ctx, s.id); err != nil {
				f.check.stuck(s.id, v.Tally(), err)
				return
			}
		}
	}
	f.pass(time.Second)
}

// attend is an operator who has a migration go on, and decides about what went wrong.
func (f *fleetOps) attend(s *session) {
	p, v := f.of(s)
	if p == nil || v.State.Ended() {
		return
	}
	for n := range v.Steps {
		switch phase := v.Steps[n].Phase; {
		case phase == migration.PhasePassphrase && strings.Contains(v.Waits[n], "skip one of them"):
			_ = p.runner.Skip(otto, s.id, n)
			return
		case phase == migration.PhasePassphrase:
			f.give(p, s, n, true)
		case phase.Wrong() && f.rng.IntN(2) == 0:
			f.retry(p, s, n)
		case phase.Wrong():
			_ = p.runner.Skip(otto, s.id, n)
		}
	}
	_ = p.runner.Resume(otto, s.id)
}

// finish ends the engines and holds everything against each other.
func (f *fleetOps) finish() []migration.Record {
	if len(f.check.violations()) == 0 {
		f.check.atRest()
	}
	for _, p := range f.running() {
		if err := p.quit(); err != nil {
			f.t.Errorf("seed %d: quit: %v", f.seed, err)
		}
	}
	for _, p := range []*process{f.main, f.second} {
		if p != nil && p.remains != nil { // it was killed
			_ = p.bury()
		}
	}
	f.main, f.second = nil, nil
	all := f.records()
	if len(f.check.violations()) > 0 {
		return all
	}
	f.check.kept(f.sessions, all)
	for i := range all {
		for _, s := range f.sessions {
			if s.id == all[i].ID {
				f.check.report(s, &all[i])
			}
		}
	}
	f.audit()
	return all
}

// records are the migrations that the journal has.
func (f *fleetOps) records() []migration.Record {
	f.t.Helper()
	j, err := journal.Open(context.Background(), f.path(), journal.Options{Engine: fmt.Sprintf("s%dreader", f.seed)})
	if err != nil {
		f.t.Fatal(err)
	}
	all, err := j.Migrations(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, n := range j.Notices() {
		f.t.Errorf("seed %d: the journal says: %s", f.seed, n)
	}
	if err := j.Close(); err != nil {
		f.t.Error(err)
	}
	return all
}
