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

type holdFlags struct {
	lockFlags
	until  string
	onLost string
}

func locksHoldCommand(env *Env, f *flags) *cobra.Command {
	var h holdFlags
	cmd := &cobra.Command{
		Use:   "hold APPLIANCE SCOPE [flags] -- COMMAND [ARGUMENT]…",
		Short: "Take a lock, keep it while a command runs, and give it back",
		Long: "The lock is extended for as long as the command runs. Signals are passed on. The exit code is the command's own; " +
			"123 says that the lock was not had and the command not run, 124 that the lock was lost meanwhile, 125 that holding " +
			"itself failed. The command finds HOLDFAST_LOCK_ID (of the first lock: extending makes new ones), HOLDFAST_APPLIANCE " +
			"and HOLDFAST_SCOPE in its environment.",
		Example: "holdfast locks hold dc1-lxca UP --ttl 20m -- ./copy-backups.sh",
		Args:    cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 2 {
				return exit(ExitUsage, errors.New("locks hold: APPLIANCE SCOPE, then --, then the command to run"))
			}
			return h.run(cmd.Context(), env, *f, args[0], args[1], args[2:])
		},
	}
	h.add(cmd, true, true)
	cmd.Flags().StringVar(&h.until, "until", "", "no extension beyond this time (14:30, or 2026-01-31T14:30:00Z)")
	cmd.Flags().StringVar(&h.onLost, "on-lost", "term", "what to do with the command when the lock is lost: term (send SIGTERM) or leave")
	return cmd
}

func (h *holdFlags) run(ctx context.Context, env *Env, f flags, name, scope string, command []string) error {
	until, err := moments(h.until, env.Clock.Now().Wall)
	if err != nil {
		return exit(ExitUsage, err)
	}
	if h.onLost != "term" && h.onLost != "leave" {
		return exit(ExitUsage, fmt.Errorf("--on-lost is term or leave, not %q", h.onLost))
	}
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
	if err := r.answers(ctx, name, h.wait); err != nil {
		return exit(ExitNotHad, err)
	}
	h.wait = max(0, h.wait-env.Clock.Now().Since(begun))
	id, err := r.acquire(ctx, env, name, scope, h.lockFlags)
	if err != nil {
		var e *exitError
		if errors.As(err, &e) && e.code == ExitUsage {
			return err
		}
		return exit(ExitNotHad, fmt.Errorf("the lock was not had, and the command not run: %w", err))
	}
	if ctx.Err() != nil { // it came just too late: the lock is not wanted any more
		r.giveBack(life, env, name)
		return exit(ExitNotHad, fmt.Errorf("%w; the command was not run", context.Cause(ctx)))
	}
	return h.hold(life, env, r, kept{name: name, id: id, until: until, path: path, command: command, all: whole.Appliances})
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

// hold keeps the lock, runs the command, and gives the lock back whatever happens.
func (h *holdFlags) hold(ctx context.Context, env *Env, r *run, x kept) error {
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
	lost := r.watchLoss(watching, x.name)
	gone := ""
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGPIPE && (!env.Terminal || (s != syscall.SIGINT && s != syscall.SIGQUIT)) { // a terminal sends those to all
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

// heeded are the signals that the command gets when we do, but for those that whoever started us wants ignored; and SIGPIPE,
// which must not end us while a lock is held.
func heeded() []os.Signal {
	list := []os.Signal{syscall.SIGPIPE}
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
	for _, l := range r.engine.Snapshot(name).Locks {
		if l.Mine {
			r.giveBackOne(ctx, env, name, l.Lock)
		}
	}
}

// giveBackOne tries while it is refused only for now, as while the appliance restarts. From the first refusal on it is owed.
func (r *run) giveBackOne(ctx context.Context, env *Env, name string, l appliance.Lock) {
	for {
		_, err := r.engine.Do(ctx, r.person, name, appliance.Act{Verb: appliance.VerbRelease, Lock: l, Deadline: releaseLimit})
		if err == nil {
			return
		}
		notNow := errors.Is(err, fleet.ErrRefusedByUs)
		if notNow {
			if owing := r.engine.Owe(ctx, r.person, name, l.ID); owing != nil && r.holds(name, l.ID) {
				err = fmt.Errorf("%w; nor is it owed: %w", err, owing)
			}
		}
		if !r.holds(name, l.ID) { // it was given back meanwhile, or ended
			return
		}
		retry := time.NewTimer(time.Second)
		select {
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		if ctx.Err() != nil || !notNow {
			fmt.Fprintf(env.Err, "holdfast: the lock could not be given back: %v\n", err)
			return
		}
	}
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
