package migration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

// tryAgain is how long a step that cannot be begun now waits for the next try.
const tryAgain = 5 * time.Second

// lookAround is how often it is looked whether another run has ended and left something.
const lookAround = 15 * time.Second

// Options make a runner.
type Options struct {
	Fleet Fleet
	Store Store
	Log   *slog.Logger // nil = no log
	NewID func() string
}

// Runner runs migrations. It is safe for concurrent use.
type Runner struct {
	fleet Fleet
	store Store
	log   *slog.Logger
	newID func() string

	mu      turn // guards the fields below and every run's
	ctx     context.Context
	cancel  context.CancelFunc
	runs    map[string]*run
	changed chan struct{} // closed at the next change
	running sync.WaitGroup
}

// turn is a mutex that is held while the store writes: as a channel it lets virtual time pass for who waits for it, as for who
// waits for the disk.
type turn chan struct{}

// Lock waits for it.
func (t turn) Lock() { t <- struct{}{} }

// Unlock gives it up.
func (t turn) Unlock() { <-t }

// New makes a runner that does nothing yet.
func New(o Options) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.NewID == nil {
		o.NewID = fleet.NewID
	}
	return &Runner{
		mu: make(turn, 1), fleet: o.Fleet, store: o.Store, log: o.Log, newID: o.NewID, runs: map[string]*run{}, changed: make(chan struct{}),
	}
}

// Start takes over what runs that ended left, paused: what became of the steps that were under way is found out, nothing is
// begun before somebody resumes. Everything ends with ctx or with Close.
func (r *Runner) Start(ctx context.Context) error {
	r.mu.Lock()
	if r.ctx != nil {
		r.mu.Unlock()
		return nil
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.mu.Unlock()
	if err := r.adopt(ctx); err != nil {
		return err
	}
	r.running.Go(func() { r.neighbours() })
	return nil
}

// adopt takes over what runs that ended left.
func (r *Runner) adopt(ctx context.Context) error {
	left, err := r.store.AdoptMigrations(ctx)
	if err != nil {
		return fmt.Errorf("take over the migrations of earlier runs: %w", err)
	}
	for _, rec := range left {
		r.mu.Lock()
		ours := r.runs[rec.ID] != nil
		r.mu.Unlock()
		if ours {
			continue
		}
		if err := r.takeOver(rec); err != nil {
			return err
		}
	}
	return nil
}

// neighbours takes over what others leave while this one runs.
func (r *Runner) neighbours() {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.adopt(r.ctx); err != nil && r.ctx.Err() == nil {
			r.log.Warn("migration: look for what others left", "err", err)
		}
	}
}

// Close ends every run where it stands, and waits. What is under way at the appliances goes on there, and the next runner
// finds out what came of it.
func (r *Runner) Close() {
	r.mu.Lock()
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// Begin records a migration and runs it. Errors: ErrPlan; ErrNotNow when the person may not do it; else the store's, and
// then nothing is begun.
func (r *Runner) Begin(ctx context.Context, p policy.Person, plan Plan) (id string, err error) {
	if err := plan.Check(); err != nil {
		return "", err
	}
	now := r.fleet.Clock().Now().Wall
	plan.Who = p.Name
	if plan.Made.IsZero() {
		plan.Made = now
	}
	rec := Record{ID: r.newID(), Plan: plan, State: StateRunning, Begun: now, Steps: make([]Step, len(plan.Items))}
	for i, it := range plan.Items {
		rec.Steps[i] = Step{Item: it, Phase: PhaseQueued, Stage: StageTransfer}
		rec.Order = append(rec.Order, i)
	}
	if err := r.store.BeginMigration(ctx, rec); err != nil {
		return "", fmt.Errorf("nothing was begun: record the migration: %w", err)
	}
	r.fleet.Say(fleet.Info, fmt.Sprintf("%s began migration %s: %s", p.Name, rec.ID, plan.Words()))
	return rec.ID, r.launch(newRun(r, p, rec))
}

func (r *Runner) launch(m *run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.start(m)
}

// start has a run go on, and is the only place where one begins. The caller holds r.mu.
func (r *Runner) start(m *run) error {
	if r.ctx == nil || r.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNotNow, fleet.ErrClosed)
	}
	r.runs[m.rec.ID] = m
	m.live, m.loops = true, true
	r.running.Go(func() { m.loop(r.ctx) })
	r.tell()
	return nil
}

// takeOver goes on with a migration of an ended run as far as finding out goes.
func (r *Runner) takeOver(rec Record) error {
	if rec.State == StateRunning {
		rec.State, rec.Note = StatePaused, "the run before ended; resume goes on with it"
	}
	m := newRun(r, policy.Person{Name: rec.Plan.Who}, rec)
	r.fleet.Say(fleet.Warn, fmt.Sprintf("migration %s of an earlier run (%s) can be resumed: %s", rec.ID, rec.Plan.Words(), m.rec.Tally()))
	return r.launch(m)
}

// Resume goes on with a migration that is paused, asks, stopped or was left by an earlier run, in the name of p.
func (r *Runner) Resume(p policy.Person, id string) error {
	return r.order(id, func(m *run) error {
		switch m.rec.State {
		case StatePaused, StateAsking, StateStopped:
			m.person = p
			m.set(StateRunning, "")
			return nil
		}
		return fmt.Errorf("%w: the migration is %s", ErrNotNow, m.rec.State)
	})
}

// Pause begins nothing new; what is under way goes on.
func (r *Runner) Pause(id string) error {
	return r.order(id, func(m *run) error {
		if m.rec.State != StateRunning && m.rec.State != StateAsking {
			return fmt.Errorf("%w: the migration is %s", ErrNotNow, m.rec.State)
		}
		m.set(StatePaused, "")
		return nil
	})
}

// Cancel begins nothing new and asks the appliances to end what is under way and is provably ours.
func (r *Runner) Cancel(id string) error {
	return r.order(id, func(m *run) error {
		if m.rec.State.Ended() || m.rec.State == StateCancelling {
			return fmt.Errorf("%w: the migration is %s", ErrNotNow, m.rec.State)
		}
		for i := range m.rec.Steps {
			s := &m.rec.Steps[i]
			switch {
			case s.Phase == PhaseQueued || s.Phase == PhasePassphrase:
				m.move(i, PhaseCancelled, "the migration was cancelled before it was begun")
			case s.Phase == PhaseRunning:
				m.cancelStep(i)
			}
		}
		m.set(StateCancelling, "what is under way comes to its end")
		return nil
	})
}

// Skip leaves out a step that is not under way.
func (r *Runner) Skip(id string, n int) error {
	return r.orderStep(id, n, func(m *run, s *Step) error {
		switch {
		case s.Phase == PhasePassphrase:
			m.move(n, PhaseSkipped, "it arrived and was not processed")
		case s.Phase == PhaseQueued || s.Phase.Wrong():
			m.move(n, PhaseSkipped, s.Note)
		default:
			return fmt.Errorf("%w: the step is %s", ErrNotNow, s.Phase)
		}
		return nil
	})
}

// Retry tries a step again that failed or of which nobody could find out. It is an operator's word: by itself nothing is
// sent twice (faults.md, "What may be sent twice").
func (r *Runner) Retry(p policy.Person, id string, n int) error {
	return r.orderStep(id, n, func(m *run, s *Step) error {
		if m.rec.State.Ended() || m.rec.State == StateCancelling {
			return fmt.Errorf("%w: the migration is %s", ErrNotNow, m.rec.State)
		}
		if !s.Phase.Wrong() && s.Phase != PhaseSkipped {
			return fmt.Errorf("%w: the step is %s", ErrNotNow, s.Phase)
		}
		m.person = p
		m.move(n, s.unsent(), "")
		if m.rec.State != StatePaused {
			m.set(StateRunning, "")
		}
		return nil
	})
}

// Reorder moves a step that is queued by that many places among the queued ones; negative = earlier.
func (r *Runner) Reorder(id string, n, by int) error {
	return r.orderStep(id, n, func(m *run, s *Step) error {
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
	return r.orderStep(id, n, func(m *run, s *Step) error {
		if s.Phase != PhasePassphrase || phrase.Empty() {
			return fmt.Errorf("%w: the step is %s", ErrNotNow, s.Phase)
		}
		m.person = p
		m.phrases[n] = phrase
		wrong := slices.ContainsFunc(m.rec.Steps, func(s Step) bool { return s.Phase.Wrong() })
		if m.rec.State == StateAsking && !wrong { // it was all that was asked for
			m.set(StateRunning, "")
		}
		return nil
	})
}

// order carries out an operator's word on a run.
func (r *Runner) order(id string, f func(*run) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.runs[id]
	if m == nil {
		return fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if err := f(m); err != nil {
		return err
	}
	if !m.loops {
		return r.start(m)
	}
	m.live = true
	m.wake()
	r.tell()
	return nil
}

func (r *Runner) orderStep(id string, n int, f func(*run, *Step) error) error {
	return r.order(id, func(m *run) error {
		if n < 0 || n >= len(m.rec.Steps) {
			return fmt.Errorf("%w: %q has no step %d", ErrUnknown, id, n+1)
		}
		return f(m, &m.rec.Steps[n])
	})
}

// tell wakes whoever waits for news. The caller holds r.mu.
func (r *Runner) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Changed is closed when anything changed since this call.
func (r *Runner) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Views are all migrations of this runner as they stand, newest first.
func (r *Runner) Views() []View {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []View
	for _, m := range r.runs {
		all = append(all, m.view())
	}
	slices.SortFunc(all, func(a, b View) int { return b.Begun.Compare(a.Begun) })
	return all
}

// View is one migration as it stands; ErrUnknown when there is none of that id.
func (r *Runner) View(id string) (View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.runs[id]; m != nil {
		return m.view(), nil
	}
	return View{}, fmt.Errorf("%w: %q", ErrUnknown, id)
}

// Wait waits until nothing more happens in a migration without an operator, or until what it needs is a passphrase.
func (r *Runner) Wait(ctx context.Context, id string) (View, error) {
	for {
		news := r.Changed()
		v, err := r.View(id)
		if err != nil || !v.Live {
			return v, err
		}
		r.mu.Lock()
		life := r.ctx
		r.mu.Unlock()
		if life == nil {
			return v, fmt.Errorf("%w: %w", ErrNotNow, fleet.ErrClosed)
		}
		select {
		case <-news:
		case <-life.Done():
			return v, fmt.Errorf("wait for migration %s: %w", id, fleet.ErrClosed)
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// over reports whether an error only says that this run ends.
func over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, fleet.ErrClosed) || errors.Is(err, context.Canceled)
}
