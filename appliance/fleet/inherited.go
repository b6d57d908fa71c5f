package fleet

import (
	"context"
	"fmt"
)

// Inherited waits until what ended engines left at an appliance was read in the journal, and settled as far as it can be: the
// appliance has told whose those locks are, what was owed is given back, and no act is under way there. An engine that adopts nothing has nothing to wait
// for. It fails with the cause of ctx's end, or when the engine ended.
func (e *Engine) Inherited(ctx context.Context, name string) error {
	w := e.byName[name]
	if w == nil {
		return refuse(fmt.Sprintf("there is no appliance named %q", name))
	}
	if !e.adopt {
		return nil
	}
	select {
	case <-e.lookedAround:
	case <-ctx.Done():
		return fmt.Errorf("wait for what earlier runs left: %w", context.Cause(ctx))
	}
	viewer := e.Subscribe()
	defer viewer.Close()
	if w.inheriting() {
		e.sched.wake(w, w.lanes&of(laneLocks)) // the listing may be older than what was read
	}
	for w.inheriting() {
		if _, err := viewer.Next(ctx); err != nil {
			return fmt.Errorf("wait for what earlier runs left: %w", err)
		}
	}
	return nil
}

// inheriting reports whether something is being taken over still.
func (w *watcher) inheriting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.claims.own {
		if o.inherited && (!o.listed || o.owed != nil) {
			return true
		}
	}
	for _, d := range w.claims.doubts {
		if d.left && d.heard.IsZero() { // no listing was held against it yet
			return true
		}
	}
	return len(w.claims.heirs)+len(w.s.Doing) > 0
}
