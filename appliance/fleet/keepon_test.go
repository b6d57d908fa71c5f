package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// A lock that is kept until a job ends is kept so by the next run too.
func TestFault_LCK04_UntilItsJobEndsAfterARestart(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		job := appliance.Job{ID: "17", Phase: appliance.PhaseRunning, State: appliance.Label("Running")}
		b.f.with(func() { b.f.jobs = []appliance.Job{job} })
		id := b.acquire(20 * time.Minute)
		_, err := b.do(appliance.Act{Verb: appliance.VerbKeep, Lock: b.lock(id).Lock, Job: "17"})
		must(t, "error", err, nil)
		b.e.Close()
		l.end("one")
		next := b.another(t, l, "two", b.f)
		b.pass(2 * time.Hour)
		must(t, "kept while it runs", next.kept() != "", true)
		must(t, "by the journal", l.holdings["two"][[2]string{"dc1", string(next.kept())}].Job, "17")
		b.f.with(func() { b.f.jobs = nil })
		b.pass(time.Minute)
		must(t, "kept when it vanished", next.kept() != "", true)
		must(t, "said once", strings.Count(next.story(), "job 17, until whose end the lock about UP is kept, is not listed"), 1)
		job.Phase, job.State = appliance.PhaseSucceeded, appliance.Label("Complete")
		b.f.with(func() { b.f.jobs = []appliance.Job{job} })
		b.pass(15 * time.Second)
		must(t, "kept after its end", next.kept(), "")
		mustSay(t, next.events(Info), "lock about UP is no longer kept: it was to be until job 17 ends")
	})
}

// The engine is killed at every step of taking a kept lock anew that was lost: the next one goes on with it, and says so.
func TestFault_LCK06_KilledWhileItIsTakenAnew(t *testing.T) {
	const ttl = 2*time.Minute + 7*time.Second
	lose := func(b *bench) { b.f.with(func() { b.f.locks = nil }) }
	var steps []string
	onLedger(t, func(t *testing.T, b *bench, _ *ledger, v *victim) {
		b.keep("UP", ttl)
		b.pass(15 * time.Second)
		v.arm("")
		lose(b)
		b.pass(15 * time.Second)
		must(t, "taken anew"+b.story(), len(b.f.alive()), 1)
		steps = v.steps
	})
	for _, part := range []string{"after hold", "before intend acquire", "before acquire", "after acquire", "after settle"} {
		must(t, "a step of it is "+part, slices.Contains(steps, part+" 1"), true)
	}
	for _, acknowledged := range []bool{false, true} {
		for _, step := range steps {
			onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
				id := b.keep("UP", ttl)
				b.pass(15 * time.Second)
				v.arm(step)
				lose(b)
				<-v.dead
				synctest.Wait()
				where := fmt.Sprintf("killed %s, acknowledged %t: ", step, acknowledged)
				l.end("one")
				h, there := l.holdings["one"][[2]string{"dc1", string(id)}]
				if acknowledged && there && h.State == HoldingLost && h.Kept { // as the journal would have it then
					h.State = HoldingSought
					l.holdings["one"][[2]string{"dc1", string(id)}] = h
				}
				next := b.another(t, l, "two", b.f)
				b.pass(2*ttl + 15*time.Second)
				for range 3 {
					if len(b.f.alive()) == 1 {
						break
					}
					b.pass(10 * time.Second)
				}
				must(t, where+"locks in the end"+next.story(), len(b.f.alive()), 1)
				must(t, where+"it is kept"+next.story(), next.kept(), b.f.alive()[0])
				must(t, where+"open records", l.open(), 0)
				must(t, where+"it is said"+next.story(), strings.Contains(next.story(), "earlier run"), true)
				if there && h.State == HoldingLost {
					must(t, where+"losses", len(next.snap().Lost), 1)
				}
				w := next.e.byName["dc1"]
				w.mu.Lock()
				defer w.mu.Unlock()
				must(t, where+"keepings", len(w.claims.keeps), 1)
			})
			if t.Failed() {
				return
			}
		}
	}
}

// What was to be kept no longer than now, or only for what the earlier run did, is not taken anew; that it was kept is said.
func TestFault_LCK06_NotTakenAnew(t *testing.T) {
	for _, c := range []struct {
		what    string
		until   time.Duration
		purpose string
		anew    bool
	}{
		{"until told otherwise", 0, "", true}, {"until later", time.Hour, "", true}, {"until then", 2 * time.Minute, "", false},
		{"for a command", 0, "locks hold: backup", false},
	} {
		l := newLedger()
		run(t, func(b *bench, o *Options) {
			o.ID, o.Journal, o.Purpose = "one", &page{ledger: l, engine: "one"}, c.purpose
		}, func(t *testing.T, b *bench) {
			id := b.acquire(20 * time.Minute)
			act := keepAct(b.lock(id).Lock)
			if c.until > 0 {
				act.Until = b.clock.Now().Wall.Add(c.until)
			}
			_, err := b.do(act)
			must(t, "error", err, nil)
			b.pass(15 * time.Second)
			b.f.with(func() { b.f.locks, b.f.before = nil, on("acquire", &appliance.Refusal{Status: 400}) })
			b.pass(15 * time.Second)
			must(t, "losses", len(b.snap().Lost), 1)
			b.e.Close()
			l.end("one")
			b.pass(5 * time.Minute)
			b.f.with(func() { b.f.before = nil })
			next := b.another(t, l, "two", b.f)
			b.pass(15 * time.Second)
			must(t, c.what+": taken anew"+next.story(), next.kept() != "", c.anew)
			must(t, "losses", len(next.snap().Lost), 1)
			mustSay(t, next.events(Alarm), "the lock about UP that an earlier run kept for maria ended after 00:00:0")
			must(t, "gaps", len(next.snap().Gaps), map[bool]int{true: 1}[c.anew])
			kept := l.holdings["two"][[2]string{"dc1", string(id)}].Kept
			must(t, "in the journal it is still to be taken", kept, false)
		})
	}
}

// While it is not covered, what is kept can be let go by the lock that it was.
func TestUnkeepWhatIsTakenAnew(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		id := b.keep("UP", 20*time.Minute)
		b.pass(15 * time.Second)
		b.f.with(func() { b.f.locks, b.f.before = nil, on("acquire", &appliance.Refusal{Status: 400}) })
		b.pass(15 * time.Second)
		must(t, "error", b.e.Acknowledge(t.Context(), maria, "dc1", id), nil)
		must(t, "in the journal", strings.Join(l.held("one"), ""), "01 UP sought kept=true")
		_, err := b.do(appliance.Act{Verb: appliance.VerbUnkeep, Lock: appliance.Lock{ID: id}})
		must(t, "error", err, nil)
		b.pass(2 * time.Second)
		must(t, "in the journal", len(l.held("one")), 0)
		b.f.with(func() { b.f.before = nil })
		b.pass(time.Minute)
		must(t, "locks", len(b.f.alive()), 0)
	})
}

// The journal has the new lock and not yet that the old one was lost: the next run keeps one of them, and tells the gap.
func TestFault_LCK06_BothRecordedAsKept(t *testing.T) {
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		o.ID, o.Journal = "one", &page{ledger: l, engine: "one"}
	}, func(t *testing.T, b *bench) {
		old := b.keep("UP", 20*time.Minute)
		b.pass(15 * time.Second)
		was := l.holdings["one"][[2]string{"dc1", string(old)}]
		b.f.with(func() { b.f.locks = nil })
		for b.kept() == "" || b.kept() == old {
			b.pass(100 * time.Millisecond)
		}
		b.e.Close()
		l.holdings["one"][[2]string{"dc1", string(old)}] = was
		l.end("one")
		next := b.another(t, l, "two", b.f)
		b.pass(15 * time.Second)
		w := next.e.byName["dc1"]
		w.mu.Lock()
		must(t, "keepings", len(w.claims.keeps), 1)
		w.mu.Unlock()
		must(t, "kept"+next.story(), next.kept(), b.f.alive()[0])
		must(t, "locks", len(b.f.alive()), 1)
		must(t, "gaps"+next.story(), len(next.snap().Gaps), 1)
	})
}

// A run was killed in the middle of extending a kept lock, and so is the next one, wherever it may be in what it does about what it
// finds: the one after keeps the lock that came of it, alone.
func TestFault_SIG05_KilledAgainWhileItGoesOnKeeping(t *testing.T) {
	extend := func(t *testing.T, dies string) (steps []string) {
		l := newLedger()
		var v *victim
		var old, made appliance.LockID
		run(t, func(b *bench, o *Options) {
			v = newVictim(b.f)
			now := b.clock.Now()
			began := now.Wall.Add(-11 * time.Minute)
			old = b.f.put("UP", 20*time.Minute+13*time.Second, began)
			act := appliance.Act{
				Verb: appliance.VerbExtend, Lock: appliance.Lock{ID: old, Scope: appliance.Scope{Code: "UP"}},
				Claim: appliance.Claim{Scope: "UP", TTL: 20*time.Minute + 11*time.Second},
			}
			p := &page{ledger: l, engine: "zero"}
			must(t, "held", p.Hold(t.Context(), Holding{
				Appliance: "dc1", Lock: old, Scope: "UP", Who: "maria", State: HoldingHeld, TTL: 20*time.Minute + 13*time.Second, Sent: began,
				Received: began, Kept: true,
			}), nil)
			_, err := p.Intend(t.Context(), Intent{
				At: now, Engine: "zero", Who: "maria", Appliance: "dc1", Act: act, Since: now.Wall, Before: []appliance.LockID{old},
			})
			must(t, "asked", err, nil)
			l.end("zero")
			made = b.f.put("UP", act.Claim.TTL, now.Wall)
			v.arm(dies)
			o.ID, o.Journal, o.Adopt = "one", &page{ledger: l, engine: "one", step: v.step}, true
			o.Members = []Member{{Appliance: v, Name: "dc1"}}
		}, func(t *testing.T, b *bench) {
			defer close(v.over)
			b.pass(25 * time.Second)
			if dies == "" {
				steps = v.steps
				return
			}
			l.end("one")
			next := b.another(t, l, "two", b.f)
			b.pass(time.Minute)
			must(t, "kept when it died "+dies+next.story(), next.kept(), made)
			must(t, "there when it died "+dies, fmt.Sprint(b.f.alive()), fmt.Sprint([]appliance.LockID{made}))
			must(t, "open when it died "+dies, l.open(), 0)
		})
		return steps
	}
	for _, step := range extend(t, "") {
		extend(t, step)
	}
}
