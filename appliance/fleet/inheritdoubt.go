package fleet

import (
	"holdfast/appliance"
)

// inheritDoubt looks for the lock that came of a request of an ended engine, unless that engine noted it. The caller holds
// w.mu.
func (w *watcher) inheritDoubt(r Record, asked map[uint64]*doubt) (outcome Outcome, note string) {
	now := w.e.clock.Now()
	d := &doubt{
		claim: r.Act.Claim, leapt: w.e.leapt(), who: r.Who, since: r.Since, before: map[appliance.LockID]bool{}, intent: r.ID, left: true,
		inherited: true, sent: pastReading(now, r.At.Wall),
	}
	if d.claim.Scope == "" {
		d.claim.Scope = r.Act.Lock.Scope.Code
	}
	for _, id := range r.Before {
		d.before[id] = true
	}
	if !marked(d.claim.TTL) || (r.Before == nil && r.Since.IsZero()) {
		return OutcomeUnknown, "whether a lock came of it cannot be told, look there"
	}
	if r.Act.Verb == appliance.VerbExtend {
		d.keeps = r.Act.Lock.ID
		d.keep = w.wishFor(d.keeps)
	} else {
		d.keep = w.soughtBy(r.Who, d.claim.Scope)
	}
	asked[r.ID] = d
	if first := asked[r.Again]; first != nil { // the answer to that was lost
		d.family = first.family
		d.family.add(d)
	} else {
		w.join(d)
	}
	for id, o := range w.claims.own {
		sent := o.granted.Sent.Wall.Sub(r.At.Wall) // at once after its intent was recorded, or it is another request's of the same time
		if o.inherited && !d.before[id] && o.lock.Scope.Code == d.claim.Scope && o.ttl == d.claim.TTL && 0 <= sent && sent <= writeLimit {
			w.inheritGot(d, id)
			return OutcomeDone, "the lock " + name(o.lock) + " came of it"
		}
	}
	d.until, d.calm = d.sent.Run+d.claim.TTL+lateEffect, now.Run+lateEffect
	w.claims.doubts = append(w.claims.doubts, d)
	w.showClaims()
	return "", "what came of it is looked for"
}

// inheritGot notes which lock came of a request of an ended engine; one that came of the same request before is given back. The
// caller holds w.mu.
func (w *watcher) inheritGot(d *doubt, id appliance.LockID) {
	d.got = id
	for _, s := range d.family.members {
		if other := w.claims.own[s.got]; s != d && other != nil && other.owed == nil && s.got != id && s.got != d.keeps {
			w.surplus(other, d)
		}
	}
}
