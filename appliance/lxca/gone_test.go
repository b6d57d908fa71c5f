package lxca

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// A backup that vanished since the operator looked at it is refused whatever is asked of it, and nothing happens.
func TestFault_JOB10_BackupVanished(t *testing.T) {
	for setting, status := range map[string]int{"transfer-refused=400": 400, "transfer-refused=404": 404} {
		w := newWorld(t, setting, "restore=none")
		c := client(t, w.one, "admin", adminPassword)
		list, err := c.Backups(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := list.Backups[0]
		if !w.one.LXCA.RemoveBackup(string(seen.ID), "all") {
			t.Fatal("it could not be removed")
		}
		before := len(w.truth())
		for what, do := range map[string]func() (appliance.Receipt, error){
			"prepare": func() (appliance.Receipt, error) { return c.Prepare(t.Context(), seen.ID, somePassphrase) },
			"restore": func() (appliance.Receipt, error) {
				return c.Restore(t.Context(), appliance.Restoring{Backup: seen.ID}, nil)
			},
			"delete": func() (appliance.Receipt, error) { return c.DeleteBackup(t.Context(), seen.ID, appliance.Internal) },
			"delete everywhere": func() (appliance.Receipt, error) {
				return c.DeleteBackup(t.Context(), seen.ID, appliance.Everywhere)
			},
			"copy": func() (appliance.Receipt, error) {
				return c.Transfer(t.Context(), appliance.Transfer{Verb: appliance.VerbCopy, Backup: seen.ID, Destination: xclarity.DefaultShare})
			},
		} {
			_, err := do()
			refusal, refused := refusalOf(err)
			if !refused || refusal.Status != status || errors.Is(err, appliance.ErrAmbiguous) ||
				errors.Is(err, appliance.ErrGone) != (status == 404) || refusal.Advice().Empty() {
				t.Errorf("%s, %s: %v", setting, what, err)
			}
		}
		if after := w.truth(); len(after) != before {
			t.Errorf("%s: it had an effect: %+v", setting, after[before:])
		}
	}
}

// A push to what is not newly set up is refused, or its job fails, in the appliance's words; nothing is missing here or there.
func TestPushToWhatIsNotFresh(t *testing.T) {
	for _, setting := range []string{"push-target=job", "push-target=400"} {
		clock := &ticker{now: time.Now().Round(time.Second)}
		fleet, err := sim.Start(t.Context(), sim.Config{
			Appliances: []sim.Spec{{Name: "one", Kind: sim.KindLXCA}, {Name: "old", Kind: sim.KindLXCA}},
			Backups:    1, Clock: clock.Now, Switches: []string{setting},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fleet.Close)
		one, old := fleet.Appliance("one"), fleet.Appliance("old")
		c := client(t, one, "admin", adminPassword)
		r, err := c.Transfer(t.Context(), appliance.Transfer{
			Verb: appliance.VerbPush, Backup: appliance.BackupID(one.LXCA.Backups()[0].UUID), Destination: old.Address,
		})
		words := fmt.Sprint(err)
		if err == nil {
			clock.Advance(time.Minute)
			j, _, failed := c.Job(t.Context(), r.Job)
			if failed != nil || j.Phase != appliance.PhaseProblem {
				t.Errorf("%s: %+v, %v", setting, j, failed)
			}
			words = fmt.Sprint(j.Messages)
		}
		if refused := err != nil; refused != (setting == "push-target=400") || !strings.Contains(words, "not newly set up") {
			t.Errorf("%s: %q, %v", setting, words, err)
		}
		if len(one.LXCA.Backups()) != 1 || len(old.LXCA.Backups()) != 1 {
			t.Errorf("%s: packages are missing or more", setting)
		}
	}
}
