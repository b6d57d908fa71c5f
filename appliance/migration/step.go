package migration

import (
	"context"
	"fmt"
	"slices"
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
	case s.Stage == StageProcess:
		act.Verb, act.Transfer.Verb, act.Transfer.Destination = appliance.VerbProcess, appliance.VerbProcess, ""
	}
	return act
}

// conclude does what follows from how a stage ended, and reports whether there is more to do at once.
func (m *run) conclude(n int, e fleet.Ending) bool {
	s, p := &m.rec.Steps[n], &m.rec.Plan
	fate := e.Fate
	if s.Stage == StageTransfer {
		_ = m.keep(n, func(s *Step) {
			s.Fate, s.Took = fate, max(0, m.now().Sub(s.Sent))
			if e.Job != "" {
				s.Job = e.Job
			}
		})
	}
	switch {
	case fate == fleet.FateThere && s.Stage == StageTransfer && p.Careful:
		return m.thenDelete(n)
	case (fate == fleet.FateThere || fate == fleet.FateTold) && s.Stage == StageTransfer && p.Process:
		_ = m.keep(n, func(s *Step) { s.Phase, s.Stage, s.Note = PhasePassphrase, StageProcess, e.Text })
		m.fleet.Say(fleet.Warn, fmt.Sprintf("migration %s: %s arrived at %s and needs its passphrase", m.rec.ID, s.Item.Label, p.Target))
		return false
	case fate == fleet.FateThere || fate == fleet.FateTold:
		m.move(n, PhaseDone, e.Text)
		return false
	case e.Cancelled && fate == fleet.FateNot:
		m.move(n, PhaseCancelled, e.Text)
		return false
	case s.Stage == StageProcess && fate == fleet.FateNot: // a wrong passphrase is the likeliest: it can be given again
		m.move(n, PhasePassphrase, e.Text)
		return false
	case fate == fleet.FateUnknown:
		m.move(n, PhaseUnknown, e.Text)
	default:
		m.move(n, PhaseFailed, e.Text)
	}
	m.wrong(n)
	return false
}

// thenDelete goes on to the removal of the original, whose copy is verified. After a cancel the original stays.
func (m *run) thenDelete(n int) bool {
	if m.rec.State == StateCancelling {
		m.move(n, PhaseCancelled, "it is copied, and the original is kept")
		return false
	}
	m.rec.Order = slices.Insert(m.rec.Order, 0, n)
	err := m.keep(n, func(s *Step) { s.Phase, s.Stage, s.Note = PhaseQueued, StageDelete, "copied and verified" })
	m.save()
	return err == nil && m.rec.State == StateRunning
}

// cancelStep asks the appliance to end what a step has running there, if it is provably ours.
func (m *run) cancelStep(n int) {
	s := m.rec.Steps[n]
	act := appliance.Act{Verb: appliance.VerbCancelJob, Job: s.Job}
	if m.rec.Plan.Verb == appliance.VerbPush {
		act.Verb = appliance.VerbCancelPush
	}
	p := m.person
	if s.Job == "" {
		return
	}
	m.running.Go(func() {
		ctx, cancel := context.WithTimeout(m.ctx, cancelLimit)
		defer cancel()
		_, _ = m.fleet.DoWith(ctx, p, s.Item.Appliance, act, nil) // the engine tells what came of it
	})
}
