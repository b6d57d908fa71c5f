package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
)

func (x *errand) transfer() (Result, error) {
	t := x.act.Transfer
	if err := x.asSeen(t); err != nil {
		return Result{}, err
	}
	known, before := x.knownJobs(), x.knownBackups(t)
	had := t.Verb == appliance.VerbPush && x.e.arrived(t, -1)
	if err := x.track(known, had); err != nil {
		return Result{}, fmt.Errorf("nothing was sent: %w", err)
	}
	r, err := x.transferOnce(t)
	var no *appliance.Refusal
	if errors.As(err, &no) && no.Status < 300 && !errors.Is(err, appliance.ErrAmbiguous) { // it said no in a success: only the jobs tell (faults.md JOB-02)
		if id, _ := x.findJob(known); id != "" {
			r, err = appliance.Receipt{Job: id}, nil
		}
	}
	if err != nil && outcomeOf(err) != OutcomeUnknown {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.over(x.intent, Ending{Fate: FateNot, Text: printable(err)})
		return Result{}, err
	}
	id, answers := r.Job, 0
	if err == nil && id == "" && t.Verb != appliance.VerbDelete {
		err = fmt.Errorf("%w: the appliance named no job%s", appliance.ErrAmbiguous, told(r.Told))
	}
	if err != nil {
		id, answers = x.findJob(known)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.publish()
	switch {
	case err != nil && id == "":
		x.expect(&check{transfer: t, who: x.p.Name, unknown: true, known: known, before: before, had: had, intent: x.intent})
		why := "no job of it was found yet"
		switch {
		case t.Verb == appliance.VerbDelete:
			why = "the listing will tell"
		case answers == 0:
			why = "the jobs could not be looked at"
		}
		return Result{}, fmt.Errorf("%w; %s: it is looked for further, and what is found will be told", err, why)
	case t.Verb == appliance.VerbDelete:
		x.expect(&check{transfer: t, who: x.p.Name, job: id, success: true, intent: x.intent})
	case x.jobs == nil || id == "": // nothing will say how it ended but the listings
		x.expect(&check{transfer: t, who: x.p.Name, job: id, unknown: true, had: had, before: before, intent: x.intent})
	default:
		now := x.e.clock.Now()
		x.started[id] = &started{transfer: t, who: x.p.Name, since: now.Run, intent: x.intent, had: had, before: before}
		x.tracked(Transit{ID: x.intent, Appliance: x.name, Who: x.p.Name, Transfer: t, Job: id, Since: now.Wall, Had: had})
		x.showJobs()
	}
	if id == "" {
		return Result{Text: fmt.Sprintf("asked for the %s, which was accepted%s", x.e.transferWords(t), told(r.Told))}, nil
	}
	return Result{Text: fmt.Sprintf("started the %s, job %s%s", x.e.transferWords(t), id, told(r.Told)), Job: id}, nil
}

// asSeen looks at the backups just before anything is sent: what an operator decided on a listing that may be a minute old
// is done only if the backup is still what it was (faults.md JOB-10).
func (x *errand) asSeen(t appliance.Transfer) error {
	if x.backups == nil || t.Backup == "" && t.Verb != appliance.VerbCreate {
		return nil
	}
	ctx, cancel := x.look()
	defer cancel()
	list, err := x.backups.Backups(ctx)
	if err != nil {
		return fmt.Errorf("%w: the backups could not be looked at just before, so nothing was sent: %w", ErrRefusedByUs, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.publish()
	x.takeBackups(list)
	if why := x.whyWrong(x.act, true); why != "" {
		return fmt.Errorf("%w: %s", ErrRefusedByUs, why)
	}
	return nil
}

// transferOnce sends the request. What came of it is looked for when the client fails, as when its answer is lost.
func (x *errand) transferOnce(t appliance.Transfer) (r appliance.Receipt, err error) {
	ctx, cancel := x.call()
	defer cancel()
	defer func() {
		if what := recover(); what != nil {
			x.panicked(what)
			r, err = appliance.Receipt{}, errClientFailed
		}
	}()
	if works(t.Verb) {
		return x.workOnce()
	}
	if t.Verb == appliance.VerbDelete {
		return x.deleter.DeleteBackup(ctx, t.Backup, appliance.Location(t.Destination))
	}
	return x.transferrer.Transfer(ctx, t)
}

// knownBackups are those that are listed just before a new one is made; nil for all else.
func (x *errand) knownBackups(t appliance.Transfer) map[appliance.BackupID]bool {
	if t.Verb != appliance.VerbCreate {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	known := map[appliance.BackupID]bool{}
	for id := range x.backupAt {
		known[id] = true
	}
	return known
}

// knownJobs are those that are there just before something is started; nil when they could not be listed.
func (x *errand) knownJobs() map[appliance.JobID]bool {
	if x.jobs == nil {
		return nil
	}
	ctx, cancel := x.look()
	defer cancel()
	list, err := x.askJobs(ctx)
	if x.hopeless(err) || err != nil {
		return nil
	}
	known := map[appliance.JobID]bool{}
	for _, j := range list.Jobs {
		known[j.ID] = true
	}
	return known
}

// findJob looks for the one job that a transfer became whose answer did not say (faults.md JOB-01, JOB-02), and tells how
// many listings there were. Nothing is sent again.
func (x *errand) findJob(known map[appliance.JobID]bool) (id appliance.JobID, answers int) {
	if x.jobs == nil || x.act.Verb == appliance.VerbDelete { // which has no job
		return "", 0
	}
	ctx, cancel := x.look()
	defer cancel()
	for _, pause := range looks {
		if !sleep(ctx, pause) {
			break
		}
		_, err := x.askJobs(ctx)
		if x.hopeless(err) {
			break
		}
		if err != nil {
			continue
		}
		answers++
		x.readOthers(ctx, func() bool { return true })
		x.mu.Lock()
		id = x.become(&check{transfer: x.act.Transfer, known: known, intent: x.intent, sending: true})
		x.mu.Unlock()
		if id != "" {
			break
		}
	}
	return id, answers
}

// become is the one job that says itself that it is the transfer which is looked for: new since, about the same backup, of
// the same kind and by the same user as far as those are told, and of nothing else that we asked for. The caller holds w.mu.
func (w *watcher) become(c *check) appliance.JobID {
	if c.known == nil || c.transfer.Verb == appliance.VerbDelete || w.others.unread {
		return ""
	}
	var found []appliance.JobID
	for _, j := range w.tasks.Jobs {
		if !w.couldBe(c, j) || j.Backup != c.transfer.Backup && (!works(c.transfer.Verb) || j.Verb != c.transfer.Verb) {
			continue
		}
		if w.contested(c, j) {
			return ""
		}
		found = append(found, j.ID)
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// couldBe reports whether nothing that is told of a job speaks against its being the transfer that is looked for. The caller
// holds w.mu.
func (w *watcher) couldBe(c *check, j appliance.Job) bool {
	user := w.s.Health.User
	switch {
	case c.known[j.ID], w.started[j.ID] != nil, w.others.jobs[j.ID]:
	case !j.By.Empty() && !user.Empty() && !strings.EqualFold(j.By.String(), user.String()):
	default:
		return fitsJob(c.transfer, j)
	}
	return false
}

// fitsJob reports whether a job may be that transfer by what it tells of itself, which need not be what it does.
func fitsJob(t appliance.Transfer, j appliance.Job) bool {
	return t.Verb != appliance.VerbDelete && (j.Backup == "" || t.Backup == "" || j.Backup == t.Backup) && (j.Verb == "" || j.Verb == t.Verb)
}

// contested reports whether a job may as well be another transfer of ours whose job is not known: of this engine or of another
// one on the same journal, which asked for the same backup, and may have ended since (faults.md JOB-01). The caller holds w.mu.
func (w *watcher) contested(c *check, j appliance.Job) bool {
	if being := w.asked[j.Backup]; being != nil && !c.sending && fitsJob(*being, j) {
		return true
	}
	rival := func(other *check) bool {
		return other.intent != c.intent && other.unknown && !other.known[j.ID] && fitsJob(other.transfer, j)
	}
	return w.others.mayHave(j) || slices.ContainsFunc(w.checks, rival) || slices.ContainsFunc(w.jobless, rival)
}

// cancelPush stops whatever push runs, once; it names no job (faults.md JOB-06). Unless the operator typed that he means
// any, it is looked first whether the one that runs is still the one that he saw.
func (x *errand) cancelPush() (Result, error) {
	if !x.act.Typed {
		if err := x.lookAtPush(); err != nil {
			return Result{}, err
		}
	}
	x.mu.Lock()
	push := x.s.Push
	x.mu.Unlock()
	whose := "it was not started here"
	if push.Ours {
		whose = fmt.Sprintf("ours, job %s to %s", push.Job, x.e.place(appliance.Transfer{Verb: appliance.VerbPush, Destination: push.Destination}))
	}
	r, err := x.cancelOnce(push.Job, x.transferrer.CancelPush)
	if err != nil {
		return Result{}, fmt.Errorf("%w (%s)", err, whose)
	}
	return Result{Text: fmt.Sprintf("cancelled the running push (%s)%s", whose, told(r.Told)), Job: push.Job}, nil
}

// whyNotCancelPush keeps a push that is not provably ours, or not the one that the operator saw, from being cancelled
// without his typing that he means any (faults.md JOB-06). The caller holds w.mu.
func (w *watcher) whyNotCancelPush(act appliance.Act) string {
	switch {
	case act.Typed || act.Job != "" && w.s.Push.Ours && w.s.Push.Job == act.Job:
		return ""
	case w.noPush():
		return "no push runs there any more"
	}
	return "the push that runs is not known to be the one of yours that you saw: " + TakesCode
}

// noPush reports whether the newest listing of jobs shows nothing under way that may be a push. The caller holds w.mu.
func (w *watcher) noPush() bool {
	may := func(j appliance.Job) bool { return j.Phase.Live() && (j.Verb == "" || j.Verb == appliance.VerbPush) }
	return !w.s.JobsPart.At.IsZero() && w.s.JobsPart.Err == "" && !slices.ContainsFunc(w.tasks.Jobs, may)
}

func (x *errand) lookAtPush() error {
	if x.jobs != nil {
		ctx, cancel := x.look()
		defer cancel()
		if _, err := x.askJobs(ctx); err != nil {
			return fmt.Errorf("%w: the jobs could not be listed just before, so nothing was sent: %w", ErrRefusedByUs, err)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.publish()
	if why := x.whyNotCancelPush(x.act); why != "" {
		return refuse(why)
	}
	return nil
}

// cancelOnce asks for the end of a job and notes that it was asked, if it may have been heard. The note is made before the
// answer is there: a poll may see the end first.
func (x *errand) cancelOnce(id appliance.JobID, ask func(context.Context) (appliance.Receipt, error)) (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	note := func(asked bool) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if s := x.started[id]; s != nil {
			s.cancelled = asked
		}
	}
	note(true)
	r, err := ask(ctx)
	if err != nil && outcomeOf(err) != OutcomeUnknown {
		note(false)
	}
	return r, err
}

func (x *errand) cancelJob() (Result, error) {
	r, err := x.cancelOnce(x.act.Job, func(ctx context.Context) (appliance.Receipt, error) { return x.jobs.CancelJob(ctx, x.act.Job) })
	if err != nil {
		return Result{}, err
	}
	return Result{Text: fmt.Sprintf("asked for job %s to be cancelled%s", x.act.Job, told(r.Told)), Job: x.act.Job}, nil
}

// arrived reports whether a backup is listed at the target of a push, when that is one of our members and was asked after
// the given run.
func (e *Engine) arrived(t appliance.Transfer, after time.Duration) bool {
	target := e.target(t)
	if target == nil {
		return false
	}
	s := target.snap.Load()
	return s.BackupsPart.At.Run > after && slices.ContainsFunc(s.Backups, func(b Backup) bool { return b.ID == t.Backup })
}

// target is the member that a push goes to; nil when it is none of ours.
func (e *Engine) target(t appliance.Transfer) *watcher {
	for _, w := range e.watchers {
		if SameAddress(w.m.Address, t.Destination) {
			return w
		}
	}
	return nil
}
