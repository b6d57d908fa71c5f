package ecb

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"holdfast/appliance"
)

// asyncJob is the id of the one job that an ECB can tell of: the latest asynchronous operation, whoever started it
// (api/ecb.md 5.3).
const asyncJob appliance.JobID = "async"

// operation is what asyncstatus tells.
type operation struct {
	none     bool // nothing ran yet
	title    appliance.Text
	state    appliance.Text
	phase    appliance.Phase
	messages []appliance.Text
	fields   []appliance.Field
}

func decodeAsync(root *node) (operation, error) {
	data, err := payload(root)
	if err != nil {
		return operation{}, err
	}
	n := data.child("operationState")
	switch {
	case n == nil && len(data.kids) > 0:
		return operation{}, malformed("there is no operationState in it")
	case n == nil, n.leaf() && n.text == "", n.word("operation") == "" && n.word("status") == "" && len(fieldsOf("", n)) == 0:
		return operation{none: true}, nil
	case n.word("status") == "":
		return operation{}, malformed("the operation has no status")
	}
	op := operation{
		title:  appliance.Label(n.word("operation")),
		state:  appliance.Label(n.word("status")),
		phase:  phaseOf(n.word("status")),
		fields: fieldsOf("async", data),
	}
	for _, m := range messages(data) {
		op.messages = append(op.messages, m.Text)
	}
	return op, nil
}

func phaseOf(state string) appliance.Phase {
	switch strings.ToLower(state) {
	case "inprogress":
		return appliance.PhaseRunning
	case "success":
		return appliance.PhaseSucceeded
	case "fail":
		return appliance.PhaseProblem
	default:
		return appliance.PhaseUnknown
	}
}

// readAsync asks for the latest operation.
func (c *Client) readAsync(ctx context.Context) (operation, answer, error) {
	a, _, err := c.get(ctx, resAsync)
	if err != nil {
		return operation{}, a, err
	}
	if a.resp.Status == http.StatusNoContent {
		return operation{none: true}, a, nil
	}
	op, err := decodeAsync(a.root)
	return op, a, wrap("read "+resAsync, err)
}

// Jobs lists the latest asynchronous operation, or nothing when none ran since the appliance started. A 404 may mean the
// same, or a release that has no such resource (api/ecb.md 5.3), and is ErrUnsupported.
func (c *Client) Jobs(ctx context.Context) (appliance.JobList, error) {
	op, a, err := c.readAsync(ctx)
	if err != nil {
		return appliance.JobList{}, err
	}
	list := appliance.JobList{Stamp: a.resp.Stamp}
	if !op.none {
		list.Jobs = []appliance.Job{{
			ID:       asyncJob,
			Title:    op.title,
			State:    op.state,
			Phase:    op.phase,
			Percent:  -1,
			Messages: op.messages,
			Fields:   op.fields,
			Raw:      appliance.RawAnswer(a.resp.Body),
		}}
	}
	return list, nil
}

// CancelJob is not offered by the API.
func (c *Client) CancelJob(context.Context, appliance.JobID) (appliance.Receipt, error) {
	return appliance.Receipt{}, fmt.Errorf("cancel an operation: %w: an ECB has no such request", appliance.ErrUnsupported)
}
