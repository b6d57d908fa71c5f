package chaos

import (
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/sim/kit"
)

// intent is one that is durable in the journal.
type intent struct {
	fleet.Intent
	at      time.Time // virtual, when it was durable: for engines time stands still while their host is suspended
	outcome fleet.Outcome
	note    string
	settled time.Time
	effects int // of the kind that it may have once
}

// intended notes an intent that is durable now. What happened before is read before, so that no effect can hide behind it
// (faults.md I6).
func (c *checker) intended(in fleet.Intent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
	x := &intent{Intent: in, at: time.Now()}
	c.intents = append(c.intents, x)
	c.byID[in.ID] = x
	at := key{in.Engine, in.Appliance}
	c.byRun[at] = append(c.byRun[at], x)
	c.totals.intents++
	if r := c.runs[in.Engine]; r != nil && r.looks {
		c.breaks("role", in.Appliance, "%s, which may only look, records that it is about to %s", in.Engine, in.Act.Verb)
	}
}

// settled notes how an intent is said to have ended, and holds it against what happened.
func (c *checker) settled(id uint64, outcome fleet.Outcome, note string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
	x := c.byID[id]
	if x == nil {
		c.breaks("I6", "", "intent %d is settled, which was never recorded", id)
		return
	}
	x.outcome, x.note, x.settled = outcome, note, c.base()
	switch outcome {
	case fleet.OutcomeRefused:
		if x.effects > 0 && !c.swap(x, func(y *intent) bool { return y.effects == 0 && y.outcome != fleet.OutcomeRefused }) {
			c.breaks("I4", x.Appliance, "intent %d (%s) is settled as refused, and had an effect: %s", id, x.Act.Verb, note)
		}
	case fleet.OutcomeDone:
		c.wasDone(x)
	}
}

// swap gives what came of an intent to another one that asked for the very same, or the other way round: which of them it came of
// cannot be told. It reports whether there is such a one.
func (c *checker) swap(x *intent, with func(*intent) bool) bool {
	for _, y := range c.intents { // of all engines: one goes on with what another began
		if y.Appliance != x.Appliance {
			continue
		}
		a, b := x.Act, y.Act
		same := asks(a.Verb) && asks(b.Verb) && a.Claim == b.Claim || a.Verb == b.Verb && a.Verb == a.Transfer.Verb && a.Transfer == b.Transfer
		if x != y && same && with(y) {
			x.effects, y.effects = y.effects, x.effects
			return true
		}
	}
	return false
}

// asks reports whether a verb asks for a lock.
func asks(v appliance.Verb) bool { return v == appliance.VerbAcquire || v == appliance.VerbExtend }

// wasDone holds what is said to be done against what happened.
func (c *checker) wasDone(x *intent) {
	act := x.Act
	if x.effects == 0 {
		c.swap(x, func(y *intent) bool { return y.effects > 0 && y.outcome != fleet.OutcomeDone })
	}
	switch act.Verb {
	case appliance.VerbAcquire, appliance.VerbExtend:
		if c.holds[x.Appliance] == nil && x.effects == 0 {
			c.breaks("I1", x.Appliance, "intent %d (%s %s for %s) is settled as done, and no lock came of it: %s", x.ID, act.Verb,
				act.Claim.Scope, act.Claim.TTL, x.note)
		}
	case appliance.VerbRelease:
		if g := c.locks[key{x.Appliance, string(act.Lock.ID)}]; g != nil && g.ended.IsZero() {
			c.breaks("I1", x.Appliance, "intent %d (release %s) is settled as done, and the lock is there: %s", x.ID, act.Lock.ID, x.note)
		}
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush:
		if x.effects == 0 {
			c.breaks("I4", x.Appliance, "intent %d (%s %s) is settled as done, and no job came of it: %s", x.ID, act.Verb,
				act.Transfer.Backup, x.note)
		}
	}
}

// cause is the intent of an engine that an effect came of: the latest that fits and is not used up. An effect without one is a
// violation of rule.
func (c *checker) cause(e kit.Effect, engine, rule string, fits func(*intent) bool) *intent {
	var used, refused *intent
	for _, x := range slices.Backward(c.byRun[key{engine, e.Appliance}]) {
		switch {
		case !fits(x):
		case x.effects > 0:
			used = x
		case x.outcome == fleet.OutcomeRefused:
			refused = x
		default:
			x.effects++
			return x
		}
	}
	switch {
	case refused != nil:
		c.breaks(rule, e.Appliance, "%s %s by %s came of intent %d, which was settled as refused: %s", e.What, e.ID, e.Client, refused.ID,
			refused.note)
		return refused
	case used != nil && c.swap(used, func(y *intent) bool { return y.effects == 0 && y.outcome != fleet.OutcomeRefused }):
		used.effects++ // what was taken for its effect came of the other
		return used
	case used != nil:
		c.breaks(rule, e.Appliance, "%s %s by %s: intent %d had its effect already", e.What, e.ID, e.Client, used.ID)
		return used
	}
	c.breaks("I6", e.Appliance, "%s %s by %s without an intent before it", e.What, e.ID, e.Client)
	return nil
}

// unwritable notes for how long an engine's journal takes nothing.
func (c *checker) unwritable(id string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.runs[id]; r != nil {
		r.unwritable = append(r.unwritable, span{time.Now(), time.Now().Add(d)})
	}
}

// couldNotWrite reports whether an engine's journal took nothing shortly before now. A lock of ours is given back all the same
// then (faults.md JNL-03).
func (c *checker) couldNotWrite(id string) bool {
	r, now := c.runs[id], time.Now()
	if r == nil {
		return false
	}
	for _, s := range r.unwritable {
		if !now.Before(s.from) && now.Before(s.to.Add(slack)) {
			return true
		}
	}
	return false
}
