package fleet

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"holdfast/appliance"
)

// Whatever of ours panics, at one appliance or for all, is logged and told, and everything else goes on (faults.md SSH-13, TRM-05).

// outlive calls f and reports whether it panicked, which failed is told.
func outlive(failed func(what any), f func()) (panicked bool) {
	defer func() {
		if what := recover(); what != nil {
			panicked = true
			failed(what)
		}
	}()
	f()
	return false
}

// run begins f, and begins it again should it panic, as long as the engine lives. The caller holds e.mu.
func (e *Engine) run(f func(context.Context)) {
	ctx := e.ctx
	e.running.Go(func() {
		for outlive(e.failed, func() { f(ctx) }) && sleep(ctx, time.Second) {
		}
	})
}

// failed tells once that something of ours panicked that is about the whole fleet.
func (e *Engine) failed(what any) {
	text := e.logFailure("", what)
	if before := e.failure.Swap(&text); before == nil || *before != text {
		e.event(Alarm, "", "", "our own program failed, and goes on: "+text)
	}
}

// logFailure logs a panic and returns its words, which may quote an appliance.
func (e *Engine) logFailure(name string, what any) string {
	text := appliance.Words(fmt.Sprint(what)).String()
	e.log.Error("failed", "appliance", name, "panic", text, "stack", appliance.Words(string(debug.Stack())).String())
	return text
}

// failed tells that something of ours panicked at this appliance: once as an event, and with a notice for as long as the run lasts.
func (w *watcher) failed(what any) {
	text := w.e.logFailure(w.name, what)
	if before := w.failure.Swap(&text); before == nil || *before != text {
		w.event(Alarm, "our own program failed at it, and goes on: "+text)
	}
}
