package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// owed is a release that was asked for. It is tried until the lock is gone (faults.md LCK-08).
type owed struct {
	by    policy.Person
	why   string
	since appliance.Reading
	retry
	trouble string // how the latest try ended
}

// retry is when something is done next by itself.
type retry struct {
	busy  bool
	tries int
	next  time.Duration // run
}

// Pauses between two tries of what is done by itself.
const (
	shortPause = time.Second
	longPause  = 30 * time.Second
)

// again plans the next try: later each time, and sooner for what does not last long.
func (r *retry) again(e *Engine, ttl time.Duration) {
	limit := min(shortPause<<min(r.tries, 6), longPause)
	if ttl > 0 {
		limit = min(limit, max(ttl/50, shortPause))
	}
	r.tries++
	r.busy, r.next = false, e.clock.Now().Run+limit/2+e.dice.upTo(limit/2)
}

// owe notes that a lock of ours is to be given back. The caller holds w.mu.
func (w *watcher) owe(id appliance.LockID, who, why string) {
	o := w.claims.own[id]
	if o == nil || o.owed != nil {
		return
	}
	o.owed = &owed{by: policy.Person{Name: who, Role: policy.Operator}, why: why, since: w.e.clock.Now()}
	w.claims.dirty[id] = true
}

// relieve has old locks given back once the new ones are listed beside them (faults.md LCK-04). When in doubt both stay: a
// surplus lock ends by itself. The caller holds w.mu.
func (w *watcher) relieve(said map[appliance.LockID]word, stamp appliance.Stamp) {
	for id, o := range w.claims.own {
		old := w.claims.own[o.replaces]
		switch {
		case o.replaces == "" || said[id] != wordOurs || stamp.Sent.Run <= o.granted.Received.Run:
			continue
		case old == nil: // ended and told
			o.replaces = ""
			w.claims.dirty[id] = true
			continue
		case said[o.replaces] != wordOurs:
			continue
		}
		w.measure(o)
		w.claims.dirty[id] = true
		if !o.inherited && (!o.term.Known || (old.term.Known && o.term.End < old.term.End)) {
			o.replaces = ""
			if k := w.keepOf(id); k != nil {
				k.lock = old.lock.ID
			}
			w.e.event(Warn, w.name, "", fmt.Sprintf("the new lock %s ends before the old one, which is kept too", name(o.lock)))
			continue
		}
		w.owe(old.lock.ID, o.who, "extended by "+name(o.lock))
		o.replaces = ""
	}
}

// measure holds a lock of ours against what the newest listing says of it.
func (w *watcher) measure(o *own) {
	for _, l := range w.listed.Locks {
		if l.ID == o.lock.ID {
			w.shorten(o, l)
		}
	}
}

// repay tries the releases that are due. The caller holds w.mu.
func (w *watcher) repay(now appliance.Reading) {
	if !w.s.State.Answers() {
		return
	}
	for id, o := range w.claims.own {
		if o.owed == nil || o.owed.busy || now.Run < o.owed.next || o.lock.Exclusive {
			continue
		}
		o.owed.busy = true
		l, by := o.lock, o.owed.by
		w.spawn(func(ctx context.Context) {
			_, err := w.e.do(ctx, by, w.name, appliance.Act{Verb: appliance.VerbRelease, Lock: l}, true)
			w.repaid(id, err)
		})
	}
}

// repaid plans the next try of a release that failed.
func (w *watcher) repaid(id appliance.LockID, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.claims.own[id]
	if o == nil || o.owed == nil {
		return
	}
	o.owed.again(w.e, o.ttl)
	if err != nil && !errors.Is(err, ErrRefusedByUs) {
		o.owed.trouble = appliance.Reason(err)
		w.claims.dirty[id] = true
	}
	w.showLocks()
	w.publish()
}

// pending says that a release that failed is tried further, and until when.
func (x *errand) pending(l appliance.Lock, cause error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.claims.own[l.ID]
	if o == nil || x.auto || o.lock.Exclusive {
		return cause
	}
	x.owe(l.ID, x.p.Name, "released")
	o.owed.trouble = appliance.Reason(cause)
	o.owed.again(x.e, o.ttl)
	x.showLocks()
	x.publish()
	until := "until it is gone"
	if state, _ := o.term.At(x.e.clock.Now()); state != lease.Unknown {
		until = "until it ends at " + at(o.term.EndsWall)
	}
	return fmt.Errorf("%w; its release is pending and tried again %s", cause, until)
}
