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

const (
	// callLimit ends one call of a client that keeps no limits of its own. It lies beyond those of all requests that one
	// call may send (faults.md NET-02), so that it is the client that says what became of them.
	callLimit = 5 * time.Minute
	// lookLimit is for finding out what became of a call. It begins when the call has ended, however long that took.
	lookLimit = 30 * time.Second
)

// errand is one act on its way.
type errand struct {
	*watcher
	life context.Context // the engine's
	send context.Context // the same with the act's own deadline, for what changes something
	p    policy.Person
	act  appliance.Act
	// phrase is handed to the client and not kept; nil = none is needed.
	phrase appliance.Passphrase
	// asker ends when whoever gave the order is gone: nothing is sent a second time for them.
	asker context.Context
	auto  bool // the engine does it by itself: nobody waits for it, and a failure is told by whoever tries again
	// keeping is what it is done for; nil = for none.
	keeping *keeping

	old    *own   // extend by overlap: what is extended
	doubt  *doubt // acquire, extend by overlap: the request for a lock
	intent uint64
}

// call is the context of one call that changes something.
func (x *errand) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(x.send, callLimit)
}

// look is the context for finding something out. It does not end with the act's deadline: what was sent by then is what
// most needs to be looked at.
func (x *errand) look() (context.Context, context.CancelFunc) {
	return context.WithTimeout(x.life, lookLimit)
}

// Do carries out an act to its end and tells how it ended. Until its intent is in the journal it ends with ctx; from then
// on it belongs to the engine, so that a dropped viewer never cuts a request in half.
//
// Errors, by errors.Is: ErrRefusedByUs and ErrJournal (nothing was sent), appliance.ErrAmbiguous (it may have taken
// effect), and what else the client says; an *appliance.Refusal in it has the appliance's own words.
func (e *Engine) Do(ctx context.Context, p policy.Person, name string, act appliance.Act) (Result, error) {
	return e.DoWith(ctx, p, name, act, nil)
}

// DoWith is Do with the passphrase that some acts need. It is handed to the client and not kept.
func (e *Engine) DoWith(
	ctx context.Context, p policy.Person, name string, act appliance.Act, phrase appliance.Passphrase,
) (Result, error) {
	if act.Verb == appliance.VerbResume || act.Verb == appliance.VerbWait {
		return Result{}, refuse("that is nothing to be done at once")
	}
	if works(act.Verb) {
		act.Transfer.Verb = act.Verb
	}
	if act.Verb == appliance.VerbCreate {
		act.Transfer.Label = appliance.Label(act.Making.Label)
		act.Transfer.Destination = string(cmp.Or(act.Making.Destination, appliance.Internal))
	}
	return e.do(ctx, name, errand{p: p, act: act, phrase: phrase})
}

// do carries out an errand, of which the caller says who wants what and why.
func (e *Engine) do(ctx context.Context, name string, x errand) (r Result, err error) {
	w, act := e.byName[name], x.act
	if w == nil {
		return Result{}, refuse(fmt.Sprintf("there is no appliance named %q", name))
	}
	defer func() {
		if what := recover(); what != nil {
			w.failed(what)
			r, err = Result{}, x.cutShort()
		}
	}()
	life, err := e.enter()
	if err != nil {
		return Result{}, err
	}
	defer e.running.Done()
	x.watcher, x.life, x.send, x.asker = w, life, life, ctx
	if err := w.admit(x.p, act); err != nil {
		x.refused(Warn, err)
		return Result{}, err
	}
	defer w.dismiss(act)
	if err := x.prepare(); err != nil {
		x.strikeFor(err)
		x.refused(Warn, err)
		return Result{}, err
	}
	if err := x.begin(ctx); err != nil {
		x.refused(Alarm, fmt.Errorf("not sent: %w", err))
		return Result{}, err
	}
	if act.Deadline > 0 {
		ctx, cancel := context.WithTimeout(life, act.Deadline)
		defer cancel()
		x.send = ctx
	}
	r, err = x.perform()
	r.Text = appliance.Words(r.Text).String()
	x.record(r, err)
	_ = w.flush(life) // a failure is told and tried again
	x.report(r, err)
	return r, err
}

// cutShort says what a panic of ours may have left of an act.
func (x *errand) cutShort() error {
	if x.intent != 0 {
		return fmt.Errorf("%w: %w", appliance.ErrAmbiguous, errFailed)
	}
	return fmt.Errorf("%w: %w, and nothing was sent", ErrRefusedByUs, errFailed)
}

// refused tells that an act was not sent. Whoever tries by itself tells its own troubles.
func (x *errand) refused(level Level, err error) {
	if !x.auto {
		x.e.event(level, x.name, x.p.Name, x.e.describe(x.act)+": "+appliance.Reason(err))
	}
}

// prepare finds out what must be known before an act is recorded: what it extends, and what is there just before a lock is
// asked for. Nothing is changed by it.
func (x *errand) prepare() error {
	claim := x.act.Claim
	switch {
	case x.act.Verb == appliance.VerbExtend && x.renewer == nil:
		old, ok := x.mine(x.act.Lock.ID)
		if !ok {
			return refuse("it is not yours any more")
		}
		x.old = &old
		claim.Scope = old.lock.Scope.Code
		if claim.TTL == 0 {
			claim.TTL = old.ttl
		}
		if why := whyShorter(old.term, claim.TTL, x.e.clock.Now()); why != "" {
			return refuse(why)
		}
	case x.act.Verb != appliance.VerbAcquire:
		return nil
	}
	d, err := x.before(claim)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	d.keep = x.keeping
	if x.old != nil {
		d.keeps = x.old.lock.ID
		if d.keep == nil {
			d.keep = x.keepOf(d.keeps)
		}
	}
	x.join(d)
	x.doubt = d
	return nil
}

// begin records what is about to be sent. What changes nothing there is not; a lock of ours may be given back all the same
// when that cannot be recorded (faults.md JNL-03).
func (x *errand) begin(ctx context.Context) (err error) {
	if x.act.Verb == appliance.VerbKeep || x.act.Verb == appliance.VerbUnkeep {
		return nil
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.life, cancel)()
	if err := waiting.Err(); err != nil {
		return fmt.Errorf("given up before anything was sent: %w", err)
	}
	if x.auto && x.act.Verb == appliance.VerbRelease { // else who finds only this intent would give back as well what took its place
		_ = x.flush(x.life) // a failure is told, and the release allowed all the same
	}
	x.intent, err = x.intend(waiting, x.act, x.doubt, 0)
	if x.act.Ref != "" && err == nil {
		x.mu.Lock()
		x.asks[x.intent] = true
		x.mu.Unlock()
	}
	if _, mine := x.mine(x.act.Lock.ID); err != nil && mine && x.act.Verb == appliance.VerbRelease && waiting.Err() == nil {
		if !x.auto { // else it is tried again and again, and that nothing can be recorded is told
			x.e.event(Alarm, x.name, x.p.Name, x.e.describe(x.act)+": is done although it cannot be recorded: "+printable(err))
		}
		return nil
	}
	return err
}

// record notes how the act ended; not yet when what became of it may still be found out.
func (x *errand) record(r Result, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if d := x.doubt; d != nil && err != nil && outcomeOf(err) == OutcomeUnknown && marked(d.claim.TTL) {
		d.left, d.intent = true, x.intent
		switch {
		case d.got != "": // just now
			x.conclude(x.intent, OutcomeDone, "the lock was found after all")
			return
		case slices.Contains(x.claims.doubts, d):
			return
		}
	}
	if err != nil && outcomeOf(err) == OutcomeUnknown && x.leaveOpen(x.act.Verb, x.intent) {
		return
	}
	x.settle(x.intent, r, err)
}

// admit checks every rule and sets the guard; after nil the caller must dismiss the act.
func (w *watcher) admit(p policy.Person, act appliance.Act) error {
	w.e.clock.Now() // so that a step of the clock since the last tick is seen
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := policy.WhyNot(p, w.rules(), act.Verb); why != "" {
		if w.s.ReadOnly {
			return refusal{why, appliance.ErrReadOnly}
		}
		return refuse(why)
	}
	if why := w.whyNot(act, true); why != "" {
		return refuse(why)
	}
	d := Doing{Act: act, Who: p.Name, Since: w.e.clock.Now()}
	w.guard[act.Target()] = d
	if moves(act.Verb) {
		t := act.Transfer
		w.asked[t.Backup] = &t
		w.showBackups()
	}
	w.s.Doing = append(append([]Doing(nil), w.s.Doing...), d)
	w.content = true
	w.publish()
	return nil
}

// dismiss lifts the guard.
func (w *watcher) dismiss(act appliance.Act) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.guard, act.Target())
	if moves(act.Verb) {
		delete(w.asked, act.Transfer.Backup)
		w.showBackups()
	}
	var rest []Doing
	for _, d := range w.s.Doing {
		if d.Act.Target() != act.Target() {
			rest = append(rest, d)
		}
	}
	w.s.Doing, w.content = rest, true
	w.publish()
}

// intend records what is about to be sent, and for a request for a lock what is there before it; again is the intent that it
// repeats, 0 = none. An error means that nothing may be sent.
func (x *errand) intend(ctx context.Context, act appliance.Act, d *doubt, again uint64) (uint64, error) {
	in := Intent{At: x.e.clock.Now(), Engine: x.e.id, Who: x.p.Name, Appliance: x.name, Act: act, Again: again}
	if d != nil {
		in.Before, in.Since, in.Act.Claim = d.ids(), d.since, d.claim
	}
	id, err := x.e.journal.Intend(ctx, in)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return id, nil
}

// settle has the record say how an intent ended. The caller holds w.mu.
func (w *watcher) settle(id uint64, r Result, err error) {
	outcome, note := OutcomeDone, r.Text
	if err != nil {
		outcome, note = outcomeOf(err), printable(err)
	}
	w.conclude(id, outcome, note)
}

// perform sends the act. A client that panics leaves an unknown outcome, and everything else as it is.
func (x *errand) perform() (r Result, err error) {
	defer func() {
		if what := recover(); what != nil {
			x.panicked(what)
			r, err = Result{}, errClientFailed
			x.wonder()
		}
	}()
	switch x.act.Verb {
	case appliance.VerbAcquire:
		return x.acquire()
	case appliance.VerbExtend:
		return x.extend()
	case appliance.VerbRelease:
		return x.release(x.act.Lock)
	case appliance.VerbKeep:
		return x.keep()
	case appliance.VerbUnkeep:
		return x.unkeep()
	case appliance.VerbProve:
		return x.prove()
	case appliance.VerbResume:
		return x.resume()
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbDelete:
		return x.transfer()
	case appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore, appliance.VerbVerify,
		appliance.VerbSave, appliance.VerbActivate:
		return x.work()
	case appliance.VerbCancelPush:
		return x.cancelPush()
	case appliance.VerbCancelJob:
		return x.cancelJob()
	default:
		return Result{}, refuse("nothing is known of how to " + string(x.act.Verb))
	}
}

var errClientFailed = fmt.Errorf("%w: our client for it failed", appliance.ErrAmbiguous)

// report tells everybody how an act ended and looks at what it may have changed.
func (x *errand) report(r Result, err error) {
	w, p, act := x.watcher, x.p, x.act
	switch {
	case x.auto && err != nil: // whoever tries again tells it
	case x.auto:
		w.e.event(Info, w.name, "", r.Text)
	case err == nil && r.Unproven:
		w.e.event(Warn, w.name, p.Name, r.Text)
	case err == nil:
		w.e.event(Good, w.name, p.Name, r.Text)
	case outcomeOf(err) == OutcomeUnknown:
		w.e.event(Alarm, w.name, p.Name, x.e.describe(act)+": "+appliance.Reason(err))
	default:
		w.e.event(Warn, w.name, p.Name, x.e.describe(act)+": "+appliance.Reason(err))
	}
	x.strikeFor(err)
	due := of(laneLocks, laneJobs)
	if x.auto { // the next poll is early enough
		due = 0
	}
	if moves(act.Verb) || works(act.Verb) || act.Verb == appliance.VerbCancelPush {
		due |= of(laneBackups)
	}
	if errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrForbidden) || errors.Is(err, appliance.ErrUnsupported) {
		due |= of(laneHealth)
	}
	w.e.sched.wake(w, due&w.lanes)
}

// strikeFor counts what an act found out about our credentials (faults.md TOK-05).
func (x *errand) strikeFor(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case errors.Is(err, appliance.ErrCredentials):
		x.rejectedAct(err)
	case err == nil && x.intent != 0 && x.act.Verb != appliance.VerbRelease && x.proven(): // a release may have gone with the lock's token
		x.line.acts = 0
	}
}

// moves reports whether a verb changes where a backup lies.
func moves(v appliance.Verb) bool { return transfers(v) || v == appliance.VerbDelete }

func transfers(v appliance.Verb) bool {
	return v == appliance.VerbCopy || v == appliance.VerbMove || v == appliance.VerbPush
}
