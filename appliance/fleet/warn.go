package fleet

import (
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// warnings before the end of a lock, by what is left of its time; the last is given when it cannot be relied on any more
// (faults.md LCK-05).
var warnings = [...]struct {
	share float64
	level Level
}{{0.25, Warn}, {0.10, Alarm}}

// warn tells once each that a lock of ours comes to its end. One that is being replaced or given back does not matter. The
// caller holds w.mu.
func (w *watcher) warn(now appliance.Reading) {
	for id, o := range w.claims.own {
		state, left := o.term.At(now)
		share := o.term.Share(now)
		due := state != lease.Held || (o.warned < len(warnings) && share <= warnings[o.warned].share)
		if !o.term.Known || !due || o.owed != nil || w.successor(id) != nil {
			continue
		}
		k, why := w.keepOf(id), ""
		if k != nil {
			why = ": it is kept, and could not be extended yet"
			if k.trouble != "" {
				why += " (" + k.trouble + ")"
			}
		}
		if state != lease.Held {
			if k != nil && o.warned <= len(warnings) {
				o.warned = len(warnings) + 1
				w.ring(Alarm, fmt.Sprintf("lock %s is lost, for all that may be relied on%s", name(o.lock), why))
			}
			continue
		}
		for o.warned < len(warnings) && share <= warnings[o.warned].share {
			o.warned++ // of several at once the last says it all
		}
		w.ring(warnings[o.warned-1].level, fmt.Sprintf("lock %s ends in %s, at %s%s", name(o.lock), rough(left), at(o.term.EndsWall), why))
	}
}
