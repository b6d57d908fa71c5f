package chaos

import (
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/appliance/sim/kit"
)

// deletion is that an engine of ours removed a backup from a place: once for each intent, and never the last copy that it could
// see (faults.md I4, I5). The caller holds mu.
func (c *checker) deletion(e kit.Effect, engine string) {
	x := c.cause(e, engine, "I4", func(x *intent) bool {
		t := x.Act.Transfer
		return x.Act.Verb == appliance.VerbDelete && string(t.Backup) == e.UUID && t.Destination == e.From
	})
	if len(e.Locations) > 0 || x == nil || x.Act.Typed {
		return
	}
	if e.At.Sub(c.meddled[key{e.Appliance, e.UUID}]) > slack {
		c.breaks("I5", e.Appliance, "the last copy of backup %s, in %s, was deleted by %s", e.UUID, e.From, e.Client)
	}
}

// meddles notes that somebody else does something to a backup.
func (c *checker) meddles(name, uuid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meddled[key{name, uuid}] = c.base()
}

// session is a migration as its operator knows it.
type session struct {
	id   string
	plan migration.Plan
	// tries is how often the transfer of a step may have been asked for by an operator, phrases how often a passphrase was given.
	tries   []int
	phrases int
	begun   bool // the operator was told so
}

// report holds what is said of a migration at its end against what happened (faults.md I4, I5, JOB-01, JOB-04).
func (c *checker) report(s *session, r *migration.Record) {
	c.catchUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	rep := r.Report()
	for n := range r.Steps {
		c.stepReport(s, r, n, rep.Steps[n].Where)
	}
	if r.State == migration.StateDone && slices.ContainsFunc(r.Steps, func(s migration.Step) bool { return !s.Phase.Settled() }) {
		c.breaks("report", "", "migration %s is done, and stands at %s", r.ID, r.Tally())
	}
}

// stepReport is report of one step. The caller holds mu.
func (c *checker) stepReport(s *session, r *migration.Record, n int, where string) {
	step, p := &r.Steps[n], &r.Plan
	at := key{step.Item.Appliance, string(step.Item.Backup)}
	verb := string(p.Verb)
	if p.Careful {
		verb = string(appliance.VerbCopy)
	}
	jobs := 0
	for k, j := range c.jobs {
		if k.appliance == at.appliance && j.uuid == at.id && j.engine != "" && j.kind != "process" {
			jobs++
			if j.kind != verb {
				c.breaks("I4", at.appliance, "step %s/%d became job %s, a %s", r.ID, n+1, k.id, j.kind)
			}
		}
	}
	if jobs > s.tries[n] {
		c.breaks("I4", at.appliance, "step %s/%d (%s of %s) became %d jobs, and was asked for %d times", r.ID, n+1, verb, at.id, jobs, s.tries[n])
	}
	queued := step.Phase == migration.PhaseQueued && step.Stage == migration.StageTransfer && jobs >= s.tries[n]
	if jobs > 0 && (step.Try == 0 || queued) {
		c.breaks("I4", at.appliance, "step %s/%d became %d jobs, and is %s after %d tries", r.ID, n+1, jobs, step.Phase, step.Try)
	}
	if !c.meddled[at].IsZero() {
		return // where it lies is not our doing alone
	}
	lies := c.places[at]
	arrived := false
	if p.Verb == appliance.VerbPush {
		arrived = len(c.places[key{p.Target, at.id}]) > 0
	}
	if wrong := whereWrong(p, step, lies, arrived, c.processed[key{p.Target, at.id}]); wrong != "" {
		c.breaks("report", at.appliance, "step %s/%d (%s of %s to %s, careful %v) is told as %s, %q, %q, and %s: it lies in %v there, at the target: %v",
			r.ID, n+1, p.Verb, at.id, p.Destination, p.Careful, step.Phase, where, step.Note, wrong, lies, arrived)
	}
}

// whereWrong is what is not so of what a step says; empty when all is.
func whereWrong(p *migration.Plan, s *migration.Step, lies []string, arrived, processed bool) string {
	there, source := slices.Contains(lies, p.Destination), slices.Contains(lies, "internal")
	if p.Verb == appliance.VerbPush {
		there = arrived
	}
	gone := !source || p.Verb != appliance.VerbMove || p.Careful
	if len(lies) == 0 {
		return "it is nowhere"
	}
	switch s.Fate {
	case "there", "told":
		if !there || !gone {
			return "it is not there"
		}
	case "not":
		if there || !source && p.Destination != "internal" && p.Verb != appliance.VerbPush {
			return "it is not where it was"
		}
	case "both":
		if !there || !source {
			return "it is not in both places"
		}
	case "neither", "other":
		return "nobody touched it"
	case "":
		if there && s.Try == 0 {
			return "it was touched"
		}
	}
	switch {
	case s.Phase == migration.PhaseDone && s.Fate != "there" && s.Fate != "told":
		return "that is not done"
	case s.Phase == migration.PhaseDone && p.Careful && source:
		return "the original is there still"
	case s.Phase == migration.PhaseDone && p.Process && !processed:
		return "the target did not process it"
	case s.Phase.Open():
		return "it should have been found out"
	}
	return ""
}

// kept reports which migrations that an operator was told of are in no journal, and which that nobody knows are.
func (c *checker) kept(sessions []*session, all []migration.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sessions {
		if s.begun && !slices.ContainsFunc(all, func(r migration.Record) bool { return r.ID == s.id }) {
			c.breaks("lost", "", "migration %s was begun, and is in no journal", s.id)
		}
	}
	for i := range all {
		if !slices.ContainsFunc(sessions, func(s *session) bool { return s.id == all[i].ID }) {
			c.breaks("lost", "", "migration %s is in the journal, and nobody asked for it", all[i].ID)
		}
	}
}

// longestStep is how long a step may take once nothing goes wrong any more and its turn has come.
const longestStep = 10 * time.Minute

// stuck notes that a migration does not come to rest.
func (c *checker) stuck(id, tally string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.breaks("lost", "", "migration %s does not come to rest (%s): %v", id, tally, err)
}
