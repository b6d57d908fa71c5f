package migration

import (
	"context"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// cancelLimit is for asking the appliance to end what is under way.
const cancelLimit = time.Minute

// where is the appliance that a step's stage is about.
func (m *run) where(s *Step) string {
	if s.Stage == StageProcess {
		return m.rec.Plan.Target
	}
	return s.Item.Appliance
}

// unsent is the phase of a step whose present stage is not sent yet: processing takes a passphrase, which is not kept.
func (s *Step) unsent() Phase {
	if s.Stage == StageProcess {
		return PhasePassphrase
	}
	return PhaseQueued
}

// act is what a step's stage asks of the appliance. The caller holds r.mu.
func (m *run) act(n int) appliance.Act {
	s, p := &m.rec.Steps[n], &m.rec.Plan
	act := appliance.Act{
		Verb: p.Verb, Ref: m.ref(n),
		Transfer: appliance.Transfer{
			Verb: p.Verb, Backup: s.Item.Backup, Label: s.Item.Label, Checksum: s.Item.Checksum, Destination: p.Destination,
		},
	}
	switch {
	case s.Stage == StageTransfer && p.Careful:
		act.Verb, act.Transfer.Verb = appliance.VerbCopy, appliance.VerbCopy
	case s.Stage == StageDelete:
		act.Verb, act.Transfer.Verb, act.Transfer.Destination = appliance.VerbDelete, appliance.VerbDelete, string(appliance.Internal)
		act.Transfer.Stays = appliance.Location(p.Destination) // the copy
	case s.Stage == StageProcess:
		act.Verb, act.Transfer.Verb, act.Transfer.Destination = appliance.VerbProcess, appliance.VerbProcess, ""
	}
	return act
}

// conclude does what follows from how a stage ended, and reports whether there is more to do at once. The caller holds r.mu.
func (m *run) conclude(n int, e fleet.Ending) bool {
	switch m.rec.Steps[n].Stage {
	case StageDelete:
		return m.deleted(n, e)
	case StageProcess:
		return m.processed(n, e)
	}
	s, p, fate := &m.rec.Steps[n], &m.rec.Plan, e.Fate
	_ = m.keep(n, func(s *Step) {
		s.Fate, s.Took = fate, max(0, m.now().Sub(s.Sent))
		if e.Job != "" {
			s.Job = e.Job
		}
	})
	arrived := fate == fleet.FateThere || fate == fleet.FateTold
	switch {
	case arrived && e.Failed: // the listing alone is half of it (faults.md JOB-08)
		m.move(n, PhaseUnknown, e.Text)
	case fate == fleet.FateThere && p.Careful && (!e.Success || !e.Same):
		m.move(n, PhaseUnknown, e.Text+"; the original is kept, as its job did not say success, or nothing tells that it is the same")
	case fate == fleet.FateTold && p.Careful:
		m.move(n, PhaseUnknown, e.Text+"; the original is kept")
	case fate == fleet.FateThere && p.Careful:
		return m.thenDelete(n)
	case arrived && p.Process && m.rec.State == StateCancelling:
		m.move(n, PhaseCancelled, notProcessed)
		return false
	case arrived && p.Process:
		_ = m.keep(n, func(s *Step) { s.Phase, s.Stage, s.Note = PhasePassphrase, StageProcess, e.Text })
		m.fleet.Say(fleet.Warn, fmt.Sprintf("migration %s: %s arrived at %s and needs its passphrase", m.rec.ID, s.Item.Label, p.Target))
		return false
	case arrived:
		m.move(n, PhaseDone, e.Text)
		return false
	case e.Cancelled && fate == fleet.FateNot:
		m.move(n, PhaseCancelled, e.Text)
		return false
	case fate == fleet.FateUnknown:
		m.move(n, PhaseUnknown, e.Text)
	default:
		m.move(n, PhaseFailed, e.Text)
	}
	m.wrong(n)
	return false
}

// deleted does what follows from how the removal of an original ended: the copy must be there for the move to be done (faults.md I5).
func (m *run) deleted(n int, e fleet.Ending) bool {
	end := func(p Phase, f fleet.Fate) { _ = m.keep(n, func(s *Step) { s.Phase, s.Fate, s.Note = p, f, e.Text }) }
	switch e.Fate {
	case fleet.FateThere:
		end(PhaseDone, fleet.FateThere)
		return false
	case fleet.FateNot:
		end(PhaseFailed, fleet.FateBoth)
	case fleet.FateNeither:
		end(PhaseFailed, fleet.FateNeither)
	default:
		end(PhaseUnknown, fleet.FateUnknown)
	}
	m.wrong(n)
	return false
}

// processed does what follows from how the processing of what arrived ended: a wrong passphrase is the likeliest trouble, and can be
// given again.
func (m *run) processed(n int, e fleet.Ending) bool {
	switch {
	case e.Fate == fleet.FateThere || e.Fate == fleet.FateTold:
		m.move(n, PhaseDone, e.Text)
		return false
	case e.Fate == fleet.FateNot && m.rec.State == StateCancelling:
		m.move(n, PhaseCancelled, notProcessed)
		return false
	case e.Fate == fleet.FateNot:
		m.move(n, PhasePassphrase, e.Text)
		return false
	}
	m.move(n, PhaseUnknown, e.Text)
	m.wrong(n)
	return false
}

// thenDelete goes on to the removal of the original, whose copy is verified. After a cancel the original stays.
func (m *run) thenDelete(n int) bool {
	if m.rec.State == StateCancelling {
		_ = m.keep(n, func(s *Step) { s.Fate = fleet.FateBoth })
		m.move(n, PhaseCancelled, keptOriginal)
		return false
	}
	m.rec.Order = append([]int{n}, without(m.rec.Order, n)...)
	err := m.keep(n, func(s *Step) {
		s.Phase, s.Stage, s.Fate, s.Note = PhaseQueued, StageDelete, fleet.FateBoth, "copied and verified"
	})
	m.save()
	return err == nil && m.rec.State == StateRunning
}

// cancelStep asks the appliance to end what a step has running there, if it is provably ours. The caller holds r.mu.
func (m *run) cancelStep(n int) {
	s := m.rec.Steps[n]
	act := appliance.Act{Verb: appliance.VerbCancelJob, Job: s.Job}
	if m.rec.Plan.Verb == appliance.VerbPush {
		act.Verb = appliance.VerbCancelPush
	}
	p := m.who(n)
	if s.Job == "" || s.Stage != StageTransfer {
		return
	}
	m.spawn("cancelling a job", func() {
		ctx, cancel := context.WithTimeout(m.ctx, cancelLimit)
		defer cancel()
		_, _ = m.fleet.DoWith(ctx, p, s.Item.Appliance, act, nil) // the engine tells what came of it
	})
}
