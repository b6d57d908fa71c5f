package fleet

import (
	"cmp"
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
	defer x.answered(d)
	r, err := x.acquireOnce(d)
	switch {
	case err == nil && r.Lock.ID != "":
		return x.granted(d, r), told(r.Told), nil
	case err == nil:
		err = fmt.Errorf("%w: a lock was granted, and the appliance did not say which", appliance.ErrAmbiguous)
	case outcomeOf(err) != OutcomeUnknown:
		return own{}, "", err
	case x.settler != nil:
		o, err = x.settleTake(d.claim, err)
		return o, "", err
	case !errors.Is(err, appliance.ErrAmbiguous):
		err = fmt.Errorf("%w: %w", appliance.ErrAmbiguous, err)
	}
	x.wonder()
	o, err = x.reconcile(d, err)
	return o, told(r.Told), err
}

// granted notes a lock that the answer itself told.
func (x *errand) granted(d *doubt, r appliance.Receipt) own {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.took(r.Stamp)
	o := x.grant(r, d.claim, x.p.Name)
	o.purpose = cmp.Or(x.act.Purpose, o.purpose)
	d.got = o.lock.ID
	x.follow(o, d)
	x.showLocks()
	x.publish()
	return *o
}

// acquireOnce sends the request that d is about, which is the errand's from now on.
func (x *errand) acquireOnce(d *doubt) (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	x.mu.Lock()
	x.doubt, d.sent = d, x.e.clock.Now()
	x.claims.asking = append(x.claims.asking, d)
	x.mu.Unlock()
	return x.locker.Acquire(ctx, d.claim)
}

// answered notes that what became of a request is noted: as a lock of ours, as a doubt, or as nothing.
func (x *errand) answered(d *doubt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.claims.asking = slices.DeleteFunc(x.claims.asking, func(a *doubt) bool { return a == d })
}

// wonder has the doubt about the latest request for a lock begin, if there was one: what became of it is not known.
func (x *errand) wonder() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if d := x.doubt; d != nil && x.settler == nil && d.got == "" && !d.sent.IsZero() && !slices.Contains(x.claims.doubts, d) {
		x.openDoubt(d)
		x.publish()
	}
}

// reconcile finds out what became of a request whose answer was lost. If nothing did for as long as it may still take effect,
// it is sent once more, unless who wanted a lock is gone; at once if that wait would let end what is to be extended (faults.md LCK-02). What is kept is not
// waited for here: the keeper asks again in time.
func (x *errand) reconcile(d *doubt, cause error) (own, error) {
	o, found, failed := x.seek(d, 0)
	if patience := x.patience(); !found && failed == nil && !x.auto && x.send.Err() == nil && (x.old != nil || x.asker.Err() == nil) {
		if x.mayWait(d, patience) {
			x.e.event(Warn, x.name, x.p.Name, fmt.Sprintf("%s: the answer was lost; it is looked for until %s, then asked for once more",
				x.e.describe(x.act), at(d.sent.Wall.Add(patience))))
			o, found, failed = x.seek(d, d.sent.Run+patience)
		}
		if !found && failed == nil && x.send.Err() == nil && (x.old != nil || x.asker.Err() == nil) {
			return x.again(d)
		}
	}
	if o.lock.ID != "" {
		return o, nil
	}
	return own{}, fmt.Errorf("%w; %s", cause, x.notAdopted(d, failed))
}

// patience is how long a request may still take effect, and be listed, after it was sent.
func (w *watcher) patience() time.Duration { return requestLimit + 2*w.m.Intervals.Locks }

// mayWait reports whether what is to be extended, if anything, lasts that long after the request.
func (x *errand) mayWait(d *doubt, patience time.Duration) bool {
	return x.old == nil || !x.old.term.Known || d.sent.Run+patience <= x.old.term.HeldUntil
}

// seek lists the locks a few times at once and then, until the given run, as often as they are polled. It ends when
// something was found that may have come of the request: o is that lock if it is known to be ours. The error is that of the
// latest listing: without one, nothing is known.
func (x *errand) seek(d *doubt, until time.Duration) (o own, found bool, failed error) {
	for n := 0; ; n++ {
		pause := x.m.Intervals.Locks
		switch left := until - x.e.clock.Now().Run; {
		case until == 0 && n == len(looks), until != 0 && n > 0 && left <= 0:
			return own{}, false, failed
		case until == 0:
			pause = looks[n]
		default:
			pause = min(pause, max(left, 0))
		}
		if !sleep(x.life, pause) {
			return own{}, false, x.life.Err()
		}
		if failed = x.seekOnce(); x.hopeless(failed) {
			return own{}, false, failed
		}
		if o, found = x.came(d); found {
			return o, true, nil
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

// came reports whether something was found that may have come of a request, and which lock of ours it is. Another's lock whose
// time would fit if it were what is left counts only where that is what is listed, which two listings tell: elsewhere it must not
// keep us from finding ours, or from asking once more.
func (x *errand) came(d *doubt) (o own, found bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if mine := x.claims.own[d.got]; d.got != "" && mine != nil {
		return *mine, true
	}
	return own{}, d.got != "" || slices.ContainsFunc(d.found, func(l appliance.Lock) bool {
		return x.claims.remaining || l.TTL == 0 || l.TTL == d.claim.TTL
	})
}

// again asks once more, with another mark, so that both locks are known for ours should there be two.
func (x *errand) again(first *doubt) (own, error) {
	claim := first.claim
	x.mu.Lock()
	claim.TTL = x.freshMark(unmark(claim.TTL), x.locker.LockRules().MaxTTL)
	x.mu.Unlock()
	d, err := x.before(claim)
	if err != nil {
		return own{}, notAgain(err)
	}
	d.keeps, d.keep, d.family = first.keeps, first.keep, first.family
	d.family.add(d)
	// Of its kind, so that whoever finds the intent knows what it was to extend; the ref names the first.
	act := x.act
	act.Claim, act.Ref = claim, ""
	id, err := x.intend(x.send, act, d, x.intent)
	if err != nil {
		return own{}, notAgain(err)
	}
	x.mu.Lock() // the first is left to whoever finds out what came of it
	first.left, first.intent = true, x.intent
	x.intent = id
	if first.got != "" {
		x.conclude(first.intent, OutcomeDone, "the lock was found after all")
	}
	x.mu.Unlock()
	defer x.answered(d)
	r, err := x.acquireOnce(d)
	switch {
	case err == nil && r.Lock.ID != "":
		return x.granted(d, r), nil
	case err != nil && outcomeOf(err) != OutcomeUnknown:
		return own{}, x.refusedAgain(id, err)
	}
	x.wonder()
	o, _, failed := x.seek(d, 0)
	if o.lock.ID != "" {
		return o, nil
	}
	return own{}, fmt.Errorf("%w, twice; %s", appliance.ErrAmbiguous, x.notAdopted(d, failed))
}

func notAgain(err error) error {
	return fmt.Errorf("%w: the answer was lost, and it was not asked for again: %s", appliance.ErrAmbiguous, printable(err))
}

// refusedAgain notes that the second request surely had no effect; what became of the first is not known.
func (x *errand) refusedAgain(id uint64, err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.settle(id, Result{}, err)
	x.intent = 0
	return fmt.Errorf("%w: the answer was lost, and asked again the appliance refused: %s", appliance.ErrAmbiguous, printable(err))
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
	case x.others.ask(d.claim):
		why = "another run of yours asks for the very same, so none is taken for yours"
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

// unmark is the time that a marked one was made of, as near as can be told.
func unmark(ttl time.Duration) time.Duration {
	if ttl > time.Minute {
		return ttl.Truncate(time.Minute)
	}
	return ttl
}

// freshMark marks a time, with another mark than those of the requests about which there are doubts. The caller holds w.mu.
func (w *watcher) freshMark(span, longest time.Duration) (ttl time.Duration) {
	if room := longest - 96*time.Second; room > 16*time.Minute {
		span = min(span, room) // so that there is room for a mark
	}
	for range 16 {
		ttl = Mark(span, longest, w.e.dice.share())
		if marked(ttl) && !slices.ContainsFunc(w.claims.doubts, func(d *doubt) bool { return d.claim.TTL == ttl }) {
			break
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
