// Package appliance is the vocabulary of Holdfast: what a management appliance has (locks, backups, jobs), what may be
// done to it, and the small interfaces that a client of one satisfies. It knows no terminal and no network.
//
// What an appliance can do is found by asking a value for one of the interfaces below, never by switching on its kind.
package appliance

import "context"

// Kind names a vendor's product, for the screen only.
type Kind string

// The kinds there are.
const (
	LXCA Kind = "lxca" // Lenovo XClarity Administrator
	ECB  Kind = "ecb"  // Oracle Enterprise Communications Broker
)

// Appliance is one managed appliance. Every call ends when its context does, and none retries by itself.
type Appliance interface {
	Name() string
	Kind() Kind
	// Probe asks what the appliance is, how it is and what we may do there. It changes nothing.
	Probe(context.Context) (Health, error)
}

// Locker can list, take and give back locks.
type Locker interface {
	LockRules() LockRules
	Locks(context.Context) (LockList, error)
	// Acquire asks for a lock once. The receipt's stamp is the one from which the granted time counts; its lock has no ID
	// when the appliance granted a lock and did not say which (reconcile by listing, faults.md LCK-02).
	Acquire(context.Context, Claim) (Receipt, error)
	// Release gives a lock back. A lock that is gone already is a success (api/lxca.md 2.5).
	Release(context.Context, Lock) (Receipt, error)
}

// Renewer keeps a lock beyond its end without giving it up. An appliance without it is extended by overlap: a new lock
// first, then the release of the old one.
type Renewer interface {
	Renew(context.Context, Lock) (Receipt, error)
}

// Settler finds out how an ambiguous Acquire, Renew or Release ended, by the appliance's own answers. Without an error nothing
// is open any more, and held tells whether the lock is ours now, as Locks then shows it (faults.md LCK-09).
type Settler interface {
	Settle(context.Context) (held bool, err error)
}

// Doubter is a Settler that tells from memory whose its lock is. Doubt has it claim the lock no more until Settle or Renew has
// asked: something happened by which it may have been lost, as a restart of the appliance.
type Doubter interface {
	Settler
	Doubt()
}

// Resumer takes up the lock that an earlier engine of ours held, by what was kept of it for that (faults.md TOK-02). held tells
// whether it is ours now; Locks then shows it, with Seen as the stamp from which its time counts. ErrGone: nothing is kept of
// that engine, or what is kept has ended.
type Resumer interface {
	Resume(ctx context.Context, engine string) (held bool, err error)
}

// LockGetter asks for one lock by its id; ErrGone when there is none.
type LockGetter interface {
	Lock(context.Context, LockID) (Lock, Stamp, error)
}

// JobGetter asks for one job by its id; ErrGone when there is none.
type JobGetter interface {
	Job(context.Context, JobID) (Job, Stamp, error)
}

// BackupStore lists the backups that an appliance knows and where each lies.
type BackupStore interface {
	Backups(context.Context) (BackupList, error)
}

// Repository tells how full the appliance's own backup repository is.
type Repository interface {
	Space(context.Context) (Space, error)
}

// Transferrer starts copies, moves and pushes of backups and stops the running push.
type Transferrer interface {
	Transfer(context.Context, Transfer) (Receipt, error)
	CancelPush(context.Context) (Receipt, error)
}

// JobSource lists the appliance's jobs and cancels one.
type JobSource interface {
	Jobs(context.Context) (JobList, error)
	CancelJob(context.Context, JobID) (Receipt, error)
}

// Explainer tells which requests an act will send, in order, before anything is sent.
type Explainer interface {
	Explain(Act) []Call
}

// Tracer tells the last requests that were sent to the appliance, oldest first, those after seq only.
type Tracer interface {
	Trace(after uint64) []Exchange
}

// Forgetter has its password asked for again, from wherever it comes, before it is next used. It is told to when an operator
// says to look again after a rejection.
type Forgetter interface{ ForgetPassword() }

// Admitter uses tokens: that a request succeeds says nothing of our credentials then. It tells how often they were accepted.
type Admitter interface{ Admitted() uint64 }

// Receipt is what an appliance answered to an act that it accepted. Accepted is not done: a transfer's outcome is told
// by its job and the listings (api/lxca.md 3.4).
type Receipt struct {
	Stamp Stamp
	Lock  Lock      // for Acquire and Renew
	Job   JobID     // for Transfer and what else is done by a job; empty when the appliance named none
	Told  []Message // what it said along with it; a warning is a success that is told
	// Unproven tells that a renewal was accepted while it is not proven that the lock goes on with it; the stamp is then that
	// of the term that is proven, and Told says why in our words.
	Unproven bool
}

// Part is one of the things that an appliance is asked for.
type Part string

// Parts.
const (
	PartHealth  Part = "health"
	PartLocks   Part = "locks"
	PartBackups Part = "backups"
	PartJobs    Part = "jobs"
)

// Locator tells which request asks for a part; id names one lock or job of it, or is empty for all.
type Locator interface {
	Locate(part Part, id string) []Call
}
