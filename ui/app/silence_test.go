package app

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim/fault"
)

// Every appliance takes requests and never answers one. No key waits for that, whatever it opens or sends: not a moment passes
// between a key and the picture that follows it (virtual time stands still unless somebody waits), also while acts are under way.
func TestFault_NET02_NoKeyWaitsForAnAppliance(t *testing.T) {
	onBench(t, nil, func(b *bench) {
		if _, err := b.sims.Faults().Add(fault.Rule{Kind: fault.BlackHole}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second) // polls hang by now
		b.pump()
		views, acts := map[string]bool{}, 0
		for range 2 { // the second time with acts under way that hang
			for _, keys := range []string{
				"1 enter esc a enter", "2 g enter esc r y", "2 e y", "2 K enter", "2 w y x", "3 g enter G esc c enter y", "3 m esc p esc", "4 enter esc x y",
				"5 G", "6 enter Y esc", "7 + - enter esc", "? esc", "/ u p enter esc", "R", "1 G a y", "z s s space u", "q esc",
			} {
				for k := range strings.FieldsSeq(keys) {
					before := time.Now()
					_, cmd := b.Update(keyOf(k))
					views[b.View().Content] = true
					if took := time.Since(before); took > 0 {
						t.Fatalf("%s of %q: nothing was drawn for %s", k, keys, took)
					}
					b.run(cmd)
					b.pump()
					if took := time.Since(before); took > 0 {
						t.Fatalf("%s of %q: what it asked for kept the dashboard for %s", k, keys, took)
					}
				}
			}
			for _, s := range b.engine.Snapshots() {
				acts += len(s.Doing)
			}
			<-time.After(10 * time.Second)
			b.pump()
		}
		if len(views) < 40 || acts == 0 {
			t.Errorf("only %d different pictures, and %d acts under way", len(views), acts)
		}
	})
}
