package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

func TestIntervals(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		must(t, "state", b.snap().State, StateUp)
		b.pass(10 * time.Minute)
		for what, want := range map[string]int{"locks": 61, "jobs": 61, "probe": 11, "backups": 11, "space": 11} {
			if n := b.f.asked(what); n < want-1 || n > want+1 {
				t.Errorf("%s were asked %d times in ten minutes, want about %d", what, n, want)
			}
		}
		b.f.with(func() { b.f.jobs = []appliance.Job{{ID: "5", Phase: appliance.PhaseRunning}} })
		b.pass(10 * time.Second)
		before := b.f.asked("jobs")
		b.pass(time.Minute)
		if n := b.f.asked("jobs") - before; n < 29 || n > 31 {
			t.Errorf("with a job running jobs were asked %d times a minute, want 30", n)
		}
		b.f.end("5", appliance.PhaseSucceeded, "Complete")
		b.pass(4 * time.Second)
		before = b.f.asked("jobs")
		b.pass(time.Minute)
		if n := b.f.asked("jobs") - before; n < 5 || n > 7 {
			t.Errorf("after the job jobs were asked %d times a minute, want 6", n)
		}
	})
}

// A fleet is spread over the period, nothing is asked twice at once, and nothing comes later than two periods.
func TestSchedulerSpreads(t *testing.T) {
	var mu sync.Mutex
	perSlot, last, latest := map[int64]int{}, map[string]time.Time{}, time.Duration(0)
	run(t, func(b *bench, o *Options) {
		for i := range 199 {
			b.add(fmt.Sprintf("a%d", i))
		}
		for _, f := range b.fakes {
			f.before = func(_ context.Context, call string) error {
				<-time.After(20 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				if call == "locks" {
					perSlot[time.Now().UnixMilli()/250]++
					if at, ok := last[f.name]; ok {
						latest = max(latest, time.Since(at))
					}
					last[f.name] = time.Now()
				}
				return nil
			}
		}
	}, func(t *testing.T, b *bench) {
		b.pass(20 * time.Second)
		mu.Lock()
		clear(perSlot)
		mu.Unlock()
		b.pass(2 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for slot, n := range perSlot {
			if n > 30 {
				t.Errorf("%d of 200 appliances were asked in slot %d of 40 a period", n, slot)
			}
		}
		if latest > 20*time.Second {
			t.Errorf("a poll came %s after the one before", latest)
		}
		for _, f := range b.fakes {
			f.with(func() { must(t, "calls of one appliance's polls at once", f.together, 1) })
		}
	})
}

func TestBlackHolesDelayNobody(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		o.Workers = 8
		for i := range 60 {
			f := b.add(fmt.Sprintf("hole%d", i))
			f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		}
	}, func(t *testing.T, b *bench) {
		b.pass(10 * time.Minute)
		if n := b.f.asked("locks"); n < 59 {
			t.Errorf("the one that answers was asked %d times in ten minutes, want 60", n)
		}
	})
}

func TestUnreadableIsNotNothing(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)} }, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "locks" {
					return fmt.Errorf("list: %w", appliance.ErrMalformed)
				}
				return nil
			}
		})
		b.pass(30 * time.Second)
		s := b.snap()
		must(t, "locks that stay shown", len(s.Locks), 1)
		must(t, "state", s.State, StateUp)
		must(t, "reason is told", s.LocksPart.Err != "" && len(s.Notices) > 0, true)
		b.f.with(func() { b.f.before = fails(appliance.ErrMalformed) })
		b.pass(5 * time.Minute)
		must(t, "state", b.snap().State, StateUnreadable)
		must(t, "events", len(b.e.Events(0, 0)), 1)
		b.f.with(func() { b.f.before = nil })
		b.pass(time.Minute)
		must(t, "state", b.snap().State, StateUp)
		must(t, "events", len(b.e.Events(0, 0)), 2)
	})
}

func foreignLock(id string, created time.Time) appliance.Lock {
	return appliance.Lock{
		ID: appliance.LockID(strings.Repeat(id, 32)), Scope: appliance.Scope{Code: "FC"}, Created: created, TTL: time.Hour,
	}
}

func TestPanicOfAClientIsAFailureOfOneAppliance(t *testing.T) {
	run(t, func(b *bench, _ *Options) {
		b.add("dc2")
		b.f.before = func(context.Context, string) error { panic("decoder") }
	}, func(t *testing.T, b *bench) {
		must(t, "state", b.snap().State, StateUnreadable)
		must(t, "the other", b.e.Snapshot("dc2").State, StateUp)
	})
}

func TestPanicInAnActIsAnUnknownOutcome(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.after = func(call string) error {
				if call == "acquire" {
					panic("decoder")
				}
				return nil
			}
		})
		_, err := b.do(up20)
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "under way", len(b.snap().Doing), 0)
		b.pass(11 * time.Second)
		must(t, "what came of it is found", b.lock(b.f.granted[0]).Mine, true)
		must(t, "outcome", b.notes.Records()[0].Outcome, OutcomeDone)
	})
}

func TestBrokenSettingsAreARow(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		o.Members = []Member{
			{Appliance: b.f, Name: "dc1"},
			{Name: "bad", Broken: errors.New("password file: no such file")},
		}
	}, func(t *testing.T, b *bench) {
		s := b.e.Snapshot("bad")
		must(t, "state", s.State, StateMisset)
		must(t, "trouble", s.Trouble, "password file: no such file")
		b.e.Look("bad")
		_, err := b.e.Do(t.Context(), maria, "bad", appliance.Act{Verb: appliance.VerbAcquire})
		mustIs(t, err, ErrRefusedByUs)
		must(t, "the other", b.snap().State, StateUp)
	})
}

func TestSlowIsSaid(t *testing.T) {
	run(t, func(b *bench, _ *Options) {
		b.f.before = func(context.Context, string) error { <-time.After(3 * time.Second); return nil }
	}, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		must(t, "state", b.snap().State, StateSlow)
		must(t, "it still answers", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbAcquire}), "")
	})
}

// strictJournal records nothing for a context that has ended.
type strictJournal struct{ Memory }

func (j *strictJournal) Settle(ctx context.Context, id uint64, outcome Outcome, note string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.Memory.Settle(ctx, id, outcome, note)
}

func TestCloseEndsPollsActsAndViewers(t *testing.T) {
	notes := &strictJournal{}
	run(t, func(_ *bench, o *Options) { o.Journal = notes }, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(ctx context.Context, call string) error {
				if call == "locks" { // which are listed just before one is asked for
					return nil
				}
				<-ctx.Done()
				return appliance.ErrAmbiguous
			}
		})
		v := b.e.Subscribe()
		if _, err := v.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 2)
		go func() {
			_, err := b.e.Do(t.Context(), maria, "dc1", appliance.Act{
				Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: time.Minute},
			})
			done <- err
		}()
		b.pass(11 * time.Second)
		from := time.Now()
		b.e.Close()
		must(t, "time to close", time.Since(from), 0)
		mustIs(t, <-done, appliance.ErrAmbiguous)
		must(t, "outcome", notes.Records()[0].Outcome, OutcomeUnknown)
		for {
			if _, err := v.Next(t.Context()); err != nil {
				mustIs(t, err, ErrClosed)
				break
			}
		}
		_, err := b.e.Do(t.Context(), maria, "dc1", appliance.Act{Verb: appliance.VerbAcquire})
		mustIs(t, err, ErrClosed)
		synctest.Wait()
	})
}

// What an appliance told along with its health, such as the time of its clock, wakes no viewer by itself, and is in the snapshot.
func TestRawHealthWakesNobody(t *testing.T) {
	wakes := func(differs bool) (n int) {
		run(t, func(b *bench, o *Options) {
			probes := 0
			b.f.before = func(_ context.Context, call string) error {
				if call == "probe" && differs {
					probes++
					b.f.with(func() { b.f.health.Raw = appliance.RawAnswer(fmt.Append(nil, probes)) })
				}
				return nil
			}
			o.Members = []Member{{Appliance: b.f, Name: "dc1", Intervals: Intervals{Health: 2 * time.Second}}}
		}, func(t *testing.T, b *bench) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			v := b.e.Subscribe()
			for {
				if _, err := v.Next(ctx); err != nil {
					break
				}
				n++
			}
			if told := b.snap().Health.Raw.Lines(); differs && (len(told) != 1 || told[0].String() < "2") {
				t.Errorf("the snapshot has %v", told)
			}
		})
		return n
	}
	if same, differs := wakes(false), wakes(true); differs != same {
		t.Errorf("woken %d times, and %d times when nothing changes", differs, same)
	}
}
