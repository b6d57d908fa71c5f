package broker

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"holdfast/appliance/sim/kit"
)

// allTokens are the live ones in the order of their issue.
func (a *Appliance) allTokens() []*token {
	return slices.SortedFunc(maps.Values(a.tokens), func(x, y *token) int { return x.number - y.number })
}

// revoke ends tokens before their time, and with its token a lock held through REST, unless it is kept: then nobody has
// the token any more that could free it, and it ends when the token would have.
func (a *Appliance) revoke(now time.Time, tokens []*token, keepLock bool) {
	for _, t := range tokens {
		delete(a.tokens, t.text)
		a.record(now, itself, kit.Effect{What: "token.revoked", ID: t.id(), More: t.account.User})
	}
	if a.lock == nil || a.lock.token == nil || keepLock || !slices.Contains(tokens, a.lock.token) {
		return
	}
	a.release(now, "lock.released", itself, "token revoked", swEditsAtExpiry)
}

// RevokeToken ends the token that a request brings along, as RevokeTokens does all; it reports whether it was alive.
func (a *Appliance) RevokeToken(r *http.Request, keepLock bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	t, found := a.bearer(r)
	if found {
		a.revoke(now, []*token{t}, keepLock)
	}
	return found
}

// Restart does what a restart does to the state (api/ecb.md 3.5, 6.4): tokens are gone, and the lock with them unless it
// is kept; asynchronous work has failed and its slot is empty; what was edited and not activated is lost.
func (a *Appliance) Restart(keepLock bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	a.record(now, itself, kit.Effect{What: "appliance.restarted"})
	for _, op := range a.running {
		op.ended, op.failed = true, "Interrupted by a restart."
		a.recordEnd(op, now)
	}
	a.running, a.lastOp = nil, nil
	a.revoke(now, a.allTokens(), keepLock)
	if a.lock != nil && !keepLock {
		a.release(now, "lock.released", itself, "restart", swEditsAtExpiry)
	}
	a.config.editing = a.config.running
}

// StealFromUser is StealByOther that takes the lock only from a user of REST who is somebody real; it reports whether
// there was one.
func (a *Appliance) StealFromUser(source string) bool {
	return a.lockByOther(source, func(h *hold) bool { return h != nil && h.token != nil && h.token.account.User != otherUser })
}
