package migration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

// carryOn has a step carried by a goroutine of its own, which ends with ctx at the latest. The caller holds r.mu.
func (m *run) carryOn(ctx context.Context, n int) {
	m.busy[n] = true
	before := m.rec.Steps[n].Phase
	m.spawn(fmt.Sprintf("carrying step %d of migration %s", n+1, m.rec.ID), func() {
		well := false
		defer func() {
			m.mu.Lock()
			defer m.yield()
			delete(m.busy, n)
			if !well {
				m.lost(n, "our own code failed; what became of it is not known")
			}
			if m.rec.Steps[n].Phase != before { // else it is tried again in a while, and not at once
				m.wake()
				m.nudge()
			}
		}()
		for m.carry(ctx, n) {
		}
		well = true
	})
}

// lost notes that what became of a step cannot be found out. The caller holds r.mu.
func (m *run) lost(n int, why string) {
	_ = m.keep(n, func(s *Step) {
		s.Phase, s.Note = PhaseUnknown, why
		if s.Stage == StageTransfer {
			s.Fate = fleet.FateUnknown
		}
	})
	m.wrong(n)
}

// carry takes a step one request further, and reports whether there is more to do at once.
func (m *run) carry(ctx context.Context, n int) bool {
	if ctx.Err() != nil {
		return false
	}
	if open, name, ref := m.underWay(n); open {
		return m.follow(ctx, n, name, ref)
	}
	return m.send(ctx, n)
}

// underWay reports whether something of a step may be, where, and by which ref that is known.
func (m *run) underWay(n int) (open bool, name, ref string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.rec.Steps[n]
	return s.Phase.Open(), m.where(s), m.ref(n)
}

// follow waits for what came of a step's request. What cannot be told now is asked again: it goes on there for all that.
func (m *run) follow(ctx context.Context, n int, name, ref string) bool {
	ending, err := m.fleet.Follow(ctx, name, ref)
	if err != nil && !errors.Is(err, fleet.ErrNoSuchRef) {
		if over(ctx, err) {
			return false
		}
		m.note(n, "it is under way, and could not be followed: "+appliance.Reason(err))
		return pause(ctx, tryAgain)
	}
	m.mu.Lock()
	defer m.yield()
	if err != nil {
		m.requeue(n, "")
		return false
	}
	return m.conclude(n, ending)
}

// note says something of a step, once.
func (m *run) note(n int, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := &m.rec.Steps[n]; s.Note != text {
		m.move(n, s.Phase, text)
	}
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// requeue puts a step of which nothing was sent back to where it can be begun again. The caller holds r.mu.
func (m *run) requeue(n int, why string) {
	s := &m.rec.Steps[n]
	switch {
	case m.rec.State == StateCancelling && s.Stage == StageDelete:
		m.move(n, PhaseCancelled, keptOriginal)
	case m.rec.State == StateCancelling && s.Stage == StageProcess:
		m.move(n, PhaseCancelled, notProcessed)
	case m.rec.State == StateCancelling:
		m.move(n, PhaseCancelled, "nothing was sent")
	default:
		m.rec.Order = append([]int{n}, without(m.rec.Order, n)...)
		m.move(n, s.unsent(), "")
		if why != "" {
			m.waits[n], m.later[n] = why, m.now().Add(tryAgain)
		}
	}
}

func without(order []int, n int) []int {
	rest := make([]int, 0, len(order))
	for _, x := range order {
		if x != n {
			rest = append(rest, x)
		}
	}
	return rest
}

// request is one of a step, about to be sent.
type request struct {
	p      policy.Person
	name   string
	act    appliance.Act
	phrase appliance.Passphrase
}

// send sends the present stage of a step, once it is recorded as about to be sent.
func (m *run) send(ctx context.Context, n int) bool {
	stage, at := m.chosen(n)
	if why := m.occupiedElsewhere(ctx, n); why != "" {
		m.putOff(n, why)
		return false
	}
	if stage == StageProcess {
		switch by, err := m.overtaken(ctx, n); {
		case err != nil:
			m.putOff(n, err.Error())
			return false
		case by != "":
			m.tooLate(n, by)
			return false
		}
	}
	turn, err := m.nextTurn(ctx, stage)
	if err != nil {
		m.putOff(n, err.Error())
		return false
	}
	m.begins(n)
	if err := m.secure(ctx, n, at); err != nil {
		m.unsecured(ctx, n, err)
		return false
	}
	x, ok := m.about(n, stage, turn)
	if !ok {
		return false
	}
	if why := m.occupiedElsewhere(ctx, n); why != "" { // of two that recorded it at once each sees the other
		m.takeBack(n, x.phrase, why)
		return false
	}
	result, err := m.fleet.DoWith(ctx, x.p, x.name, x.act, x.phrase)
	m.mu.Lock()
	defer m.yield()
	s := &m.rec.Steps[n]
	switch {
	case err == nil, errors.Is(err, appliance.ErrAmbiguous):
		_ = m.keep(n, func(s *Step) {
			s.Phase, s.Note = m.sent(s), ""
			if err != nil {
				s.Note = appliance.Reason(err)
			}
			if result.Job != "" && s.Stage == StageTransfer {
				s.Job = result.Job
			}
		})
		if m.rec.State == StateCancelling {
			m.cancelStep(n)
		}
		return true
	case over(ctx, err): // whether it was sent is in the records
		return false
	case errors.Is(err, fleet.ErrJournal):
		m.trouble(err)
		m.requeue(n, appliance.Reason(err))
		return false
	}
	return m.refused(n, x, s, err)
}

// refused does what follows from a request that surely had no effect. The caller holds r.mu.
func (m *run) refused(n int, x request, s *Step, err error) bool {
	why, passing := m.fleet.Hinders(x.p, x.name, m.act(n))
	away := errors.Is(err, appliance.ErrUnreachable) || errors.Is(err, appliance.ErrBusy)
	switch {
	case why != "" && passing && errors.Is(err, fleet.ErrRefusedByUs), away:
		if given, ok := x.phrase.(secret.Secret); ok && m.rec.State != StateCancelling {
			m.phrases[n] = given // it is not used up
		}
		m.requeue(n, appliance.Reason(err))
		return false
	case s.Stage == StageProcess: // a wrong passphrase is the likeliest: it can be given again
		m.move(n, PhasePassphrase, appliance.Reason(err))
		return false
	case s.Stage == StageDelete && m.moved(s):
		m.settleMoved(n)
		return false
	}
	m.move(n, PhaseFailed, appliance.Reason(err))
	m.wrong(n)
	return false
}

// chosen is the stage of a step that is to be sent, and where.
func (m *run) chosen(n int) (Stage, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.rec.Steps[n]
	return s.Stage, m.where(s)
}

// unsecured says that the lock that the plan wants is not kept: nothing is sent, and an operator decides.
func (m *run) unsecured(ctx context.Context, n int, err error) {
	m.mu.Lock()
	defer m.yield()
	delete(m.phrases, n)
	if over(ctx, err) {
		return
	}
	if s := &m.rec.Steps[n]; s.Phase == PhasePassphrase {
		m.move(n, PhasePassphrase, err.Error())
	}
	if m.rec.State == StateRunning {
		m.set(StateAsking, err.Error())
	}
}

// about records that a stage of a step is about to be sent, and tells the request. ok is false when it must not be any more: an
// operator said otherwise meanwhile, or it cannot be recorded (faults.md I6).
func (m *run) about(n int, stage Stage, turn int) (x request, ok bool) {
	m.mu.Lock()
	defer m.yield()
	s := &m.rec.Steps[n]
	from := s.Phase
	switch {
	case s.Stage != stage, m.rec.State == StateCancelling:
		return request{}, false
	case from == PhaseQueued && m.rec.State == StateRunning:
	case m.given(n):
	default:
		return request{}, false
	}
	now := m.now()
	err := m.keep(n, func(s *Step) {
		s.Phase, s.Try, s.Sent, s.Note = m.sending(s), s.Try+1, now, ""
		if s.Stage == StageTransfer {
			s.Job = ""
		}
		if turn > 0 {
			s.Turn = turn
		}
		if s.Began.IsZero() {
			s.Began = now
		}
	})
	if err != nil { // the passphrase is not used up
		s.Phase, s.Try = from, s.Try-1
		if from == PhaseQueued {
			m.rec.Order = append([]int{n}, without(m.rec.Order, n)...)
		}
		return request{}, false
	}
	x = request{p: m.who(n), name: m.where(s), act: m.act(n)}
	if given, has := m.phrases[n]; has {
		x.phrase = given
	}
	delete(m.phrases, n)
	return x, true
}

// moved reports whether the newest listing shows a step's backup at its destination and its original gone, whoever removed it.
func (m *run) moved(s *Step) bool {
	return m.listedAt(s, appliance.Location(m.rec.Plan.Destination)) && !m.listedAt(s, appliance.Internal)
}

// settleMoved ends a careful move whose original is gone already. The caller holds r.mu.
func (m *run) settleMoved(n int) {
	_ = m.keep(n, func(s *Step) {
		s.Phase, s.Fate, s.Note = PhaseDone, fleet.FateThere, "the original is gone and the copy is there, as the listing says"
	})
}

// listedAt reports whether the newest listing shows a step's backup in a place.
func (m *run) listedAt(s *Step, l appliance.Location) bool {
	snap := m.fleet.Snapshot(s.Item.Appliance)
	if snap == nil {
		return false
	}
	for i := range snap.Backups {
		if snap.Backups[i].ID == s.Item.Backup {
			return snap.Backups[i].At(l)
		}
	}
	return false
}

// sending is the phase in which a step's stage is sent, sent the one that follows.
func (m *run) sending(s *Step) Phase {
	switch s.Stage {
	case StageDelete:
		return PhaseDeleting
	case StageProcess:
		return PhaseProcessing
	}
	return PhaseSending
}

func (m *run) sent(s *Step) Phase {
	if s.Stage == StageTransfer {
		return PhaseRunning
	}
	return m.sending(s)
}
