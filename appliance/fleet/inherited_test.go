package fleet

import (
	"context"
	"testing"
	"time"

	"holdfast/appliance"
)

// Whoever waits for what an ended engine left goes on once that is settled, and not before.
func TestInheritedIsSettled(t *testing.T) {
	l := newLedger()
	var x *resumer
	run(t, func(b *bench, o *Options) {
		x = &resumer{edge: &edge{fake: b.f, holder: appliance.HolderAnother}, tokens: map[string]bool{"one": true}}
		p := &page{ledger: l, engine: "one"}
		_, err := p.Intend(context.Background(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: takeConf, At: b.clock.Now()})
		must(t, "error", err, nil)
		l.end("one")
		b.f.before = fails(appliance.ErrUnreachable)
		o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		short, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		mustIs(t, b.e.Inherited(short, "dc1"), context.DeadlineExceeded)
		must(t, "asked for", len(x.asked), 0)
		b.f.with(func() { b.f.before = nil })
		must(t, "error", b.e.Inherited(t.Context(), "dc1"), nil)
		must(t, "row"+b.story(), b.row(), "mine=true you")
		mustIs(t, b.e.Inherited(t.Context(), "dc9"), ErrRefusedByUs)
	})
}

// Where nothing is adopted there is nothing to wait for.
func TestInheritedByNobody(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		began := b.clock.Now()
		must(t, "error", b.e.Inherited(t.Context(), "dc1"), nil)
		must(t, "it took", b.clock.Now().Since(began), 0)
	})
}

// A token that was issued before another was seen to hold the lock may own it later: what was listed in between says nothing
// against it.
func TestFault_LCK10_AnOlderTokenOwnsIt(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		issued := x.stamp()
		b.f.with(func() { x.holder = appliance.HolderAnother })
		b.pass(11 * time.Second) // listed as another's
		must(t, "row", b.row(), "mine=false another")
		x.issued = &issued
		done := b.waiting(t.Context(), x)
		b.f.with(func() { x.holder, b.f.before = appliance.HolderNobody, nil })
		must(t, "error", <-done, nil)
		must(t, "row", b.row(), "mine=true you")
		b.pass(time.Minute)
		must(t, "row"+b.story(), b.row(), "mine=true you")
		must(t, "losses", len(b.snap().Lost), 0)
	})
}

// A wait that ends while the answer to a try is missing says that the outcome is not known.
func TestFault_LCK09_AWaitEndsInDoubt(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		done := b.waiting(ctx, x)
		b.f.with(func() {
			b.f.before = on("acquire", appliance.ErrAmbiguous)
			x.settle = func() (bool, error) { return false, appliance.ErrUnreachable }
		})
		mustIs(t, <-done, appliance.ErrAmbiguous)
	})
}
