package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// offset is an appliance whose clock was set by so much after it had made its locks: what it lists bears the old time, its Date
// the new one.
type offset struct {
	*fake
	by time.Duration
}

func (o *offset) Locks(ctx context.Context) (appliance.LockList, error) {
	list, err := o.fake.Locks(ctx)
	o.with(func() { list.Stamp.Date = list.Stamp.Date.Add(o.by) })
	return list, err
}

// An inherited lock whose appliance's clock was set forward is listed beyond the end that follows from the list. It is not lost
// and found again with each poll.
func TestFault_CLK02_SetForwardUnderAnInheritedLock(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		id := b.acquire(20 * time.Minute)
		b.e.Close()
		l.end("one")
		next := b.another(t, l, "two", &offset{b.f, 30 * time.Minute})
		for range 120 {
			b.pass(time.Second)
			must(t, "mine"+next.story(), next.lock(id) != nil && next.lock(id).Mine, true)
		}
		must(t, "lost and found"+next.story(), strings.Contains(next.story(), "is still there"), false)
		b.pass(19 * time.Minute)
		must(t, "row after its end", next.lock(id), nil)
	})
}

// The appliance's clock is set while a request may still take effect: what came of it bears the new time, and is ours all the same.
func TestFault_CLK02_SetWhileARequestMayTakeEffect(t *testing.T) {
	for _, by := range []time.Duration{100 * time.Second, -100 * time.Second, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		run(t, nil, func(t *testing.T, b *bench) {
			b.f.with(func() {
				b.f.before = func(_ context.Context, call string) error {
					if call != "acquire" {
						return nil
					}
					time.AfterFunc(20*time.Second, func() {
						b.f.with(func() { b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall.Add(b.f.skew)) })
					})
					b.f.with(func() { b.f.skew = by })
					return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
				}
			})
			r, err := b.do(up20)
			must(t, fmt.Sprint("error by ", by), err, nil)
			must(t, "mine", b.lock(r.Lock).Mine, true)
			must(t, "requests", b.f.asked("acquire"), 1)
		})
	}
}

// While the answer to our own request is on its way a poll may list what came of it: it is not called another's.
func TestFault_LCK02_NotAnothersWhileTheAnswerIsOnItsWay(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call != "acquire" {
					return nil
				}
				b.f.with(func() { b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall) })
				<-time.After(30 * time.Second)
				return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
			}
		})
		done := make(chan Result, 1)
		go func() {
			r, _ := b.do(up20)
			done <- r
		}()
		b.pass(15 * time.Second)
		must(t, "rows", len(b.snap().Locks), 1)
		must(t, "holder", b.snap().Locks[0].Holder, appliance.HolderUnknown)
		must(t, "mine", b.lock((<-done).Lock).Mine, true)
	})
}

// An inherited lock whose appliance's clock was set back since is not said to last longer than it was taken for.
func TestFault_CLK02_SetBackUnderAnInheritedLock(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		ends := b.clock.Now().Run + 20*time.Minute
		id := b.acquire(20 * time.Minute)
		b.pass(5 * time.Minute)
		b.e.Close()
		l.end("one")
		next := b.another(t, l, "two", &offset{b.f, -4 * time.Minute})
		b.pass(20 * time.Second)
		term := next.lock(id).Term
		must(t, fmt.Sprintf("its end at %s", term.End), term.Known && term.End <= ends && term.HeldUntil < ends, true)
		must(t, "the same on the wall", term.EndsWall.Sub(next.clock.Now().Wall), term.End-next.clock.Now().Run)
	})
}

// An earlier run asked for a lock without an answer, and then for another one of the very same time: that one is not taken for
// what came of the first.
func TestFault_LCK02_AnInheritedLockOfAnotherRequest(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		p := &page{ledger: l, engine: "one"}
		in := Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: up20, At: b.clock.Now(), Since: b.clock.Now().Wall, Before: []appliance.LockID{}}
		_, err := p.Intend(t.Context(), in)
		must(t, "error", err, nil)
		b.pass(40 * time.Second)
		id := b.acquire(up20.Claim.TTL)
		b.e.Close()
		l.end("one")
		b.f.with(func() { b.f.put("UP", up20.Claim.TTL, in.At.Wall.Add(20*time.Second)) }) // its late effect
		next := b.another(t, l, "two", b.f)
		b.pass(15 * time.Second)
		must(t, "what it held", next.lock(id).Mine, true)
		must(t, "outcome of the first", l.records[0].Outcome, OutcomeDone)
		must(t, "rows", len(next.snap().Locks), 2)
		for _, row := range next.snap().Locks {
			must(t, "mine"+next.story(), row.Mine, true)
		}
	})
}

// Our wall clock is set forward beyond the end of a lock that its appliance still lists, and that one's clock is set back: the
// list says that the lock is there, and nothing says for how long it may be relied on.
func TestFault_CLK04_SetForwardBeyondTheEnd(t *testing.T) {
	var ahead atomic.Int64
	var o *offset
	run(t, func(b *bench, opt *Options) {
		from := time.Now()
		b.clock = stepping(func() (time.Time, time.Duration) {
			return time.Now().Add(time.Duration(ahead.Load())).Round(0), time.Since(from)
		})
		o = &offset{fake: b.f, by: -4 * time.Minute}
		opt.Clock, b.f.clock = b.clock, b.clock
		opt.Members = []Member{{Appliance: o, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		b.pass(5 * time.Minute)
		synctest.Wait()
		ahead.Store(int64(2 * time.Hour))
		b.f.with(func() { b.f.locks[0].Created = b.f.locks[0].Created.Add(2 * time.Hour) }) // its clock was not set
		b.pass(15 * time.Second)
		for range 20 {
			row := b.lock(id)
			if row == nil {
				break
			}
			state, _ := row.Term.At(b.clock.Now())
			must(t, "state"+b.story(), state, lease.Expiring)
			b.pass(time.Minute)
		}
		must(t, "losses", len(b.snap().Lost), 0)
		must(t, "row after its end", b.lock(id), nil)
	})
}

// Our wall clock is set forward while a request may still take effect: it has no less time for that.
func TestFault_CLK04_SetForwardWhileARequestMayTakeEffect(t *testing.T) {
	for _, wait := range []time.Duration{0, 10 * time.Second} { // before and after the answer is known to be lost
		var ahead atomic.Int64
		run(t, func(b *bench, o *Options) {
			from := time.Now()
			b.clock = stepping(func() (time.Time, time.Duration) {
				return time.Now().Add(time.Duration(ahead.Load())).Round(0), time.Since(from)
			})
			o.Clock, b.f.clock = b.clock, b.clock
		}, func(t *testing.T, b *bench) {
			b.f.with(func() {
				b.f.before = func(_ context.Context, call string) error {
					if call != "acquire" {
						return nil
					}
					b.f.with(func() { b.f.before = on("acquire", &appliance.Refusal{Status: 400}) }) // once more it is refused
					time.AfterFunc(45*time.Second, func() {
						b.f.with(func() { b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall.Add(b.f.skew)) })
					})
					<-time.After(5 * time.Second)
					return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
				}
			})
			go func() { _, _ = b.do(up20) }()
			b.pass(wait + time.Second)
			ahead.Store(int64(2 * time.Hour))
			b.f.with(func() { b.f.skew = -2 * time.Hour }) // its clock was not set
			b.pass(2 * time.Minute)
			must(t, "rows"+b.story(), len(b.snap().Locks), 1)
			must(t, "mine"+b.story(), b.snap().Locks[0].Mine, true)
		})
	}
}

// Our host is suspended just before a request is on its way: what comes of it is later than the request by that time.
func TestFault_CLK03_SuspendedBeforeARequestIsOnItsWay(t *testing.T) {
	var asleep atomic.Int64
	run(t, func(b *bench, o *Options) {
		from := time.Now()
		b.clock = stepping(func() (time.Time, time.Duration) {
			return time.Now().Add(time.Duration(asleep.Load())).Round(0), time.Since(from)
		})
		o.Clock, b.f.clock = b.clock, b.clock
	}, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call != "acquire" {
					return nil
				}
				b.f.with(func() { b.f.before = on("acquire", &appliance.Refusal{Status: 400}) }) // once more it is refused
				asleep.Store(int64(5 * time.Minute))
				time.AfterFunc(40*time.Second, func() {
					b.f.with(func() { b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall) })
				})
				return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
			}
		})
		go func() { _, _ = b.do(up20) }()
		b.pass(2 * time.Minute)
		must(t, "rows"+b.story(), len(b.snap().Locks), 1)
		must(t, "mine"+b.story(), b.snap().Locks[0].Mine, true)
	})
}
