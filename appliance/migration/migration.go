// Package migration carries out an operator's plan of many transfers: plan, preflight, run, verify, report. Every step is
// recorded before anything of it is sent, so that a run that was cut off anywhere is gone on with by the next one, which first
// finds out what happened meanwhile. It asks the fleet through a small interface and sends nothing by itself.
package migration

import (
	"context"
	"errors"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
)

// Errors, for errors.Is.
var (
	// ErrPlan: the plan, or the file of one, is not one that can be run.
	ErrPlan = errors.New("wrong plan")
	// ErrUnknown: there is no migration of that id, or no such step in it.
	ErrUnknown = errors.New("no such migration")
	// ErrNotNow: what was asked for does not fit how the migration stands.
	ErrNotNow = errors.New("not now")
)

// State is how a migration stands as a whole.
type State string

// States. A migration has ended when nothing more is done without an operator.
const (
	StateRunning State = "running"
	StatePaused  State = "paused"  // by an operator, or left by a run that ended: nothing new is begun
	StateAsking  State = "asking"  // a step went wrong, and the plan says to ask
	StateStopped State = "stopped" // a step went wrong, and the plan says to stop
	// StateCancelling: an operator cancelled it, and what was under way is not at its end yet.
	StateCancelling State = "cancelling"
	StateDone       State = "done"      // every step is done or was skipped
	StateCancelled  State = "cancelled" // by an operator
)

// Ended reports whether nothing is ever done for it again.
func (s State) Ended() bool { return s == StateDone || s == StateCancelled }

// Phase is how one step stands.
type Phase string

// Phases of a step. Between Sending and Verifying something of it may be under way on an appliance.
const (
	PhaseQueued     Phase = "queued"
	PhaseSending    Phase = "sending"          // recorded as about to be sent; it may have been
	PhaseRunning    Phase = "running"          // accepted; its job and the listings will tell
	PhaseDeleting   Phase = "deleting"         // a careful move: the original goes, as the copy is verified
	PhasePassphrase Phase = "needs passphrase" // arrived; the target is to process it
	PhaseProcessing Phase = "processing"       // at the target
	PhaseDone       Phase = "done"             // its job and the listings agree
	PhaseFailed     Phase = "failed"           // it surely did not take place as planned; Note says why
	PhaseUnknown    Phase = "unknown"          // nobody could find out
	PhaseSkipped    Phase = "skipped"
	PhaseCancelled  Phase = "cancelled"
)

// Settled reports whether a step is at an end that lets the migration end.
func (p Phase) Settled() bool { return p == PhaseDone || p == PhaseSkipped || p == PhaseCancelled }

// Wrong reports whether a step is at an end that needs an operator, or the plan's word for such a case.
func (p Phase) Wrong() bool { return p == PhaseFailed || p == PhaseUnknown }

// Open reports whether something of the step may be under way on an appliance.
func (p Phase) Open() bool {
	return p == PhaseSending || p == PhaseRunning || p == PhaseDeleting || p == PhaseProcessing
}

// Stage is what a step sends.
type Stage string

// Stages.
const (
	StageTransfer Stage = "transfer" // the copy, the move or the push itself; of a careful move the copy
	StageDelete   Stage = "delete"   // a careful move: the original
	StageProcess  Stage = "process"  // at the target of a push
)

// Step is one backup's way through a migration.
type Step struct {
	Item  Item
	Phase Phase
	Stage Stage
	// Try counts what was sent or was about to be, over all stages; with the migration's id and the step's place it names
	// one request for good.
	Try   int
	Job   appliance.JobID // of the stage; empty = not told
	Began time.Time       // of the first try; zero = never
	Ended time.Time
	// Sent is when the stage's request was recorded, Took how long the transfer took from then to the end of its verification;
	// 0 = not known.
	Sent time.Time
	Took time.Duration
	// Turn is, of a push, its place among those that migrations sent to the same target, of which it processes what came last; 0 =
	// never sent. No clock tells that: each may have been set since.
	Turn int
	Fate fleet.Fate // what is known of where the backup lies now
	Note string     // what is to be said of it, printable
}

// Record is a migration as it is kept: the plan, how it stands and every step.
type Record struct {
	ID     string
	Engine string // the one that answers for it; set by the store
	Plan   Plan
	State  State
	Note   string // why it stands so, printable
	Begun  time.Time
	Ended  time.Time // zero = not yet
	Order  []int     // of the steps that are queued, the next first
	Steps  []Step
}

// Store keeps migrations. Everything is durable when the error is nil. Begin, Save and SaveStep fail with fleet.ErrNotOurs when
// another engine answers for the migration.
type Store interface {
	BeginMigration(context.Context, Record) error
	// SaveMigration records everything but the steps, SaveStep one of them.
	SaveMigration(context.Context, Record) error
	SaveStep(ctx context.Context, id string, n int, s Step) error
	// AdoptMigrations takes over those that have not ended of engines that run no more.
	// Of ids, if any are named, only.
	AdoptMigrations(ctx context.Context, ids ...string) ([]Record, error)
	// OtherMigrations are those of other engines that have not ended, or ended since that moment (zero: those not), oldest first.
	OtherMigrations(ctx context.Context, since time.Time) ([]Other, error)
	// Migrations are all that are kept, newest first; of those of other engines that run too.
	Migrations(context.Context) ([]Record, error)
}

// Fleet is what a migration asks of the engine.
type Fleet interface {
	Names() []string
	Clock() *clock.Clock
	Snapshot(name string) *fleet.Snapshot
	LockRules(name string) appliance.LockRules
	Explain(name string, act appliance.Act) []appliance.Call
	// Hinders is why the act cannot be done now; passing tells that waiting may help.
	Hinders(p policy.Person, name string, act appliance.Act) (why string, passing bool)
	// DoWith carries out an act; phrase is nil where none is needed, and is not kept.
	DoWith(ctx context.Context, p policy.Person, name string, act appliance.Act, phrase appliance.Passphrase) (fleet.Result, error)
	// Owe has a lock given back as soon as that may be done.
	Owe(ctx context.Context, p policy.Person, name string, id appliance.LockID) error
	// Follow waits for what came of the request with that ref. fleet.ErrNoSuchRef: it was never recorded, so nothing was
	// sent.
	Follow(ctx context.Context, name, ref string) (fleet.Ending, error)
	Say(level fleet.Level, text string)
}
