package chaos

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
)

var (
	oneSeed    = flag.Uint64("chaos.seed", 0, "run this seed only")
	faults     = flag.Int("chaos.faults", 0, "run until so many faults have happened")
	hours      = flag.Int("chaos.hours", 0, "watch locks for so many virtual lock-hours")
	migrations = flag.Int("chaos.migrations", 0, "run so many migrations")
	full       = flag.Bool("chaos.full", false, "20,000 faults over 40,000 operations, 1,000 lock-hours, and 10,000 migrations")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What one seed does, and what all of them must come to.
const (
	opsOfSeed  = 1000
	fullFaults = 20_000
	fullOps    = 40_000
	fullHours  = 1_000
	share      = 20 // of it is in the common tests
)

// tally is what all seeds came to.
type tally struct {
	mu     sync.Mutex
	totals totals
	ops    int
	faults map[fault.Kind]int
}

func (y *tally) add(w *world) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.ops += w.ops
	for kind, n := range w.fleet.Faults().Counts() {
		y.faults[kind] += n
	}
	t, c := &y.totals, w.check.totals
	t.grants += c.grants
	t.releases += c.releases
	t.transfers += c.transfers
	t.intents += c.intents
	t.crashes += c.crashes
	t.shown += c.shown
	t.lost += c.lost
	t.foreign += c.foreign
	t.doubled += c.doubled
	t.strays += c.strays
}

func (y *tally) sum() (n int) {
	for _, c := range y.faults {
		n += c
	}
	return n
}

// String tells it all.
func (y *tally) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(y.faults)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, y.faults[kind]))
	}
	t := y.totals
	return fmt.Sprintf("%d operations, %d faults (%s), %d intents, %d locks granted, %d given back, %d transfers, %d crashes, %d screens checked: "+
		"%d locks lost, %d foreign releases, %d duplicate or lost transfers (and %d configuration locks that came too late to be known, see "+
		"hold.late)", y.ops, y.sum(), strings.Join(kinds, ", "), t.intents, t.grants,
		t.releases, t.transfers, t.crashes, t.shown, t.lost, t.foreign, t.doubled, t.strays)
}

// Thousands of random operations under random faults: nothing that we were granted is lost track of, nothing of others is
// touched, nothing is done twice (faults.md I1 to I8).
func TestChaos(t *testing.T) {
	t.Parallel()
	y := &tally{faults: map[fault.Kind]int{}}
	wantFaults, wantOps := fullFaults/share, fullOps/share
	switch {
	case *faults > 0:
		wantFaults, wantOps = *faults, 0
	case *full:
		wantFaults, wantOps = fullFaults, fullOps
	}
	if *oneSeed > 0 {
		t.Run(fmt.Sprintf("seed=%d", *oneSeed), func(t *testing.T) { chaos(t, *oneSeed, y) })
		t.Log(y)
		return
	}
	seeds(t, 1, func() bool { return y.ops >= wantOps && y.sum() >= wantFaults }, func(t *testing.T, seed uint64) { chaos(t, seed, y) })
	t.Log(y)
}

// seeds runs one seed after the other from the first on, some beside each other, until that is enough or one fails.
func seeds(t *testing.T, first uint64, enough func() bool, run func(t *testing.T, seed uint64)) {
	batch := uint64(2)
	if *full || *faults > 0 || *migrations > 0 {
		batch = 8 // more than run beside each other: none waits for the slower ones
	}
	for ; !enough() && !t.Failed(); first += batch {
		t.Run(fmt.Sprintf("seeds=%d-%d", first, first+batch-1), func(t *testing.T) {
			for seed := first; seed < first+batch; seed++ {
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					t.Parallel()
					run(t, seed)
				})
			}
		})
	}
}

// chaos is one run.
func chaos(t *testing.T, seed uint64, y *tally) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, sim.Config{
			Appliances: []sim.Spec{
				{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}, {Name: "dc2", Kind: sim.KindLXCA, RequestLog: true},
				{Name: "ecb-1", Kind: sim.KindECB, RequestLog: true}, {Name: "fresh", Kind: sim.KindLXCA, Fresh: true, RequestLog: true},
			},
			Backups: 6,
		})
		w.pass(5 * time.Second)
		w.storm(0.09)
		for w.ops < opsOfSeed && len(w.check.violations()) == 0 {
			w.step()
		}
		w.calm()
		w.finish()
		w.report()
		y.add(w)
	})
}

// step is one operation, a look at every screen, and the time until the next.
func (w *world) step() {
	w.revive()
	w.operate()
	if w.rng.IntN(8) == 0 {
		w.misfortune()
	}
	w.pass(time.Duration(w.rng.IntN(1600)) * time.Millisecond)
	w.keepSecrets()
}
