package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// jobShows is how long after its start a job may take to be listed before it counts as vanished.
const jobShows = time.Minute

// How a transfer is looked for of which nobody knows whether it runs (faults.md JOB-01): by so many looks, and for as long
// as a request that was given up may still take effect.
const (
	searchEvery = 20 * time.Second
	searchLooks = 3
	searchFor   = time.Minute
)

// started is a transfer of ours that became a job.
type started struct {
	transfer appliance.Transfer
	who      string
	since    time.Duration // run
	seen     bool          // a listing showed the job
	ended    bool          // at its end, or not listed any more
	intent   uint64        // by which the journal knows it
	// cancelled tells that we asked for its end.
	cancelled bool
}

// overdue reports whether a listing that was asked for then should show the job.
func (s *started) overdue(asked time.Duration) bool {
	return !s.ended && asked >= s.since && (s.seen || asked-s.since > jobShows)
}

// check is a transfer whose outcome the next listings tell.
type check struct {
	transfer appliance.Transfer
	who      string
	job      appliance.JobID
	success  bool          // what the job said
	since    time.Duration // run; only listings that were asked for after it count
	// unknown tells that nobody knows whether it runs or ever began: it is looked for several times, and until no job is
	// left that could be it.
	unknown bool
	known   map[appliance.JobID]bool // jobs that are not it; nil = not known
	had     bool                     // a push: its target had the backup before
	lists   [laneCount]int           // listings that were asked for after since
	intent  uint64                   // by which the journal knows it
}

// searching reports whether a transfer is being looked for. The caller holds w.mu.
func (w *watcher) searching() bool {
	return slices.ContainsFunc(w.checks, func(c *check) bool { return c.unknown })
}

// followJobs looks in the newest listing for the jobs of our transfers, and reports whether one ended. unclear are those of
// which it could not be asked whether they are still there. The caller holds w.mu.
func (w *watcher) followJobs(unclear []appliance.JobID) bool {
	if len(w.started) == 0 {
		return false
	}
	listed := map[appliance.JobID]*appliance.Job{}
	for i := range w.tasks.Jobs {
		listed[w.tasks.Jobs[i].ID] = &w.tasks.Jobs[i]
	}
	sent, found := w.tasks.Stamp.Sent.Run, false
	for id, s := range w.started {
		j := listed[id]
		switch {
		case j == nil && s.ended:
			delete(w.started, id)
		case s.ended || sent < s.since || slices.Contains(unclear, id):
		case j == nil:
			if s.overdue(sent) {
				w.e.event(Warn, w.name, "", fmt.Sprintf("job %s (%s) is not listed any more; the backups will tell", id, w.e.transferWords(s.transfer)))
				w.vanished(id, s)
				found = true
			}
		case j.Phase.Ended():
			w.tellEnd(id, s, j)
			w.jobEnded(id, s, j.Phase == appliance.PhaseSucceeded)
			found = true
		default:
			s.seen = true
		}
	}
	return found
}

// tellEnd says how a job of ours ended, in its own words.
func (w *watcher) tellEnd(id appliance.JobID, s *started, j *appliance.Job) {
	text := fmt.Sprintf("job %s (%s) ended: %s", id, w.e.transferWords(s.transfer), j.State)
	if j.Phase == appliance.PhaseSucceeded {
		w.e.event(Good, w.name, "", text)
		return
	}
	level := Alarm
	if s.cancelled {
		level, text = Warn, text+", cancelled as asked"
	}
	for _, m := range j.Messages {
		text += ": " + m.String()
	}
	w.e.event(level, w.name, "", text)
}

// jobEnded has the backups listed, and what they say of a copy or a move told. A push is seen at its target only, which
// need not be ours to ask.
func (w *watcher) jobEnded(id appliance.JobID, s *started, success bool) {
	s.ended = true
	if s.transfer.Verb != appliance.VerbPush {
		w.expect(&check{transfer: s.transfer, who: s.who, job: id, success: success, intent: s.intent})
	} else {
		w.tracked(s.intent, nil)
	}
	w.showBackups()
	w.e.sched.wake(w, of(laneBackups)&w.lanes)
}

// vanished has a transfer looked for whose job is not told of any more, and which may run for all that.
func (w *watcher) vanished(id appliance.JobID, s *started) {
	s.ended = true
	known := map[appliance.JobID]bool{}
	for _, j := range w.tasks.Jobs {
		known[j.ID] = true
	}
	w.expect(&check{transfer: s.transfer, who: s.who, job: id, unknown: true, known: known, intent: s.intent})
	w.showBackups()
	w.e.sched.wake(w, of(laneBackups)&w.lanes)
}

// expect has the next listings tell the outcome. The caller holds w.mu.
func (w *watcher) expect(c *check) {
	if w.backups == nil && (w.jobs == nil || !c.unknown) {
		w.tracked(c.intent, nil)
		return
	}
	c.since = w.e.clock.Now().Run
	w.checks = append(w.checks, c)
}

// tellChecks says what a new listing tells of transfers, and reports whether any is settled by it. Only the listing makes a
// move "moved" (faults.md I5, JOB-04). The caller holds w.mu.
func (w *watcher) tellChecks(l lane, sent time.Duration) bool {
	before := len(w.checks)
	w.checks = slices.DeleteFunc(w.checks, func(c *check) bool {
		if sent < c.since {
			return false
		}
		c.lists[l]++
		switch {
		case c.unknown:
			return w.search(c)
		case l == laneBackups:
			w.tellCheck(c)
			w.tracked(c.intent, nil)
			return true
		}
		return false
	})
	return len(w.checks) != before
}

// search looks for an unknown transfer in what was listed last, and reports whether it is settled.
func (w *watcher) search(c *check) bool {
	t := c.transfer
	if id := w.become(c); id != "" {
		now := w.e.clock.Now()
		w.started[id] = &started{transfer: t, who: c.who, since: now.Run, intent: c.intent}
		w.tracked(c.intent, &Transit{ID: c.intent, Appliance: w.name, Who: c.who, Transfer: t, Job: id, Since: now.Wall, Had: c.had})
		w.e.event(Info, w.name, "", fmt.Sprintf("the %s became job %s", w.e.transferWords(t), id))
		w.e.sched.wake(w, of(laneJobs)&w.lanes)
		return true
	}
	if slices.ContainsFunc(w.tasks.Jobs, func(j appliance.Job) bool { return j.Phase.Live() && w.couldBe(c, j) }) {
		c.since, c.lists = w.e.clock.Now().Run, [laneCount]int{} // only what is listed after its end counts
		return false
	}
	if target := w.e.target(t); t.Verb == appliance.VerbPush && target != nil && target != w {
		w.e.sched.wake(target, of(laneBackups)&target.lanes)
	}
	b := w.stocked(t)
	place := appliance.Location(t.Destination)
	sure := c.lists[laneBackups] > 0 && b.At(place) && (t.Verb == appliance.VerbCopy || !b.At(appliance.Internal))
	if t.Verb == appliance.VerbPush {
		sure = !c.had && w.e.arrived(t, c.since)
	}
	need := searchLooks
	switch {
	case sure:
		need = 1
	case w.e.clock.Now().Run-c.since < searchFor:
		return false
	}
	for _, l := range []lane{laneJobs, laneBackups} {
		told := w.lanes.has(l) && !errors.Is(w.fails[l], appliance.ErrUnsupported)
		if told && c.lists[l] < need {
			return false
		}
	}
	w.tellSearch(c, sure)
	w.tracked(c.intent, nil)
	return true
}

// stocked is the transfer's backup as listed last; the zero one when it is not.
func (w *watcher) stocked(t appliance.Transfer) (b appliance.Backup) {
	for _, x := range w.stock.Backups {
		if x.ID == t.Backup {
			b = x
		}
	}
	return b
}

// tellSearch says what came of the search for a transfer of which nobody knew whether it ran.
func (w *watcher) tellSearch(c *check, sure bool) {
	t := c.transfer
	switch {
	case t.Verb == appliance.VerbMove && c.lists[laneBackups] > 0:
		w.tellCheck(c)
	case !sure:
		w.e.event(Warn, w.name, "", fmt.Sprintf("unknown, nothing found: no job of the %s, and the backup was not seen there", w.e.transferWords(t)))
	case t.Verb == appliance.VerbPush:
		w.e.event(Good, w.name, "", fmt.Sprintf("the %s arrived, as the listing of its target says", w.e.transferWords(t)))
	default:
		w.e.event(Good, w.name, "", fmt.Sprintf("the %s took place, as the listing says", w.e.transferWords(t)))
	}
}

// tellCheck says what the newest listing of backups tells of a copy or a move.
func (w *watcher) tellCheck(c *check) {
	t := c.transfer
	b := w.stocked(t)
	place := appliance.Location(t.Destination)
	source, there := b.At(appliance.Internal), b.At(place)
	what := fmt.Sprintf("backup %s (%s)", t.Label, t.Backup)
	tell := func(level Level, format string, args ...any) {
		w.e.event(level, w.name, "", what+" "+fmt.Sprintf(format, args...))
	}
	untold := b.Checksum.Empty() || t.Checksum.Empty()
	switch {
	case t.Verb == appliance.VerbCopy && there:
		if !c.success {
			tell(Warn, "is listed at %s although the job did not say success", place)
		}
	case t.Verb == appliance.VerbCopy:
		if c.success {
			tell(Warn, "is not listed at %s although the job said success", place)
		}
	case there && source:
		tell(Warn, "is copied to %s; the original in internal is kept", place)
	case there && untold:
		tell(Warn, "is moved to %s, as the listing says; whether it is the same cannot be told, as no checksum is", place)
	case there && b.Checksum != t.Checksum:
		tell(Alarm, "is listed at %s with another checksum: %s, not %s", place, b.Checksum, t.Checksum)
	case there && !c.success:
		tell(Warn, "is moved to %s, as the listing says, although no job said success", place)
	case there:
		tell(Good, "is moved to %s", place)
	case source && c.unknown:
		tell(Warn, "is not moved: it lies in internal as before, and no job of it was found")
	case source:
		tell(Warn, "is not moved: it lies in internal as before")
	default:
		tell(Alarm, "is listed neither in internal nor at %s (checksum %s, job %s)", place, t.Checksum, c.job)
	}
}
