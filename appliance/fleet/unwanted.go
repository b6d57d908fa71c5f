package fleet

import (
	"context"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// Unwant has what may still come of this engine's requests for locks there given back once it is found, by this engine or by the
// next: whoever asked does not want it any more, as a command that ends before it is known whether it had its lock (faults.md
// LCK-08). Errors: ErrRefusedByUs when he may not; that of the journal, in which case the next engine knows nothing of it.
func (e *Engine) Unwant(ctx context.Context, p policy.Person, where string) error {
	w := e.byName[where]
	if w == nil {
		return refuse(fmt.Sprintf("there is no appliance named %q", where))
	}
	w.mu.Lock()
	why := policy.WhyNot(p, w.rules(), appliance.VerbRelease)
	if why == "" {
		for _, d := range w.claims.doubts {
			d.unwanted = true
		}
		w.unwanted = w.unsettled
	}
	w.mu.Unlock()
	if why != "" {
		return refuse(why)
	}
	return w.flush(ctx)
}

// unwant has what may still come of requests to extend a lock given back, as that lock is. The caller holds w.mu.
func (w *watcher) unwant(id appliance.LockID) {
	for _, d := range w.claims.doubts {
		if id != "" && d.keeps == id {
			d.unwanted = true
		}
	}
}

// unrecorded are the requests of which the journal does not know yet that what may come of them is to be given back: a release is
// recorded, which stays open as long as the request. The caller holds w.mu.
func (w *watcher) unrecorded() (batch []written) {
	for _, d := range w.claims.doubts {
		if !d.unwanted || d.intent == 0 || d.wish != 0 {
			continue
		}
		in := Intent{
			At: w.e.clock.Now(), Engine: w.e.id, Who: d.who, Appliance: w.name, Again: d.intent,
			Act: appliance.Act{Verb: appliance.VerbRelease, Lock: appliance.Lock{ID: d.keeps, Scope: w.scope(d.claim.Scope)}},
		}
		batch = append(batch, written{
			tell: func(ctx context.Context) error {
				id, err := w.e.journal.Intend(ctx, in)
				if err != nil {
					return err
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if d.wish = id; d.over {
					w.conclude(id, OutcomeUnknown, "what came of the request was known by then")
				}
				return nil
			},
			back: func() {}, // it is not recorded still
		})
	}
	return batch
}

// inheritUnwanted has what comes of a request of an ended engine given back, as that one was to. The caller holds w.mu.
func (w *watcher) inheritUnwanted(r Record, asked map[uint64]*doubt) (outcome Outcome, note string) {
	d := asked[r.Again]
	switch {
	case d == nil:
		return OutcomeUnknown, "nothing is known that came of the request for it"
	case d.got != "":
		w.owe(d.got, r.Who)
		return OutcomeUnknown, "it is given back"
	}
	d.unwanted, d.wish = true, r.ID
	return "", "what came of the request for it is given back once it is found"
}
