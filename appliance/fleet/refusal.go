package fleet

import (
	"context"
	"errors"

	"holdfast/appliance"
)

// refusal is an act that a rule of ours forbids.
type refusal struct {
	why  string
	kind error // beside ErrRefusedByUs; may be nil
}

func refuse(why string) error { return refusal{why: why} }

// Error is the reason.
func (r refusal) Error() string { return r.why }

// Is makes every refusal an ErrRefusedByUs.
func (r refusal) Is(target error) bool {
	return target == ErrRefusedByUs || (r.kind != nil && target == r.kind)
}

// errNoEffect is an act of which it was found out, after its answer was lost, that it changed nothing.
var errNoEffect = errors.New("it had no effect")

// outcomeOf says what an error means for the record: refused only when the act surely had no effect.
func outcomeOf(err error) Outcome {
	var no *appliance.Refusal
	sure := []error{
		appliance.ErrUntrusted, appliance.ErrCredentials, appliance.ErrNoPassword, appliance.ErrForbidden, appliance.ErrHeld,
		appliance.ErrNotHeld, appliance.ErrUnsupported, appliance.ErrReadOnly, appliance.ErrUnreachable, appliance.ErrGone,
		ErrRefusedByUs, ErrJournal, errNoEffect,
		context.Canceled, context.DeadlineExceeded, // before it was sent: a client says else that it is ambiguous
	}
	switch {
	case errors.Is(err, appliance.ErrAmbiguous):
		return OutcomeUnknown
	case errors.Is(err, errWork):
		return OutcomeFailed
	}
	for _, s := range sure {
		if errors.Is(err, s) {
			return OutcomeRefused
		}
	}
	if errors.As(err, &no) && no.Status < 500 {
		return OutcomeRefused
	}
	return OutcomeUnknown
}
