package journal

import (
	"context"
	"time"

	"holdfast/appliance/fleet"
)

// tellTime is how long one event may take to be recorded; the next one waits for it, nobody else does.
const tellTime = 10 * time.Second

// Follow records every event of the engine until the engine ends, those of its last moments included. It returns then. An
// event that cannot be recorded is said in the log and as trouble (Writable); it holds up nothing.
func (j *Journal) Follow(e *fleet.Engine) {
	viewer := e.Subscribe()
	defer viewer.Close()
	last := uint64(0)
	for {
		_, err := viewer.Next(context.Background())
		for _, ev := range e.Events(last, 0) {
			last = max(last, ev.Seq)
			j.tell(ev)
		}
		if err != nil {
			return
		}
	}
}

func (j *Journal) tell(ev fleet.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	if err := j.Tell(ctx, ev); err != nil {
		j.options.Log.Warn("event not recorded", "err", err)
	}
}
