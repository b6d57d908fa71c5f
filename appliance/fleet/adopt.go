package fleet

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/appliance"
)

// take asks for a lock once and notes it as ours. When the answer was lost, or did not say which lock it is, the appliance
// decides; nothing is asked for twice (faults.md LCK-02, LCK-09).
func (x *errand) take(claim appliance.Claim) (o own, said string, err error) {
	d, err := x.before(claim)
	if err != nil {
		return own{}, "", err
	}
	sent := appliance.Stamp{Sent: x.e.clock.Now()}
	d.until = sent.Sent.Run + claim.TTL + lateEffect
	r, err := x.acquireOnce(claim)
	switch {
	case err == nil && r.Lock.ID != "":
		x.mu.Lock()
		defer x.mu.Unlock()
		x.took(r.Stamp)
		o = *x.grant(r, claim, x.p.Name)
		x.showLocks()
		x.publish()
		return o, told(r.Told), nil
	case err == nil:
		err = fmt.Errorf("%w: a lock was granted, and the appliance did not say which", appliance.ErrAmbiguous)
		sent = r.Stamp
	case !errors.Is(err, appliance.ErrAmbiguous):
		return own{}, "", err
	case x.settler != nil:
		o, err = x.settleTake(claim, err)
		return o, "", err
	}
	o, err = x.adopt(d, sent, err)
	return o, told(r.Told), err
}

func (x *errand) acquireOnce(claim appliance.Claim) (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	return x.locker.Acquire(ctx, claim)
}

// before lists what is there just before a lock is asked for, so that what is new afterwards is known. Without it nothing
// may be sent.
func (x *errand) before(claim appliance.Claim) (doubt, error) {
	ctx, cancel := x.look()
	defer cancel()
	list, err := x.askLocks(ctx)
	if err != nil {
		return doubt{}, fmt.Errorf("%w: the locks could not be listed just before, so nothing was sent: %w", ErrRefusedByUs, err)
	}
	d := doubt{claim: claim, before: map[appliance.LockID]bool{}}
	for _, l := range list.Locks {
		d.before[l.ID] = true
	}
	if skew, known := list.Stamp.Skew(); known {
		d.since = x.e.clock.Now().Wall.Add(skew)
	}
	return d, nil
}

// adopt looks for the one lock that came of a request. Only its time, which was asked for with a mark, tells it from
// another's; without a mark none is taken. cause says what is not known.
func (x *errand) adopt(d doubt, sent appliance.Stamp, cause error) (own, error) {
	x.mu.Lock()
	x.claims.doubts = append(x.claims.doubts, d)
	x.mu.Unlock()
	ctx, cancel := x.look()
	defer cancel()
	var found []appliance.Lock
	answers := 0
	var failed error
	for _, pause := range looks {
		if !sleep(ctx, pause) {
			break
		}
		list, err := x.askLocks(ctx)
		if err != nil {
			failed = err
			if x.hopeless(err) {
				break
			}
			continue
		}
		answers++
		found = x.candidates(d, list)
		if len(found) == 1 && marked(d.claim.TTL) && found[0].TTL == d.claim.TTL {
			return x.adopted(d, sent, found[0], list.Stamp), nil
		}
		if len(found) > 0 {
			break
		}
	}
	return own{}, fmt.Errorf("%w; %s", cause, notAdopted(d, found, answers, failed))
}

// marked reports whether a time tells the request it came of. Whole minutes are what everybody asks for (faults.md LCK-02).
func marked(ttl time.Duration) bool { return ttl > 0 && ttl%time.Minute != 0 }

// notAdopted says why no lock was taken for what was asked for.
func notAdopted(d doubt, found []appliance.Lock, answers int, failed error) string {
	if len(found) == 0 {
		if answers == 0 {
			if failed == nil {
				return "the locks could not be looked at"
			}
			return "the locks could not be looked at: " + printable(failed)
		}
		return "no new lock that fits was seen"
	}
	list := make([]string, len(found))
	for i, l := range found {
		list[i] = name(l)
	}
	fit := fmt.Sprintf("%d new locks fit", len(found))
	if len(found) == 1 {
		fit = "a new lock fits"
	}
	why := "which of them is yours cannot be told"
	switch {
	case !marked(d.claim.TTL):
		why = "others ask for such a time too, so none is taken for yours"
	case len(found) == 1:
		why = "it does not last what was asked for, so it is not taken for yours"
	}
	return fmt.Sprintf("%s (%s), but %s", fit, strings.Join(list, ", "), why)
}

// adopted notes a lock that was found to be ours. How long it was looked for is no round trip.
func (x *errand) adopted(d doubt, sent appliance.Stamp, l appliance.Lock, seen appliance.Stamp) own {
	x.mu.Lock()
	defer x.mu.Unlock()
	sent.Received = seen.Received // it was granted before this at the latest
	o := x.grant(appliance.Receipt{Stamp: sent, Lock: l}, d.claim, x.p.Name)
	o.listed = true
	x.undoubt(d)
	x.showLocks()
	x.publish()
	return *o
}

// candidates are the listed locks that may have come of a request and are not ours already.
func (x *errand) candidates(d doubt, list appliance.LockList) []appliance.Lock {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.showLocks() // whose they are is not known now
	x.publish()
	var found []appliance.Lock
	for _, l := range list.Locks {
		if x.claims.own[l.ID] == nil && x.claims.past[l.ID] == nil && d.fits(l, list.Stamp.Date) {
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
	return errors.Is(err, appliance.ErrUntrusted) || errors.Is(err, appliance.ErrNoPassword)
}
