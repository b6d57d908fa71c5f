package chaos

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// atRest holds truth, screens and journal against each other when nothing goes wrong any more and everything had time to be
// found out. left is what the journal has of all engines.
func (c *checker) atRest() {
	c.catchUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, g := range c.locks {
		if g.engine != "" && g.ended.IsZero() && !c.onAScreen(at) {
			c.breaks("I1", at.appliance, "lock %s about %s, which %s was granted at %s, is there until %s, and on no screen", at.id, g.scope,
				g.engine, stamp(g.at), stamp(g.ends))
		}
	}
	for name, h := range c.holds {
		if h.engine != "" && !h.late && !c.lostByOurClock(h) && !c.onAScreen(key{name, appliance.ConfigurationLock}) {
			c.breaks("I1", name, "the configuration lock, which %s was granted, is there until %s, and on no screen", h.engine,
				stamp(h.ends[h.engine]))
		}
	}
	for at, j := range c.jobs {
		if j.engine == "" || j.intent == nil || j.intent.outcome != fleet.OutcomeDone || j.ended.IsZero() || c.ends[at] {
			continue
		}
		c.breaks("I4", at.appliance, "job %s (%s of %s) by %s ended at %s (%s), and nobody was told", at.id, j.kind, j.uuid, j.engine,
			stamp(j.ended), j.state)
	}
}

// onAScreen reports whether an engine that runs shows a lock as ours or as unknown.
func (c *checker) onAScreen(at key) bool {
	for _, r := range c.runs {
		s := r.snaps[at.appliance]
		if !r.ended.IsZero() || s == nil {
			continue
		}
		for i := range s.Locks {
			l := &s.Locks[i]
			if string(l.ID) == at.id && (l.Mine || l.Elsewhere || l.Holder == appliance.HolderUnknown || l.Note != "") {
				return true
			}
		}
	}
	return false
}

// inventory holds what all engines left, which have ended by now, against the truth.
func (c *checker) inventory(estate fleet.Estate) {
	c.catchUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.base()
	for _, r := range estate.Intents {
		if x := c.byID[r.ID]; x == nil || time.Now().After(c.openUntil(x)) {
			c.breaks("I4", r.Appliance, "intent %d (%s) was never settled", r.ID, r.Act.Verb)
		}
	}
	for _, t := range estate.Transits {
		c.breaks("I4", t.Appliance, "transfer %d (%s of %s, job %q) is neither known to have ended nor told as unknown", t.ID, t.Transfer.Verb,
			t.Transfer.Backup, t.Job)
	}
	recorded := map[key]bool{}
	for _, h := range estate.Holdings {
		at := key{h.Appliance, string(h.Lock)}
		recorded[at] = true
		g := c.locks[at]
		switch {
		case h.Exclusive || h.State == fleet.HoldingLost:
		case g == nil || g.engine == "":
			c.breaks("I3", h.Appliance, "the journal has lock %s as ours, which we were never granted", h.Lock)
		case !g.ended.IsZero() && now.Sub(g.ended) > slack:
			c.breaks("I2", h.Appliance, "the journal has lock %s as %s, which ended at %s (%s)", h.Lock, h.State, stamp(g.ended), g.how)
		}
	}
	for at, g := range c.locks {
		if g.engine != "" && g.ended.IsZero() && !recorded[at] && g.ends.Sub(now) > slack && !c.openFor(at.appliance, estate) {
			c.breaks("I1", at.appliance, "lock %s, which %s was granted at %s, is there until %s, and in no journal", at.id, g.engine,
				stamp(g.at), stamp(g.ends))
		}
	}
}

// openUntil is how long an intent may stay open when nothing goes wrong any more: a request for a lock, and what is to become of it,
// until nothing can be left of it; one about the lock of an ECB until the token has ended for which nobody asked whose it is.
func (c *checker) openUntil(x *intent) time.Time {
	if first := c.byID[x.Again]; x.Act.Verb == appliance.VerbRelease && first != nil {
		return c.openUntil(first)
	}
	ttl, verb := x.Act.Claim.TTL, x.Act.Verb
	if c.holds[x.Appliance] != nil && (asks(verb) || verb == appliance.VerbRelease || verb == appliance.VerbResume) {
		ttl = tokenLife
	}
	if ttl == 0 {
		return time.Time{}
	}
	return c.askedBy(x).Add(ttl + 2*slack)
}

// tokenLife is how long a token of the simulated ECBs lasts (api/ecb.md 1.3).
const tokenLife = 10 * time.Minute

// askedBy is when a request for a lock was sent as far as an engine can tell: it is looked for until nothing can be left of it.
// After our wall clock was set back each engine has to take what an earlier one sent for sent just now.
func (c *checker) askedBy(x *intent) time.Time {
	at := x.at
	for _, r := range c.runs {
		if len(c.setBack) > 0 && r.awake.After(at) {
			at = r.awake
		}
	}
	return at
}

// wallSet notes that our wall clock was set.
func (c *checker) wallSet(back bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wasSet = append(c.wasSet, c.base())
	if back {
		c.setBack = append(c.setBack, c.base())
	}
}

// lostByOurClock reports whether the engine that was granted the lock of an ECB has ended, and our wall clock was set since: by that
// clock alone a later engine tells whether the token that was kept has ended. The lock ends with it.
func (c *checker) lostByOurClock(h *hold) bool {
	owner := c.runs[h.engine]
	return owner != nil && !owner.ended.IsZero() && slices.ContainsFunc(c.wasSet, func(at time.Time) bool { return !at.Before(h.at[h.engine]) })
}

// wasSetBackSince reports whether our wall clock was set back since a moment. What an earlier engine took cannot be told from then
// on as exactly as what an engine took itself: between two runs only the wall clocks, ours and the appliance's, tell what time has
// passed, and both may lie.
func (c *checker) wasSetBackSince(t time.Time) bool {
	return slices.ContainsFunc(c.setBack, func(back time.Time) bool { return !back.Before(t) })
}

// openFor reports whether a request for a lock there is still looked for.
func (c *checker) openFor(name string, estate fleet.Estate) bool {
	for _, r := range estate.Intents {
		if r.Appliance == name && r.Act.Claim.TTL > 0 {
			return true
		}
	}
	return false
}

// asked holds how often changing requests came to an LXCA against the intents: of each at most one (faults.md, "What may be
// sent twice"). others is how many of each somebody else sent.
func (c *checker) asked(name string, requests, others map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	may := map[string]int{}
	for _, x := range c.intents {
		if x.Appliance != name {
			continue
		}
		switch x.Act.Verb {
		case appliance.VerbAcquire, appliance.VerbExtend:
			may["POST"]++
		case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbCancelPush:
			may["PUT"]++
		}
	}
	for what, path := range map[string]string{"POST": "/sftp/locks", "PUT": "/managementServer/data"} {
		came := -others[what]
		for request, n := range requests {
			if method, p, _ := strings.Cut(request, " "); method == what && strings.HasSuffix(p, path) {
				came += n
			}
		}
		if came > may[what] {
			c.breaks("I4", name, "%d requests %s %s by us, and %d intents", came, what, path, may[what])
		}
	}
}

// secrets looks for what nobody may ever read in what was written or shown (faults.md I7).
func (c *checker) secrets(where, text string, canaries []string) {
	for _, secret := range canaries {
		for how, form := range map[string]string{
			"as it is": secret, "in base64": base64.StdEncoding.EncodeToString([]byte(secret)), "in hex": hex.EncodeToString([]byte(secret)),
			"in a URL": url.QueryEscape(secret),
		} {
			if strings.Contains(text, form) {
				c.mu.Lock()
				c.breaks("I7", "", "a secret is in %s, %s", where, how)
				c.mu.Unlock()
			}
		}
	}
}

// hostile tells which rune of a text must not reach a terminal, empty when none is there.
func hostile(text string) string {
	for _, r := range text {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f,
			r >= 0x200b && r <= 0x200d, r == 0x2028, r == 0x2029, r == 0xfeff:
			return fmt.Sprintf("U+%04X", r)
		}
	}
	return ""
}

// rest is how long after the last fault everything must have been found out: a request may take effect a minute after it was
// sent, and the longest backoff and two polls of everything follow.
const rest = 4 * time.Minute
