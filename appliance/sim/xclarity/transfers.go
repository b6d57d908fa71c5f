package xclarity

import (
	"encoding/json"
	"net/http"
	"time"

	"holdfast/appliance/sim/kit"
)

// What a job does to a package: a transfer, a part of a restore, or the making of one.
const (
	opCopy = "copy"
	opMove = "move"
	opPush = "push"

	opPrepare = "prepare"
	opRestore = "restore"
	opProcess = "process"

	opBackup = "backup" // makes one
)

// transferTime is how long a transfer takes at speed 1; unknownTime is how long a push tries an address that nobody has.
const (
	transferTime = 6 * time.Second
	unknownTime  = 5 * time.Second
)

// Transfer is a copy, move or push of one package.
type Transfer struct {
	Operation   string // copy, move or push
	UUID        string
	Destination string // Internal, a mount point, or for a push the target's address
	User        string
}

// StartTransfer starts a transfer as some user, as if he had asked for it, and returns the job's id. The error is
// what the appliance would have answered.
func (a *Appliance) StartTransfer(t Transfer) (string, error) {
	a.Settle()
	j, p := a.transfer(t, kit.Asker{User: t.User})
	if p != nil {
		return "", p
	}
	return j.id, nil
}

// putData starts a transfer or cancels the push that runs (api/lxca.md 3.4).
func (a *Appliance) putData(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.dataFail(&problem{status: http.StatusBadRequest, id: "FQXHMDM9010J", text: "The request is not valid.",
			explanation: err.Error(), recovery: "Correct the request."})
	}
	action, _ := text(m, "action")
	operation, _ := text(m, "operation")
	switch {
	case action == "cancel" && operation == opPush:
		if p := a.cancelPush(c.asker()); p != nil {
			return a.dataFail(p)
		}
		return a.dataOK("")
	case action == "start" && (operation == opCopy || operation == opMove || operation == opPush):
		return a.startTransfer(m, operation, c.asker())
	}
	return a.dataFail(&problem{status: http.StatusBadRequest, id: "FQXHMDM9011J",
		text:     "The action or the operation is missing or not valid.",
		recovery: "Use start with copy, move or push, or cancel with push."})
}

func (a *Appliance) startTransfer(m map[string]json.RawMessage, operation string, by kit.Asker) answer {
	uuid, okUUID := text(m, "uuid")
	destination, okDestination := text(m, "destination")
	if !okUUID || !okDestination || uuid == "" || destination == "" {
		return a.dataFail(&problem{status: http.StatusBadRequest, id: "FQXHMDM9012J",
			text: "The uuid or the destination is missing or not valid.", recovery: "Provide both."})
	}
	j, p := a.transfer(Transfer{Operation: operation, UUID: uuid, Destination: destination, User: by.User}, by)
	if p != nil {
		return a.dataFail(p)
	}
	return a.dataOK(j.id)
}

// dataOK is the answer to a transfer that was accepted; id is empty when there is no job to tell.
func (a *Appliance) dataOK(id string) answer {
	key := "message"
	if a.switches.Is(swDataMessage, "messages") {
		key = "messages"
	}
	body := map[string]any{"result": "success", key: []any{}}
	ans := answer{status: http.StatusOK, body: body}
	if id == "" {
		return ans
	}
	switch k := a.switches.Get(swJobIDKey); k {
	case "number":
		body["jobId"] = json.Number(id)
	case "taskid":
		body[k] = json.Number(id)
	case "jobURL":
		body[k] = "/jobs/" + id
	case "location":
		body["jobId"] = ""
		ans.header = map[string]string{"Location": "/jobs/" + id, "Jobids": id}
	case "empty":
		body["jobId"] = ""
	default:
		body[k] = id
	}
	return ans
}

// dataFail is the answer to a transfer that was refused. It has a table of messages of its own (api/lxca.md 3.4).
func (a *Appliance) dataFail(p *problem) answer {
	msg := a.message(p.id, p.text, p.explanation, p.recovery, helpURL)
	body := map[string]any{"jobId": "", "result": a.switches.Get(swResultWord)}
	switch a.switches.Get(swDataMessage) {
	case "array":
		body["message"] = []any{msg}
	case "messages":
		body["messages"] = []any{msg}
	default:
		body["message"] = msg
	}
	return answer{status: p.status, body: body, problem: p}
}

// plan is what a transfer is going to do.
type plan struct {
	b      *backup
	from   string
	target *Appliance // of a push; nil when nobody has the address
	why    string     // the reason it will fail, empty when none is known
	step   int        // the step at which it fails
	took   time.Duration
}

// transfer checks a transfer and starts its job.
func (a *Appliance) transfer(t Transfer, by kit.Asker) (*job, *problem) {
	var target *Appliance
	if t.Operation == opPush {
		target = a.opt.Peers(t.Destination)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.byUUID[t.UUID]
	if b == nil {
		return nil, a.refused("The backup was not found.", t.UUID)
	}
	if b.uses > 0 {
		return nil, a.inUse(b)
	}
	p := plan{b: b, target: target, took: transferTime}
	var bad *problem
	if t.Operation == opPush {
		bad = a.planPush(&p, t)
	} else {
		bad = a.planCopy(&p, t)
	}
	if bad != nil {
		return nil, bad
	}
	return a.start(t, p, by), nil
}

// refused is the refusal of a transfer that names what is not there or makes no sense.
func (a *Appliance) refused(words, why string) *problem {
	return &problem{status: a.status(swRefusal), id: "FQXHMDM9013J", text: words, explanation: why,
		recovery: "List the backups and try again."}
}

// planCopy checks a copy or a move. It is called with mu held.
func (a *Appliance) planCopy(p *plan, t Transfer) *problem {
	switch {
	case !a.hasLocation(t.Destination):
		return a.refused("The destination is not a known location.", t.Destination)
	case t.Operation == opMove && t.Destination == Internal:
		return a.refused("A backup cannot be moved to the local repository.", "Only a copy can.")
	case p.b.has(t.Destination):
		return a.refused("The backup is already there.", t.Destination)
	case t.Destination != Internal && !p.b.has(Internal):
		return a.refused("The backup is not in the local repository.", "Copy it to the local repository first.")
	}
	p.from = p.b.Locations[0]
	if t.Destination != Internal {
		p.from = Internal
	}
	var bad *problem
	if p.why, bad = a.noWrite(t.Destination, p.b.Size); p.why == "" && a.unmounted[p.from] {
		p.why, bad = a.noWrite(p.from, 0)
	}
	return bad
}

// planPush checks a push. It is called with mu held; of the target it reads only what needs no lock.
func (a *Appliance) planPush(p *plan, t Transfer) *problem {
	for _, j := range a.running {
		if j.op == opPush {
			return &problem{status: a.status(swConflict), id: "FQXHMDM9015J", text: "Another push is in progress.",
				explanation: "Job " + j.id + ".", recovery: "Wait until it ends, or cancel it."}
		}
	}
	if p.target == a {
		return a.refused("A backup cannot be pushed to the appliance itself.", t.Destination)
	}
	p.from = p.b.Locations[0]
	if p.b.has(Internal) {
		p.from = Internal
	}
	switch {
	case p.target == nil:
		p.why, p.took = "The target does not answer.", unknownTime
		if a.switches.Is(swPushUnknown, "at-once") {
			p.took = 0
		}
	default:
		p.why = p.target.unreachable()
	}
	if p.why != "" && a.switches.Is(swPushTarget, "400") {
		return &problem{status: http.StatusBadRequest, id: "FQXHMDM9016J", text: p.why, explanation: t.Destination,
			recovery: "Set up a new management server and push to it."}
	}
	return nil
}

// pushCancelled records that somebody cancels a push. It is called with mu held.
func (a *Appliance) pushCancelled(j *job, by kit.Asker) {
	e := j.effect("push.cancelled")
	e.More = j.uuid + " to " + j.destination
	a.record(a.clock.Base(), by, e)
}

// cancelPush stops the push in progress, whoever started it.
func (a *Appliance) cancelPush(by kit.Asker) *problem {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, j := range a.running {
		if j.op == opPush && !j.landing {
			a.pushCancelled(j, by)
			a.cancel(j, by)
			return nil
		}
	}
	if a.switches.Is(swCancelIdle, "success") {
		return nil
	}
	return &problem{status: http.StatusBadRequest, id: "FQXHMDM9017J", text: "There is no push to cancel.", recovery: "List the jobs."}
}
