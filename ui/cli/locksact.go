package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// lockFlags are what the commands about one lock share.
type lockFlags struct {
	ttl    time.Duration
	wait   time.Duration
	asJSON bool
}

func (l *lockFlags) add(cmd *cobra.Command, ttl, wait bool) {
	if ttl {
		cmd.Flags().DurationVar(&l.ttl, "ttl", 0, "how long the lock lasts, like 20m (default: the appliance's; an ECB's lasts as long as its token)")
	}
	if wait {
		cmd.Flags().DurationVar(&l.wait, "wait", 0, "how long to try while another holds it or the appliance does not answer")
	}
}

func locksAcquireCommand(env *Env, f *flags) *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "acquire APPLIANCE SCOPE",
		Short: "Take a lock and leave it: it lasts to its end, or until it is released",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
				return r.acquire(ctx, env, args[0], args[1], l)
			})
		},
	}
	l.add(cmd, true, true)
	cmd.Flags().BoolVar(&l.asJSON, "json", false, "print the lock as JSON")
	return cmd
}

func locksExtendCommand(env *Env, f *flags) *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "extend APPLIANCE LOCK",
		Short: "Keep a lock of yours beyond its end: its id, or its scope when you hold one",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
				return r.extend(ctx, env, args[0], args[1], l)
			})
		},
	}
	l.add(cmd, true, false)
	cmd.Flags().BoolVar(&l.asJSON, "json", false, "print the lock as JSON")
	return cmd
}

func locksReleaseCommand(env *Env, f *flags) *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "release APPLIANCE LOCK",
		Short: "Give back a lock of yours: its id, or its scope when you hold one",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
				own, err := r.own(ctx, args[0], args[1])
				if err != nil {
					return "", err
				}
				res, err := r.engine.Do(ctx, r.person, args[0], appliance.Act{Verb: appliance.VerbRelease, Lock: own.Lock})
				if err != nil {
					return "", coded(err)
				}
				fmt.Fprintln(env.Err, res.Text)
				return "", nil
			})
		},
	}
	return cmd
}

// onLock runs do on the one appliance and lock, or scope, that are said, and prints the lock that came of it, if any. Of what earlier
// runs left it takes over that lock only.
func onLock(ctx context.Context, env *Env, f flags, said []string, l *lockFlags, do func(context.Context, *run) (appliance.LockID, error)) error {
	name := said[0]
	c, err := load(env, f)
	if err == nil {
		c, err = only(c, name)
	}
	if err != nil {
		return err
	}
	r, err := assemble(ctx, env, c, part{acting: true, adopt: true, about: said[1]})
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.answers(ctx, name, l.wait); err != nil {
		return err
	}
	id, err := do(ctx, r)
	if owed := r.repay(ctx); owed != nil {
		fmt.Fprintf(env.Err, "holdfast: %v: the next holdfast that runs gives it back, or it ends by itself\n", owed)
	}
	if err != nil || id == "" {
		return err
	}
	for _, lock := range r.engine.Snapshot(name).Locks {
		if lock.ID == id {
			now := env.Clock.Now()
			return exit(ExitFailed, writeLocks(env, []listedJSON{toListed(lock, now)}, l.asJSON, now))
		}
	}
	return nil
}

// repayLimit is how long a command waits at its end for what is owed.
const repayLimit = 5 * time.Second

// repay has what is owed given back, as the old lock of an extension of which the new one was released.
func (r *run) repay(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, repayLimit)
	defer cancel()
	return r.engine.Repay(ctx)
}

// answers waits until the appliance has told everything once, for that long even if it does not answer.
func (r *run) answers(ctx context.Context, name string, patience time.Duration) error {
	if err := settled(ctx, r.engine); err != nil {
		return exit(ExitFailed, err)
	}
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	ctx, cancel := context.WithTimeout(ctx, max(patience, time.Millisecond))
	defer cancel()
	for !r.engine.Snapshot(name).State.Answers() {
		if _, err := viewer.Next(ctx); err != nil {
			s := r.engine.Snapshot(name)
			return exit(ExitUnreachable, fmt.Errorf("%s %s: %s", name, s.Trouble, s.Advice))
		}
	}
	return nil
}

// scope finds what is meant among what may be claimed there.
func (r *run) scope(name, said string) (appliance.Scope, error) {
	var known []string
	for _, s := range r.engine.LockRules(name).Scopes {
		if strings.EqualFold(s.Code, said) || (!s.Name.Empty() && strings.EqualFold(s.Name.String(), said)) {
			return s, nil
		}
		known = append(known, s.Code)
	}
	if len(known) == 0 {
		return appliance.Scope{}, exit(ExitUsage, fmt.Errorf("%s has no locks", name))
	}
	return appliance.Scope{}, exit(ExitUsage, fmt.Errorf("there is no lock about %s at %s: there are %s",
		appliance.Label(said), name, strings.Join(known, ", ")))
}

// claim is what to ask for; a time out of range is wrong usage.
func (r *run) claim(env *Env, name, said string, ttl time.Duration) (appliance.Claim, error) {
	s, err := r.scope(name, said)
	if err != nil {
		return appliance.Claim{}, err
	}
	rules := r.engine.LockRules(name)
	if !rules.ChooseTTL {
		return appliance.Claim{Scope: s.Code}, nil
	}
	if ttl == 0 {
		ttl = rules.DefaultTTL
	}
	if ttl < rules.MinTTL || ttl > rules.MaxTTL {
		return appliance.Claim{}, exit(ExitUsage, fmt.Errorf("--ttl %s: a lock of %s lasts from %s to %s", ttl, name, rules.MinTTL, rules.MaxTTL))
	}
	return appliance.Claim{Scope: s.Code, TTL: fleet.Mark(ttl, rules.MaxTTL, env.mark())}, nil
}

func (r *run) acquire(ctx context.Context, env *Env, name, said string, l lockFlags) (appliance.LockID, error) {
	claim, err := r.claim(env, name, said, l.ttl)
	if err != nil {
		return "", err
	}
	waiting := func(p *fleet.Lock) bool { return p.Exclusive }
	var res fleet.Result
	if s := r.engine.Snapshot(name); l.wait > 0 && len(s.Locks) > 0 && waiting(&s.Locks[0]) {
		limited, cancel := context.WithTimeout(ctx, l.wait)
		defer cancel()
		res, err = r.engine.Wait(limited, r.person, name, claim)
	} else {
		res, err = r.engine.Do(ctx, r.person, name, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim})
	}
	if err != nil {
		return "", coded(err)
	}
	if res.Text != "" {
		fmt.Fprintln(env.Err, res.Text)
	}
	return res.Lock, nil
}

func (r *run) extend(ctx context.Context, env *Env, name, said string, l lockFlags) (appliance.LockID, error) {
	own, err := r.own(ctx, name, said)
	if err != nil {
		return "", err
	}
	act := appliance.Act{Verb: appliance.VerbExtend, Lock: own.Lock}
	if l.ttl != 0 {
		if act.Claim, err = r.claim(env, name, own.Scope.Code, l.ttl); err != nil {
			return "", err
		}
	}
	res, err := r.engine.Do(ctx, r.person, name, act)
	if err != nil {
		return "", coded(err)
	}
	fmt.Fprintln(env.Err, res.Text)
	if res.Lock != own.ID && !r.gone(ctx, name, own.ID) {
		fmt.Fprintf(env.Err, "the old lock is still there: the next holdfast that runs gives it back, or it ends by itself\n")
	}
	return res.Lock, nil
}

// gone waits until a lock is not ours any more, as the old one of an extension, and reports whether that came in time.
func (r *run) gone(ctx context.Context, name string, id appliance.LockID) bool {
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	ctx, cancel := context.WithTimeout(ctx, adoptLimit)
	defer cancel()
	for {
		mine := slices.ContainsFunc(r.engine.Snapshot(name).Locks, func(l fleet.Lock) bool { return l.ID == id && l.Mine })
		if !mine {
			return true
		}
		if _, err := viewer.Next(ctx); err != nil {
			return false
		}
	}
}

// adoptLimit is how long to wait for a lock that an earlier command took to be known for ours.
const adoptLimit = 20 * time.Second

// own is the lock of ours that is meant by its id or scope. One that another process of ours holds is not touched: it answers
// for it.
func (r *run) own(ctx context.Context, name, said string) (fleet.Lock, error) {
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	ctx, cancel := context.WithTimeout(ctx, adoptLimit)
	defer cancel()
	for {
		s := r.engine.Snapshot(name)
		lock, sure, err := find(s, said)
		if sure && len(s.Doing) == 0 { // it may be being taken up just now
			return lock, err
		}
		if _, over := viewer.Next(ctx); over != nil {
			return lock, err
		}
	}
}

// find looks for the lock that is meant. sure: waiting longer makes no difference.
func find(s *fleet.Snapshot, said string) (lock fleet.Lock, sure bool, err error) {
	var mine []fleet.Lock
	err = exit(ExitRefused, fmt.Errorf("you hold no lock %s at %s", appliance.Label(said), s.Name))
	for _, l := range s.Locks {
		if string(l.ID) != said && !strings.EqualFold(l.Scope.Code, said) {
			continue
		}
		switch {
		case l.Owed: // on its way out already
		case l.Mine && l.Holder == appliance.HolderYou:
			mine = append(mine, l)
		case l.Elsewhere:
			err = exit(ExitRefused, fmt.Errorf("another process of yours holds %s at %s for %s: do it there", l.Scope, s.Name, l.By))
		case l.Holder == appliance.HolderAnother:
			err = exit(ExitRefused, fmt.Errorf("%s at %s is not yours: the dashboard lets you release it, by a code", l.Scope, s.Name))
		}
	}
	switch len(mine) {
	case 0:
		return fleet.Lock{}, false, err
	case 1:
		return mine[0], true, nil
	default:
		return fleet.Lock{}, true, exit(ExitUsage, fmt.Errorf("you hold %d locks about %s at %s: say which by its id", len(mine),
			appliance.Label(said), s.Name))
	}
}

// coded gives an error of the engine its exit code (design.md 6).
func coded(err error) error {
	for _, c := range []struct {
		kind error
		code int
	}{
		{appliance.ErrAmbiguous, ExitUnknown}, {fleet.ErrRefusedByUs, ExitRefused}, {appliance.ErrReadOnly, ExitRefused},
		{appliance.ErrHeld, ExitRefused}, {appliance.ErrNotHeld, ExitRefused}, {appliance.ErrForbidden, ExitRefused},
		{fleet.ErrStopped, ExitRefused}, {appliance.ErrUnreachable, ExitUnreachable}, {appliance.ErrUntrusted, ExitUnreachable},
	} {
		if errors.Is(err, c.kind) {
			return exit(c.code, err)
		}
	}
	return exit(ExitFailed, err)
}
