package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/widget"
)

// adoptLimit is how long to wait for a lock that an earlier command took to be known for ours.
const adoptLimit = 20 * time.Second

// inherited waits until what earlier runs left there is known and settled, and says so when that takes long. Should it take too
// long, an act is judged by what is known then.
func (r *run) inherited(ctx context.Context, env *Env, name string, wait time.Duration) {
	limit := max(wait, adoptLimit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	until := endsAt(env.Clock.Now().Wall.Add(limit), env.Clock.Now().Wall)
	defer afterwards(func() {
		r.say(env, name, "waiting until "+until+" at the most, to learn what became of the locks that an earlier run held there")
	})()
	r.unsettled = r.engine.Inherited(ctx, name) != nil
}

// grace is how long something may take before it is said what is waited for.
const grace = 2 * time.Second

// afterwards has f called unless the returned function is called within grace.
func afterwards(f func()) (stop func()) {
	t := time.AfterFunc(grace, f)
	return func() { t.Stop() }
}

// own is the lock of ours that is meant by its id or scope. One that another process of ours holds is not touched: it answers
// for it. Only what is being taken over may still change that, and is waited for.
func (r *run) own(ctx context.Context, env *Env, name, said string) (fleet.Lock, error) {
	s := r.engine.Snapshot(name)
	var mine []fleet.Lock
	err := exit(ExitFailed, fmt.Errorf("you hold no lock %s at %s; holdfast locks list %s shows those that are there",
		appliance.Label(said), name, name))
	if r.unsettled {
		err = exit(ExitUnknown, fmt.Errorf("whether you hold a lock %s at %s could not be found out in time; try again later",
			appliance.Label(said), name))
	}
	for _, l := range s.Locks {
		if string(l.ID) != said && !strings.EqualFold(l.Scope.Code, said) {
			continue
		}
		switch {
		case l.Owed:
			err = exit(ExitRefused, fmt.Errorf("%s at %s is being given back already", l.Scope, name))
		case l.Mine && l.Holder == appliance.HolderYou:
			mine = append(mine, l)
		case l.Mine:
			err = exit(ExitUnknown, fmt.Errorf("whether %s at %s is still yours is not known: %s could not be asked; try again later",
				l.Scope, name, name))
		case l.Elsewhere:
			err = exit(ExitRefused, fmt.Errorf("another process of yours holds %s at %s%s: do it there, or end it first", l.Scope, name, by(l.By, l.Purpose)))
		case l.Holder == appliance.HolderAnother:
			err = exit(ExitRefused, fmt.Errorf("%s at %s is not yours: the dashboard lets you release it, by a code", l.Scope, name))
		}
	}
	switch len(mine) {
	case 0:
		return fleet.Lock{}, err
	case 1:
		return mine[0], nil
	}
	var ids []string
	for _, l := range mine {
		ids = append(ids, string(l.ID))
	}
	return fleet.Lock{}, exit(ExitUsage, fmt.Errorf("you hold %d locks about %s at %s: say which by its id: %s", len(mine),
		appliance.Label(said), name, strings.Join(ids, ", ")))
}

// by says for whom another process holds a lock, and what for.
func by(who, purpose string) string {
	text := ""
	if who != "" {
		text += " for " + who
	}
	if purpose != "" {
		text += " (" + purpose + ")"
	}
	return text
}

// notTaken says why a lock was not taken, and when it is one of ours that stands in the way, which.
func (r *run) notTaken(ctx context.Context, name string, scope appliance.Scope, l lockFlags, err error) error {
	over := errors.Is(err, fleet.ErrStopped) && errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(err, appliance.ErrAmbiguous):
	case over:
		err = &wording{fmt.Sprintf("it was not free within %s%s", widget.Span(l.wait.d), r.whose(ctx, name)), err}
	case errors.Is(err, appliance.ErrHeld):
		err = &wording{appliance.Reason(err) + r.whose(ctx, name), err}
	default:
		return failed(name, "acquire", scope, err)
	}
	return coded(&wording{fmt.Sprintf("%s: acquire %s: %s", name, scope, err), err})
}

// whose says which command of ours holds the only lock there, for all that the journal knows; empty = none.
func (r *run) whose(ctx context.Context, name string) string {
	now := r.engine.Clock().Now().Wall
	find := func(list []fleet.Holding, err error) (h fleet.Holding, ok bool) { // one that cannot be read names none
		i := slices.IndexFunc(list, func(h fleet.Holding) bool {
			return h.Appliance == name && h.Exclusive && h.State != fleet.HoldingLost && now.Before(h.Sent.Add(h.TTL))
		})
		if err != nil || i < 0 {
			return h, false
		}
		return list[i], true
	}
	others, err := r.record.journal.Others(ctx)
	if h, ok := find(others.Holdings, err); ok {
		return "; another process of yours holds it" + by(h.Who, h.Purpose)
	}
	if h, ok := find(r.record.journal.Holdings(ctx)); ok {
		return fmt.Sprintf("; an earlier command of yours took it%s: holdfast locks release %s %s gives it back", by(h.Who, h.Purpose), name, h.Scope)
	}
	return ""
}

// failed says which act failed, and why, with its exit code.
func failed(name, verb string, scope appliance.Scope, err error) error {
	return coded(&wording{fmt.Sprintf("%s: %s %s: %s", name, verb, scope, appliance.Reason(err)), err})
}
