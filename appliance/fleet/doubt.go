package fleet

import (
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// doubt is a request for a lock. Once its answer was lost, a lock that appears of it is neither called another's (faults.md
// I1) nor taken for ours unless its time tells so (LCK-02).
type doubt struct {
	claim  appliance.Claim
	who    string
	since  time.Time                 // just before it was sent, on the appliance's clock; zero = unknown
	before map[appliance.LockID]bool // what was listed by then
	sent   appliance.Reading
	until  time.Duration    // run at which nothing can be left of it
	keeps  appliance.LockID // the lock that it was to extend; empty = none

	intent uint64           // its record, which stays open while the doubt does; 0 = somebody else settles it
	left   bool             // nobody waits for it any more
	found  []appliance.Lock // what fits in the latest listing
	got    appliance.LockID // what came of it
	family *family
	keep   *keeping // what it was sent for by itself, or what kept the lock that it was to extend; may be nil
	// unwanted tells that what comes of it is to be given back, as what it was to extend was, or as nobody waits for it any more.
	unwanted bool
	wish     uint64            // the record that it is; 0 = none yet
	over     bool              // it is no doubt any more
	heard    appliance.Reading // when a listing was last held against it
	leapt    time.Duration     // how far our clock had stepped forward by since
	// back and forth are how far the appliance's clock was set since, at most, as listings told.
	back, forth time.Duration
	inherited   bool // it is of an ended engine: what happened to the clocks in between, nobody saw
	// calm is the run from which on nothing comes of it any more, whatever the clocks say: a listing of then tells for good.
	calm time.Duration
}

// end is when nothing can be left of it, as far as is known now.
func (d *doubt) end(now appliance.Reading) time.Duration {
	end := max(d.until, d.calm)
	if d.inherited && now.Run > end { // no listing came since
		end = d.calm + d.claim.TTL
	}
	return end
}

// family are the requests that were sent for one and the same lock, as answers were lost, in order.
type family struct{ members []*doubt }

func (f *family) add(d *doubt) { f.members = append(f.members, d) }

// join makes a request one of the family of those that were sent for the same lock and are open still. The caller holds w.mu.
func (w *watcher) join(d *doubt) {
	d.family = &family{}
	for _, other := range w.claims.doubts {
		if (d.keeps != "" && other.keeps == d.keeps) || (d.keep != nil && other.keep == d.keep) {
			d.family = other.family
		}
	}
	d.family.add(d)
}

// newDoubt notes what is there just before a lock is asked for.
func (w *watcher) newDoubt(claim appliance.Claim, who string, list appliance.LockList) *doubt {
	d := &doubt{claim: claim, who: who, before: map[appliance.LockID]bool{}, leapt: w.e.leapt()}
	for _, l := range list.Locks {
		d.before[l.ID] = true
	}
	if skew, known := list.Stamp.Skew(); known {
		d.since = w.e.clock.Now().Wall.Add(skew)
	}
	return d
}

// ids are the locks that were there before, in order.
func (d *doubt) ids() []appliance.LockID {
	list := make([]appliance.LockID, 0, len(d.before))
	for id := range d.before {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// openDoubt has the doubt begin: what became of the request is not known. The caller holds w.mu.
func (w *watcher) openDoubt(d *doubt) {
	d.until = max(d.sent.Run+d.claim.TTL, w.e.clock.Now().Run) + lateEffect // the second: our clock may have stepped meanwhile
	w.claims.doubts = append(w.claims.doubts, d)
	w.showClaims()
}

// fits reports whether a lock of a listing may have come of the request. Some appliances may list the time that is left
// (api/lxca.md 7). The caller holds w.mu.
func (w *watcher) fits(d *doubt, l appliance.Lock, seen appliance.Stamp) bool {
	if d.before[l.ID] || l.Scope.Code != d.claim.Scope {
		return false
	}
	if l.TTL != 0 && d.claim.TTL != 0 && l.TTL != d.claim.TTL {
		if l.Created.IsZero() || seen.Date.IsZero() || (l.TTL+seen.Date.Sub(l.Created)-d.claim.TTL).Abs() > dateSlack {
			return false
		}
	}
	if l.Created.IsZero() || d.since.IsZero() {
		return true
	}
	d.swing(seen)
	asleep := w.e.leapt() - d.leapt // our host may have been suspended before the request was on its way
	return !l.Created.Before(d.since.Add(d.back-dateSlack)) && !l.Created.After(d.since.Add(d.forth+asleep+lateEffect))
}

// swing notes how far the appliance's clock was set by now.
func (d *doubt) swing(seen appliance.Stamp) {
	by := d.stepped(seen)
	d.back, d.forth = min(d.back, by), max(d.forth, by)
}

// mayBe reports whether a listed lock bears the mark of a request of an ended engine, whenever it is said to have been made: the
// appliance's clock may have been set there and back meanwhile, and ours too. It is not taken for ours by that, and not called
// another's (faults.md I1). The caller holds w.mu.
func (w *watcher) mayBe(d *doubt, l appliance.Lock) bool {
	_, elsewhere := w.others.holdings[l.ID]
	free := !elsewhere && w.claims.own[l.ID] == nil && !d.before[l.ID]
	return d.inherited && free && l.Scope.Code == d.claim.Scope && l.TTL == d.claim.TTL && marked(l.TTL)
}

// MayBe reports whether a listed lock may have come of the intent, for all that one listing tells: whoever only looks must not
// call it another's then (faults.md I1).
func (in *Intent) MayBe(l appliance.Lock) bool {
	claim := in.Act.Claim
	if (in.Act.Verb != appliance.VerbAcquire && in.Act.Verb != appliance.VerbExtend) || l.Scope.Code != claim.Scope || slices.Contains(in.Before, l.ID) {
		return false
	}
	if l.TTL != 0 && claim.TTL != 0 && l.TTL != claim.TTL {
		if seen := l.Seen.Date; l.Created.IsZero() || seen.IsZero() || (l.TTL+seen.Sub(l.Created)-claim.TTL).Abs() > dateSlack {
			return false
		}
	}
	if l.Created.IsZero() || in.Since.IsZero() {
		return true
	}
	return !l.Created.Before(in.Since.Add(-dateSlack)) && !l.Created.After(in.Since.Add(lateEffect))
}

// stepped is how far the appliance's clock was set since the request was sent: a lock that came of it may bear the time before
// that or after (faults.md CLK-02).
func (d *doubt) stepped(seen appliance.Stamp) time.Duration {
	if seen.Date.IsZero() || d.since.IsZero() {
		return 0
	}
	by := seen.Date.Sub(d.since) - seen.Received.Since(d.sent)
	if by.Abs() <= dateSlack { // a Date is only good to a second
		return 0
	}
	return by
}

// candidates are the listed locks that may have come of a request and are not ours already. The caller holds w.mu.
func (w *watcher) candidates(d *doubt, list appliance.LockList) []appliance.Lock {
	var found []appliance.Lock
	for _, l := range list.Locks {
		_, elsewhere := w.others.holdings[l.ID]
		if !elsewhere && w.claims.own[l.ID] == nil && w.claims.past[l.ID] == nil && w.fits(d, l, list.Stamp) {
			found = append(found, l)
		}
	}
	return found
}

// resolve takes those listed locks for ours that came of a request whose answer was lost: the only one that fits, if its time
// has the mark that was asked for; without a mark none is (faults.md LCK-02). The caller holds w.mu.
func (w *watcher) resolve(list appliance.LockList) {
	if len(w.claims.doubts) == 0 {
		return
	}
	for _, d := range w.claims.doubts {
		d.swing(list.Stamp)
		d.found, d.heard = w.candidates(d, list), list.Stamp.Sent
		if l, ok := w.theOne(d); ok {
			w.found(d, l, list.Stamp)
		}
	}
	w.claims.doubts = slices.DeleteFunc(w.claims.doubts, func(d *doubt) bool { return d.got != "" })
	w.showClaims()
}

// theOne is the only lock that was found for a request and has its mark. One that would fit only if the time that is left were
// listed is no rival to it, unless this appliance does so. Another engine of ours that asks for the very same is. The caller
// holds w.mu.
func (w *watcher) theOne(d *doubt) (one appliance.Lock, ok bool) {
	exact := 0
	for _, l := range d.found {
		if l.TTL == d.claim.TTL {
			one = l
			exact++
		}
	}
	return one, exact == 1 && marked(d.claim.TTL) && (len(d.found) == 1 || !w.claims.remaining) && !w.others.ask(d.claim)
}

// marked reports whether a time tells the request it came of. Whole minutes are what everybody asks for (faults.md LCK-02).
func marked(ttl time.Duration) bool { return ttl > 0 && ttl%time.Minute != 0 }

// found notes a lock that was found to be ours. How long it was looked for is no round trip, so the worst one stays.
func (w *watcher) found(d *doubt, l appliance.Lock, seen appliance.Stamp) {
	stamp := appliance.Stamp{Sent: d.begun(l, seen), Received: seen.Received} // it was granted before this at the latest
	o := w.grant(appliance.Receipt{Stamp: stamp, Lock: l}, d.claim, d.who)
	o.listed, d.got = true, l.ID
	if d.left {
		w.e.event(Good, w.name, "", fmt.Sprintf("the lock %s was found: it is what %s asked for at %s", name(l), d.who, at(d.sent.Wall)))
	}
	w.follow(o, d)
	if d.left {
		w.conclude(d.intent, OutcomeDone, "the lock "+name(l)+" was found to have come of it")
	}
	d.over = true
	w.conclude(d.wish, OutcomeUnknown, "the lock "+name(l)+" was found, and is given back")
}

// begun is when a lock that was found began at the earliest: when it was asked for, or, by an ended engine, when a listing says that it
// was made if that is earlier: our wall clock may have been set back in between (faults.md I2).
func (d *doubt) begun(l appliance.Lock, seen appliance.Stamp) appliance.Reading {
	age := seen.Date.Sub(l.Created)
	if !d.inherited || l.Created.IsZero() || seen.Date.IsZero() || age < 0 {
		return d.sent
	}
	if made := ahead(seen.Sent, -age-dateSlack); made.Run < d.sent.Run-2*dateSlack { // less is what a Date is not good to
		return made
	}
	return d.sent
}

// follow has a new lock take the place of the one that it was asked for to extend, and of several that were asked for
// because answers were lost all but the latest given back, once (faults.md LCK-03). The caller holds w.mu.
func (w *watcher) follow(o *own, d *doubt) {
	w.claims.dirty[o.lock.ID] = true
	if d.unwanted {
		w.owe(o.lock.ID, d.who)
		return
	}
	later := false
	for _, s := range d.family.members {
		other := w.claims.own[s.got]
		switch {
		case s == d:
			later = true
		case other == nil || other.owed != nil || s.got == d.keeps:
		case later:
			w.surplus(o, d)
			return
		default:
			w.surplus(other, d)
			other.replaces = ""
		}
	}
	if old := w.claims.own[d.keeps]; d.keeps != "" && old != nil && old.owed == nil {
		o.replaces = d.keeps
	}
	k := d.keep
	if !slices.Contains(w.claims.keeps, k) {
		k = w.keepOf(d.keeps)
	}
	if k != nil {
		w.cover(k, o)
	}
}

// surplus has one of two locks that came of one wish given back. The caller holds w.mu.
func (w *watcher) surplus(o *own, d *doubt) {
	w.event(Warn, fmt.Sprintf("two locks were granted to %s, as an answer was lost: %s is given back", d.who, name(o.lock)))
	w.owe(o.lock.ID, d.who)
}

// dropDoubts ends those doubts of which nothing can be left. The caller holds w.mu.
func (w *watcher) dropDoubts(now appliance.Reading) {
	before := len(w.claims.doubts)
	there := func(d *doubt) bool {
		return !w.s.LocksPart.Stale(now) && slices.ContainsFunc(w.listed.Locks, func(l appliance.Lock) bool { return w.mayBe(d, l) })
	}
	w.claims.doubts = slices.DeleteFunc(w.claims.doubts, func(d *doubt) bool {
		if now.Run <= d.until || there(d) || d.inherited && d.heard.Run <= d.calm && now.Run <= d.calm+d.claim.TTL {
			return false
		}
		if d.left {
			w.conclude(d.intent, OutcomeUnknown, "no lock was seen that is known to have come of it")
		}
		d.over = true
		w.conclude(d.wish, OutcomeUnknown, "no lock was seen that is known to have come of the request")
		return true
	})
	if len(w.claims.doubts) != before {
		w.showClaims()
		w.showLocks()
		w.publish()
	}
}
