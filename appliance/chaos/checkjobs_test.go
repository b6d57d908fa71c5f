package chaos

import (
	"regexp"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/sim/kit"
)

// job is one of an LXCA.
type job struct {
	engine string // of ours that started it; empty: somebody else
	intent *intent
	kind   string
	uuid   string
	at     time.Time
	ended  time.Time
	state  string
}

// inTheGap is how long before a cancellation of a push another one may have begun that we could not have seen: from the listing
// just before it, over the request, to its effect (faults.md JOB-06).
const inTheGap = slack

func (c *checker) jobEffect(e kit.Effect, engine string) {
	at := key{e.Appliance, e.ID}
	j := c.jobs[at]
	switch e.What {
	case "job.started":
		j = &job{engine: engine, kind: e.Kind, uuid: e.UUID, at: e.At}
		c.jobs[at] = j
		if engine != "" {
			c.totals.transfers++
			j.intent = c.cause(e, engine, "I4", func(x *intent) bool {
				t := x.Act.Transfer
				if x.Act.Verb == appliance.VerbProcess && e.Kind == "process" { // which names no backup
					return true
				}
				return string(x.Act.Verb) == e.Kind && string(t.Backup) == e.UUID && t.Destination == e.To
			})
		}
		return
	case "job.ended":
		if j != nil {
			j.ended, j.state = e.At, e.State
		}
	}
	if engine == "" || j == nil || e.What == "job.ended" && e.State == "" {
		return
	}
	asked, typed := false, false
	for _, x := range c.byRun[key{engine, e.Appliance}] {
		if x.Act.Verb == appliance.VerbCancelPush && j.kind == "push" || x.Act.Verb == appliance.VerbCancelJob && string(x.Act.Job) == e.ID {
			asked, typed = true, typed || x.Act.Typed
		}
	}
	if !asked {
		c.breaks("I6", e.Appliance, "job %s is cancelled by %s without an intent before it", e.ID, e.Client)
	}
	unseen := j.kind == "push" && e.At.Sub(j.at) < inTheGap
	if j.engine == "" && !typed && !unseen {
		c.breaks("I3", e.Appliance, "job %s, which is somebody else's, is cancelled by %s", e.ID, e.Client)
	}
}

// tracked holds what the journal is told of a transfer against what happened: the job that it is said to have become is the one
// that came of it (faults.md JOB-01, JOB-09).
func (c *checker) tracked(t fleet.Transit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
	if t.Job == "" {
		return
	}
	j, x := c.jobs[key{t.Appliance, string(t.Job)}], c.byID[t.ID]
	if j != nil && j.kind == "process" {
		t.Transfer.Backup = appliance.BackupID(j.uuid)
	}
	switch {
	case x == nil:
		c.breaks("I6", t.Appliance, "transfer %d is recorded without its intent", t.ID)
	case j == nil:
		c.breaks("I4", t.Appliance, "transfer %d is said to be job %s, which there never was", t.ID, t.Job)
	case j.engine == "":
		c.breaks("I4", t.Appliance, "transfer %d is said to be job %s, which is somebody else's", t.ID, t.Job)
	case j.engine != x.Engine || j.uuid != string(t.Transfer.Backup) || j.kind != string(t.Transfer.Verb):
		c.breaks("I4", t.Appliance, "transfer %d (%s of %s by %s) is said to be job %s, a %s of %s by %s", t.ID, t.Transfer.Verb,
			t.Transfer.Backup, x.Engine, t.Job, j.kind, j.uuid, j.engine)
	}
}

var (
	movedText = regexp.MustCompile(`^backup .* \(([0-9a-f-]{36})\) is moved to (\S+?)(,.*)?$`)
	endedText = regexp.MustCompile(`^job (\S+) \(.*\) (ended:|is not listed any more)`)
)

// told checks an event that operators read.
func (c *checker) told(engine string, e fleet.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
	r := c.runs[engine]
	if r == nil || !r.ended.IsZero() {
		return
	}
	if bad := hostile(e.Text); bad != "" {
		c.breaks("I8", e.Appliance, "an event has %s in it: %q", bad, e.Text)
	}
	if m := movedText.FindStringSubmatch(e.Text); m != nil {
		places := c.places[key{e.Appliance, m[1]}]
		if !slices.Contains(places, m[2]) || slices.Contains(places, "internal") {
			c.breaks("I5", e.Appliance, "backup %s is called moved to %s, and lies in %v", m[1], m[2], places)
		}
	}
	if m := endedText.FindStringSubmatch(e.Text); m != nil {
		c.ends[key{e.Appliance, m[1]}] = true
		j := c.jobs[key{e.Appliance, m[1]}]
		if j == nil {
			c.breaks("I4", e.Appliance, "the end is told of job %s, which there never was", m[1])
		} else if j.ended.IsZero() && m[2] == "ended:" {
			c.breaks("I4", e.Appliance, "job %s is said to have ended, and runs", m[1])
		}
	}
}
