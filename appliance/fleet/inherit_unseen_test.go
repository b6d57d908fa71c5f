package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/appliance"
)

// unseen is an edge whose lock an earlier engine moved to a token that it never saw.
type unseen struct{ *resumer }

func (x *unseen) Resume(ctx context.Context, engine string) (bool, error) {
	if _, err := x.resumer.Resume(ctx, engine); err != nil {
		return false, err
	}
	return false, fmt.Errorf("%w: the answer to a renewal was lost", appliance.ErrNotHeld)
}

// A run that was killed before it had the answer to a renewal has left the lock to a token that nobody knows: that is said, and
// until when, and it is not called lost.
func TestFault_TOK02_RenewedByATokenThatNobodySaw(t *testing.T) {
	l := newLedger()
	var x *unseen
	run(t, func(b *bench, o *Options) {
		x = &unseen{&resumer{edge: &edge{fake: b.f, holder: appliance.HolderNobody}, tokens: map[string]bool{"one": false}}}
		o.ID, o.Journal = "one", &page{ledger: l, engine: "one"}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		b.pass(3 * time.Minute)
		asked := b.clock.Now()
		_, err = (&page{ledger: l, engine: "one"}).Intend(t.Context(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", At: asked,
			Act: appliance.Act{Verb: appliance.VerbExtend, Lock: conf}})
		must(t, "error", err, nil)
		b.e.Close()
		l.end("one")
		b.f.with(func() { x.holder = appliance.HolderAnother })
		next := b.another(t, l, "two", x)
		b.pass(10 * time.Second)
		free := at(asked.Wall.Add(10 * time.Minute))
		mustSay(t, []string{next.story()}, "may be held by a token of yours that nobody saw, as the answer to its renewal was lost: free by "+free)
		must(t, "note", next.snap().Locks[0].Note, "an earlier run of yours may hold it: free by "+free)
		must(t, "losses", len(next.snap().Lost), 0)
		must(t, "open", l.open(), 0)
		b.pass(10 * time.Minute)
		must(t, "note when it is free", next.snap().Locks[0].Note, "")
	})
}
