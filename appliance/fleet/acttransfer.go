package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// jobShows is how long after its start a job may take to be listed before it counts as vanished.
const jobShows = time.Minute

// started is a transfer of ours that became a job.
type started struct {
	transfer appliance.Transfer
	who      string
	since    time.Duration // run
	seen     bool          // a listing showed the job
	ended    bool          // at its end, or not listed any more
}

// check is a copy or a move whose outcome the next listing of backups tells.
type check struct {
	transfer appliance.Transfer
	who      string
	job      appliance.JobID
	success  bool          // what the job said
	since    time.Duration // run; only a listing that was asked for after it counts
}

func (w *watcher) transfer(ctx context.Context, p policy.Person, act appliance.Act) (Result, error) {
	t := act.Transfer
	w.mu.Lock()
	known := map[appliance.JobID]bool{}
	for _, j := range w.tasks.Jobs {
		known[j.ID] = true
	}
	looked := !w.tasks.Stamp.Sent.IsZero()
	w.mu.Unlock()
	r, err := w.transferrer.Transfer(ctx, t)
	if err != nil && !errors.Is(err, appliance.ErrAmbiguous) {
		return Result{}, err
	}
	id := r.Job
	if err == nil && id == "" {
		err = fmt.Errorf("%w: the appliance named no job%s", appliance.ErrAmbiguous, told(r.Told))
	}
	if err != nil {
		id = w.findJob(ctx, known, looked)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if id == "" {
		w.expect(&check{transfer: t, who: p.Name})
		return Result{}, fmt.Errorf("%w; no new job was found, and what the backups say will be told", err)
	}
	if w.jobs == nil {
		w.expect(&check{transfer: t, who: p.Name, job: id, success: true})
	} else {
		w.started[id] = &started{transfer: t, who: p.Name, since: w.e.clock.Now().Run}
		w.showJobs()
	}
	w.publish()
	return Result{Text: fmt.Sprintf("started the %s, job %s%s", transferWords(t), id, told(r.Told)), Job: id}, nil
}

// findJob looks for the one job that a transfer became whose answer did not say (faults.md JOB-01, JOB-02). Nothing is
// sent again.
func (w *watcher) findJob(ctx context.Context, known map[appliance.JobID]bool, looked bool) appliance.JobID {
	if w.jobs == nil || !looked {
		return ""
	}
	for _, pause := range looks {
		if !sleep(ctx, pause) {
			return ""
		}
		list, err := w.askJobs(ctx)
		if w.hopeless(err) {
			return ""
		}
		if err != nil {
			continue
		}
		var fresh []appliance.JobID
		w.mu.Lock()
		user := w.s.Health.User
		for _, j := range list.Jobs {
			stranger := !j.By.Empty() && !user.Empty() && j.By != user
			if !known[j.ID] && w.started[j.ID] == nil && !stranger {
				fresh = append(fresh, j.ID)
			}
		}
		w.mu.Unlock()
		if len(fresh) == 1 {
			return fresh[0]
		}
		if len(fresh) > 1 {
			return ""
		}
	}
	return ""
}

// cancelPush stops whatever push runs, once; it names no job (faults.md JOB-06). The record says whether it was ours.
func (w *watcher) cancelPush(ctx context.Context) (Result, error) {
	w.mu.Lock()
	push := w.s.Push
	w.mu.Unlock()
	whose := "it was not started here"
	if push.Ours {
		whose = fmt.Sprintf("ours, job %s to %s", push.Job, appliance.Label(push.Destination))
	}
	r, err := w.transferrer.CancelPush(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("%w (%s)", err, whose)
	}
	return Result{Text: fmt.Sprintf("cancelled the running push (%s)%s", whose, told(r.Told)), Job: push.Job}, nil
}

func (w *watcher) cancelJob(ctx context.Context, id appliance.JobID) (Result, error) {
	r, err := w.jobs.CancelJob(ctx, id)
	if err != nil {
		return Result{}, err
	}
	return Result{Text: fmt.Sprintf("asked for job %s to be cancelled%s", id, told(r.Told)), Job: id}, nil
}

// followJobs looks in the newest listing for the jobs of our transfers, and reports whether one ended. The caller holds
// w.mu.
func (w *watcher) followJobs() bool {
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
		case s.ended || sent < s.since:
		case j == nil:
			if s.seen || sent-s.since > jobShows {
				w.e.event(Warn, w.name, "", fmt.Sprintf("job %s (%s) is not listed any more; the backups will tell", id, transferWords(s.transfer)))
				w.jobEnded(id, s, false)
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
	text := fmt.Sprintf("job %s (%s) ended: %s", id, transferWords(s.transfer), j.State)
	if j.Phase == appliance.PhaseSucceeded {
		w.e.event(Good, w.name, "", text)
		return
	}
	for _, m := range j.Messages {
		text += ": " + m.String()
	}
	w.e.event(Alarm, w.name, "", text)
}

// jobEnded has the backups listed, and what they say of a copy or a move told. A push is seen at its target only.
func (w *watcher) jobEnded(id appliance.JobID, s *started, success bool) {
	s.ended = true
	w.expect(&check{transfer: s.transfer, who: s.who, job: id, success: success})
	w.showBackups()
	w.e.sched.wake(w, of(laneBackups)&w.lanes)
}

// expect has the next listing of backups tell the outcome. The caller holds w.mu.
func (w *watcher) expect(c *check) {
	if w.backups != nil && c.transfer.Verb != appliance.VerbPush {
		c.since = w.e.clock.Now().Run
		w.checks = append(w.checks, c)
	}
}

// checkMoves says what the newest listing of backups tells of ended copies and moves, and reports whether it told of any.
// Only the listing makes a move "moved" (faults.md I5, JOB-04). The caller holds w.mu.
func (w *watcher) checkMoves() bool {
	before := len(w.checks)
	w.checks = slices.DeleteFunc(w.checks, func(c *check) bool {
		if w.stock.Stamp.Sent.Run < c.since {
			return false
		}
		w.tellCheck(c)
		return true
	})
	return len(w.checks) != before
}

func (w *watcher) tellCheck(c *check) {
	t := c.transfer
	var b appliance.Backup
	for _, x := range w.stock.Backups {
		if x.ID == t.Backup {
			b = x
		}
	}
	place := appliance.Location(t.Destination)
	source, there := b.At(appliance.Internal), b.At(place)
	what := fmt.Sprintf("backup %s (%s)", t.Label, t.Backup)
	tell := func(level Level, format string, args ...any) {
		w.e.event(level, w.name, "", what+" "+fmt.Sprintf(format, args...))
	}
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
	case there && b.Checksum != t.Checksum:
		tell(Alarm, "is listed at %s with another checksum: %s, not %s", place, b.Checksum, t.Checksum)
	case there && !c.success:
		tell(Warn, "is moved to %s, as the listing says, although the job did not say success", place)
	case there:
		tell(Good, "is moved to %s", place)
	case source:
		tell(Warn, "is not moved: it lies in internal as before")
	default:
		tell(Alarm, "is listed neither in internal nor at %s (checksum %s, job %s)", place, t.Checksum, c.job)
	}
}
