package fleet

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// lostFromSight has a request for a lock of b take effect unseen: its answer is lost, the lock is not listed yet, and asking once more is
// refused. The returned function has the lock listed from then on.
func lostFromSight(t *testing.T, b *bench, act appliance.Act) (show func()) {
	t.Helper()
	b.f.with(func() {
		asked := b.f.count["acquire"]
		b.f.after = func(call string) error {
			if call != "acquire" {
				return nil
			}
			b.f.hidden[b.f.granted[len(b.f.granted)-1]] = true
			b.f.before = on("acquire", &appliance.Refusal{Status: 400})
			must(t, "requests", b.f.count["acquire"], asked+1)
			return appliance.ErrAmbiguous
		}
	})
	done := begun(func() error { _, err := b.e.Do(t.Context(), maria, "dc1", act); return err })
	b.pass(3 * time.Minute)
	mustIs(t, <-done, appliance.ErrAmbiguous)
	return func() { b.f.with(func() { b.f.hidden, b.f.after, b.f.before = map[appliance.LockID]bool{}, nil, nil }) }
}

// Whoever asked for a lock does not want it any more before it is known what came of the request, or has given back the one that it
// was to extend: what is found of it then is given back, by this engine or by the next one, and nothing is left open.
func TestFault_LCK08_WhatIsFoundLaterIsGivenBack(t *testing.T) {
	for _, by := range []string{"this engine", "the next", "the next but one"} {
		for _, extended := range []bool{false, true} {
			t.Run(by, func(t *testing.T) {
				onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
					var show func()
					if extended {
						old := b.acquire(20 * time.Minute)
						act := appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock}
						act.Claim.TTL = 25*time.Minute + 7*time.Second
						show = lostFromSight(t, b, act)
						_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(old).Lock})
						must(t, "error", err, nil)
					} else {
						show = lostFromSight(t, b, up20)
						must(t, "error", b.e.Unwant(t.Context(), maria, "dc1"), nil)
					}
					must(t, "locks there"+b.story(), len(b.f.alive()), 1)
					at := b
					for i, next := range []string{"two", "three"}[:strings.Count(by, "next")+strings.Count(by, "but one")] {
						at.e.Close()
						l.end([]string{"one", "two"}[i])
						at = b.another(t, l, next, b.f)
						at.pass(15 * time.Second)
					}
					must(t, "locks before it is listed"+at.story(), len(b.f.alive()), 1)
					show()
					at.pass(30 * time.Second)
					must(t, "locks there"+at.story(), len(b.f.alive()), 0)
					must(t, "open", l.open(), 0)
					must(t, "held", len(l.held("one"))+len(l.held("two"))+len(l.held("three")), 0)
				})
			})
		}
	}
}

// Nothing came of it: then nothing is left open once nothing can come any more, nor if the next engine finds that out.
func TestFault_LCK08_NothingIsFoundLater(t *testing.T) {
	for _, next := range []bool{false, true} {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
			lostFromSight(t, b, up20)
			mustIs(t, b.e.Unwant(t.Context(), otto, "dc1"), ErrRefusedByUs)
			must(t, "open", l.open(), 1)
			must(t, "error", b.e.Unwant(t.Context(), maria, "dc1"), nil)
			must(t, "error", b.e.Unwant(t.Context(), maria, "dc1"), nil) // says nothing new
			must(t, "open", l.open(), 2)
			at := b
			if next {
				b.e.Close()
				l.end("one")
				at = b.another(t, l, "two", b.f)
			}
			at.pass(25 * time.Minute)
			must(t, "open"+at.story(), l.open(), 0)
			must(t, "given back", b.f.asked("release"), 0)
		})
	}
}

// Killed at any step between, the run leaves no lock that was given back, or not wanted, to whoever runs next.
func TestFault_LCK08_KilledWhileItGivesBackWhatIsFound(t *testing.T) {
	steps := []string{"never"}
	for i := 0; i < len(steps); i++ {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			show := lostFromSight(t, b, up20)
			must(t, "error", b.e.Unwant(t.Context(), maria, "dc1"), nil)
			v.arm(steps[i])
			show()
			b.pass(30 * time.Second)
			if i == 0 {
				for _, s := range v.steps {
					if !strings.Contains(s, "locks") && !strings.Contains(s, "probe") {
						steps = append(steps, s)
					}
				}
				must(t, "steps", len(steps) > 8, true)
				return
			}
			must(t, "died", v.what, steps[i])
			l.end("one")
			next := b.another(t, l, "two", b.f)
			next.pass(30 * time.Second)
			must(t, steps[i]+": locks there"+next.story(), len(b.f.alive()), 0)
			must(t, steps[i]+": open"+next.story(), l.open(), 0)
			must(t, steps[i]+": held", len(l.held("two")), 0)
		})
	}
}
