package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// keeping has a lock extended by itself until told otherwise (faults.md LCK-04 to LCK-06).
type keeping struct {
	wish
	scope appliance.Scope
	lock  appliance.LockID // the one that covers now; empty = none does
	// broken is the latest moment at which it was covered, while it is not; was is the lock that covered it by then, under which
	// the journal knows of it meanwhile.
	broken appliance.Reading
	was    appliance.LockID
	unseen bool // that its job is not listed was told
	retry
	trouble string // why the latest try failed
}

// wish is how somebody wants a lock to be kept.
type wish struct {
	by policy.Person
	// purpose is what the lock is for, which the next one is then for as well.
	purpose string
	ttl     time.Duration     // asked for each time, before its mark
	until   appliance.Reading // zero = until told otherwise
	job     appliance.JobID   // it ends with this job; empty = with none
}

// mostAtOnce is how many locks of one appliance are extended at the same time.
const mostAtOnce = 4

// keepOf is what keeps a lock; nil = nothing does. The caller holds w.mu.
func (w *watcher) keepOf(id appliance.LockID) *keeping {
	for _, k := range w.claims.keeps {
		if k.lock == id && id != "" {
			return k
		}
	}
	return nil
}

// keep begins to keep a lock of ours, or changes until when.
func (x *errand) keep() (Result, error) {
	x.mu.Lock()
	id := x.act.Lock.ID
	o, k := x.claims.own[id], x.keepOf(id)
	if o == nil {
		x.mu.Unlock()
		return Result{}, refuse("it is not yours any more")
	}
	fresh := x.newKeeping(x.p, o, x.act.Until)
	fresh.job = x.act.Job
	back := func() { x.stopKeeping(fresh) }
	if k == nil {
		x.claims.keeps = append(slices.Clone(x.claims.keeps), fresh)
	} else { // an extension of it may be under way
		before := k.wish
		k.wish = fresh.wish
		back = func() { k.wish = before }
	}
	x.claims.dirty[id] = true
	text := fmt.Sprintf("began to keep %s%s", name(o.lock), fresh.span())
	x.mu.Unlock()
	err := x.flush(x.life)
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.publish()
	defer x.showLocks()
	if err != nil {
		back()
		x.claims.dirty[id] = true
		return Result{}, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return Result{Text: text, Lock: id}, nil
}

// newKeeping keeps a lock as it was asked for. The caller holds w.mu.
func (w *watcher) newKeeping(p policy.Person, o *own, until time.Time) *keeping {
	k := &keeping{wish: wish{by: p, purpose: o.purpose, ttl: unmark(o.ttl)}, scope: o.lock.Scope, lock: o.lock.ID}
	if !until.IsZero() {
		now := w.e.clock.Now()
		k.until = ahead(now, until.Sub(now.Wall))
	}
	return k
}

// span is until when it is kept, as the end of a sentence.
func (k *keeping) span() string {
	switch {
	case k.job != "":
		return fmt.Sprintf(" until job %s ends", appliance.Label(string(k.job)))
	case !k.until.IsZero():
		return " until " + at(k.until.Wall)
	default:
		return " until told otherwise"
	}
}

// unkeep stops keeping a lock; it then lasts to its end.
func (x *errand) unkeep() (Result, error) {
	x.mu.Lock()
	k := x.wishFor(x.act.Lock.ID)
	if k != nil {
		x.stopKeeping(k)
	}
	x.mu.Unlock()
	x.redraw()
	if k == nil {
		return Result{}, refuse("it is not kept")
	}
	return Result{Text: fmt.Sprintf("stopped keeping %s: it lasts to its end", name(x.act.Lock)), Lock: x.act.Lock.ID}, nil
}

// stopKeeping ends a keeping. The caller holds w.mu.
func (w *watcher) stopKeeping(k *keeping) {
	w.claims.keeps = slices.DeleteFunc(slices.Clone(w.claims.keeps), func(x *keeping) bool { return x == k })
	w.record(k)
}

// record has the journal know how a keeping stands. The caller holds w.mu.
func (w *watcher) record(k *keeping) {
	for _, id := range []appliance.LockID{k.lock, k.was} {
		if id != "" {
			w.claims.dirty[id] = true
		}
	}
}

// wishFor is what keeps a lock, or has another one taken for it since it ended; nil = nothing does. The caller holds w.mu.
func (w *watcher) wishFor(id appliance.LockID) *keeping {
	if k := w.keepOf(id); k != nil {
		return k
	}
	return w.retaking(id)
}

// retaking is what has another lock taken for one that ended; nil = nothing does. The caller holds w.mu.
func (w *watcher) retaking(id appliance.LockID) *keeping {
	for _, k := range w.claims.keeps {
		if k.lock == "" && k.was == id && id != "" {
			return k
		}
	}
	return nil
}

// Unkeep stops all keeping, as when the operator leaves and wants the locks to end. Errors are those of the journal, in which
// case a later run keeps them further.
func (e *Engine) Unkeep(ctx context.Context) error {
	var failed error
	for _, w := range e.watchers {
		w.mu.Lock()
		for _, k := range w.claims.keeps {
			w.stopKeeping(k)
		}
		w.mu.Unlock()
		w.redraw()
		failed = errors.Join(failed, w.flush(ctx))
	}
	return failed
}

// redraw brings the rows up to date.
func (w *watcher) redraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.showLocks()
	w.publish()
}

// cover has another lock of ours be the one that covers what is kept, and tells for how long none did. The caller holds w.mu.
func (w *watcher) cover(k *keeping, o *own) {
	if k.lock == "" {
		w.tellGap(k.scope, k.broken, o.granted.Received)
		o.replaces = k.was // for a later run, to which the journal may have told this lock before the end of that one
	}
	w.record(k)
	k.lock, k.broken, k.was = o.lock.ID, appliance.Reading{}, ""
	o.purpose = cmp.Or(k.purpose, o.purpose)
	w.record(k)
}

// uncover notes that a kept lock ended before another took its place. What can be taken beside others' locks is taken anew,
// and the gap told then; an exclusive lock is for the operator to take, who first compares what was changed meanwhile
// (faults.md LCK-06, LCK-10). The caller holds w.mu.
func (w *watcher) uncover(k *keeping, o *own, now appliance.Reading) {
	k.lock, k.was = "", o.lock.ID
	k.broken = o.covered(now)
	w.record(k)
	if o.lock.Exclusive {
		w.stopKeeping(k)
	}
}

// keepOn has those locks extended that it is time for, and ends keepings that are over. The caller holds w.mu.
func (w *watcher) keepOn(now appliance.Reading) {
	running := 0
	for _, k := range w.claims.keeps {
		if k.busy {
			running++
		}
	}
	for _, k := range slices.Clone(w.claims.keeps) {
		switch {
		case k.busy:
		case k.over(w, now):
			w.stopKeeping(k)
			w.showLocks()
			w.event(Info, fmt.Sprintf("lock about %s is no longer kept: it was to be%s", k.scope, k.span()))
		case running < mostAtOnce && now.Run >= k.next && w.timeFor(k, now):
			running++
			k.busy = true
			w.spawn(func(ctx context.Context) { w.extendKept(ctx, k) })
		}
	}
}

// over reports whether a lock need not be kept any longer.
func (k *keeping) over(w *watcher, now appliance.Reading) bool {
	if !k.until.IsZero() && now.Run >= k.until.Run {
		return true
	}
	if k.job == "" {
		return false
	}
	at := slices.IndexFunc(w.tasks.Jobs, func(j appliance.Job) bool { return j.ID == k.job })
	if at < 0 && !k.unseen && !w.tasks.Stamp.Sent.IsZero() { // it may run for all that (faults.md JOB-07)
		k.unseen = true
		w.ring(Warn, fmt.Sprintf("job %s, until whose end the lock about %s is kept, is not listed: it is kept until told otherwise",
			appliance.Label(string(k.job)), k.scope))
	}
	return at >= 0 && w.tasks.Jobs[at].Phase.Ended()
}

// timeFor reports whether a kept lock is to be extended now, and may be: from half of its time on (faults.md LCK-04).
func (w *watcher) timeFor(k *keeping, now appliance.Reading) bool {
	if !w.s.State.Answers() {
		return false
	}
	o := w.claims.own[k.lock]
	switch {
	case w.mustWait(k, o, now):
		return false
	case k.lock == "":
		return true
	case o == nil || o.owed != nil:
		return false
	case !o.term.Known: // inherited, and the appliance does not tell how long it lasts
		return o.listed
	}
	need := k.until.IsZero() || k.until.Run > o.term.End
	return need && now.Run >= o.term.ExtendFrom() && o.term.End-now.Run <= k.ttl
}

// mustWait reports whether a request for the lock, whose answer was lost, is to be given time to take effect before another
// one is sent. It is while the lock lasts that long; else a second one is sent at once, and further ones when the first had
// time to be listed: a surplus lock does no harm, and is given back (faults.md LCK-02, LCK-03). The caller holds w.mu.
func (w *watcher) mustWait(k *keeping, o *own, now appliance.Reading) bool {
	sent, latest := 0, time.Duration(0)
	for _, d := range w.claims.doubts {
		if d.keep == k {
			sent++
			latest = max(latest, d.sent.Run)
		}
	}
	full := latest + w.patience()
	switch {
	case sent == 0:
		return false
	case o != nil && o.term.Known && full <= o.term.HeldUntil:
		return now.Run < full
	}
	return sent > 1 && now.Run < latest+2*w.m.Intervals.Locks
}

// extendKept extends a kept lock once, or takes it anew.
func (w *watcher) extendKept(ctx context.Context, k *keeping) {
	var r Result
	err := errFailed // if something of ours panics
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		k.settle(w, r, err)
		w.showLocks()
		w.publish()
	}()
	w.mu.Lock()
	act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: k.scope.Code}}
	if o := w.claims.own[k.lock]; o != nil {
		act.Verb, act.Lock = appliance.VerbExtend, o.lock
	}
	if rules := w.locker.LockRules(); rules.ChooseTTL {
		act.Claim.TTL = w.freshMark(k.ttl, rules.MaxTTL)
	}
	by := k.by
	w.mu.Unlock()
	r, err = w.e.do(ctx, w.name, errand{p: by, act: act, auto: true, keeping: k})
}

// errFailed: we failed at something ourselves, which the log tells.
var errFailed = errors.New("our engine failed at it")

// settle takes over what came of a try. The caller holds w.mu.
func (k *keeping) settle(w *watcher, r Result, err error) {
	if err == nil && !r.Unproven {
		k.retry, k.trouble = retry{}, ""
		return
	}
	k.again(w.e, k.ttl)
	if err == nil {
		return
	}
	if why := appliance.Reason(err); why != k.trouble {
		k.trouble = why
		if !errors.Is(err, ErrRefusedByUs) {
			w.event(Warn, fmt.Sprintf("the kept lock about %s could not be extended, which is tried again: %s", k.scope, why))
		}
	}
}
