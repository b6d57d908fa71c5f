package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/raced"
)

// late has the answer of the next request for a lock lost, and its effect come after the delay; never = a negative one.
func (b *bench) late(delay time.Duration) {
	first := true
	b.f.with(func() {
		b.f.before = func(_ context.Context, call string) error {
			b.f.mu.Lock()
			defer b.f.mu.Unlock()
			if call != "acquire" || !first {
				return nil
			}
			first = false
			if delay >= 0 {
				ttl := up20.Claim.TTL
				time.AfterFunc(delay, func() {
					b.f.with(func() { b.f.granted = append(b.f.granted, b.f.put("UP", ttl, b.clock.Now().Wall)) })
				})
			}
			return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
		}
	})
}

// The effect comes up to a minute late: the lock is adopted and nothing is asked for twice.
func TestFault_LCK02_LateEffectIsAdopted(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second, 37 * time.Second, time.Minute} {
		run(t, nil, func(t *testing.T, b *bench) {
			b.late(delay)
			r, err := b.do(up20)
			must(t, "error", err, nil)
			must(t, "lock", r.Lock, b.f.granted[0])
			must(t, "mine", b.lock(r.Lock).Mine, true)
			must(t, "requests", b.f.asked("acquire"), 1)
			must(t, "soon", b.clock.Now().Run <= delay+15*time.Second, true)
			b.pass(3 * time.Minute)
			must(t, "requests", b.f.asked("acquire"), 1)
			must(t, "doubts", len(b.snap().Doubts), 0)
			must(t, "outcome", b.notes.Records()[0].Outcome, OutcomeDone)
		})
	}
}

// No effect: after the time of a request and two polls it is asked for once more, with another mark, once.
func TestFault_LCK02_NoEffectIsAskedForOnceMore(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.late(-1)
		r, err := b.do(up20)
		must(t, "error", err, nil)
		must(t, "requests", b.f.asked("acquire"), 2)
		must(t, "when", b.lock(r.Lock).Created.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Round(time.Second), 80*time.Second)
		mustSay(t, b.events(Warn), "acquire UP for 20m17s: the answer was lost; it is looked for until 00:01:20 UTC, then asked for once more")
		rec := b.notes.Records()
		must(t, "intents", len(rec), 2)
		first, second := rec[0].Act.Claim.TTL, rec[1].Act.Claim.TTL
		must(t, "another mark", marked(second) && second != first && second >= 20*time.Minute && second <= 22*time.Minute, true)
		must(t, "what was there", rec[1].Before != nil && !rec[1].Since.IsZero(), true)
		must(t, "the second", rec[1].Outcome, OutcomeDone)
		must(t, "the first, while it may take effect", rec[0].Outcome, "")
		b.pass(up20.Claim.TTL + lateEffect)
		must(t, "the first", b.notes.Records()[0].Outcome, OutcomeUnknown)
		must(t, "requests", b.f.asked("acquire"), 2)
	})
}

// Neither the first nor the second answer comes: there is no third request.
func TestFault_LCK02_OnceMoreIsOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = on("acquire", appliance.ErrAmbiguous) })
		_, err := b.do(up20)
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "requests", b.f.asked("acquire"), 2)
		b.pass(5 * time.Minute)
		must(t, "requests", b.f.asked("acquire"), 2)
		must(t, "doubts", len(b.snap().Doubts), 2)
		b.pass(25 * time.Minute)
		for _, r := range b.notes.Records() {
			must(t, "outcome", r.Outcome, OutcomeUnknown)
		}
	})
}

// What is to be extended would end while its extension is waited for: it is asked for once more at once.
func TestFault_LCK02_AtOnceWhenTheLockWouldEnd(t *testing.T) {
	for _, c := range []struct {
		age, least, most time.Duration
	}{
		{18 * time.Minute, 80 * time.Second, 90 * time.Second}, // two minutes are left: there is time
		{19 * time.Minute, 0, 10 * time.Second},
	} {
		run(t, nil, func(t *testing.T, b *bench) {
			old := b.acquire(20 * time.Minute)
			b.pass(c.age)
			b.late(-1)
			from := time.Now()
			_, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: appliance.Claim{TTL: 20*time.Minute + 7*time.Second}})
			must(t, "error", err, nil)
			took := time.Since(from)
			must(t, fmt.Sprintf("after %s", took), took >= c.least && took <= c.most, true)
			must(t, "requests", b.f.asked("acquire"), 3)
			last := b.notes.Records()[2].Act
			must(t, "the intent says what it extends", last.Verb == appliance.VerbExtend && last.Lock.ID == old, true)
			b.pass(15 * time.Second)
			must(t, "locks", len(b.f.alive()), 1)
		})
	}
}

// Two engines, which do not know of each other, ask for the same at once and both answers are lost: each finds its own.
func TestFault_LCK02_TwoClientsAtOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		other := b.another(t, newLedger(), "two", b.f)
		b.f.with(func() {
			b.f.before = onCall("acquire", func() { <-time.After(time.Second) }) // both have listed the locks by then
			b.f.after = func(call string) error {
				if call == "acquire" {
					return appliance.ErrAmbiguous
				}
				return nil
			}
		})
		asked := [2]time.Duration{20*time.Minute + 17*time.Second, 20*time.Minute + 18*time.Second}
		got := [2]appliance.LockID{}
		var group sync.WaitGroup
		for i, e := range []*Engine{b.e, other.e} {
			group.Go(func() {
				r, err := e.Do(t.Context(), maria, "dc1", appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: asked[i]}})
				if err != nil {
					t.Error(err)
				}
				got[i] = r.Lock
			})
		}
		group.Wait()
		b.pass(11 * time.Second)
		if t.Failed() {
			return
		}
		for i, x := range []*bench{b, other} {
			must(t, "its own", x.lock(got[i]).Mine && x.lock(got[i]).TTL == asked[i], true)
			must(t, "the other's", x.lock(got[1-i]).Mine, false)
		}
		must(t, "requests", b.f.asked("acquire"), 2)
	})
}

// The first request takes effect after it was sent again: both locks are ours; the later is kept, the other given back, once.
func TestFault_LCK03_BothTookEffect(t *testing.T) {
	for _, c := range []struct {
		what  string
		delay time.Duration // of the first one's effect
		lost  bool          // the second answer is lost too, and its effect is seen after that of the first
	}{
		{"the first appears after the second", 85 * time.Second, false},
		{"the first appears before the second is found", 82 * time.Second, true},
	} {
		for _, extends := range []bool{false, true} {
			t.Run(fmt.Sprint(c.what, extends), func(t *testing.T) {
				run(t, nil, func(t *testing.T, b *bench) {
					var old appliance.LockID
					act := up20
					if extends {
						old = b.keep("UP", time.Hour)
						act = appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: up20.Claim}
						act.Claim.TTL = time.Hour + 17*time.Second
					}
					n := b.f.asked("acquire")
					var early, later appliance.LockID
					b.f.with(func() {
						b.f.before = func(_ context.Context, call string) error {
							b.f.mu.Lock()
							defer b.f.mu.Unlock()
							if call != "acquire" {
								return nil
							}
							switch b.f.count["acquire"] - n {
							case 1:
								time.AfterFunc(c.delay, func() {
									b.f.with(func() { early = b.f.put("UP", act.Claim.TTL, b.clock.Now().Wall) })
								})
								return appliance.ErrAmbiguous
							case 2:
								if c.lost {
									ttl := b.notes.Records()[len(b.notes.Records())-1].Act.Claim.TTL
									time.AfterFunc(8*time.Second, func() {
										b.f.with(func() { later = b.f.put("UP", ttl, b.clock.Now().Wall) })
									})
									return appliance.ErrAmbiguous
								}
							}
							return nil
						}
					})
					r, err := b.do(act)
					if !c.lost {
						must(t, "error", err, nil)
						later = r.Lock
					} else {
						mustIs(t, err, appliance.ErrAmbiguous)
					}
					b.pass(40 * time.Second)
					must(t, "requests", b.f.asked("acquire")-n, 2)
					must(t, "the later one is there"+b.story(), slices.Equal(b.f.alive(), []appliance.LockID{later}), true)
					must(t, "mine", b.lock(later).Mine, true)
					given := strings.Count(strings.Join(b.f.log, " "), "release "+string(early))
					must(t, "the earlier one is given back", given, 1)
					mustSay(t, b.events(Warn), "two locks were granted to maria, as an answer was lost")
					if extends {
						must(t, "kept", b.kept(), later)
					}
					b.pass(3 * time.Hour)
					for _, rec := range b.notes.Records() {
						must(t, "open", rec.Outcome != "", true)
					}
				})
			})
		}
	}
}

// What was to be extended is given back while the extension is in doubt: what comes of it is not wanted either.
func TestFault_LCK03_NothingIsLeftOfWhatWasGivenBack(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.keep("UP", 20*time.Minute)
		b.pass(9*time.Minute + 58*time.Second)
		first := true
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				b.f.mu.Lock()
				defer b.f.mu.Unlock()
				if call != "acquire" || !first {
					return nil
				}
				first = false
				ttl := b.notes.Records()[1].Act.Claim.TTL
				time.AfterFunc(30*time.Second, func() { b.f.with(func() { b.f.put("UP", ttl, b.clock.Now().Wall) }) })
				return appliance.ErrAmbiguous
			}
		})
		b.pass(10 * time.Second)
		must(t, "in doubt", len(b.snap().Doubts), 1)
		_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(old).Lock})
		must(t, "error", err, nil)
		b.pass(2 * time.Minute)
		must(t, "locks"+b.story(), len(b.f.alive()), 0)
		must(t, "requests", b.f.asked("acquire"), 2)
	})
}

// Eight at once on two engines of one journal, a thousand times each: everybody ends with his own, and gives back only that.
func TestFault_LCK07_EightAtOnceAThousandTimes(t *testing.T) {
	rounds := raced.Or(1000, 200)
	l := newLedger()
	run(t, func(b *bench, o *Options) { o.ID, o.Journal, o.Adopt = "one", &page{ledger: l, engine: "one"}, true }, func(t *testing.T, b *bench) {
		other := b.another(t, l, "two", b.f)
		var group sync.WaitGroup
		for i := range 8 {
			e := []*Engine{b.e, other.e}[i%2]
			group.Go(func() {
				for n := range rounds {
					ttl := time.Duration(1000+n+rounds*i) * time.Second
					act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: fmt.Sprintf("S%d", i), TTL: ttl}}
					r, err := e.Do(t.Context(), maria, "dc1", act)
					if err != nil {
						t.Errorf("acquire: %v", err)
						return
					}
					b.f.with(func() {
						at := slices.IndexFunc(b.f.locks, func(l appliance.Lock) bool { return l.ID == r.Lock })
						if at < 0 || b.f.locks[at].TTL != ttl || b.f.locks[at].Scope.Code != act.Claim.Scope {
							t.Errorf("%s is not what was asked for", r.Lock)
						}
					})
					<-time.After(time.Second)
					if _, err := e.Do(t.Context(), maria, "dc1", appliance.Act{Verb: appliance.VerbRelease, Lock: appliance.Lock{ID: r.Lock}}); err != nil {
						t.Errorf("release: %v", err)
						return
					}
				}
			})
		}
		group.Wait()
		b.pass(20 * time.Second)
		must(t, "locks", len(b.f.alive()), 0)
		must(t, "acquired", b.f.asked("acquire"), 8*rounds)
		must(t, "given back", b.f.asked("release"), 8*rounds)
		must(t, "different ones", len(slices.Compact(slices.Sorted(slices.Values(b.f.log)))), 16*rounds)
		must(t, "alarms", len(b.events(Alarm))+len(other.events(Alarm)), 0)
		must(t, "open", l.open(), 0)
	})
}
