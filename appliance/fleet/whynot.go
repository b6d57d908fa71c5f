package fleet

import (
	"cmp"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// TakesCode ends the refusal of an act that wants Act.Typed. Who has another way to say it than a dialog puts that in its place.
const TakesCode = "that takes the code that the dialog shows"

// WhyNot is why the person may not do this there now; empty = may. It asks nobody and is cheap, for disabling keys. Members
// of the act that are still empty, as before a dialog, are not judged.
func (e *Engine) WhyNot(p policy.Person, name string, act appliance.Act) string {
	w := e.byName[name]
	if w == nil {
		return fmt.Sprintf("there is no appliance named %q", name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := policy.WhyNot(p, w.rules(), act.Verb); why != "" {
		return why
	}
	return w.whyNot(act, false)
}

func (w *watcher) rules() policy.Rules {
	return policy.Rules{ReadOnlyRun: w.e.readOnly, ReadOnlyAppliance: w.m.ReadOnly}
}

// whyNot is all but the policy. With whole set the act is about to be sent and must lack nothing. The caller holds w.mu.
func (w *watcher) whyNot(act appliance.Act, whole bool) string {
	if act.Verb == appliance.VerbKeep || act.Verb == appliance.VerbUnkeep { // nothing is sent for it
		return cmp.Or(w.whyWrong(act, whole), w.whyBusy(act))
	}
	if why := cmp.Or(w.whyAway(), w.whyCannot(act.Verb)); why != "" {
		return why
	}
	if why := w.whyWrong(act, whole); why != "" {
		return why
	}
	return w.whyBusy(act)
}

// whyAway is why nothing at all can be asked of the appliance now.
func (w *watcher) whyAway() string {
	switch {
	case w.s.State == StateMisset:
		return "its settings cannot work: " + w.s.Trouble
	case !w.s.State.Answers():
		return "it does not answer now (" + w.s.State.String() + ")"
	case w.line.strikes > 0:
		return "it rejected our credentials; they are tried once more first"
	case !w.unsure.IsZero() || w.e.stepped():
		return "our clock jumped; it is being asked again first"
	}
	return ""
}

// whyCannot is what the appliance cannot, or will not let us, do at all.
func (w *watcher) whyCannot(verb appliance.Verb) string {
	able, what := false, "way to "+string(verb)+" that is known here"
	switch {
	case verb == appliance.VerbCancelJob:
		able, what = w.jobs != nil, "jobs that could be cancelled"
	case locks(verb):
		able, what = w.locker != nil, "locks"
	case works(verb):
		able, what = w.able.can(verb), "way to "+string(verb)
	case verb == appliance.VerbDelete:
		able, what = w.deleter != nil, "deleting of backups"
	case transfers(verb) || verb == appliance.VerbCancelPush:
		able, what = w.transferrer != nil, "copying, moving or pushing of backups"
	case verb != appliance.VerbCancelJob:
		able, what = false, "way from here to "+string(verb)
	}
	h := w.s.Health
	switch {
	case !able:
		return "this appliance has no " + what
	case locks(verb) && h.NoLocks != "":
		return h.NoLocks
	case !w.s.HealthPart.At.IsZero() && !h.MayChange && !h.Doubt:
		return fmt.Sprintf("the account %s may only look there", h.User)
	}
	return ""
}

func locks(v appliance.Verb) bool {
	switch v {
	case appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbKeep, appliance.VerbUnkeep,
		appliance.VerbWait, appliance.VerbProve, appliance.VerbResume:
		return true
	}
	return false
}

// whyWrong is what does not fit with what is known.
func (w *watcher) whyWrong(act appliance.Act, whole bool) string {
	switch act.Verb {
	case appliance.VerbAcquire:
		return w.whyNotClaim(act.Claim, whole)
	case appliance.VerbWait:
		return w.whyNotWait(act.Claim, whole)
	case appliance.VerbExtend, appliance.VerbRelease:
		if act.Lock.ID == "" {
			return missing(whole, "no lock is chosen")
		}
		return w.whyNotLock(act, whole)
	case appliance.VerbKeep, appliance.VerbUnkeep:
		if act.Lock.ID == "" {
			return missing(whole, "no lock is chosen")
		}
		return w.whyNotKeep(act)
	case appliance.VerbProve:
		if o := w.claims.own[act.Lock.ID]; !w.unsettled && (w.doubter == nil || o == nil) {
			return "whether it is yours is not in doubt"
		}
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush:
		if act.Transfer.Backup == "" {
			return missing(whole, "no backup is chosen")
		}
		return w.whyNotTransfer(act.Transfer, whole)
	case appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore, appliance.VerbVerify,
		appliance.VerbSave, appliance.VerbActivate:
		return w.whyNotWork(act, whole)
	case appliance.VerbDelete:
		if w.able.store != nil && !w.holdsConfiguration() {
			return needsConfiguration
		}
		if act.Transfer.Backup == "" {
			return missing(whole, "no backup is chosen")
		}
		return cmp.Or(w.whyNotTransfer(act.Transfer, whole), w.whyNotLast(act, whole), w.whyNotStay(act.Transfer))
	case appliance.VerbCancelJob:
		if act.Job == "" {
			return missing(whole, "no job is chosen")
		}
		return w.whyNotJob(act, whole)
	case appliance.VerbCancelPush:
		if whole {
			return w.whyNotCancelPush(act)
		}
	}
	return ""
}

func missing(whole bool, what string) string {
	if whole {
		return what
	}
	return ""
}

func (w *watcher) whyNotClaim(c appliance.Claim, whole bool) string {
	for i := range w.s.Locks {
		l := &w.s.Locks[i]
		if !l.Exclusive {
			continue
		}
		if state, _ := l.Term.At(w.e.clock.Now()); l.Mine && state != lease.Gone {
			return "you hold it already"
		}
	}
	rules := w.locker.LockRules()
	known := false
	for _, s := range rules.Scopes {
		known = known || s.Code == c.Scope
	}
	switch {
	case c.Scope == "":
		return missing(whole, "it is not said what the lock is about")
	case !known:
		return fmt.Sprintf("there is no lock about %s there", appliance.Label(c.Scope))
	case !rules.ChooseTTL || (c.TTL == 0 && !whole):
		return ""
	}
	return whyNotTTL(rules, c)
}

func whyNotTTL(rules appliance.LockRules, c appliance.Claim) string {
	if c.TTL < rules.MinTTL || c.TTL > rules.MaxTTL {
		return fmt.Sprintf("a lock lasts from %s to %s", rules.MinTTL, rules.MaxTTL)
	}
	return ""
}

// whyNotLock judges what was typed only once the act is whole: before a dialog nobody can have typed anything.
func (w *watcher) whyNotLock(act appliance.Act, whole bool) string {
	for i := range w.s.Locks {
		l := &w.s.Locks[i]
		if l.ID != act.Lock.ID {
			continue
		}
		extends := act.Verb == appliance.VerbExtend
		switch {
		case l.Exclusive && !l.Mine && w.unsettled:
			if extends {
				return "whose it is is not known yet; it is being asked"
			}
		case l.Exclusive && !l.Mine:
			return "it is not yours, and only its holder can do that"
		case extends && !l.Mine:
			return "it is not yours; take one of your own"
		case extends && l.Owed:
			return "its release was asked for"
		case extends && act.Claim.TTL != 0 && w.locker.LockRules().ChooseTTL:
			if why := whyNotTTL(w.locker.LockRules(), act.Claim); why != "" {
				return why
			}
			return whyShorter(l.Term, act.Claim.TTL, w.e.clock.Now())
		case !extends && !l.Mine && !act.Typed && whole:
			return "it is not yours: " + TakesCode
		}
		return ""
	}
	return "the lock is not there any more"
}

// whyNotKeep is why a lock cannot be kept, or not be kept no longer. The caller holds w.mu.
func (w *watcher) whyNotKeep(act appliance.Act) string {
	o, k := w.claims.own[act.Lock.ID], w.wishFor(act.Lock.ID)
	switch {
	case act.Verb == appliance.VerbUnkeep && k == nil:
		return "it is not kept"
	case act.Verb == appliance.VerbUnkeep:
		return ""
	case o == nil:
		return "it is not yours; take one of your own"
	case o.owed != nil:
		return "its release was asked for"
	case !act.Until.IsZero() && !act.Until.After(w.e.clock.Now().Wall):
		return "the time until which to keep it is past"
	}
	return ""
}

// whyShorter keeps an extension from shortening: the old lock is given back for the new one.
func whyShorter(t lease.Term, ttl time.Duration, now appliance.Reading) string {
	if state, left := t.At(now); state != lease.Unknown && left > ttl {
		return fmt.Sprintf("it would end earlier than it does now: it still lasts %s", words(left.Truncate(time.Second)))
	}
	return ""
}

// whyNotTransfer holds a transfer against the newest listing: act on what the operator saw or not at all (faults.md JOB-10).
func (w *watcher) whyNotTransfer(t appliance.Transfer, whole bool) string {
	at, ok := w.backupAt[t.Backup]
	if !ok {
		return "the backup is not there any more"
	}
	b := &w.s.Backups[at]
	switch {
	case b.Checksum != t.Checksum && (whole || !t.Checksum.Empty()):
		return "the backup has changed since you looked at it; look again"
	case t.Destination == "":
		return missing(whole, "no destination is chosen")
	}
	return w.whyNotTo(b.Backup, t.Verb, t.Destination)
}

// whyNotLast keeps the last copy of a backup from being deleted by whoever does not know that it is.
func (w *watcher) whyNotLast(act appliance.Act, whole bool) string {
	at, ok := w.backupAt[act.Transfer.Backup]
	if !ok || !whole || act.Typed || act.Transfer.Destination == "" {
		return ""
	}
	if b := &w.s.Backups[at]; len(b.Locations) < 2 || act.Transfer.Destination == string(appliance.Everywhere) {
		return "nothing would be left of the backup: " + TakesCode
	}
	return ""
}

// whyNotStay keeps an original from being removed whose copy is not there any more (faults.md I5).
func (w *watcher) whyNotStay(t appliance.Transfer) string {
	at, ok := w.backupAt[t.Backup]
	if t.Stays == "" || ok && w.s.Backups[at].At(t.Stays) {
		return ""
	}
	return fmt.Sprintf("the copy at %s is not listed any more", appliance.Label(string(t.Stays)))
}

func (w *watcher) whyNotJob(act appliance.Act, whole bool) string {
	for i := range w.s.Jobs {
		j := &w.s.Jobs[i]
		if j.ID != act.Job {
			continue
		}
		switch {
		case j.Phase.Ended():
			return "the job has ended"
		case !j.Cancellable:
			return "the appliance does not offer to cancel this job"
		case !j.Mine && !act.Typed && whole:
			return "it was not started here: " + TakesCode
		}
		return ""
	}
	return "the job is not there any more"
}

// whyBusy is the guard: the same thing is never done twice at once (faults.md JOB-03).
func (w *watcher) whyBusy(act appliance.Act) string {
	for _, d := range w.guard {
		same := act.Target() == d.Act.Target() && namesTarget(act)
		if same || (act.Verb == appliance.VerbPush && d.Act.Verb == appliance.VerbPush) {
			return fmt.Sprintf("%s is under way (%s)", w.e.describe(d.Act), d.Who)
		}
	}
	if works(act.Verb) && act.Verb != appliance.VerbVerify {
		return cmp.Or(w.whyWorking(), w.whyMoving())
	}
	if !moves(act.Verb) {
		return ""
	}
	if why := w.whyWorking(); why != "" { // it answers nothing for minutes
		return why
	}
	for id, s := range w.started {
		if s.ended {
			continue
		}
		if s.transfer.Backup == act.Transfer.Backup || (act.Verb == appliance.VerbPush && s.transfer.Verb == appliance.VerbPush) {
			return fmt.Sprintf("%s is under way (job %s, %s)", w.e.transferWords(s.transfer), id, s.who)
		}
	}
	for _, c := range w.checks {
		pushes := act.Verb == appliance.VerbPush && c.transfer.Verb == appliance.VerbPush
		if c.transfer.Backup == act.Transfer.Backup || pushes {
			return fmt.Sprintf("whether the %s is complete is being looked at", w.e.transferWords(c.transfer))
		}
	}
	return ""
}

// whyWorking says what keeps the appliance busy. The caller holds w.mu.
func (w *watcher) whyWorking() string {
	for id, s := range w.started {
		if !s.ended && works(s.transfer.Verb) {
			return fmt.Sprintf("%s is under way (job %s, %s)", w.e.transferWords(s.transfer), id, s.who)
		}
	}
	for _, c := range w.checks {
		if works(c.transfer.Verb) {
			return fmt.Sprintf("what came of the %s is being looked at", w.e.transferWords(c.transfer))
		}
	}
	return ""
}

// whyMoving says which transfer of ours is under way, which a backup or a restore would silence. The caller holds w.mu.
func (w *watcher) whyMoving() string {
	for _, d := range w.guard {
		if moves(d.Act.Verb) {
			return fmt.Sprintf("%s is under way (%s)", w.e.describe(d.Act), d.Who)
		}
	}
	for id, s := range w.started {
		if !s.ended && moves(s.transfer.Verb) {
			return fmt.Sprintf("%s is under way (job %s, %s)", w.e.transferWords(s.transfer), id, s.who)
		}
	}
	for _, c := range w.checks {
		if moves(c.transfer.Verb) {
			return fmt.Sprintf("whether the %s is complete is being looked at", w.e.transferWords(c.transfer))
		}
	}
	return ""
}

// namesTarget reports whether the act says what it is about; before a dialog it does not.
func namesTarget(act appliance.Act) bool {
	switch act.Verb {
	case appliance.VerbAcquire, appliance.VerbWait:
		return act.Claim.Scope != ""
	case appliance.VerbExtend, appliance.VerbRelease, appliance.VerbKeep, appliance.VerbUnkeep, appliance.VerbProve, appliance.VerbResume:
		return act.Lock.ID != ""
	case appliance.VerbCancelJob:
		return act.Job != ""
	case appliance.VerbCancelPush, appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore,
		appliance.VerbVerify, appliance.VerbSave, appliance.VerbActivate:
		return true
	default:
		return act.Transfer.Backup != ""
	}
}
