package app

import (
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
)

// Who quits and releases leaves when every lock is given back, and not before: another act that ends meanwhile does not
// count, and after a release that failed the program stays.
func TestFault_LCK11_QuitWaitsForEveryRelease(t *testing.T) {
	failed := errors.New("it failed")
	for name, c := range map[string]struct {
		errs  []error // of the releases, in the order in which they end
		leave bool
	}{
		"all released": {[]error{nil, nil}, true},
		"first fails":  {[]error{failed, nil}, false},
		"last fails":   {[]error{nil, failed}, false},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, nil, func(b *bench) {
				for _, scope := range []string{"UP", "FC"} {
					act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope, TTL: time.Hour}}
					if _, err := b.engine.Do(b.t.Context(), b.opts.Person, "dc1-lxca", act); err != nil {
						b.t.Fatal(err)
					}
				}
				<-time.After(time.Second)
				b.pump()
				held := b.held()
				if len(held) != 2 {
					b.t.Fatalf("%d locks are held", len(held))
				}
				_ = b.quit(quitMsg{release: true}) // what it wants sent is not: the answers are made up here
				other := doneMsg{target: target{"dc1-lxca", appliance.Act{Verb: appliance.VerbExtend, Lock: held[0].act.Lock}}}
				for i, msg := range []doneMsg{other, {target: held[0], err: c.errs[0]}, other, {target: held[1], err: c.errs[1]}} {
					_, left := b.done(msg)().(tea.QuitMsg)
					if want := c.leave && i == 3; left != want {
						b.t.Errorf("after the end of act %d: leaves %v, want %v", i+1, left, want)
					}
				}
			})
		})
	}
}
