package chaos

import (
	"sync"
	"time"
)

// times are the clocks of everything: the time that really passes, by which appliances let locks end, and our host's wall clock
// and monotonic clock. They run with virtual time, and may be set off from it.
type times struct {
	start time.Time

	mu    sync.Mutex
	slept time.Duration // how long our host was suspended in all
	set   time.Duration // how far its wall clock was set in all
}

func newTimes() *times { return &times{start: time.Now()} }

// base is the time that really passes.
func (t *times) base() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Add(t.slept).Round(0)
}

// source is what our host's clocks say: the monotonic one stands still while it is suspended.
func (t *times) source() (wall time.Time, mono time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	return now.Add(t.slept + t.set).Round(0), now.Sub(t.start)
}

// suspend has our host sleep, while everybody else goes on.
func (t *times) suspend(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slept += d
}

// setWall sets our host's wall clock.
func (t *times) setWall(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set += by
}
