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
func (w *watcher) owe(id appliance.LockID, who string) {
	o := w.claims.own[id]
	if o == nil || o.owed != nil {
		return
	}
	o.owed = &owed{by: policy.Person{Name: who, Role: policy.Operator}, since: w.e.clock.Now()}
	w.claims.dirty[id] = true
}

// relieve has old locks given back once the new ones are listed beside them (faults.md LCK-04). When in doubt both stay: a
// surplus lock ends by itself. The caller holds w.mu.
func (w *watcher) relieve(said map[appliance.LockID]word, stamp appliance.Stamp) {
	for id, o := range w.claims.own {
		old := w.claims.own[o.replaces]
		switch {
		case o.replaces == "" || o.owed != nil || said[id] != wordOurs || stamp.Sent.Run <= o.granted.Received.Run:
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
		o.replaces = ""
		if !o.inherited && (!o.term.Known || (old.term.Known && o.term.End < old.term.End)) {
			w.tooShort(o, old)
			continue
		}
		w.owe(old.lock.ID, o.who)
	}
}

// tooShort goes on with the old lock, since the new one ends before it: less was granted than was asked for. What is kept is
// extended again when the old one has no more left than is granted. The caller holds w.mu.
func (w *watcher) tooShort(o, old *own) {
	k := w.keepOf(o.lock.ID)
	if k == nil {
		w.event(Warn, fmt.Sprintf("the new lock %s ends before the old one, which is kept too", name(o.lock)))
		return
	}
	w.event(Warn, fmt.Sprintf("the new lock %s ends before the old one, so it is given back: only %s was granted", name(o.lock), words(o.ttl)))
	w.cover(k, old)
	if o.ttl > 0 {
		k.ttl = min(k.ttl, o.ttl)
	}
	w.owe(o.lock.ID, o.who)
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
		if o.owed == nil || o.owed.busy || now.Run < o.owed.next {
			continue
		}
		o.owed.busy = true
		l, by := o.lock, o.owed.by
		w.spawn(func(ctx context.Context) {
			err := errFailed
			defer func() { w.repaid(id, err) }()
			_, err = w.e.do(ctx, w.name, errand{p: by, act: appliance.Act{Verb: appliance.VerbRelease, Lock: l}, auto: true})
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
		why := appliance.Reason(err)
		if why != o.owed.trouble {
			o.owed.trouble = why
			w.claims.dirty[id] = true
		}
		if o.lock.Exclusive && !nothingSent(err) { // a token's release is not sent again blindly (faults.md, "What may be sent twice")
			o.owed = nil
			w.claims.dirty[id] = true
			w.event(Warn, fmt.Sprintf("lock %s could not be given back: %s", name(o.lock), why))
		}
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
	if k := x.keepOf(l.ID); k != nil {
		x.stopKeeping(k)
	}
	x.unwant(l.ID)
	x.owe(l.ID, x.p.Name)
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

// nothingSent reports whether an act failed before it reached the appliance.
func nothingSent(err error) bool {
	for _, kind := range []error{ErrRefusedByUs, ErrJournal, appliance.ErrUnreachable, appliance.ErrBusy} {
		if errors.Is(err, kind) && !errors.Is(err, appliance.ErrAmbiguous) {
			return true
		}
	}
	return false
}
