package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
)

// requestLimit is how long a request that changes something may be under way (faults.md NET-02).
const requestLimit = time.Minute

// before lists what is there just before a lock is asked for, so that what is new afterwards is known. Without it nothing
// may be sent. What is kept is extended on the word of the latest poll.
func (x *errand) before(claim appliance.Claim) (*doubt, error) {
	x.mu.Lock()
	list := x.listed
	x.mu.Unlock()
	if now := x.e.clock.Now(); !x.auto || list.Stamp.Sent.IsZero() || now.Since(list.Stamp.Sent) > 2*x.m.Intervals.Locks {
		ctx, cancel := x.look()
		defer cancel()
		var err error
		if list, err = x.askLocks(ctx); err != nil {
			return nil, fmt.Errorf("%w: the locks could not be listed just before, so nothing was sent: %w", ErrRefusedByUs, err)
		}
	}
	return x.newDoubt(claim, x.p.Name, list), nil
}

// take asks for a lock and notes it as ours. When the answer was lost, or did not say which lock it is, the appliance decides
// (faults.md LCK-02, LCK-09).
func (x *errand) take(d *doubt) (o own, said string, err error) {
	sent := appliance.Stamp{Sent: x.e.clock.Now()}
	r, err := x.acquireOnce(d.claim)
	switch {
	case err == nil && r.Lock.ID != "":
		return x.granted(d, r), told(r.Told), nil
	case err == nil:
		err = fmt.Errorf("%w: a lock was granted, and the appliance did not say which", appliance.ErrAmbiguous)
		sent = r.Stamp
	case !errors.Is(err, appliance.ErrAmbiguous):
		return own{}, "", err
	case x.settler != nil:
		o, err = x.settleTake(d.claim, err)
		return o, "", err
	}
	x.mu.Lock()
	x.openDoubt(d, sent.Sent)
	x.publish()
	x.mu.Unlock()
	o, err = x.reconcile(d, err)
	return o, told(r.Told), err
}

// granted notes a lock that the answer itself told.
func (x *errand) granted(d *doubt, r appliance.Receipt) own {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.took(r.Stamp)
	o := x.grant(r, d.claim, x.p.Name)
	d.got = o.lock.ID
	x.follow(o, d)
	x.showLocks()
	x.publish()
	return *o
}

func (x *errand) acquireOnce(claim appliance.Claim) (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	return x.locker.Acquire(ctx, claim)
}

// reconcile finds out what became of a request whose answer was lost. If nothing did for as long as it may still take effect,
// it is sent once more; at once if that wait would let end what is to be extended (faults.md LCK-02).
func (x *errand) reconcile(d *doubt, cause error) (own, error) {
	failed := x.seek(d, 0)
	if o, ok := x.came(d); ok {
		return o, nil
	}
	patience := requestLimit + 2*x.m.Intervals.Locks
	if failed == nil && len(d.found) == 0 && x.send.Err() == nil && x.mayWait(d, patience) {
		x.e.event(Warn, x.name, x.p.Name, fmt.Sprintf("%s: the answer was lost; it is looked for until %s, then asked for once more",
			describe(x.act), at(d.sent.Wall.Add(patience))))
		failed = x.seek(d, d.sent.Run+patience)
		if o, ok := x.came(d); ok {
			return o, nil
		}
	}
	if failed == nil && len(d.found) == 0 && x.send.Err() == nil {
		return x.again(d)
	}
	return own{}, fmt.Errorf("%w; %s", cause, x.notAdopted(d, failed))
}

// mayWait reports whether what is to be extended, if anything, lasts that long after the request.
func (x *errand) mayWait(d *doubt, patience time.Duration) bool {
	return x.old == nil || !x.old.term.Known || d.sent.Run+patience <= x.old.term.HeldUntil
}

// seek lists the locks a few times at once and then, until the given run, as often as they are polled. It ends when the
// doubt does. The error is that of the latest listing: without one, nothing is known.
func (x *errand) seek(d *doubt, until time.Duration) (failed error) {
	for n := 0; ; n++ {
		pause := x.m.Intervals.Locks
		if until == 0 {
			if n == len(looks) {
				return failed
			}
			pause = looks[n]
		} else if left := until - x.e.clock.Now().Run; n > 0 && left <= 0 {
			return failed
		} else {
			pause = min(pause, max(left, 0))
		}
		if !sleep(x.life, pause) {
			return x.life.Err()
		}
		if failed = x.seekOnce(); x.hopeless(failed) {
			return failed
		}
		x.mu.Lock()
		done := d.got != "" || len(d.found) > 0
		x.mu.Unlock()
		if done {
			return nil
		}
	}
}

func (x *errand) seekOnce() error {
	ctx, cancel := x.look()
	defer cancel()
	_, err := x.askLocks(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.showLocks() // whose they are is not known now
	x.publish()
	return err
}

// came is the lock that came of a doubt.
func (x *errand) came(d *doubt) (own, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o := x.claims.own[d.got]; d.got != "" && o != nil {
		return *o, true
	}
	return own{}, false
}

// again asks once more, with another mark, so that both locks are known for ours should there be two.
func (x *errand) again(first *doubt) (own, error) {
	claim := first.claim
	claim.TTL = x.e.remark(claim.TTL, x.locker.LockRules().MaxTTL)
	d, err := x.before(claim)
	if err != nil {
		return own{}, fmt.Errorf("%w: the answer was lost, and it was not asked for again: %s", appliance.ErrAmbiguous, printable(err))
	}
	d.keeps, d.twin = first.keeps, first
	first.twin, first.early = d, true
	act := appliance.Act{Verb: appliance.VerbAcquire, Claim: claim}
	id, err := x.intend(x.send, act, d)
	if err != nil {
		return own{}, fmt.Errorf("%w: the answer was lost, and it was not asked for again: %s", appliance.ErrAmbiguous, printable(err))
	}
	sent := x.e.clock.Now()
	r, err := x.acquireOnce(claim)
	if err == nil && r.Lock.ID != "" {
		o := x.granted(d, r)
		x.settle(x.life, id, x.p, Result{Text: "asked for once more"}, nil)
		return o, nil
	}
	if err != nil && !errors.Is(err, appliance.ErrAmbiguous) {
		x.settle(x.life, id, x.p, Result{}, err)
		return own{}, fmt.Errorf("%w: the answer was lost, and asked again the appliance refused: %s", appliance.ErrAmbiguous, printable(err))
	}
	x.mu.Lock()
	d.intent = id
	x.openDoubt(d, sent)
	x.mu.Unlock()
	failed := x.seek(d, 0)
	if o, ok := x.came(d); ok {
		x.settle(x.life, id, x.p, Result{Text: "asked for once more"}, nil)
		return o, nil
	}
	x.leave(d)
	return own{}, fmt.Errorf("%w, twice; %s", appliance.ErrAmbiguous, x.notAdopted(d, failed))
}

// leave ends the waiting for what becomes of a doubt: whoever finds out says so.
func (x *errand) leave(d *doubt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d.left = true
}

// notAdopted says why no lock was taken for what was asked for.
func (x *errand) notAdopted(d *doubt, failed error) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if failed != nil {
		return "the locks could not be looked at: " + printable(failed)
	}
	if len(d.found) == 0 {
		return "no new lock that fits was seen"
	}
	list := make([]string, len(d.found))
	for i, l := range d.found {
		list[i] = name(l)
	}
	fit := fmt.Sprintf("%d new locks fit", len(d.found))
	if len(d.found) == 1 {
		fit = "a new lock fits"
	}
	why := "which of them is yours cannot be told"
	switch {
	case !marked(d.claim.TTL):
		why = "others ask for such a time too, so none is taken for yours"
	case len(d.found) == 1:
		why = "it does not last what was asked for, so it is not taken for yours"
	}
	return fmt.Sprintf("%s (%s), but %s", fit, strings.Join(list, ", "), why)
}

// Mark adds up to a tenth and at most 96 s to a time, in whole seconds and never a whole minute where that is possible, so
// that a lock that was asked for is known again in a list (faults.md LCK-02). share is by chance, from 0 to 1.
func Mark(span, longest time.Duration, share float64) time.Duration {
	most := min(span/10, 96*time.Second, longest-span)
	ttl := span + time.Duration(share*float64(most)).Truncate(time.Second)
	if share > 0 && ttl%time.Minute == 0 && ttl < span+most {
		ttl += time.Second
	}
	return ttl
}

// remark marks a time anew, with another mark than the one that it has.
func (e *Engine) remark(ttl, longest time.Duration) time.Duration {
	span := ttl
	if ttl > time.Minute {
		span = ttl.Truncate(time.Minute)
	}
	for range 16 {
		if other := Mark(span, longest, e.dice.share()); other != ttl && marked(other) {
			return other
		}
	}
	return ttl
}

// hopeless reports whether asking again can only do harm; rejected credentials are counted (faults.md TOK-05).
func (w *watcher) hopeless(err error) bool {
	if errors.Is(err, appliance.ErrCredentials) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.strike(err)
		return true
	}
	return slices.ContainsFunc([]error{appliance.ErrUntrusted, appliance.ErrNoPassword}, func(kind error) bool { return errors.Is(err, kind) })
}
