package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
)

// Exit codes of `locks hold` of itself; any other is the command's own (design.md 6).
const (
	ExitNotHad     = 123
	ExitLost       = 124
	ExitHoldFailed = 125
)

// releaseLimit is how long the release at the end may take; what is not done by then stays owed in the journal.
const releaseLimit = 20 * time.Second

// holdName is the command's name.
const holdName = "hold"

type holdFlags struct {
	lockFlags
	until  string
	onLost string
}

func locksHoldCommand(env *Env, f *flags) *cobra.Command {
	var h holdFlags
	cmd := &cobra.Command{
		Use:   holdName + " APPLIANCE SCOPE [flags] -- COMMAND [ARGUMENT...]",
		Short: "Take a lock, keep it while a command runs, and give it back",
		Long: "The lock is extended for as long as the command runs. Signals are passed on. The exit code is the command's own, " +
			"or 128 and the number of the signal that ended it; 123 says that the lock was not had and the command not run, 124 " +
			"that the lock was lost meanwhile, 125 that holding failed in any other way: wrong usage or configuration, a command " +
			"that cannot be started, or a lock of which it is not known whether it was had. So 1 to 5 are always the command's. A " +
			"signal before the command runs ends it with 128 and its number. The command finds HOLDFAST_LOCK_ID (of the first " +
			"lock: extending makes new ones), HOLDFAST_APPLIANCE and HOLDFAST_SCOPE in its environment.",
		Example: "holdfast locks hold dc1-lxca UP --ttl 20m -- ./copy-backups.sh",
		Args: func(cmd *cobra.Command, args []string) error {
			switch n := cmd.ArgsLenAtDash(); {
			case n < 0 && len(args) > 2:
				return errors.New("locks hold: APPLIANCE SCOPE, then --, then the command to run")
			case n >= 0 && n != 2, n < 0 && len(args) < 2:
				return errors.New("locks hold wants APPLIANCE and SCOPE, then --, then the command to run")
			case n < 0 || len(args) == 2:
				return errors.New("locks hold: no command to run is given; it comes behind --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofHold(h.run(cmd.Context(), env, *f, args[0], args[1], args[2:]))
		},
	}
	h.add(cmd, true, true)
	cmd.Flags().StringVar(&h.until, "until", "", "no extension beyond this time (14:30, or 2026-01-31T14:30:00Z)")
	cmd.Flags().StringVar(&h.onLost, "on-lost", "term", "what to do with the command when the lock is lost: term (send SIGTERM) or leave")
	return cmd
}

// ofHold gives every other end of hold's own the code for that: 1 to 5 are the command's.
func ofHold(err error) error {
	var own *commandError
	var coded *exitError
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case errors.As(err, &coded) && (coded.code == ExitNotHad || coded.code == ExitLost):
		return err
	}
	return exit(ExitHoldFailed, err)
}

func (h *holdFlags) run(ctx context.Context, env *Env, f flags, name, scope string, command []string) error {
	if err := h.check(); err != nil {
		return err
	}
	until, err := moments(h.until, env.Clock.Now().Wall)
	if err != nil {
		return exit(ExitUsage, err)
	}
	if h.onLost != "term" && h.onLost != "leave" {
		return exit(ExitUsage, fmt.Errorf("--on-lost is term or leave, not %q", h.onLost))
	}
	defer env.process.withoutPipes()()
	path, err := exec.LookPath(command[0])
	if err != nil {
		return exit(ExitHoldFailed, fmt.Errorf("nothing was locked: %w", err))
	}
	whole, err := load(env, f)
	if err != nil {
		return err
	}
	c, err := only(whole, name)
	if err != nil {
		return err
	}
	life := context.WithoutCancel(ctx) // a signal ends the wait for the lock, and later is the command's
	r, err := assemble(life, env, c, part{acting: true, purpose: "locks hold: " + appliance.Label(filepath.Base(command[0])).String()})
	if err != nil {
		return err
	}
	defer r.close()
	begun := env.Clock.Now()
	if err := r.answers(ctx, name, h.wait.d); err != nil {
		return exit(ExitNotHad, err)
	}
	h.wait.d = max(0, h.wait.d-env.Clock.Now().Since(begun))
	id, err := r.surely(ctx, env, name, scope, h.lockFlags)
	if err != nil {
		return r.notHad(ctx, env, name, scope, err)
	}
	if ctx.Err() != nil { // it came just too late: the lock is not wanted any more
		r.say(env, name, context.Cause(ctx).Error()+": giving the lock back")
		r.giveBack(life, env, name)
		return exit(ExitNotHad, fmt.Errorf("%w; the command was not run", context.Cause(ctx)))
	}
	return h.hold(ctx, env, r, kept{name: name, id: id, until: until, path: path, command: command, all: whole.Appliances})
}

// kept is a lock that was taken and the command that it was taken for.
type kept struct {
	name    string
	id      appliance.LockID
	until   time.Time
	path    string
	command []string
	all     []config.Appliance // whose passwords the command must not see
}

// hold keeps the lock, runs the command, and gives the lock back whatever happens. A signal that has just ended caller is the
// command's as well.
func (h *holdFlags) hold(caller context.Context, env *Env, r *run, x kept) error {
	ctx := context.WithoutCancel(caller)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, heeded()...)
	defer signal.Stop(signals) // after the lock was given back
	env.process.deaf()         // from here on signals are the command's
	defer r.giveBack(ctx, env, x.name)
	lock, _ := r.mine(x.name)
	keep := appliance.Act{Verb: appliance.VerbKeep, Lock: appliance.Lock{ID: x.id, Scope: lock.Scope}, Until: x.until}
	if _, err := r.engine.Do(ctx, r.person, x.name, keep); err != nil {
		return exit(ExitHoldFailed, fmt.Errorf("the lock could not be kept, and the command was not run: %w", err))
	}
	cmd := exec.Command(x.path, x.command[1:]...) //nolint:gosec,noctx // it is the operator's own command; only signals end it
	cmd.Args[0] = x.command[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.In, env.Out, env.Err
	cmd.Env = append(withoutPasswords(env.Environ, x.all), "HOLDFAST_LOCK_ID="+string(x.id), "HOLDFAST_APPLIANCE="+x.name,
		"HOLDFAST_SCOPE="+lock.Scope.Code)
	if err := cmd.Start(); err != nil {
		return exit(ExitHoldFailed, fmt.Errorf("run the command: %w", err))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	defer r.warn(watching, env)()
	lost, early := r.watchLoss(watching, x.name), caller.Done()
	gone := ""
	for {
		select {
		case <-early: // it came while we turned deaf
			early = nil
			if sig := (Interrupted{}); errors.As(context.Cause(caller), &sig) {
				_ = cmd.Process.Signal(sig.Signal) // it may have ended just now
			}
		case s := <-signals:
			if !env.Terminal || (s != syscall.SIGINT && s != syscall.SIGQUIT) { // a terminal sends those to all
				_ = cmd.Process.Signal(s) // it may have ended just now
			}
		case gone = <-lost:
			lost = nil
			if h.onLost == "term" {
				_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
			}
			fmt.Fprintln(env.Err, "holdfast: "+gone)
		case err := <-ended:
			if gone != "" {
				return exit(ExitLost, errSilent)
			}
			if gone = r.lossOf(x.name); gone != "" {
				return exit(ExitLost, errors.New(gone))
			}
			return passOn(err)
		}
	}
}

// heeded are the signals that the command gets when we do, but for those that whoever started us wants ignored.
func heeded() []os.Signal {
	var list []os.Signal
	for _, s := range []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	} {
		if !signal.Ignored(s) {
			list = append(list, s)
		}
	}
	return list
}

// passOn is the command's own exit code, without words of ours; 128 and the number of the signal that ended it.
func passOn(err error) error {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &ended):
		return exit(ExitHoldFailed, fmt.Errorf("run the command: %w", err))
	}
	code := ended.ExitCode()
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return &commandError{exitError{code, errSilent}}
}

// withoutPasswords is an environment without those variables that hold a password of an appliance (faults.md SEC-02).
func withoutPasswords(environ []string, all []config.Appliance) []string {
	var rest []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(all, func(a config.Appliance) bool { return a.Password.Env == name }) {
			rest = append(rest, kv)
		}
	}
	return rest
}

// mine is the lock of ours there that lasts longest.
func (r *run) mine(name string) (lock fleet.Lock, found bool) {
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.Mine && !l.Owed && (!found || l.Term.End > lock.Term.End) {
			lock, found = l, true
		}
	}
	return lock, found
}

// watchLoss tells once, in words, that no lock of ours is held there any more.
func (r *run) watchLoss(ctx context.Context, name string) <-chan string {
	lost := make(chan string, 1)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if gone := r.lossOf(name); gone != "" {
				lost <- gone
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return lost
}

// lossOf says that the lock was lost, in words; empty = it was not, for all that is known.
func (r *run) lossOf(name string) string {
	lock, ok := r.mine(name)
	if !ok || len(r.engine.Snapshot(name).Lost) > 0 { // one that was taken anew does not cover the gap
		return "the lock was lost while the command ran"
	}
	if state, _ := lock.Term.At(r.engine.Clock().Now()); lock.Term.Known && state != lease.Held {
		return "the lock may be gone while the command runs: it could not be extended in time"
	}
	return ""
}

// giveBack releases what is held there; what cannot be is owed, which the journal keeps and a later run does.
func (r *run) giveBack(ctx context.Context, env *Env, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	_ = r.engine.Unkeep(ctx) // a failure is told by the engine
	if err := r.engine.Unwant(ctx, r.person, name); err != nil {
		r.say(env, name, "that what may be found later is to be given back could not be recorded: "+words(err))
	}
	defer r.insist(ctx, name)()
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.Mine {
			r.giveBackOne(ctx, env, name, l.Lock)
		}
	}
}

// giveBackOne tries while a rule of ours forbids it only for now, as while the appliance restarts, and while the engine tries
// again by itself; from the first refusal on it is owed. It reports whether the lock is gone. What is not by then is said.
func (r *run) giveBackOne(ctx context.Context, env *Env, name string, l appliance.Lock) bool {
	for {
		_, err := r.engine.Do(ctx, r.person, name, appliance.Act{Verb: appliance.VerbRelease, Lock: l, Deadline: releaseLimit})
		open := l.Exclusive && r.inQuestion(name, l)
		if err == nil || !open && r.gone(ctx, name, l.ID, owed) {
			return true
		}
		notNow := errors.Is(err, fleet.ErrRefusedByUs)
		if notNow {
			if owing := r.engine.Owe(ctx, r.person, name, l.ID); owing != nil && r.holds(name, l.ID) {
				err = fmt.Errorf("%w; nor is it owed: %w", err, owing)
			}
		}
		if !open && !r.holds(name, l.ID) { // it was given back meanwhile, or ended
			return true
		}
		retry := time.NewTimer(time.Second)
		select {
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		if ctx.Err() != nil || !notNow && !open {
			r.say(env, name, fmt.Sprintf("%s could not be given back: %s; %s", l.Scope, appliance.Reason(err), r.outlook(name, l.ID)))
			return false
		}
	}
}

// inQuestion reports whether it is not known whose the only lock there is: one that is known not to be ours cannot be given back, now
// or later.
func (r *run) inQuestion(name string, l appliance.Lock) bool {
	why, passing := r.engine.Hinders(r.person, name, appliance.Act{Verb: appliance.VerbRelease, Lock: l})
	return !r.holds(name, l.ID) && (why == "" || passing)
}

// insist has an appliance that does not answer asked again sooner than it would be, until the returned function is called:
// there is little time left.
func (r *run) insist(ctx context.Context, name string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if s := r.engine.Snapshot(name).State; s == fleet.StateDown || s == fleet.StateRestarting {
				r.engine.Look(name)
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}

// outlook is what becomes of a lock that could not be given back.
func (r *run) outlook(name string, id appliance.LockID) string {
	end := "by itself"
	now := r.engine.Clock().Now()
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.ID == id && l.Term.Known {
			end = "at " + endsAt(l.Term.EndsWall, now.Wall)
		}
	}
	return "the next holdfast that runs gives it back, or it ends " + end
}

// holds reports whether a lock is shown as ours.
func (r *run) holds(name string, id appliance.LockID) bool {
	return slices.ContainsFunc(r.engine.Snapshot(name).Locks, func(l fleet.Lock) bool { return l.ID == id && l.Mine })
}

// moments reads a time of today, tomorrow if that is past, or a whole one; empty = none.
func moments(said string, now time.Time) (time.Time, error) {
	if said == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, said); err == nil {
		if !t.After(now) {
			return time.Time{}, fmt.Errorf("--until %s is past", said)
		}
		return t, nil
	}
	t, err := time.ParseInLocation("15:04", said, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("--until %q is neither a time like 14:30 nor one like 2026-01-31T14:30:00Z", said)
	}
	local := now.In(time.Local)
	at := time.Date(local.Year(), local.Month(), local.Day(), t.Hour(), t.Minute(), 0, 0, time.Local)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, nil
}
