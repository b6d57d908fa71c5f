package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// looks are the pauses before each further listing in which something just done should show up.
var looks = [...]time.Duration{0, time.Second, 3 * time.Second}

func (w *watcher) acquire(ctx context.Context, p policy.Person, act appliance.Act) (Result, error) {
	o, said, err := w.take(ctx, act.Claim, p.Name)
	if err != nil {
		return Result{}, err
	}
	return Result{Text: fmt.Sprintf("took %s%s%s", name(o.lock), lasting(o.ttl), said), Lock: o.lock.ID}, nil
}

func lasting(ttl time.Duration) string {
	if ttl <= 0 {
		return ""
	}
	return " for " + words(ttl)
}

// words is a duration as an operator would type it: 20m, 1h30m.
func words(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(s) > len(zero) && s[len(s)-len(zero):] == zero {
			s = s[:len(s)-2]
		}
	}
	return s
}

// take asks for a lock once and notes it as ours. When the answer was lost, or did not say which lock it is, the listing
// decides; nothing is asked for twice (faults.md LCK-02).
func (w *watcher) take(ctx context.Context, claim appliance.Claim, who string) (o *own, said string, err error) {
	w.mu.Lock()
	d := doubt{claim: claim, before: map[appliance.LockID]bool{}}
	for _, l := range w.listed.Locks {
		d.before[l.ID] = true
	}
	sent := appliance.Stamp{Sent: w.e.clock.Now()}
	skew, known := w.listed.Stamp.Skew()
	w.mu.Unlock()
	if known {
		d.since = sent.Sent.Wall.Add(skew)
	}
	d.until = sent.Sent.Run + claim.TTL + lateEffect
	r, err := w.locker.Acquire(ctx, claim)
	switch {
	case err == nil && r.Lock.ID != "":
		w.mu.Lock()
		defer w.mu.Unlock()
		o = w.grant(r, claim, who)
		w.showLocks()
		w.publish()
		return o, told(r.Told), nil
	case err == nil:
		err = fmt.Errorf("%w: a lock was granted, and the appliance did not say which", appliance.ErrAmbiguous)
		sent = r.Stamp
	case !errors.Is(err, appliance.ErrAmbiguous) || w.exclusive():
		return nil, "", err
	}
	o, err = w.adopt(ctx, d, sent, who, err)
	return o, told(r.Told), err
}

// exclusive reports whether the only lock has no id that could be found in a listing.
func (w *watcher) exclusive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.listed.Locks {
		if l.Exclusive {
			return true
		}
	}
	return false
}

// adopt looks for the one lock that may have come of a request. None or several are nobody's: cause says what is not known.
func (w *watcher) adopt(ctx context.Context, d doubt, sent appliance.Stamp, who string, cause error) (*own, error) {
	w.mu.Lock()
	w.claims.doubts = append(w.claims.doubts, d)
	w.mu.Unlock()
	for _, pause := range looks {
		if !sleep(ctx, pause) {
			break
		}
		list, err := w.askLocks(ctx)
		if w.hopeless(err) {
			break
		}
		if err != nil {
			continue
		}
		w.mu.Lock()
		found := w.candidates(d, list)
		if len(found) == 1 {
			sent.Received = list.Stamp.Received // it was granted before this at the latest
			o := w.grant(appliance.Receipt{Stamp: sent, Lock: found[0]}, d.claim, who)
			o.listed = true
			w.undoubt(d)
			w.showLocks()
			w.publish()
			w.mu.Unlock()
			return o, nil
		}
		w.publish()
		w.mu.Unlock()
		if len(found) > 1 {
			return nil, fmt.Errorf("%w; %d new locks fit, so none is taken for yours", cause, len(found))
		}
	}
	return nil, fmt.Errorf("%w; no new lock that fits was seen", cause)
}

// candidates are the listed locks that may have come of a request and are not ours already. The caller holds w.mu.
func (w *watcher) candidates(d doubt, list appliance.LockList) []appliance.Lock {
	var found []appliance.Lock
	for _, l := range list.Locks {
		if w.claims.own[l.ID] == nil && w.claims.past[l.ID] == nil && d.fits(l) {
			found = append(found, l)
		}
	}
	return found
}

// undoubt forgets a doubt that is settled.
func (w *watcher) undoubt(d doubt) {
	for i := range w.claims.doubts {
		if x := w.claims.doubts[i]; x.claim == d.claim && x.since.Equal(d.since) && x.until == d.until {
			w.claims.doubts = append(w.claims.doubts[:i:i], w.claims.doubts[i+1:]...)
			return
		}
	}
}

// hopeless reports whether asking again can only do harm; rejected credentials are counted (faults.md TOK-05).
func (w *watcher) hopeless(err error) bool {
	if errors.Is(err, appliance.ErrCredentials) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.strike(err)
		return true
	}
	return errors.Is(err, appliance.ErrUntrusted)
}

// sleep waits, and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// extend keeps a lock: by renewing it where there is such a thing, else by overlap.
func (w *watcher) extend(ctx context.Context, p policy.Person, act appliance.Act) (Result, error) {
	w.mu.Lock()
	old := w.claims.own[act.Lock.ID]
	w.mu.Unlock()
	if w.renewer != nil {
		return w.renew(ctx, p, act, old)
	}
	if old == nil {
		return Result{}, refuse("it is not yours any more")
	}
	claim := appliance.Claim{Scope: old.lock.Scope.Code, TTL: act.Claim.TTL}
	if claim.TTL == 0 {
		claim.TTL = old.ttl
	}
	var fresh *own
	said := ""
	err := w.step(ctx, p, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim}, func() (err error) {
		fresh, said, err = w.take(ctx, claim, p.Name)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("the lock stays as it was: %w", err)
	}
	text := fmt.Sprintf("extended %s: now %s%s%s", name(old.lock), name(fresh.lock), lasting(fresh.ttl), said)
	return Result{Text: text + w.relieve(ctx, p, old, fresh), Lock: fresh.lock.ID}, nil
}

func (w *watcher) renew(ctx context.Context, p policy.Person, act appliance.Act, old *own) (Result, error) {
	r, err := w.renewer.Renew(ctx, act.Lock)
	if err != nil {
		return Result{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Lock.ID == "" {
		r.Lock = act.Lock
	}
	claim := appliance.Claim{Scope: act.Lock.Scope.Code, TTL: act.Lock.TTL}
	if old != nil && claim.TTL == 0 {
		claim.TTL = old.ttl
	}
	o := w.grant(r, claim, p.Name)
	w.showLocks()
	w.publish()
	return Result{Text: fmt.Sprintf("extended %s%s%s", name(o.lock), lasting(o.ttl), told(r.Told)), Lock: o.lock.ID}, nil
}

// relieve gives the old lock back once the new one is listed beside it, and says what came of it (faults.md LCK-04). When
// in doubt both stay: a surplus lock ends by itself.
func (w *watcher) relieve(ctx context.Context, p policy.Person, old, fresh *own) string {
	both, gone := false, false
	for _, pause := range looks {
		if !sleep(ctx, pause) {
			break
		}
		list, err := w.askLocks(ctx)
		if w.hopeless(err) {
			break
		}
		if err != nil {
			continue
		}
		ids := map[appliance.LockID]bool{}
		for _, l := range list.Locks {
			ids[l.ID] = true
		}
		if ids[fresh.lock.ID] {
			both, gone = ids[old.lock.ID], !ids[old.lock.ID]
			break
		}
	}
	switch {
	case gone:
		return "; the old one was gone before the new one was seen: there may have been a gap"
	case !both:
		return "; the new lock is not listed yet, so the old one is kept too"
	}
	err := w.step(ctx, p, appliance.Act{Verb: appliance.VerbRelease, Lock: old.lock}, func() error {
		_, err := w.release(ctx, p, old.lock)
		return err
	})
	if err != nil {
		return "; the old one could not be given back and ends by itself: " + printable(err)
	}
	return ""
}

// step records one request of an act that sends several, before and after.
func (w *watcher) step(ctx context.Context, p policy.Person, act appliance.Act, send func() error) error {
	id, err := w.intend(ctx, ctx, p, act)
	if err != nil {
		return err
	}
	err = send()
	w.settle(ctx, id, p, Result{Text: "a step of an extension"}, err)
	return err
}

// release gives a lock back. One of ours may be given back twice when the first answer was lost (faults.md, "What may be
// sent twice"); another's may not.
func (w *watcher) release(ctx context.Context, _ policy.Person, l appliance.Lock) (Result, error) {
	w.mu.Lock()
	ours := w.claims.own[l.ID] != nil
	w.mu.Unlock()
	r, err := w.locker.Release(ctx, l)
	if errors.Is(err, appliance.ErrAmbiguous) && ours && sleep(ctx, time.Second) {
		r, err = w.locker.Release(ctx, l)
	}
	text := fmt.Sprintf("released %s%s", name(l), told(r.Told))
	switch {
	case errors.Is(err, appliance.ErrGone), errors.Is(err, appliance.ErrNotHeld):
		text = fmt.Sprintf("%s was not held any more", name(l))
	case err != nil:
		return Result{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(l.ID, w.e.clock.Now().Run)
	if !ours && !l.Exclusive { // what is not ours is only known from the listing, which is older than this
		w.listed.Locks = slices.DeleteFunc(slices.Clone(w.listed.Locks), func(x appliance.Lock) bool { return x.ID == l.ID })
	}
	w.showLocks()
	w.publish()
	return Result{Text: text, Lock: l.ID}, nil
}
