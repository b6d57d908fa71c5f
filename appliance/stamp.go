package appliance

import "time"

// Reading is one look at our clocks. Wall is for showing; Run is for arithmetic: the time that has run since the clock
// was made, by the monotonic or the wall clock, whichever says more (faults.md, "Lease arithmetic").
type Reading struct {
	Wall time.Time
	Run  time.Duration
}

// Since is the time from start to r, never negative.
func (r Reading) Since(start Reading) time.Duration { return max(0, r.Run-start.Run) }

// IsZero reports whether the reading was never taken.
func (r Reading) IsZero() bool { return r.Wall.IsZero() }

// Stamp says when an answer was asked for and when it came, on our clocks, and what the appliance's clock said.
type Stamp struct {
	Sent     Reading   // just before the request was written
	Received Reading   // the response header was fully read
	Date     time.Time // the appliance's Date header; zero when missing, malformed or cached (faults.md CLK-05)
}

// RoundTrip is how long the appliance took to answer.
func (s Stamp) RoundTrip() time.Duration { return s.Received.Since(s.Sent) }

// Skew is how far the appliance's clock is ahead of our wall clock, to about a second. False without a Date.
func (s Stamp) Skew() (time.Duration, bool) {
	if s.Date.IsZero() || s.Received.Wall.IsZero() {
		return 0, false
	}
	return s.Date.Sub(s.Received.Wall), true
}
