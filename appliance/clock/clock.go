// Package clock gives wall and monotonic time in one reading.
//
// Go's monotonic clock stands still while the host is suspended, and the wall clock can be set. The run of a reading is
// taken from whichever of the two moved more since the last look, so that a lease computed from it is never overstated
// (faults.md, "Lease arithmetic", CLK-03 and CLK-04).
package clock

import (
	"sync"
	"time"

	"holdfast/appliance"
)

// stepFloor is the disagreement of the two clocks that counts as a step. Below it the monotonic clock is believed: the
// two are not read at the very same moment.
const stepFloor = 100 * time.Millisecond

// longestStep is what a longer step of the wall clock counts as. No lock lives that long, and run cannot overflow.
const longestStep = 10 * 365 * 24 * time.Hour

// Source tells wall time and monotonic time since some fixed moment.
type Source func() (wall time.Time, mono time.Duration)

// Clock makes readings. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	source Source
	wall   time.Time     // the reference point: wall clock,
	mono   time.Duration // monotonic clock
	run    time.Duration // and run, all at one moment
	steps  int
	last   Step
}

// Step is a disagreement between the two clocks: the host was suspended, or the wall clock was set.
type Step struct {
	Count int           // how many there were so far
	By    time.Duration // the latest: how much further the wall clock moved than the monotonic one; negative = back
	// Moved and Net are the sums of all steps, without and with their signs. Only their differences between two looks mean
	// something: several steps may lie between, and one back may hide one forward.
	Moved, Net time.Duration
}

// System returns a clock on this host's clocks.
func System() *Clock {
	start := time.Now()
	return New(func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	})
}

// New returns a clock on the given source.
func New(source Source) *Clock {
	c := &Clock{source: source}
	c.wall, c.mono = source()
	return c
}

// Now takes a reading. Its run never decreases.
func (c *Clock) Now() appliance.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.source()
	byMono := max(0, mono-c.mono)
	run := c.run + byMono
	by := max(-longestStep, min(wall.Sub(c.wall.Add(byMono)), longestStep)) // how much further the wall clock moved
	if by > stepFloor || by < -stepFloor {
		run += max(0, by)
		c.wall, c.mono, c.run = wall, mono, run
		c.steps++
		c.last = Step{Count: c.steps, By: by, Moved: c.last.Moved + by.Abs(), Net: c.last.Net + by}
	}
	return appliance.Reading{Wall: wall, Run: run}
}

// Steps tells how often the clocks disagreed so far, and the latest time.
func (c *Clock) Steps() Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}
