package clock_test

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

const (
	// floor is the disagreement of wall and monotonic clock up to which the monotonic one is believed.
	floor = 100 * time.Millisecond
	year  = 365 * 24 * time.Hour
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// double is a host's two clocks, moved by hand. The monotonic one starts anywhere.
type double struct {
	wall time.Time
	mono time.Duration
}

func newDouble() *double { return &double{wall: noon, mono: 40 * time.Hour} }

func (d *double) source() (time.Time, time.Duration) { return d.wall, d.mono }

// run lets time go by while the host is awake.
func (d *double) run(t time.Duration) { d.wall, d.mono = d.wall.Add(t), d.mono+t }

// suspend lets time go by while it sleeps: the monotonic clock stands still.
func (d *double) suspend(t time.Duration) { d.wall = d.wall.Add(t) }

// set moves the wall clock by hand.
func (d *double) set(by time.Duration) { d.wall = d.wall.Add(by) }

func expect(t *testing.T, c *clock.Clock, run time.Duration, steps int) appliance.Reading {
	t.Helper()
	r := c.Now()
	if r.Run != run {
		t.Errorf("run %v, want %v", r.Run, run)
	}
	if s := c.Steps(); s.Count != steps {
		t.Errorf("%d steps, want %d", s.Count, steps)
	}
	return r
}

func TestRunBeginsAtZero(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	if r := expect(t, c, 0, 0); !r.Wall.Equal(noon) {
		t.Errorf("wall %v", r.Wall)
	}
	d.run(time.Second)
	if r := expect(t, c, time.Second, 0); !r.Wall.Equal(noon.Add(time.Second)) {
		t.Errorf("wall %v", r.Wall)
	}
}

func TestFault_CLK03_Suspend(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	d.run(time.Minute)
	before := expect(t, c, time.Minute, 0)
	d.suspend(2 * time.Hour)
	after := expect(t, c, 2*time.Hour+time.Minute, 1)
	if by := c.Steps().By; by != 2*time.Hour {
		t.Errorf("step by %v", by)
	}
	if got := after.Since(before); got != 2*time.Hour {
		t.Errorf("%v went by, want 2h", got)
	}
	d.run(time.Minute)
	expect(t, c, 2*time.Hour+2*time.Minute, 1) // awake again: counted once
}

func TestFault_CLK03_SuspendBetweenLooksThatAlsoRan(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	d.run(30 * time.Second)
	d.suspend(time.Hour)
	d.run(30 * time.Second)
	expect(t, c, time.Hour+time.Minute, 1)
}

func TestFault_CLK03_ShortSleepsAddUp(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	for range 1000 {
		d.suspend(floor / 2)
		d.run(time.Second)
		c.Now()
	}
	want := 1000*time.Second + 1000*floor/2
	if got := c.Now().Run; got < want-floor || got > want {
		t.Errorf("run %v, want %v less at most %v", got, want, floor)
	}
}

// Who looks now and then must see all that happened between, whichever step came last.
func TestFault_CLK03_StepsAreSummedUp(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	for _, by := range []time.Duration{2 * time.Hour, -30 * time.Minute, 200 * time.Millisecond} {
		d.set(by)
		c.Now()
	}
	want := clock.Step{
		Count: 3, By: 200 * time.Millisecond, Moved: 150*time.Minute + 200*time.Millisecond, Net: 90*time.Minute + 200*time.Millisecond,
	}
	if got := c.Steps(); got != want {
		t.Errorf("steps %+v, want %+v", got, want)
	}
}

func TestFault_CLK04_WallSetForward(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	d.run(time.Minute)
	d.set(time.Hour)
	expect(t, c, time.Hour+time.Minute, 1)
	d.run(time.Minute)
	expect(t, c, time.Hour+2*time.Minute, 1)
}

func TestFault_CLK04_WallSetBack(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	d.run(time.Minute)
	c.Now()
	d.set(-time.Hour)
	expect(t, c, time.Minute, 1) // nothing is taken back
	if by := c.Steps().By; by != -time.Hour {
		t.Errorf("step by %v", by)
	}
	d.run(time.Minute)
	expect(t, c, 2*time.Minute, 1)
	d.suspend(time.Hour) // and the hour set back does not hide an hour asleep
	expect(t, c, 2*time.Minute+time.Hour, 2)
}

func TestFault_CLK04_ForwardAndBackCountsOnce(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	d.set(time.Hour)
	expect(t, c, time.Hour, 1)
	d.set(-time.Hour)
	expect(t, c, time.Hour, 2)
}

// TestFault_CLK04_Centuries: a host that wakes without a battery is in 1970, or in a far future; nothing overflows.
func TestFault_CLK04_Centuries(t *testing.T) {
	for _, by := range []time.Duration{-250 * year, -56 * year, 56 * year, 250 * year} {
		d := newDouble()
		c := clock.New(d.source)
		last := c.Now().Run
		for i := range 8 {
			d.run(time.Second)
			d.set(by)
			if i%2 == 1 {
				d.set(-2 * by)
			}
			now := c.Now().Run
			if now < last+time.Second {
				t.Fatalf("step %d by %v: run went from %v to %v", i, by, last, now)
			}
			last = now
		}
	}
	d := newDouble()
	c := clock.New(d.source)
	for _, wall := range []time.Time{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), {}, noon} {
		before := c.Now().Run
		d.wall, d.mono = wall, d.mono+time.Second
		if got := c.Now().Run; got < before+time.Second {
			t.Errorf("wall clock set to %v: run went from %v to %v", wall, before, got)
		}
	}
}

func TestJitterDoesNotAddUp(t *testing.T) {
	d := newDouble()
	c := clock.New(d.source)
	var awake time.Duration
	for i := range 10_000 {
		d.run(time.Second)
		awake += time.Second
		wobble := floor * time.Duration(i%11-5) / 5 // -floor..floor, around the true time
		d.set(wobble)
		if got := c.Now().Run; got != awake {
			t.Fatalf("after %d looks run is %v, want %v", i+1, got, awake)
		}
		d.set(-wobble)
	}
	expect(t, c, awake, 0)
}

func TestStepFloor(t *testing.T) {
	for _, c := range []struct {
		by    time.Duration
		steps int
		run   time.Duration
	}{
		{floor, 0, time.Second}, {-floor, 0, time.Second}, {floor + 1, 1, time.Second + floor + 1}, {-floor - 1, 1, time.Second},
	} {
		d := newDouble()
		k := clock.New(d.source)
		d.run(time.Second)
		d.set(c.by)
		expect(t, k, c.run, c.steps)
	}
}

// TestFault_CLK04_Property: whatever the clocks do, run never goes back, and moves by the monotonic clock or by more: by
// the wall clock, as long as nobody sets that one back.
func TestFault_CLK04_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDouble()
		c := clock.New(d.source)
		last, steps := c.Now(), 0
		var awake, real time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			by := rapid.OneOf(rapid.Int64Range(0, int64(2*floor)), rapid.Int64Range(0, int64(48*time.Hour))).Draw(t, "by")
			how := rapid.SampledFrom([]string{"run", "suspend", "forward", "back"}).Draw(t, "how")
			switch t := time.Duration(by); how {
			case "run":
				d.run(t)
				awake, real = awake+t, real+t
			case "suspend":
				d.suspend(t)
				real += t
			case "forward":
				d.set(t)
			case "back":
				d.set(-t)
			}
			now := c.Now()
			if now.Run < last.Run {
				t.Fatalf("%s by %v: run went from %v to %v", how, time.Duration(by), last.Run, now.Run)
			}
			if now.Run < awake {
				t.Fatalf("run %v, while the monotonic clock moved %v", now.Run, awake)
			}
			if !now.Wall.Equal(d.wall) {
				t.Fatalf("wall %v, want %v", now.Wall, d.wall)
			}
			if s := c.Steps().Count; s < steps || s > steps+1 {
				t.Fatalf("%d steps, then %d", steps, s)
			}
			last, steps = now, c.Steps().Count
		}
	})
}

// TestFault_CLK03_Property: asleep and awake in any order, and the wall clock only ever set forward, run is never less
// than the time that really went by, but for the floor.
func TestFault_CLK03_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDouble()
		c := clock.New(d.source)
		var real time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			for range rapid.IntRange(1, 3).Draw(t, "events") {
				by := time.Duration(rapid.Int64Range(0, int64(5*time.Hour)).Draw(t, "by"))
				switch rapid.SampledFrom([]string{"run", "suspend", "forward"}).Draw(t, "how") {
				case "run":
					d.run(by)
					real += by
				case "suspend":
					d.suspend(by)
					real += by
				case "forward":
					d.set(by)
				}
			}
			if got := c.Now().Run; got < real-floor {
				t.Fatalf("run %v, while %v went by", got, real)
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	var mu sync.Mutex
	d := newDouble()
	c := clock.New(func() (time.Time, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		d.run(time.Millisecond)
		if d.mono%(50*time.Millisecond) == 0 {
			d.suspend(time.Second)
		}
		return d.source()
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			last, steps := c.Now(), 0
			for range 1000 {
				now := c.Now()
				if now.Run < last.Run+time.Millisecond {
					t.Errorf("run went from %v to %v", last.Run, now.Run)
					return
				}
				last = now
				if s := c.Steps().Count; s < steps {
					t.Errorf("%d steps, then %d", steps, s)
				} else {
					steps = s
				}
			}
		})
	}
	all.Wait()
	if got, want := c.Steps().Count, 8*1001/50; got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
}

func TestSystem(t *testing.T) {
	c := clock.System()
	a := c.Now()
	b := c.Now()
	if a.Run < 0 || b.Run < a.Run {
		t.Errorf("run %v, then %v", a.Run, b.Run)
	}
	if b.Run > time.Minute {
		t.Errorf("%v since the clock was made", b.Run)
	}
	if d := time.Since(a.Wall); d < -time.Minute || d > time.Minute {
		t.Errorf("wall clock off by %v", d)
	}
	if a.Wall != a.Wall.Round(0) {
		t.Error("the wall clock carries a monotonic reading, which would win in Sub")
	}
}
