// Package kit is what both simulated appliances are made of: a clock of their own, accounts with roles, named switches
// for what the vendors leave unknown, and the truth log that says what really happened.
package kit

import (
	"sync"
	"time"
)

// Clock is an appliance's own clock. It runs at the speed of the base clock and may be set off from it, in either
// direction, at any time.
type Clock struct {
	mu   sync.Mutex
	base func() time.Time
	skew time.Duration
}

// NewClock returns a clock that follows base; nil means time.Now.
func NewClock(base func() time.Time) *Clock {
	if base == nil {
		base = time.Now
	}
	return &Clock{base: base}
}

// Now is the appliance's time, without a monotonic reading, as an appliance would print it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.skew).Round(0)
}

// Base is the time that really passes, whatever the appliance believes; lifetimes (locks, tokens, jobs) run on it.
func (c *Clock) Base() time.Time { return c.base() }

// Step moves the appliance's clock by d from where it stands.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew += d
}
