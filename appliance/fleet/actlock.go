package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// looks are the pauses before each further listing in which something just done should show up.
var looks = [...]time.Duration{0, time.Second, 3 * time.Second}

func (x *errand) acquire() (Result, error) {
	x.want(true)
	if x.open() {
		held, err := x.find()
		if err != nil {
			return Result{}, stillOpen(err)
		}
		if o, ok := x.regrant(x.act.Claim); held && ok {
			return Result{Text: fmt.Sprintf("took %s: it was found to be yours already", name(o.lock)), Lock: o.lock.ID}, nil
		}
	}
	o, said, err := x.take(x.doubt)
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

// extend keeps a lock: by renewing it where there is such a thing, else by overlap.
func (x *errand) extend() (Result, error) {
	if x.renewer != nil {
		return x.renew()
	}
	fresh, said, err := x.take(x.doubt)
	if err != nil {
		return Result{}, fmt.Errorf("the lock stays as it was: %w", err)
	}
	if !x.auto {
		x.mu.Lock()
		if k := x.keepOf(fresh.lock.ID); k != nil {
			k.ttl = unmark(fresh.ttl)
		}
		x.mu.Unlock()
	}
	text := fmt.Sprintf("extended %s: now %s%s%s", name(x.old.lock), name(fresh.lock), lasting(fresh.ttl), said)
	return Result{Text: text + "; the old one is given back once both are listed", Lock: fresh.lock.ID}, nil
}

// mine is a copy of what we hold under that id.
func (x *errand) mine(id appliance.LockID) (own, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o := x.claims.own[id]; o != nil {
		return *o, true
	}
	return own{}, false
}

// renew keeps a lock that needs no second one beside it.
func (x *errand) renew() (Result, error) {
	x.want(true)
	if x.open() {
		held, err := x.find()
		if err != nil {
			return Result{}, stillOpen(err)
		}
		if !held {
			return Result{}, x.takenAway(x.act.Lock.ID, fmt.Errorf("%w: it was found out to be so", appliance.ErrNotHeld))
		}
	}
	old, had := x.mine(x.act.Lock.ID)
	r, err := x.renewOnce()
	switch {
	case errors.Is(err, appliance.ErrNotHeld):
		return Result{}, x.takenAway(x.act.Lock.ID, err)
	case errors.Is(err, appliance.ErrAmbiguous) && x.settler != nil:
		return x.settleRenewal(old, err)
	case err != nil:
		return Result{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Lock.ID == "" {
		r.Lock = x.act.Lock
	}
	claim := appliance.Claim{Scope: x.act.Lock.Scope.Code, TTL: x.act.Lock.TTL}
	if had && claim.TTL == 0 {
		claim.TTL = old.ttl
	}
	x.took(r.Stamp)
	o := x.grant(r, claim, x.p.Name)
	x.showLocks()
	x.publish()
	text := fmt.Sprintf("extended %s%s", name(o.lock), lasting(o.ttl))
	if r.Unproven {
		text = fmt.Sprintf("renewed %s; the renewal is not proven yet, so it counts as held until %s", name(o.lock), at(o.term.EndsWall))
	}
	return Result{Text: text + told(r.Told), Lock: o.lock.ID, Unproven: r.Unproven}, nil
}

func (x *errand) renewOnce() (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	return x.renewer.Renew(ctx, x.act.Lock)
}

// release gives a lock back. One of ours may be given back twice when the first answer was lost (faults.md, "What may be
// sent twice"); another's may not.
func (x *errand) release(l appliance.Lock) (Result, error) {
	defer x.wantAgain()
	if x.open() {
		held, err := x.find()
		if err != nil {
			x.want(false)
			return Result{}, stillOpen(err)
		}
		if !held {
			x.released(l)
			return Result{Text: name(l) + " was found not to be yours, so nothing was given back", Lock: l.ID}, nil
		}
	}
	_, ours := x.mine(l.ID)
	r, err := x.releaseOnce(l)
	switch {
	case errors.Is(err, appliance.ErrAmbiguous) && x.settler != nil:
		held, open := x.find()
		if open != nil {
			x.want(false)
			return Result{}, stillOpen(err)
		}
		if held {
			return Result{}, fmt.Errorf("%w: the answer was lost, and the lock was found to be yours still", errNoEffect)
		}
		err = nil
	case errors.Is(err, appliance.ErrAmbiguous) && ours && sleep(x.send, time.Second):
		r, err = x.releaseOnce(l)
	}
	text := fmt.Sprintf("released %s%s", name(l), told(r.Told))
	switch {
	case errors.Is(err, appliance.ErrNotHeld):
		_ = x.takenAway(l.ID, err)
		fallthrough
	case errors.Is(err, appliance.ErrGone):
		text = fmt.Sprintf("%s was not held any more", name(l))
	case err != nil:
		return Result{}, x.pending(l, err)
	}
	x.released(l)
	return Result{Text: text, Lock: l.ID}, nil
}

func (x *errand) releaseOnce(l appliance.Lock) (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	return x.locker.Release(ctx, l)
}

// released notes that a lock is not ours, nor there, any more.
func (x *errand) released(l appliance.Lock) {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.claims.own[l.ID]
	ours := o != nil || x.claims.past[l.ID] != nil
	if o != nil && o.replaces != "" { // what it was taken to extend is not wanted either
		x.owe(o.replaces, x.p.Name)
	}
	if !x.auto {
		if k := x.keepOf(l.ID); k != nil {
			x.stopKeeping(k)
		}
		x.unwant(l.ID)
	}
	x.drop(l.ID, x.e.clock.Now().Run)
	if !ours && !l.Exclusive { // what is not ours is only known from the listing, which is older than this
		x.listed.Locks = slices.DeleteFunc(slices.Clone(x.listed.Locks), func(l2 appliance.Lock) bool { return l2.ID == l.ID })
	}
	x.showLocks()
	x.publish()
}

// takenAway notes that the appliance told us that a lock of ours is not ours any more, and has the rows follow (faults.md I2,
// LCK-10). It returns err.
func (x *errand) takenAway(id appliance.LockID, err error) error {
	x.mu.Lock()
	if o := x.claims.own[id]; o != nil {
		x.end(id, o, x.e.clock.Now(), Alarm, "is lost: the appliance does not take it for yours any more")
	}
	x.mu.Unlock()
	x.relist()
	return err
}

// relist brings the rows up to date after something was told about a lock. That it fails is the next poll's matter.
func (x *errand) relist() {
	ctx, cancel := x.look()
	defer cancel()
	_, err := x.askLocks(ctx)
	x.hopeless(err)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.showLocks()
	x.publish()
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
