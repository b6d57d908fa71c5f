package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"holdfast/appliance"
)

// How often it is looked what other engines on the same journal have, and left.
const lookAround = 5 * time.Second

// others is what other engines of ours have at one appliance, as the journal told last. They use the same user name there, so that
// nothing but the journal tells what came of their requests from what came of this engine's.
type others struct {
	turn     uint64 // of the reading; a later one has a higher
	unread   bool   // a later one failed
	holdings map[appliance.LockID]Holding
	asked    []Record  // requests of which it is not known what came, transfers that ended included
	transits []Transit // transfers whose outcome is not known
	jobs     map[appliance.JobID]bool
}

// ask reports whether another engine asks for a lock about the same, by the same mark, and does not know yet what came of it.
func (o *others) ask(c appliance.Claim) bool {
	return slices.ContainsFunc(o.asked, func(r Record) bool {
		asks := r.Act.Verb == appliance.VerbAcquire || r.Act.Verb == appliance.VerbExtend
		return asks && r.Act.Claim.TTL == c.TTL && cmp.Or(r.Act.Claim.Scope, r.Act.Lock.Scope.Code) == c.Scope
	})
}

// mayHave reports whether a job may have come of a request of another engine, which does not know its job, or has been told its
// end already.
func (o *others) mayHave(j appliance.Job) bool {
	return slices.ContainsFunc(o.transits, func(t Transit) bool {
		return t.Job == "" && !slices.Contains(t.Known, j.ID) && fitsJob(t.Transfer, j)
	}) || slices.ContainsFunc(o.asked, func(r Record) bool {
		t := r.Act.Transfer
		t.Verb = r.Act.Verb
		return (transfers(t.Verb) || works(t.Verb)) && fitsJob(t, j)
	})
}

// cancelled reports whether another engine asked for the end of a job of ours. To cancel a push names no job: it is whatever push runs
// (faults.md JOB-06).
func (o *others) cancelled(s *started, id appliance.JobID) bool {
	return slices.ContainsFunc(o.asked, func(r Record) bool {
		push := r.Act.Verb == appliance.VerbCancelPush && s.transfer.Verb == appliance.VerbPush && r.ID > s.intent
		return push || r.Act.Verb == appliance.VerbCancelJob && r.Act.Job == id
	})
}

// neighbours takes over what ended engines left and learns what others have, as long as the engine lives.
func (e *Engine) neighbours(ctx context.Context) {
	for first := true; ; first = false {
		outlive(e.failed, func() { e.lookAtOthers(ctx) })
		if first {
			close(e.lookedAround)
		}
		if !sleep(ctx, lookAround) {
			return
		}
	}
}

// lookAtOthers takes over what ended engines left since, and learns what others have.
func (e *Engine) lookAtOthers(ctx context.Context) {
	if names := e.ours(); e.adopt && len(names) > 0 {
		estate, err := e.journal.Adopt(ctx, names, e.only)
		switch {
		case err == nil:
			e.said = ""
			e.inherit(estate)
		case ctx.Err() == nil:
			e.sayOnce("what an earlier run left could not be read: " + printable(err))
		}
	}
	_ = e.readOthers(ctx) // it is read again soon, and before anything depends on it
}

// sayOnce tells a trouble that would else be told every few seconds.
func (e *Engine) sayOnce(text string) {
	if e.said != text {
		e.said = text
		e.event(Warn, "", "", text)
	}
}

// readOthers learns what other engines have now.
func (e *Engine) readOthers(ctx context.Context) error {
	turn := e.readings.Add(1)
	all, err := e.journal.Others(ctx)
	if err != nil {
		return err
	}
	for _, w := range e.watchers {
		outlive(w.failed, func() { w.learnOthers(all, turn) })
	}
	return nil
}

// readOthers learns it where it matters, which need tells: before a list is taken over by which something may be taken for ours.
// What is in the list was asked for before, and whoever of us asked had recorded it by then (faults.md I6).
func (w *watcher) readOthers(ctx context.Context, need func() bool) {
	w.mu.Lock()
	needed := need()
	w.mu.Unlock()
	if !needed {
		return
	}
	if err := w.e.readOthers(ctx); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.others.unread = true
	}
}

func (w *watcher) learnOthers(all Estate, turn uint64) {
	o := others{turn: turn, holdings: map[appliance.LockID]Holding{}, jobs: map[appliance.JobID]bool{}}
	open := map[uint64]bool{}
	for _, h := range all.Holdings {
		if h.Appliance == w.name && h.State != HoldingLost {
			o.holdings[h.Lock] = h
		}
	}
	for _, t := range all.Transits {
		if open[t.ID] = true; t.Appliance == w.name {
			o.transits = append(o.transits, t)
			o.jobs[t.Job] = t.Job != ""
		}
	}
	for _, r := range all.Intents {
		if r.Appliance == w.name && !open[r.ID] && r.Outcome != OutcomeRefused {
			o.asked = append(o.asked, r)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if turn < w.others.turn {
		return
	}
	for _, j := range w.tasks.Jobs { // what was another's stays it
		o.jobs[j.ID] = o.jobs[j.ID] || w.others.jobs[j.ID]
	}
	shown := len(o.holdings)+len(w.others.holdings) > 0
	w.others = o
	if shown {
		w.showLocks()
		w.publish()
	}
}
