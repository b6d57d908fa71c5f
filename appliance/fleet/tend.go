package fleet

import (
	"context"
	"time"

	"holdfast/appliance"
)

// tend is what an appliance needs every second while there are locks of ours: what must have ended ends, what is near its end
// is told, what is kept is extended, what is owed is given back, and the journal learns of it.
func (w *watcher) tend(now appliance.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.claims
	if len(c.own)+len(c.keeps)+len(c.doubts)+len(c.heirs)+len(c.dirty)+len(w.over) == 0 {
		return
	}
	w.expire(now)
	w.dropDoubts(now)
	w.warn(now)
	w.takeUp(now)
	w.repay(now)
	w.keepOn(now)
	if w.content {
		w.publish()
	}
	if len(c.dirty)+len(w.over) > 0 && !w.flushing {
		w.flushing = true
		w.spawn(func(ctx context.Context) {
			_ = w.flush(ctx) // a failure is told and tried again
			w.mu.Lock()
			defer w.mu.Unlock()
			w.flushing = false
		})
	}
}

// spawn runs f beside everything else, with the engine's life; nothing when the engine has ended.
func (w *watcher) spawn(f func(ctx context.Context)) {
	life, err := w.e.enter()
	if err != nil {
		return
	}
	go func() {
		defer w.e.running.Done()
		defer func() {
			if what := recover(); what != nil {
				w.panicked(what)
			}
		}()
		f(life)
	}()
}

// event tells something that happened by itself here.
func (w *watcher) event(level Level, text string) { w.e.event(level, w.name, "", text) }

// ring tells something that is worth a bell.
func (w *watcher) ring(level Level, text string) {
	w.e.tell(Event{Level: level, Appliance: w.name, Text: text, Ring: true})
}

// writeLimit is how long the journal may take for what nobody waits for.
const writeLimit = 10 * time.Second

// flush has the journal know the locks of ours as they are. What it could not take is tried again later, and said once.
func (w *watcher) flush(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	for {
		id, h, found := w.nextDirty()
		if !found {
			return w.flushTransits(ctx)
		}
		var err error
		if h == nil {
			err = w.e.journal.Forget(ctx, w.name, id)
		} else {
			err = w.e.journal.Hold(ctx, *h)
		}
		if err := w.written(id, err); err != nil {
			return err
		}
	}
}

// nextDirty takes one lock that the journal does not know yet; without a holding it is to be forgotten.
func (w *watcher) nextDirty() (id appliance.LockID, h *Holding, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.claims.dirty {
		delete(w.claims.dirty, id)
		return id, w.holding(id), true
	}
	return "", nil, false
}

// written notes how writing went.
func (w *watcher) written(id appliance.LockID, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.unwritten = false
		return nil
	}
	w.claims.dirty[id] = true
	if !w.unwritten {
		w.unwritten = true
		w.event(Alarm, "the journal could not be written, so a later run would not know which locks are yours: "+printable(err))
	}
	return err
}

// holding is a lock of ours as the journal should know it; nil = not at all. The caller holds w.mu.
func (w *watcher) holding(id appliance.LockID) *Holding {
	o := w.claims.own[id]
	if o == nil {
		return w.lostHolding(id)
	}
	h := &Holding{
		Appliance: w.name, Lock: id, Scope: o.lock.Scope.Code, Exclusive: o.lock.Exclusive, Who: o.who, Purpose: o.purpose,
		State: HoldingHeld, Since: o.granted.Received.Wall, TTL: o.ttl, Sent: o.granted.Sent.Wall, Received: o.granted.Received.Wall,
		Replaces: o.replaces,
	}
	if k := w.keepOf(id); k != nil {
		h.Kept, h.KeepUntil = true, k.until.Wall
	}
	if o.owed != nil {
		h.State, h.Since, h.Note = HoldingOwed, o.owed.since.Wall, o.owed.trouble
	}
	return h
}

func (w *watcher) lostHolding(id appliance.LockID) *Holding {
	for _, l := range w.claims.lost {
		if l.Lock == id {
			return &Holding{
				Appliance: w.name, Lock: id, Scope: l.Scope.Code, Who: l.Who, State: HoldingLost, Since: l.At.Wall, Note: l.Why,
			}
		}
	}
	return nil
}
