package xclarity

import (
	"net/http"
	"slices"
	"strings"
)

// getJobs lists the same jobs in the legacy view (api/lxca.md 4.4).
func (a *Appliance) getJobs(c *call) answer {
	state, uuid := jobFilter(c.r)
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]any, 0, len(a.jobs))
	for _, j := range a.jobs {
		if (state == "" || strings.EqualFold(state, j.shown())) && (uuid == "" || strings.EqualFold(uuid, plainUUID(j.uuid))) {
			list = append(list, a.picked(c.r, a.jobWire(j)))
		}
	}
	return answer{status: http.StatusOK, body: list}
}

// jobFilter reads state and uuid. Lenovo's own client joins the two with a comma instead of an ampersand.
func jobFilter(r *http.Request) (state, uuid string) {
	q := r.URL.Query()
	state, uuid = q.Get("state"), q.Get("uuid")
	if before, after, ok := strings.Cut(state, ",uuid="); ok {
		state, uuid = before, after
	}
	return state, plainUUID(uuid)
}

// plainUUID is a uuid as /jobs writes it: upper case, no dashes.
func plainUUID(uuid string) string { return strings.ToUpper(strings.ReplaceAll(uuid, "-", "")) }

// picked keeps the attributes that the request asks for.
func (a *Appliance) picked(r *http.Request, m map[string]any) map[string]any {
	q := r.URL.Query()
	if want := q.Get("includeAttributes"); want != "" {
		keep := strings.Split(want, ",")
		for k := range m {
			if !slices.Contains(keep, k) {
				delete(m, k)
			}
		}
	}
	for k := range strings.SplitSeq(q.Get("excludeAttributes"), ",") {
		delete(m, k)
	}
	return m
}

// getJob tells one job in the legacy view.
func (a *Appliance) getJob(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.byJob[c.id]
	if j == nil {
		return a.noJob(http.StatusNotFound, c.id)
	}
	return answer{status: http.StatusOK, body: a.picked(c.r, a.jobWire(j))}
}

// putJob cancels a job; clients send the request's truth value as a string.
func (a *Appliance) putJob(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.badTask(err.Error())
	}
	if want := strings.Trim(string(m["cancelRequest"]), `"`); want != "true" {
		return a.badTask("cancelRequest must be true.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.byJob[c.id]
	if j == nil {
		return a.noJob(http.StatusNotFound, c.id)
	}
	if p := a.cancelAll([]*job{j}, c.asker()); p != nil {
		if p.status == http.StatusPreconditionFailed {
			p.status = http.StatusConflict // the legacy view knows 409, not 412
		}
		return a.fail(p)
	}
	return a.ok(http.StatusOK)
}

// deleteJob forgets a finished job.
func (a *Appliance) deleteJob(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.byJob[c.id]
	if j == nil {
		return a.noJob(http.StatusNotFound, c.id)
	}
	if j.state == "" {
		return a.refuse(http.StatusConflict, "FQXHMJM9006J", "A running job cannot be deleted.", "Job "+j.id+".", "Cancel it first.")
	}
	a.drop([]*job{j}, c.asker())
	return a.ok(http.StatusOK)
}

// jobWire renders a job in the legacy view. It is called with mu held.
func (a *Appliance) jobWire(j *job) map[string]any {
	children := make([]any, 0, len(j.steps))
	for i, s := range j.steps {
		state, p := a.childState(j, i)
		children = append(children, map[string]any{
			"id": a.jobUID(j.childIDs[i]), "messageDisplay": s.title,
			"status": map[string]any{"state": state, "percentage": a.legacyPercentage(p), "description": []any{}, "substatus": []any{}},
		})
	}
	end, uri := any(""), ""
	if j.state != "" {
		end = a.stamp(j.ended, secondsForm)
	} else if j.cancellable() {
		uri = "/jobs/" + j.id
	}
	return map[string]any{
		"id": a.jobUID(j.id), "uuid": plainUUID(j.uuid),
		"status": map[string]any{
			"state": j.shown(), "percentage": a.legacyPercentage(a.progress(j)), "description": []any{}, "substatus": children,
		},
		"messageDisplay": j.title, "messageID": "9001_LONG", "messageBundle": "com.lenovo.lxca.backup", "messageParameters": j.args,
		"startTime": a.stamp(j.started, secondsForm), "endTime": end, "category": "MANAGEMENT",
		"createdBy": upper(j.user), "cancelledBy": upper(j.cancelledBy),
		"isCancelable": a.boolean(j.state == "" && j.cancellable()), "cancelURI": uri,
		"typeId": a.number(-1), "legacy": a.boolean(false), "hidden": a.boolean(false), "rebootPersistent": a.boolean(false),
	}
}

// legacyPercentage is an integer in the legacy view, unless the switch says otherwise.
func (a *Appliance) legacyPercentage(p float64) any {
	if a.switches.Is(swPercentage, "float") {
		return int(p)
	}
	return a.percentage(p)
}
