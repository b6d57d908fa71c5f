package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
)

// What becomes of our locks when the line drops or a signal ends the dashboard (faults.md LCK-11).
const (
	dropLeave   = "leave"   // they end at their expiry
	dropRelease = "release" // they are released, as far as endTime allows
)

// Shares of endTime: for acts under way to end, and for releases after that. The rest is for the journal to close.
const (
	actsTime    = 700 * time.Millisecond
	releaseTime = 900 * time.Millisecond
)

// errLine is the cause of a session whose terminal is gone.
var errLine = errors.New("the line dropped")

// ending is how a session ended that its operator did not leave: in words, and the code to exit with.
func ending(cause error) (why string, code int) {
	var sig Interrupted
	var failed *crash
	hangup := Interrupted{syscall.SIGHUP}
	switch {
	case errors.As(cause, &sig) && sig != hangup:
		return sig.Error(), sig.Code()
	case errors.As(cause, &sig), errors.Is(cause, errLine):
		return errLine.Error(), hangup.Code()
	case errors.As(cause, &failed):
		return failed.Error(), ExitFailed
	case errors.Is(cause, context.Canceled): // whoever runs us ended it
		return errLine.Error(), ExitDone
	default:
		return cause.Error(), ExitFailed
	}
}

// leave tells the journal that the operator is gone and what becomes of the locks, and returns the same words. Acts under
// way are let end, as far as the time allows; the engine must still run.
func (r *run) leave(why, onDrop string) string {
	ctx, cancel := context.WithTimeout(context.Background(), actsTime)
	defer cancel()
	quiet(ctx, r.engine)
	held := r.held()
	level := fleet.Warn
	text := why
	switch {
	case len(held) == 0:
		level = fleet.Info
		text += "; no lock is held"
	case onDrop == dropRelease:
		released, left, unknown := r.release(held)
		text += r.count(released, "was released", "were released", false) + r.count(left, leftOne, leftMany, true) +
			r.count(unknown, "is perhaps released", "are perhaps released", true)
	default:
		text += r.count(held, leftOne, leftMany, true)
	}
	r.engine.Say(level, text)
	return text
}

// quiet waits until no act is under way, but not beyond ctx.
func quiet(ctx context.Context, e *fleet.Engine) {
	viewer := e.Subscribe()
	defer viewer.Close()
	busy := func(s *fleet.Snapshot) bool { return len(s.Doing) > 0 }
	for slices.ContainsFunc(e.Snapshots(), busy) {
		if _, err := viewer.Next(ctx); err != nil {
			return
		}
	}
}

// held is every lock of ours that may still be there.
func (r *run) held() []fleet.Lock {
	var held []fleet.Lock
	now := r.engine.Clock().Now()
	for _, s := range r.engine.Snapshots() {
		for _, l := range s.Locks {
			if state, _ := l.Term.At(now); l.Mine && state != lease.Gone {
				held = append(held, l)
			}
		}
	}
	return held
}

// release gives locks back, all at once, and tells which were, which surely were not, and of which it is not known.
func (r *run) release(locks []fleet.Lock) (released, left, unknown []fleet.Lock) {
	errs := make([]error, len(locks))
	var all sync.WaitGroup
	for i, l := range locks {
		all.Go(func() {
			act := appliance.Act{Verb: appliance.VerbRelease, Lock: l.Lock, Deadline: releaseTime}
			_, errs[i] = r.engine.Do(context.Background(), r.person, l.Appliance, act)
		})
	}
	all.Wait()
	for i, l := range locks {
		switch err := errs[i]; { // why not is an event of its own
		case err == nil:
			released = append(released, l)
		case errors.Is(err, fleet.ErrRefusedByUs), errors.Is(err, fleet.ErrJournal):
			left = append(left, l)
		default:
			unknown = append(unknown, l)
		}
	}
	return released, left, unknown
}

const leftOne, leftMany = "is left to expire", "are left to expire"

// mostNamed is how many locks are named one by one.
const mostNamed = 20

// count says what becomes of locks, with when they end if that matters, as the end of a sentence; nothing for none.
func (r *run) count(locks []fleet.Lock, one, many string, ends bool) string {
	if len(locks) == 0 {
		return ""
	}
	names := make([]string, 0, len(locks))
	for _, l := range locks {
		name := fmt.Sprintf("%s on %s", l.Scope, l.Appliance)
		switch {
		case ends && l.Term.Known:
			name += " (ends " + endsAt(l.Term.EndsWall, r.engine.Clock().Now().Wall) + ")"
		case ends:
			name += " (end unknown)"
		}
		names = append(names, name)
	}
	if n := len(names) - mostNamed; n > 0 {
		names = append(names[:mostNamed], fmt.Sprintf("and %d more", n))
	}
	head := "; 1 lock " + one
	if len(locks) > 1 {
		head = fmt.Sprintf("; %d locks %s", len(locks), many)
	}
	return head + ": " + strings.Join(names, ", ")
}

// endsAt is a time of day, with its date when that is not within a day.
func endsAt(t, now time.Time) string {
	layout := time.TimeOnly
	if t.Sub(now) >= 24*time.Hour {
		layout = time.DateTime
	}
	return t.UTC().Format(layout) + " UTC"
}
