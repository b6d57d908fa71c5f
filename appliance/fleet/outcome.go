package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	intent  uint64                      // by which the journal knows it
	before  map[appliance.BackupID]bool // of a new backup: those that it is not; nil = not known
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
	w.checks = slices.DeleteFunc(w.checks, func(c *check) bool {
		if sent < c.since {
			return false
		}
		c.lists[l]++
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
		if told && c.lists[l] < need {
			return false
		}
	}
	w.over(c.intent, w.tellSearch(c, sure))
	return true
}

// untold is the ending of a transfer whose outcome no listing can tell.
func (c *check) untold() Ending {
	e := c.ending(FateUnknown)
	e.Text = cmp.Or(c.said, "what came of it is not known") + noListing
	if c.success {
		e.Fate, e.Text = FateTold, cmp.Or(c.said, "the appliance said that it is done")+noListing
	}
	return e
}

const noListing = "; the backups cannot be listed there"

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
func (w *watcher) tellSearch(c *check, sure bool) Ending {
	t, e := c.transfer, c.ending(FateThere)
	level, b := Good, w.stocked(t)
	e.Same = sure && !b.Checksum.Empty() && b.Checksum == t.Checksum
	switch {
	case t.Verb == appliance.VerbMove && c.lists[laneBackups] > 0,
		t.Verb == appliance.VerbCopy && sure && differ(b.Checksum, t.Checksum):
		return w.tellCheck(c)
	case t.Verb == appliance.VerbPush && sure:
		b, asked := w.e.arrival(t, c.since)
		return w.tellArrival(c, b, asked)
	case t.Verb == appliance.VerbDelete && !sure && c.lists[laneBackups] == 0:
		level, e.Fate, e.Text = Warn, FateUnknown, "whether the "+w.e.transferWords(t)+" took place is not known"+noListing
	case t.Verb == appliance.VerbDelete && !sure && t.Destination == string(appliance.Everywhere): // it may be gone from some
		level, e.Fate = Warn, FateUnknown
		e.Text = fmt.Sprintf("the %s is not complete: it is still listed at %s", w.e.transferWords(t), placesOf(b))
	case t.Verb == appliance.VerbDelete && !sure:
		level, e.Fate = Warn, FateUnknown // it may come late: nothing ever says that it will not
		e.Text = "whether the " + w.e.transferWords(t) + " takes place is not known: it is listed there as before"
	case !sure:
		level, e.Fate = Warn, FateUnknown
		e.Text = fmt.Sprintf("unknown, nothing found: no job of the %s, and the backup was not seen there", w.e.transferWords(t))
	default:
		e.Text = fmt.Sprintf("the %s took place, as the listing says", w.e.transferWords(t))
	}
	w.e.event(level, w.name, "", e.Text)
	return e
}

// gone reports whether a backup, as listed, lies no more where it was to be removed from.
func gone(t appliance.Transfer, b appliance.Backup) bool {
	if t.Destination == string(appliance.Everywhere) {
		return len(b.Locations) == 0
	}
	return !b.At(appliance.Location(t.Destination))
}

// removed reports whether a removal is settled that the appliance said to have done: the backup is listed there no more, or has
// been for long enough.
func (w *watcher) removed(c *check) bool {
	is := gone(c.transfer, w.stocked(c.transfer)) && w.stock.Unreadable == 0 // a row that cannot be read may be it
	if !is && w.e.clock.Now().Run-c.since < searchFor {
		return false
	}
	w.over(c.intent, w.tellRemoval(c, is))
	return true
}

// tellRemoval says what the newest listing tells of a removal that the appliance said to have done.
func (w *watcher) tellRemoval(c *check, is bool) Ending {
	e := c.ending(FateThere)
	e.Text = fmt.Sprintf("the %s took place, as the listing says", w.e.transferWords(c.transfer))
	level, b := Good, w.stocked(c.transfer)
	switch {
	case is && c.transfer.Stays != "" && !b.At(c.transfer.Stays):
		level, e.Fate = Alarm, FateNeither
		e.Text += fmt.Sprintf(", and nor is the copy listed at %s any more", appliance.Label(string(c.transfer.Stays)))
	case !is:
		level, e.Fate = Alarm, FateUnknown
		e.Text = fmt.Sprintf("the appliance said that the %s is done, and lists it still at %s", w.e.transferWords(c.transfer),
			placesOf(b))
	}
	w.e.event(level, w.name, "", e.Text)
	return e
}

// made reports whether the new backup is listed.
func (w *watcher) made(c *check) bool {
	return c.before != nil && slices.ContainsFunc(w.stock.Backups, func(b appliance.Backup) bool {
		return !c.before[b.ID] && (b.Label == c.transfer.Label || b.ID == appliance.BackupID(c.transfer.Label.String()))
	})
}

// tellMade says what the newest listing tells of a new backup whose job has ended.
func (w *watcher) tellMade(c *check) Ending {
	e := c.ending(FateNot)
	e.Text = cmp.Or(c.said, "the new backup is not listed")
	switch listed := w.made(c); {
	case listed && c.success:
		e.Fate, e.Text = FateThere, fmt.Sprintf("backup %s is made, as the listing says", c.transfer.Label)
		w.e.event(Good, w.name, "", e.Text)
	case listed:
		e.Fate, e.Text = FateUnknown, fmt.Sprintf("backup %s is listed although its job did not say success", c.transfer.Label)
		w.e.event(Warn, w.name, "", e.Text)
	case c.success && c.before == nil:
		e.Fate, e.Text = FateTold, "its job said success; which backup it is cannot be told"
	case c.success:
		e.Fate, e.Text = FateUnknown, fmt.Sprintf("backup %s is not listed although its job said success", c.transfer.Label)
		w.e.event(Warn, w.name, "", e.Text)
	}
	return e
}

// placesOf names where a backup lies.
func placesOf(b appliance.Backup) string {
	var names []string
	for _, l := range b.Locations {
		names = append(names, appliance.Label(string(l)).String())
	}
	return strings.Join(names, ", ")
}

// tellCheck says what the newest listing of backups tells of a copy or a move.
func (w *watcher) tellCheck(c *check) Ending {
	t := c.transfer
	if t.Verb == appliance.VerbCreate {
		return w.tellMade(c)
	}
	b := w.stocked(t)
	place := appliance.Location(t.Destination)
	source, there := b.At(appliance.Internal), b.At(place)
	e := c.ending(FateNot)
	tell := func(level Level, fate Fate, format string, args ...any) {
		e.Fate, e.Text = fate, fmt.Sprintf("backup %s (%s) ", t.Label, t.Backup)+fmt.Sprintf(format, args...)
		w.e.event(level, w.name, "", e.Text)
	}
	untold := b.Checksum.Empty() || t.Checksum.Empty()
	e.Same = there && !untold && b.Checksum == t.Checksum
	switch {
	case there && differ(b.Checksum, t.Checksum):
		tell(Alarm, FateOther, "is listed at %s with another checksum: %s, not %s", place, b.Checksum, t.Checksum)
	case t.Verb == appliance.VerbCopy && there:
		e.Fate, e.Text = FateThere, fmt.Sprintf("copied to %s, as the listing says", place)
		if !c.success {
			tell(Warn, FateThere, "is listed at %s although the job did not say success", place)
		}
	case t.Verb == appliance.VerbCopy && len(b.Locations) == 0:
		tell(Alarm, FateNeither, "is listed nowhere any more, neither where it lay nor at %s (checksum %s, job %s)", place,
			t.Checksum, c.job)
	case t.Verb == appliance.VerbCopy && c.success:
		tell(Warn, FateUnknown, "is not listed at %s although the job said success", place)
	case t.Verb == appliance.VerbCopy:
		e.Text = cmp.Or(c.said, "it is not listed at "+string(place))
	case there && source:
		tell(Warn, FateBoth, "is copied to %s; the original in internal is kept", place)
	case there && untold:
		tell(Warn, FateThere, "is moved to %s, as the listing says; whether it is the same cannot be told, as no checksum is", place)
	case there && !c.success:
		tell(Warn, FateThere, "is moved to %s, as the listing says, although no job said success", place)
	case there:
		tell(Good, FateThere, "is moved to %s", place)
	case source && c.unknown:
		tell(Warn, FateNot, "is not moved: it lies in internal as before, and no job of it was found")
	case source:
		tell(Warn, FateNot, "is not moved: it lies in internal as before")
	default:
		tell(Alarm, FateNeither, "is listed neither in internal nor at %s (checksum %s, job %s)", place, t.Checksum, c.job)
	}
	if e.Fate == FateNot && c.said != "" {
		e.Text = c.said
	}
	return e
}
