package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// What is kept is extended by the same time from run to run, whatever mark the lock of the last run had.
func TestFault_LCK02_TheKeptTimeDoesNotGrow(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		b.acquire(20*time.Minute + 17*time.Second)
		_, err := b.do(keepAct(b.snap().Locks[0].Lock))
		must(t, "error", err, nil)
		at, engine := b, "one"
		for i := range 12 {
			b.pass(11 * time.Minute)
			at.e.Close()
			l.end(engine)
			engine = fmt.Sprintf("next%d", i)
			at = b.another(t, l, engine, b.f, func(o *Options) { o.Seed = uint64(i + 1) })
			b.pass(15 * time.Second)
		}
		must(t, "kept", at.kept() != "", true)
		b.f.with(func() {
			for _, lock := range b.f.locks {
				must(t, fmt.Sprintf("it lasts %v", lock.TTL), lock.TTL >= 20*time.Minute && lock.TTL <= 20*time.Minute+96*time.Second, true)
			}
		})
	})
}

// The answers to a request and to the one that was sent in its place were lost, and the run ended: the next one keeps one of the two
// locks that came of them, and gives the other back (faults.md LCK-03).
func TestFault_LCK03_TwoLostOfAnEndedRun(t *testing.T) {
	first, second := 20*time.Minute+17*time.Second, 20*time.Minute+33*time.Second
	for _, noted := range []string{"", "first", "second", "both"} {
		for _, linked := range []bool{true, false} {
			l := newLedger()
			run(t, func(b *bench, o *Options) {
				p := &page{ledger: l, engine: "one"}
				for i, ttl := range []time.Duration{first, second} {
					now := b.clock.Now()
					act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: ttl}}
					in := Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: act, At: now, Before: []appliance.LockID{}, Since: now.Wall}
					if i == 1 && linked {
						in.Again = 1
					}
					_, err := p.Intend(context.Background(), in)
					must(t, "error", err, nil)
					id := b.f.put("UP", ttl, now.Wall)
					if noted == "both" || noted == []string{"first", "second"}[i] {
						must(t, "error", p.Hold(context.Background(), Holding{Appliance: "dc1", Lock: id, Scope: "UP", Who: "maria",
							State: HoldingHeld, TTL: ttl, Sent: now.Wall, Received: now.Wall}), nil)
					}
				}
				l.end("one")
				o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
			}, func(t *testing.T, b *bench) {
				b.pass(40 * time.Second)
				where := fmt.Sprintf("noted %q, linked %t", noted, linked)
				want := map[bool]int{true: 1, false: 2}[linked]
				must(t, where+": locks"+b.story(), len(b.f.alive()), want)
				must(t, where+": in the journal", len(l.held("two")), want)
				must(t, where+": ours", b.lock(b.f.alive()[0]).Mine, true)
				must(t, where+": said", strings.Count(b.story(), "two locks were granted to maria"), 2-want)
				must(t, where+": open", l.open(), 0)
			})
		}
	}
}

// A request that is sent again says in its record of which one it is.
func TestFault_LCK03_TheSecondIsLinkedToTheFirst(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		b.f.with(func() { b.f.before = on("acquire", fmt.Errorf("reset: %w", appliance.ErrAmbiguous)) })
		done := begun(func() error { _, err := b.e.Do(t.Context(), maria, "dc1", up20); return err })
		b.pass(3 * time.Minute)
		<-done
		must(t, "requests", len(l.records), 2)
		must(t, "the first", l.records[0].Again, 0)
		must(t, "the second", l.records[1].Again, l.records[0].ID)
	})
}
