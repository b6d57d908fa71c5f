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
	"holdfast/appliance/policy"
	"holdfast/ui/widget"
)

// lockFlags are what the commands about one lock share.
type lockFlags struct {
	ttl    span
	wait   span
	asJSON bool
}

// check looks at what can be judged before anything is asked.
func (l *lockFlags) check() error {
	if l.wait.d < 0 {
		return exit(ExitUsage, fmt.Errorf("--wait %s: it is how long to wait, like 5m", widget.Span(l.wait.d)))
	}
	return nil
}

func (l *lockFlags) add(cmd *cobra.Command, ttl, wait bool) {
	if ttl {
		cmd.Flags().Var(&l.ttl, "ttl", "how long the lock lasts, like 20m (default: the appliance's; an ECB's lasts as long as its token)")
	}
	if wait {
		cmd.Flags().Var(&l.wait, "wait", "how long to try while another holds it or the appliance does not answer")
	}
}

func locksAcquireCommand(env *Env, f *flags) *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use:   "acquire APPLIANCE SCOPE",
		Short: "Take a lock and leave it: it lasts to its end, or until it is released",
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, appliance.VerbAcquire, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
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
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, appliance.VerbExtend, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
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
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onLock(cmd.Context(), env, *f, args, appliance.VerbRelease, &l, func(ctx context.Context, r *run) (appliance.LockID, error) {
				own, err := r.own(ctx, env, args[0], args[1])
				if err != nil {
					return "", err
				}
				res, err := r.do(ctx, env, args[0], appliance.Act{Verb: appliance.VerbRelease, Lock: own.Lock})
				if err != nil {
					return "", failed(args[0], "release", own.Scope, err)
				}
				r.say(env, args[0], res.Text)
				return "", nil
			})
		},
	}
	return cmd
}

// onLock runs do on the one appliance and lock, or scope, that are said, and prints the lock that came of it, if any. Of what earlier
// runs left it takes over that lock only.
func onLock(
	ctx context.Context, env *Env, f flags, said []string, verb appliance.Verb, l *lockFlags,
	do func(context.Context, *run) (appliance.LockID, error),
) error {
	if err := l.check(); err != nil {
		return err
	}
	name := said[0]
	defer env.process.withoutPipes()()
	c, err := load(env, f)
	if err == nil {
		c, err = only(c, name)
	}
	if err != nil {
		return err
	}
	rules := policy.Rules{ReadOnlyRun: c.ReadOnly, ReadOnlyAppliance: c.Appliances[0].ReadOnly}
	if why := policy.WhyNot(policy.Person{Name: env.User, Role: c.Role}, rules, verb); why != "" {
		return exit(ExitRefused, fmt.Errorf("%s: %s: %s", name, verb, why))
	}
	r, err := assemble(context.WithoutCancel(ctx), env, c, part{acting: true, adopt: true, about: said[1]})
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.answers(ctx, name, l.wait.d); err != nil {
		return err
	}
	r.inherited(ctx, env, name, l.wait.d)
	id, err := do(ctx, r)
	if ctx.Err() != nil {
		r.sayOwed(env, name)
	} else if owed := r.repay(ctx); owed != nil {
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

// sayOwed tells what a signal left to be given back.
func (r *run) sayOwed(env *Env, name string) {
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.Owed {
			r.say(env, name, fmt.Sprintf("%s is still to be given back: %s", l.Scope, r.outlook(name, l.ID)))
		}
	}
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
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, max(patience, time.Millisecond))
	defer cancel()
	for !r.engine.Snapshot(name).State.Answers() {
		if _, err := viewer.Next(ctx); err != nil {
			if cause := context.Cause(caller); cause != nil {
				return exit(ExitFailed, fmt.Errorf("%w; nothing was sent", cause))
			}
			s := r.engine.Snapshot(name)
			return exit(ExitUnreachable, errors.New(strings.TrimSuffix(name+": "+s.Trouble+": "+advice(s), ": ")))
		}
	}
	return nil
}

// advice is what to do about an appliance that does not answer, for a command that ends instead of asking again.
func advice(s *fleet.Snapshot) string {
	if strings.HasPrefix(s.Advice, "wait: ") {
		return "wait, and try again"
	}
	return strings.TrimSuffix(s.Advice, "; it is asked again by itself")
}

// say tells how an act ended.
func (r *run) say(env *Env, name, text string) { fmt.Fprintf(env.Err, "%s: %s\n", name, text) }

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
func (r *run) claim(env *Env, name, said string, l lockFlags) (appliance.Claim, error) {
	s, err := r.scope(name, said)
	if err != nil {
		return appliance.Claim{}, err
	}
	rules := r.engine.LockRules(name)
	ttl := rules.DefaultTTL
	switch {
	case !rules.ChooseTTL && l.ttl.set && l.ttl.d <= 0:
		return appliance.Claim{}, exit(ExitUsage, fmt.Errorf("--ttl %s: a lock lasts longer than nothing", widget.Span(l.ttl.d)))
	case !rules.ChooseTTL:
		if l.ttl.set {
			r.say(env, name, fmt.Sprintf("--ttl changes nothing here: the lock lasts as long as its token, %s", widget.Span(ttl)))
		}
		return appliance.Claim{Scope: s.Code}, nil
	case l.ttl.set:
		ttl = l.ttl.d
	}
	if ttl < rules.MinTTL || ttl > rules.MaxTTL {
		return appliance.Claim{}, exit(ExitUsage, fmt.Errorf("--ttl %s: a lock of %s lasts from %s to %s", widget.Span(ttl), name,
			widget.Span(rules.MinTTL), widget.Span(rules.MaxTTL)))
	}
	return appliance.Claim{Scope: s.Code, TTL: fleet.Mark(ttl, rules.MaxTTL, env.mark())}, nil
}

func (r *run) acquire(ctx context.Context, env *Env, name, said string, l lockFlags) (appliance.LockID, error) {
	claim, err := r.claim(env, name, said, l)
	if err != nil {
		return "", err
	}
	s, err := r.scope(name, said)
	if err != nil {
		return "", err
	}
	waiting := func(p *fleet.Lock) bool { return p.Exclusive }
	var res fleet.Result
	if locks := r.engine.Snapshot(name).Locks; l.wait.d > 0 && len(locks) > 0 && waiting(&locks[0]) {
		limited, cancel := context.WithTimeout(ctx, l.wait.d)
		defer cancel()
		now := env.Clock.Now().Wall
		defer afterwards(func() {
			r.say(env, name, fmt.Sprintf("waiting for %s until %s: it is held by another", s, endsAt(now.Add(l.wait.d), now)))
		})()
		res, err = r.whole(ctx, env, name, fmt.Sprintf("acquire %s", s), appliance.VerbAcquire, func() (fleet.Result, error) {
			return r.engine.Wait(limited, r.person, name, claim)
		})
	} else {
		res, err = r.do(ctx, env, name, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim})
	}
	if err != nil {
		return "", r.notTaken(ctx, name, s, l, err)
	}
	r.say(env, name, res.Text)
	return res.Lock, nil
}

func (r *run) extend(ctx context.Context, env *Env, name, said string, l lockFlags) (appliance.LockID, error) {
	own, err := r.own(ctx, env, name, said)
	if err != nil {
		return "", err
	}
	act := appliance.Act{Verb: appliance.VerbExtend, Lock: own.Lock}
	if l.ttl.set {
		if act.Claim, err = r.claim(env, name, own.Scope.Code, l); err != nil {
			return "", err
		}
	}
	res, err := r.do(ctx, env, name, act)
	if err != nil {
		return "", failed(name, "extend", own.Scope, err)
	}
	r.say(env, name, res.Text)
	if ctx.Err() != nil {
		return res.Lock, nil
	}
	ctx, cancel := context.WithTimeout(ctx, adoptLimit)
	defer cancel()
	if res.Lock != own.ID && !r.gone(ctx, name, own.ID, whatever) {
		r.say(env, name, "the old lock is still there: the next holdfast that runs gives it back, or it ends by itself")
	}
	return res.Lock, nil
}

// gone waits until a lock is not ours any more, as the old one of an extension, and reports whether that came in time. It waits
// only while the lock is as it should be.
func (r *run) gone(ctx context.Context, name string, id appliance.LockID, as func(fleet.Lock) bool) bool {
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	for {
		locks := r.engine.Snapshot(name).Locks
		i := slices.IndexFunc(locks, func(l fleet.Lock) bool { return l.ID == id && l.Mine })
		if i < 0 || !as(locks[i]) {
			return i < 0
		}
		if _, err := viewer.Next(ctx); err != nil {
			return false
		}
	}
}

func whatever(fleet.Lock) bool { return true }
func owed(l fleet.Lock) bool   { return l.Owed }

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
