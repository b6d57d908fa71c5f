package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

// saveLimit ends a write of the store that takes too long.
const saveLimit = 10 * time.Second

// run is one migration under way. Everything is guarded by Runner.mu, but the channel.
type run struct {
	*Runner
	person  policy.Person         // in whose name
	by      map[int]policy.Person // and of single steps, whoever gave the latest order about them
	later   map[int]time.Time     // when a step may be tried again that could not be begun
	rec     Record
	loops   bool // its loop runs
	live    bool // something happens in it by itself
	blocked bool // all that is left to do waits for what an operator does in another migration
	kick    chan struct{}
	busy    map[int]bool // steps that somebody carries
	waits   map[int]string
	phrases map[int]secret.Secret
	gates   map[string]chan struct{} // who takes the lock of an appliance
	unsaved map[int]bool             // steps that the store does not have as they are
	stale   bool                     // nor all else
	shown   []Step                   // as they were told last
}

func newRun(r *Runner, p policy.Person, rec Record) *run {
	return &run{
		Runner: r, person: p, by: map[int]policy.Person{}, later: map[int]time.Time{}, rec: rec, kick: make(chan struct{}, 1), busy: map[int]bool{}, waits: map[int]string{},
		phrases: map[int]secret.Secret{}, gates: map[string]chan struct{}{}, unsaved: map[int]bool{},
	}
}

func (m *run) wake() {
	select {
	case m.kick <- struct{}{}:
	default: // it is awake already
	}
}

// loop begins steps and carries them until nothing more happens without an operator, and all of it is recorded.
func (m *run) loop(ctx context.Context) {
	for {
		m.mu.Lock()
		if m.behind() {
			m.save()
		}
		m.live = m.advance(ctx) || len(m.busy) > 0
		if ctx.Err() != nil || !m.live {
			m.live = false
			m.rest()
		}
		m.loops = ctx.Err() == nil && (m.live || m.blocked || m.behind())
		goes := m.loops
		if !goes && m.rec.State.Ended() { // the board has it, and the journal
			delete(m.runs, m.rec.ID)
		}
		m.yield()
		if !goes {
			return
		}
		timer := time.NewTimer(tryAgain)
		select {
		case <-m.kick:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// advance has somebody carry every step that can be, and reports whether there are others that wait for their time.
func (m *run) advance(ctx context.Context) (again bool) {
	m.blocked = false
	for n := range m.rec.Steps {
		if m.busy[n] {
			continue
		}
		switch s, given := &m.rec.Steps[n], m.given(n); {
		case s.Phase.Open():
			m.carryOn(ctx, n)
		case given:
			again = m.process(ctx, n) || again
		}
	}
	if m.rec.State != StateRunning {
		return again
	}
	target := m.occupied(-1)
	for _, n := range slices.Clone(m.rec.Order) {
		s := &m.rec.Steps[n]
		if s.Phase != PhaseQueued || m.busy[n] || m.crowded(s.Item.Appliance) || m.rec.State != StateRunning || !m.mayTry(n) {
			continue
		}
		why, passing := target.why, true
		if why == "" {
			why, passing = m.fleet.Hinders(m.who(n), m.where(s), m.act(n))
		}
		switch {
		case why != "" && !passing && m.barred(s.Item.Appliance): // of no single step
			m.set(StateAsking, s.Item.Appliance+": "+why)
		case why == "":
			m.carryOn(ctx, n)
			target = m.occupied(-1)
		case passing:
			m.waits[n] = why
		case s.Stage == StageDelete && m.moved(s):
			m.settleMoved(n)
		default:
			m.move(n, PhaseFailed, why)
			m.wrong(n)
		}
	}
	queued := slices.ContainsFunc(m.rec.Steps, func(s Step) bool { return s.Phase == PhaseQueued })
	if queued = queued && m.rec.State == StateRunning && !m.lacksPhrase(); queued && target.rests {
		m.blocked = true
		return again
	}
	return again || queued
}

// process has somebody carry a step that has got its passphrase, or reports that it waits for its time.
func (m *run) process(ctx context.Context, n int) (again bool) {
	target := m.occupied(n)
	why, passing := target.why, true
	if why == "" {
		why, passing = m.fleet.Hinders(m.who(n), m.where(&m.rec.Steps[n]), m.act(n))
	}
	switch {
	case why != "" && passing:
		m.waits[n] = why
		m.blocked = m.blocked || target.rests
		return !target.rests
	case !m.mayTry(n):
		return true
	}
	m.carryOn(ctx, n)
	return false
}

// who is in whose name a step is carried.
func (m *run) who(n int) policy.Person {
	if p, ok := m.by[n]; ok {
		return p
	}
	return m.person
}

// barred reports whether nothing can be asked of an appliance until somebody does something about it.
func (m *run) barred(name string) bool {
	s := m.fleet.Snapshot(name)
	return s != nil && (s.State == fleet.StateRefused || s.State == fleet.StateUntrusted || s.State == fleet.StateUnreadable || s.State == fleet.StateMisset)
}

// given reports whether a step has got the passphrase that it waits for.
func (m *run) given(n int) bool {
	_, given := m.phrases[n]
	return given && m.rec.Steps[n].Phase == PhasePassphrase
}

// lacksPhrase reports whether a step waits for its passphrase.
func (m *run) lacksPhrase() bool {
	for n := range m.rec.Steps {
		if m.rec.Steps[n].Phase == PhasePassphrase && !m.given(n) {
			return true
		}
	}
	return false
}

// crowded reports whether as many steps are under way at an appliance as may be.
func (m *run) crowded(name string) bool {
	count := 0
	for n := range m.busy {
		if m.rec.Steps[n].Item.Appliance == name {
			count++
		}
	}
	return count >= m.rec.Plan.AtOnce
}

// rest says how the migration stands when nothing more happens in it by itself.
func (m *run) rest() {
	unsettled := slices.ContainsFunc(m.rec.Steps, func(s Step) bool { return !s.Phase.Settled() })
	switch {
	case m.rec.State.Ended() || m.blocked || m.ctx.Err() != nil:
		return
	case m.rec.State == StateCancelling:
		m.rec.Ended = m.now()
		m.set(StateCancelled, "")
		m.giveBack()
		return
	case unsettled:
		if m.rec.State == StateRunning {
			m.set(StateAsking, m.rec.Tally())
		}
		return
	}
	m.rec.Ended = m.now()
	m.set(StateDone, "")
	m.giveBack()
	m.fleet.Say(fleet.Good, fmt.Sprintf("migration %s is done: %s", m.rec.ID, m.rec.Tally()))
}

// wrong does what the plan says about a step that went wrong.
func (m *run) wrong(n int) {
	s := &m.rec.Steps[n]
	m.fleet.Say(fleet.Alarm, fmt.Sprintf("migration %s: %s of %s: %s: %s", m.rec.ID, s.Item.Label, s.Item.Appliance, s.Phase, s.Note))
	if m.rec.State != StateRunning {
		return
	}
	switch m.rec.Plan.OnFailure {
	case OnFailureStop:
		m.set(StateStopped, fmt.Sprintf("step %d went wrong", n+1))
	case OnFailureAsk:
		m.set(StateAsking, fmt.Sprintf("step %d went wrong: retry it, skip it, or cancel", n+1))
	}
}

func (m *run) now() time.Time { return m.fleet.Clock().Now().Wall }

// set changes the state of the whole and records it.
func (m *run) set(s State, note string) {
	m.rec.State, m.rec.Note = s, note
	m.save()
}

// move changes the phase of a step and records it. An error is told and kept from the caller: what may not go on without the
// record being durable asks keep instead.
func (m *run) move(n int, p Phase, note string) {
	_ = m.keep(n, func(s *Step) { s.Phase, s.Note = p, note })
}

// keep changes a step and records it; an error means that the record is not durable.
func (m *run) keep(n int, change func(*Step)) error {
	s := &m.rec.Steps[n]
	before := s.Phase
	change(s)
	if s.Phase == PhaseQueued && !slices.Contains(m.rec.Order, n) {
		m.rec.Order = append(m.rec.Order, n)
		m.save()
	}
	if s.Phase != PhaseQueued && before == PhaseQueued {
		m.rec.Order = slices.DeleteFunc(m.rec.Order, func(x int) bool { return x == n })
		delete(m.waits, n)
	}
	if s.Phase.Settled() || s.Phase.Wrong() {
		s.Ended = m.now()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), saveLimit)
	defer cancel()
	err := m.saveStep(ctx, n)
	m.trouble(err)
	m.tell()
	return err
}

// saveStep records a step. What is another engine's by now is not ours to record any more.
func (m *run) saveStep(ctx context.Context, n int) error {
	err := m.store.SaveStep(ctx, m.rec.ID, n, m.rec.Steps[n])
	if m.unsaved[n] = err != nil && !errors.Is(err, fleet.ErrNotOurs); !m.unsaved[n] {
		delete(m.unsaved, n)
	}
	return err
}

// save records the whole, after the steps that could not be recorded before: it must not be done while they are not.
func (m *run) save() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), saveLimit)
	defer cancel()
	m.stale = true
	for n := range m.unsaved {
		if err := m.saveStep(ctx, n); err != nil {
			m.trouble(err)
			return
		}
	}
	err := m.store.SaveMigration(ctx, m.rec)
	m.stale = err != nil && !errors.Is(err, fleet.ErrNotOurs)
	m.trouble(err)
}

// behind reports whether something of it could not be recorded, which is tried again.
func (m *run) behind() bool { return m.stale || len(m.unsaved) > 0 }

// trouble pauses a migration that cannot be recorded: nothing more is begun.
func (m *run) trouble(err error) {
	if err == nil {
		return
	}
	m.log.Error("migration: record", "id", m.rec.ID, "err", err)
	if m.rec.State == StateRunning {
		m.rec.State, m.rec.Note = StatePaused, "it cannot be recorded: "+appliance.Reason(err)
		m.fleet.Say(fleet.Alarm, fmt.Sprintf("migration %s is paused: %s", m.rec.ID, m.rec.Note))
	}
}

// ref names the present request of a step for good.
func (m *run) ref(n int) string {
	return fmt.Sprintf("%s/%d/%d", m.rec.ID, n+1, m.rec.Steps[n].Try)
}
