package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/appliance"
)

const (
	callTimeout = 30 * time.Second // of one call of a poll
	slowAfter   = 2 * time.Second  // an appliance that takes longer is called slow
	roundTrips  = 8                // how many of the latest are remembered for the lease's margin
)

// watcher is all that is known of one appliance. It runs no goroutine of its own.
type watcher struct {
	e      *Engine
	order  int
	name   string
	m      Member
	client appliance.Appliance // nil when the settings cannot work
	lanes  lanes               // what can be asked of it

	locker      appliance.Locker
	renewer     appliance.Renewer
	settler     appliance.Settler
	doubter     appliance.Doubter
	lockGetter  appliance.LockGetter
	jobGetter   appliance.JobGetter
	backups     appliance.BackupStore
	repository  appliance.Repository
	jobs        appliance.JobSource
	transferrer appliance.Transferrer
	deleter     appliance.BackupDeleter
	able        able

	snap    atomic.Pointer[Snapshot]
	failure atomic.Pointer[string] // what something of ours said that panicked here last
	// writing has room for the one who tells the journal what is ours; never waited for with mu held.
	writing chan struct{}

	mu sync.Mutex // guards everything below; never held while an appliance or the journal is waited for
	// s is the working copy of the snapshot. Its slices are replaced, never changed, since published ones share them.
	s       Snapshot
	content bool                         // s differs from what viewers were told
	told    [laneCount]appliance.Reading // age of each part as viewers were last told it
	fails   [laneCount]error             // how the last try of each lane ended
	trips   [roundTrips]time.Duration    // ring of round trips
	trip    int                          // next place in it
	line    line                         // the connection: strikes, tries, outage
	unsure  appliance.Reading            // our clock stepped then and the locks were not listed since; zero = no
	claims  claims                       // locks of ours
	others  others                       // what other engines of ours have here
	// stopWait ends the wait for its lock that is under way.
	stopWait context.CancelCauseFunc
	backlog  backlog
	follows  map[uint64]*followed // by intent
	asks     map[uint64]bool      // requests of this run that have a ref, by intent
	// unsettled tells that the client could not find out how its last request about its lock ended.
	unsettled bool
	question  retry  // of finding that out
	asker     string // whose request it was
	unwanted  bool   // whoever wanted the lock gave it up meanwhile: what came of the request is given back
	// unanswered are the intents about that lock, one of each verb, that stay open until that is found out, by this engine or by the
	// next one, which takes up the token.
	unanswered map[appliance.Verb]uint64
	listed     appliance.LockList   // the last listing of locks
	tasks      appliance.JobList    // the last listing of jobs
	stock      appliance.BackupList // the last listing of backups
	// backupAt is where each backup stands in s.Backups, so that a key is never looked for among a hundred thousand.
	backupAt map[appliance.BackupID]int
	started  map[appliance.JobID]*started               // transfers of ours by job
	checks   []*check                                   // transfers whose outcome the next listings tell
	jobless  []*check                                   // those that are settled and whose job nobody told; see contested
	guard    map[string]Doing                           // acts under way by target
	asked    map[appliance.BackupID]*appliance.Transfer // transfers that are being sent
	restored bool                                       // a restore of ours ran, after which it may show another key
}

func newWatcher(e *Engine, order int, m Member) *watcher {
	m.Intervals = m.Intervals.withDefaults()
	w := &watcher{
		e: e, order: order, name: m.Name, m: m, client: m.Appliance,
		claims:  newClaims(),
		writing: make(chan struct{}, 1),
		backlog: backlog{transits: map[uint64]news{}},
		follows: map[uint64]*followed{},
		asks:    map[uint64]bool{},
		started: map[appliance.JobID]*started{},
		guard:   map[string]Doing{},
		asked:   map[appliance.BackupID]*appliance.Transfer{},
	}
	if m.Broken != nil {
		w.client = nil
	}
	if w.client != nil {
		w.lanes = of(laneHealth)
	}
	w.findAbilities()
	w.s = Snapshot{
		Name: m.Name, Kind: m.Kind, Order: order, Since: e.clock.Now(), ReadOnly: m.ReadOnly || e.readOnly,
		Address: m.Address, MountPoints: m.MountPoints, Can: w.can(),
	}
	w.s.Health.PasswordDays = -1
	w.s.Space = appliance.Space{Used: -1, Total: -1}
	for l := range laneCount {
		w.part(l).StaleAfter = 3*w.interval(l) + 5*time.Second
	}
	if m.Broken != nil {
		w.s.State, w.s.Trouble = StateMisset, printable(m.Broken)
		w.s.Advice = "correct the settings of this appliance and start again"
	}
	w.content = true
	w.publish()
	return w
}

func (i Intervals) withDefaults() Intervals {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
		*d = max(*d, grid)
	}
	set(&i.Locks, 10*time.Second)
	set(&i.Jobs, 10*time.Second)
	set(&i.JobsBusy, 2*time.Second)
	set(&i.Backups, time.Minute)
	set(&i.Health, time.Minute)
	return i
}

// findAbilities asks the client for the small interfaces.
func (w *watcher) findAbilities() {
	if w.client == nil {
		return
	}
	if x, ok := w.client.(appliance.Locker); ok {
		w.locker, w.lanes = x, w.lanes|of(laneLocks)
	}
	if x, ok := w.client.(appliance.JobSource); ok {
		w.jobs, w.lanes = x, w.lanes|of(laneJobs)
	}
	if x, ok := w.client.(appliance.BackupStore); ok {
		w.backups, w.lanes = x, w.lanes|of(laneBackups)
	}
	if x, ok := w.client.(appliance.Repository); ok {
		w.repository, w.lanes = x, w.lanes|of(laneBackups)
	}
	w.renewer, _ = w.client.(appliance.Renewer)
	w.settler, _ = w.client.(appliance.Settler)
	w.doubter, _ = w.client.(appliance.Doubter)
	w.lockGetter, _ = w.client.(appliance.LockGetter)
	w.jobGetter, _ = w.client.(appliance.JobGetter)
	w.transferrer, _ = w.client.(appliance.Transferrer)
	w.deleter, _ = w.client.(appliance.BackupDeleter)
	w.able.find(w.client)
}

func (w *watcher) can() Can {
	_, explain := w.client.(appliance.Explainer)
	return Can{
		Lock: w.locker != nil, Renew: w.renewer != nil, Backups: w.backups != nil, Transfer: w.transferrer != nil,
		Jobs: w.jobs != nil, Explain: explain,
	}
}

// interval is the time between two looks at a lane, as things are now.
func (w *watcher) interval(l lane) time.Duration {
	switch l {
	case laneHealth:
		return w.m.Intervals.Health
	case laneLocks:
		return w.m.Intervals.Locks
	case laneBackups:
		if w.searching() {
			return min(searchEvery, w.m.Intervals.Backups)
		}
		return w.m.Intervals.Backups
	default:
		if w.busy() {
			return min(w.m.Intervals.JobsBusy, w.m.Intervals.Jobs)
		}
		return w.m.Intervals.Jobs
	}
}

// busy reports whether a job may still change, as far as was last seen.
func (w *watcher) busy() bool {
	for _, s := range w.started {
		if !s.ended {
			return true
		}
	}
	return slices.ContainsFunc(w.tasks.Jobs, func(j appliance.Job) bool { return j.Phase.Live() })
}

// part is where the snapshot tells how a lane stands.
func (w *watcher) part(l lane) *Part {
	return [...]*Part{&w.s.HealthPart, &w.s.LocksPart, &w.s.JobsPart, &w.s.BackupsPart}[l]
}

// poll asks what is due, one lane after the other. An appliance that did not answer is asked one thing first, and
// everything once it does.
func (w *watcher) poll(ctx context.Context, due lanes) plan {
	due &= w.lanes
	w.mu.Lock()
	if w.line.open() {
		w.mu.Unlock()
		return w.rest(never)
	}
	if !w.s.State.Answers() || w.line.strikes > 0 {
		due = w.lanes
	}
	w.mu.Unlock()
	w.listen(ctx)
	asked := lanes(0)
	for l := range laneCount {
		if !due.has(l) {
			continue
		}
		err := w.ask(ctx, l)
		if ctx.Err() != nil {
			return w.rest(never)
		}
		asked |= of(l)
		if p := w.judge(l, err); p != nil {
			return *p
		}
	}
	return w.after(asked)
}

// after ends a poll that was answered.
func (w *watcher) after(asked lanes) plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.review()
	if w.s.Quiet != nil && w.quieting() == nil { // it has just ended
		w.s.Quiet, w.content = nil, true
	}
	if asked.has(laneHealth) && (w.locker == nil || errors.Is(w.fails[laneLocks], appliance.ErrUnsupported)) {
		w.unsure = appliance.Reading{} // there are no locks that could be listed
	}
	p := plan{lanes: asked}
	for l := range laneCount {
		p.after[l] = w.interval(l)
	}
	w.publish()
	return p
}

// rest is the plan of an appliance that does not answer: one probe after the delay, everything else after that.
func (w *watcher) rest(delay time.Duration) plan {
	p := plan{lanes: w.lanes, exact: true, away: true}
	for l := range laneCount {
		p.after[l] = never
	}
	p.after[laneHealth] = delay
	return p
}

// ask makes the calls of one lane and takes over what they told. A client that panics has failed, and nothing else.
func (w *watcher) ask(ctx context.Context, l lane) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			w.panicked(r)
			err = fmt.Errorf("%w: our client for it failed", appliance.ErrMalformed)
		}
	}()
	switch l {
	case laneHealth:
		return w.askHealth(ctx)
	case laneLocks:
		_, err := w.askLocks(ctx)
		return err
	case laneJobs:
		_, err := w.askJobs(ctx)
		return err
	default:
		return w.askBackups(ctx)
	}
}

// publish makes the working copy the newest snapshot. The caller holds w.mu.
//
// The ages alone wake no viewer: a viewer that draws may fetch the newest snapshot at any time. But one that only waits
// for news computes staleness from the ages that it has; so it is told at the latest when the age it knows of any part
// has reached half of what would be stale, which leaves the other half for it to be woken.
func (w *watcher) publish() {
	tell := w.content
	now := w.e.clock.Now()
	for l := range laneCount {
		p := w.part(l)
		tell = tell || (p.At != w.told[l] && now.Since(w.told[l]) >= p.StaleAfter/2)
	}
	w.s.Seq++
	w.s.Unsure = !w.unsure.IsZero()
	n := w.s
	w.snap.Store(&n)
	if !tell {
		return
	}
	w.content = false
	for l := range laneCount {
		w.told[l] = w.part(l).At
	}
	w.e.board.changed(w.order)
}

// worst is the longest of the latest round trips. The caller holds w.mu.
func (w *watcher) worst() time.Duration {
	longest := time.Duration(0)
	for _, t := range w.trips {
		longest = max(longest, t)
	}
	return longest
}

// heard takes over what every answer tells: how long it took, and the appliance's clock. The caller holds w.mu.
func (w *watcher) heard(l lane, stamp appliance.Stamp) {
	at := stamp.Received
	if at.IsZero() {
		at = w.e.clock.Now()
	}
	w.part(l).At = at
	w.took(stamp)
	// A Date is good to a second; smaller changes are noise.
	if skew, ok := stamp.Skew(); ok && (skew-w.s.Skew).Abs() > 2*time.Second {
		w.s.Skew, w.content = skew, true
	}
}

// took notes how long an answer took. What a client tells from memory took no time, and says nothing.
func (w *watcher) took(stamp appliance.Stamp) {
	if !stamp.Sent.IsZero() && stamp.RoundTrip() > 0 {
		w.trips[w.trip%roundTrips] = stamp.RoundTrip()
		w.trip++
		w.s.RoundTrip = stamp.RoundTrip()
	}
}

// panicked logs that the client failed. What it says may quote an appliance.
func (w *watcher) panicked(what any) {
	w.e.log.Error("client failed", "appliance", w.name, "panic", appliance.Words(fmt.Sprint(what)).String())
}

// printable is an error's text, cleaned: it may quote an appliance.
func printable(err error) string { return appliance.Words(err.Error()).String() }
