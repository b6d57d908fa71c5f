package ecb

import (
	"context"
	"fmt"
	"strings"

	"holdfast/appliance"
)

// operations are what asyncstatus calls what we begin (api/ecb.md 5.3).
var operations = map[appliance.Verb]string{
	appliance.VerbCreate: "backup", appliance.VerbRestore: "restore", appliance.VerbVerify: "verify", appliance.VerbSave: "save",
	appliance.VerbActivate: "activate",
}

// Follow looks once at what became of an operation of ours (api/ecb.md 5.3). The appliance tells of the latest operation only,
// whoever began it, and gives it no id. So an end counts when ours was seen under way before, or when two looks in a row tell
// the same; and once another operation is told of instead of ours, its end can no longer be known.
func (c *Client) Follow(ctx context.Context, o appliance.Operation) (appliance.Operation, error) {
	name, known := operations[o.Verb]
	if !known {
		return o, fmt.Errorf("follow %q: %w", o.Verb, appliance.ErrUnsupported)
	}
	if o.Over() {
		return o, nil
	}
	op, a, err := c.readAsync(ctx)
	switch {
	case isAbsent(err): // nothing ran since the appliance started, or it never tells
		op = operation{none: true}
	case err != nil:
		return o, err
	default:
		o.Stamp = a.resp.Stamp
	}
	return follow(o, name, op), nil
}

// follow is what is known of o, which the appliance calls name, after a look that showed op.
func follow(o appliance.Operation, name string, op operation) appliance.Operation {
	other := op.title
	if !op.none && strings.EqualFold(op.title.String(), name) {
		other = appliance.Text{}
	}
	again := o.Doubt && o.State == op.state && o.Other == other
	o.State, o.Other, o.Fields, o.Told, o.Doubt = op.state, other, op.fields, nil, false
	for _, m := range op.messages {
		o.Told = append(o.Told, appliance.Message{Text: m})
	}
	switch ours := !op.none && other.Empty(); {
	case ours && op.phase == appliance.PhaseRunning:
		o.Seen, o.Phase = true, appliance.PhaseRunning
	case ours && op.phase.Live(): // a state that we have no word for
		o.Phase = appliance.PhaseUnknown
	case !o.Seen && !again:
		o.Doubt, o.Phase = true, appliance.PhasePending
	case ours:
		o.Phase = op.phase
	default:
		o.Lost, o.Phase = true, appliance.PhaseUnknown
	}
	return o
}
