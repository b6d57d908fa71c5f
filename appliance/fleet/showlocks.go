package fleet

import (
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// showLocks rebuilds the snapshot's locks. The caller holds w.mu.
func (w *watcher) showLocks() {
	before := make(map[appliance.LockID]*Lock, len(w.s.Locks))
	for i := range w.s.Locks {
		before[w.s.Locks[i].ID] = &w.s.Locks[i]
	}
	list := make([]Lock, 0, len(w.listed.Locks)+len(w.claims.own))
	shown := map[appliance.LockID]bool{}
	for _, l := range w.listed.Locks {
		if o := w.claims.past[l.ID]; o != nil && w.listed.Stamp.Sent.Run <= o.ended && !l.Exclusive {
			continue // the listing is older than its end
		}
		shown[l.ID] = true
		list = append(list, w.show(l, before[l.ID]))
	}
	var unlisted []Lock
	for id, o := range w.claims.own {
		if shown[id] {
			continue
		}
		l := Lock{Lock: o.lock, Appliance: w.name, Mine: true, By: o.who, Term: o.term, Unlisted: true}
		l.Holder = appliance.HolderYou
		if o.missing || o.inherited { // nobody can say that it is held
			l.Holder = appliance.HolderUnknown
		}
		w.adorn(&l, o)
		unlisted = append(unlisted, l)
	}
	slices.SortFunc(unlisted, func(a, b Lock) int { return int(a.Term.From - b.Term.From) })
	list = append(list, unlisted...)
	if !slices.EqualFunc(list, w.s.Locks, sameShown) {
		w.s.Locks, w.content = list, true
	}
}

// show says whose a listed lock is and how long it lasts.
func (w *watcher) show(l appliance.Lock, before *Lock) Lock {
	if l.Exclusive {
		return w.showExclusive(l)
	}
	s := Lock{Lock: l, Appliance: w.name}
	s.Holder = appliance.HolderAnother
	for _, d := range append(slices.Clip(w.claims.doubts), w.claims.asking...) {
		if w.fits(d, l, w.listed.Stamp) || w.mayBe(d, l) {
			s.Holder = appliance.HolderUnknown
		}
	}
	o := w.claims.own[l.ID]
	if before != nil && before.Mine && (o == nil || !o.inherited) {
		before = nil
	}
	s.Term = w.foreign(l, before)
	if o == nil {
		if h, ok := w.others.holdings[l.ID]; ok {
			s.By, s.Elsewhere, s.Purpose, s.Kept, s.KeptTo = h.Who, true, h.Purpose, h.Kept, h.KeepUntil
		}
		return s
	}
	s.Mine, s.By, s.Holder = true, o.who, appliance.HolderYou
	w.adorn(&s, o)
	if o.inherited { // its answer was another run's: how long it lasts, the list says
		o.term = o.noLater(s.Term, w.e.clock.Now())
		s.Term = o.term
		return s
	}
	w.shorten(o, l)
	s.TTL = o.ttl
	now := w.e.clock.Now()
	if state, _ := o.term.At(now); state == lease.Gone || state == lease.Unknown { // the list is right
		o.term = o.noLater(s.Term, now)
	}
	s.Term = o.term
	return s
}

// noLater is the term that the list tells of a lock of ours, which is not held any longer than our own clocks say: the appliance's
// may have been set back (faults.md I2). Once that is over the countdown is the list's, and the word expiring.
func (o *own) noLater(t lease.Term, now appliance.Reading) lease.Term {
	early := t.End - o.latest
	if !t.Known || o.latest == 0 || early <= 0 {
		return t
	}
	t.HeldUntil -= early
	if o.latest > now.Run {
		t.End, t.EndsWall = o.latest, t.EndsWall.Add(-early)
	}
	return t
}

// adorn adds what else is to be said of a lock of ours.
func (w *watcher) adorn(l *Lock, o *own) {
	l.Purpose = o.purpose
	if k := w.keepOf(o.lock.ID); k != nil {
		l.Kept, l.KeptTo, l.KeptJob, l.Note = true, k.until.Wall, k.job, k.trouble
	}
	if o.owed != nil {
		l.Owed, l.Note = true, o.owed.trouble
	}
}

// showExclusive says whose the only lock is. Its client tells that itself; nothing that we remember stands against a
// newer word of it (faults.md I2, LCK-10).
func (w *watcher) showExclusive(l appliance.Lock) Lock {
	s := Lock{Lock: l, Appliance: w.name}
	s.Mine = l.Holder == appliance.HolderYou
	sent := w.listed.Stamp.Sent.Run
	o, past := w.claims.own[l.ID], w.claims.past[l.ID]
	switch {
	case o != nil && sent <= o.told: // from before the grant: it says nothing of what was granted
		s.Mine, s.Holder = true, appliance.HolderYou
	case o == nil && past != nil && sent <= past.ended && s.Mine: // from before its end
		s.Mine, s.Holder = false, appliance.HolderUnknown
	}
	switch {
	case o != nil && o.unproven: // how long it lasts is not claimed either, but for that it may be over
		s.Mine, s.Unproven, s.Holder, s.By = true, true, appliance.HolderUnknown, o.who
		if state, _ := o.term.At(w.e.clock.Now()); state != lease.Held {
			s.Term = o.term
		}
		w.adorn(&s, o)
	case s.Mine && o != nil:
		s.By, s.Term = o.who, o.term
		w.adorn(&s, o)
	case !s.Mine:
		w.explain(&s)
	case s.Mine:
		s.Term = lease.Own(l.Seen, l.TTL, w.worst())
	}
	return s
}

// explain says what we know of an exclusive lock that is not this engine's: another of ours holds it, or an earlier one may.
func (w *watcher) explain(s *Lock) {
	now := w.e.clock.Now()
	if h, ok := w.others.holdings[s.ID]; ok {
		s.By, s.Elsewhere, s.Purpose, s.Kept, s.KeptTo = h.Who, true, h.Purpose, h.Kept, h.KeepUntil
		stamp := appliance.Stamp{Sent: pastReading(now, h.Sent), Received: pastReading(now, h.Received)}
		s.Term = lease.Own(stamp, h.TTL, w.worst())
		return
	}
	if g := w.claims.ghost; g != nil && s.Holder != appliance.HolderNobody && now.Wall.Before(g.free) {
		s.Note = g.text + ": free by " + at(g.free)
	}
}

// shorten has a lock of ours last no longer than the appliance lists it for. Only its first listing counts: less may have
// been granted than was asked for, while an appliance that lists the time that is left tells less each time.
func (w *watcher) shorten(o *own, l appliance.Lock) {
	if o.measured || l.TTL <= 0 {
		return
	}
	o.measured = true
	granted, slack := l.TTL, time.Duration(0)
	if w.claims.remaining {
		granted, slack = l.TTL+w.age(l)-time.Second, dateSlack
	}
	if granted+slack < o.ttl {
		o.ttl = granted
		o.term = lease.Own(o.granted, o.ttl, w.worst())
		o.latest = o.term.End
	}
}

// age is how long a listed lock had lived at the listing; 0 = unknown.
func (w *watcher) age(l appliance.Lock) time.Duration {
	if l.Created.IsZero() || w.listed.Stamp.Date.IsZero() {
		return 0
	}
	return max(0, w.listed.Stamp.Date.Sub(l.Created))
}

// seeRemaining learns from a listing, which is about to replace the one before, whether the appliance lists the time that
// is left: what was granted to a lock does not change, so what falls from listing to listing is that (api/lxca.md 7).
func (w *watcher) seeRemaining(list appliance.LockList) {
	if w.claims.remaining || len(list.Locks) == 0 {
		return
	}
	before := make(map[appliance.LockID]appliance.Lock, len(w.listed.Locks))
	for _, l := range w.listed.Locks {
		before[l.ID] = l
	}
	for _, l := range list.Locks {
		b, ok := before[l.ID]
		if ok && !l.Exclusive && !l.Created.IsZero() && l.Created.Equal(b.Created) && 0 < l.TTL && l.TTL < b.TTL {
			w.claims.remaining = true
			return
		}
	}
}

// untold reports whether a client cannot tell who holds an exclusive lock.
func untold(l appliance.Lock) bool { return l.Holder == "" || l.Holder == appliance.HolderUnknown }

// foreign is the term of a lock of which only the list tells. The Date in it is good to a second, and a lock may have been
// looked up at any moment of the round trip, so the end that follows differs a little from list to list: the earliest is
// kept, and a countdown never goes up by it (faults.md CLK-04).
func (w *watcher) foreign(l appliance.Lock, before *Lock) lease.Term {
	stamp, worst := w.listed.Stamp, w.worst()
	t := lease.Listed(stamp, l.Created, l.TTL, worst)
	if w.claims.remaining {
		t = w.left(l)
	}
	if before == nil || !t.Known || !before.Term.Known || !before.Created.Equal(l.Created) {
		return t
	}
	noise := 2*time.Second + max(worst, tripOf(before.Term))
	if later := t.End - before.Term.End; later >= 0 && later <= noise {
		return before.Term
	}
	return t
}

// left is the term of a lock that is listed with the time that it has left.
func (w *watcher) left(l appliance.Lock) lease.Term {
	stamp := w.listed.Stamp
	t := lease.Listed(stamp, stamp.Date, l.TTL, w.worst())
	if t.Known {
		t.TTL = l.TTL + w.age(l)
		t.From = t.End - t.TTL
	}
	return t
}

// tripOf is the round trip of the listing that a foreign lock's term came of: what parts its last possible end from its
// earliest, without the margin and the second either way of the Date (lease.Listed).
func tripOf(t lease.Term) time.Duration {
	return t.GoneAfter - t.End - (t.End - t.HeldUntil) - 2*time.Second
}

func sameShown(a, b Lock) bool {
	return a.Mine == b.Mine && a.Unproven == b.Unproven && a.By == b.By && a.Term == b.Term && a.Unlisted == b.Unlisted && a.Kept == b.Kept &&
		a.KeptTo.Equal(b.KeptTo) && a.Owed == b.Owed && a.Purpose == b.Purpose && a.Elsewhere == b.Elsewhere && a.Note == b.Note &&
		sameLock(a.Lock, b.Lock)
}
