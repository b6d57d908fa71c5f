package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// heir is what an earlier engine may hold by a token, which its client is to take up (faults.md TOK-02).
type heir struct {
	engine  string
	holding Holding  // the zero one: it was in the middle of a request for it
	asks    []uint64 // records of requests about it, which stay open until it is known whose it is
	retry
}

// inherit goes on with what ended engines left, and says so.
func (e *Engine) inherit(estate Estate) {
	for _, w := range e.watchers {
		outlive(w.failed, func() { w.inherit(estate) })
	}
}

// inherit goes on with what ended engines left here. It is all taken over at once, so that nothing is begun in between that
// does not know of the rest.
func (w *watcher) inherit(estate Estate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.claims.heirs) == 0 {
		w.claims.answered = false
	}
	for _, h := range estate.Holdings {
		if h.Appliance == w.name {
			w.inheritLock(h)
		}
	}
	for _, t := range estate.Transits {
		if t.Appliance == w.name {
			w.inheritTransit(t)
		}
	}
	w.oneKeeps()
	w.foundAnew()
	asked := map[uint64]*doubt{}
	for _, r := range estate.Intents {
		if r.Appliance == w.name {
			w.inheritIntent(r, estate, asked)
		}
	}
	w.showLocks()
	w.publish()
}

// oneKeeps has of two locks, one of which was taken to extend the other, only the newer kept: the earlier run may have ended
// before it could record that the older is kept no longer. The caller holds w.mu.
func (w *watcher) oneKeeps() {
	for _, o := range w.claims.own {
		if k := w.keepOf(o.replaces); k != nil && w.keepOf(o.lock.ID) != nil {
			w.stopKeeping(k)
		}
	}
}

// inheritLock takes over a lock of an ended engine. Whether it is there still, the appliance says (faults.md JNL-11). The
// caller holds w.mu.
func (w *watcher) inheritLock(h Holding) {
	now := w.e.clock.Now()
	if w.locker == nil {
		w.event(Warn, fmt.Sprintf("an earlier run took a lock about %s for %s, and there are no locks here now", appliance.Label(h.Scope), h.Who))
		return
	}
	scope := w.scope(h.Scope)
	if h.Exclusive && h.Received.After(now.Wall) { // our clock was set back: it was granted before now, and ends by then at the latest
		h.Sent, h.Received = now.Wall, now.Wall
	}
	switch {
	case h.State == HoldingLost || h.State == HoldingSought:
		if h.State == HoldingLost {
			w.lose(Lost{Appliance: w.name, Lock: h.Lock, Scope: scope, Who: h.Who, At: pastReading(now, h.Since), Why: h.Note})
		}
		if h.Kept {
			w.retake(h, scope)
		}
		if !h.Exclusive && w.claims.own[h.Lock] == nil && h.TTL > 0 && !h.Sent.IsZero() { // a clock may have said so, and it be there still
			w.claims.past[h.Lock] = w.leftOver(h, scope)
		}
	case h.Exclusive:
		w.claims.heirs = append(w.claims.heirs, &heir{engine: cmp.Or(h.Owner, h.Engine), holding: h})
	case w.claims.own[h.Lock] == nil:
		o := w.leftOver(h, scope)
		w.claims.own[h.Lock] = o
		if h.State == HoldingOwed {
			w.owe(h.Lock, h.Who)
			o.owed.trouble = h.Note
		}
		if w.keptOn(h) {
			w.keepFor(h, o)
		}
		w.claims.dirty[h.Lock] = true
		w.event(Info, fmt.Sprintf("an earlier run took the lock %s for %s; whether it is there still is asked", name(o.lock), h.Who))
	}
	w.e.sched.wake(w, w.lanes&of(laneLocks))
}

// leftOver is a lock of an ended engine as the journal has it; how long it lasts, a listing tells.
func (w *watcher) leftOver(h Holding, scope appliance.Scope) *own {
	now := w.e.clock.Now()
	o := &own{
		lock: appliance.Lock{ID: h.Lock, Scope: scope, TTL: h.TTL}, who: h.Who, purpose: h.Purpose, ttl: h.TTL, inherited: true,
		granted:  appliance.Stamp{Sent: pastReading(now, h.Sent), Received: pastReading(now, h.Received)},
		replaces: h.Replaces, ended: now.Run,
	}
	if h.TTL > 0 && !h.Sent.IsZero() {
		o.latest = now.Run
		if age := now.Wall.Sub(h.Sent); age >= 0 { // else our wall clock was set back, and tells nothing
			o.latest += h.TTL - age
		}
	}
	return o
}

// pastReading is a moment of the past by the wall clock as a reading of this run.
func pastReading(now appliance.Reading, then time.Time) appliance.Reading {
	return appliance.Reading{Wall: then, Run: now.Run - max(0, now.Wall.Sub(then))}
}

// inheritIntent goes on with an act that an ended engine was in the middle of, and says so. When what became of it is looked
// for, its record stays open until that is known. asked are the requests for locks so far, by their intents. The caller holds w.mu.
func (w *watcher) inheritIntent(r Record, estate Estate, asked map[uint64]*doubt) {
	outcome, note := w.goOn(r, estate, asked)
	w.event(Warn, fmt.Sprintf("an earlier run ended in the middle of %s, asked by %s at %s: %s", w.e.describe(r.Act), r.Who, at(r.At.Wall), note))
	if outcome != "" {
		w.conclude(r.ID, outcome, "the run ended before the answer was recorded; "+note)
	}
}

// goOn goes on with an act of an ended engine, and tells how it ended, empty while that is looked for. The caller holds w.mu.
func (w *watcher) goOn(r Record, estate Estate, asked map[uint64]*doubt) (outcome Outcome, note string) {
	act := r.Act
	_, resumes := w.client.(appliance.Resumer)
	mine := w.claims.own[act.Lock.ID]
	switch {
	case locks(act.Verb) && resumes:
		w.inheritQuestion(r)
		return "", "whose the lock is now is asked"
	case act.Verb == appliance.VerbAcquire || act.Verb == appliance.VerbExtend:
		return w.inheritDoubt(r, asked)
	case act.Verb == appliance.VerbRelease && r.Again != 0:
		return w.inheritUnwanted(r, asked)
	case act.Verb == appliance.VerbRelease && mine != nil:
		if k := w.keepOf(act.Lock.ID); k != nil {
			w.stopKeeping(k)
		}
		w.unwant(act.Lock.ID)
		w.owe(act.Lock.ID, r.Who)
		return OutcomeUnknown, "it is tried again"
	case moves(act.Verb), works(act.Verb) && w.able.follower == nil:
		if slices.ContainsFunc(estate.Transits, func(t Transit) bool { return t.ID == r.ID }) {
			return OutcomeUnknown, "what came of it is looked for"
		}
		return OutcomeRefused, "nothing had been sent yet"
	default:
		return OutcomeUnknown, "its outcome is not known, look there"
	}
}

// inheritQuestion has it asked whose an exclusive lock is now, about which an ended engine was in the middle of something. The
// caller holds w.mu.
func (w *watcher) inheritQuestion(r Record) {
	at := slices.IndexFunc(w.claims.heirs, func(h *heir) bool { return h.engine == r.Engine })
	if at < 0 {
		h := Holding{Who: r.Who, Scope: appliance.ConfigurationLock, Received: r.At.Wall, TTL: w.locker.LockRules().DefaultTTL}
		at = len(w.claims.heirs)
		w.claims.heirs = append(w.claims.heirs, &heir{engine: r.Engine, holding: h})
	}
	w.claims.heirs[at].asks = append(w.claims.heirs[at].asks, r.ID)
	switch h := w.claims.heirs[at]; r.Act.Verb {
	case appliance.VerbExtend: // the token that it asked for may have been issued, and own the lock
		if r.At.Wall.After(h.holding.Received) {
			h.holding.Received = r.At.Wall
		}
	case appliance.VerbRelease:
		h.holding.State = HoldingOwed
	case appliance.VerbResume: // it may be kept under the engine from which it was about to be taken over
		if slices.ContainsFunc(w.claims.heirs, func(x *heir) bool { return x.engine == r.Act.Engine }) {
			return
		}
		other := *h
		other.engine, other.retry, other.asks = r.Act.Engine, retry{}, nil
		w.claims.heirs = append(w.claims.heirs, &other)
	}
}

// takeUp has the client take up what earlier engines held by a token. The caller holds w.mu.
func (w *watcher) takeUp(now appliance.Reading) {
	if !w.s.State.Answers() {
		return
	}
	if slices.ContainsFunc(w.claims.heirs, func(h *heir) bool { return h.busy }) {
		return
	}
	for _, h := range w.claims.heirs {
		if now.Run < h.next {
			continue
		}
		h.busy = true
		by := policy.Person{Name: h.holding.Who, Role: w.e.heir.Role}
		lock := appliance.Lock{ID: appliance.ConfigurationLock, Scope: w.scope(appliance.ConfigurationLock), Exclusive: true}
		act := appliance.Act{Verb: appliance.VerbResume, Lock: lock, Engine: h.engine}
		w.spawn(func(ctx context.Context) {
			err := errFailed
			defer func() { w.tookUp(h, err) }()
			_, err = w.e.do(ctx, w.name, errand{p: by, act: act, auto: true})
		})
		return // of several the next when this one is answered: there is one lock
	}
}

// tookUp goes on with what came of that: once the appliance has told whose the lock is, nothing is left to take up.
func (w *watcher) tookUp(h *heir, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.e.clock.Now()
	over := h.holding.TTL > 0 && now.Wall.After(h.holding.Received.Add(h.holding.TTL))
	switch {
	case err == nil || errors.Is(err, appliance.ErrGone) || errors.Is(err, appliance.ErrNotHeld) || over:
		w.claims.heirs = slices.DeleteFunc(w.claims.heirs, func(x *heir) bool { return x == h })
		for _, intent := range h.asks {
			w.conclude(intent, OutcomeUnknown, "the run ended before it was known what came of it; a later one asked whose the lock is")
		}
		switch gone := errors.Is(err, appliance.ErrGone); {
		case gone && len(w.claims.heirs) > 0: // another may have it
			w.bequeath(h.holding)
		case gone && w.claims.answered:
			w.claims.dirty[appliance.ConfigurationLock] = true
		default:
			w.claims.answered = !gone
			w.tellHeir(h, err, over)
		}
	default:
		h.again(w.e, 0)
	}
	w.content = true // whoever waits for this sees nothing else of it
	w.showLocks()
	w.publish()
}

// bequeath has those who may have the lock take over what is known of it from one who has not. The caller holds w.mu.
func (w *watcher) bequeath(known Holding) {
	for _, h := range w.claims.heirs {
		if h.holding.State == "" && known.State != "" {
			h.holding = known
		}
	}
}

// tellHeir says what became of a lock of an earlier engine. The caller holds w.mu.
func (w *watcher) tellHeir(h *heir, err error, over bool) {
	o := w.claims.own[appliance.ConfigurationLock]
	free := h.holding.Received.Add(h.holding.TTL)
	switch {
	case err == nil && o != nil:
		w.continueHeld(h.holding, o)
	case o != nil: // another of the engines that ended had it
	case over:
		w.claims.dirty[appliance.ConfigurationLock] = true
		w.event(Info, "the configuration lock of an earlier run has ended meanwhile")
	case errors.Is(err, appliance.ErrGone):
		w.claims.ghost = &ghost{text: earlierRun, free: free}
		w.claims.dirty[appliance.ConfigurationLock] = true
		w.ring(Alarm, fmt.Sprintf("an earlier run of yours may hold the configuration lock, and its token is not kept: free by %s", at(free)))
	case errors.Is(err, appliance.ErrNotHeld) && !errors.Is(err, errNotOwned):
		w.claims.ghost = &ghost{text: earlierRun, free: free}
		w.claims.dirty[appliance.ConfigurationLock] = true
		w.ring(Alarm, fmt.Sprintf("the configuration lock of an earlier run may be held by a token of yours that nobody saw, "+
			"as the answer to its renewal was lost: free by %s", at(free)))
	case h.holding.State == "":
		w.event(Info, "the configuration lock, about which an earlier run asked last, is not yours")
	case h.holding.State == HoldingOwed:
		w.claims.dirty[appliance.ConfigurationLock] = true
		w.event(Info, "the configuration lock, whose release an earlier run asked for, is not yours any more")
	default:
		w.lose(Lost{Appliance: w.name, Lock: appliance.ConfigurationLock, Scope: w.scope(h.holding.Scope), Who: h.holding.Who,
			At: w.e.clock.Now(), Why: "is lost: the appliance does not take it for that of an earlier run any more"})
		w.ring(Alarm, "the configuration lock that an earlier run held is not yours any more")
	}
}

// continueHeld goes on with a lock of an earlier engine that is still ours. The caller holds w.mu.
func (w *watcher) continueHeld(h Holding, o *own) {
	o.purpose, w.claims.ghost = h.Purpose, nil
	text := "the configuration lock of an earlier run is still yours"
	switch {
	case h.State == HoldingOwed:
		w.owe(o.lock.ID, h.Who)
		text += "; its release was asked for and is done now"
	case w.keptOn(h):
		w.keepFor(h, o)
		text += " and is kept further"
	}
	now := w.e.clock.Now()
	if state, _ := o.term.At(now); o.term.Known && state != lease.Held { // nothing is wrong, so that no alarm is to follow
		o.warned = len(warnings) + 1
		text += "; how long it lasts is not known, as our clock was set back: until " +
			at(ahead(now, o.term.GoneAfter-now.Run).Wall) + " at the latest"
	}
	w.claims.dirty[o.lock.ID] = true
	w.event(Good, text)
}

// ghost is a lock of ours which nobody can give back, and that ends by itself: an earlier engine's whose token is lost, or one of
// which we do not know whether it has ended.
type ghost struct {
	text string
	free time.Time
}

const earlierRun = "an earlier run of yours may hold it"

// errNotOwned: no token of an earlier run owns the lock. Any other ErrNotHeld of a client that was to take it up tells that one
// may which nobody saw.
var errNotOwned = fmt.Errorf("%w by an earlier run", appliance.ErrNotHeld)

// resume has the client take up what an earlier engine held by a token.
func (x *errand) resume() (Result, error) {
	resumer, ok := x.client.(appliance.Resumer)
	if !ok {
		return Result{}, fmt.Errorf("%w: nothing is kept of an earlier run", appliance.ErrGone)
	}
	ctx, cancel := x.call()
	defer cancel()
	held, err := resumer.Resume(ctx, x.act.Engine)
	x.relist()
	switch {
	case err != nil:
		return Result{}, err
	case !held:
		return Result{}, errNotOwned
	}
	o, ok := x.regrant(appliance.Claim{Scope: appliance.ConfigurationLock})
	if !ok {
		return Result{}, fmt.Errorf("%w: whose the lock is, is not shown", appliance.ErrAmbiguous)
	}
	return Result{Text: "took up " + name(o.lock), Lock: o.lock.ID}, nil
}
