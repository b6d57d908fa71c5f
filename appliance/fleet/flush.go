package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// How long the journal may take for what was done, even while the engine ends, and for what is left then.
const (
	writeLimit = 5 * time.Second
	closeLimit = time.Second
)

// backlog is what the journal does not know yet, beside the locks that are dirty.
type backlog struct {
	transits map[uint64]news
	endings  []ending
	busy     bool // the journal is being told, by tend
	said     bool // that it could not be written was told
}

// ending is how an intent ended.
type ending struct {
	intent  uint64
	outcome Outcome
	note    string
}

func (b *backlog) empty() bool { return len(b.transits)+len(b.endings) == 0 }

// conclude has the journal know how an intent ended, after the locks that came of it. The caller holds w.mu.
func (w *watcher) conclude(intent uint64, outcome Outcome, note string) {
	if intent != 0 {
		w.backlog.endings = append(w.backlog.endings, ending{intent, outcome, note})
	}
}

// written is one thing that the journal is told.
type written struct {
	ending bool
	tell   func(context.Context) error
	back   func() // notes that it is not told yet; the caller holds w.mu
}

// flush has the journal know what is ours as it is. What it could not take is tried again later, and said once.
//
// An intent is settled only after the locks and transfers that came of it are known: whoever finds it open looks for them, and
// nobody else does (faults.md I1).
func (w *watcher) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	return w.flushBy(ctx)
}

// flushBy is flush for as long as ctx lives.
func (w *watcher) flushBy(ctx context.Context) error {
	select {
	case w.writing <- struct{}{}:
		defer func() { <-w.writing }()
	case <-ctx.Done():
		return fmt.Errorf("the journal is busy: %w", ctx.Err())
	}
	for {
		batch := w.unwritten()
		var failed error
		for _, one := range batch {
			err := failed
			if failed == nil || !one.ending {
				err = w.tell(ctx, one)
			}
			if err != nil {
				failed = err
				w.mu.Lock()
				one.back()
				w.mu.Unlock()
			}
		}
		w.wrote(failed)
		if len(batch) == 0 || failed != nil {
			return failed
		}
	}
}

// unwritten takes what the journal does not know yet, in the order in which to tell it. Of locks those that are to be given
// back come first, then those that are kept, then those in whose place one was taken, and those that are over last: so, wherever
// the run ends, of two locks one of which takes the other's place one is kept, and what is not needed is given back.
func (w *watcher) unwritten() (batch []written) {
	w.mu.Lock()
	defer w.mu.Unlock()
	locks := w.claims.dirty
	w.claims.dirty = map[appliance.LockID]bool{}
	rank := map[appliance.LockID]int{}
	var ids []appliance.LockID
	for id := range locks {
		ids = append(ids, id)
		switch h := w.holding(id); {
		case h == nil:
			rank[id] = 4
		case h.State == HoldingOwed && w.successor(id) != nil:
			rank[id] = 3
		case h.State == HoldingOwed:
			rank[id] = 0
		case h.Kept:
			rank[id] = 1
		default:
			rank[id] = 2
		}
	}
	slices.SortFunc(ids, func(a, b appliance.LockID) int { return cmp.Or(rank[a]-rank[b], cmp.Compare(a, b)) })
	for _, id := range ids {
		h := w.holding(id)
		batch = append(batch, written{
			tell: func(ctx context.Context) error {
				if h == nil {
					return w.e.journal.Forget(ctx, w.name, id)
				}
				return w.e.journal.Hold(ctx, *h)
			},
			back: func() { w.claims.dirty[id] = true },
		})
	}
	return append(append(batch, w.unrecorded()...), w.pendingActs()...)
}

// pendingActs takes what the journal does not know yet of transfers and intents. The caller holds w.mu.
func (w *watcher) pendingActs() (batch []written) {
	transits, endings := w.backlog.transits, w.backlog.endings
	w.backlog.transits, w.backlog.endings = map[uint64]news{}, nil
	for id, t := range transits {
		batch = append(batch, written{
			tell: func(ctx context.Context) error {
				if t.ending != nil {
					return w.e.journal.Ended(ctx, id, *t.ending)
				}
				return w.e.journal.Track(ctx, *t.transit)
			},
			back: func() {
				if _, newer := w.backlog.transits[id]; !newer {
					w.backlog.transits[id] = t
				}
			},
		})
	}
	for _, x := range endings {
		batch = append(batch, written{
			ending: true,
			tell:   func(ctx context.Context) error { return w.e.journal.Settle(ctx, x.intent, x.outcome, x.note) },
			back:   func() { w.backlog.endings = append(w.backlog.endings, x) },
		})
	}
	return batch
}

// tell tells the journal one thing. What it does not have, or is another's, is told.
func (w *watcher) tell(ctx context.Context, one written) (err error) {
	defer func() {
		if what := recover(); what != nil {
			w.panicked(what)
			err = errJournalFailed
		}
	}()
	if err := one.tell(ctx); !errors.Is(err, ErrNotOurs) {
		return err
	}
	return nil
}

var errJournalFailed = errors.New("our journal failed")

// wrote says once that the journal could not be written.
func (w *watcher) wrote(failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if failed != nil && !w.backlog.said {
		w.event(Alarm, "the journal could not be written, so a later run would not know what is yours: "+printable(failed))
	}
	w.backlog.said = failed != nil
}

// holding is a lock of ours as the journal should know it; nil = not at all. The caller holds w.mu.
func (w *watcher) holding(id appliance.LockID) *Holding {
	o := w.claims.own[id]
	if o == nil {
		if h := w.endedHolding(id); h != nil {
			return h
		}
		if o = w.claims.past[id]; o == nil || !o.unheard {
			return nil
		}
	}
	h := &Holding{
		Appliance: w.name, Lock: id, Scope: o.lock.Scope.Code, Exclusive: o.lock.Exclusive, Who: o.who, Purpose: o.purpose,
		State: HoldingHeld, Since: o.granted.Received.Wall, TTL: o.ttl, Sent: o.granted.Sent.Wall, Received: o.granted.Received.Wall,
		Replaces: o.replaces,
	}
	if k := w.keepOf(id); k != nil {
		k.tell(h)
	}
	if o.owed != nil {
		h.State, h.Since, h.Note = HoldingOwed, o.owed.since.Wall, o.owed.trouble
	}
	return h
}

// endedHolding is what is left of a lock that ended: that it was lost, and that another is being taken as it was kept.
func (w *watcher) endedHolding(id appliance.LockID) (h *Holding) {
	for _, l := range w.claims.lost {
		if l.Lock == id {
			h = &Holding{
				Appliance: w.name, Lock: id, Scope: l.Scope.Code, Who: l.Who, State: HoldingLost, Since: l.At.Wall, Note: l.Why,
			}
			if o := w.claims.past[id]; o != nil { // should it be there still, that is how long it lasts at most
				h.TTL, h.Sent, h.Received = o.ttl, o.granted.Sent.Wall, o.granted.Received.Wall
			}
		}
	}
	k := w.retaking(id)
	if k == nil {
		return h
	}
	if h == nil {
		h = &Holding{Appliance: w.name, Lock: id, Scope: k.scope.Code, Who: k.by.Name, State: HoldingSought, Since: k.broken.Wall}
	}
	h.Purpose, h.Received = k.purpose, k.broken.Wall
	k.tell(h)
	return h
}
