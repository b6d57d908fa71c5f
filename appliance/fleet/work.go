package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// How work without a job of its own is followed (api/ecb.md 5.3).
const (
	workEvery = 3 * time.Second
	workLimit = 30 * time.Minute
)

// needsConfiguration is why what only the holder of an ECB's lock may do cannot be done (faults.md LCK-10).
const needsConfiguration = "acquire the configuration lock first"

// errWork: the appliance did what it was asked for, and it failed there.
var errWork = errors.New("it failed there")

// works reports whether a verb is work that keeps an appliance busy, takes its time and changes no place that a backup lies in.
func works(v appliance.Verb) bool {
	switch v {
	case appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore, appliance.VerbVerify,
		appliance.VerbSave, appliance.VerbActivate:
		return true
	}
	return false
}

// able are the interfaces by which work is done.
type able struct {
	maker     appliance.BackupMaker
	processor appliance.Processor
	preparer  appliance.Preparer
	restorer  appliance.Restorer
	reader    appliance.ConfigReader
	store     appliance.ConfigStore
	activator appliance.Activator
	follower  appliance.Follower
	quiet     appliance.QuietSource
}

func (a *able) find(client appliance.Appliance) {
	a.maker, _ = client.(appliance.BackupMaker)
	a.processor, _ = client.(appliance.Processor)
	a.preparer, _ = client.(appliance.Preparer)
	a.restorer, _ = client.(appliance.Restorer)
	a.reader, _ = client.(appliance.ConfigReader)
	a.store, _ = client.(appliance.ConfigStore)
	a.activator, _ = client.(appliance.Activator)
	a.follower, _ = client.(appliance.Follower)
	a.quiet, _ = client.(appliance.QuietSource)
}

// can reports whether there is a way to do that work.
func (a *able) can(v appliance.Verb) bool {
	switch v {
	case appliance.VerbCreate:
		return a.maker != nil
	case appliance.VerbProcess:
		return a.processor != nil
	case appliance.VerbPrepare:
		return a.preparer != nil
	case appliance.VerbRestore:
		return a.restorer != nil
	case appliance.VerbVerify, appliance.VerbSave:
		return a.store != nil
	case appliance.VerbActivate:
		return a.activator != nil
	}
	return false
}

// MakingRules says what may be asked for of a new backup; ok is false where none can be made.
func (e *Engine) MakingRules(name string) (rules appliance.MakingRules, ok bool) {
	if w := e.byName[name]; w != nil && w.able.maker != nil {
		return w.able.maker.MakingRules(), true
	}
	return appliance.MakingRules{}, false
}

// Configures tells which copies of a configuration an appliance has that is saved and activated; ok is false where there is none.
func (e *Engine) Configures(name string) (copies []appliance.ConfigCopy, ok bool) {
	if w := e.byName[name]; w != nil && w.able.store != nil {
		return []appliance.ConfigCopy{appliance.EditedCopy, appliance.SavedCopy, appliance.RunningCopy}, true
	}
	return nil, false
}

// Describe is an act in words, as events and errors begin.
func (e *Engine) Describe(act appliance.Act) string {
	if works(act.Verb) {
		act.Transfer.Verb = act.Verb
	}
	if act.Verb == appliance.VerbCreate {
		act.Transfer.Label = appliance.Label(act.Making.Label)
	}
	return e.describe(act)
}

// Changes reads the edited and the running configuration of an appliance and lists what differs. Others' half-made edits may be
// among it (faults.md LCK-10). incomplete are the kinds of elements of which nothing can be said. It changes nothing.
func (e *Engine) Changes(ctx context.Context, name string) (changes []appliance.ConfigChange, incomplete []appliance.Text, err error) {
	w := e.byName[name]
	if w == nil || w.able.reader == nil {
		return nil, nil, refuse("there is no configuration to compare")
	}
	life, err := e.enter()
	if err != nil {
		return nil, nil, err
	}
	defer e.running.Done()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	running, err := w.able.reader.Config(ctx, appliance.RunningCopy)
	if err != nil {
		return nil, nil, fmt.Errorf("read the running configuration: %w", err)
	}
	edited, err := w.able.reader.Config(ctx, appliance.EditedCopy)
	if err != nil {
		return nil, nil, fmt.Errorf("read the edited configuration: %w", err)
	}
	return appliance.ChangesBetween(running, edited), append(running.Missing, edited.Missing...), nil
}

// work has the appliance do something that takes its time, and follows it to its end: by its job, or where it has none here.
func (x *errand) work() (Result, error) {
	if x.able.follower == nil {
		return x.transfer()
	}
	if x.act.Verb == appliance.VerbRestore && x.act.Transfer.Backup != "" {
		if err := x.asSeen(x.act.Transfer); err != nil {
			return Result{}, err
		}
	}
	r, err := x.workOnce()
	if errors.Is(err, appliance.ErrNotHeld) {
		x.relist()
	}
	if err != nil {
		return Result{}, err
	}
	op, err := x.followWork(appliance.Operation{Verb: x.act.Verb})
	what := x.e.describe(x.act)
	switch {
	case err != nil:
		return Result{}, fmt.Errorf("%w: it was begun, and is not followed any more: %w", appliance.ErrAmbiguous, err)
	case op.Phase == appliance.PhaseSucceeded:
		return Result{Text: "finished the " + what + told(append(r.Told, op.Told...))}, nil
	case op.Phase == appliance.PhaseProblem:
		return Result{}, fmt.Errorf("%w (%s)%s", errWork, op.State, told(op.Told))
	case !op.Other.Empty():
		return Result{}, fmt.Errorf("%w: %s took its place, of which alone the appliance tells now", appliance.ErrAmbiguous, op.Other)
	}
	return Result{}, fmt.Errorf("%w: how it ended can no longer be known", appliance.ErrAmbiguous)
}

// workOnce sends the request.
func (x *errand) workOnce() (appliance.Receipt, error) {
	ctx, cancel := x.call()
	defer cancel()
	switch a := &x.able; x.act.Verb {
	case appliance.VerbCreate:
		return a.maker.CreateBackup(ctx, x.act.Making, x.phrase)
	case appliance.VerbProcess:
		return a.processor.Process(ctx, x.phrase)
	case appliance.VerbPrepare:
		return a.preparer.Prepare(ctx, x.act.Transfer.Backup, x.phrase)
	case appliance.VerbRestore:
		return a.restorer.Restore(ctx, x.act.Restore, x.phrase)
	case appliance.VerbVerify:
		return a.store.VerifyConfig(ctx)
	case appliance.VerbSave:
		return a.store.SaveConfig(ctx)
	default:
		return a.activator.ActivateConfig(ctx)
	}
}

// followWork looks again and again until the end is known, or can no longer be. A look that failed says nothing.
func (x *errand) followWork(op appliance.Operation) (appliance.Operation, error) {
	ctx, cancel := context.WithTimeout(x.life, workLimit)
	defer cancel()
	for {
		if !sleep(ctx, workEvery) {
			return op, ctx.Err()
		}
		next, err := x.able.follower.Follow(ctx, op)
		if x.hopeless(err) {
			return op, err
		}
		if err == nil {
			op = next
		}
		if op.Over() {
			return op, nil
		}
	}
}

// whyNotWork is what does not fit with what is known. The caller holds w.mu.
func (w *watcher) whyNotWork(act appliance.Act, whole bool) string {
	if w.able.store != nil && !w.holdsConfiguration() {
		if w.doubtsConfiguration() {
			return "whether the configuration lock is still yours is not known yet; it is being asked"
		}
		return needsConfiguration
	}
	switch act.Verb {
	case appliance.VerbCreate:
		switch {
		case act.Making.Label == "":
			return missing(whole, "the new backup has no name")
		case appliance.Label(act.Making.Label).String() != act.Making.Label:
			return "the name has characters that cannot be shown"
		}
	case appliance.VerbPrepare, appliance.VerbRestore:
		if act.Transfer.Backup == "" && act.Restore.From == "" {
			return missing(whole, "no backup is chosen")
		}
		if act.Transfer.Backup == "" {
			return ""
		}
		at, ok := w.backupAt[act.Transfer.Backup]
		switch {
		case !ok:
			return "the backup is not there any more"
		case w.s.Backups[at].Checksum != act.Transfer.Checksum && (whole || !act.Transfer.Checksum.Empty()):
			return "the backup has changed since you looked at it; look again"
		case !w.s.Backups[at].At(appliance.Internal):
			return "only a backup that lies in internal can be restored; copy it to internal first"
		}
	}
	return ""
}

// doubtsConfiguration reports whether the only lock of the appliance was ours and it is not known whether it still is. The caller
// holds w.mu.
func (w *watcher) doubtsConfiguration() bool {
	return slices.ContainsFunc(w.s.Locks, func(l Lock) bool { return l.Exclusive && l.Mine && l.Unproven })
}

// holdsConfiguration reports whether the only lock of the appliance is surely ours. The caller holds w.mu.
func (w *watcher) holdsConfiguration() bool {
	for i := range w.s.Locks {
		if l := &w.s.Locks[i]; l.Exclusive && l.Mine && l.Holder == appliance.HolderYou {
			return true
		}
	}
	return false
}
