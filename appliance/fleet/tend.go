package fleet

import (
	"context"

	"holdfast/appliance"
)

// tend is what an appliance needs every second while there are locks of ours: what must have ended ends, what is near its end
// is told, what is kept is extended, what is owed is given back, and the journal learns of it.
func (w *watcher) tend(now appliance.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.claims
	if len(c.own)+len(c.keeps)+len(c.doubts)+len(c.heirs)+len(c.dirty) == 0 && w.backlog.empty() && !w.unsettled {
		return
	}
	if w.unsure.IsZero() { // else our clock jumped, and the appliance is asked before anything is concluded from it (faults.md CLK-03)
		w.expire(now)
		w.dropDoubts(now)
		w.warn(now)
		w.takeUp(now)
		w.askProof(now)
		w.askOpen(now)
		w.repay(now)
		w.keepOn(now)
	}
	if w.content {
		w.publish()
	}
	if (len(c.dirty)+len(w.unrecorded()) > 0 || !w.backlog.empty()) && !w.backlog.busy {
		w.backlog.busy = true
		w.spawn(func(ctx context.Context) {
			defer func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.backlog.busy = false
			}()
			_ = w.flush(ctx) // a failure is told and tried again
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
		outlive(w.failed, func() { f(life) })
	}()
}

// event tells something that happened by itself here.
func (w *watcher) event(level Level, text string) { w.e.event(level, w.name, "", text) }

// ring tells something that is worth a bell.
func (w *watcher) ring(level Level, text string) {
	w.e.tell(Event{Level: level, Appliance: w.name, Text: text, Ring: true})
}
