package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// gapsKept is how long a gap in what was to be covered stays shown.
const gapsKept = 24 * time.Hour

// lose keeps a loss until it is acknowledged. The caller holds w.mu.
func (w *watcher) lose(l Lost) {
	w.claims.lost = append(slices.DeleteFunc(w.claims.lost, func(x Lost) bool { return x.Lock == l.Lock }), l)
	w.claims.dirty[l.Lock] = true
	w.showClaims()
}

// tellGap says that a scope may not have been covered between two moments, if the second is the later one (faults.md
// LCK-06). What ran meanwhile is asked for again. The caller holds w.mu.
func (w *watcher) tellGap(scope appliance.Scope, from, to appliance.Reading) {
	if to.Run <= from.Run {
		return
	}
	w.claims.gaps = append(w.claims.gaps, Gap{Scope: scope, From: from, To: to})
	w.showClaims()
	w.ring(Alarm, fmt.Sprintf("there may have been a gap: between %s and %s no lock about %s is known to have been there; look whether "+
		"what needs it still runs", at(from.Wall), at(to.Wall), scope))
	w.e.sched.wake(w, of(laneJobs)&w.lanes)
}

// showClaims brings the snapshot's doubts, losses and gaps up to date. The caller holds w.mu and publishes.
func (w *watcher) showClaims() {
	now := w.e.clock.Now()
	w.claims.gaps = slices.DeleteFunc(w.claims.gaps, func(g Gap) bool { return now.Since(g.To) > gapsKept })
	var doubts []Doubt
	for _, d := range w.claims.doubts {
		doubts = append(doubts, Doubt{Claim: d.claim, Who: d.who, Since: d.sent, Until: ahead(d.sent, d.end(now)-d.sent.Run)})
	}
	w.s.Doubts, w.s.Lost, w.s.Gaps = doubts, slices.Clone(w.claims.lost), slices.Clone(w.claims.gaps)
	w.content = true
}

// ahead is the reading that our clocks show after a time, if nobody sets them.
func ahead(from appliance.Reading, by time.Duration) appliance.Reading {
	return appliance.Reading{Wall: from.Wall.Add(by), Run: from.Run + by}
}

// lock is the lock in words.
func (l Lost) lock() string { return name(appliance.Lock{ID: l.Lock, Scope: l.Scope}) }

// Acknowledge takes a loss off the screen, and out of the journal. Errors: ErrRefusedByUs, or that of the journal, in which
// case a later run shows it again.
func (e *Engine) Acknowledge(ctx context.Context, p policy.Person, name string, id appliance.LockID) error {
	w := e.byName[name]
	if w == nil {
		return refuse(fmt.Sprintf("there is no appliance named %q", name))
	}
	if p.Role != policy.Operator && p.Role != policy.Admin {
		return refuse("your role is " + p.Role.String() + ", which may only look")
	}
	w.mu.Lock()
	at := slices.IndexFunc(w.claims.lost, func(l Lost) bool { return l.Lock == id })
	found, what := at >= 0, ""
	if found {
		what = w.claims.lost[at].lock()
		w.claims.lost = slices.DeleteFunc(slices.Clone(w.claims.lost), func(l Lost) bool { return l.Lock == id })
		w.claims.dirty[id] = true
		w.showClaims()
		w.publish()
	}
	w.mu.Unlock()
	if !found {
		return refuse("no such lock is shown as lost")
	}
	e.event(Info, name, p.Name, "acknowledged that the lock "+what+" was lost")
	return w.flush(ctx)
}
