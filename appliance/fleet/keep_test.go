package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/raced"
)

// guarded fails the test when a call finds the scope without a lock, once there was one.
func (f *fake) guarded(t *testing.T, scope string) {
	had := false
	f.before = func(_ context.Context, call string) error {
		now := f.clock.Now().Wall
		f.mu.Lock()
		defer f.mu.Unlock()
		there := slices.ContainsFunc(f.locks, func(l appliance.Lock) bool {
			return l.Scope.Code == scope && !f.hidden[l.ID] && l.Created.Add(l.TTL).After(now)
		})
		if had && !there {
			t.Errorf("%s: %s finds no lock about %s at %s", f.name, call, scope, at(now))
		}
		had = had || there
		return nil
	}
}

// Kept for ten times its time there is never less than one listed lock, each extension takes two requests, and the locks are
// listed no more often than they are polled anyway. 500 appliances, each with its own phase, time and answers' delays.
func TestFault_LCK04_KeptForTenTimesItsTime(t *testing.T) {
	for seed := range uint64(raced.Or(5, 2)) {
		run(t, func(b *bench, o *Options) {
			o.Seed = seed + 1
			for i := range 99 {
				b.add(fmt.Sprintf("a%d", i))
			}
		}, func(t *testing.T, b *bench) {
			r := rand.New(rand.NewPCG(seed, 4))
			ttl := map[*fake]time.Duration{}
			for _, f := range b.fakes {
				f.with(func() { f.guarded(t, "UP") })
				ttl[f] = time.Minute + time.Duration(r.IntN(60))*time.Second
				l, err := b.e.Do(t.Context(), maria, f.name, appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: ttl[f]}})
				must(t, "error", err, nil)
				_, err = b.e.Do(t.Context(), maria, f.name, keepAct(appliance.Lock{ID: l.Lock, Scope: appliance.Scope{Code: "UP"}}))
				must(t, "error", err, nil)
			}
			b.pass(time.Second)
			lists := map[*fake]int{}
			for _, f := range b.fakes {
				lists[f] = f.asked("locks")
			}
			const span = 20 * time.Minute // ten times the longest
			b.pass(span)
			for _, f := range b.fakes {
				must(t, "covered", len(f.alive()) > 0, true)
				taken, given := f.asked("acquire")-1, f.asked("release")
				if d := taken - given; d < 0 || d > 1 {
					t.Errorf("%d taken and %d given back", taken, given)
				}
				if least, most := int(span/(ttl[f]+10*time.Second)), int(2*span/unmark(ttl[f]))+1; taken < least || taken > most {
					t.Errorf("%d extensions of %s, want %d to %d", taken, ttl[f], least, most)
				}
				if n := f.asked("locks") - lists[f]; n > int(span/(10*time.Second))+1 {
					t.Errorf("%d listings in %s", n, span)
				}
			}
			for _, level := range []Level{Warn, Alarm} {
				must(t, strings.Join(b.events(level), "|"), len(b.events(level)), 0)
			}
		})
	}
}

func TestFault_LCK04_SeveralAtOneAppliance(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for i := range 12 {
			b.keep(fmt.Sprintf("S%d", i), 2*time.Minute)
		}
		b.f.with(func() { b.f.guarded(t, "S7") })
		b.pass(20 * time.Minute)
		scopes := map[string]int{}
		for _, l := range b.snap().Locks {
			if l.Kept {
				scopes[l.Scope.Code]++
			}
		}
		must(t, "scopes that are kept", len(scopes), 12)
		must(t, "alarms", len(b.events(Alarm)), 0)
		must(t, "surplus", len(b.f.alive()) <= 24, true)
	})
}

// An extension that brings less than is left is given back, and not asked for again and again.
func TestFault_LCK04_LessThanIsLeft(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.keep("UP", time.Hour)
		b.f.with(func() {
			b.f.after = func(string) error {
				for i := range b.f.locks {
					if b.f.locks[i].ID != old {
						b.f.locks[i].TTL = 5 * time.Minute
					}
				}
				return nil
			}
		})
		b.pass(40 * time.Minute)
		must(t, "requests", b.f.asked("acquire"), 2)
		must(t, "the old one covers", b.kept(), old)
		must(t, "nothing is wrong with it", b.lock(old).Note, "")
		must(t, "the short one is given back", b.f.asked("release"), 1)
		b.f.with(func() { b.f.guarded(t, "UP") })
		b.pass(40 * time.Minute)
		must(t, "losses"+b.story(), len(b.snap().Lost)+len(b.snap().Gaps), 0)
		must(t, "kept on", b.kept() != "", true)
	})
}

func TestFault_LCK05_RetriedWarnedAndLost(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		id := b.keep("UP", 20*time.Minute)
		b.f.with(func() { b.f.before = on("acquire", &appliance.Refusal{Status: 400}) })
		b.pass(14 * time.Minute)
		tries := b.f.asked("acquire")
		must(t, fmt.Sprintf("%d tries so far", tries), tries > 10 && tries < 40, true)
		mustSay(t, b.events(Warn), "the kept lock about UP could not be extended, which is tried again: 400 Bad Request")
		must(t, "shown", b.lock(id).Note, "400 Bad Request")
		rings := func() (list []string) {
			for _, ev := range b.e.Events(0, 0) {
				if ev.Ring {
					list = append(list, fmt.Sprintf("%s %s %s", at(ev.At.Wall), ev.Level, ev.Text))
				}
			}
			return list
		}
		must(t, "bells", len(rings()), 0)
		b.pass(5*time.Minute + 50*time.Second)
		must(t, "bells", len(rings()), 2)
		must(t, "tried on", b.f.asked("acquire") > tries+8, true)
		mustSay(t, rings()[:1], "00:15:01 UTC warning lock UP (00000000…) ends in 4 min, at 00:20:00 UTC: it is kept, and could not be extended yet (400")
		mustSay(t, rings()[1:], "00:18:01 UTC alarm lock UP (00000000…) ends in 1 min, at 00:20:00 UTC: it is kept")
		b.pass(8 * time.Second)
		mustSay(t, rings()[2:], "00:19:58 UTC alarm lock UP (00000000…) is lost, for all that may be relied on: it is kept")
		state, _ := b.lock(id).Term.At(b.clock.Now())
		must(t, "never said held", state, lease.Expiring)
		b.pass(20 * time.Second)
		must(t, "losses", len(b.snap().Lost), 1)
		must(t, "whose", b.snap().Lost[0].Who, "maria")
		must(t, "in the journal", l.held("one")[0], "01 UP lost kept=true")

		// it stays said until it is acknowledged, by the next run too; and is taken again as soon as it is granted
		b.f.with(func() { b.f.before = nil })
		b.pass(time.Minute)
		must(t, "kept again", b.kept() != "", true)
		gap := b.snap().Gaps[0]
		must(t, "from", at(gap.From.Wall), "00:19:57 UTC")
		must(t, "to", gap.To.Run > gap.From.Run && gap.To.Run <= b.clock.Now().Run, true)
		mustSay(t, b.events(Alarm), "there may have been a gap: between 00:19:57 UTC and 00:2")
		b.e.Close()
		l.end("one")
		next := b.another(t, l, "two", b.f)
		b.pass(2 * time.Second)
		must(t, "losses in the next run", len(next.snap().Lost), 1)
		mustIs(t, next.e.Acknowledge(t.Context(), otto, "dc1", id), ErrRefusedByUs)
		must(t, "error", next.e.Acknowledge(t.Context(), maria, "dc1", id), nil)
		must(t, "losses", len(next.snap().Lost), 0)
		mustIs(t, next.e.Acknowledge(t.Context(), maria, "dc1", id), ErrRefusedByUs)
		next.e.Close()
		l.end("two")
		must(t, "losses in the one after that", len(b.another(t, l, "three", b.f).snap().Lost), 0)
	})
}

func TestFault_LCK06_GapIsNamed(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.keep("UP", 2*time.Minute)
		b.pass(55 * time.Second)
		jobs := 0
		b.f.with(func() { // the old one vanishes just before the new one is granted
			b.f.before = onCall("acquire", func() {
				b.f.with(func() {
					b.f.locks = slices.DeleteFunc(b.f.locks, func(l appliance.Lock) bool { return l.ID == old })
					jobs = b.f.count["jobs"]
				})
				<-time.After(100 * time.Millisecond)
			})
		})
		for b.kept() == old {
			b.pass(250 * time.Millisecond)
		}
		b.f.with(func() { b.f.before = nil })
		for len(b.snap().Gaps) == 0 {
			b.pass(250 * time.Millisecond)
		}
		g := b.snap().Gaps[0]
		must(t, "scope", g.Scope.Code, "UP")
		must(t, "at most two polls long", g.To.Run > g.From.Run && g.To.Run-g.From.Run <= 20*time.Second, true)
		must(t, "the jobs are looked at again", b.f.asked("jobs") > jobs, true)
		mustSay(t, b.events(Alarm), "there may have been a gap: between "+at(g.From.Wall)+" and "+at(g.To.Wall)+" no lock about UP")
		must(t, "it goes on", b.kept() != "", true)
		b.pass(10 * time.Minute)
		must(t, "no other gap", len(b.snap().Gaps), 1)
		b.pass(24 * time.Hour)
		b.pass(time.Minute)
		must(t, "covered", len(b.f.alive()) > 0, true)
	})
}

// Every connection is reset for a minute: no gap, or one that is named.
func TestFault_LCK05_AMinuteOfResets(t *testing.T) {
	for _, effect := range []bool{false, true} {
		run(t, nil, func(t *testing.T, b *bench) {
			for _, scope := range []string{"UP", "FC", "DM"} {
				b.keep(scope, 3*time.Minute)
			}
			b.pass(85 * time.Second)
			reset := fmt.Errorf("read: %w", appliance.ErrUnreachable)
			down := func(call string) error {
				if call == "acquire" || call == "release" {
					return fmt.Errorf("read: %w", appliance.ErrAmbiguous)
				}
				return reset
			}
			b.f.with(func() {
				if effect {
					b.f.after = down
				} else {
					b.f.before = func(_ context.Context, call string) error { return down(call) }
				}
			})
			b.pass(time.Minute)
			b.f.with(func() { b.f.before, b.f.after = nil, nil })
			b.pass(4 * time.Minute)
			scopes := map[string]bool{}
			for _, l := range b.snap().Locks {
				scopes[l.Scope.Code] = scopes[l.Scope.Code] || l.Kept
			}
			must(t, fmt.Sprint(scopes), scopes["UP"] && scopes["FC"] && scopes["DM"], true)
			must(t, "gaps"+b.story(), len(b.snap().Gaps), 0)
			b.pass(3 * time.Minute)
			must(t, "surplus"+b.story(), len(b.f.alive()) <= 6, true)
		})
	}
}

// Whatever goes wrong inside, the keeper tries again.
func TestTheKeeperOutlivesAPanic(t *testing.T) {
	var panics atomic.Bool
	bad := 0
	j := &orderJournal{check: func() {
		if panics.Load() {
			if bad++; bad < 4 {
				panic("journal")
			}
		}
	}}
	run(t, func(_ *bench, o *Options) { o.Journal = j }, func(t *testing.T, b *bench) {
		b.keep("UP", 2*time.Minute)
		panics.Store(true)
		b.pass(5 * time.Minute)
		must(t, "panics", bad > 3, true)
		must(t, "kept", b.kept() != "", true)
		must(t, "losses", len(b.snap().Lost), 0)
	})
}

func TestKeepingEnds(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		id := b.acquire(2 * time.Minute)
		act := keepAct(b.lock(id).Lock)
		act.Until = b.clock.Now().Wall.Add(5 * time.Minute)
		r, err := b.do(act)
		must(t, "error", err, nil)
		must(t, "text", r.Text, "began to keep UP (00000000…) until 00:05:00 UTC")
		must(t, "shown", b.lock(id).KeptTo.Equal(act.Until), true)
		b.pass(5*time.Minute + time.Second)
		must(t, "kept", b.kept(), "")
		mustSay(t, b.events(Info), "lock about UP is no longer kept: it was to be until 00:05:00 UTC")
		b.pass(3 * time.Minute)
		must(t, "locks", len(b.f.alive()), 0)
		must(t, "losses", len(b.snap().Lost), 0)

		job, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		must(t, "error", err, nil)
		id = b.acquire(2 * time.Minute)
		act = keepAct(b.lock(id).Lock)
		act.Job = job.Job
		_, err = b.do(act)
		must(t, "error", err, nil)
		b.pass(5 * time.Minute)
		must(t, "kept while the job runs", b.kept() != "", true)
		b.f.end(job.Job, appliance.PhaseSucceeded, "Complete")
		b.pass(5 * time.Second)
		must(t, "kept", b.kept(), "")

		id = b.keep("FC", 2*time.Minute)
		_, err = b.do(appliance.Act{Verb: appliance.VerbUnkeep, Lock: b.lock(id).Lock})
		must(t, "error", err, nil)
		must(t, "kept", b.kept(), "")
		b.keep("DM", 2*time.Minute)
		must(t, "error", b.e.Unkeep(t.Context()), nil)
		must(t, "kept", b.kept(), "")
		for _, h := range b.notes.Holdings() {
			must(t, "kept in the journal", h.Kept, false)
		}
	})
}

// A lock that was granted and then given back by the operator is kept no longer, even while that fails.
func TestFault_LCK08_ReleaseOfAKeptLockEndsItsKeeping(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.keep("UP", 2*time.Minute)
		b.f.with(func() { b.f.before = on("release", &appliance.Refusal{Status: 500}) })
		_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
		must(t, "failed", err != nil, true)
		must(t, "kept", b.kept(), "")
		b.pass(5 * time.Minute)
		must(t, "requests", b.f.asked("acquire"), 1)
		must(t, "losses", len(b.snap().Lost), 0)
		w := b.e.byName["dc1"]
		w.mu.Lock()
		defer w.mu.Unlock()
		must(t, "keepings", len(w.claims.keeps), 0)
	})
}

// A lock that ends soon is asked for again at once when the answer was lost, and then no more often than it could be listed.
func TestFault_LCK02_AShortKeptLock(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.keep("UP", time.Minute)
		b.f.with(func() { b.f.before = on("acquire", appliance.ErrAmbiguous) })
		b.pass(50 * time.Second)
		must(t, "requests", b.f.asked("acquire"), 3)
		b.pass(60 * time.Second)
		must(t, "further ones", b.f.asked("acquire") <= 6, true)
		b.f.with(func() { b.f.before = nil })
		b.pass(30 * time.Second)
		must(t, "kept again", b.kept() != "", true)
		must(t, "gaps", len(b.snap().Gaps), 1)
	})
}
