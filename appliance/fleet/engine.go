// Package fleet is the engine: it watches every appliance, keeps the newest snapshot of each, carries out what operators
// ask for, and tells every viewer. It outlives every screen and knows none.
//
// One watcher per appliance holds what is known of it. One scheduler wakes the watchers in batches, a bounded number of
// workers ask. Snapshots are immutable values; a viewer's mailbox holds at most the newest one of each appliance, and
// events are a numbered log that a viewer reads from where it stopped, so that nobody is ever waited for.
package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/policy"
)

// Errors of the engine itself, for errors.Is.
var (
	// ErrRefusedByUs: a rule of ours (role, read-only, a guard, what the newest snapshot says) forbids the act. Nothing
	// was sent.
	ErrRefusedByUs = errors.New("refused")
	// ErrJournal: the intent could not be recorded, so nothing was sent (faults.md I6).
	ErrJournal = errors.New("journal not writable")
	// ErrClosed: the engine, or the viewer, has ended.
	ErrClosed = errors.New("closed")
	// ErrStopped: a wait was ended before the lock was ours.
	ErrStopped = errors.New("stopped waiting")
	// ErrNotOurs: what a journal is told to settle, or is over, is not in it, or another engine answers for it; to say it again
	// changes nothing.
	ErrNotOurs = errors.New("not an intent of this engine")
)

// Member is one appliance of the fleet and what the settings say of it.
type Member struct {
	Appliance   appliance.Appliance // nil with Broken
	Name        string
	Kind        appliance.Kind
	Address     string // by which a push to it names it
	MountPoints []appliance.Location
	ReadOnly    bool
	Intervals   Intervals
	// Broken is why no client could be made: the row says so, everything else goes on.
	Broken error
}

// Intervals are the times between two looks at one thing; zero = the default.
type Intervals struct {
	Locks    time.Duration // 10 s
	Jobs     time.Duration // 10 s
	JobsBusy time.Duration // 2 s, while a job may still change
	Backups  time.Duration // 60 s
	Health   time.Duration // 60 s
}

// Warnings say how early to warn; zero = the default.
type Warnings struct {
	PasswordDays    int           // 14
	CertificateDays int           // 14
	BackupAge       time.Duration // 8 days
}

// Options make an engine.
type Options struct {
	ID       string   // of the engine, unique among all that ever ran, as NewID makes one; empty = a new one
	Members  []Member // their names must differ
	Clock    *clock.Clock
	Journal  Journal // nil = a Memory
	ReadOnly bool    // nothing may be changed in this run
	Warn     Warnings
	Log      *slog.Logger // nil = no log
	Seed     uint64       // of jitter and phases; 0 = a random one
	// Adopt takes over what engines that run no more left.
	Adopt bool
	// AdoptFor is who runs this engine: what he may not do is not taken over, and nothing of it is done by more than his role. The
	// zero person is an operator.
	AdoptFor policy.Person
	// AdoptOnly is a lock, by its id or its scope, of a run that is about nothing else; empty = everything is taken over.
	AdoptOnly string
	// Purpose is what the locks of this engine are for, when that is one thing; whoever takes them over keeps them no further.
	Purpose string
	Workers int // polls at once; 0 = 64
}

// Engine is one running fleet.
type Engine struct {
	id       string
	clock    *clock.Clock
	journal  Journal
	readOnly bool
	adopt    bool
	heir     policy.Person
	only     Only
	purpose  string
	said     string // the last trouble with what others left; for one goroutine only
	warn     Warnings
	log      *slog.Logger
	board    *board
	sched    *scheduler
	dice     *dice
	failure  atomic.Pointer[string] // what something of ours said that panicked last
	readings atomic.Uint64          // of what other engines have
	moved    atomic.Int64           // how far the clock was moved in all, as of the last tick
	net      time.Duration          // the same with its sign; for tick only
	watchers []*watcher
	byName   map[string]*watcher
	// lookedAround is closed once it was looked for the first time what others left and hold.
	lookedAround chan struct{}

	mu      sync.Mutex // guards the fields below
	ctx     context.Context
	cancel  context.CancelFunc
	closed  bool
	running sync.WaitGroup
}

// NewID makes the id of an engine: ten lower-case letters and digits by chance.
func NewID() string { return strings.ToLower(rand.Text()[:10]) }

// New makes an engine that does nothing yet. Two members of one name, or a member without a client and without a reason,
// are errors.
func New(o Options) (*Engine, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Journal == nil {
		o.Journal = &Memory{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ID == "" {
		o.ID = NewID()
	}
	if o.AdoptFor == (policy.Person{}) {
		o.AdoptFor.Role = policy.Operator
	}
	if o.Seed == 0 {
		o.Seed = randv2.Uint64()
	}
	e := &Engine{
		id:       o.ID,
		clock:    o.Clock,
		journal:  o.Journal,
		readOnly: o.ReadOnly,
		adopt:    o.Adopt,
		heir:     o.AdoptFor,
		purpose:  o.Purpose,
		warn:     o.Warn.withDefaults(),
		log:      o.Log,
		board:    newBoard(),
		dice:     newDice(o.Seed),
		byName:   map[string]*watcher{},

		lookedAround: make(chan struct{}),
	}
	e.only = e.about(o.AdoptOnly)
	step := o.Clock.Steps()
	e.net = step.Net
	e.moved.Store(int64(step.Moved))
	e.sched = newScheduler(o.Workers, e.tick)
	for i, m := range o.Members {
		switch {
		case m.Name == "":
			return nil, fmt.Errorf("appliance %d has no name", i+1)
		case e.byName[m.Name] != nil:
			return nil, fmt.Errorf("two appliances are named %q", m.Name)
		case m.Appliance == nil && m.Broken == nil:
			return nil, fmt.Errorf("appliance %q has no client", m.Name)
		}
		w := newWatcher(e, i, m)
		e.watchers = append(e.watchers, w)
		e.byName[m.Name] = w
	}
	return e, nil
}

func (w Warnings) withDefaults() Warnings {
	if w.PasswordDays == 0 {
		w.PasswordDays = 14
	}
	if w.CertificateDays == 0 {
		w.CertificateDays = 14
	}
	if w.BackupAge == 0 {
		w.BackupAge = 8 * 24 * time.Hour
	}
	return w
}

// Start begins to watch; polls and acts end with ctx or with Close, viewers with Close. A second call does nothing.
func (e *Engine) Start(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx != nil || e.closed {
		return
	}
	e.ctx, e.cancel = context.WithCancel(ctx)
	for _, w := range e.watchers {
		if w.client != nil {
			e.sched.add(w, w.lanes, e.dice.upTo(time.Minute))
		}
	}
	e.run(func(ctx context.Context) { e.sched.run(ctx, &e.running) })
	if e.adopt || !e.readOnly {
		e.run(e.neighbours)
	}
}

// Close ends every poll and every act under way, waits for them, has the journal know how things stand, and ends every viewer.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	if e.cancel != nil {
		e.cancel()
	}
	e.mu.Unlock()
	e.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	for _, w := range e.watchers {
		_ = w.flushBy(ctx) // a failure is told
	}
	e.board.close()
}

// enter lets an act in. It returns the context of the engine, and must be followed by e.running.Done.
func (e *Engine) enter() (context.Context, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.ctx == nil || e.ctx.Err() != nil {
		return nil, fmt.Errorf("%w: the engine is not running: %w", ErrRefusedByUs, ErrClosed)
	}
	e.running.Add(1)
	return e.ctx, nil
}

// ID is this engine's name, different for every run.
func (e *Engine) ID() string { return e.id }

// Names are the appliances, in order of configuration.
func (e *Engine) Names() []string {
	names := make([]string, len(e.watchers))
	for i, w := range e.watchers {
		names[i] = w.name
	}
	return names
}

// Clock is the engine's clock; ages and countdowns are told by it.
func (e *Engine) Clock() *clock.Clock { return e.clock }

// ReadOnly reports whether nothing may be changed in this run.
func (e *Engine) ReadOnly() bool { return e.readOnly }

// Snapshot is the newest of one appliance; nil only for a name that there is not.
func (e *Engine) Snapshot(name string) *Snapshot {
	if w := e.byName[name]; w != nil {
		return w.snap.Load()
	}
	return nil
}

// Snapshots are the newest of all, in order of configuration.
func (e *Engine) Snapshots() []*Snapshot {
	all := make([]*Snapshot, len(e.watchers))
	for i, w := range e.watchers {
		all[i] = w.snap.Load()
	}
	return all
}

// Look looks again now, at one appliance or, with an empty name, at all. One that rejected our credentials, or whose
// password could not be had, is tried once more, at most once in thirty seconds (faults.md TOK-05).
func (e *Engine) Look(name string) {
	for _, w := range e.watchers {
		if (name == "" || name == w.name) && w.client != nil && w.retry() {
			e.sched.wake(w, w.lanes)
		}
	}
}

// Events are the events after the given number, oldest first; of many, the newest most (0 = all). Should some be
// forgotten that were asked for, an event in their place says how many.
func (e *Engine) Events(after uint64, most int) []Event {
	return e.board.events(after, most)
}

// Explain tells which requests an act will send; nil where the appliance's client cannot tell.
func (e *Engine) Explain(name string, act appliance.Act) []appliance.Call {
	if w := e.byName[name]; w != nil {
		if x, ok := w.client.(appliance.Explainer); ok {
			return x.Explain(act)
		}
	}
	return nil
}

// Trace tells the last requests to an appliance, those after the given number, oldest first.
func (e *Engine) Trace(name string, after uint64) []appliance.Exchange {
	if w := e.byName[name]; w != nil {
		if x, ok := w.client.(appliance.Tracer); ok {
			return x.Trace(after)
		}
	}
	return nil
}

// LockRules says what may be claimed there; the zero rules where there are no locks.
func (e *Engine) LockRules(name string) appliance.LockRules {
	if w := e.byName[name]; w != nil && w.locker != nil {
		return w.locker.LockRules()
	}
	return appliance.LockRules{}
}

// event adds one to the log. Its text may quote an appliance, at any length.
func (e *Engine) event(level Level, name, who, text string) {
	e.tell(Event{Level: level, Appliance: name, Who: who, Text: text})
}

func (e *Engine) tell(ev Event) {
	ev.At, ev.Text = e.clock.Now(), appliance.Words(ev.Text).String()
	e.board.add(ev)
	e.log.Info("event", "level", ev.Level.String(), "appliance", ev.Appliance, "who", ev.Who, "text", ev.Text)
}

// Say adds an event that happened by itself and is about the whole fleet.
func (e *Engine) Say(level Level, text string) { e.event(level, "", "", text) }

// dice are the engine's random numbers.
type dice struct {
	mu sync.Mutex
	r  *randv2.Rand
}

func newDice(seed uint64) *dice { return &dice{r: randv2.New(randv2.NewPCG(seed, seed))} }

// share is a random number in [0, 1).
func (d *dice) share() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64()
}

// upTo is a random duration in [0, d).
func (d *dice) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.r.Int64N(int64(limit)))
}
