package fleet

import (
	"time"

	"holdfast/appliance"
)

// HoldingState is how a lock of ours stands in the journal.
type HoldingState string

// States of a holding. A lock that was given back, or ended as it was meant to, has no holding any more.
const (
	HoldingHeld HoldingState = "held"
	HoldingOwed HoldingState = "owed" // its release was asked for and is not known to have happened (faults.md LCK-08)
	HoldingLost HoldingState = "lost" // it ended under us, and nobody has acknowledged that
	// HoldingSought: it ended under us, which was acknowledged, and was kept. While the holding of a lock that ended says that it is
	// kept, another is being taken in its place; Received is then the latest moment at which the old one was there.
	HoldingSought HoldingState = "sought"
)

// Holding is a lock of ours as it must outlive the process. Times are of our wall clock: the run of another process means
// nothing here.
type Holding struct {
	Appliance string
	Lock      appliance.LockID
	Scope     string // its code
	Exclusive bool
	Engine    string // the one that answers for it; set by the journal
	Who       string
	Purpose   string // what for, in words of ours; may be empty
	State     HoldingState
	Since     time.Time // when State began
	Note      string    // about State: why it is lost, or how its release failed
	TTL       time.Duration
	Sent      time.Time // just before it was asked for
	Received  time.Time // when the answer was there
	Kept      bool
	KeepUntil time.Time        // zero = until told otherwise
	KeepTTL   time.Duration    // asked for each time, before its mark; 0 = that of TTL
	Replaces  appliance.LockID // the lock that it was taken to extend, until that one is given back
	Job       appliance.JobID  // kept until it ends; empty = by none
	// Owner is the engine under whose name the token is kept that owns an exclusive lock, where that is another than Engine: it took
	// the lock over, and has not taken up the token. Set by the journal when it is adopted.
	Owner string
}

// Transit is a transfer of ours whose outcome is not known yet.
type Transit struct {
	ID        uint64 // of its intent
	Appliance string
	Engine    string // the one that answers for it; set by the journal
	Who       string
	Transfer  appliance.Transfer
	Job       appliance.JobID // empty: it is not known which
	Since     time.Time
	Known     []appliance.JobID // jobs that are not it, when Job is empty; nil = not known
	Had       bool              // a push: its target had the backup before
}

// Estate is what engines have: those that run no more left it to whoever comes next.
type Estate struct {
	Intents  []Record // those without an outcome; see Journal.Others
	Holdings []Holding
	Transits []Transit
}
