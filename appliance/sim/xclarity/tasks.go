package xclarity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/appliance/sim/kit"
)

// taskWire is a job as /tasks shows it (api/lxca.md 4.1). Title, times and targets have names of ours.
type taskWire struct {
	JobUID            any         `json:"jobUID"`
	JobTitle          string      `json:"jobTitle"`
	Category          string      `json:"category"`
	Percentage        any         `json:"percentage"`
	Status            string      `json:"status"`
	JobState          string      `json:"jobState"`
	Complete          any         `json:"complete"`
	CreatedBy         string      `json:"createdBy"`
	StartTime         any         `json:"startTime,omitempty"`
	EndTime           any         `json:"endTime,omitempty"`
	Args              []string    `json:"args,omitempty"`
	Targets           []target    `json:"targets,omitempty"`
	Summary           any         `json:"summary,omitempty"`
	CancelURL         string      `json:"cancelURL,omitempty"`
	CancelRESTMethod  string      `json:"cancelRESTMethod,omitempty"`
	CancelRESTBody    string      `json:"cancelRESTBody,omitempty"`
	ExpirationTimeOut any         `json:"expirationTimeOut,omitempty"`
	Children          *[]taskWire `json:"children,omitempty"`
}

type target struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

// node is a piece of formatted text (api/lxca.md 4.2).
type node struct {
	Text   any      `json:"text"` // a string or nodes
	Format []string `json:"format"`
	Link   string   `json:"link,omitempty"`
}

// jobUID renders a job's id.
func (a *Appliance) jobUID(id string) any {
	if a.switches.Is(swJobUID, "number") {
		return json.Number(id)
	}
	return id
}

// summary is what a job says about itself: a description and what to do.
func (a *Appliance) summary(j *job) any {
	description, recovery := j.title+".", "No action is required."
	switch j.state {
	case stateFailed:
		description, recovery = j.why, "Remove the cause, then start the job again."
	case stateWithErrors:
		description, recovery = "The backup was copied, but its old copy could not be removed.", "Remove the old copy."
	case stateCancelled:
		description = "The job was cancelled by " + upper(j.cancelledBy) + "."
	}
	if a.switches.Is(swSummary, "string") {
		return description + " " + recovery
	}
	return []node{
		{Text: []node{{Text: description, Format: []string{"bold"}}}, Format: []string{"paragraph"}},
		{Text: []node{}, Format: []string{"newline"}},
		{Text: recovery, Format: []string{}},
	}
}

// taskWire renders a job; compact leaves the children out. It is called with mu held.
func (a *Appliance) taskWire(j *job, compact bool) taskWire {
	state := j.shown()
	w := taskWire{
		JobUID: a.jobUID(j.id), JobTitle: j.title, Category: "MANAGEMENT", Percentage: a.percentage(a.progress(j)),
		Status: state, JobState: state, Complete: a.boolean(j.state != ""), CreatedBy: upper(j.user),
		StartTime: a.stamp(j.started, secondsForm),
		Args:      j.args, Targets: []target{{j.args[0], j.uuid}}, Summary: a.summary(j), ExpirationTimeOut: a.number(-1),
	}
	switch {
	case j.state != "":
		w.EndTime = a.stamp(j.ended, secondsForm)
	case j.callback != nil:
		w.CancelURL, w.CancelRESTMethod, w.CancelRESTBody = j.callback.url, j.callback.method, j.callback.body
		w.ExpirationTimeOut = a.number(j.callback.timeout)
	case j.cancellable():
		w.CancelURL, w.CancelRESTMethod = "/tasks", http.MethodPut
		w.CancelRESTBody = `{"action":"cancel","list":["` + j.id + `"]}`
	}
	if compact {
		return w
	}
	children := make([]taskWire, 0, len(j.steps))
	for i, s := range j.steps {
		st, p := a.childState(j, i)
		children = append(children, taskWire{
			JobUID: a.jobUID(j.childIDs[i]), JobTitle: s.title, Category: "MANAGEMENT", Percentage: a.percentage(p),
			Status: st, JobState: st,
			Complete: a.boolean(p == 100), CreatedBy: upper(j.user), Children: &[]taskWire{},
		})
	}
	w.Children = &children
	return w
}

// tasksAnswer renders jobs as the array that /tasks always is.
func (a *Appliance) tasksAnswer(c *call, jobs []*job) answer {
	compact := strings.EqualFold(c.r.URL.Query().Get("compact"), "true")
	list := make([]taskWire, 0, len(jobs))
	for _, j := range jobs {
		list = append(list, a.taskWire(j, compact))
	}
	return answer{status: http.StatusOK, body: list}
}

// getTasks lists all jobs, whoever started them.
func (a *Appliance) getTasks(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tasksAnswer(c, a.jobs)
}

// getTask tells the jobs that the path lists, as far as they exist; 404 when none does.
func (a *Appliance) getTask(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	jobs, _ := a.find(strings.Split(c.id, ","))
	if len(jobs) == 0 {
		return a.noJob(http.StatusNotFound, c.id)
	}
	return a.tasksAnswer(c, jobs)
}

// find returns the jobs with these ids, and the first id that has none. It is called with mu held.
func (a *Appliance) find(ids []string) (jobs []*job, unknown string) {
	for _, id := range ids {
		if j := a.byJob[id]; j != nil {
			jobs = append(jobs, j)
		} else if unknown == "" {
			unknown = id
		}
	}
	return jobs, unknown
}

func (a *Appliance) noJob(status int, id string) answer {
	return a.refuse(status, "FQXHMJM9001J", "The job was not found.", "Job "+id+".", "List the jobs.")
}

// lacking is the answer to a change whose values are missing (api/lxca.md 4.5).
func (a *Appliance) lacking(why string) answer {
	return a.refuse(http.StatusPreconditionFailed, "FQXHMJM9002J", "The supplied data is not valid because values are missing.", why,
		"Provide all values.")
}

func (a *Appliance) badTask(why string) answer {
	return a.refuse(http.StatusBadRequest, "FQXHMJM9003J", "The request is not valid.", why, "Correct the request.")
}

// putTasks cancels jobs: all that it names, or none when one of them cannot be cancelled.
func (a *Appliance) putTasks(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.badTask(err.Error())
	}
	if m["action"] == nil || m["list"] == nil {
		return a.lacking("action and list are required.")
	}
	if action, _ := text(m, "action"); action != "cancel" {
		return a.badTask("The only action is cancel.")
	}
	var ids []string
	if err := json.Unmarshal(m["list"], &ids); err != nil || len(ids) == 0 {
		return a.badTask("The list must have job ids as strings.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	jobs, unknown := a.find(ids)
	if unknown != "" {
		return a.noJob(http.StatusBadRequest, unknown)
	}
	if p := a.cancelAll(jobs, c.asker()); p != nil {
		return a.fail(p)
	}
	return answer{status: http.StatusOK}
}

// cancelAll cancels running jobs, all or none. It is called with mu held.
func (a *Appliance) cancelAll(jobs []*job, by kit.Asker) *problem {
	for _, j := range jobs {
		if j.state != "" || j.landing {
			return &problem{status: a.status(swCancelFinished), id: "FQXHMJM9004J", text: "The job has already ended.",
				explanation: "Job " + j.id + ".", recovery: "No action is required."}
		}
		if a.switches.Is(swCancelJob, "400") || !j.cancellable() {
			return &problem{status: http.StatusBadRequest, id: "FQXHMJM9005J", text: "The job cannot be cancelled.",
				explanation: "Job " + j.id + ".", recovery: "Wait until it ends."}
		}
	}
	for _, j := range jobs {
		if j.state == "" { // a list may name a job twice
			if j.op == opPush {
				a.pushCancelled(j, by)
			}
			a.cancel(j, by)
		}
	}
	return nil
}

// putTask reports progress of jobs or attaches a way to cancel them.
func (a *Appliance) putTask(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.badTask(err.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	jobs, unknown := a.find(strings.Split(c.id, ","))
	if unknown != "" {
		return a.noJob(http.StatusNotFound, unknown)
	}
	url, _ := text(m, "cancelURL")
	method, _ := text(m, "cancelRESTMethod")
	percentage, hasPercentage := 0.0, m["percentage"] != nil
	switch {
	case hasPercentage:
		percentage, err = strconv.ParseFloat(string(m["percentage"]), 64)
		if err != nil || percentage < 0 || percentage > 100 {
			return a.badTask("The percentage must be a number from 0 to 100.")
		}
	case m["cancelURL"] == nil && m["cancelRESTMethod"] == nil:
		return a.lacking("percentage, or cancelURL and cancelRESTMethod, are required.")
	case url == "" || !slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, method):
		return a.badTask("cancelURL and cancelRESTMethod must both be valid.")
	}
	for _, j := range jobs {
		if j.state != "" {
			return a.badTask(fmt.Sprintf("Job %s has already ended.", j.id))
		}
	}
	for _, j := range jobs {
		if hasPercentage {
			j.floor = max(j.floor, percentage)
			continue
		}
		body, _ := text(m, "cancelRESTBody")
		timeout, ok := integer(m, "expirationTimeOut")
		if !ok {
			timeout = -1
		}
		j.callback = &callback{url, method, body, timeout}
	}
	return answer{status: http.StatusOK}
}

// deleteTasks forgets finished jobs: all that it names, or none when one of them still runs.
func (a *Appliance) deleteTasks(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	jobs, unknown := a.find(strings.Split(c.id, ","))
	if unknown != "" {
		return a.noJob(http.StatusNotFound, unknown)
	}
	for _, j := range jobs {
		if j.state == "" {
			return a.refuse(a.status(swDeleteRunning), "FQXHMJM9006J", "A running job cannot be deleted.", "Job "+j.id+".",
				"Cancel it first.")
		}
	}
	a.drop(jobs, c.asker())
	return a.ok(http.StatusOK)
}

// drop forgets jobs. It is called with mu held.
func (a *Appliance) drop(jobs []*job, by kit.Asker) {
	for _, j := range jobs {
		if a.byJob[j.id] == nil { // a list may name a job twice
			continue
		}
		a.record(a.clock.Base(), by, j.effect("job.deleted"))
		delete(a.byJob, j.id)
	}
	a.jobs = slices.DeleteFunc(a.jobs, func(j *job) bool { return a.byJob[j.id] == nil })
}
