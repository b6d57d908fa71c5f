package chaos

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// worked is how long this process has had a processor.
func worked(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What it costs to look after a migration of 200 backups over 10 appliances, a minute each, with what the simulated appliances
// cost in the same process: told, for the budget is 2 % of a core, and held against nothing, as others may run beside it. With
// -chaos.full it is looked after for ten minutes, else for one; alone it is with -run MigrationCosts.
func TestMigrationCosts(t *testing.T) {
	long := time.Minute
	if *full {
		long = 10 * time.Minute
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := sim.Config{Speed: 0.1, Backups: 20}
		for n := range 10 {
			cfg.Appliances = append(cfg.Appliances, sim.Spec{Name: fmt.Sprintf("dc%d", n), Kind: sim.KindLXCA})
		}
		f := &fleetOps{world: emptyWorld(t, 1, cfg)}
		f.migrates = true
		f.main = f.start(false, true, "")
		f.pass(5 * time.Second)
		plan := migration.NewPlan(appliance.VerbMove, xclarity.DefaultShare)
		for _, s := range f.main.engine.Snapshots() {
			for _, b := range s.Backups {
				plan.Items = append(plan.Items, migration.Item{Appliance: s.Name, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
			}
		}
		f.main.nextID = "m1"
		began, before := time.Now(), worked(t)
		if _, err := f.main.runner.Begin(context.Background(), otto, plan); err != nil {
			t.Error(err)
		}
		for range int(long / time.Second) { // as a screen does
			time.Sleep(time.Second)
			if _, err := f.main.runner.View("m1"); err != nil {
				t.Error(err)
			}
		}
		took, cost := time.Since(began), worked(t)-before
		v, _ := f.main.runner.View("m1")
		share := 100 * cost.Seconds() / took.Seconds()
		t.Logf("%d steps (%s) in %s: %s of a processor, %.2f %%", len(v.Steps), v.Tally(), took, cost.Round(time.Millisecond), share)
		if y := v.Tally(); len(v.Steps) != 200 || !v.Live {
			t.Errorf("%d steps, %s; it runs: %v", len(v.Steps), y, v.Live)
		}
		if err := f.main.quit(); err != nil {
			t.Error(err)
		}
	})
}
