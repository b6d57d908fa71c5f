package xclarity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// States of a job. The set is ours, until a real list is known (api/lxca.md 4.3).
const (
	statePending    = "Pending"
	stateRunning    = "Running"
	stateComplete   = "Complete"
	stateWithErrors = "CompleteWithErrors"
	stateCancelled  = "Cancelled"
	stateFailed     = "Stopped_With_Error"
)

// step is a part of a job; until is the share of the job's time at which it ends.
type step struct {
	title string
	until float64
}

var (
	copySteps    = []step{{"Check space", 0.1}, {"Copy package", 0.85}, {"Verify checksum", 1}}
	moveSteps    = []step{{"Check space", 0.1}, {"Copy package", 0.8}, {"Verify checksum", 0.95}, {"Delete original", 1}}
	prepareSteps = []step{{"Verify checksum", 0.4}, {"Decrypt package", 1}}
	restoreSteps = []step{{"Stop services", 0.2}, {"Import data", 0.8}, {"Start services", 1}}
	backupSteps  = []step{{"Check space", 0.5}, {"Package data", 0.9}, {"Validate data", 1}}
	pushSteps    = []step{{"Connect to target", 0.1}, {"Send package", 0.85}, {"Verify checksum", 1}}
)

// job is asynchronous work. While it runs, its progress is computed from the time; its effects happen when it is due.
type job struct {
	id, op, uuid, from, destination, user string
	by                                    kit.Asker // who started it
	title                                 string
	args                                  []string
	steps                                 []step
	childIDs                              []string
	b                                     *backup    // while it runs; none while it makes one
	making                                *Backup    // of a backup: what it makes
	firmware, images, devices             bool       // asked for with a backup or a restore
	target                                *Appliance // of a push
	size                                  int64
	began                                 time.Time // base clock
	took                                  time.Duration
	due                                   time.Time // base clock; earlier than began+took when it is going to fail
	why                                   string    // why it fails
	failStep                              int
	started, ended                        time.Time // appliance clock
	state                                 string    // empty while it runs
	cancelledBy                           string
	landing                               bool    // a push that is just arriving
	floor                                 float64 // progress that a client has reported
	callback                              *callback
}

// callback is how a job may be cancelled by other means, attached by a client (api/lxca.md 4.5).
type callback struct {
	url, method, body string
	timeout           int64
}

// Job is what a test may see of a job.
type Job struct {
	ID, Operation, UUID, Destination, User string
	State                                  string // Running until it has ended
	Percentage                             float64
}

// Jobs returns all jobs, oldest first.
func (a *Appliance) Jobs() []Job {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Job, 0, len(a.jobs))
	for _, j := range a.jobs {
		list = append(list, Job{j.id, j.op, j.uuid, j.destination, j.user, j.shown(), a.progress(j)})
	}
	return list
}

func (j *job) shown() string {
	if j.state == "" {
		return stateRunning
	}
	return j.state
}

// effect is something that happens to the job.
func (j *job) effect(what string) kit.Effect {
	return kit.Effect{What: what, ID: j.id, Kind: j.op, UUID: j.uuid, From: j.from, To: j.destination}
}

// newJob numbers a job and its children. It is called with mu held.
func (a *Appliance) newJob(j *job) *job {
	a.lastJob++
	j.id = strconv.Itoa(a.lastJob)
	for range j.steps {
		a.lastJob++
		j.childIDs = append(j.childIDs, strconv.Itoa(a.lastJob))
	}
	a.jobs = append(a.jobs, j)
	a.byJob[j.id] = j
	return j
}

// start begins a transfer's job. It is called with mu held.
func (a *Appliance) start(t Transfer, p plan, by kit.Asker) *job {
	j := &job{
		op: t.Operation, uuid: t.UUID, from: p.from, destination: t.Destination, user: t.User, by: by, b: p.b, target: p.target,
		size: p.b.Size, why: p.why, failStep: p.step, args: []string{p.b.Label, t.Destination},
	}
	switch t.Operation {
	case opCopy:
		j.steps, j.title = copySteps, "Copy backup "+p.b.Label+" to "+t.Destination
	case opMove:
		j.steps, j.title = moveSteps, "Move backup "+p.b.Label+" to "+t.Destination
	case opPrepare:
		j.steps, j.title = prepareSteps, "Prepare backup "+p.b.Label
	case opProcess:
		j.steps, j.title = prepareSteps, "Process backup "+p.b.Label
	case opRestore:
		j.steps, j.title = restoreSteps, "Restore backup "+p.b.Label
	default:
		j.steps, j.title = pushSteps, "Push backup "+p.b.Label+" to "+t.Destination
	}
	p.b.uses++
	a.begin(j, p.took, p.b.Checksum)
	if j.target != nil {
		j.target.expect(a)
	}
	return j
}

// begin sets a job going that takes so long at speed 1, or less where it is going to fail. It is called with mu held.
func (a *Appliance) begin(j *job, took time.Duration, checksum string) {
	now := a.clock.Base()
	j.began, j.started, j.took = now, a.clock.Now(), time.Duration(float64(took)/a.opt.Speed)
	j.due = now.Add(j.took)
	if j.why != "" && (j.op != opPush || j.target != nil) { // an unknown address is tried for the whole time
		j.due = now.Add(time.Duration(float64(j.took) * j.steps[j.failStep].until))
	}
	a.newJob(j)
	a.running = append(a.running, j)
	started := j.effect("job.started")
	started.More, started.Checksum = j.op+" "+j.uuid+" to "+j.destination, checksum
	a.record(now, j.by, started)
	a.dueAt(j.due)
}

// cancellable reports whether a job may be cancelled at all.
func (j *job) cancellable() bool { return j.op != opRestore && j.op != opBackup && j.op != opProcess }

// expect notes that an appliance pushes here, so that a look at this one lets the package arrive in time.
func (a *Appliance) expect(from *Appliance) {
	a.inMu.Lock()
	defer a.inMu.Unlock()
	a.incoming[from]++
	a.inCount.Store(int32(len(a.incoming)))
}

func (a *Appliance) forget(from *Appliance) {
	a.inMu.Lock()
	defer a.inMu.Unlock()
	if a.incoming[from]--; a.incoming[from] <= 0 {
		delete(a.incoming, from)
	}
	a.inCount.Store(int32(len(a.incoming)))
}

// firstDue returns the running job that is due first, if one is due now. It is called with mu held.
func (a *Appliance) firstDue(now time.Time) *job {
	var first *job
	for _, j := range a.running {
		if !j.due.After(now) && (first == nil || j.due.Before(first.due)) {
			first = j
		}
	}
	return first
}

// endDue gives a due job its effects and its end. It is called with mu held, and lets go of it while a push arrives,
// so that never two appliances are locked.
func (a *Appliance) endDue(j *job) {
	if j.op == opPush && j.why == "" {
		pkg := j.b.copy()
		j.landing = true
		a.mu.Unlock()
		j.why = j.target.receive(pkg, a.opt.Name, j.due)
		a.mu.Lock()
		j.failStep = len(j.steps) - 2
	}
	if j.why != "" {
		a.finish(j, stateFailed, j.due, itself)
		return
	}
	if j.op == opCopy || j.op == opMove {
		j.b.Locations = append(j.b.Locations, j.destination)
		j.b.rendered = nil
	}
	if j.op == opMove {
		a.remove(j.b, j.from)
	}
	what, more := "", j.destination
	switch j.op {
	case opBackup:
		what, j.b = "backup.created", a.add(*j.making)
		j.b.uses++
	case opPrepare:
		j.b.prepared, what = true, "backup.prepared"
	case opProcess:
		j.b.prepared, what = true, "backup.processed"
	case opCopy:
		what = "backup.copied"
	case opMove:
		what, more = "backup.moved", j.from+" to "+j.destination
	case opPush:
		what = "backup.pushed"
	case opRestore:
		a.fresh.Store(false)
		what, more = "backup.restored", ""
	}
	if what != "" {
		e := j.b.effect(what, j.from, j.destination)
		e.More, e.Job = more, j.id
		a.record(j.due, j.by, e)
	}
	a.finish(j, stateComplete, j.due, itself)
}

// cancel ends a running job before its time; it has had no effect. It is called with mu held.
func (a *Appliance) cancel(j *job, by kit.Asker) {
	now := a.clock.Base()
	j.failStep = j.stepAt(now)
	j.cancelledBy = by.User
	a.finish(j, stateCancelled, now, by)
}

// stepAt is the step that a running job has reached.
func (j *job) stepAt(now time.Time) int {
	for i, s := range j.steps {
		if now.Sub(j.began) < time.Duration(float64(j.took)*s.until) {
			return i
		}
	}
	return len(j.steps) - 1
}

// finish ends a running job; by is who cancelled it. It is called with mu held.
func (a *Appliance) finish(j *job, state string, at time.Time, by kit.Asker) {
	j.state, j.landing = state, false
	j.ended = a.clock.Now().Add(at.Sub(a.clock.Base()))
	if j.b != nil {
		j.b.uses--
	}
	j.b, j.making = nil, nil
	if j.op == opBackup {
		a.spell.Store(nil)
	}
	a.running = slices.DeleteFunc(a.running, func(x *job) bool { return x == j })
	if j.target != nil {
		j.target.forget(a)
		j.target = nil
	}
	ended := j.effect("job.ended")
	ended.More, ended.State = state, state
	if state == stateFailed {
		ended.More += ": " + j.why
	}
	a.record(at, by, ended)
	a.reschedule()
}

// reserved is what running jobs are going to write into a location. It is called with mu held.
func (a *Appliance) reserved(location string) int64 {
	var n int64
	for _, j := range a.running {
		if (j.op == opCopy || j.op == opMove || j.op == opBackup) && j.why == "" && j.destination == location {
			n += j.size
		}
	}
	return n
}

// progress is a job's percentage: below 100 while it runs, 100 once it has ended, well or badly (api/lxca.md 4.3). It
// is called with mu held.
func (a *Appliance) progress(j *job) float64 {
	if j.state != "" {
		return 100
	}
	p := 0.0
	if j.took > 0 {
		p = 100 * float64(a.clock.Base().Sub(j.began)) / float64(j.took)
	}
	return min(max(round1(p), j.floor, 0), 99)
}

// seedJobs makes n jobs that ended before the start; one of ten failed, one of ten had errors.
func (a *Appliance) seedJobs(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now()
	for i := range n {
		started := now.Add(-time.Duration(n-i) * 7 * time.Minute).Truncate(time.Second)
		label := "nightly-" + started.UTC().Format("0102")
		j := &job{
			op: opCopy, uuid: a.newUUID(), from: Internal, destination: DefaultShare, user: "admin", steps: copySteps, size: 10_000_000_000,
			title: "Copy backup " + label + " to " + DefaultShare, args: []string{label, DefaultShare}, state: stateComplete,
			started: started, ended: started.Add(3 * time.Minute),
		}
		switch i % 10 {
		case 3:
			j.state, j.why, j.failStep = stateFailed, "The remote share does not answer.", 1
		case 7:
			j.state = stateWithErrors
		}
		a.newJob(j)
	}
}

// childState is the state and the percentage of one step. It is called with mu held.
func (a *Appliance) childState(j *job, i int) (string, float64) {
	switch {
	case j.state == stateFailed && i >= j.failStep, j.state == stateCancelled && i >= j.failStep:
		return j.state, 100 // also those that never began
	case j.state != "":
		return stateComplete, 100
	}
	from := 0.0
	if i > 0 {
		from = 100 * j.steps[i-1].until
	}
	to, p := 100*j.steps[i].until, a.progress(j)
	switch {
	case p >= to:
		return stateComplete, 100
	case p < from || (p == from && i > 0):
		return statePending, 0
	}
	return stateRunning, round1(100 * (p - from) / (to - from))
}

// upper is how user ids appear in records (api/lxca.md 1.2).
func upper(user string) string { return strings.ToUpper(user) }
