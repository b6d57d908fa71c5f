package fleet

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/lease"
)

// The appliance's clock was set forward and back between two runs, and the lock was made in between: that it is the one that was
// asked for cannot be told from its time, so it is not taken for ours, and not called another's as long as it is there.
func TestFault_CLK02_MadeWhileTheClockWasSetBetweenRuns(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		v.arm("before acquire 1")
		go func() { _, _ = b.e.Do(t.Context(), maria, "dc1", up20) }()
		b.pass(time.Second)
		var made, other appliance.LockID
		b.f.with(func() {
			made = b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall.Add(2*time.Hour))
			other = b.f.put("UP", up20.Claim.TTL+time.Second, b.clock.Now().Wall.Add(2*time.Hour))
		})
		l.end("one")
		next := b.another(t, l, "two", b.f)
		for _, d := range []time.Duration{15 * time.Second, 40 * time.Minute} {
			b.pass(d)
			must(t, "ours", next.lock(made).Mine, false)
			must(t, "whose"+next.story(), next.lock(made).Holder, appliance.HolderUnknown)
			must(t, "whose is what does not bear its mark", next.lock(other).Holder, appliance.HolderAnother)
			must(t, "outcome", l.records[0].Outcome, "")
		}
		b.f.with(func() { b.f.locks = nil })
		b.pass(15 * time.Second)
		must(t, "outcome once it is gone", l.records[0].Outcome, OutcomeUnknown)
	})
}

// The same within one run: that its clock was set, listings have told, so the lock is known for ours.
func TestFault_CLK02_MadeWhileTheClockWasSet(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.late(33 * time.Second) // while its clock is set, and no list comes
		set := func(skew time.Duration, after time.Duration) {
			time.AfterFunc(after, func() { b.f.with(func() { b.f.skew = skew }) })
		}
		lost := b.f.before
		b.f.with(func() {
			b.f.before = func(ctx context.Context, call string) error {
				if since := time.Since(b.clock.Now().Wall.Truncate(24 * time.Hour)); call == "locks" && since > 30*time.Second && since < 40*time.Second {
					return appliance.ErrUnreachable
				}
				return lost(ctx, call)
			}
		})
		set(2*time.Hour, 5*time.Second)
		time.AfterFunc(33*time.Second+time.Millisecond, func() {
			b.f.with(func() { b.f.locks[0].Created = b.f.locks[0].Created.Add(2 * time.Hour) })
		})
		set(0, 35*time.Second)
		r, err := b.do(up20)
		must(t, "error"+b.story(), err, nil)
		must(t, "lock", r.Lock, b.f.granted[0])
		must(t, "requests", b.f.asked("acquire"), 1)
	})
}

// Our clock moves on by more than the lock of an ECB lasts: that it has ended is not known, as the clock may have been set, so who is
// said to hold it may be we.
func TestFault_CLK04_TheOnlyLockMayOutliveOurClock(t *testing.T) {
	var off atomic.Int64
	var x *edge
	run(t, func(b *bench, o *Options) {
		start := time.Now()
		b.clock = clock.New(func() (time.Time, time.Duration) {
			now := time.Now()
			return now.Add(time.Duration(off.Load())).Round(0), now.Sub(start)
		})
		x = &edge{fake: b.f, holder: appliance.HolderNobody}
		b.f.clock, o.Clock = b.clock, b.clock
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		b.pass(time.Minute)
		must(t, "note", b.snap().Locks[0].Note, "")
		b.f.with(func() { x.holder = appliance.HolderAnother }) // to our client its token has ended
		off.Add(int64(15 * time.Minute))
		b.pass(30 * time.Second)
		must(t, "row"+b.story(), b.row(), "mine=false another")
		must(t, "note"+b.story(), b.snap().Locks[0].Note, "it may be yours still, as our clock jumped: free by 00:25:01 UTC")
		b.pass(10 * time.Minute)
		must(t, "note when it must have ended", b.snap().Locks[0].Note, "")
	})
}

// By the clock of an appliance, which was set forward for a while, a lock that a run took over has ended, the appliance is away since,
// and the run ends: the next one asks whether the lock is there still, as no listing was without it (faults.md I1).
func TestFault_CLK02_WhatOnlyAClockSaysHasEnded(t *testing.T) {
	for _, c := range []struct{ kept, owed, there bool }{{there: true}, {kept: true, there: true}, {owed: true, there: true}, {}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			l := newLedger()
			var id appliance.LockID
			made := func(b *bench, ago time.Duration) {
				b.f.with(func() { b.f.locks[0].Created = b.clock.Now().Wall.Add(-ago) })
			}
			run(t, func(b *bench, o *Options) {
				now := b.clock.Now().Wall
				id = b.f.put("UP", 20*time.Minute, now)
				h := Holding{
					Appliance: "dc1", Lock: id, Scope: "UP", Who: "maria", State: HoldingHeld, TTL: 20 * time.Minute, Sent: now, Received: now,
					Kept: c.kept,
				}
				if c.owed {
					h.State = HoldingOwed
				}
				must(t, "error", (&page{ledger: l, engine: "zero"}).Hold(t.Context(), h), nil)
				l.end("zero")
				made(b, 19*time.Minute) // as its clock was set
				b.f.before = func(_ context.Context, call string) error {
					if call == "release" || call == "acquire" {
						return appliance.ErrUnreachable
					}
					return nil
				}
				o.ID, o.Adopt, o.Journal = "one", true, &page{ledger: l, engine: "one"}
			}, func(t *testing.T, b *bench) {
				b.pass(20 * time.Second)
				must(t, "ours"+b.story(), b.lock(id) != nil && b.lock(id).Mine, true)
				b.f.with(func() { b.f.before = func(context.Context, string) error { return appliance.ErrUnreachable } })
				b.pass(3 * time.Minute)
				must(t, "shown"+b.story(), b.lock(id) == nil, true)
				b.e.Close()
				l.end("one")
				made(b, 4*time.Minute)
				b.f.with(func() {
					b.f.before = nil
					if !c.there {
						b.f.locks = nil
					}
				})
				next := b.another(t, l, "two", b.f)
				b.pass(15 * time.Second)
				row := next.lock(id)
				switch {
				case c.owed:
					must(t, "given back"+next.story(), row == nil && len(b.f.alive()) == 0, true)
					must(t, "in the journal", len(l.holdings["two"]), 0)
				case c.kept: // what was taken in its place takes it
					must(t, "given back"+next.story(), fmt.Sprint(next.kept(), len(b.f.alive())), fmt.Sprint(b.f.alive()[0], 1))
				case c.there:
					must(t, "ours"+next.story(), row != nil && row.Mine, true)
				default:
					must(t, "in the journal"+next.story(), l.holdings["two"][[2]string{"dc1", string(id)}].State, HoldingLost)
				}
			})
		})
	}
}

// Our clock was set back after an ended run had asked for a lock: how long the lock lasts that is found to have come of it, the listing
// tells, and what the journal is given is no later, for a run that comes when the appliance's clock was set back, too (faults.md I2).
func TestFault_CLK04_FoundAfterOurClockWasSetBack(t *testing.T) {
	l := newLedger()
	var id appliance.LockID
	run(t, func(b *bench, o *Options) {
		now := b.clock.Now()
		made := now.Wall.Add(-3 * time.Minute)
		asked := Intent{At: now, Engine: "zero", Who: "maria", Appliance: "dc1", Act: up20, Since: made, Before: []appliance.LockID{}}
		asked.At.Wall = made.Add(2 * time.Hour)
		_, err := (&page{ledger: l, engine: "zero"}).Intend(t.Context(), asked)
		must(t, "error", err, nil)
		l.end("zero")
		id = b.f.put("UP", up20.Claim.TTL, made)
		o.ID, o.Adopt, o.Journal = "one", true, &page{ledger: l, engine: "one"}
	}, func(t *testing.T, b *bench) {
		b.pass(2 * time.Minute)
		row := b.lock(id)
		must(t, "ours"+b.story(), row.Mine, true)
		end := up20.Claim.TTL - 3*time.Minute
		must(t, "held no longer than it is", row.Term.End <= end && row.Term.End > end-5*time.Second, true)
		b.e.Close()
		l.end("one")
		b.f.with(func() { b.f.locks[0].Created = b.f.locks[0].Created.Add(10 * time.Minute) }) // as it tells when its clock goes 10 min late
		next := b.another(t, l, "two", b.f)
		b.pass(15 * time.Second)
		row = next.lock(id)
		must(t, "ours later"+next.story(), row.Mine, true)
		must(t, "held no longer than it is, later", row.Term.HeldUntil <= end, true)
	})
}

// askedByZero has an ended run have asked for a lock just now, by a clock that was set forward by two hours since, and the bench's
// engine take over what that run left.
func askedByZero(t *testing.T, b *bench, o *Options, l *ledger) Intent {
	t.Helper()
	now := b.clock.Now()
	asked := Intent{At: now, Engine: "zero", Who: "maria", Appliance: "dc1", Act: up20, Since: now.Wall, Before: []appliance.LockID{}}
	asked.At.Wall = now.Wall.Add(-2 * time.Hour)
	_, err := (&page{ledger: l, engine: "zero"}).Intend(t.Context(), asked)
	must(t, "error", err, nil)
	l.end("zero")
	o.ID, o.Adopt, o.Journal = "one", true, &page{ledger: l, engine: "one"}
	return asked
}

// Our clock was set forward by hours after an ended run had asked for a lock, whose request has its effect only later, or is not to be
// listed before a while: it is looked for until a listing of a time without late effects says that there is none (faults.md LCK-02).
func TestFault_LCK02_SoughtThoughOurClockWasSetForward(t *testing.T) {
	for name, away := range map[string]time.Duration{"a late effect": 0, "nobody to be asked": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			var asked Intent
			run(t, func(b *bench, o *Options) {
				asked = askedByZero(t, b, o, l)
			}, func(t *testing.T, b *bench) {
				if away > 0 {
					b.f.with(func() { b.f.before = func(context.Context, string) error { return appliance.ErrUnreachable } })
				}
				b.pass(57 * time.Second)
				var id appliance.LockID
				b.f.with(func() { id = b.f.put("UP", up20.Claim.TTL, asked.Since.Add(57*time.Second)) })
				b.pass(away)
				b.f.with(func() { b.f.before = nil })
				b.pass(2 * time.Minute)
				row := b.lock(id)
				must(t, "ours"+b.story(), row != nil && row.Mine, true)
				must(t, "open", l.open(), 0)
			})
		})
	}
}

// Of a request that left nothing, that is known once a listing of such a time tells it, and not before.
func TestFault_LCK02_SoughtAndNotThere(t *testing.T) {
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		askedByZero(t, b, o, l)
	}, func(t *testing.T, b *bench) {
		b.pass(lateEffect - time.Second)
		must(t, "open", l.open(), 1)
		b.pass(30 * time.Second)
		must(t, "open later"+b.story(), l.open(), 0)
		must(t, "outcome", l.records[0].Outcome, OutcomeUnknown)
	})
}

// A lock was called lost and is there after all, in the next run, while the appliance's clock was set back: it is not called held any
// longer than one that nobody called lost (faults.md I2).
func TestFault_CLK02_LostAndThereAllTheSame(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		r, err := b.do(up20)
		must(t, "error", err, nil)
		b.pass(30 * time.Second)
		list := b.f.locks
		b.f.with(func() { b.f.locks = nil })
		b.pass(30 * time.Second)
		must(t, "lost", len(b.snap().Lost), 1)
		b.e.Close()
		l.end("one")
		b.f.with(func() { b.f.locks, b.f.skew = list, -10*time.Minute })
		next := b.another(t, l, "two", b.f)
		next.pass(30 * time.Second)
		row := next.lock(r.Lock)
		must(t, "ours"+next.story(), row != nil && row.Mine, true)
		b.pass(20 * time.Minute)
		state, _ := next.lock(r.Lock).Term.At(b.clock.Now())
		must(t, "state when it would have ended"+next.story(), state, lease.Expiring)
	})
}
