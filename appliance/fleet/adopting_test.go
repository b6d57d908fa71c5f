package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// What was left is taken over only by who may act on it: not by a viewer, not in a run that is read-only.
func TestFault_JNL05_OnlyWhoMayActTakesOver(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(*Options)
		may  bool
	}{
		{"nobody in particular", func(*Options) {}, true},
		{"an operator", func(o *Options) { o.AdoptFor = maria }, true},
		{"an admin", func(o *Options) { o.AdoptFor = policy.Person{Name: "maria", Role: policy.Admin} }, true},
		{"a viewer", func(o *Options) { o.AdoptFor = otto }, false},
		{"read-only", func(o *Options) { o.ReadOnly = true }, false},
		{"read-only there", func(o *Options) { o.Members[0].ReadOnly = true }, false},
	} {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			b.keep("UP", 20*time.Minute)
			id := b.keep("FC", 20*time.Minute)
			must(t, "error", b.e.Owe(t.Context(), maria, "dc1", id), nil)
			b.e.Close() // at once, so that it is owed
			l.end("one")
			before := strings.Join(b.f.log, ", ")
			next := b.another(t, l, "two", b.f, c.set)
			b.pass(15 * time.Minute)
			must(t, c.what+": is anything done: "+strings.Join(b.f.log, ", "), strings.Join(b.f.log, ", ") != before, c.may)
			must(t, c.what+": is anything left"+next.story(), len(l.held("one")) == 0, c.may)
			must(t, c.what+": is anything ours", len(l.held("two")) > 0, c.may)
			if !c.may { // it is there still for whoever may
				b.another(t, l, "three", b.f)
				must(t, c.what+": left to the next", len(l.held("three")), 2)
			}
		})
	}
}

// A run that is about one lock takes over that one, and what hangs together with it: not what else was left there.
func TestFault_JNL05_OnlyTheLockThatIsMeant(t *testing.T) {
	for said, want := range map[string]string{
		"":                      "01 UP held kept=true|02 FC held kept=true",
		"up":                    "01 UP held kept=true",
		"FC":                    "02 FC held kept=true",
		"DM":                    "",
		fmt.Sprintf("%032d", 2): "02 FC held kept=true",
		fmt.Sprintf("%032d", 9): "",
	} {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			b.keep("UP", 20*time.Minute)
			b.keep("FC", 20*time.Minute)
			act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 1217 * time.Second}}
			in := Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: act}
			open, err := (&page{ledger: l, engine: "one"}).Intend(context.Background(), in)
			must(t, "error", err, nil)
			b.e.Close()
			l.end("one")
			b.another(t, l, "two", b.f, func(o *Options) { o.AdoptOnly = said })
			must(t, fmt.Sprintf("by %q", said), strings.Join(l.held("two"), "|"), want)
			must(t, fmt.Sprintf("by %q: the request", said), l.keeper[open] == "two", said != "FC" && said != "DM")
		})
	}
}
