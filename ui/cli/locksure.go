package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

const (
	// findLimit is how long it is looked for what became of a request for a lock whose answer was lost, unless --wait is longer.
	// The engine has by then waited for as long as the request may take effect, if the appliance could be asked.
	findLimit = 2 * time.Minute
	// requestTime is how long a request may be under way (faults.md NET-02).
	requestTime = time.Minute
	// askAgain is the pause between two tries to find out whose the only lock is.
	askAgain = 5 * time.Second
)

// errNothingCame is a request whose answer was lost and of which nothing came.
var errNothingCame = errors.New("nothing came of the request")

// surely takes a lock. When the answer was lost, it waits until it is known whether the lock is ours (faults.md LCK-02, LCK-09);
// an appliance.ErrAmbiguous says that this could not be found out.
func (r *run) surely(ctx context.Context, env *Env, name, scope string, l lockFlags) (appliance.LockID, error) {
	id, err := r.acquire(ctx, env, name, scope, l)
	if !errors.Is(err, appliance.ErrAmbiguous) || ctx.Err() != nil {
		return id, err
	}
	limit := max(l.wait.d, findLimit)
	now := env.Clock.Now().Wall
	r.say(env, name, appliance.Reason(err))
	r.say(env, name, "whether the lock was had is looked for until "+endsAt(now.Add(limit), now))
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, known := r.scope(name, scope)
	if known != nil {
		return "", known
	}
	find := r.seek
	if !r.engine.LockRules(name).ChooseTTL {
		find = r.ask
	}
	id, found := find(ctx, env, name, s)
	switch {
	case found == nil:
		return id, nil
	case errors.Is(found, errNothingCame) && ctx.Err() == nil:
		r.say(env, name, "nothing came of the request; the lock is asked for once more")
		return r.acquire(ctx, env, name, scope, l)
	case errors.Is(found, appliance.ErrAmbiguous):
		return "", err
	}
	return "", found
}

// seek follows what the engine finds of a request for one of many locks: the lock that came of it. It fails with
// errNothingCame when nothing is listed for as long as it may take effect.
func (r *run) seek(ctx context.Context, env *Env, name string, scope appliance.Scope) (appliance.LockID, error) {
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	for {
		s := r.engine.Snapshot(name)
		if l, ok := r.mine(name); ok {
			r.say(env, name, fmt.Sprintf("%s was found to be yours", l.Scope))
			return l.ID, nil
		}
		i := slices.IndexFunc(s.Doubts, func(d fleet.Doubt) bool { return d.Claim.Scope == scope.Code })
		if i < 0 || (s.LocksPart.Err == "" && s.LocksPart.At.Since(s.Doubts[i].Since) > r.patience() && !fits(s, scope)) {
			return "", errNothingCame
		}
		if _, err := viewer.Next(ctx); err != nil {
			return "", appliance.ErrAmbiguous
		}
	}
}

// patience is how long a request may still take effect, and be listed, after it was sent (faults.md LCK-02).
func (r *run) patience() time.Duration { return requestTime + 2*r.config.Appliances[0].Intervals.Locks }

// fits reports whether a lock is listed that may be ours: one of these cannot be told from another's, so no more are asked for.
func fits(s *fleet.Snapshot, scope appliance.Scope) bool {
	return slices.ContainsFunc(s.Locks, func(l fleet.Lock) bool {
		return l.Scope.Code == scope.Code && l.Holder == appliance.HolderUnknown
	})
}

// ask asks for the only lock there is again and again: it is first found out whether it is ours already (faults.md LCK-09).
func (r *run) ask(ctx context.Context, env *Env, name string, scope appliance.Scope) (appliance.LockID, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", appliance.ErrAmbiguous
		case <-tick.C:
		}
		if l, ok := r.mine(name); ok { // the engine asked, too
			r.say(env, name, fmt.Sprintf("%s was found to be yours", l.Scope))
			return l.ID, nil
		}
		act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope.Code}}
		res, err := r.engine.Do(ctx, r.person, name, act)
		switch {
		case err == nil:
			r.say(env, name, res.Text)
			return res.Lock, nil
		case errors.Is(err, appliance.ErrAmbiguous), errors.Is(err, fleet.ErrRefusedByUs), errors.Is(err, appliance.ErrUnreachable),
			errors.Is(err, appliance.ErrBusy): // not known still: it could not be asked
		case errors.Is(err, appliance.ErrHeld), errors.Is(err, appliance.ErrNotHeld):
			return "", coded(err)
		default: // nothing that asking again would change
			return "", appliance.ErrAmbiguous
		}
	}
}

// notHad ends a hold that has no lock to run the command under, and says truthfully whether one is there all the same.
func (r *run) notHad(ctx context.Context, env *Env, name, scope string, err error) error {
	var coded *exitError
	switch {
	case errors.As(err, &coded) && coded.code == ExitUsage:
		return err
	case errors.Is(err, appliance.ErrAmbiguous) && ctx.Err() != nil:
		return r.leftOpen(context.WithoutCancel(ctx), env, name, scope, err)
	case !errors.Is(err, appliance.ErrAmbiguous):
		return exit(ExitNotHad, fmt.Errorf("the lock was not had, and the command not run: %w", err))
	}
	if r.undo(context.WithoutCancel(ctx), env, name, scope) {
		return exit(ExitNotHad, fmt.Errorf("the answer was lost; the lock is not yours now, and the command was not run"))
	}
	return exit(ExitHoldFailed, fmt.Errorf("whether the lock was had is not known, and the command was not run: %w%s", err, r.until(name)))
}

// leftOpen ends a hold that a signal ended while it was not known whether the lock was had. What may be there of the only lock is
// given back where that can be known in a moment; of all else the next run finds out.
func (r *run) leftOpen(ctx context.Context, env *Env, name, scope string, err error) error {
	unknown := exit(ExitHoldFailed, fmt.Errorf("whether the lock was had is not known, and the command was not run: %w%s", err, r.until(name)))
	if r.closed {
		r.renounce(ctx, env, name)
		return unknown
	}
	limited, cancel := context.WithTimeout(ctx, letEndTime)
	defer cancel()
	undone := make(chan bool, 1)
	go func() { undone <- r.undo(limited, env, name, scope) }()
	select {
	case gone := <-undone:
		if gone {
			return exit(ExitNotHad, errors.New("the answer was lost; the lock is not yours now, and the command was not run"))
		}
	case <-limited.Done():
		r.engine.Close()
		<-undone
	}
	return unknown
}

// undo gives back what may have come of a request whose answer was lost, and reports whether it is sure now that nothing is left of
// it. Of many locks it may not be known which one that is: whoever runs next looks for it, and gives it back.
func (r *run) undo(ctx context.Context, env *Env, name, scope string) bool {
	s, err := r.scope(name, scope)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, releaseLimit)
	defer cancel()
	if r.engine.LockRules(name).ChooseTTL {
		r.giveBack(ctx, env, name)
		_, mine := r.mine(name)
		return !mine && len(r.engine.Snapshot(name).Doubts) == 0
	}
	l := appliance.Lock{ID: appliance.ConfigurationLock, Scope: s, Exclusive: true}
	return r.engine.WhyNot(r.person, name, appliance.Act{Verb: appliance.VerbRelease, Lock: l}) == "" && r.giveBackOne(ctx, env, name, l)
}

// renounce has whatever may still come of requests for locks there given back once it is found, and what was found just now
// (faults.md LCK-08).
func (r *run) renounce(ctx context.Context, env *Env, name string) {
	err := r.engine.Unwant(ctx, r.person, name)
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.Mine && !l.Owed {
			err = errors.Join(err, r.engine.Owe(ctx, r.person, name, l.ID))
		}
	}
	if err != nil {
		r.say(env, name, "that what may be found later is to be given back could not be recorded: "+words(err))
	}
}

// until says when a lock of which it is not known whether it was had must have ended.
func (r *run) until(name string) string {
	now := r.engine.Clock().Now()
	end := now.Wall.Add(r.engine.LockRules(name).DefaultTTL)
	for _, d := range r.engine.Snapshot(name).Doubts {
		end = d.Until.Wall
	}
	return "; if it was, it ends by " + endsAt(end, now.Wall) + " at the latest, and the next holdfast that runs looks for it, to give it back"
}
