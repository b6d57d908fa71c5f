package lxca

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"holdfast/appliance"
)

// Jobs lists all jobs with their parts (api/lxca.md 4.1).
func (c *Client) Jobs(ctx context.Context) (appliance.JobList, error) {
	a, err := c.send(ctx, get(pathTasks))
	if err != nil {
		return appliance.JobList{}, fmt.Errorf("list jobs: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.JobList{}, fmt.Errorf("list jobs: %w", err)
	}
	var found appliance.JobList
	if a.Status != http.StatusNoContent {
		found, err = decodeJobs(ctx, v)
	}
	if err != nil {
		return appliance.JobList{}, fmt.Errorf("list jobs: %w", err)
	}
	found.Stamp = a.Stamp
	return found, nil
}

// Job asks for one job and its parts (api/lxca.md 4.1): an answer without it, or 404, is appliance.ErrGone.
func (c *Client) Job(ctx context.Context, id appliance.JobID) (appliance.Job, appliance.Stamp, error) {
	r, err := jobRequest(id)
	if err != nil {
		return appliance.Job{}, appliance.Stamp{}, fmt.Errorf("ask for a job: %w", err)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Job{}, appliance.Stamp{}, fmt.Errorf("ask for job %s: %w", id, err)
	}
	v, err := a.listing()
	var found appliance.JobList
	if err == nil && v.kind != absent && v.kind != null {
		found, err = decodeJobs(ctx, v)
	}
	if err == nil && len(found.Jobs)+found.Unreadable == 0 {
		err = appliance.ErrGone
	}
	i := slices.IndexFunc(found.Jobs, func(j appliance.Job) bool { return j.ID == id })
	if err == nil && i < 0 {
		err = malformed("it is not about that job")
	}
	if err != nil {
		return appliance.Job{}, a.Stamp, fmt.Errorf("ask for job %s: %w", id, err)
	}
	return found.Jobs[i], a.Stamp, nil
}

// CancelJob asks for the end of one job (api/lxca.md 4.5). The address that a job supplies for it is never called.
func (c *Client) CancelJob(ctx context.Context, id appliance.JobID) (appliance.Receipt, error) {
	r, err := cancelJobRequest(id)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("cancel a job: %w", err)
	}
	return c.change(ctx, "cancel job "+string(id), r)
}

// decodeJobs reads a listing of jobs.
func decodeJobs(ctx context.Context, v value) (appliance.JobList, error) {
	records, err := rows(v, func(v value) bool { return v.has(jobKeys[0]) })
	if err != nil {
		return appliance.JobList{}, err
	}
	found := appliance.JobList{Jobs: make([]appliance.Job, 0, len(records))}
	seen := make(map[appliance.JobID]bool, len(records))
	room := maxRows
	for _, r := range records {
		if ctx.Err() != nil {
			return appliance.JobList{}, ctx.Err()
		}
		job := decodeJob(r.value, 0, &room)
		if room < 0 {
			return appliance.JobList{}, fmt.Errorf("%w: more than %d jobs and parts of jobs", appliance.ErrTooLarge, maxRows)
		}
		if job.ID == "" || seen[job.ID] {
			found.Unreadable++
			continue
		}
		seen[job.ID] = true
		found.Jobs = append(found.Jobs, job)
	}
	return found, nil
}

// The names that attributes of a job have on /tasks, as far as they are known, and on the legacy /jobs (api/lxca.md 4.1,
// 4.4). A job's id is the first of these.
var (
	jobKeys     = []string{"jobUID", "jobId", "taskid", "id"}
	titleKeys   = []string{"title", "jobTitle", "messageDisplay", "displayName", "name", "taskName"}
	startedKeys = []string{"startTime", "startedTime", "started", "startDate", "startTimestamp"}
	endedKeys   = []string{"endTime", "endedTime", "ended", "endDate", "endTimestamp", "completionTime"}
	childKeys   = []string{"children", "substatus", "subtasks"}
	messageKeys = []string{"summary", "description", "messages", "message", "errorMessage", "recovery", "userAction"}
	cancelKeys  = []string{"cancelURL", "cancelURI"}
)

// decodeJob reads one job and its parts. Jobs within jobs are followed to maxNesting; their source is a piece of the
// outermost one's and is not kept again. room is how many more jobs a listing may hold, its parts counted: each costs far
// more memory than the two bytes that it may be written with. Below zero the job is not whole.
func decodeJob(v value, depth int, room *int) appliance.Job {
	if *room--; *room < 0 {
		return appliance.Job{Percent: -1}
	}
	name := title(v)
	job := appliance.Job{
		Title:    name,
		Percent:  percent(v),
		By:       v.get("createdBy").label(),
		Messages: jobMessages(v, name),
		Verb:     jobVerb(v),
		Backup:   jobBackup(v),
		Fields:   jobFields(v),
	}
	if depth == 0 {
		job.Raw = v.raw()
	}
	job.ID, _ = jobID(v.get(jobKeys...).id())
	job.Started, _ = moment(v.get(startedKeys...).word())
	job.Ended, _ = moment(v.get(endedKeys...).word())
	job.Cancellable = cancellable(v)
	job.Children = decodeChildren(v, depth+1, room)
	job.State, job.Phase = judge(v, job.Percent, job.Children)
	return job
}

// decodeChildren reads the parts of a job. A part that cannot be read is kept as one of unknown phase, so that the whole
// is not taken for a success.
func decodeChildren(v value, depth int, room *int) []appliance.Job {
	listed := v.get(childKeys...)
	if listed.kind == absent {
		listed = v.get("status").get(childKeys...)
	}
	switch {
	case listed.kind == absent, listed.kind == list && len(listed.kids) == 0:
		return nil
	case listed.kind != list, depth > maxNesting:
		return []appliance.Job{{Percent: -1}}
	}
	if len(listed.kids) > *room {
		*room = -1
		return nil
	}
	children := make([]appliance.Job, 0, len(listed.kids))
	for _, k := range listed.kids {
		children = append(children, decodeJob(k.value, depth, room))
	}
	return children
}

// cancellable is what the job advertises: an address to cancel it by, or a flag.
func cancellable(v value) bool {
	is, _ := v.get("isCancelable", "isCancellable", "cancelable", "cancellable").flag()
	return is || v.get(cancelKeys...).word() != ""
}
