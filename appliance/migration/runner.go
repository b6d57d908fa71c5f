package migration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
)

// tryAgain is how long a step that cannot be begun now waits for the next try.
const tryAgain = 5 * time.Second

// Options make a runner.
type Options struct {
	Fleet Fleet
	Store Store
	Log   *slog.Logger // nil = no log
	NewID func() string
	// Person is in whose name is asked what came of migrations that are taken over, until somebody gives an order. What this person
	// may not carry on is not taken over.
	Person   policy.Person
	ReadOnly bool // nothing may be begun
}

// Runner runs migrations. It is safe for concurrent use.
type Runner struct {
	fleet Fleet
	store Store
	log   *slog.Logger
	newID func() string
	heir  policy.Person
	rules policy.Rules

	board board // what is shown of it all

	mu      turn // guards the fields below and every run's
	ctx     context.Context
	cancel  context.CancelFunc
	runs    map[string]*run // that have not ended
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
		mu: make(turn, 1), fleet: o.Fleet, store: o.Store, log: o.Log, newID: o.NewID, heir: o.Person,
		rules: policy.Rules{ReadOnlyRun: o.ReadOnly}, runs: map[string]*run{}, board: board{changed: make(chan struct{})},
	}
}

// Start begins to run migrations and takes over what runs that ended left, and what others leave later, paused: what became of
// the steps that were under way is found out, nothing is begun before somebody resumes. What this run may not carry on is left to
// others and shown, as is what they carry on. An error tells that there is something that could not be taken over yet, which is said,
// too; it is tried again. Everything ends with ctx or with Close.
func (r *Runner) Start(ctx context.Context) error {
	if !r.open(ctx) {
		return nil
	}
	err := r.lookAtOthers(ctx)
	if err != nil {
		r.fleet.Say(fleet.Warn, "what other runs have of migrations could not be read, which is tried again: "+appliance.Reason(err))
	}
	r.spawn("looking at what others have", r.neighbours)
	return err
}

// StartFor is Start for a run that is about the named migrations only, or about none: all else is left to others.
func (r *Runner) StartFor(ctx context.Context, ids ...string) error {
	if !r.open(ctx) || len(ids) == 0 {
		return nil
	}
	return r.adopt(ctx, ids...)
}

// open reports whether it was the first.
func (r *Runner) open(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx != nil {
		return false
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return true
}

// spawn runs f beside everything else; should our own code fail, that is told and all else goes on.
func (r *Runner) spawn(doing string, f func()) {
	r.running.Go(func() {
		defer func() {
			if what := recover(); what != nil {
				r.log.Error("migration: our code failed", "doing", doing, "panic", fmt.Sprint(what))
				r.fleet.Say(fleet.Alarm, "migrations: our own code failed while "+doing+"; look at them")
			}
		}()
		f()
	})
}

// adopt takes over those that runs that ended left.
func (r *Runner) adopt(ctx context.Context, ids ...string) error {
	left, err := r.store.AdoptMigrations(ctx, ids...)
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
	if why := r.whyNot(p, plan.Verb); why != "" {
		return "", fmt.Errorf("%w: %s", ErrNotNow, why)
	}
	if why := r.whyNot(p, appliance.VerbDelete); plan.Careful && why != "" {
		return "", fmt.Errorf("%w: the originals cannot be deleted: %s", ErrNotNow, why)
	}
	r.mu.Lock()
	runs := r.ctx != nil && r.ctx.Err() == nil
	r.mu.Unlock()
	if !runs {
		return "", fmt.Errorf("%w: %w", ErrNotNow, fleet.ErrClosed)
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

// whyNot is why the person may give no such order; empty = may. What an appliance does not let be done, the fleet says.
func (r *Runner) whyNot(p policy.Person, verb appliance.Verb) string {
	return policy.WhyNot(p, r.rules, verb)
}

// launch is start for who does not hold r.mu.
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
	r.spawn("running migration "+m.rec.ID, func() { m.loop(r.ctx) })
	m.tell()
	return nil
}

// takeOver goes on with a migration of an ended run as far as finding out goes.
func (r *Runner) takeOver(rec Record) error {
	if rec.State == StateRunning {
		rec.State, rec.Note = StatePaused, "the run before ended; resume goes on with it"
	}
	m := newRun(r, r.heir, rec)
	r.fleet.Say(fleet.Warn, fmt.Sprintf("migration %s of an earlier run (%s) can be resumed: %s", rec.ID, rec.Plan.Words(), m.rec.Tally()))
	return r.launch(m)
}

// order carries out an operator's word on a run.
func (r *Runner) order(p policy.Person, doing, id string, f func(*run) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.runs[id]
	if m == nil {
		for _, v := range r.Board() {
			switch {
			case v.ID != id:
			case v.Elsewhere != "":
				return fmt.Errorf("%w: %s", ErrNotNow, v.Elsewhere)
			default:
				return notNow("migration", v.State)
			}
		}
		return fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if why := r.whyNot(p, m.rec.Plan.Verb); why != "" {
		return fmt.Errorf("%w: %s", ErrNotNow, why)
	}
	defer m.tell()
	if err := f(m); err != nil {
		return err
	}
	r.fleet.Say(fleet.Info, fmt.Sprintf("%s %s migration %s", p.Name, doing, id))
	m.nudge()
	if !m.loops {
		return r.start(m)
	}
	m.live = true
	m.wake()
	return nil
}

func (r *Runner) orderStep(p policy.Person, doing, id string, n int, f func(*run, *Step) error) error {
	return r.order(p, fmt.Sprintf("%s step %d of", doing, n+1), id, func(m *run) error {
		if n < 0 || n >= len(m.rec.Steps) {
			return fmt.Errorf("%w: %q has no step %d", ErrUnknown, id, n+1)
		}
		return f(m, &m.rec.Steps[n])
	})
}

// over reports whether an error only says that this run ends.
func over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, fleet.ErrClosed) || errors.Is(err, context.Canceled)
}
