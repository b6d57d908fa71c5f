package fleet

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// A client that owns a lock by a token has one open question at most: how its last request about the lock ended. It finds
// that out itself (appliance.Settler); until it has, nobody knows whose the lock is.

// open reports whether such a question is open.
func (w *watcher) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unsettled
}

// leaveOpen has the record of an act about the lock stay open while it is not known whose that is, so that the next engine asks, too
// (faults.md I1). Of several of one verb one is enough: the others sent nothing. The caller holds w.mu.
func (w *watcher) leaveOpen(verb appliance.Verb, intent uint64) bool {
	if !w.unsettled || !locks(verb) || verb == appliance.VerbProve || w.unanswered[verb] != 0 || intent == 0 {
		return false
	}
	if w.unanswered == nil {
		w.unanswered = map[appliance.Verb]uint64{}
	}
	w.unanswered[verb] = intent
	return true
}

// foundOut closes the records that were left open. The caller holds w.mu.
func (w *watcher) foundOut(held bool) {
	note := "the lock was found not to be yours"
	if held {
		note = "the lock was found to be yours"
	}
	for _, intent := range w.unanswered {
		w.conclude(intent, OutcomeUnknown, note)
	}
	w.unanswered = nil
}

// find has the client find out whether the lock is ours. It has a time of its own: what was to be done may have used up
// what the act had.
func (x *errand) find() (held bool, err error) {
	ctx, cancel := context.WithTimeout(x.life, callLimit)
	defer cancel()
	held, err = x.settler.Settle(ctx)
	x.mu.Lock()
	switch x.unsettled = err != nil; {
	case err == nil:
		x.foundOut(held)
		x.question.tries = 0
	case !x.question.busy:
		x.watcher.asker = x.p.Name
		x.question.again(x.e, 0)
	}
	if errors.Is(err, appliance.ErrCredentials) {
		x.rejectedAct(err)
	}
	x.mu.Unlock()
	x.relist()
	return held, err
}

// askOpen has it found out how the last request about the lock ended, while nobody who wants something of it does (faults.md LCK-09).
// A login that was rejected is an operator's to try again (TOK-05), and who waits for the lock asks anyway. The caller holds w.mu.
func (w *watcher) askOpen(now appliance.Reading) {
	if !w.unsettled || w.s.Wait != nil || !w.s.State.Answers() || w.line.acts > 0 || w.question.busy || now.Run < w.question.next {
		return
	}
	w.question.busy = true
	lock := appliance.Lock{ID: appliance.ConfigurationLock, Scope: w.scope(appliance.ConfigurationLock), Exclusive: true}
	by, act := policy.Person{Name: w.asker, Role: policy.Operator}, appliance.Act{Verb: appliance.VerbProve, Lock: lock}
	w.spawn(func(ctx context.Context) {
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.question.again(w.e, 0)
		}()
		_, _ = w.e.do(ctx, w.name, errand{p: by, act: act, auto: true}) // the row tells it
	})
}

// answerOpen finds it out by itself. What was asked for and was had is ours from then on, or given back where nobody wants it any more.
func (x *errand) answerOpen() (Result, error) {
	held, err := x.find()
	if err != nil {
		return Result{}, fmt.Errorf("%w: %s", errNoEffect, printable(err))
	}
	unwanted := x.giveUp()
	if held {
		if o, ok := x.regrant(appliance.Claim{Scope: x.act.Lock.Scope.Code}); ok {
			r := Result{Text: "the answer was lost, and " + name(o.lock) + " is yours now", Lock: o.lock.ID}
			if unwanted {
				x.mu.Lock()
				defer x.mu.Unlock()
				x.owe(o.lock.ID, x.p.Name)
				r.Text = "the answer was lost, and " + name(o.lock) + " was found to be yours: it is given back"
			}
			return r, nil
		}
	}
	switch _, had := x.mine(x.act.Lock.ID); {
	case unwanted:
		x.released(x.act.Lock)
	case had:
		return Result{}, x.takenAway(x.act.Lock.ID, fmt.Errorf("%w: the answer was lost, and it was found out to be so", appliance.ErrNotHeld))
	}
	return Result{Text: "the answer was lost, and " + name(x.act.Lock) + " was found not to be yours"}, nil
}

// want notes whether somebody still wants what came of the request that is open.
func (w *watcher) want(wanted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unwanted = !wanted && w.unsettled
}

// wantAgain forgets that nobody does, once nothing is open any more: what comes later is another matter.
func (w *watcher) wantAgain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unwanted = w.unwanted && w.unsettled
}

// giveUp reports whether nobody does, once it is found out, and ends keeping it then.
func (x *errand) giveUp() (unwanted bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	unwanted, x.unwanted = x.unwanted, false
	if k := x.keepOf(x.act.Lock.ID); unwanted && k != nil {
		x.stopKeeping(k)
	}
	return unwanted
}

// stillOpen says that it could not be found out. The kind of what went wrong with finding out is left behind: it is not the
// act's, and rejected credentials were counted already.
func stillOpen(err error) error {
	if !errors.Is(err, appliance.ErrAmbiguous) {
		err = fmt.Errorf("%w: %s", appliance.ErrAmbiguous, printable(err))
	}
	return fmt.Errorf("%w; whose the lock is is not known: this run, and the next, ask until it is", err)
}

// regrant notes the lock that the client was found to hold, with the time from which it counts.
func (x *errand) regrant(claim appliance.Claim) (own, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.listed.Locks {
		if l.Exclusive && l.Holder == appliance.HolderYou {
			o := x.grant(appliance.Receipt{Stamp: l.Seen, Lock: l}, claim, x.p.Name)
			x.showLocks()
			x.publish()
			return *o, true
		}
	}
	return own{}, false
}

// settleTake finds out what became of a request for the lock whose answer was lost (faults.md LCK-09).
func (x *errand) settleTake(claim appliance.Claim, cause error) (own, error) {
	held, err := x.find()
	if err != nil {
		return own{}, stillOpen(cause)
	}
	if o, ok := x.regrant(claim); held && ok {
		return o, nil
	}
	return own{}, fmt.Errorf("%w: the answer was lost, and the lock was found not to be yours", appliance.ErrNotHeld)
}

// settleRenewal finds out what became of a renewal whose answer was lost: the lock is lost, or goes on with the old token
// or with the new one.
func (x *errand) settleRenewal(old own, cause error) (Result, error) {
	held, err := x.find()
	if err != nil {
		return Result{}, stillOpen(cause)
	}
	if !held {
		return Result{}, x.takenAway(x.act.Lock.ID, fmt.Errorf("%w: the answer was lost, and it was found out to be so", appliance.ErrNotHeld))
	}
	o, ok := x.regrant(appliance.Claim{Scope: x.act.Lock.Scope.Code, TTL: old.ttl})
	if !ok || !o.term.Known || o.term.End <= old.term.End {
		return Result{}, fmt.Errorf("%w: the answer was lost, and the lock was found to be yours as before", errNoEffect)
	}
	return Result{Text: fmt.Sprintf("extended %s%s", name(o.lock), lasting(o.ttl)), Lock: o.lock.ID}, nil
}
