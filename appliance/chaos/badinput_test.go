package chaos

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// trial is a migration of one backup of dc1 that cannot go well.
type trial struct {
	name     string
	switches []string
	verb     appliance.Verb
	internal bool // a copy from the share to internal
	process  bool
	// before is what is so before the preflight, meanwhile what comes after it.
	before, meanwhile func(*fleetOps, xclarity.Backup)
	stops             string // the preflight's word, and nothing is sent; empty = it lets the plan pass
	warns             string
	phase             migration.Phase
	says, where       string
	places            string
	sent              int // transfers that the appliance was asked for
}

func noRoom(f *fleetOps, _ xclarity.Backup) {
	for _, place := range []string{xclarity.Internal, xclarity.DefaultShare} {
		f.fleet.Appliance("dc1").LXCA.SetCapacity(place, 1)
	}
}

func unmounted(f *fleetOps, _ xclarity.Backup) {
	f.fleet.Appliance("dc1").LXCA.SetMounted(xclarity.DefaultShare, false)
}

func targetAway(f *fleetOps, _ xclarity.Backup) { f.fleet.Appliance("fresh").LXCA.SetAway(true) }

func vanished(f *fleetOps, b xclarity.Backup) {
	f.fleet.Appliance("dc1").LXCA.RemoveBackup(b.UUID, "all")
}

func changed(f *fleetOps, b xclarity.Backup) {
	vanished(f, b)
	b.Checksum = "another"
	f.fleet.Appliance("dc1").LXCA.AddBackup(b)
}

const (
	noSpaceThere = "There is not enough space in " + xclarity.DefaultShare
	notMounted   = "The remote share " + xclarity.DefaultShare + " is not mounted"
)

var trials = []trial{
	{name: "no room in internal", verb: appliance.VerbCopy, internal: true, before: noRoom, stops: "not enough space", places: xclarity.DefaultShare},
	{name: "no room on the share", verb: appliance.VerbMove, before: noRoom, phase: migration.PhaseFailed, says: noSpaceThere, where: "where it was", sent: 1},
	{name: "no room on the share, at once", switches: []string{"no-space=400"}, verb: appliance.VerbMove, before: noRoom,
		phase: migration.PhaseFailed, says: noSpaceThere + ". Delete or move backups.", where: "not touched", sent: 1},
	{name: "share unmounted", verb: appliance.VerbCopy, before: unmounted, phase: migration.PhaseFailed, says: notMounted, where: "where it was", sent: 1},
	{name: "share unmounted, at once", switches: []string{"share-unmounted=400"}, verb: appliance.VerbCopy, before: unmounted,
		phase: migration.PhaseFailed, says: notMounted + ". Mount the remote share.", where: "not touched", sent: 1},
	{name: "wrong passphrase", verb: appliance.VerbPush, process: true, phase: migration.PhasePassphrase, says: "The passphrase is not correct",
		where: "at the destination, as the listing says", sent: 1},
	{name: "wrong passphrase, at once", switches: []string{"wrong-passphrase=400"}, verb: appliance.VerbPush, process: true,
		phase: migration.PhasePassphrase, says: "The passphrase is not correct. Provide the passphrase of the backup.", where: "at the destination, as the listing says", sent: 1},
	{name: "target not fresh", verb: appliance.VerbPush, warns: "a push to a newly set up appliance only",
		before: func(f *fleetOps, _ xclarity.Backup) {
			f.fleet.Appliance("fresh").LXCA.AddBackup(xclarity.Backup{Label: "its own"})
		}, phase: migration.PhaseDone, where: "at the destination, as the listing says", sent: 1},
	{name: "target unreachable", verb: appliance.VerbPush, before: targetAway, stops: "the target fresh does not answer now"},
	{name: "target goes away", verb: appliance.VerbPush, meanwhile: targetAway, phase: migration.PhaseFailed, says: "The target does not answer",
		where: "where it was", sent: 1},
	{name: "backup vanished", verb: appliance.VerbMove, before: vanished, stops: "the backup is not there any more", places: "nowhere"},
	{name: "backup vanishes", verb: appliance.VerbMove, meanwhile: vanished, phase: migration.PhaseFailed, says: "the backup is not there any more",
		where: "not touched", places: "nowhere"},
	{name: "backup changed", verb: appliance.VerbMove, before: changed, stops: "the backup has changed since you looked at it"},
	{name: "backup changes", verb: appliance.VerbMove, meanwhile: changed, phase: migration.PhaseFailed,
		says: "the backup has changed since you looked at it", where: "not touched"},
	{name: "somebody else's push", verb: appliance.VerbPush, before: theirPush, phase: migration.PhaseFailed,
		says: "Another push is in progress. Job 1. Wait until it ends, or cancel it.", where: "not touched", sent: 1},
	{name: "destination nobody has", verb: appliance.VerbCopy, meanwhile: func(f *fleetOps, _ xclarity.Backup) {
		f.sessions[0].plan.Destination = "/mnt/nowhere"
	}, phase: migration.PhaseFailed, says: "The destination is not a known location. /mnt/nowhere List the backups and try again.", where: "not touched", sent: 1},
}

// theirPush is one of somebody else that takes its time.
func theirPush(f *fleetOps, _ xclarity.Backup) {
	a := f.fleet.Appliance("dc1").LXCA
	id := a.AddBackup(xclarity.Backup{Label: rivalLabel})
	if _, err := a.StartTransfer(xclarity.Transfer{Operation: "push", UUID: id, Destination: f.fleet.Appliance("fresh").Address, User: "rival"}); err != nil {
		f.t.Fatal(err)
	}
}

// What cannot go well is refused before anything is sent where that can be known; else it is told in the appliance's own words, with
// what to do about it and where the backup is now (faults.md JOB-05, JOB-06, JOB-10).
func TestFault_JOB05_BadInput(t *testing.T) {
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t) })
		})
	}
}

func (c trial) run(t *testing.T) {
	f := &fleetOps{world: emptyWorld(t, 1, sim.Config{
		Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}, {Name: "fresh", Kind: sim.KindLXCA, Fresh: true}},
		Switches:   c.switches,
	})}
	f.migrates = true
	lxca, place := f.fleet.Appliance("dc1").LXCA, xclarity.Internal
	if c.internal {
		place = xclarity.DefaultShare
	}
	id := lxca.AddBackup(xclarity.Backup{Label: "nightly", Size: gigabyte, Locations: []string{place}})
	f.main = f.start(false, true, "")
	f.pass(3 * time.Second)
	s := f.planned(c, id)
	b := find(lxca, id)
	if c.before != nil {
		c.before(f, *b)
		f.main.engine.Look("")
		f.pass(2 * time.Second)
	}
	found := migration.Preflight(f.main.engine, otto, &s.plan)
	told := func(stops bool, text string) bool {
		return slices.ContainsFunc(found, func(x migration.Finding) bool { return x.Stops == stops && strings.Contains(x.Text, text) })
	}
	if migration.Stops(found) != (c.stops != "") || c.stops != "" && !told(true, c.stops) || c.warns != "" && !told(false, c.warns) {
		t.Errorf("the preflight found %+v %+v", found, f.main.engine.Snapshot("dc1").Jobs)
	}
	if c.stops == "" {
		if c.meanwhile != nil {
			c.meanwhile(f, *b)
		}
		c.runs(t, f, s)
	}
	want := c.places
	if want == "" {
		want = place
	}
	got := "nowhere"
	if now := find(lxca, id); now != nil {
		got = strings.Join(now.Locations, " ")
	}
	if sent := f.fleet.Appliance("dc1").Requests()["PUT /managementServer/data"]; sent != c.sent || got != want {
		t.Errorf("%d transfers were asked for, want %d; it lies %q, want %q", sent, c.sent, got, want)
	}
	f.fleet.Appliance("fresh").LXCA.SetAway(false)
	if err := f.main.quit(); err != nil {
		t.Error(err)
	}
	f.report()
}

// runs has the migration run, and looks at what is told of it.
func (c trial) runs(t *testing.T, f *fleetOps, s *session) {
	s.id, s.tries, f.main.nextID = "m1", []int{1}, "m1"
	if _, err := f.main.runner.Begin(t.Context(), otto, s.plan); err != nil {
		t.Error(err)
		return
	}
	f.until(s)
	if c.process {
		f.give(f.main, s, 0, false)
		f.until(s)
	}
	v, err := f.main.runner.View(s.id)
	if err != nil {
		t.Error(err)
		return
	}
	r := v.Report().Steps[0]
	if r.State != string(c.phase) || !strings.Contains(r.Note, c.says) || r.Where != c.where {
		t.Errorf("it is %s (%s), %q", r.State, r.Where, r.Note)
	}
}

// planned is the plan of a trial.
func (f *fleetOps) planned(c trial, id string) *session {
	plan := migration.NewPlan(c.verb, xclarity.DefaultShare)
	switch {
	case c.verb == appliance.VerbPush:
		plan.Destination, plan.Target, plan.Process = f.fleet.Appliance("fresh").Address, "fresh", c.process
	case c.internal:
		plan.Destination = xclarity.Internal
	}
	for _, b := range f.main.engine.Snapshot("dc1").Backups {
		if string(b.ID) == id {
			plan.Items = append(plan.Items, migration.Item{Appliance: "dc1", Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
		}
	}
	s := &session{plan: plan}
	f.sessions = append(f.sessions, s)
	return s
}

// find is a backup of an appliance; nil when it has none of that id.
func find(a *xclarity.Appliance, id string) *xclarity.Backup {
	for _, b := range a.Backups() {
		if b.UUID == id {
			return &b
		}
	}
	return nil
}
