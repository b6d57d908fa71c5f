package fleet

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

// Several steps of the clock between two ticks: what counts is all of them, whichever comes last.
func TestFault_CLK03_SeveralStepsBetweenTicks(t *testing.T) {
	release := func(b *bench, id appliance.LockID) appliance.Act {
		return appliance.Act{Verb: appliance.VerbRelease, Lock: appliance.Lock{ID: id}}
	}
	for _, c := range []struct {
		what  string
		steps []time.Duration
		jumps bool
		says  string
	}{
		{"asleep, then put right", []time.Duration{2 * time.Hour, 300 * time.Millisecond}, true, "forward by 2 h 0 min"},
		{"asleep, then set back as far", []time.Duration{2 * time.Hour, -2 * time.Hour}, true, "forth and back by 4 h 0 min"},
		{"set back", []time.Duration{-2 * time.Hour, 200 * time.Millisecond}, true, "back by 1 h 59 min"},
		{"small ones", []time.Duration{2 * time.Second, 2 * time.Second}, false, ""},
		{"small ones that add up", []time.Duration{3 * time.Second, 3 * time.Second}, true, "forward by 6 s"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var off atomic.Int64
			run(t, func(b *bench, o *Options) {
				start := time.Now()
				b.clock = clock.New(func() (time.Time, time.Duration) {
					now := time.Now()
					return now.Add(time.Duration(off.Load())).Round(0), now.Sub(start)
				})
				b.f.clock, o.Clock = b.clock, b.clock
			}, func(t *testing.T, b *bench) {
				id := b.acquire(20 * time.Hour)
				b.pass(1500 * time.Millisecond)
				must(t, "unsure", b.snap().Unsure, false)
				hold := make(chan struct{})
				b.f.with(func() {
					b.f.before = onCall("locks", func() { <-hold })
				})
				for _, by := range c.steps {
					off.Add(int64(by))
					b.clock.Now() // a viewer draws
				}
				lists := b.f.asked("locks")
				why := b.e.WhyNot(maria, "dc1", release(b, id))
				must(t, "refused at once: "+why, strings.Contains(why, "our clock jumped"), c.jumps)
				b.pass(1100 * time.Millisecond)
				must(t, "asked again", b.f.asked("locks")-lists, map[bool]int{true: 1, false: 0}[c.jumps])
				must(t, "unsure", b.snap().Unsure, c.jumps)
				if c.jumps {
					mustSay(t, b.events(Warn), "the clock of this host moved "+c.says)
				}
				close(hold)
				b.pass(time.Second)
				must(t, "unsure after the listing", b.snap().Unsure, false)
				must(t, "events of steps", len(b.events(Warn)), map[bool]int{true: 1, false: 0}[c.jumps])
			})
		})
	}
}
