package broker

import (
	"time"

	"holdfast/appliance/sim/kit"
)

// due is something that happens by itself at a known base time.
type due struct {
	at    time.Time
	rank  int // order of what falls due at the same moment
	apply func()
}

func (d due) before(o due) bool {
	if !d.at.Equal(o.at) {
		return d.at.Before(o.at)
	}
	return d.rank < o.rank
}

// Ranks: work ends before the token that began it, and a token before the lock that hangs on it.
const (
	rankOperation = 1 << 40
	rankToken     = 2 << 40
	rankLock      = 3 << 40
)

// Settle lets everything happen that has become due, so that the truth log is complete up to now.
func (a *Appliance) Settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle(a.clock.Base())
}

// NextDue is the base time at which something will next happen by itself, if anything will.
func (a *Appliance) NextDue() (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next, found := a.nextDue()
	return next.at, found
}

func (a *Appliance) settle(now time.Time) {
	for {
		next, found := a.nextDue()
		if !found || next.at.After(now) {
			return
		}
		next.apply()
	}
}

func (a *Appliance) nextDue() (next due, found bool) {
	consider := func(d due) {
		if !found || d.before(next) {
			next, found = d, true
		}
	}
	for _, op := range a.running {
		consider(due{at: op.ends, rank: rankOperation + op.number, apply: func() { a.end(op) }})
	}
	for _, t := range a.tokens {
		consider(due{at: t.expires, rank: rankToken + t.number, apply: func() { a.expire(t) }})
	}
	if a.lock != nil && a.lock.token != nil {
		at := a.lock.token.expires
		if a.switches.Is(swLockAtExpiry, "swept") {
			at = at.Add(sweepDelay)
		}
		consider(due{at: at, rank: rankLock, apply: func() { a.release(at, "lock.expired", itself, "due", swEditsAtExpiry) }})
	}
	return next, found
}

func (a *Appliance) expire(t *token) {
	delete(a.tokens, t.text)
	a.record(t.expires, itself, kit.Effect{What: "token.expired", ID: t.id(), More: t.account.User})
}
