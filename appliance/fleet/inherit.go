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

// How often it is looked what other engines on the same journal hold, and left.
const lookAround = 5 * time.Second

// heir is what an earlier engine may hold by a token, which its client is to take up (faults.md TOK-02).
type heir struct {
	engine  string
	holding Holding // the zero one: it was in the middle of a request for it
	retry
}

// neighbours takes over what ended engines left and learns what others hold, as long as the engine lives.
func (e *Engine) neighbours(ctx context.Context) {
	for {
		estate, err := e.journal.Adopt(ctx, e.ours())
		switch {
		case err == nil:
			e.inherit(ctx, estate)
		case ctx.Err() == nil:
			e.sayOnce("what an earlier run left could not be read: " + printable(err))
		}
		if others, err := e.journal.Others(ctx); err == nil {
			e.learnOthers(others)
		}
		if !sleep(ctx, lookAround) {
			return
		}
	}
}

// ours are the appliances where we may go on with something.
func (e *Engine) ours() []string {
	names := []string{}
	for _, w := range e.watchers {
		if w.client != nil && !w.m.ReadOnly {
			names = append(names, w.name)
		}
	}
	return names
}

// sayOnce tells a trouble that would else be told every few seconds.
func (e *Engine) sayOnce(text string) {
	if e.said != text {
		e.said = text
		e.event(Warn, "", "", text)
	}
}

// learnOthers notes what other engines of ours hold.
func (e *Engine) learnOthers(list []Holding) {
	by := map[string]map[appliance.LockID]Holding{}
	for _, h := range list {
		if by[h.Appliance] == nil {
			by[h.Appliance] = map[appliance.LockID]Holding{}
		}
		if h.State != HoldingLost {
			by[h.Appliance][h.Lock] = h
		}
	}
	for _, w := range e.watchers {
		w.mu.Lock()
		if len(by[w.name])+len(w.claims.others) > 0 {
			w.claims.others = by[w.name]
			w.showLocks()
			w.publish()
		}
		w.mu.Unlock()
	}
}

// inherit goes on with what ended engines left, and says so.
func (e *Engine) inherit(ctx context.Context, estate Estate) {
	for _, h := range estate.Holdings {
		e.byName[h.Appliance].inherit(h)
	}
	for _, t := range estate.Transits {
		e.byName[t.Appliance].inheritTransit(t)
	}
	for _, r := range estate.Intents {
		w := e.byName[r.Appliance]
		note, open := w.inheritIntent(r, estate)
		if open {
			continue
		}
		w.event(Warn, fmt.Sprintf("an earlier run ended in the middle of %s, asked by %s at %s: %s", describe(r.Act), r.Who, at(r.At.Wall), note))
		w.conclude(ctx, r.ID, OutcomeUnknown, "the run ended before the answer was recorded; "+note)
	}
	for _, w := range e.watchers {
		w.redraw()
	}
}

// conclude records how an intent ended that nobody waits for.
func (w *watcher) conclude(ctx context.Context, id uint64, outcome Outcome, note string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := w.e.journal.Settle(ctx, id, outcome, note); err != nil {
		w.event(Alarm, "how it ended could not be recorded: "+printable(err))
	}
}

// inherit takes over a lock of an ended engine. Whether it is there still, the appliance says (faults.md JNL-11).
func (w *watcher) inherit(h Holding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	scope := appliance.Scope{Code: h.Scope}
	if w.locker != nil {
		scope = w.scope(h.Scope)
	}
	now := w.e.clock.Now()
	switch {
	case h.State == HoldingLost:
		w.lose(Lost{Appliance: w.name, Lock: h.Lock, Scope: scope, Who: h.Who, At: pastReading(now, h.Since), Why: h.Note})
	case h.Exclusive:
		w.claims.heirs = append(w.claims.heirs, &heir{engine: h.Engine, holding: h})
	case w.claims.own[h.Lock] == nil:
		o := &own{
			lock: appliance.Lock{ID: h.Lock, Scope: scope, TTL: h.TTL}, who: h.Who, purpose: h.Purpose, ttl: h.TTL, inherited: true,
			granted:  appliance.Stamp{Sent: appliance.Reading{Wall: h.Sent}, Received: appliance.Reading{Wall: h.Received}},
			replaces: h.Replaces,
		}
		w.claims.own[h.Lock] = o
		if h.State == HoldingOwed {
			w.owe(h.Lock, h.Who, "released")
			o.owed.trouble = h.Note
		}
		if h.Kept && h.Purpose == "" && (h.KeepUntil.IsZero() || h.KeepUntil.After(now.Wall)) {
			w.claims.keeps = append(w.claims.keeps, w.newKeeping(policy.Person{Name: h.Who, Role: policy.Operator}, o, h.KeepUntil))
		}
		w.claims.dirty[h.Lock] = true
		w.event(Info, fmt.Sprintf("an earlier run took the lock %s for %s; whether it is there still is asked", name(o.lock), h.Who))
	}
	w.e.sched.wake(w, w.lanes&of(laneLocks))
}

// pastReading is a moment of the past by the wall clock as a reading of this run.
func pastReading(now appliance.Reading, then time.Time) appliance.Reading {
	return appliance.Reading{Wall: then, Run: now.Run - max(0, now.Wall.Sub(then))}
}

// inheritIntent goes on with an act that an ended engine was in the middle of. open: what became of it is looked for, and
// its record stays open until that is known; else note says what to do.
func (w *watcher) inheritIntent(r Record, estate Estate) (note string, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	act, now := r.Act, w.e.clock.Now()
	takes := act.Verb == appliance.VerbAcquire || act.Verb == appliance.VerbExtend
	_, resumes := w.client.(appliance.Resumer)
	switch {
	case locks(act.Verb) && resumes:
		known := slices.ContainsFunc(w.claims.heirs, func(h *heir) bool { return h.engine == r.Engine })
		if !known {
			w.claims.heirs = append(w.claims.heirs, &heir{engine: r.Engine, holding: Holding{Who: r.Who, Scope: appliance.ConfigurationLock}})
		}
		return "whose the lock is now is asked", false
	case takes && r.Before != nil && marked(act.Claim.TTL):
		w.inheritDoubt(r, now)
		w.event(Warn, fmt.Sprintf("an earlier run ended in the middle of %s, asked by %s at %s: what came of it is looked for",
			describe(act), r.Who, at(r.At.Wall)))
		return "", true
	case act.Verb == appliance.VerbRelease && w.claims.own[act.Lock.ID] != nil:
		w.owe(act.Lock.ID, r.Who, "released")
		return "it is tried again", false
	case transfers(act.Verb):
		if slices.ContainsFunc(estate.Transits, func(t Transit) bool { return t.ID == r.ID }) {
			return "what came of it is looked for", false
		}
		return "nothing had been sent yet", false
	default:
		return "its outcome is not known, look there", false
	}
}

// inheritDoubt looks for the lock that came of a request of an ended engine. The caller holds w.mu.
func (w *watcher) inheritDoubt(r Record, now appliance.Reading) {
	d := &doubt{
		claim: r.Act.Claim, who: r.Who, since: r.Since, before: map[appliance.LockID]bool{}, intent: r.ID, left: true,
		sent: pastReading(now, r.At.Wall),
	}
	if d.claim.Scope == "" {
		d.claim.Scope = r.Act.Lock.Scope.Code
	}
	for _, id := range r.Before {
		d.before[id] = true
	}
	if r.Act.Verb == appliance.VerbExtend {
		d.keeps = r.Act.Lock.ID
	}
	d.until = max(d.sent.Run+d.claim.TTL+lateEffect, now.Run+2*w.m.Intervals.Locks) // one listing at least says something
	w.claims.doubts = append(w.claims.doubts, d)
	w.showClaims()
}

// takeUp has the client take up what earlier engines held by a token. The caller holds w.mu.
func (w *watcher) takeUp(now appliance.Reading) {
	if !w.s.State.Answers() {
		return
	}
	for _, h := range w.claims.heirs {
		if h.busy || now.Run < h.next {
			continue
		}
		h.busy = true
		w.spawn(func(ctx context.Context) {
			by := policy.Person{Name: h.holding.Who, Role: policy.Operator}
			lock := appliance.Lock{ID: appliance.ConfigurationLock, Scope: w.scope(appliance.ConfigurationLock), Exclusive: true}
			_, err := w.e.do(ctx, by, w.name, appliance.Act{Verb: appliance.VerbResume, Lock: lock, Engine: h.engine}, true)
			w.tookUp(h, err)
		})
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
		w.tellHeir(h, err, over)
	default:
		h.again(w.e, 0)
	}
	w.showLocks()
	w.publish()
}

// tellHeir says what became of a lock of an earlier engine. The caller holds w.mu.
func (w *watcher) tellHeir(h *heir, err error, over bool) {
	o := w.claims.own[appliance.ConfigurationLock]
	free := h.holding.Received.Add(h.holding.TTL)
	switch {
	case err == nil && o != nil:
		w.continueHeld(h.holding, o)
	case h.holding.State == "":
		if err == nil {
			w.event(Info, "what an earlier run had asked for was given back")
		}
	case over:
		w.claims.dirty[appliance.ConfigurationLock] = true
		w.event(Info, "the configuration lock of an earlier run has ended meanwhile")
	case errors.Is(err, appliance.ErrGone):
		w.claims.ghost = &ghost{free: free}
		w.ring(Alarm, fmt.Sprintf("an earlier run of yours may hold the configuration lock, and its token is not kept: free by %s", at(free)))
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
	o.purpose = h.Purpose
	text := "the configuration lock of an earlier run is still yours"
	switch {
	case h.State == HoldingOwed:
		l := o.lock
		by := policy.Person{Name: h.Who, Role: policy.Operator}
		w.spawn(func(ctx context.Context) {
			_, _ = w.e.do(ctx, by, w.name, appliance.Act{Verb: appliance.VerbRelease, Lock: l}, false)
		})
		text += "; its release was asked for and is done now"
	case h.Kept && h.Purpose == "" && (h.KeepUntil.IsZero() || h.KeepUntil.After(w.e.clock.Now().Wall)):
		w.claims.keeps = append(w.claims.keeps, w.newKeeping(policy.Person{Name: h.Who, Role: policy.Operator}, o, h.KeepUntil))
		text += " and is kept further"
	}
	w.claims.dirty[o.lock.ID] = true
	w.event(Good, text)
}

// ghost is a lock of an earlier engine whose token is lost: nobody can give it back, and it ends by itself.
type ghost struct{ free time.Time }

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
		return Result{}, fmt.Errorf("%w by an earlier run", appliance.ErrNotHeld)
	}
	o, ok := x.regrant(appliance.Claim{Scope: appliance.ConfigurationLock})
	if !ok {
		return Result{}, fmt.Errorf("%w: whose the lock is, is not shown", appliance.ErrAmbiguous)
	}
	return Result{Text: "took up " + name(o.lock), Lock: o.lock.ID}, nil
}
