package fleet

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
)

// worst is an error that panics when it is read.
type worst struct{ error }

func (worst) Error() string { panic("the worst\x1b[2J") }

// panicky is a journal and an appliance that panic while they are told to.
type panicky struct {
	*fake
	*page
	now atomic.Bool
}

func (p *panicky) LockRules() appliance.LockRules {
	if p.now.Load() {
		panic("rules")
	}
	return p.fake.LockRules()
}

func (p *panicky) Adopt(ctx context.Context, names []string, only Only) (Estate, error) {
	if p.now.Load() {
		panic("journal")
	}
	return p.page.Adopt(ctx, names, only)
}

// Something of ours panics, wherever that is: it is logged, told once, shown on the row of its appliance, and everything else goes
// on, there too.
func TestFault_SSH13_EveryGoroutineIsGuarded(t *testing.T) {
	type place struct {
		what  string
		at    string // the appliance; empty = the fleet
		begin func(t *testing.T, b *bench, p *panicky)
		end   func(b *bench, p *panicky)
	}
	for _, c := range []place{
		{"a poll, outside of its client", "dc1", func(_ *testing.T, b *bench, _ *panicky) {
			b.f.with(func() { b.f.before = fails(worst{errors.New("")}) })
		}, func(b *bench, _ *panicky) { b.f.with(func() { b.f.before = nil }) }},
		{"the second", "dc1", func(_ *testing.T, b *bench, _ *panicky) {
			w := b.e.byName["dc1"]
			w.mu.Lock()
			defer w.mu.Unlock()
			w.claims.own["broken"] = nil
		}, func(b *bench, _ *panicky) {
			w := b.e.byName["dc1"]
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.claims.own, "broken")
		}},
		{"an act, before it is sent", "dc1", func(t *testing.T, b *bench, p *panicky) {
			p.now.Store(true)
			_, err := b.do(up20)
			mustIs(t, err, errFailed)
			mustIs(t, err, ErrRefusedByUs)
			p.now.Store(false)
		}, func(*bench, *panicky) {}},
		{"what is done beside", "dc1", func(_ *testing.T, b *bench, _ *panicky) {
			b.e.byName["dc1"].spawn(func(context.Context) { panic("beside") })
		}, func(*bench, *panicky) {}},
		{"looking at others", "", func(_ *testing.T, b *bench, p *panicky) {
			p.now.Store(true)
			b.pass(6 * time.Second)
			p.now.Store(false)
		}, func(*bench, *panicky) {}},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, log := &panicky{page: &page{ledger: newLedger(), engine: "one"}}, &bytes.Buffer{}
			run(t, func(b *bench, o *Options) {
				p.fake = b.f
				other := b.add("dc2")
				o.ID, o.Journal, o.Adopt, o.Log = "one", p, true, slog.New(slog.NewTextHandler(log, nil))
				o.Members = []Member{{Appliance: p, Name: "dc1"}, {Appliance: other, Name: "dc2"}}
			}, func(t *testing.T, b *bench) {
				b.pass(11 * time.Second)
				polls := b.fakes[1].asked("locks")
				c.begin(t, b, p)
				b.pass(3 * time.Minute)
				must(t, "the other is polled", b.fakes[1].asked("locks") > polls+10, true)
				c.end(b, p)
				polls = b.f.asked("locks")
				b.pass(2 * time.Minute)
				must(t, "it is polled itself"+b.story(), b.f.asked("locks") > polls+3, true)
				must(t, "told once"+b.story(), strings.Count(b.story(), "our own program failed"), 1)
				must(t, "cleaned", strings.Contains(b.story(), "\x1b"), false)
				row := ""
				for _, n := range b.snap().Notices {
					row += n.Text
				}
				must(t, "on its row: "+row, strings.Contains(row, "our own program failed at it"), c.at == "dc1")
				for _, n := range b.e.Snapshot("dc2").Notices {
					must(t, "on the other's row: "+n.Text, strings.Contains(n.Text, "failed"), false)
				}
				must(t, "logged, with where", strings.Contains(log.String(), "guard.go") && strings.Contains(log.String(), "panic="), true)
				_, err := b.do(up20)
				must(t, "an act there", err, nil)
			})
		})
	}
}

// What runs as long as the engine begins again after a panic, and ends with it.
func TestFault_SSH13_BegunAgain(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		var runs atomic.Int32
		b.e.mu.Lock()
		b.e.run(func(ctx context.Context) {
			if runs.Add(1) < 4 {
				panic("again")
			}
			<-ctx.Done()
		})
		b.e.mu.Unlock()
		b.pass(10 * time.Second)
		must(t, "runs", runs.Load(), 4)
		b.e.Close()
	})
}
