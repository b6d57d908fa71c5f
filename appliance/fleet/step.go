package fleet

import (
	"fmt"
	"time"

	"holdfast/appliance"
)

// stepTold is how far our two clocks may part before everything is asked again (faults.md CLK-03).
const stepTold = 5 * time.Second

// tick is the engine's second: it looks for a step of our clock, and ends what must have ended.
func (e *Engine) tick() {
	now := e.clock.Now()
	step := e.clock.Steps()
	if e.stepped() {
		e.jumped(now, step.By)
	}
	e.steps.Store(int64(step.Count))
	for _, w := range e.watchers {
		w.expire(now)
	}
}

// stepped reports whether the clock made a large step that was not acted on yet.
func (e *Engine) stepped() bool {
	step := e.clock.Steps()
	return int64(step.Count) != e.steps.Load() && step.By.Abs() > stepTold
}

// jumped has everything asked again, and no act let through to an appliance before its locks were listed.
func (e *Engine) jumped(now appliance.Reading, by time.Duration) {
	how := "forward by " + rough(by)
	if by < 0 {
		how = "back by " + rough(-by)
	}
	e.event(Warn, "", "", fmt.Sprintf("the clock of this host moved %s (set, or the host was suspended): everything is asked again", how))
	for _, w := range e.watchers {
		if w.client == nil {
			continue
		}
		w.doubtAll(now)
		e.sched.wake(w, w.lanes)
	}
}

func (w *watcher) doubtAll(now appliance.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsure, w.content = now, true
	w.publish()
}
