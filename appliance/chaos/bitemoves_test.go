package chaos

import (
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/sim/kit"
)

// moved is a migration of one backup that was carried out as it should be, and what is told of it.
func moved(s *stand) (*session, *migration.Record) {
	act := copyU
	act.Verb, act.Transfer.Verb = appliance.VerbMove, appliance.VerbMove
	s.does("", "backup.added", kit.Effect{UUID: uuid, Locations: []string{"internal"}})
	s.settled(s.intends("a", act), "", "")
	s.does("a", "job.started", kit.Effect{ID: "1", Kind: "move", UUID: uuid, From: "internal", To: "/mnt/nas"})
	s.does("a", "backup.moved", kit.Effect{UUID: uuid, Locations: []string{"/mnt/nas"}})
	p := migration.NewPlan(appliance.VerbMove, "/mnt/nas")
	p.Items = []migration.Item{{Appliance: "dc1", Backup: uuid}}
	r := &migration.Record{ID: "m1", Plan: p, State: migration.StateDone, Steps: []migration.Step{{
		Item: p.Items[0], Phase: migration.PhaseDone, Stage: migration.StageTransfer, Try: 1, Fate: fleet.FateThere,
	}}}
	return &session{id: "m1", plan: p, tries: []int{1}, begun: true}, r
}

// The checker finds what is wrong with what is told of migrations, and lets the truth pass.
func TestMigrationCheckerBites(t *testing.T) {
	for _, c := range []struct {
		rule, says string
		happens    func(*stand, *session, *migration.Record)
	}{
		{"", "", func(*stand, *session, *migration.Record) {}},
		{"report", "it is not where it was", func(_ *stand, _ *session, r *migration.Record) {
			r.Steps[0].Phase, r.Steps[0].Fate = migration.PhaseFailed, fleet.FateNot
		}},
		{"report", "not in both", func(_ *stand, _ *session, r *migration.Record) { r.Steps[0].Fate = fleet.FateBoth }},
		{"report", "nobody touched it", func(_ *stand, _ *session, r *migration.Record) { r.Steps[0].Fate = fleet.FateNeither }},
		{"report", "that is not done", func(_ *stand, _ *session, r *migration.Record) { r.Steps[0].Fate = fleet.FateUnknown }},
		{"report", "should have been found out", func(_ *stand, _ *session, r *migration.Record) {
			r.State, r.Steps[0].Phase = migration.StatePaused, migration.PhaseRunning
		}},
		{"report", "is done, and stands at 1 failed", func(_ *stand, _ *session, r *migration.Record) { r.Steps[0].Phase = migration.PhaseFailed }},
		{"report", "it is not there", func(s *stand, _ *session, _ *migration.Record) { s.places[key{"dc1", uuid}] = []string{"internal"} }},
		{"report", "it is nowhere", func(s *stand, _ *session, _ *migration.Record) { s.places[key{"dc1", uuid}] = nil }},
		{"I4", "became 2 jobs, and was asked for 1 times", func(s *stand, _ *session, _ *migration.Record) {
			s.settled(s.intends("a", copyU), "", "")
			s.starts("a", "2")
		}},
		{"I4", "became 1 jobs, and is queued", func(_ *stand, _ *session, r *migration.Record) {
			r.State, r.Steps[0].Phase, r.Steps[0].Fate = migration.StatePaused, migration.PhaseQueued, ""
		}},
		{"lost", "in no journal", func(s *stand, x *session, _ *migration.Record) { s.kept([]*session{x}, nil) }},
		{"lost", "nobody asked for it", func(s *stand, _ *session, r *migration.Record) { s.kept(nil, []migration.Record{*r}) }},
		{"lost", "does not come to rest", func(s *stand, _ *session, _ *migration.Record) { s.stuck("m1", "1 running", nil) }},
		{"I5", "the last copy", func(s *stand, _ *session, _ *migration.Record) {
			gone := copyU
			gone.Verb, gone.Transfer.Verb = appliance.VerbDelete, appliance.VerbDelete
			s.intends("a", gone)
			s.does("a", "backup.deleted", kit.Effect{UUID: uuid, From: "/mnt/nas"})
			s.meddled[key{"dc1", uuid}] = s.now.Add(-2 * slack)
		}},
	} {
		s := newStand()
		x, r := moved(s)
		c.happens(s, x, r)
		s.report(x, r)
		found := c.rule == "" && len(s.violations()) == 0
		for _, v := range s.violations() {
			found = found || v.rule == c.rule && strings.Contains(v.what, c.says)
		}
		if !found {
			t.Errorf("no violation of %q (%s) was found, but %v", c.rule, c.says, s.violations())
		}
	}
}
