package chaos

import (
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
	"holdfast/appliance/sim/kit"
)

// grant is a lock of an LXCA that was granted.
type grant struct {
	engine string // of ours; empty: somebody else's
	scope  string
	at     time.Time
	ends   time.Time // by itself
	ended  time.Time // really; zero while it is there
	how    string
}

// hold is the lock of an ECB.
type hold struct {
	engine string // whose token has it now; empty: nobody's of ours
	// ends are when the lock would end by itself, or has, for the last token of each engine that had it.
	ends map[string]time.Time
	at   map[string]time.Time // when it was granted
	// late tells that the request took effect after its client had asked whose the lock is, and was told that it is not ours. The
	// appliance offers nothing by which that could be known (faults.md LCK-09); the lock ends with its token.
	late bool
}

func (c *checker) lockEffect(e kit.Effect, engine string) {
	at := key{e.Appliance, e.ID}
	g := c.locks[at]
	if e.What == "lock.granted" {
		c.locks[at] = &grant{engine: engine, scope: e.Scope, at: e.At, ends: e.Ends}
		if engine != "" {
			c.totals.grants++
			c.cause(e, engine, "I4", func(x *intent) bool {
				return asks(x.Act.Verb) && x.Act.Claim.Scope == e.Scope && x.Act.Claim.TTL == time.Duration(e.TTL)*time.Second
			})
		}
		return
	}
	if g == nil {
		return
	}
	g.ended, g.how = e.At, e.What
	if e.What == "lock.released" && engine != "" {
		c.totals.releases++
		c.ourRelease(e, engine, g)
	}
}

// ourRelease checks that what an engine of ours gave back was its own, or an ended engine's, or that somebody typed that he means
// it (faults.md I3).
func (c *checker) ourRelease(e kit.Effect, engine string, g *grant) {
	asked, typed := false, false
	for _, x := range c.byRun[key{engine, e.Appliance}] {
		if x.Act.Verb == appliance.VerbRelease && string(x.Act.Lock.ID) == e.ID {
			asked, typed = true, typed || x.Act.Typed
		}
	}
	if !asked && !c.couldNotWrite(engine) {
		c.breaks("I6", e.Appliance, "%s %s by %s without an intent before it", e.What, e.ID, e.Client)
	}
	switch {
	case typed:
	case g.engine == "":
		c.breaks("I3", e.Appliance, "%s released lock %s, which is somebody else's", e.Client, e.ID)
	case g.engine != engine && c.runs[g.engine] != nil && c.runs[g.engine].ended.IsZero():
		c.breaks("I3", e.Appliance, "%s released lock %s of %s, which runs", e.Client, e.ID, g.engine)
	}
}

func (c *checker) exclusiveEffect(e kit.Effect, engine string) {
	h := c.holds[e.Appliance]
	if h == nil {
		h = &hold{ends: map[string]time.Time{}, at: map[string]time.Time{}}
		c.holds[e.Appliance] = h
	}
	switch e.What {
	case "lock.granted", "lock.moved":
		h.engine = engine
		if engine == "" {
			return
		}
		h.ends[engine], h.at[engine] = e.Ends, e.At
		if h.late = e.What == "lock.granted" && !c.openAbout(e.Appliance, engine); h.late {
			c.totals.strays++
		}
		c.totals.grants++
		c.aboutLock(e, engine)
	case "lock.released":
		if engine != "" {
			c.totals.releases++
			c.aboutLock(e, engine)
			if h.engine == "" {
				c.breaks("I3", e.Appliance, "%s released the configuration lock, which is somebody else's", e.Client)
			} else if r := c.runs[h.engine]; h.engine != engine && r != nil && r.ended.IsZero() {
				c.breaks("I3", e.Appliance, "%s released the configuration lock of %s, which runs", e.Client, h.engine)
			}
		}
		h.engine = ""
	default:
		h.engine = ""
	}
}

// aboutLock checks that an engine is, or just was, in the middle of something about the lock of an ECB: to find out how one
// request ended it may send others (faults.md LCK-09).
func (c *checker) aboutLock(e kit.Effect, engine string) {
	for _, x := range slices.Backward(c.byRun[key{engine, e.Appliance}]) {
		switch x.Act.Verb {
		case appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbResume:
			if x.settled.IsZero() || e.At.Sub(x.settled) < slack {
				return
			}
		}
	}
	if e.What == "lock.released" && c.couldNotWrite(engine) {
		return
	}
	c.breaks("I6", e.Appliance, "%s by %s without an intent that is open", e.What, e.Client)
}

// shown checks a snapshot that a screen of an engine is given, as that screen shows it now.
func (c *checker) shown(engine string, s *fleet.Snapshot, now func() appliance.Reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
	r := c.runs[engine]
	if r == nil || !r.ended.IsZero() {
		return
	}
	if r.snaps[s.Name] != s {
		r.snaps[s.Name] = s
		r.claim(s)
	}
	c.totals.shown++
	reading := now()
	for i := range s.Locks {
		l := &s.Locks[i]
		if l.Exclusive {
			c.shownExclusive(r, s, l, reading)
		} else {
			c.shownLock(r, s, l, reading)
		}
	}
}

// openAbout reports whether an engine is in the middle of something about the lock of an ECB, or has ended in it.
func (c *checker) openAbout(name, engine string) bool {
	return slices.ContainsFunc(c.byRun[key{engine, name}], func(x *intent) bool {
		return x.settled.IsZero() && (asks(x.Act.Verb) || x.Act.Verb == appliance.VerbRelease || x.Act.Verb == appliance.VerbResume)
	})
}

// shownSeconds is for how many seconds locks were shown as held in all.
func (c *checker) shownSeconds() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.totals.lockSeconds
}

// second counts the locks that an engine shows as held, which it is asked once a second.
func (c *checker) second(all []*fleet.Snapshot, now appliance.Reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range all {
		for i := range s.Locks {
			if held(s, &s.Locks[i], now) {
				c.totals.lockSeconds++
			}
		}
	}
}

// held reports whether the screen says that a lock is held.
func held(s *fleet.Snapshot, l *fleet.Lock, now appliance.Reading) bool {
	state, _ := l.Term.At(now)
	return l.Mine && !s.Unsure && state == lease.Held
}

func (c *checker) shownLock(r *run, s *fleet.Snapshot, l *fleet.Lock, now appliance.Reading) {
	g, base := c.locks[key{s.Name, string(l.ID)}], c.base()
	switch {
	case g == nil:
		c.breaks("I2", s.Name, "%s shows lock %s, which nobody was granted", r.id, l.ID)
		return
	case held(s, l, now) && base.After(g.ends) && (g.engine == r.id || !c.wasSetBackSince(g.at)):
		c.breaks("I2", s.Name, "%s shows lock %s as held after its end at %s", r.id, l.ID, stamp(g.ends))
	case l.Mine && g.engine == "":
		c.breaks("I3", s.Name, "%s shows lock %s as its own, which is somebody else's", r.id, l.ID)
	case l.Mine && g.engine != r.id && c.runs[g.engine].ended.IsZero():
		c.breaks("I3", s.Name, "%s shows lock %s as its own, which is of %s, which runs", r.id, l.ID, g.engine)
	}
	if g.engine == "" || l.Mine || l.Elsewhere || l.Holder != appliance.HolderAnother || !g.ended.IsZero() {
		return
	}
	// It is called another's, and is ours.
	owner := c.runs[g.engine]
	since := owner.mine[key{s.Name, string(l.ID)}]
	switch {
	case owner == r:
		c.breaks("I1", s.Name, "%s calls lock %s another's, which it was granted at %s", r.id, l.ID, stamp(g.at))
	case !r.adopt:
	case owner.ended.IsZero() && !since.IsZero() && time.Since(since) > slack && time.Since(r.awake) > slack:
		c.breaks("I1", s.Name, "%s calls lock %s another's, which %s holds beside it", r.id, l.ID, owner.id)
	}
}

// claim notes which locks an engine shows as its own from now on.
func (r *run) claim(s *fleet.Snapshot) {
	mine := map[key]time.Time{}
	for i := range s.Locks {
		if at := (key{s.Name, string(s.Locks[i].ID)}); s.Locks[i].Mine {
			mine[at] = time.Now()
		}
	}
	for at, since := range r.mine {
		if _, still := mine[at]; still || at.appliance != s.Name {
			mine[at] = since
		}
	}
	r.mine = mine
}

func (c *checker) shownExclusive(r *run, s *fleet.Snapshot, l *fleet.Lock, now appliance.Reading) {
	h := c.holds[s.Name]
	if !held(s, l, now) {
		return
	}
	var last, at time.Time
	by := ""
	if h != nil {
		for id, ends := range h.ends {
			if o := c.runs[id]; (id == r.id || o != nil && !o.ended.IsZero()) && ends.After(last) {
				last, at, by = ends, h.at[id], id
			}
		}
	}
	switch {
	case last.IsZero():
		c.breaks("I2", s.Name, "%s shows the configuration lock as held, which it was never granted", r.id)
	case c.base().After(last) && (by == r.id || !c.wasSetBackSince(at)):
		c.breaks("I2", s.Name, "%s shows the configuration lock as held after its end at %s", r.id, stamp(last))
	}
}
