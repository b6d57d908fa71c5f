package cli

import (
	"context"
	"sync"

	"holdfast/appliance/fleet"
)

// warn says on stderr what is worth a bell while a command runs under a lock: that the lock is near its end and could not be
// extended, or is lost. It ends when the returned function is called.
func (r *run) warn(ctx context.Context, env *Env) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	viewer := r.engine.Subscribe()
	last := uint64(0)
	for _, ev := range r.engine.Events(0, 1) { // what was before is told already
		last = ev.Seq
	}
	var telling sync.WaitGroup
	telling.Go(func() {
		defer viewer.Close()
		for {
			if _, err := viewer.Next(ctx); err != nil {
				return
			}
			for _, ev := range r.engine.Events(last, 0) {
				last = ev.Seq
				if ev.Ring && ev.Level >= fleet.Warn {
					r.say(env, ev.Appliance, ev.Text)
				}
			}
		}
	})
	return func() {
		cancel()
		telling.Wait()
	}
}
