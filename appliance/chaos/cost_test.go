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

// mostOfCore is how much of a core it may cost to look after a migration, in percent.
const mostOfCore = 2

// worked is how long this process has had a processor.
func worked(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A migration of 200 backups over 10 appliances, a minute each, costs at most 2 % of a core to look after; what the simulated
// appliances cost, in the same process, is among it. It is measured with -chaos.full only, as it wants the process for itself.
func TestMigrationCosts(t *testing.T) {
	if !*full {
		t.Skip("measured with -chaos.full")
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
		for range 600 { // as a screen does
			time.Sleep(time.Second)
			if _, err := f.main.runner.View("m1"); err != nil {
				t.Error(err)
			}
		}
		took, cost := time.Since(began), worked(t)-before
		v, _ := f.main.runner.View("m1")
		share := 100 * cost.Seconds() / took.Seconds()
		t.Logf("%d steps (%s) in %s: %s of a processor, %.2f %%", len(v.Steps), v.Tally(), took, cost.Round(time.Millisecond), share)
		if share > mostOfCore || len(v.Steps) != 200 {
			t.Errorf("%.2f %% of a core for %d steps", share, len(v.Steps))
		}
		if err := f.main.quit(); err != nil {
			t.Error(err)
		}
	})
}
