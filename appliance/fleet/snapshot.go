package fleet

import (
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// State is what we may say of an appliance as a whole.
type State int

// States.
const (
	StateAsking     State = iota // nothing heard yet
	StateUp                      // answers
	StateSlow                    // answers, slower than SlowAfter
	StateRestarting              // says that it is not ready
	StateDown                    // cannot be reached
	StateRefused                 // does not accept our credentials, or we have none; not asked again until an operator says so
	StateUntrusted               // shows a certificate that we do not trust; nothing is sent
	StateUnreadable              // answers what it should not, or refuses to tell how it is
	StateMisset                  // our settings for it cannot work
)

// String is the state's word on the screen.
func (s State) String() string {
	return [...]string{"asking", "up", "slow", "restarting", "down", "refused", "untrusted", "unreadable", "misconfigured"}[s]
}

// Answers reports whether what we know of the appliance is being kept fresh.
func (s State) Answers() bool { return s == StateUp || s == StateSlow }

// Snapshot is all that the polls of one appliance found, immutable. A part that failed keeps its last data, its age and
// the reason.
type Snapshot struct {
	Name  string
	Kind  appliance.Kind
	Order int    // place in the configuration
	Seq   uint64 // grows with each snapshot of this appliance

	State   State
	Since   appliance.Reading // when State began
	Trouble string            // what is wrong, printable; empty = nothing
	Advice  string            // what to do about it
	NextTry appliance.Reading // when it is asked again while it does not answer; zero = only when told to

	Can         Can
	ReadOnly    bool
	Address     string // by which a push to it names it
	MountPoints []appliance.Location

	// Unsure tells that our clock stepped and the locks were not listed since: how long they last is not known.
	Unsure bool

	Health  appliance.Health
	Locks   []Lock
	Backups []Backup
	Jobs    []Job
	Space   appliance.Space

	HealthPart, LocksPart, BackupsPart, JobsPart Part

	Doing     []Doing  // acts of ours that are under way
	Quiet     *Quiet   // nil = no work of ours keeps it quiet
	Wait      *Waiting // nil = nobody waits for its lock
	Doubts    []Doubt
	Lost      []Lost // not acknowledged yet, oldest first
	Gaps      []Gap  // of the last day, oldest first
	Push      Push
	Notices   []Notice
	RoundTrip time.Duration // latest
	Skew      time.Duration // of its clock against ours, to about a second
}

// Can tells which interfaces the appliance satisfies.
type Can struct{ Lock, Renew, Backups, Transfer, Jobs, Explain bool }

// Part is how one listing stands.
type Part struct {
	At         appliance.Reading // of the data shown; zero = never had any
	StaleAfter time.Duration     // age from which the data must be called stale
	Err        string            // why the latest try failed; empty = it did not
	Unreadable int               // records that could not be read
}

// Stale reports whether the data is older than it should be; what was never had is not stale but missing.
func (p Part) Stale(now appliance.Reading) bool {
	return !p.At.IsZero() && now.Since(p.At) > p.StaleAfter
}

// Lock is a lock as the fleet sees it.
type Lock struct {
	appliance.Lock
	Appliance string
	Mine      bool   // this engine was granted it
	Unproven  bool   // it may have been lost meanwhile, as by a restart of the appliance, and that is being asked
	By        string // the person for whom, when Mine
	Term      lease.Term
	// Unlisted tells that we were granted it and the newest listing does not show it.
	Unlisted bool
	Kept     bool            // it is extended by itself
	KeptTo   time.Time       // when that ends, on our wall clock; zero = when told
	KeptJob  appliance.JobID // the job with which that ends; empty = none
	Owed     bool            // its release was asked for and has not happened yet
	Purpose  string          // what it is for, when Mine; may be empty
	// Elsewhere tells that another engine of ours, which runs, holds it; By is for whom.
	Elsewhere bool
	Note      string // what else is to be said of it: why it cannot be extended or given back, when it will be free
}

// Waiting is somebody's wait for a lock that another holds.
type Waiting struct {
	Who   string
	Scope appliance.Scope
	Since appliance.Reading
	Tries int
	Next  appliance.Reading // of the next try
}

// Doubt is a request for a lock whose answer was lost and of which it is not known whether it took effect.
type Doubt struct {
	Claim appliance.Claim
	Who   string
	Since appliance.Reading
	Until appliance.Reading // it is looked for until then
}

// Lost is a lock of ours that ended under us. It stays until somebody acknowledges it.
type Lost struct {
	Appliance string
	Lock      appliance.LockID
	Scope     appliance.Scope
	Who       string
	At        appliance.Reading // when it was found out
	Why       string
}

// Gap is a span in which something that was to be kept may not have been covered by a lock.
type Gap struct {
	Scope    appliance.Scope
	From, To appliance.Reading
}

// Key is the lock's identity in the whole fleet.
func (l Lock) Key() string { return l.Appliance + "\x00" + string(l.ID) }

// Backup is a backup as the fleet sees it.
type Backup struct {
	appliance.Backup
	Appliance string
	Moving    bool // a transfer of ours of it is under way
}

// Key is the backup's identity in the whole fleet: (appliance, uuid).
func (b Backup) Key() string { return b.Appliance + "\x00" + string(b.ID) }

// Job is a job as the fleet sees it.
type Job struct {
	appliance.Job
	Appliance string
	Mine      bool // an act of this engine started it
	Who       string
	Transfer  *appliance.Transfer // what it was started for, when Mine
	Cancelled bool                // we asked for its end, when Mine
}

// Key is the job's identity in the whole fleet.
func (j Job) Key() string { return j.Appliance + "\x00" + string(j.ID) }

// Push is what is known of a running push. Cancelling one stops whatever push runs (faults.md JOB-06), so Ours is only
// true when exactly one live job is a push that this engine started and no other live job could be a push.
type Push struct {
	Ours        bool
	Job         appliance.JobID
	Destination string
}

// Doing is an act under way.
type Doing struct {
	Act   appliance.Act
	Who   string
	Since appliance.Reading
}

// Level says how much an event or a notice matters.
type Level int

// Levels.
const (
	Info Level = iota
	Good
	Warn
	Alarm
)

// String is the level's word.
func (l Level) String() string { return [...]string{"info", "done", "warning", "alarm"}[l] }

// Notice is something about an appliance that an operator should know and that lasts: a password that ends, an old backup.
type Notice struct {
	Level Level
	Text  string
}

// Event is one thing that happened. Events are numbered from 1 without gaps.
type Event struct {
	Seq       uint64
	At        appliance.Reading
	Level     Level
	Appliance string // empty: about the whole fleet
	// Who did it; Text then goes on after the name ("took UP Updates"), or with Warn and Alarm says what he tried. Empty: it
	// happened by itself and Text is a sentence of its own.
	Who  string
	Text string
	Ring bool // it is worth a bell
}

// Destination is a place that a transfer could be sent to.
type Destination struct {
	Value  string // for the request
	Label  string // for people
	Note   string // what is known of it
	WhyNot string // why it cannot work; empty = it can
}

// Result is how an act ended.
type Result struct {
	Text string // one sentence, printable
	Lock appliance.LockID
	Job  appliance.JobID
	// Unproven tells that a renewal was accepted and that it is not proven that the lock goes on with it.
	Unproven bool
}
