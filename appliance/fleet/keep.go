package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// keeping has a lock extended by itself until told otherwise (faults.md LCK-04 to LCK-06).
type keeping struct {
	by    policy.Person
	scope appliance.Scope
	ttl   time.Duration     // asked for each time, before its mark
	until appliance.Reading // zero = until told otherwise
	job   appliance.JobID   // it ends with this job; empty = with none
	lock  appliance.LockID  // the one that covers now; empty = none does
	// broken is the latest moment at which it was covered, while it is not.
	broken appliance.Reading
	retry
	trouble string // why the latest try failed
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
	before := slices.Clone(x.claims.keeps)
	fresh := x.newKeeping(x.p, o, x.act.Until)
	fresh.job = x.act.Job
	x.claims.keeps = append(slices.DeleteFunc(x.claims.keeps, func(old *keeping) bool { return old == k }), fresh)
	x.claims.dirty[id] = true
	x.mu.Unlock()
	if err := x.flush(x.life); err != nil {
		x.mu.Lock()
		x.claims.keeps = before
		x.claims.dirty[id] = true
		x.mu.Unlock()
		return Result{}, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	x.redraw()
	return Result{Text: fmt.Sprintf("keeps %s%s", name(o.lock), fresh.span()), Lock: id}, nil
}

// newKeeping keeps a lock as it was asked for. The caller holds w.mu.
func (w *watcher) newKeeping(p policy.Person, o *own, until time.Time) *keeping {
	k := &keeping{by: p, scope: o.lock.Scope, ttl: o.ttl, lock: o.lock.ID}
	if marked(k.ttl) && k.ttl > time.Minute {
		k.ttl = k.ttl.Truncate(time.Minute)
	}
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
	k := x.keepOf(x.act.Lock.ID)
	if k != nil {
		x.stopKeeping(k)
	}
	x.mu.Unlock()
	x.redraw()
	if k == nil {
		return Result{}, refuse("it is not kept")
	}
	return Result{Text: fmt.Sprintf("no longer keeps %s: it lasts to its end", name(x.act.Lock)), Lock: x.act.Lock.ID}, nil
}

// stopKeeping ends a keeping. The caller holds w.mu.
func (w *watcher) stopKeeping(k *keeping) {
	w.claims.keeps = slices.DeleteFunc(slices.Clone(w.claims.keeps), func(x *keeping) bool { return x == k })
	if k.lock != "" {
		w.claims.dirty[k.lock] = true
	}
}

// Unkeep stops all keeping, as when the operator leaves and wants the locks to end.
func (e *Engine) Unkeep() {
	for _, w := range e.watchers {
		w.mu.Lock()
		for _, k := range w.claims.keeps {
			w.stopKeeping(k)
		}
		w.mu.Unlock()
		w.redraw()
	}
}

// redraw brings the rows up to date.
func (w *watcher) redraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.showLocks()
	w.publish()
}

// uncover notes that a kept lock ended before another took its place. What can be taken beside others' locks is taken anew,
// and the gap told then; an exclusive lock is for the operator to take, who first compares what was changed meanwhile
// (faults.md LCK-06, LCK-10). The caller holds w.mu.
func (w *watcher) uncover(k *keeping, o *own) {
	k.lock = ""
	k.broken = o.lastSeen()
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
	return slices.ContainsFunc(w.tasks.Jobs, func(j appliance.Job) bool { return j.ID == k.job && j.Phase.Ended() })
}

// timeFor reports whether a kept lock is to be extended now, and may be: from half of its time on (faults.md LCK-04).
func (w *watcher) timeFor(k *keeping, now appliance.Reading) bool {
	if !w.s.State.Answers() || !w.unsure.IsZero() {
		return false
	}
	if k.lock == "" {
		return true
	}
	o := w.claims.own[k.lock]
	return o != nil && o.owed == nil && o.term.Known && now.Run >= o.term.ExtendFrom() && (k.until.IsZero() || k.until.Run > o.term.End)
}

// extendKept extends a kept lock once, or takes it anew.
func (w *watcher) extendKept(ctx context.Context, k *keeping) {
	w.mu.Lock()
	act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: k.scope.Code}}
	if o := w.claims.own[k.lock]; o != nil {
		act.Verb, act.Lock = appliance.VerbExtend, o.lock
	}
	if rules := w.locker.LockRules(); rules.ChooseTTL {
		act.Claim.TTL = Mark(k.ttl, rules.MaxTTL, w.e.dice.share())
	}
	by := k.by
	w.mu.Unlock()
	r, err := w.e.do(ctx, by, w.name, act, true)
	w.mu.Lock()
	defer w.mu.Unlock()
	k.settle(w, r, err)
	w.showLocks()
	w.publish()
}

// settle takes over what came of a try. The caller holds w.mu.
func (k *keeping) settle(w *watcher, r Result, err error) {
	if err == nil && k.lock == "" {
		k.lock = r.Lock
		w.claims.dirty[r.Lock] = true
		if o := w.claims.own[r.Lock]; o != nil {
			w.tellGap(k.scope, k.broken, o.granted.Received)
			k.broken = appliance.Reading{}
		}
	}
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

// warnings before the end of a lock, by what is left of its time; the last is given when it cannot be relied on any more
// (faults.md LCK-05).
var warnings = [...]struct {
	share float64
	level Level
}{{0.25, Warn}, {0.10, Alarm}}

// warn tells once each that a lock of ours comes to its end. One that is being replaced or given back does not matter. The
// caller holds w.mu.
func (w *watcher) warn(now appliance.Reading) {
	for id, o := range w.claims.own {
		if !o.term.Known || o.owed != nil || w.successor(id) != nil {
			continue
		}
		state, left := o.term.At(now)
		k, share := w.keepOf(id), o.term.Share(now)
		why := ""
		if k != nil {
			why = ": it is kept, and could not be extended yet"
			if k.trouble != "" {
				why += " (" + k.trouble + ")"
			}
		}
		if state != lease.Held {
			if k != nil && o.warned <= len(warnings) {
				o.warned = len(warnings) + 1
				w.ring(Alarm, fmt.Sprintf("lock %s is lost, for all that may be relied on%s", name(o.lock), why))
			}
			continue
		}
		for o.warned < len(warnings) && share <= warnings[o.warned].share {
			o.warned++
			if o.warned < len(warnings) && share <= warnings[o.warned].share {
				continue // the next one says more
			}
			w.ring(warnings[o.warned-1].level, fmt.Sprintf("lock %s ends in %s, at %s%s", name(o.lock), rough(left), at(o.term.EndsWall), why))
		}
	}
}
