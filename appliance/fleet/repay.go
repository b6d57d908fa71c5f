package fleet

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// ErrOwed tells that releases that were asked for have not happened yet. The journal has them, and a later run does them.
var ErrOwed = errors.New("not given back yet")

// Owe notes that a lock of ours is to be given back as soon as that may be done, for whoever asked for it and was refused for now
// only, as while the appliance restarts. This engine does it by itself, or the next one does. Errors: ErrRefusedByUs when he may
// not, or it is not ours; that of the journal, in which case the next engine knows nothing of it.
func (e *Engine) Owe(ctx context.Context, p policy.Person, where string, id appliance.LockID) error {
	w := e.byName[where]
	if w == nil {
		return refuse(fmt.Sprintf("there is no appliance named %q", where))
	}
	w.mu.Lock()
	o := w.claims.own[id]
	why := policy.WhyNot(p, w.rules(), appliance.VerbRelease)
	if why == "" && o == nil {
		why = "it is not yours any more"
	}
	if why == "" && o.owed == nil {
		if k := w.keepOf(id); k != nil {
			w.stopKeeping(k)
		}
		w.unwant(id)
		w.owe(id, p.Name)
		w.e.event(Info, where, p.Name, fmt.Sprintf("asked for the release of %s, which is done as soon as it may be", name(o.lock)))
		w.showLocks()
		w.publish()
	}
	w.mu.Unlock()
	if why != "" {
		return refuse(why)
	}
	return w.flush(ctx)
}

// owing is how many locks are to be given back here, with those that are still to be taken up for that.
func (w *watcher) owing() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.claims.own {
		if o.owed != nil {
			n++
		}
	}
	for _, h := range w.claims.heirs {
		if h.holding.State == HoldingOwed {
			n++
		}
	}
	return n
}

// Repay waits until nothing is owed by this engine, nor by those that it took over from, as before a short run ends. ErrOwed:
// something is still, at the end of ctx.
func (e *Engine) Repay(ctx context.Context) error {
	if e.adopt {
		select {
		case <-e.lookedAround:
		case <-ctx.Done():
			return fmt.Errorf("what is owed was not looked at: %w", ctx.Err())
		}
	}
	viewer := e.Subscribe()
	defer viewer.Close()
	for {
		owed := 0
		for _, w := range e.watchers {
			owed += w.owing()
		}
		if owed == 0 {
			return nil
		}
		if _, err := viewer.Next(ctx); err != nil {
			return fmt.Errorf("%d locks are %w: %w", owed, ErrOwed, err)
		}
	}
}
