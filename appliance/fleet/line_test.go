package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
)

func TestFault_NET01_UnreachableIsToldOnceAndOthersGoOn(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.add("dc2") }, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		known := b.snap().LocksPart.At
		b.f.with(func() { b.f.before = fails(appliance.ErrUnreachable) })
		before := b.f.all()
		other := b.fakes[1].asked("locks")
		b.pass(11 * time.Minute)
		s := b.snap()
		must(t, "state", s.State, StateDown)
		if tries := b.f.all() - before; tries < 12 || tries > 60 {
			t.Errorf("%d tries in eleven minutes; the backoff is 1 s to 60 s with jitter", tries)
		}
		if s.LocksPart.At.Run < known.Run || !s.LocksPart.Stale(b.clock.Now()) || s.NextTry.IsZero() || s.Advice == "" {
			t.Errorf("the last data must stay and be stale, with advice and the next try: %+v", s)
		}
		if n := b.fakes[1].asked("locks") - other; n < 65 || n > 67 {
			t.Errorf("the other appliance was asked %d times, want 66", n)
		}
		must(t, "warnings", len(b.events(Warn)), 1)
		b.f.with(func() { b.f.before = nil })
		b.pass(time.Minute)
		must(t, "state after", b.snap().State, StateUp)
		good := b.events(Good)
		if len(good) != 1 || !strings.Contains(good[0], "answers again, after 1") {
			t.Errorf("recovery is told as %q", good)
		}
		if b.snap().BackupsPart.Stale(b.clock.Now()) {
			t.Error("after the return everything is asked")
		}
	})
}

// fails answers every call with an error.
func fails(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

func TestFault_NET02_SilenceEndsAtTheDeadline(t *testing.T) {
	run(t, func(b *bench, _ *Options) {
		b.f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	}, func(t *testing.T, b *bench) {
		must(t, "state", b.snap().State, StateAsking)
		b.pass(callTimeout)
		must(t, "state", b.snap().State, StateDown)
	})
}

func TestFault_NET08_RestartIsOneOutage(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		var mu sync.Mutex
		script := []error{
			appliance.ErrUnreachable, appliance.ErrUnreachable, appliance.ErrBusy, appliance.ErrUnreachable, appliance.ErrBusy,
			appliance.ErrCredentials,
		}
		states := map[State]bool{}
		b.f.with(func() {
			b.f.before = func(context.Context, string) error {
				mu.Lock()
				defer mu.Unlock()
				if len(script) == 0 {
					return nil
				}
				err := script[0]
				script = script[1:]
				return err
			}
		})
		locks, jobs := b.f.asked("locks"), b.f.asked("jobs")
		b.pass(12 * time.Second)
		for range 300 {
			if s := b.snap().State; !s.Answers() {
				states[s] = true
				why := b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbAcquire})
				if why == "" {
					t.Fatal("nothing may be changed while it restarts")
				}
			}
			b.pass(time.Second)
		}
		must(t, "restarting was shown", states[StateRestarting], true)
		must(t, "refused was shown", states[StateRefused], false)
		must(t, "state", b.snap().State, StateUp)
		must(t, "events of loss and return", len(b.e.Events(0, 0)), 2)
		must(t, "locks and jobs were asked again", b.f.asked("locks") > locks && b.f.asked("jobs") > jobs, true)
	})
}

// later is an error that carries a Retry-After.
type later struct {
	error
	wait time.Duration
}

func (l later) RetryAfter() time.Duration { return l.wait }

func TestFault_NET09_RetryAfterIsHonouredAndCapped(t *testing.T) {
	for _, c := range []struct{ told, quiet, again time.Duration }{
		{2 * time.Minute, 2*time.Minute - time.Second, 14 * time.Second},
		{time.Hour, 5*time.Minute - time.Second, 33 * time.Second},
	} {
		run(t, nil, func(t *testing.T, b *bench) {
			b.f.with(func() { b.f.before = fails(fmt.Errorf("get: %w", later{appliance.ErrBusy, c.told})) })
			b.pass(10 * time.Second)
			must(t, "state", b.snap().State, StateRestarting)
			// From the failed poll on, silence; then one more try.
			from := b.f.all()
			wait := b.snap().NextTry.Run - b.clock.Now().Run
			b.pass(wait - time.Second)
			must(t, "requests while waiting", b.f.all()-from, 0)
			if wait > c.quiet+c.again || wait < c.quiet-11*time.Second {
				t.Errorf("told to wait %s it waits %s", c.told, wait)
			}
			b.pass(2 * time.Second)
			must(t, "requests after it", b.f.all()-from, 1)
		})
	}
}

func TestFault_NET10_ManyFailAtOnceAndReturnAtOnce(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	broken := false
	run(t, func(b *bench, o *Options) {
		o.Workers = 8
		for i := range 49 {
			b.add(fmt.Sprintf("a%d", i))
		}
		for _, f := range b.fakes {
			f.before = func(context.Context, string) error {
				mu.Lock()
				now++
				most = max(most, now)
				fail := broken
				mu.Unlock()
				<-time.After(50 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				now--
				if fail {
					return appliance.ErrUnreachable
				}
				return nil
			}
		}
	}, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		set := func(v bool) { mu.Lock(); broken = v; mu.Unlock() }
		total := func() (n int) {
			for _, f := range b.fakes {
				n += f.all()
			}
			return n
		}
		set(true)
		b.pass(10 * time.Minute)
		before := total()
		b.pass(5 * time.Minute)
		if n := total() - before; n > 50*20 {
			t.Errorf("50 dead appliances were asked %d times in five minutes; half-open means one probe each time", n)
		}
		set(false)
		b.pass(70 * time.Second)
		for _, s := range b.e.Snapshots() {
			must(t, s.Name, s.State, StateUp)
		}
		must(t, "events", len(b.e.Events(0, 0)), 100)
		mu.Lock()
		defer mu.Unlock()
		if most > 8 {
			t.Errorf("%d polls at once with 8 workers", most)
		}
	})
}

func TestFault_TOK05_TwoRejectionsThenSilence(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.before = fails(appliance.ErrCredentials) }, func(t *testing.T, b *bench) {
		b.pass(time.Hour)
		w := b.e.byName["dc1"]
		b.e.sched.wake(w, w.lanes) // as after a step of our clock
		b.pass(time.Hour)
		must(t, "requests with a wrong password", b.f.all(), 2)
		s := b.snap()
		must(t, "state", s.State, StateRefused)
		must(t, "alarms", len(b.events(Alarm)), 1)
		must(t, "next try", s.NextTry.IsZero(), true)
		_, err := b.do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: time.Minute}})
		mustIs(t, err, ErrRefusedByUs)
		b.e.Look("dc1")
		b.pass(time.Hour)
		must(t, "requests after one look", b.f.all(), 3)
		b.f.with(func() { b.f.before = nil })
		b.pass(time.Hour)
		must(t, "requests without a look", b.f.all(), 3)
		b.e.Look("")
		b.pass(time.Second)
		must(t, "state after the right password", b.snap().State, StateUp)
	})
}

func TestFault_TOK05_AnActCountsToo(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = fails(appliance.ErrCredentials); clear(b.f.count) })
		_, err := b.do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: time.Minute}})
		mustIs(t, err, appliance.ErrCredentials)
		b.pass(time.Hour)
		must(t, "requests", b.f.all(), 2)
		must(t, "state", b.snap().State, StateRefused)
	})
}

func TestFault_TOK05_ThePasswordChangesInTheMiddleOfAnExtension(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.acquire(20 * time.Minute)
		var acquired atomic.Bool
		var rejected atomic.Int32
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if acquired.Load() {
					rejected.Add(1)
					return appliance.ErrCredentials
				}
				return nil
			}
			b.f.after = func(call string) error { acquired.CompareAndSwap(false, call == "acquire"); return nil }
		})
		_, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock})
		must(t, "error", err, nil)
		b.pass(time.Hour)
		must(t, "rejections", rejected.Load(), 2)
		must(t, "state", b.snap().State, StateRefused)
	})
}

// An ECB's client tells its lock from memory: that it does says nothing of our credentials.
func TestFault_TOK05_WhatIsToldFromMemoryIsNoAnswer(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		var rejected atomic.Int32
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "locks" {
					return nil
				}
				rejected.Add(1)
				return appliance.ErrCredentials
			}
		})
		w := b.e.byName["dc1"]
		for range 20 {
			b.e.sched.wake(w, of(laneLocks, laneJobs))
			b.pass(time.Second)
		}
		must(t, "rejections", rejected.Load(), 2)
		must(t, "state", b.snap().State, StateRefused)
	})
}

func TestFault_TLS02_UntrustedIsRetriedSlowly(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.before = fails(appliance.ErrUntrusted) }, func(t *testing.T, b *bench) {
		b.pass(10 * time.Minute)
		if n := b.f.all(); n < 9 || n > 12 {
			t.Errorf("%d tries in ten minutes, want one a minute", n)
		}
		s := b.snap()
		must(t, "state", s.State, StateUntrusted)
		must(t, "advice names the command", strings.Contains(s.Advice, "holdfast trust dc1"), true)
	})
}

func TestBackoffIsFullJitterFromOneToSixtySeconds(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		w := b.e.byName["dc1"]
		w.mu.Lock()
		defer w.mu.Unlock()
		limit := 2 * time.Second
		for try := range 10 {
			least, most := time.Hour, time.Duration(0)
			for range 500 {
				w.line.tries = try
				d := w.backoff()
				least, most = min(least, d), max(most, d)
			}
			if least < time.Second || least > time.Second+limit/10 || most > limit || most < limit*9/10 {
				t.Errorf("try %d: delays from %s to %s, want all of 1 s to %s", try, least, most, limit)
			}
			limit = min(2*limit, time.Minute)
		}
	})
}
