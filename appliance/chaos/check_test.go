package chaos

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/sim/kit"
)

// runPrefix is what connections of engines of ours are called in the truth log, before their id.
const runPrefix = "run-"

// slack is how long what was asked for may take to have its effect: the longest delay of a fault and of a request.
const slack = 3 * time.Minute

// violation is a rule that was broken.
type violation struct {
	rule      string // I1 to I9, or a row of faults.md
	appliance string
	what      string
	at        time.Time // base
}

// String is one line.
func (v violation) String() string {
	return fmt.Sprintf("%s %s %s: %s", stamp(v.at), v.rule, v.appliance, v.what)
}

func stamp(t time.Time) string { return t.UTC().Format("Jan 2 15:04:05.000") }

// key names something of one appliance.
type key struct{ appliance, id string }

// checker holds truth, journal and screens against each other while they come in, and once more at the end.
type checker struct {
	truth *kit.Truth
	base  func() time.Time

	mu      sync.Mutex // guards what follows; who holds it sees time stand still
	seq     int64      // of the last effect that was read
	broken  []violation
	said    map[string]bool
	wasSet  []time.Time // when our wall clock was set; base
	setBack []time.Time // when it was set back
	totals  totals

	locks     map[key]*grant
	holds     map[string]*hold // of ECBs
	jobs      map[key]*job
	places    map[key][]string  // where a backup lies
	processed map[key]bool      // backups that an appliance has processed
	meddled   map[key]time.Time // backups that somebody else did something to, when last
	intents   []*intent         // by order
	byID      map[uint64]*intent
	byRun     map[key][]*intent // by engine and appliance
	runs      map[string]*run
	ends      map[key]bool // jobs whose end was told
}

// run is an engine as the checker knows it.
type run struct {
	id    string
	looks bool // it must not change anything
	adopt bool
	from  time.Time
	awake time.Time // from, in virtual time
	ended time.Time // base; zero while it runs
	// unwritable are the spans in which its journal took nothing.
	unwritable []span
	snaps      map[string]*fleet.Snapshot
	mine       map[key]time.Time // locks that it shows as its own, since when without a break; virtual time, in which screens live
}

// span is one of virtual time, in which engines live.
type span struct{ from, to time.Time }

// totals are what a run came to.
type totals struct {
	grants, releases, transfers, intents, crashes, shown int

	strays      int // configuration locks granted to a token that was found not to have them before
	lockSeconds int // in which a lock was shown as held, by looks once a second
	past        int // of them those after its end

	lost, foreign, doubled int // locks lost, foreign releases, transfers doubled or lost
}

func newChecker(truth *kit.Truth, base func() time.Time) *checker {
	return &checker{
		truth: truth, base: base, said: map[string]bool{}, locks: map[key]*grant{}, holds: map[string]*hold{}, jobs: map[key]*job{},
		places: map[key][]string{}, meddled: map[key]time.Time{}, processed: map[key]bool{}, byID: map[uint64]*intent{}, byRun: map[key][]*intent{}, runs: map[string]*run{}, ends: map[key]bool{},
	}
}

// breaks notes a violation, once. The caller holds mu.
func (c *checker) breaks(rule, name, format string, args ...any) {
	v := violation{rule: rule, appliance: name, what: fmt.Sprintf(format, args...), at: c.base()}
	id := v.rule + v.appliance + v.what
	if c.said[id] {
		return
	}
	c.said[id] = true
	switch rule {
	case "I2":
		c.totals.past++
	case "I1":
		c.totals.lost++
	case "I3":
		c.totals.foreign++
	case "I4":
		c.totals.doubled++
	}
	c.broken = append(c.broken, v)
}

// violations are those found so far.
func (c *checker) violations() []violation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]violation(nil), c.broken...)
}

// began notes that an engine runs.
func (c *checker) began(id string, looks, adopt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs[id] = &run{id: id, looks: looks, adopt: adopt, from: c.base(), awake: time.Now(), snaps: map[string]*fleet.Snapshot{}}
}

// ended notes that an engine runs no more; what comes of it from now on is no screen of anybody's.
func (c *checker) ended(id string, crashed bool) {
	c.catchUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.runs[id]; r != nil && r.ended.IsZero() {
		r.ended = c.base()
		if crashed {
			c.totals.crashes++
		}
	}
}

// catchUp reads the truth log up to now.
func (c *checker) catchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
}

// follow is catchUp for who holds mu.
func (c *checker) follow() {
	for _, e := range c.truth.Since(c.seq) {
		c.seq = e.Seq
		c.effect(e)
	}
}

// engineOf is the engine of ours that asked for an effect, empty for everybody else.
func engineOf(e kit.Effect) string {
	name, _, _ := strings.Cut(e.Client, ":")
	id, ours := strings.CutPrefix(name, runPrefix)
	if !ours {
		return ""
	}
	return id
}

// changes reports whether an effect changed something that we answer for.
func changes(e kit.Effect) bool {
	switch e.What {
	case "lock.granted", "lock.moved", "lock.released", "job.started", "push.cancelled", "job.deleted", "backup.deleted",
		"backup.created", "backup.restored", "config.edited", "config.saved", "config.activated", "config.restored", "async.begun":
		return true
	case "job.ended":
		return e.State != ""
	}
	return false
}

// effect takes one effect over.
func (c *checker) effect(e kit.Effect) {
	id := engineOf(e)
	if r := c.runs[id]; id != "" && changes(e) && (r == nil || r.looks) {
		c.breaks("role", e.Appliance, "%s by %s, which may only look", e.What, e.Client)
	}
	switch e.What {
	case "lock.granted", "lock.moved", "lock.released", "lock.expired", "lock.stolen":
		if e.Scope == appliance.ConfigurationLock {
			c.exclusiveEffect(e, id)
		} else {
			c.lockEffect(e, id)
		}
	case "backup.processed":
		c.processed[key{e.Appliance, e.UUID}] = true
	case "job.started", "job.ended", "push.cancelled":
		c.jobEffect(e, id)
	case "backup.added", "backup.copied", "backup.moved", "backup.pushed", "backup.arrived", "backup.deleted":
		c.places[key{e.Appliance, e.UUID}] = e.Locations
		if e.What == "backup.deleted" && id != "" {
			c.deletion(e, id)
		} else if len(e.Locations) == 0 && id != "" {
			c.breaks("I5", e.Appliance, "backup %s lies nowhere after %s by %s", e.UUID, e.What, e.Client)
		}
	}
}
