package migration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/secret"
)

// A target is told to process what came in last, without its name (api/lxca.md 3.7), and what it does with two pushes at once nobody
// describes. So one push or processing at a time is under way at a target, of all migrations that the journal knows, and what came
// in to be processed is processed before anything else is pushed there.

// Other is a migration that another engine answers for.
type Other struct {
	Record
	Runs bool // that engine runs
}

// hindrance is why a step cannot be begun at its target yet; the zero one: it can be.
type hindrance struct {
	why   string
	rests bool // until an operator does something about it
}

// sameTarget reports whether both plans push to one target.
func sameTarget(a, b *Plan) bool {
	if a.Verb != appliance.VerbPush || b.Verb != appliance.VerbPush {
		return false
	}
	return a.Target != "" && a.Target == b.Target || fleet.SameAddress(a.Destination, b.Destination)
}

// occupier is the step of a push that has its target to itself, but for the step that is left out; -1 = none. arrived tells that it
// is there and waits to be processed, else it is on its way or is being processed.
func (r *Record) occupier(busy map[int]bool, but int) (n int, arrived bool) {
	for n := range r.Steps {
		s := &r.Steps[n]
		switch {
		case n == but:
		case busy[n] || s.Phase.Open():
			return n, false
		case s.Phase == PhasePassphrase && r.Plan.Process:
			return n, true
		}
	}
	return -1, false
}

// inDoubt is a step whose processing nobody could find out about, and which may be processed still; -1 = none. Its own migration asks
// an operator, or was told to go on all the same; others wait until he has decided.
func (r *Record) inDoubt() int {
	return slices.IndexFunc(r.Steps, func(s Step) bool { return s.Stage == StageProcess && s.Phase == PhaseUnknown })
}

// occupied is what a step has to wait for at its target, as far as this runner knows; but is the step itself, -1 for any that is
// queued. The caller holds r.mu.
func (m *run) occupied(but int) hindrance {
	if m.rec.Plan.Verb != appliance.VerbPush {
		return hindrance{}
	}
	if n, arrived := m.rec.occupier(m.busy, but); n >= 0 {
		if arrived && but >= 0 && m.rec.Steps[but].Phase == PhasePassphrase {
			return hindrance{bothArrived(fmt.Sprintf("step %d", n+1)), true}
		}
		return hindrance{occupiedBy(fmt.Sprintf("step %d", n+1), arrived), arrived && m.stands(n)}
	}
	for _, o := range m.runs {
		if o == m || !sameTarget(&m.rec.Plan, &o.rec.Plan) {
			continue
		}
		if n, arrived := o.rec.occupier(o.busy, -1); n >= 0 {
			step := fmt.Sprintf("step %d of migration %s", n+1, o.rec.ID)
			if arrived && but >= 0 {
				return hindrance{bothArrived(step), true}
			}
			return hindrance{occupiedBy(step, arrived), arrived && o.stands(n)}
		}
		if n := o.rec.inDoubt(); n >= 0 {
			return hindrance{doubtedBy(fmt.Sprintf("step %d of migration %s", n+1, o.rec.ID)), true}
		}
	}
	return hindrance{}
}

// stands reports whether a step that came to its target waits for an operator: for its passphrase, or as another came there, too. The
// caller holds r.mu.
func (m *run) stands(n int) bool {
	if !m.given(n) {
		return true
	}
	for _, o := range m.runs {
		but := -1
		if o == m {
			but = n
		}
		if !sameTarget(&m.rec.Plan, &o.rec.Plan) {
			continue
		}
		if _, arrived := o.rec.occupier(o.busy, but); arrived {
			return true
		}
	}
	return false
}

// occupiedElsewhere is the same of the migrations of other engines, as the journal tells now.
func (m *run) occupiedElsewhere(ctx context.Context, n int) (why string) {
	m.mu.Lock()
	plan, arrives := m.rec.Plan, m.rec.Steps[n].Stage == StageProcess
	m.mu.Unlock()
	if plan.Verb != appliance.VerbPush {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	others, err := m.store.OtherMigrations(ctx, time.Time{})
	if err != nil {
		return "whether another run pushes to the target could not be read: " + appliance.Reason(err)
	}
	for i := range others {
		o := &others[i]
		if !sameTarget(&plan, &o.Plan) {
			continue
		}
		at, arrived := o.occupier(nil, -1)
		doubted := at < 0
		if doubted {
			at = o.inDoubt()
		}
		if at < 0 {
			continue
		}
		step := fmt.Sprintf("step %d of migration %s", at+1, o.ID)
		switch {
		case doubted:
			why = doubtedBy(step)
		case arrived && arrives:
			why = bothArrived(step)
		default:
			why = occupiedBy(step, arrived)
		}
		if o.Runs {
			return why + "; another run carries it on"
		}
		return why + "; no run carries it on now: resume or cancel it"
	}
	return ""
}

func occupiedBy(step string, arrived bool) string {
	if arrived {
		return "the target is to process " + step + " first"
	}
	return step + " is on its way to the target or is processed there"
}

func doubtedBy(step string) string {
	return "what came of the processing of " + step + " at the target is not known: retry or skip it first"
}

func bothArrived(step string) string {
	return step + " came to the target too, and which of them it would process is not told: skip one of them"
}

// overtaken is the step that was pushed to the target after step n, which is about to be processed: the target would process that one
// instead, as it is not told which (api/lxca.md 3.7). Empty: none was, of all migrations that the journal knows.
func (m *run) overtaken(ctx context.Context, n int) (by string, err error) {
	m.mu.Lock()
	id, turn := m.rec.ID, m.rec.Steps[n].Turn
	m.mu.Unlock()
	err = m.toTarget(ctx, func(r *Record, k int) {
		if s := &r.Steps[k]; s.Turn > turn && s.mayHaveArrived() && (r.ID != id || k != n) {
			by = fmt.Sprintf("step %d of migration %s", k+1, r.ID)
		}
	})
	return by, err
}

// nextTurn is the turn of a push that is about to be sent; 0 for anything else.
func (m *run) nextTurn(ctx context.Context, stage Stage) (turn int, err error) {
	m.mu.Lock()
	pushes := stage == StageTransfer && m.rec.Plan.Verb == appliance.VerbPush
	m.mu.Unlock()
	if !pushes {
		return 0, nil
	}
	turn = 1
	err = m.toTarget(ctx, func(r *Record, k int) { turn = max(turn, r.Steps[k].Turn+1) })
	return turn, err
}

// toTarget calls f for each step of the migrations that push to the same target, as the journal has them.
func (m *run) toTarget(ctx context.Context, f func(r *Record, step int)) error {
	m.mu.Lock()
	plan := m.rec.Plan
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	all, err := m.store.Migrations(ctx)
	if err != nil {
		return fmt.Errorf("read what was pushed to the target: %w", err)
	}
	for i := range all {
		for k := range all[i].Steps {
			if sameTarget(&plan, &all[i].Plan) {
				f(&all[i], k)
			}
		}
	}
	return nil
}

// mayHaveArrived reports whether a backup that was pushed may lie at its target; nobody knew what came of it, perhaps, before it was
// queued again.
func (s *Step) mayHaveArrived() bool {
	if s.Phase.Open() || s.Phase == PhaseUnknown {
		return true
	}
	return s.Fate != "" && s.Fate != fleet.FateNot
}

// tooLate ends a step that is not the last to have come to its target.
func (m *run) tooLate(n int, by string) {
	m.mu.Lock()
	defer m.yield()
	if s := &m.rec.Steps[n]; s.Phase != s.unsent() || m.rec.State == StateCancelling { // an operator said otherwise meanwhile
		return
	}
	delete(m.phrases, n)
	m.move(n, PhaseFailed, by+" came to the target since, and would be processed instead: skip this one, and push it again if it is to be processed")
	m.wrong(n)
}

// nudge wakes the others that wait for the same target. The caller holds r.mu.
func (m *run) nudge() {
	for _, o := range m.runs {
		if o != m && o.loops && sameTarget(&m.rec.Plan, &o.rec.Plan) {
			o.live = true // until it has looked
			o.wake()
		}
	}
}

// putOff has a step that was not sent wait for its target.
func (m *run) putOff(n int, why string) {
	m.mu.Lock()
	defer m.yield()
	if s := &m.rec.Steps[n]; s.Phase == s.unsent() {
		m.waits[n], m.later[n] = why, m.now().Add(tryAgain)
	}
}

// takeBack has a step wait that was recorded as about to be sent and was not, as another run was as quick. Both may do so: each waits
// for a time of its own.
func (m *run) takeBack(n int, phrase appliance.Passphrase, why string) {
	m.mu.Lock()
	defer m.yield()
	if given, ok := phrase.(secret.Secret); ok && m.rec.State != StateCancelling {
		m.phrases[n] = given // it is not used up
	}
	m.requeue(n, why)
	m.later[n] = m.now().Add(tryAgain/2 + rand.N(2*tryAgain))
}

// begins notes that a step waits for nothing more.
func (m *run) begins(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waits, n)
}

// mayTry reports whether it is time to try a step again. The caller holds r.mu.
func (m *run) mayTry(n int) bool { return !m.now().Before(m.later[n]) }
