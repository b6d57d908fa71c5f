package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// Pauses between two tries of a wait for a lock: by chance, so that several who wait do not try together.
const (
	shortestWait = 10 * time.Second
	longestWait  = 20 * time.Second
)

// Wait asks for an exclusive lock that another holds, again and again, until it is ours. It ends with ctx, as it belongs to
// whoever waits, with StopWaiting, and when asking makes no sense any more. Errors as those of Do; ErrStopped when it was
// stopped.
func (e *Engine) Wait(ctx context.Context, p policy.Person, name string, claim appliance.Claim) (Result, error) {
	w := e.byName[name]
	if w == nil {
		return Result{}, refuse(fmt.Sprintf("there is no appliance named %q", name))
	}
	life, err := e.enter()
	if err != nil {
		return Result{}, err
	}
	defer e.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(life, func() { cancel(ErrClosed) })()
	if err := w.beginWait(p, claim, cancel); err != nil {
		return Result{}, err
	}
	defer w.endWait()
	e.event(Info, name, p.Name, fmt.Sprintf("began to wait for %s", w.scope(claim.Scope)))
	for {
		r, err := e.do(ctx, name, errand{p: p, act: appliance.Act{Verb: appliance.VerbAcquire, Claim: claim}, auto: true})
		if err == nil {
			e.tell(Event{Level: Good, Appliance: name, Who: p.Name, Text: "got " + w.scope(claim.Scope).String() + " after waiting", Ring: true})
			return r, nil
		}
		if !w.worthwhile(claim, err) {
			w.want(false)
			e.tell(Event{Level: Alarm, Appliance: name, Who: p.Name, Text: "waits no longer: " + appliance.Reason(err), Ring: true})
			return Result{}, err
		}
		if !sleep(ctx, w.tried()) {
			cause := context.Cause(ctx)
			e.event(Info, name, p.Name, "stopped waiting for "+w.scope(claim.Scope).String())
			if w.open() { // the answer to a try was lost
				w.want(false)
				return Result{}, stillOpen(ErrStopped)
			}
			return Result{}, fmt.Errorf("%w: %w", ErrStopped, cause)
		}
	}
}

// beginWait checks whether one may wait there, and shows that somebody does.
func (w *watcher) beginWait(p policy.Person, claim appliance.Claim, cancel context.CancelCauseFunc) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := policy.WhyNot(p, w.rules(), appliance.VerbWait); why != "" {
		return refuse(why)
	}
	if why := cmp.Or(w.whyCannot(appliance.VerbWait), w.whyNotWait(claim, true)); why != "" {
		return refuse(why)
	}
	now := w.e.clock.Now()
	w.stopWait = cancel
	w.s.Wait, w.content = &Waiting{Who: p.Name, Scope: w.scope(claim.Scope), Since: now, Next: now}, true
	w.publish()
	return nil
}

func (w *watcher) endWait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.s.Wait, w.stopWait, w.content = nil, nil, true
	w.publish()
}

// tried counts a try and returns the pause to the next.
func (w *watcher) tried() time.Duration {
	pause := shortestWait + w.e.dice.upTo(longestWait-shortestWait)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := *w.s.Wait
	now.Tries++
	now.Next = ahead(w.e.clock.Now(), pause)
	w.s.Wait, w.content = &now, true
	w.publish()
	return pause
}

// worthwhile reports whether a later try may have another end.
func (w *watcher) worthwhile(claim appliance.Claim, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line.open() {
		return false
	}
	for _, kind := range []error{
		appliance.ErrHeld, appliance.ErrNotHeld, appliance.ErrUnreachable, appliance.ErrBusy, appliance.ErrAmbiguous,
	} { // not held: the answer was lost, and it was found out that it was not granted
		if errors.Is(err, kind) {
			return true
		}
	}
	lasting := errors.Is(err, appliance.ErrReadOnly) || w.whyCannot(appliance.VerbWait) != "" || w.whyNotClaim(claim, true) != ""
	return errors.Is(err, ErrRefusedByUs) && !lasting
}

// StopWaiting ends the wait there, if there is one.
func (e *Engine) StopWaiting(name string) {
	w := e.byName[name]
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopWait != nil {
		w.stopWait(errAsked)
	}
}

var errAsked = errors.New("as was asked")

// whyNotWait is why nobody may wait for a lock there. The caller holds w.mu.
func (w *watcher) whyNotWait(claim appliance.Claim, whole bool) string {
	exclusive := false
	for i := range w.s.Locks {
		exclusive = exclusive || w.s.Locks[i].Exclusive
	}
	switch {
	case w.locker == nil:
		return "this appliance has no locks"
	case w.s.LocksPart.At.IsZero():
		return "its lock was not looked at yet"
	case !exclusive:
		return "locks there are never waited for: several may exist, take one"
	case w.s.Wait != nil:
		return w.s.Wait.Who + " waits already"
	}
	return w.whyNotClaim(claim, whole)
}
