package fleet

import (
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// claims are the locks of this engine at one appliance. "You" are the ids in it: the appliances name nobody.
type claims struct {
	own    map[appliance.LockID]*own
	past   map[appliance.LockID]*own // given back, lost or ended; kept against answers that are older than that
	doubts []doubt
}

// own is a lock that we were granted.
type own struct {
	lock    appliance.Lock
	who     string
	ttl     time.Duration
	granted appliance.Stamp
	term    lease.Term
	listed  bool          // a listing showed it
	missing bool          // a listing that was asked for after the grant did not show it, which was told
	ended   time.Duration // run at which it went to the past
}

// doubt is a request for a lock whose outcome we do not know, so that a lock that appears of it is not called another's
// (faults.md I1).
type doubt struct {
	claim  appliance.Claim
	since  time.Time                 // just before it was sent, on the appliance's clock; zero = unknown
	before map[appliance.LockID]bool // what was listed by then
	until  time.Duration             // run at which nothing can be left of it
}

// How exactly the appliance's Date tells the time at which a request was sent, and how late one may take effect
// (faults.md LCK-02).
const (
	dateSlack  = 3 * time.Second
	lateEffect = 90 * time.Second
	pastKept   = time.Hour
)

func newClaims() claims {
	return claims{own: map[appliance.LockID]*own{}, past: map[appliance.LockID]*own{}}
}

// fits reports whether a listed lock may have come of the request.
func (d doubt) fits(l appliance.Lock) bool {
	if d.before[l.ID] || l.Scope.Code != d.claim.Scope || (l.TTL != 0 && d.claim.TTL != 0 && l.TTL != d.claim.TTL) {
		return false
	}
	if l.Created.IsZero() || d.since.IsZero() {
		return true
	}
	return !l.Created.Before(d.since.Add(-dateSlack)) && !l.Created.After(d.since.Add(lateEffect))
}

// grant notes a lock that is ours from the receipt on. The caller holds w.mu.
func (w *watcher) grant(r appliance.Receipt, claim appliance.Claim, who string) *own {
	l := r.Lock
	if l.Scope.Code == "" {
		l.Scope = w.scope(claim.Scope)
	}
	if rules := w.locker.LockRules(); l.TTL == 0 && rules.ChooseTTL {
		l.TTL = claim.TTL
	} else if l.TTL == 0 {
		l.TTL = rules.DefaultTTL
	}
	w.took(r.Stamp)
	o := &own{lock: l, who: who, ttl: l.TTL, granted: r.Stamp}
	o.term = lease.Own(r.Stamp, l.TTL, w.worst())
	w.claims.own[l.ID] = o
	delete(w.claims.past, l.ID)
	return o
}

// drop moves a lock of ours to the past. The caller holds w.mu.
func (w *watcher) drop(id appliance.LockID, at time.Duration) {
	if o := w.claims.own[id]; o != nil {
		o.ended = at
		w.claims.past[id] = o
		delete(w.claims.own, id)
	}
}

func (w *watcher) scope(code string) appliance.Scope {
	for _, s := range w.locker.LockRules().Scopes {
		if s.Code == code {
			return s
		}
	}
	return appliance.Scope{Code: code}
}

// takeLocks takes a listing over, unless it was asked for before the one that we have. The caller holds w.mu.
func (w *watcher) takeLocks(list appliance.LockList) {
	if older(list.Stamp, w.listed.Stamp) {
		return
	}
	w.heard(laneLocks, list.Stamp)
	if w.s.LocksPart.Unreadable != list.Unreadable {
		w.s.LocksPart.Unreadable, w.content = list.Unreadable, true
	}
	if !w.unsure.IsZero() && list.Stamp.Sent.Run >= w.unsure.Run {
		w.unsure, w.content = appliance.Reading{}, true
	}
	w.listed = list
	held := map[appliance.LockID]bool{}
	for _, l := range list.Locks {
		// An exclusive lock is always listed, with its holder; one that the client cannot tell says nothing against us.
		held[l.ID] = !l.Exclusive || l.Holder == appliance.HolderYou || (w.claims.own[l.ID] != nil && untold(l))
	}
	w.compare(held, list.Stamp)
	w.showLocks()
}

// compare holds what is ours against a listing; the appliance is right (faults.md CLK-02).
func (w *watcher) compare(held map[appliance.LockID]bool, stamp appliance.Stamp) {
	now := w.e.clock.Now()
	for id, o := range w.claims.own {
		state, _ := o.term.At(now)
		switch {
		case held[id]:
			o.listed, o.missing = true, false
		case stamp.Sent.Run <= o.granted.Received.Run: // asked for before we had it
		case state == lease.Expiring || state == lease.Gone:
			w.end(id, o, now, Info, "ended")
		case !o.listed && !o.lock.Exclusive:
			if !o.missing {
				o.missing = true
				w.e.event(Alarm, w.name, o.who, fmt.Sprintf("was granted the lock %s, and the appliance does not list it", name(o.lock)))
			}
		default:
			w.end(id, o, now, Alarm, "is lost: the appliance does not have it any more")
		}
	}
	for id, o := range w.claims.past {
		switch {
		case held[id] && stamp.Sent.Run > o.ended:
			o.listed = true
			w.claims.own[id] = o
			delete(w.claims.past, id)
			w.e.event(Warn, w.name, "", fmt.Sprintf("lock %s is still there", name(o.lock)))
		case now.Run-o.ended > pastKept:
			delete(w.claims.past, id)
		}
	}
	w.claims.doubts = slices.DeleteFunc(w.claims.doubts, func(d doubt) bool { return now.Run > d.until })
}

// end tells that a lock of ours is no more.
func (w *watcher) end(id appliance.LockID, o *own, now appliance.Reading, level Level, how string) {
	w.drop(id, now.Run)
	w.e.event(level, w.name, "", fmt.Sprintf("lock %s %s", name(o.lock), how))
}

// expire ends locks of ours that must be gone by now, asked or not; the appliance may be away.
func (w *watcher) expire(now appliance.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := false
	for id, o := range w.claims.own {
		state, _ := o.term.At(now)
		if state != lease.Gone || (o.listed && !o.lock.Exclusive && w.listed.Stamp.Sent.Run > o.term.GoneAfter) {
			continue // the second: it is listed still, and the list is right
		}
		w.end(id, o, now, Info, "ended")
		found = true
	}
	if found {
		w.showLocks()
		w.publish()
	}
}

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
		if o.missing { // nobody can say that it is held
			l.Holder = appliance.HolderUnknown
		}
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
	o := w.claims.own[l.ID]
	s := Lock{Lock: l, Appliance: w.name}
	if l.Exclusive {
		s.Mine = l.Holder == appliance.HolderYou
		// An answer from before the grant says nothing of what was granted.
		if o != nil && (untold(l) || w.listed.Stamp.Sent.Run <= o.granted.Received.Run) {
			s.Mine, s.Holder = true, appliance.HolderYou
		}
		if s.Mine {
			s.Term = lease.Own(l.Seen, l.TTL, w.worst())
		}
		if s.Mine && o != nil {
			s.By, s.Term = o.who, o.term
		}
		return s
	}
	s.Holder = appliance.HolderAnother
	for _, d := range w.claims.doubts {
		if d.fits(l) {
			s.Holder = appliance.HolderUnknown
		}
	}
	s.Term = w.foreign(l, before)
	if o == nil {
		return s
	}
	s.Mine, s.By, s.Holder = true, o.who, appliance.HolderYou
	if l.TTL > 0 && l.TTL < o.ttl { // less was granted than asked for
		o.ttl = l.TTL
		o.term = lease.Own(o.granted, o.ttl, w.worst())
	}
	if state, _ := o.term.At(w.e.clock.Now()); state != lease.Gone {
		s.Term = o.term
	}
	return s
}

// untold reports whether a client cannot tell who holds an exclusive lock.
func untold(l appliance.Lock) bool { return l.Holder == "" || l.Holder == appliance.HolderUnknown }

// foreign is the term of a lock of which only the list tells. The Date in it is good to a second, so the end that follows
// differs a little from list to list: the earliest is kept, and a countdown never goes up by it.
func (w *watcher) foreign(l appliance.Lock, before *Lock) lease.Term {
	t := lease.Listed(w.listed.Stamp, l.Created, l.TTL, w.worst())
	if before == nil || !t.Known || !before.Term.Known || before.Mine || !before.Created.Equal(l.Created) || before.TTL != l.TTL {
		return t
	}
	if later := t.End - before.Term.End; later >= 0 && later <= 2*time.Second+w.worst() {
		return before.Term
	}
	return t
}

func sameShown(a, b Lock) bool {
	return a.Mine == b.Mine && a.By == b.By && a.Term == b.Term && a.Unlisted == b.Unlisted && sameLock(a.Lock, b.Lock)
}

// name is a lock as events call it.
func name(l appliance.Lock) string {
	scope := appliance.Label(l.Scope.String()).String()
	if l.ID == "" || l.Exclusive || l.ID == appliance.ConfigurationLock {
		return scope
	}
	return fmt.Sprintf("%s (%s)", scope, short(string(l.ID)))
}

// short is the begin of a long id.
func short(id string) string {
	if len(id) > 8 {
		return id[:8] + "…"
	}
	return id
}
