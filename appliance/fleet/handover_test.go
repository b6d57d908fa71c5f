package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// What was extended is given back only when the journal knows the lock that took its place: a run that finds no more than the
// release takes that for the operator's, and would give back both.
func TestFault_SIG05_TheNewLockIsRecordedBeforeTheOldIsGivenBack(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		b.keep("UP", 20*time.Minute)
		v.arm("before acquire 1")
		b.pass(11 * time.Minute)
		must(t, "killed", v.what, "before acquire 1")
		asked := l.records[len(l.records)-1].Intent
		must(t, "in the middle of", asked.Act.Verb, appliance.VerbExtend)
		known := ""
		b.f.with(func() {
			b.f.put("UP", asked.Act.Claim.TTL, asked.At.Wall) // its effect
			b.f.before = func(_ context.Context, call string) error {
				if call == "release" && known == "" {
					known = strings.Join(l.held("two"), ", ")
				}
				return nil
			}
		})
		l.end("one")
		slow := func(o *Options) {
			o.Journal = &page{ledger: l, engine: "two", step: func(what string) error {
				if what == "before hold" {
					<-time.After(300 * time.Millisecond)
				}
				return nil
			}}
		}
		next := b.another(t, l, "two", b.f, slow)
		b.pass(30 * time.Second)
		must(t, "in the journal when the old one was given back"+next.story(), known, "01 UP owed kept=false, 02 UP held kept=true")
		must(t, "kept", next.kept(), b.f.alive()[0])
	})
}
