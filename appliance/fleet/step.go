package fleet

import (
	"fmt"
	"time"

	"holdfast/appliance"
)

// stepTold is how far our two clocks may part before everything is asked again (faults.md CLK-03).
const stepTold = 5 * time.Second

// tick is the engine's second: it looks for steps of our clock, and ends what must have ended. It is called by one
// goroutine only.
func (e *Engine) tick() {
	now := e.clock.Now()
	step := e.clock.Steps()
	if moved := step.Moved - time.Duration(e.moved.Load()); moved > stepTold {
		e.jumped(now, moved, step.Net-e.net)
	}
	e.net = step.Net
	e.moved.Store(int64(step.Moved))
	for _, w := range e.watchers {
		outlive(w.failed, func() { w.tend(now) })
	}
}

// stepped reports whether the clock moved far since the last tick. All steps since then count, not the latest only: a
// small one may follow a large one at once, and a step back one forward.
func (e *Engine) stepped() bool {
	return e.clock.Steps().Moved-time.Duration(e.moved.Load()) > stepTold
}

// leapt is how far our clock stepped forward so far.
func (e *Engine) leapt() time.Duration {
	s := e.clock.Steps()
	return (s.Moved + s.Net) / 2
}

// jumped has everything asked again, and no act let through to an appliance before its locks were listed.
func (e *Engine) jumped(now appliance.Reading, moved, net time.Duration) {
	how := "forth and back by " + rough(moved)
	switch {
	case net > stepTold:
		how = "forward by " + rough(net)
	case net < -stepTold:
		how = "back by " + rough(-net)
	}
	e.event(Warn, "", "", fmt.Sprintf("the clock of this host moved %s (set, or the host was suspended): everything is asked again", how))
	for _, w := range e.watchers {
		if w.client == nil {
			continue
		}
		w.doubtAll(now, (moved+net)/2)
		e.sched.wake(w, w.lanes)
	}
}

// doubtAll notes that our clock stepped, in all so far forward. Whether that time has passed nobody knows: what is looked for is
// looked for as long again (faults.md I1).
func (w *watcher) doubtAll(now appliance.Reading, forward time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsure, w.content = now, true
	for _, d := range w.claims.doubts {
		d.until += forward
	}
	if len(w.claims.doubts) > 0 {
		w.showClaims()
	}
	w.publish()
}
