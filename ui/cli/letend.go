package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// A request that is recorded belongs to the engine (design.md 3): a signal does not cut it in half. The commands therefore run
// their engine beyond the end of their context, and end it in order.

// letEndTime is how long what is under way may go on after a signal; the rest of endTime is for the journal to close.
const letEndTime = actsTime + releaseTime

// letEnd gives what is under way its time after a signal.
func (r *run) letEnd(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), letEndTime)
	defer cancel()
	quiet(limited, r.engine)
}

// done is what came of an act.
type done struct {
	res fleet.Result
	err error
}

// whole does act, which is about that, so that a signal does not cut it in half: it is then said what is waited for, and after
// letEndTime the engine ends, which tells truthfully how far it came. The error has the signal for a cause.
func (r *run) whole(
	ctx context.Context, env *Env, name, about string, verb appliance.Verb, act func() (fleet.Result, error),
) (fleet.Result, error) {
	ended := make(chan done, 1)
	go func() {
		res, err := act()
		ended <- done{res, err}
	}()
	select {
	case d := <-ended:
		return d.res, r.cut(ctx, name, verb, d.err)
	case <-ctx.Done():
	}
	over := time.NewTimer(letEndTime)
	defer over.Stop()
	soon := time.NewTimer(100 * time.Millisecond) // what ends at once needs no words
	defer soon.Stop()
	for {
		select {
		case d := <-ended:
			return d.res, r.cut(ctx, name, verb, d.err)
		case <-soon.C:
			r.say(env, name, fmt.Sprintf("%s: waiting a moment for the end of: %s", context.Cause(ctx), about))
		case <-over.C:
			r.engine.Close()
			r.closed = true
			d := <-ended
			return d.res, r.cut(ctx, name, verb, d.err)
		}
	}
}

// do carries out an act of which nothing need be followed.
func (r *run) do(ctx context.Context, env *Env, name string, act appliance.Act) (fleet.Result, error) {
	return r.whole(ctx, env, name, r.engine.Describe(act), act.Verb, func() (fleet.Result, error) { return r.engine.Do(ctx, r.person, name, act) })
}

// cut says truthfully what a signal left of an act.
func (r *run) cut(ctx context.Context, name string, verb appliance.Verb, err error) error {
	cause := context.Cause(ctx)
	switch {
	case err == nil || cause == nil || errors.Is(err, fleet.ErrStopped):
		return err
	case errors.Is(err, fleet.ErrRefusedByUs), errors.Is(err, fleet.ErrJournal):
		return &wording{cause.Error() + "; nothing was sent", err}
	case errors.Is(err, appliance.ErrAmbiguous):
		return &wording{cause.Error() + " before the answer came: what became of it is not known; " + r.finder(name, verb), err}
	}
	return err
}

// finder says who finds out what became of a request whose answer nobody waited for: a later run takes over locks, and one that takes
// over everything also what moves backups and what becomes a job. All else is only told to have been asked for.
func (r *run) finder(name string, verb appliance.Verb) string {
	switch verb {
	case appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease:
		return "the next dashboard that runs, or command about that lock, finds out"
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbDelete:
		return "the next dashboard that runs finds out"
	case appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore:
		if _, configures := r.engine.Configures(name); !configures {
			return "the next dashboard that runs finds out"
		}
	}
	return "nothing finds it out by itself: look at " + name
}
