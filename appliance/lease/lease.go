// Package lease is the arithmetic of expiry: from when a lock was asked for and for how long, to what may be claimed of
// it now. It is pure; faults.md, "Lease arithmetic", is the rule it follows.
package lease

import (
	"time"

	"holdfast/appliance"
)

// Bounds of the safety margin (faults.md, "Lease arithmetic").
const (
	minMargin = time.Second
	maxMargin = time.Minute
)

// longestTTL is the longest time granted that is believed; sums with a longer one could overflow.
const longestTTL = 100 * 365 * 24 * time.Hour

// State is what may be said of a lock at one moment.
type State int

// States.
const (
	Unknown  State = iota // its end cannot be told
	Held                  // it is there, and may be relied on
	Expiring              // it may be gone; the appliance is to be asked
	Gone                  // it is gone, even without asking
)

// String is the state's word on the screen.
func (s State) String() string {
	return [...]string{"unknown", "held", "expiring", "gone"}[s]
}

// Term is the span of one lock on our run of time (appliance.Reading.Run). The zero value has no known end.
type Term struct {
	Known     bool
	From      time.Duration // the earliest moment at which it may have begun
	HeldUntil time.Duration // last moment at which we may say held
	End       time.Duration // the earliest end; the countdown runs to it
	GoneAfter time.Duration // from here on it is gone without asking
	TTL       time.Duration // time granted
	EndsWall  time.Time     // End on our wall clock, for showing
}

// Own is the term of a lock that we were granted: asked for at stamp.Sent, answered at stamp.Received, for ttl. worst is
// the worst recent round trip.
func Own(stamp appliance.Stamp, ttl, worst time.Duration) Term {
	if ttl <= 0 || ttl > longestTTL || stamp.Sent.IsZero() {
		return Term{}
	}
	margin := Margin(ttl, worst)
	end := stamp.Sent.Run + ttl
	return Term{
		Known:     true,
		From:      stamp.Sent.Run,
		HeldUntil: end - margin,
		End:       end,
		GoneAfter: max(stamp.Sent.Run, stamp.Received.Run) + ttl + margin,
		TTL:       ttl,
		EndsWall:  stamp.Sent.Wall.Add(ttl),
	}
}

// Listed is the term of a lock of which we know only what a list said: its creation, the time it was granted, and the
// appliance's Date in the same answer, all on the appliance's clock. A Date is only good to a second either way, so that
// the earliest end is a second before the one that the three tell. Anything missing or absurd makes the end unknown.
func Listed(stamp appliance.Stamp, created time.Time, ttl, worst time.Duration) Term {
	if ttl <= 0 || ttl > longestTTL || created.IsZero() || stamp.Date.IsZero() || stamp.Sent.IsZero() {
		return Term{}
	}
	const coarse = time.Second
	age := stamp.Date.Sub(created)
	if age < -coarse || age > ttl+time.Hour { // created in the appliance's future, or dead for an hour and still listed
		return Term{}
	}
	left := max(0, ttl-max(0, age))
	margin := Margin(ttl, worst)
	end := stamp.Sent.Run + left - coarse
	return Term{
		Known:     true,
		From:      end - ttl,
		HeldUntil: end - margin,
		End:       end,
		GoneAfter: max(stamp.Sent.Run, stamp.Received.Run) + left + coarse + margin,
		TTL:       ttl,
		EndsWall:  stamp.Sent.Wall.Add(left - coarse),
	}
}

// Margin is how much earlier than its earliest end a lock stops being relied on.
func Margin(ttl, worst time.Duration) time.Duration {
	m := min(max(ttl/500, 2*min(worst, maxMargin), minMargin), maxMargin)
	return min(m, ttl/10)
}

// At is what may be said now, and how long it still lasts at least; never negative, and zero when the end is unknown.
func (t Term) At(now appliance.Reading) (State, time.Duration) {
	if !t.Known {
		return Unknown, 0
	}
	left := max(0, t.End-now.Run)
	switch {
	case now.Run <= t.HeldUntil:
		return Held, left
	case now.Run <= t.GoneAfter:
		return Expiring, left
	default:
		return Gone, 0
	}
}

// ExtendFrom is when an extension should begin, so that it has nearly half of the lock's life to succeed.
func (t Term) ExtendFrom() time.Duration { return t.From + t.TTL/2 }

// Share is the part of the granted time that is left, 0 to 1.
func (t Term) Share(now appliance.Reading) float64 {
	if !t.Known {
		return 0
	}
	_, left := t.At(now)
	return min(1, float64(left)/float64(t.TTL))
}
