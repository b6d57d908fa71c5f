package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// What a rule of ours forbids until the run ends is owed all the same: the next run gives it back.
func TestFault_LCK08_OwedWhenRefused(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		id := b.keep("UP", 20*time.Minute)
		release := appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock}
		b.f.with(func() { b.f.before = fails(appliance.ErrUnreachable) })
		b.pass(20 * time.Second)
		_, err := b.do(release)
		mustIs(t, err, ErrRefusedByUs)
		must(t, "not owed by that", strings.Join(l.held("one"), ""), "01 UP held kept=true")
		mustIs(t, b.e.Owe(t.Context(), otto, "dc1", id), ErrRefusedByUs)
		mustIs(t, b.e.Owe(t.Context(), maria, "dc9", id), ErrRefusedByUs)
		mustIs(t, b.e.Owe(t.Context(), maria, "dc1", "none"), ErrRefusedByUs)
		must(t, "error", b.e.Owe(t.Context(), maria, "dc1", id), nil)
		must(t, "again", b.e.Owe(t.Context(), maria, "dc1", id), nil)
		must(t, "at once in the journal", strings.Join(l.held("one"), ""), "01 UP owed kept=false")
		must(t, "shown", b.lock(id).Owed && !b.lock(id).Kept, true)
		must(t, "said once", strings.Count(b.story(), "asked for the release of UP"), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		mustIs(t, b.e.Repay(ctx), ErrOwed)
		b.e.Close()
		l.end("one")
		b.f.with(func() { b.f.before = nil })
		next := b.another(t, l, "two", b.f)
		must(t, "error", next.e.Repay(t.Context()), nil)
		b.pass(time.Second)
		must(t, "locks"+next.story(), len(b.f.alive()), 0)
		must(t, "what the appliance saw", strings.Join(b.f.log, ", "), fmt.Sprintf("acquire %s, release %s", id, id))
		must(t, "journal", len(l.held("two"))+l.open(), 0)
	})
}

// The new lock of an extension is given back before the old one was: that one is given back too before a short run ends that waits
// for it; else it is owed in the journal, and the next run does it.
func TestFault_LCK08_TheOldOneOfAnExtension(t *testing.T) {
	for _, waits := range []bool{true, false} {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			old := b.acquire(20 * time.Minute)
			b.pass(time.Second)
			r, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: appliance.Claim{TTL: 40 * time.Minute}})
			must(t, "error", err, nil)
			must(t, "both are there", len(b.f.alive()), 2)
			_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(r.Lock).Lock})
			must(t, "error", err, nil)
			if waits {
				must(t, "error", b.e.Repay(t.Context()), nil)
			}
			b.e.Close()
			l.end("one")
			all := fmt.Sprintf("acquire %s, acquire %s, release %s, release %s", old, r.Lock, r.Lock, old)
			if waits {
				must(t, "what the appliance saw", strings.Join(b.f.log, ", "), all)
				must(t, "journal", len(l.held("one")), 0)
				return
			}
			must(t, "in the journal", strings.Join(l.held("one"), "|"), "01 UP owed kept=false")
			next := b.another(t, l, "two", b.f)
			b.pass(5 * time.Second)
			must(t, "what the appliance saw"+next.story(), strings.Join(b.f.log, ", "), all)
			must(t, "journal", len(l.held("two"))+l.open(), 0)
		})
	}
}
