package fleet

import (
	"fmt"
	"slices"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// keptOn reports whether a lock of an ended engine is to be kept further: not beyond the time that was chosen, nor beyond what it
// was for. The caller holds w.mu.
func (w *watcher) keptOn(h Holding) bool {
	return h.Kept && h.Purpose == "" && (h.KeepUntil.IsZero() || h.KeepUntil.After(w.e.clock.Now().Wall))
}

// keepFor keeps a lock as an ended engine did. The caller holds w.mu.
func (w *watcher) keepFor(h Holding, o *own) *keeping {
	k := w.newKeeping(policy.Person{Name: h.Who, Role: w.e.heir.Role}, o, h.KeepUntil)
	k.job = h.Job
	if h.KeepTTL > 0 { // else it would grow with its mark from run to run
		k.ttl = h.KeepTTL
	}
	w.claims.keeps = append(w.claims.keeps, k)
	return k
}

// tell has a holding say how it is kept.
func (k *keeping) tell(h *Holding) {
	h.Kept, h.KeepUntil, h.Job, h.KeepTTL = true, k.until.Wall, k.job, k.ttl
}

// retake goes on with taking another lock for one that an ended engine had kept and lost, or says why not. The caller holds w.mu.
func (w *watcher) retake(h Holding, scope appliance.Scope) {
	now := w.e.clock.Now()
	w.claims.dirty[h.Lock] = true
	text := fmt.Sprintf("the lock about %s that an earlier run kept for %s ended after %s, before another took its place", scope, h.Who, at(h.Received))
	if !w.keptOn(h) {
		w.ring(Alarm, text+"; it is not to be kept any longer")
		return
	}
	k := w.keepFor(h, &own{lock: appliance.Lock{ID: h.Lock, Scope: scope}, purpose: h.Purpose})
	k.lock, k.was, k.broken = "", h.Lock, pastReading(now, h.Received)
	w.ring(Alarm, text+": it is taken anew")
}

// soughtBy is what has a lock about a scope taken for somebody in the place of one that ended; nil = nothing does. The caller
// holds w.mu.
func (w *watcher) soughtBy(who, scope string) *keeping {
	for _, k := range w.claims.keeps {
		if k.lock == "" && k.by.Name == who && k.scope.Code == scope {
			return k
		}
	}
	return nil
}

// foundAnew ends those keepings that were inherited without a lock and for which the earlier run had another one already: it may
// have ended before it could record that. The caller holds w.mu.
func (w *watcher) foundAnew() {
	for _, k := range slices.Clone(w.claims.keeps) {
		o := w.claims.own[k.lock]
		if o == nil || !o.inherited {
			continue
		}
		if old := w.soughtBy(k.by.Name, k.scope.Code); old != nil && o.granted.Sent.Wall.After(old.broken.Wall) {
			w.stopKeeping(old)
			w.tellGap(old.scope, old.broken, pastReading(w.e.clock.Now(), o.granted.Received.Wall))
		}
	}
}
