package migration

import (
	"fmt"
	"slices"

	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

// notNow is an order that does not fit how things stand.
func notNow(what string, stands any) error {
	return fmt.Errorf("%w: the %s is %s", ErrNotNow, what, stands)
}

// Resume goes on with a migration that is paused, asks, stopped or was left by an earlier run, in the name of p.
func (r *Runner) Resume(p policy.Person, id string) error {
	return r.order(p, "resumed", id, func(m *run) error {
		switch m.rec.State {
		case StatePaused, StateAsking, StateStopped:
			m.person, m.by = p, map[int]policy.Person{}
			m.set(StateRunning, "")
			return nil
		}
		return notNow("migration", m.rec.State)
	})
}

// Pause begins nothing new; what is under way goes on.
func (r *Runner) Pause(p policy.Person, id string) error {
	return r.order(p, "paused", id, func(m *run) error {
		if m.rec.State != StateRunning && m.rec.State != StateAsking {
			return notNow("migration", m.rec.State)
		}
		m.set(StatePaused, "")
		return nil
	})
}

// Cancel begins nothing new and asks the appliances to end what is under way and is provably ours; a second time what is under way
// still.
func (r *Runner) Cancel(p policy.Person, id string) error {
	return r.order(p, "cancelled", id, func(m *run) error {
		if m.rec.State.Ended() {
			return notNow("migration", m.rec.State)
		}
		m.person, m.by = p, map[int]policy.Person{}
		m.set(StateCancelling, "what is under way comes to its end")
		clear(m.phrases)
		for i := range m.rec.Steps {
			switch s := &m.rec.Steps[i]; {
			case s.Phase == PhaseQueued && s.Stage == StageDelete:
				m.move(i, PhaseCancelled, keptOriginal)
			case s.Phase == PhaseQueued:
				m.move(i, PhaseCancelled, "the migration was cancelled before it was begun")
			case s.Phase == PhasePassphrase:
				m.move(i, PhaseCancelled, notProcessed)
			case s.Phase == PhaseRunning:
				m.cancelStep(i)
			}
		}
		return nil
	})
}

// What is to be said of steps that end half-way.
const (
	keptOriginal = "it is copied, and the original is kept"
	notProcessed = "it arrived and was not processed"
)

// Skip leaves out a step that is not under way.
func (r *Runner) Skip(p policy.Person, id string, n int) error {
	return r.orderStep(p, "skipped", id, n, func(m *run, s *Step) error {
		delete(m.phrases, n)
		switch {
		case m.busy[n]:
			return notNow("step", "about to be sent")
		case s.Phase == PhasePassphrase:
			m.move(n, PhaseSkipped, notProcessed)
		case s.Phase == PhaseQueued && s.Stage == StageDelete:
			m.move(n, PhaseSkipped, keptOriginal)
		case s.Phase == PhaseQueued || s.Phase.Wrong():
			m.move(n, PhaseSkipped, s.Note)
		default:
			return notNow("step", s.Phase)
		}
		return nil
	})
}

// Retry tries a step again that failed or of which nobody could find out. It is an operator's word: by itself nothing is
// sent twice (faults.md, "What may be sent twice"). Of a careful move whose copy is listed, it is the removal of the original that
// is left.
func (r *Runner) Retry(p policy.Person, id string, n int) error {
	return r.orderStep(p, "retried", id, n, func(m *run, s *Step) error {
		switch {
		case m.rec.State.Ended() || m.rec.State == StateCancelling:
			return notNow("migration", m.rec.State)
		case !s.Phase.Wrong() && s.Phase != PhaseSkipped:
			return notNow("step", s.Phase)
		}
		m.by[n] = p
		if m.rec.Plan.Careful && s.Stage == StageTransfer && s.Fate == fleet.FateThere {
			s.Stage = StageDelete
		}
		m.move(n, s.unsent(), "")
		if m.rec.State != StatePaused {
			m.set(StateRunning, "")
		}
		return nil
	})
}

// Reorder moves a step that is queued by that many places among the queued ones; negative = earlier.
func (r *Runner) Reorder(p policy.Person, id string, n, by int) error {
	return r.orderStep(p, "moved", id, n, func(m *run, s *Step) error {
		at := slices.Index(m.rec.Order, n)
		to := at + by
		if s.Phase != PhaseQueued || at < 0 || to < 0 || to >= len(m.rec.Order) {
			return fmt.Errorf("%w: only a step that is queued can be moved, and not beyond the others", ErrNotNow)
		}
		m.rec.Order = slices.Insert(slices.Delete(m.rec.Order, at, at+1), to, n)
		m.save()
		return nil
	})
}

// Passphrase gives what a step that needs it waits for. It is used once and not kept.
func (r *Runner) Passphrase(p policy.Person, id string, n int, phrase secret.Secret) error {
	return r.orderStep(p, "gave the passphrase for", id, n, func(m *run, s *Step) error {
		if s.Phase != PhasePassphrase || phrase.Empty() || m.rec.State == StateCancelling {
			return notNow("step", s.Phase)
		}
		m.by[n], m.phrases[n] = p, phrase
		delete(m.later, n)
		wrong := slices.ContainsFunc(m.rec.Steps, func(s Step) bool { return s.Phase.Wrong() })
		if m.rec.State == StateAsking && !wrong { // it was all that was asked for
			m.set(StateRunning, "")
		}
		return nil
	})
}
