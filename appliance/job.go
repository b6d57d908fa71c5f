package appliance

import (
	"regexp"
	"time"
)

// JobID names a job. On an LXCA digits; on an ECB, which has one slot and no ids, "async".
type JobID string

var jobIDPattern = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// ParseJobID accepts what may stand in a URL path unescaped and nothing else.
func ParseJobID(s string) (JobID, bool) {
	return JobID(s), jobIDPattern.MatchString(s) && s != "." && s != ".."
}

// Phase is what we make of a job's own state. The state itself is always shown verbatim.
type Phase int

// Phases. A job that is at its end without saying success is a problem; 100 % is not success (api/lxca.md 4.3).
const (
	PhaseUnknown   Phase = iota // a state we have no word for, not at its end
	PhasePending                // accepted, not begun
	PhaseRunning                //
	PhaseSucceeded              // it and every part of it say success
	PhaseProblem                // ended in any other way
)

// Ended reports whether no more progress is to be expected.
func (p Phase) Ended() bool { return p == PhaseSucceeded || p == PhaseProblem }

// Live reports whether the job may still change.
func (p Phase) Live() bool { return !p.Ended() }

// Job is asynchronous work on an appliance, as the appliance reports it.
type Job struct {
	ID       JobID
	Title    Text
	State    Text // verbatim
	Phase    Phase
	Percent  float64 // 0..100; negative = not told
	Started  time.Time
	Ended    time.Time
	By       Text
	Messages []Text
	Children []Job
	// Verb and Backup are what the job says it is about, where it says so in a form that can be relied on; empty = unknown.
	Verb   Verb
	Backup BackupID
	// Cancellable is what the appliance advertises; the supplied URL itself is never called (faults.md JOB-12).
	Cancellable bool
	Fields      []Field
	Raw         Raw
}

// JobList is one listing. Unreadable counts records without a usable id.
type JobList struct {
	Jobs       []Job
	Unreadable int
	Stamp      Stamp
}
