package fleet

import (
	"fmt"
	"slices"

	"holdfast/appliance"
)

// track has the journal know a transfer that is about to be sent, and what it will be known again by; an error means that
// nothing may be sent (faults.md I6, JOB-09).
func (x *errand) track(known map[appliance.JobID]bool, had bool) error {
	t := Transit{
		ID: x.intent, Appliance: x.name, Who: x.p.Name, Transfer: x.act.Transfer, Since: x.e.clock.Now().Wall, Had: had,
	}
	if known != nil {
		t.Known = make([]appliance.JobID, 0, len(known))
		for id := range known {
			t.Known = append(t.Known, id)
		}
		slices.Sort(t.Known)
	}
	if err := x.e.journal.Track(x.send, t); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return nil
}

// inheritTransit goes on with a transfer of an ended engine: with its job, or by looking for what came of it. The
// caller holds w.mu.
func (w *watcher) inheritTransit(t Transit) {
	w.asks[t.ID] = true
	what := fmt.Sprintf("the %s that an earlier run began for %s", w.e.transferWords(t.Transfer), t.Who)
	since := pastReading(w.e.clock.Now(), t.Since).Run
	if t.Job != "" && w.jobs != nil {
		w.started[t.Job] = &started{transfer: t.Transfer, who: t.Who, since: since, intent: t.ID, had: t.Had}
		w.event(Info, fmt.Sprintf("%s is followed further: job %s", what, t.Job))
	} else {
		var known map[appliance.JobID]bool
		if t.Known != nil {
			known = map[appliance.JobID]bool{}
		}
		for _, id := range t.Known {
			known[id] = true
		}
		w.expect(&check{transfer: t.Transfer, who: t.Who, unknown: true, known: known, had: t.Had, intent: t.ID})
		w.event(Warn, what+": whether it ran is looked for")
	}
	w.showBackups()
	w.showJobs()
	w.e.sched.wake(w, w.lanes&of(laneJobs, laneBackups))
}
