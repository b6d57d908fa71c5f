package migration

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
)

// Finding is one thing that a preflight found.
type Finding struct {
	Step  int  // -1 = the whole plan
	Stops bool // the plan cannot run like this
	Text  string
}

// Preflight holds a plan against what is known of the fleet now; nothing is sent. Findings that stop come first.
func Preflight(f Fleet, p policy.Person, plan *Plan) []Finding {
	c := check{f: f, p: p, plan: plan}
	if err := plan.Check(); err != nil {
		c.stop(-1, err.Error())
		return c.found
	}
	for _, name := range plan.Appliances() {
		c.source(name)
	}
	c.target()
	c.keepLock()
	m := run{Runner: &Runner{fleet: f}, rec: Record{Plan: *plan}}
	for i, it := range plan.Items {
		m.rec.Steps = append(m.rec.Steps, Step{Item: it, Stage: StageTransfer})
		c.step(i, it, m.act(i))
	}
	c.room()
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		switch {
		case a.Stops == b.Stops:
			return 0
		case a.Stops:
			return -1
		}
		return 1
	})
	return c.found
}

// Stops reports whether a plan with these findings cannot run.
func Stops(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Stops })
}

// Requests are what the plan will send for its transfers, in order.
func Requests(f Fleet, plan *Plan) []appliance.Call {
	steps := make([]Step, len(plan.Items))
	for i, it := range plan.Items {
		steps[i] = Step{Item: it, Stage: StageTransfer}
	}
	return RequestsOf(f, plan, steps)
}

// RequestsOf are what is left to send for those steps of a plan, each from its stage on, in order.
func RequestsOf(f Fleet, plan *Plan, steps []Step) []appliance.Call {
	m := run{Runner: &Runner{fleet: f}, rec: Record{Plan: *plan, Steps: slices.Clone(steps)}}
	var calls []appliance.Call
	for i := range m.rec.Steps {
		s := &m.rec.Steps[i]
		stages := []Stage{s.Stage}
		if s.Stage == StageTransfer && plan.Careful {
			stages = append(stages, StageDelete)
		}
		if s.Stage != StageProcess && plan.Process {
			stages = append(stages, StageProcess)
		}
		for _, s.Stage = range stages {
			calls = append(calls, f.Explain(m.where(s), m.act(i))...)
		}
	}
	return calls
}

type check struct {
	f     Fleet
	p     policy.Person
	plan  *Plan
	found []Finding
	out   map[string]bool // appliances of which nothing more is to be said
}

func (c *check) stop(step int, text string) { c.found = append(c.found, Finding{step, true, text}) }
func (c *check) warn(step int, text string) { c.found = append(c.found, Finding{step, false, text}) }

// source looks at an appliance that backups are taken from.
func (c *check) source(name string) {
	if c.out == nil {
		c.out = map[string]bool{}
	}
	s := c.f.Snapshot(name)
	switch {
	case s == nil:
		c.stop(-1, fmt.Sprintf("there is no appliance named %q in the settings", name))
	case s.State == fleet.StateUntrusted:
		c.stop(-1, fmt.Sprintf("%s shows a certificate that is not trusted: compare its key, then holdfast trust %s, "+
			"or change its pin in the configuration", name, name))
	case !s.State.Answers():
		c.stop(-1, fmt.Sprintf("%s does not answer now (%s)", name, s.State))
	case !s.Can.Transfer:
		c.stop(-1, name+" has no copying, moving or pushing of backups")
	case s.BackupsPart.At.IsZero():
		c.stop(-1, "the backups of "+name+" were never listed")
	case s.BackupsPart.Err != "":
		c.stop(-1, fmt.Sprintf("the backups of %s could not be listed: %s", name, s.BackupsPart.Err))
	default:
		if why := policy.WhyNot(c.p, policy.Rules{ReadOnlyAppliance: s.ReadOnly}, appliance.VerbDelete); c.plan.Careful && why != "" {
			c.stop(-1, name+": the originals cannot be deleted: "+why)
		}
		return
	}
	c.out[name] = true
}

// target looks at where a push goes.
func (c *check) target() {
	if c.plan.Verb != appliance.VerbPush {
		return
	}
	if c.plan.Target == "" {
		c.warn(-1, fmt.Sprintf("%s is none of the appliances in the settings: what arrives there cannot be verified", appliance.Label(c.plan.Destination)))
		if c.plan.Process {
			c.stop(-1, "only an appliance of the settings can be told to process what arrived")
		}
		return
	}
	t := c.f.Snapshot(c.plan.Target)
	switch {
	case t == nil:
		c.stop(-1, fmt.Sprintf("there is no appliance named %q in the settings", c.plan.Target))
	case t.Address != c.plan.Destination:
		c.stop(-1, fmt.Sprintf("the address of %s is %s in the settings, not %s", t.Name, appliance.Label(t.Address), appliance.Label(c.plan.Destination)))
	case !t.State.Answers():
		c.stop(-1, fmt.Sprintf("the target %s does not answer now (%s)", t.Name, t.State))
	case len(t.Backups) > 0:
		c.warn(-1, fmt.Sprintf("%s has %d backups: the vendor describes a push to a newly set up appliance only", t.Name, len(t.Backups)))
	case len(c.plan.Items) > 1:
		c.warn(-1, fmt.Sprintf("after the first push %s is not newly set up any more; whether it takes the others is not described", t.Name))
	}
	if t == nil || t.Health.Version.Empty() {
		return
	}
	for _, name := range c.plan.Appliances() {
		if s := c.f.Snapshot(name); s != nil && !s.Health.Version.Empty() && s.Health.Version != t.Health.Version {
			c.warn(-1, fmt.Sprintf("%s has version %s, %s has %s", name, s.Health.Version, t.Name, t.Health.Version))
		}
	}
}

// keepLock looks whether there is a lock of that scope to keep wherever something is sent.
func (c *check) keepLock() {
	scope, names := c.plan.KeepLock, c.plan.Appliances()
	if scope == "" {
		return
	}
	if c.plan.Process && c.plan.Target != "" {
		names = append(names, c.plan.Target)
	}
	for _, name := range names {
		s := c.f.Snapshot(name)
		if s == nil || c.out[name] {
			continue
		}
		var known []string
		for _, x := range c.f.LockRules(name).Scopes {
			known = append(known, x.Code)
		}
		switch {
		case s.Health.NoLocks != "":
			c.stop(-1, fmt.Sprintf("no lock about %s can be kept at %s: %s", appliance.Label(scope), name, s.Health.NoLocks))
		case len(known) == 0:
			c.stop(-1, fmt.Sprintf("no lock about %s can be kept: %s has no locks", appliance.Label(scope), name))
		case !slices.Contains(known, scope):
			c.stop(-1, fmt.Sprintf("there is no lock about %s to keep at %s: there are %s", appliance.Label(scope), name, strings.Join(known, ", ")))
		}
	}
}

// step holds one backup against the newest listing.
func (c *check) step(n int, it Item, act appliance.Act) {
	if c.out[it.Appliance] {
		return
	}
	if why, passing := c.f.Hinders(c.p, it.Appliance, act); why != "" {
		if passing {
			c.warn(n, why+"; it is waited for")
		} else {
			c.stop(n, why)
		}
	}
	if it.Checksum.Empty() {
		c.warn(n, "no checksum is told: whether the same arrives cannot be verified")
	}
}

// room sums up what goes into an appliance's own repository, a push's target included; of a share the appliance tells nothing.
func (c *check) room() {
	need := map[string]int64{}
	for _, it := range c.plan.Items {
		switch {
		case c.plan.Verb == appliance.VerbPush:
			need[c.plan.Target] += max(0, it.Size)
		case c.plan.Destination == string(appliance.Internal):
			need[it.Appliance] += max(0, it.Size)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(need)) {
		s := c.f.Snapshot(name)
		if s == nil || s.Space.Total <= 0 || s.Space.Used < 0 {
			continue
		}
		free := max(0, s.Space.Total-s.Space.Used)
		if need[name] > free {
			c.stop(-1, fmt.Sprintf("%s has %s free in internal, and the plan needs %s", name, humanize.Bytes(uint64(free)), humanize.Bytes(uint64(need[name]))))
		}
	}
}
