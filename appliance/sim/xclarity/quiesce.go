package xclarity

import (
	"net/http"
	"strconv"
)

// phases are what the making of a backup says of itself, in order (api/lxca.md 3.9; the list goes on there unread).
var phases = []string{
	"Ready to begin data export", "Export thread started", "Init export package procedures",
	"Checking if appliance has enough space to export package", "Starting the backup procedures",
	"Starting export of transformed content", "Saving xcat data", "Starting the packaging procedures", "Packaging LXCA data",
	"Validating LXCA data",
}

// getQuiesce tells of the backup that is being made and of the restore or import that runs (api/lxca.md 3.9).
func (a *Appliance) getQuiesce(*call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	told := map[string]any{}
	for _, j := range a.running {
		switch j.op {
		case opBackup:
			told["backupRequest"] = a.backupRequest(j)
		case opPrepare, opProcess, opRestore:
			told["restoreRequest"] = map[string]any{
				"devices": a.boolean(j.devices), "firmware": a.boolean(j.firmware), "filename": fileName(j.b.Backup),
				"uuid": j.uuid, "jobId": a.jobUID(j.id), "progress": strconv.Itoa(int(a.progress(j))),
			}
		}
	}
	switch a.switches.Get(swQuiesceAnswer) {
	case "envelope":
		body := a.wrap(http.StatusOK, true)
		for k, v := range told {
			body[k] = v
		}
		return answer{status: http.StatusOK, body: body}
	case "response":
		body := a.wrap(http.StatusOK, true)
		body["response"] = told
		return answer{status: http.StatusOK, body: body}
	}
	return answer{status: http.StatusOK, body: told}
}

// backupRequest is the backup that a job makes. It is called with mu held.
func (a *Appliance) backupRequest(j *job) map[string]any {
	progress := a.progress(j)
	request := map[string]any{
		"backupRequestedBy": upper(j.user), "filename": fileName(*j.making), "label": j.making.Label, "uuid": j.uuid,
		"includeFW": a.boolean(j.firmware), "includeOS": a.boolean(j.images), "jobId": a.jobUID(j.id),
		"progress": strconv.Itoa(int(progress)), "status": "EXEC: " + phases[int(progress)*len(phases)/100],
	}
	if j.destination != Internal {
		request["remoteShareDestination"] = j.destination
	}
	return request
}
