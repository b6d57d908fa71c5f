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
	since    time.Duration               // run
	seen     bool                        // a listing showed the job
	ended    bool                        // at its end, or not listed any more
	intent   uint64                      // by which the journal knows it
	had      bool                        // a push: its target had the backup before
	before   map[appliance.BackupID]bool // those that were there when a new one was begun
	// cancelled tells that we asked for its end.
	cancelled bool
}

// overdue reports whether a listing that was asked for then should show the job.
func (s *started) overdue(asked time.Duration) bool {
	return !s.ended && asked >= s.since && (s.seen || asked-s.since > jobShows)
}

// check is a transfer whose outcome the next listings tell.
type check struct {
	transfer  appliance.Transfer
	who       string
	job       appliance.JobID
	success   bool          // what the job said
	said      string        // in its own words; empty = nothing
	cancelled bool          // we asked for its end
	since     time.Duration // run; only listings that were asked for after it count
	// unknown tells that nobody knows whether it runs or ever began: it is looked for several times, and until no job is
	// left that could be it.
	unknown bool
	known   map[appliance.JobID]bool    // jobs that are not it; nil = not known
	sending bool                        // its request is under way
	had     bool                        // a push: its target had the backup before
	lists   [laneCount]int              // listings that were asked for after since
	late    [laneCount]bool             // one was asked for when nothing could have its effect any more
	intent  uint64                      // by which the journal knows it
	before  map[appliance.BackupID]bool // of a new backup: those that it is not; nil = not known
}

// searching reports whether a transfer is being looked for. The caller holds w.mu.
func (w *watcher) searching() bool {
	return slices.ContainsFunc(w.checks, func(c *check) bool { return c.unknown })
}

// endsBadly reports whether a job of ours has ended, and not well, in a listing that is to be taken over: another engine may have asked
// for that. The caller holds w.mu.
func (w *watcher) endsBadly(list appliance.JobList) bool {
	return slices.ContainsFunc(list.Jobs, func(j appliance.Job) bool {
		s := w.started[j.ID]
		return s != nil && !s.ended && !s.cancelled && j.Phase == appliance.PhaseProblem
	})
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
			s.cancelled = s.cancelled || w.others.cancelled(s, id)
			said := w.tellEnd(id, s, j)
			if s.transfer.Verb == appliance.VerbProcess && j.Backup != "" && s.transfer.Backup != "" && j.Backup != s.transfer.Backup {
				w.wrongPackage(id, s, j.Backup)
			} else {
				w.jobEnded(id, s, j.Phase == appliance.PhaseSucceeded, said)
			}
			found = true
		default:
			s.seen = true
		}
	}
	return found
}

// wrongPackage tells that a processing was of another package than was meant: the appliance takes the one that came in last, and is
// not told which (api/lxca.md 3.7). The caller holds w.mu.
func (w *watcher) wrongPackage(id appliance.JobID, s *started, of appliance.BackupID) {
	s.ended = true
	e := Ending{Fate: FateOther, Job: id, Failed: true}
	e.Text = fmt.Sprintf("%s was to be processed, and another package was, which came in last: %s", s.transfer.Backup, of)
	w.e.event(Alarm, w.name, "", e.Text)
	w.over(s.intent, e)
}

// tellEnd says how a job of ours ended, in its own words, which it returns.
func (w *watcher) tellEnd(id appliance.JobID, s *started, j *appliance.Job) string {
	text := fmt.Sprintf("job %s (%s) ended: %s", id, w.e.transferWords(s.transfer), j.State)
	if j.Phase == appliance.PhaseSucceeded {
		w.e.event(Good, w.name, "", text)
		return text
	}
	level := Alarm
	if s.cancelled {
		level, text = Warn, text+", cancelled as asked"
	}
	for _, m := range j.Messages {
		text += ": " + m.String()
	}
	w.e.event(level, w.name, "", text)
	return text
}

// jobEnded has the backups listed, and what they say of the transfer told: those of the target for a push, which need not be
// ours to ask.
func (w *watcher) jobEnded(id appliance.JobID, s *started, success bool, said string) {
	s.ended = true
	c := &check{
		transfer: s.transfer, who: s.who, job: id, success: success, said: said, cancelled: s.cancelled, had: s.had, intent: s.intent,
		before: s.before,
	}
	why := ""
	if s.transfer.Verb == appliance.VerbPush {
		switch target := w.e.target(s.transfer); {
		case target == nil:
			why = "its target is none of ours to ask"
		case target.backups == nil:
			why = "its target cannot list its backups"
		case s.had:
			why = "its target listed it before, too"
		}
	}
	switch {
	case works(s.transfer.Verb) && s.transfer.Verb != appliance.VerbCreate && success:
		w.over(s.intent, Ending{Fate: FateTold, Job: id, Success: true, Text: said})
	case works(s.transfer.Verb) && s.transfer.Verb != appliance.VerbCreate:
		w.over(s.intent, Ending{Fate: FateNot, Job: id, Failed: true, Cancelled: s.cancelled, Text: said})
	case why == "":
		w.expect(c)
	case success:
		w.over(s.intent, Ending{Fate: FateTold, Job: id, Success: true, Text: said + "; " + why})
	case s.had: // what the job could not do may have been done before, by a request of which nothing was known
		w.over(s.intent, Ending{Fate: FateUnknown, Job: id, Failed: true, Cancelled: s.cancelled, Text: said + "; " + why})
	default:
		w.over(s.intent, Ending{Fate: FateNot, Job: id, Failed: true, Cancelled: s.cancelled, Text: said})
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
	w.expect(&check{
		transfer: s.transfer, who: s.who, job: id, unknown: true, known: known, had: s.had, cancelled: s.cancelled, intent: s.intent,
		before: s.before,
	})
	w.showBackups()
	w.e.sched.wake(w, of(laneBackups)&w.lanes)
}

// ending is how a transfer ended as far as its job told.
func (c *check) ending(f Fate) Ending {
	told := c.job != "" && !c.unknown
	return Ending{Fate: f, Job: c.job, Success: c.success && !c.unknown, Failed: told && !c.success, Cancelled: c.cancelled}
}

// expect has the next listings tell the outcome. The caller holds w.mu.
func (w *watcher) expect(c *check) {
	if w.backups == nil && (w.jobs == nil || !c.unknown) {
		w.over(c.intent, c.untold())
		return
	}
	c.since = w.e.clock.Now().Run
	w.checks = append(w.checks, c)
}

// tellChecks says what a new listing tells of transfers, and reports whether any is settled by it. Only the listing makes a
// move "moved" (faults.md I5, JOB-04). The caller holds w.mu.
func (w *watcher) tellChecks(l lane, sent time.Duration) bool {
	before := len(w.checks)
	w.forgetJobless()
	w.checks = slices.DeleteFunc(w.checks, func(c *check) bool {
		if sent < c.since {
			return false
		}
		c.lists[l]++
		c.late[l] = c.late[l] || sent-c.since >= searchFor
		switch {
		case c.unknown:
			return w.search(c)
		case c.transfer.Verb == appliance.VerbPush:
			return w.arrives(c)
		case l == laneBackups && c.transfer.Verb == appliance.VerbDelete:
			return w.removed(c)
		case l == laneBackups:
			w.over(c.intent, w.tellCheck(c))
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
		w.started[id] = &started{transfer: t, who: c.who, since: now.Run, intent: c.intent, had: c.had, cancelled: c.cancelled, before: c.before}
		w.tracked(Transit{ID: c.intent, Appliance: w.name, Who: c.who, Transfer: t, Job: id, Since: now.Wall, Had: c.had})
		w.e.event(Info, w.name, "", fmt.Sprintf("the %s became job %s", w.e.transferWords(t), id))
		w.e.sched.wake(w, of(laneJobs)&w.lanes)
		return true
	}
	removal, made := t.Verb == appliance.VerbDelete, t.Verb == appliance.VerbCreate
	if !removal && slices.ContainsFunc(w.tasks.Jobs, func(j appliance.Job) bool { return j.Phase.Live() && w.couldBe(c, j) }) {
		c.since, c.lists, c.late = w.e.clock.Now().Run, [laneCount]int{}, [laneCount]bool{} // only what is listed after its end counts
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
	if removal {
		sure = c.lists[laneBackups] > 0 && gone(t, b)
	}
	if made {
		sure = c.lists[laneBackups] > 0 && w.made(c)
	} else if works(t.Verb) {
		sure = false
	}
	need := searchLooks
	switch {
	case sure:
		need = 1
	case w.e.clock.Now().Run-c.since < searchFor:
		return false
	}
	for _, l := range []lane{laneJobs, laneBackups} {
		told := w.lanes.has(l) && (!removal || l == laneBackups) && !errors.Is(w.fails[l], appliance.ErrUnsupported)
		if told && (c.lists[l] < need || !sure && !c.late[l]) {
			return false
		}
	}
	w.over(c.intent, w.tellSearch(c, sure))
	if w.jobs != nil && !removal {
		w.jobless = append(w.jobless, c)
	}
	return true
}

// forgetJobless forgets the transfers whose job nobody told, once none is listed that could be theirs. The caller holds w.mu.
func (w *watcher) forgetJobless() {
	now := w.e.clock.Now().Run
	w.jobless = slices.DeleteFunc(w.jobless, func(c *check) bool {
		return now-c.since > pastKept && !slices.ContainsFunc(w.tasks.Jobs, func(j appliance.Job) bool { return w.couldBe(c, j) })
	})
}
