package appliance

import "time"

// Verb is what can be done to an appliance. Every verb changes something there, or leads to it.
type Verb string

// The verbs.
const (
	VerbAcquire    Verb = "acquire"
	VerbExtend     Verb = "extend"
	VerbRelease    Verb = "release"
	VerbKeep       Verb = "keep" // extend by itself until told otherwise
	VerbUnkeep     Verb = "stop keeping"
	VerbProve      Verb = "prove"  // ask whether a lock is ours still
	VerbResume     Verb = "resume" // take up what an earlier run held by a token
	VerbWait       Verb = "wait"   // try again and again to acquire
	VerbCopy       Verb = "copy"
	VerbMove       Verb = "move"
	VerbPush       Verb = "push"
	VerbCancelPush Verb = "cancel push"
	VerbCancelJob  Verb = "cancel job"
	VerbCreate     Verb = "create" // a backup
	VerbDelete     Verb = "delete" // a backup
	VerbProcess    Verb = "process"
	VerbPrepare    Verb = "prepare"
	VerbRestore    Verb = "restore"
	VerbVerify     Verb = "verify" // this and the next: the configuration of an ECB
	VerbSave       Verb = "save"
	VerbActivate   Verb = "activate"
)

// Transfer is a copy, a move or a push of one backup.
type Transfer struct {
	Verb        Verb // VerbCopy, VerbMove or VerbPush; VerbDelete for a removal
	Backup      BackupID
	Label       Text   // for people
	Checksum    Text   // as the operator saw it (faults.md JOB-10)
	Destination string // a Location, or for a push the address by which the target is named; of a removal where it lies
	// Stays is where the backup must lie besides, for it to be removed; empty = that is not asked for.
	Stays Location
}

// Act is one thing to be done to one appliance. Which members count depends on the verb. A passphrase is never part of it.
type Act struct {
	Verb     Verb
	Claim    Claim     // acquire; extend: the TTL of the new term
	Lock     Lock      // extend, release
	Transfer Transfer  // copy, move, push, delete
	Making   NewBackup // create
	Restore  Restoring // prepare, restore
	Engine   string    // resume: the one that held it
	Until    time.Time // keep: when keeping ends, on our wall clock; zero = when told
	Job      JobID     // cancel job; cancel push: the running push as the operator saw it, empty when none was known
	// Typed tells that the operator typed the code for something that is not provably ours (faults.md I3, JOB-06).
	Typed    bool
	Deadline time.Duration // how long the whole act may take; 0 = the engine's default
	// Ref names the request for good, for whoever must find out later what came of it; empty = nobody. No two acts have the same.
	Ref string
	// Purpose is what a lock is taken for, when the engine's is not meant: whoever takes it over keeps it no further.
	Purpose string
}

// Target is what the act is about, as a guard sees it: two acts with the same target never run at once.
func (a Act) Target() string {
	switch a.Verb {
	case VerbAcquire, VerbWait:
		return "lock scope " + a.Claim.Scope
	case VerbExtend, VerbRelease, VerbKeep, VerbUnkeep, VerbProve, VerbResume:
		if a.Lock.ID == ConfigurationLock { // the only one there is: to take it is to act on the same thing
			return "lock scope " + ConfigurationLock
		}
		return "lock " + string(a.Lock.ID)
	case VerbCopy, VerbMove, VerbPush, VerbDelete:
		return "backup " + string(a.Transfer.Backup)
	case VerbCreate, VerbProcess, VerbPrepare, VerbRestore, VerbVerify, VerbSave, VerbActivate: // one at a time keeps it busy
		return "backup and restore"
	case VerbCancelJob:
		return "job " + string(a.Job)
	default:
		return string(a.Verb)
	}
}
