package fleet

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// Errors about refs, for errors.Is.
var (
	// ErrNoSuchRef: no request with that ref was ever recorded, so none was sent.
	ErrNoSuchRef = errors.New("no such request")
	// ErrRefTaken: a request with that ref was recorded before, so nothing may be sent by it again.
	ErrRefTaken = errors.New("a request with that ref was made before")
)

// Fate is what is known of a backup once a transfer of it, or a removal, is over.
type Fate string

// Fates. They tell what the listings say; of a push whose target is none of ours there is only its job.
const (
	FateThere   Fate = "there"   // as asked: at its destination, of a move the original is gone; a removal: not listed there any more
	FateTold    Fate = "told"    // its job said success, and nobody can be asked whether it is there
	FateNot     Fate = "not"     // it did not take place; the original lies where it lay
	FateBoth    Fate = "both"    // a move: at the destination, and the original is kept
	FateNeither Fate = "neither" // listed neither where it lay nor at its destination
	FateOther   Fate = "other"   // at the destination lies something with another checksum
	FateUnknown Fate = "unknown" // nothing could be found out
)

// Ending is what came of a request.
type Ending struct {
	Fate      Fate
	Job       appliance.JobID // empty = not known
	Success   bool            // its job said success
	Failed    bool            // its job ended in another way
	Same      bool            // what lies at the destination has the checksum that was told of the original
	Cancelled bool            // its end was asked for
	Text      string          // what is to be said of it, printable
}

// Request is what the journal knows of a request that has a ref.
type Request struct {
	Intent  uint64
	Outcome Outcome // empty = open
	Note    string
	Ending  *Ending // nil = it is looked for, or was never told
	Tracked bool    // its outcome is still looked for
}

// followed is a request that somebody wants to know the end of.
type followed struct {
	done   chan struct{}
	ending Ending // once done is closed
	by     int    // how many do
}

// Follow waits for what came of the request with that ref at the appliance of that name, of this run or of one that ended.
// Errors: ErrNoSuchRef, ErrClosed, the journal's, or the context's.
func (e *Engine) Follow(ctx context.Context, name, ref string) (Ending, error) {
	w := e.byName[name]
	if w == nil {
		return Ending{}, fmt.Errorf("follow %s: there is no appliance named %q", ref, name)
	}
	life, err := e.enter()
	if err != nil {
		return Ending{}, err
	}
	defer e.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	for {
		r, err := e.journal.Find(ctx, ref)
		if err != nil {
			return Ending{}, fmt.Errorf("follow %s: %w", ref, err)
		}
		if ending, ok := r.ended(); ok {
			return ending, nil
		}
		if ending, ok := w.await(ctx, r.Intent); ok {
			return ending, nil
		}
		why := w.whyUnfollowed(r.Intent)
		switch {
		case why != "" && ctx.Err() == nil:
			return Ending{Fate: FateUnknown, Text: "what became of it cannot be followed here: " + why}, nil
		case life.Err() != nil:
			return Ending{}, fmt.Errorf("follow %s: %w", ref, ErrClosed)
		case ctx.Err() != nil:
			return Ending{}, ctx.Err()
		}
	}
}

// whyUnfollowed is why nobody here looks for what came of a request; empty = somebody does, or may still begin to.
func (w *watcher) whyUnfollowed(intent uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asks[intent] {
		return ""
	}
	if w.client == nil {
		return "its settings cannot work"
	}
	if !w.e.adopt {
		return "this run takes over nothing of earlier ones"
	}
	return policy.WhyNot(w.e.heir, w.rules(), appliance.VerbResume)
}

// ended is how the request ended, if that is recorded.
func (r *Request) ended() (Ending, bool) {
	switch {
	case r.Ending != nil:
		return *r.Ending, true
	case r.Outcome == OutcomeRefused || r.Outcome == OutcomeFailed:
		return Ending{Fate: FateNot, Text: r.Note}, true
	case r.Outcome != "" && !r.Tracked: // what was found out was not recorded
		return Ending{Fate: FateUnknown, Text: r.Note}, true
	}
	return Ending{}, false
}

// await waits a while for the end of an intent to be told here. It may not be: then the journal tells, as another engine may
// answer for it, or it was told just before.
func (w *watcher) await(ctx context.Context, intent uint64) (e Ending, ok bool) {
	w.mu.Lock()
	if news, pending := w.backlog.transits[intent]; pending && news.ending != nil {
		defer w.mu.Unlock()
		return *news.ending, true
	}
	f := w.follows[intent]
	if f == nil {
		f = &followed{done: make(chan struct{})}
		w.follows[intent] = f
	}
	f.by++
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	select {
	case <-f.done:
		w.mu.Lock() // until what told the end is shown
		defer w.mu.Unlock()
		return f.ending, true
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.by--; f.by == 0 && w.follows[intent] == f {
		delete(w.follows, intent)
	}
	return Ending{}, false
}

// over has the journal know that a request is over and how, and tells whoever follows it. The caller holds w.mu.
func (w *watcher) over(intent uint64, e Ending) {
	if intent == 0 {
		return
	}
	e.Text = appliance.Words(e.Text).String()
	w.backlog.transits[intent] = news{ending: &e}
	if f := w.follows[intent]; f != nil {
		f.ending = e
		close(f.done)
		delete(w.follows, intent)
	}
}

// tracked has the journal know which job a transfer became. The caller holds w.mu.
func (w *watcher) tracked(t Transit) {
	if t.ID != 0 {
		w.backlog.transits[t.ID] = news{transit: &t}
	}
}

// news is what the journal does not know yet of a transfer: how it stands, or how it ended.
type news struct {
	transit *Transit
	ending  *Ending
}
