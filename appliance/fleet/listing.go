package fleet

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

func (w *watcher) askHealth(ctx context.Context) error {
	h, err := w.client.Probe(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard(laneHealth, h.Stamp)
	before := w.s.Health
	before.Stamp, before.Uptime, before.Raw = h.Stamp, h.Uptime, h.Raw // they change always
	if !reflect.DeepEqual(before, h) {
		w.content = true
	}
	w.s.Health = h
	return nil
}

// askLocks lists the locks and takes the list over, unless a newer one was meanwhile. A lock of ours that is missing from
// it is asked for by its id, where that can be done, before it is called lost.
func (w *watcher) askLocks(ctx context.Context) (appliance.LockList, error) {
	list, err := w.locker.Locks(ctx)
	if err != nil {
		return list, err
	}
	found, unclear, err := byID(w, w.missingLocks(list), func(id appliance.LockID) (appliance.Lock, appliance.LockID, appliance.Stamp, error) {
		l, stamp, err := w.lockGetter.Lock(ctx, id)
		return l, l.ID, stamp, err
	})
	list.Locks = append(list.Locks, found...)
	if err != nil {
		return list, err
	}
	w.readOthers(ctx, func() bool { return len(w.claims.doubts)+len(w.claims.asking) > 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takeLocks(list, unclear)
	return list, nil
}

// byID asks for things one by one that a listing should show and does not. unclear are those of which it could not be told
// whether they are there; an error means that asking further can only do harm.
func byID[ID ~string, T any](w *watcher, ids []ID, get func(ID) (T, ID, appliance.Stamp, error)) (found []T, unclear []ID, err error) {
	for _, id := range ids {
		x, is, stamp, err := get(id)
		switch {
		case err == nil && is == id:
			found = append(found, x)
		case errors.Is(err, appliance.ErrCredentials), errors.Is(err, appliance.ErrNoPassword):
			return found, unclear, err
		case !errors.Is(err, appliance.ErrGone):
			unclear = append(unclear, id)
		}
		w.mu.Lock()
		w.took(stamp)
		w.mu.Unlock()
	}
	return found, unclear, nil
}

// missingLocks are those of ours that a listing should show and does not; none where they cannot be asked for by id.
func (w *watcher) missingLocks(list appliance.LockList) (missing []appliance.LockID) {
	if w.lockGetter == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.e.clock.Now()
	for id, o := range w.claims.own {
		state, _ := o.term.At(now)
		over := state == lease.Expiring || state == lease.Gone
		listed := slices.ContainsFunc(list.Locks, func(l appliance.Lock) bool { return l.ID == id })
		if !listed && !over && list.Stamp.Sent.Run > o.granted.Received.Run {
			missing = append(missing, id)
		}
	}
	return missing
}

// askJobs lists the jobs and takes the list over, unless a newer one was meanwhile. A job of ours that vanished from it is
// asked for by its id, where that can be done (faults.md JOB-07).
func (w *watcher) askJobs(ctx context.Context) (appliance.JobList, error) {
	list, err := w.jobs.Jobs(ctx)
	if err != nil {
		return list, err
	}
	found, unclear, err := byID(w, w.missingJobs(list), func(id appliance.JobID) (appliance.Job, appliance.JobID, appliance.Stamp, error) {
		j, stamp, err := w.jobGetter.Job(ctx, id)
		return j, j.ID, stamp, err
	})
	list.Jobs = append(list.Jobs, found...)
	if err != nil {
		return list, err
	}
	w.readOthers(ctx, func() bool { return w.searching() || w.endsBadly(list) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if older(list.Stamp, w.tasks.Stamp) {
		return list, nil
	}
	w.heard(laneJobs, list.Stamp)
	w.s.JobsPart.Unreadable = list.Unreadable
	same := slices.EqualFunc(list.Jobs, w.tasks.Jobs, sameJob) && list.Unreadable == w.tasks.Unreadable
	w.tasks = list
	told := w.tellChecks(laneJobs, list.Stamp.Sent.Run)
	if w.followJobs(unclear) || told || !same {
		w.showJobs()
	}
	if told {
		w.showBackups()
	}
	return list, nil
}

// missingJobs are those of our transfers that a listing should show and does not; none where they cannot be asked for by
// id.
func (w *watcher) missingJobs(list appliance.JobList) (missing []appliance.JobID) {
	if w.jobGetter == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.started {
		listed := slices.ContainsFunc(list.Jobs, func(j appliance.Job) bool { return j.ID == id })
		if !listed && s.overdue(list.Stamp.Sent.Run) {
			missing = append(missing, id)
		}
	}
	return missing
}

// askBackups lists the backups and how full the repository is.
func (w *watcher) askBackups(ctx context.Context) error {
	if w.backups != nil {
		list, err := w.backups.Backups(ctx)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.takeBackups(list)
		w.mu.Unlock()
	}
	if w.repository == nil {
		return nil
	}
	space, err := w.repository.Space(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard(laneBackups, space.Stamp)
	if space.Used != w.s.Space.Used || space.Total != w.s.Space.Total || space.Text != w.s.Space.Text {
		w.content = true
	}
	w.s.Space = space
	return nil
}

func (w *watcher) takeBackups(list appliance.BackupList) {
	if older(list.Stamp, w.stock.Stamp) {
		return
	}
	w.heard(laneBackups, list.Stamp)
	w.s.BackupsPart.Unreadable = list.Unreadable
	same := slices.EqualFunc(list.Backups, w.stock.Backups, sameBackup) && list.Unreadable == w.stock.Unreadable
	w.stock = list
	told := w.tellChecks(laneBackups, list.Stamp.Sent.Run)
	if told || !same {
		w.showBackups()
	}
	if told { // whoever follows a transfer finds the listing that told its end
		w.publish()
	}
}

// older reports whether an answer was asked for before the one that we have.
func older(a, have appliance.Stamp) bool { return a.Sent.Run < have.Sent.Run }

// showBackups rebuilds the snapshot's backups. The caller holds w.mu.
func (w *watcher) showBackups() {
	moving := map[appliance.BackupID]bool{}
	for id := range w.asked {
		moving[id] = true
	}
	for _, s := range w.started {
		if !s.ended {
			moving[s.transfer.Backup] = true
		}
	}
	for _, c := range w.checks {
		moving[c.transfer.Backup] = true
	}
	list := make([]Backup, len(w.stock.Backups))
	at := make(map[appliance.BackupID]int, len(list))
	for i, b := range w.stock.Backups {
		list[i] = Backup{Backup: b, Appliance: w.name, Moving: moving[b.ID]}
		at[b.ID] = i
	}
	w.s.Backups, w.backupAt, w.content = list, at, true
}

// showJobs rebuilds the snapshot's jobs, and which push is ours. The caller holds w.mu.
func (w *watcher) showJobs() {
	list := make([]Job, len(w.tasks.Jobs))
	pushes := 0
	w.s.Push = Push{}
	for i, j := range w.tasks.Jobs {
		list[i] = Job{Job: j, Appliance: w.name}
		s := w.started[j.ID]
		if s == nil {
			if j.Phase.Live() && (j.Verb == "" || j.Verb == appliance.VerbPush) {
				pushes++ // for all that is known, it may be one
			}
			continue
		}
		t := s.transfer
		list[i].Mine, list[i].Who, list[i].Transfer, list[i].Cancelled = true, s.who, &t, s.cancelled
		if t.Verb == appliance.VerbPush && j.Phase.Live() {
			pushes++
			w.s.Push = Push{Ours: true, Job: j.ID, Destination: t.Destination}
		}
	}
	if pushes > 1 { // which of them would be cancelled cannot be told
		w.s.Push = Push{}
	}
	w.s.Jobs, w.content = list, true
}

// sameBackup compares what was told. An answer that was kept raw says everything.
func sameBackup(a, b appliance.Backup) bool {
	if a.ID != b.ID || a.Checksum != b.Checksum || a.Size != b.Size || a.Label != b.Label || a.File != b.File ||
		a.CreText != b.CreText || !a.Created.Equal(b.Created) || !slices.Equal(a.Locations, b.Locations) {
		return false
	}
	if a.Raw.Empty() && b.Raw.Empty() {
		return slices.Equal(a.Fields.List(), b.Fields.List())
	}
	return sameRaw(a.Raw, b.Raw, nil, nil)
}

func sameJob(a, b appliance.Job) bool {
	same := a.ID == b.ID && a.Title == b.Title && a.State == b.State && a.Phase == b.Phase && a.Percent == b.Percent &&
		a.By == b.By && a.Verb == b.Verb && a.Backup == b.Backup && a.Cancellable == b.Cancellable && a.Started.Equal(b.Started) && a.Ended.Equal(b.Ended) &&
		slices.Equal(a.Messages, b.Messages) && slices.EqualFunc(a.Children, b.Children, sameJob)
	return same && sameRaw(a.Raw, b.Raw, a.Fields, b.Fields)
}

func sameLock(a, b appliance.Lock) bool {
	return a.ID == b.ID && a.Scope == b.Scope && a.Holder == b.Holder && a.CreText == b.CreText &&
		a.Created.Equal(b.Created) && a.TTL == b.TTL && a.Seen == b.Seen && a.Exclusive == b.Exclusive &&
		sameRaw(a.Raw, b.Raw, nil, nil)
}

// sameRaw compares the answers as they came, or, where none was kept, the fields that were read from them.
func sameRaw(a, b appliance.Raw, fieldsA, fieldsB []appliance.Field) bool {
	if a.Empty() && b.Empty() {
		return slices.Equal(fieldsA, fieldsB)
	}
	return reflect.DeepEqual(a, b)
}
