package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// leftover is an appliance that lists the time that its locks have left, in whole seconds (api/lxca.md 7).
type leftover struct {
	*fake
	silent bool // it does not tell when they were made
}

func (x *leftover) Locks(ctx context.Context) (list appliance.LockList, err error) {
	list, err = x.fake.Locks(ctx)
	for i := range list.Locks {
		l := &list.Locks[i]
		age := list.Stamp.Received.Wall.Add(x.skew).Sub(l.Created)
		l.TTL = (l.TTL - age).Truncate(time.Second)
		if x.silent {
			l.Created = time.Time{}
		}
	}
	return list, err
}

func onLeftover(t *testing.T, set func(b *bench), body func(t *testing.T, b *bench)) {
	t.Helper()
	run(t, func(b *bench, o *Options) {
		if set != nil {
			set(b)
		}
		o.Members = []Member{{Appliance: &leftover{fake: b.f}, Name: "dc1"}}
	}, body)
}

// Own locks last by their grant. The first listing may tell that less was granted; that it tells less each time says nothing.
func TestI2_ListedTimeThatFallsDoesNotShortenOwnLocks(t *testing.T) {
	for _, late := range []bool{false, true} { // whether the first listing comes at once
		onLeftover(t, nil, func(t *testing.T, b *bench) {
			if late {
				b.f.with(func() {
					b.f.before = func(_ context.Context, call string) error {
						if call == "locks" && b.f.asked("acquire") > 0 {
							return appliance.ErrMalformed
						}
						return nil
					}
				})
			}
			id := b.acquire(20 * time.Minute)
			lost := time.Duration(0)
			if late {
				b.pass(5 * time.Second)
				b.f.with(func() { b.f.before = nil })
				lost = 15 * time.Second // it is not known yet that the appliance lists what is left
			}
			for minute := time.Duration(1); minute < 18; minute++ {
				b.pass(time.Minute)
				l := b.lock(id)
				state, left := l.Term.At(b.clock.Now())
				truth := l.Created.Add(20 * time.Minute).Sub(b.clock.Now().Wall)
				if state != lease.Held || left > truth || left < truth-lost-time.Second {
					t.Fatalf("minute %d: %s, %s left, in truth %s", minute, state, left, truth)
				}
			}
		})
	}
}

// When such an appliance does not tell when a lock was made, it cannot even be seen that it lists what is left.
func TestI2_OnlyTheFirstListingShortens(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		o.Members = []Member{{Appliance: &leftover{fake: b.f, silent: true}, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		b.pass(10 * time.Minute)
		_, left := b.lock(id).Term.At(b.clock.Now())
		must(t, "left", left, 10*time.Minute)
	})
}

// Foreign locks last by what is listed once it is known that it is what is left; before that they seem shorter, never longer.
func TestI2_ListedTimeThatFallsIsWhatForeignLocksHaveLeft(t *testing.T) {
	for _, skew := range []time.Duration{0, -24 * time.Hour, time.Hour} {
		onLeftover(t, func(b *bench) {
			b.f.skew = skew
			b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall.Add(skew-10*time.Minute))}
		}, func(t *testing.T, b *bench) {
			ends := b.clock.Now().Wall.Add(50 * time.Minute)
			for k := range 40 {
				l := b.snap().Locks[0]
				state, left := l.Term.At(b.clock.Now())
				truth := ends.Sub(b.clock.Now().Wall)
				if left > truth {
					t.Fatalf("skew %s, look %d: %s left, in truth %s", skew, k, left, truth)
				}
				if k > 0 && (state != lease.Held || left < truth-4*time.Second || l.Term.TTL < 59*time.Minute) {
					t.Fatalf("skew %s, look %d: %s, %s left, in truth %s, of %s", skew, k, state, left, truth, l.Term.TTL)
				}
				b.pass(61 * time.Second)
			}
		})
	}
}

// LCK-02 on such an appliance: what cannot be adopted is not called another's.
func TestFault_LCK02_ListedTimeThatFallsIsStillOurDoubt(t *testing.T) {
	onLeftover(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.hidden[appliance.LockID(fmt.Sprintf("%032d", 1))] = true // until the second look, a second later
			b.f.after = func(call string) error {
				switch call {
				case "acquire":
					return appliance.ErrAmbiguous
				case "locks":
					if len(b.f.granted) > 0 {
						clear(b.f.hidden)
					}
				}
				return nil
			}
		})
		_, err := b.do(up20)
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, err.Error(), strings.Contains(err.Error(), "it does not last what was asked for"), true)
		b.pass(20 * time.Second)
		l := b.snap().Locks[0]
		must(t, "it is listed with less than was asked for", l.TTL < up20.Claim.TTL, true)
		must(t, "mine", l.Mine, false)
		must(t, "holder", l.Holder, appliance.HolderUnknown)
	})
}

// A slow listing makes a foreign lock's end seem earlier by up to its round trip. That the quick ones after it do not say so
// must not have the countdown rise, not even when the slow one is long forgotten.
func TestFault_CLK04_ASlowListingIsNotTakenBack(t *testing.T) {
	run(t, func(b *bench, _ *Options) {
		b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)}
	}, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = onCall("locks", func() { <-time.After(6 * time.Second) }) })
		b.pass(20 * time.Second)
		b.f.with(func() {
			b.f.before = func(context.Context, string) error { <-time.After(10 * time.Millisecond); return nil }
		})
		b.pass(10 * time.Second)
		end := b.snap().Locks[0].Term.End
		for range 30 {
			b.pass(10 * time.Second)
			if now := b.snap().Locks[0].Term.End; now > end {
				t.Fatalf("the end moved from %s to %s", end, now)
			}
		}
	})
}
