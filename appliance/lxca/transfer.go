package lxca

import (
	"context"
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// receipt reads the answer to a call that changes something: what was told along with a success, and the document, which
// is absent when the answer has no body. A success that is no JSON object is unreadable, and its outcome unknown.
func (a answer) receipt() (appliance.Receipt, value, error) {
	v, err := a.document()
	if err != nil {
		return appliance.Receipt{}, value{}, err
	}
	told, err := decodeReceipt(v)
	if err != nil {
		return appliance.Receipt{}, value{}, fmt.Errorf("%w: %w", appliance.ErrAmbiguous, err)
	}
	return appliance.Receipt{Stamp: a.Stamp, Told: told}, v, nil
}

// decodeReceipt tells what an accepted call was answered with. A plain success is not repeated to people; a warning, or
// a result that we have no word for, is told.
func decodeReceipt(v value) ([]appliance.Message, error) {
	switch {
	case v.kind == absent, v.kind == null, v.kind == object && len(v.kids) == 0:
		return nil, nil
	case v.kind != object:
		return nil, malformed("%s instead of an object", v.kind)
	case !v.has("result", "statusCode", "messages", "message", "response") && namedJob(v) == "":
		return nil, malformed("an object without a result")
	}
	e := envelope(v)
	if e.plain {
		return nil, nil
	}
	told := e.messages
	if len(told) == 0 {
		told = []appliance.Message{{Text: appliance.Words("The appliance answered with the result " + e.result.String() + ".")}}
	}
	return told, nil
}

// Transfer starts a copy, a move or a push (api/lxca.md 3.4). The answer says that the appliance accepted it, not that it
// is done. A receipt without a job is a success whose answer names none, and says so (faults.md JOB-02).
func (c *Client) Transfer(ctx context.Context, t appliance.Transfer) (appliance.Receipt, error) {
	r, err := transferRequest(t)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("start a transfer: %w", err)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s backup %s: %w", t.Verb, t.Backup, err)
	}
	receipt, v, err := a.receipt()
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s backup %s: %w", t.Verb, t.Backup, err)
	}
	receipt.Job = decodeStarted(v, a.Header.Get("Location"), a.Header.Get("Jobids"))
	if receipt.Job == "" {
		receipt.Told = append(receipt.Told, appliance.Message{
			Text: appliance.Words("The appliance accepted the " + string(t.Verb) + " and named no job."),
		})
	}
	return receipt, nil
}

// CancelPush stops whatever push runs; the call names neither a backup nor a job (faults.md JOB-06).
func (c *Client) CancelPush(ctx context.Context) (appliance.Receipt, error) {
	return c.change(ctx, "cancel the push", cancelPushRequest())
}

// decodeStarted finds the job in the answer to a start: in the body under one of its names, in the path of a job, or in
// the headers Location and Jobids (api/lxca.md 6 #1).
func decodeStarted(v value, location, jobids string) appliance.JobID {
	if id := namedJob(v); id != "" {
		return id
	}
	if id := jobPath(location); id != "" {
		return id
	}
	id, _ := jobID(strings.TrimSpace(jobids))
	return id
}

// namedJob is the job that a body names.
func namedJob(v value) appliance.JobID {
	if id, ok := jobID(v.get("jobId", "jobUID", "taskid").id()); ok {
		return id
	}
	if id := jobPath(v.get("jobURL", "jobURI").word()); id != "" {
		return id
	}
	if r := v.get("response"); r.kind == object {
		return namedJob(r)
	}
	return ""
}

// jobPath is the job in a URI such as /jobs/302 or /tasks/12. Anything that is no path of a job has none: a Location may
// name what else was made.
func jobPath(uri string) appliance.JobID {
	last := lastElement(uri)
	before, _, _ := strings.Cut(strings.TrimSpace(uri), "?")
	before = strings.ToLower(strings.TrimSuffix(before, last))
	if !strings.HasSuffix(before, "/jobs/") && !strings.HasSuffix(before, "/tasks/") {
		return ""
	}
	id, _ := jobID(last)
	return id
}

// jobID accepts an id of a job; a negative number is none.
func jobID(s string) (appliance.JobID, bool) {
	id, ok := appliance.ParseJobID(strings.TrimSpace(s))
	if !ok || strings.HasPrefix(string(id), "-") {
		return "", false
	}
	return id, true
}

// change sends a request whose answer says no more than whether it was accepted.
func (c *Client) change(ctx context.Context, what string, r transport.Request) (appliance.Receipt, error) {
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", what, err)
	}
	receipt, _, err := a.receipt()
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", what, err)
	}
	return receipt, nil
}
