package broker

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// operation is one piece of asynchronous work. What it works on is read when it begins; its effect comes when it ends.
type operation struct {
	number  int
	name    string // activate, save, verify, restore, backup
	by      kit.Asker
	ends    time.Time // base time
	ended   bool
	failed  string // text of the failure, empty for success
	details []flaw
	finish  func(op *operation)
}

func (op *operation) id() string { return "a" + strconv.Itoa(op.number) }

// lasting is how long each operation takes at speed 1.
func lasting(name string) time.Duration {
	switch name {
	case "save", "backup":
		return 2 * time.Second
	case "verify":
		return time.Second
	case "restore":
		return 3 * time.Second
	default:
		return 4 * time.Second // activate
	}
}

// begin puts an operation to work and into the one slot that asyncstatus shows. An earlier one goes on unseen.
func (a *Appliance) begin(name string, by kit.Asker, now time.Time, finish func(op *operation)) {
	a.begun++
	took := time.Duration(float64(lasting(name)) / a.opts.Speed)
	op := &operation{number: a.begun, name: name, by: by, ends: now.Add(took), finish: finish}
	a.running = append(a.running, op)
	a.before, a.hidden, a.lastOp = a.lastOp, a.switches.Is(swAsyncBegins, "second-look"), op
	a.record(now, by, kit.Effect{What: "async.begun", ID: op.id(), More: name})
}

func (a *Appliance) end(op *operation) {
	a.running = slices.DeleteFunc(a.running, func(o *operation) bool { return o == op })
	op.ended = true
	op.finish(op)
	a.recordEnd(op, op.ends)
}

func (a *Appliance) recordEnd(op *operation, at time.Time) {
	state := op.status()
	a.record(at, op.by, kit.Effect{What: "async.ended", ID: op.id(), More: op.name + " " + state, State: state})
}

// accepted answers a call that began asynchronous work: the caller may poll the link (api/ecb.md 5.1).
func (a *Appliance) accepted(c *call) reply {
	return reply{status: http.StatusAccepted, links: []string{a.link(c, "admin/asyncstatus", nil)}}
}

// prepareAsyncStatus plays GET admin/asyncstatus (api/ecb.md 5.3).
func (a *Appliance) prepareAsyncStatus(*call) (func() reply, *reply) {
	return func() reply {
		op := a.lastOp
		if a.hidden {
			op, a.hidden = a.before, false
		}
		if op == nil {
			switch a.switches.Get(swAsyncEmpty) {
			case "404":
				return failure(http.StatusNotFound, "No asynchronous operation found.")
			case "empty-state":
				return ok(group("operationState"))
			}
			return ok()
		}
		state := group("operationState", leaf("operation", op.name), leaf("status", op.status()))
		if op.ended && op.failed != "" {
			state.kids = append(state.kids, leaf("errorMessage", a.fullStop(op.failed)))
		}
		data := []node{state}
		if info, found := a.verifyDetails(op); found {
			data = append(data, info)
		}
		return ok(data...)
	}, nil
}

func (op *operation) status() string {
	switch {
	case !op.ended:
		return "inProgress"
	case op.failed != "":
		return "fail"
	}
	return "success"
}

// verifyDetails is additionalInfo of a verify that found flaws. The names down to verifySummary are the vendor's, those
// of the leaves are a switch.
func (a *Appliance) verifyDetails(op *operation) (node, bool) {
	shape := a.switches.Get(swVerifySummary)
	if !op.ended || len(op.details) == 0 || shape == "none" {
		return node{}, false
	}
	summary := group("verifySummary")
	for _, f := range op.details {
		item := group("verifyError", leaf("object", f.object), leaf("field", f.field), leaf("message", f.text))
		if shape == "name-text" {
			item = group("verifyError",
				group("object", leaf("name", f.object)), group("field", leaf("name", f.field)), leaf("text", f.text))
		}
		summary.kids = append(summary.kids, item)
	}
	return group("additionalInfo", summary), true
}

// flawText is one line for all flaws.
func flawText(flaws []flaw) string {
	texts := make([]string, len(flaws))
	for i, f := range flaws {
		texts[i] = f.object + ": " + f.text
	}
	return strings.Join(texts, "; ")
}
