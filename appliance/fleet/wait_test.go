package fleet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast/appliance"
)

var confClaim = appliance.Claim{Scope: appliance.ConfigurationLock}

// waiting begins a wait on an appliance whose lock another holds.
func (b *bench) waiting(ctx context.Context, x *edge) chan error {
	b.f.with(func() {
		x.holder = appliance.HolderAnother
		b.f.before = on("acquire", fmt.Errorf("423: %w", appliance.ErrHeld))
	})
	b.pass(11 * time.Second)
	done := make(chan error, 1)
	go func() {
		_, err := b.e.Wait(ctx, maria, "dc1", confClaim)
		done <- err
	}()
	b.pass(100 * time.Millisecond)
	return done
}

func TestWaitUntilTheLockIsFree(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		must(t, "without a lock", b.e.WhyNot(otto, "dc1", appliance.Act{Verb: appliance.VerbWait}) != "", true)
		done := b.waiting(t.Context(), x)
		_, err := b.e.Wait(t.Context(), maria, "dc1", confClaim)
		mustIs(t, err, ErrRefusedByUs)
		must(t, "one at a time", err.Error(), "maria waits already")
		from := b.snap().Wait.Since
		pauses := map[time.Duration]bool{}
		for range 6 {
			w := b.snap().Wait
			tries, pause := b.f.asked("acquire"), w.Next.Run-b.clock.Now().Run
			must(t, "tries", w.Tries, tries)
			must(t, fmt.Sprintf("pause of %s", pause), pause > 9*time.Second && pause < 20*time.Second, true)
			must(t, "since", w.Since, from)
			pauses[pause.Truncate(time.Second)] = true
			b.pass(pause + 50*time.Millisecond)
			must(t, "tries", b.f.asked("acquire"), tries+1)
		}
		must(t, "pauses by chance", len(pauses) > 2, true)
		b.f.with(func() { x.holder, b.f.before = appliance.HolderNobody, nil })
		b.pass(21 * time.Second)
		must(t, "error", <-done, nil)
		must(t, "row", b.row(), "mine=true you")
		must(t, "no wait is shown", b.snap().Wait, nil)
		rings := 0
		for _, ev := range b.e.Events(0, 0) {
			if ev.Ring && ev.Level == Good && ev.Text == "got configuration after waiting" && ev.Who == "maria" {
				rings++
			}
		}
		must(t, "bells", rings, 1)
		must(t, "a lock that is ours is not waited for", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbWait, Claim: confClaim}), "you hold it already")
	})
}

func TestWaitEnds(t *testing.T) {
	for _, c := range []struct {
		what string
		end  func(b *bench, x *edge, cancel context.CancelFunc)
		err  error
	}{
		{"stopped", func(b *bench, _ *edge, _ context.CancelFunc) { b.e.StopWaiting("dc1") }, ErrStopped},
		{"left", func(_ *bench, _ *edge, cancel context.CancelFunc) { cancel() }, ErrStopped},
		{"forbidden", func(b *bench, _ *edge, _ context.CancelFunc) {
			b.f.with(func() { b.f.before = on("acquire", appliance.ErrForbidden) })
		}, appliance.ErrForbidden},
		{"taken by the operator himself", func(b *bench, x *edge, _ context.CancelFunc) {
			b.f.with(func() { b.f.before = nil })
			_, _ = b.do(takeConf)
		}, ErrRefusedByUs},
		{"the engine ends", func(b *bench, _ *edge, _ context.CancelFunc) { b.e.Close() }, ErrStopped},
	} {
		t.Run(c.what, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := b.waiting(ctx, x)
				c.end(b, x, cancel)
				b.pass(21 * time.Second)
				select {
				case err := <-done:
					mustIs(t, err, c.err)
				default:
					t.Fatal("it waits on")
				}
				must(t, "no wait is shown", b.snap().Wait, nil)
				tries := b.f.asked("acquire")
				b.pass(time.Minute)
				must(t, "tries after its end", b.f.asked("acquire"), tries)
			})
		})
	}
}

// What passes does not end a wait: an appliance that is away, an answer that was lost, one that was found to be a no.
func TestWaitOutlivesWhatPasses(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		done := b.waiting(t.Context(), x)
		for _, step := range []func(context.Context, string) error{
			fails(appliance.ErrUnreachable),
			func(context.Context, string) error { return &appliance.Refusal{Status: 503, Kind: appliance.ErrBusy} },
		} {
			b.f.with(func() { b.f.before = step })
			b.pass(11 * time.Second)
			tries := b.f.asked("acquire", "settle")
			b.pass(time.Minute)
			must(t, "nothing is sent to it meanwhile", b.f.asked("acquire", "settle"), tries)
			b.f.with(func() { b.f.before = on("acquire", appliance.ErrHeld) })
			b.pass(2 * time.Minute)
			must(t, "it is tried on", b.f.asked("acquire") > tries, true)
		}
		settled := 0
		b.f.with(func() {
			b.f.before = on("acquire", appliance.ErrAmbiguous)
			x.settle = func() (bool, error) { settled++; return false, nil }
		})
		b.pass(time.Minute)
		must(t, "lost answers are settled", settled > 1, true)
		b.f.with(func() { b.f.before = nil })
		b.pass(21 * time.Second)
		must(t, "error", <-done, nil)
	})
}

// Rejected credentials end a wait: they are offered twice at most.
func TestFault_TOK05_AWaitEndsWithTheCredentials(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		done := b.waiting(t.Context(), x)
		rejected := 0
		b.f.with(func() {
			b.f.before = func(context.Context, string) error {
				b.f.mu.Lock()
				defer b.f.mu.Unlock()
				rejected++
				return appliance.ErrCredentials
			}
		})
		b.pass(5 * time.Minute)
		must(t, fmt.Sprintf("%d rejections", rejected), rejected <= 2, true)
		select {
		case err := <-done:
			must(t, err.Error(), errors.Is(err, appliance.ErrCredentials) || errors.Is(err, ErrRefusedByUs), true)
		default:
			t.Fatal("it waits on")
		}
	})
}

func TestWaitWhereThereIsNoSuchThing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		_, err := b.e.Wait(t.Context(), maria, "dc1", appliance.Claim{Scope: "UP"})
		mustIs(t, err, ErrRefusedByUs)
		must(t, "why", err.Error(), "locks there are never waited for: several may exist, take one")
		_, err = b.e.Wait(t.Context(), maria, "dc9", confClaim)
		mustIs(t, err, ErrRefusedByUs)
	})
}

// A kept exclusive lock is renewed; one that is lost is the operator's to take again.
func TestFault_LCK10_AKeptExclusiveLock(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		_, err = b.do(keepAct(conf))
		must(t, "error", err, nil)
		b.pass(time.Hour + time.Minute)
		must(t, "held", b.row(), "mine=true you")
		n := b.f.asked("renew")
		must(t, fmt.Sprintf("%d renewals", n), n >= 11 && n <= 13, true)
		b.f.with(func() { x.holder = appliance.HolderAnother })
		b.pass(11 * time.Second)
		must(t, "losses", len(b.snap().Lost), 1)
		b.pass(10 * time.Minute)
		must(t, "not taken again by itself", b.f.asked("acquire"), 1)
		must(t, "renewed", b.f.asked("renew"), n)
	})
}
