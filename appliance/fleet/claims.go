package fleet

import (
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// claims are the locks of this engine at one appliance. "You" are the ids in it: the appliances name nobody.
type claims struct {
	own    map[appliance.LockID]*own
	past   map[appliance.LockID]*own // given back, lost or ended; kept against answers that are older than that
	doubts []*doubt
	asking []*doubt // requests that are under way
	keeps  []*keeping
	lost   []Lost
	gaps   []Gap
	ghost  *ghost
	heirs  []*heir // what earlier engines may hold by a token, and was not taken up yet
	// answered tells that one of the heirs was told whose the lock is: those who have nothing kept say nothing against it.
	answered bool
	dirty    map[appliance.LockID]bool // what the journal does not know yet
	// remaining tells that this appliance lists the time that is left instead of the time that was granted, as was seen.
	remaining bool
}

// own is a lock that we were granted.
type own struct {
	lock    appliance.Lock
	who     string
	purpose string
	ttl     time.Duration
	granted appliance.Stamp
	// told is the run at which we were told of it: a token that was issued long before may own it, and a listing of the time in
	// between knows nothing of that.
	told   time.Duration
	term   lease.Term
	leapt  time.Duration     // how far our clock had stepped forward by then
	listed bool              // a listing showed it
	seen   appliance.Reading // just before the latest listing that showed it was asked for
	// inherited tells that an earlier engine was granted it: how long it lasts, only the listing tells.
	inherited bool
	// latest is the run at which it ends by our own clocks, whatever lists tell; zero = not known.
	latest   time.Duration
	replaces appliance.LockID // the lock that it was taken to extend, until that one is given back or gone
	owed     *owed            // its release was asked for
	// unproven tells that it may have been lost meanwhile, as by a restart of the appliance, and that nobody has asked yet.
	unproven bool
	proof    retry // of asking
	warned   int   // how many of the warnings about its end were given
	// measured tells that its first listing was compared with what was asked for.
	measured bool
	missing  bool          // the newest listing that says something of it does not say that it is ours, which was told
	ended    time.Duration // run at which it went to the past
	// unheard tells that a clock alone says that it has ended: it stays in the journal until a listing is without it.
	unheard bool
}

// How exactly the appliance's Date tells the time at which a request was sent, and how late one may take effect
// (faults.md LCK-02).
const (
	dateSlack  = 3 * time.Second
	lateEffect = 90 * time.Second
	pastKept   = time.Hour
)

func newClaims() claims {
	return claims{own: map[appliance.LockID]*own{}, past: map[appliance.LockID]*own{}, dirty: map[appliance.LockID]bool{}}
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
	o := &own{lock: l, who: who, purpose: w.e.purpose, ttl: l.TTL, granted: r.Stamp}
	o.term, o.told = lease.Own(r.Stamp, l.TTL, w.worst()), w.e.clock.Now().Run
	o.latest, o.leapt = o.term.End, w.e.leapt()
	if before := w.claims.own[l.ID]; before != nil { // renewed
		o.owed, o.purpose = before.owed, before.purpose
	}
	w.claims.own[l.ID] = o
	delete(w.claims.past, l.ID)
	w.claims.dirty[l.ID] = true
	return o
}

// drop moves a lock of ours to the past. The caller holds w.mu.
func (w *watcher) drop(id appliance.LockID, at time.Duration) {
	if o := w.claims.own[id]; o != nil {
		o.ended = at
		w.claims.past[id] = o
		delete(w.claims.own, id)
		w.claims.dirty[id] = true
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

// takeLocks takes a listing over, unless it was asked for before the one that we have. unclear are locks of ours that it
// does not show and of which it could not be asked whether they are still there. The caller holds w.mu.
func (w *watcher) takeLocks(list appliance.LockList, unclear []appliance.LockID) {
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
	w.seeRemaining(list)
	w.listed = list
	w.resolve(list)
	said := map[appliance.LockID]word{}
	for _, id := range unclear {
		said[id] = wordNone
	}
	for _, l := range list.Locks {
		said[l.ID] = wordOurs
		switch {
		case l.Exclusive && untold(l):
			said[l.ID] = wordNone
		case l.Exclusive && l.Holder != appliance.HolderYou:
			delete(said, l.ID)
		}
	}
	w.compare(said, list.Stamp)
	w.relieve(said, list.Stamp)
	w.showLocks()
}

// word is what a listing says of a lock of ours; a lock without one is not ours, or not there.
type word int

const (
	wordNone word = iota + 1 // nobody can tell
	wordOurs
)

// compare holds what is ours against a listing; the appliance is right (faults.md CLK-02).
func (w *watcher) compare(said map[appliance.LockID]word, stamp appliance.Stamp) {
	now := w.e.clock.Now()
	for id, o := range w.claims.own {
		state, _ := o.term.At(now)
		switch {
		case said[id] == wordOurs:
			if o.inherited && !o.listed {
				w.event(Good, fmt.Sprintf("lock %s, which an earlier run took for %s, is still yours", name(o.lock), o.who))
			}
			o.listed, o.missing = true, false
			o.unproven, o.proof = false, retry{}
			if stamp.Sent.Run > o.granted.Received.Run {
				o.seen = stamp.Sent
			}
		case stamp.Sent.Run <= o.told: // asked for before we had it
		case w.releasing(o.lock): // it may be gone since, and whoever gives it back says so
		case state == lease.Expiring || state == lease.Gone:
			w.end(id, o, now, Warn, "of yours has ended")
		case o.inherited && !now.Wall.Before(o.due()):
			w.end(id, o, now, Info, "of an earlier run has ended meanwhile")
		case said[id] == wordNone:
			if !o.missing && !w.unsettled && !o.unproven { // an act that left it open has said so itself
				w.event(Warn, fmt.Sprintf("whether the lock %s is still ours is not known", name(o.lock)))
			}
			o.missing = true
			o.unproven = o.lock.Exclusive && w.doubter != nil && !w.unsettled
		case !o.listed && !o.lock.Exclusive && !o.inherited && w.lockGetter == nil:
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
		case said[id] == wordOurs && stamp.Sent.Run > o.ended:
			o.listed, o.seen, o.unheard = true, stamp.Sent, false
			w.claims.own[id] = o
			delete(w.claims.past, id)
			w.claims.dirty[id] = true
			w.e.event(Warn, w.name, "", fmt.Sprintf("lock %s is still there", name(o.lock)))
		case o.unheard && said[id] != wordNone && stamp.Sent.Run > o.ended:
			o.unheard = false
			w.claims.dirty[id] = true
		case now.Run-o.ended > pastKept && !o.unheard:
			delete(w.claims.past, id)
		}
	}
}

// releasing reports whether a lock is being given back. The caller holds w.mu.
func (w *watcher) releasing(l appliance.Lock) bool {
	if l.Exclusive && w.unwanted {
		return true
	}
	act := appliance.Act{Verb: appliance.VerbRelease, Lock: l}
	d, busy := w.guard[act.Target()]
	return busy && d.Act.Verb == appliance.VerbRelease
}

// end tells that a lock of ours is no more. One that should not have ended is lost, which stays said until somebody
// acknowledges it (faults.md CLK-02, LCK-05). The caller holds w.mu.
func (w *watcher) end(id appliance.LockID, o *own, now appliance.Reading, level Level, how string) {
	k, next, before := w.keepOf(id), w.successor(id), w.claims.own[o.replaces]
	w.drop(id, now.Run)
	w.haunt(o, now)
	switch {
	case o.owed != nil:
		if k != nil {
			w.stopKeeping(k)
		}
		w.event(Info, fmt.Sprintf("lock %s, whose release was asked for, is gone", name(o.lock)))
		return
	case next != nil:
		next.replaces = ""
		w.claims.dirty[next.lock.ID] = true
		w.tellGap(o.lock.Scope, o.covered(now), next.granted.Received)
		return
	case k != nil && before != nil && before.owed == nil:
		w.cover(k, before)
		w.event(Warn, fmt.Sprintf("lock %s %s; %s, which it was to replace, is there still", name(o.lock), how, name(before.lock)))
		return
	case k != nil:
		level = Alarm
		w.uncover(k, o, now)
	}
	w.event(level, fmt.Sprintf("lock %s %s", name(o.lock), how))
	if level == Alarm {
		w.lose(Lost{Appliance: w.name, Lock: id, Scope: o.lock.Scope, Who: o.who, At: now, Why: how})
	}
}

// haunt has a lock that only its holder can ask about be told of for as long as it lasts if what moved our clock on, since it was
// granted, was not that time went by (faults.md I1). The caller holds w.mu.
func (w *watcher) haunt(o *own, now appliance.Reading) {
	left := o.term.GoneAfter + w.e.leapt() - o.leapt - now.Run
	if state, _ := o.term.At(now); o.lock.Exclusive && (state == lease.Expiring || state == lease.Gone) && left > 0 {
		w.claims.ghost = &ghost{text: "it may be yours still, as our clock jumped", free: ahead(now, left).Wall}
	}
}

// successor is the lock of ours that was taken to extend the given one; nil = none.
func (w *watcher) successor(id appliance.LockID) *own {
	for _, o := range w.claims.own {
		if o.replaces == id && o.owed == nil {
			return o
		}
	}
	return nil
}

// covered is the latest moment at which the lock is known to have been there: it was granted or seen, and until it could be
// relied on no longer nobody told otherwise.
func (o *own) covered(now appliance.Reading) appliance.Reading {
	last := o.granted.Received
	if o.seen.Run > last.Run {
		last = o.seen
	}
	if state, _ := o.term.At(now); state != lease.Held && o.term.HeldUntil > last.Run {
		last = ahead(now, o.term.HeldUntil-now.Run)
	}
	return last
}

// due is when an inherited lock ends, on our wall clock.
func (o *own) due() time.Time { return o.granted.Received.Wall.Add(o.ttl) }

// expire ends locks of ours that must be gone by now, asked or not; the appliance may be away.
// The caller holds w.mu.
func (w *watcher) expire(now appliance.Reading) {
	found := false
	for id, o := range w.claims.own {
		state, _ := o.term.At(now)
		if state != lease.Gone || w.outlives(o, now) {
			continue
		}
		o.unheard = !o.lock.Exclusive
		w.end(id, o, now, Warn, "of yours has ended")
		found = true
	}
	if found {
		w.showLocks()
	}
}

// outlives reports whether the list, which is right and not old, shows a lock of ours beyond the end that we reckon with. One that
// an earlier run took is reckoned by the appliance's clock, which may have been set since (faults.md CLK-02).
func (w *watcher) outlives(o *own, now appliance.Reading) bool {
	return o.listed && !o.lock.Exclusive && w.listed.Stamp.Sent.Run > o.term.End && !w.s.LocksPart.Stale(now)
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
