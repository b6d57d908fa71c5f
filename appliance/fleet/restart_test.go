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

// The engine is killed at every single step of an extension, before and after each write of the journal and each call of the
// appliance; the next one goes on. At no time is there less than one lock, or more than one beyond what is needed.
func TestFault_LCK04_KilledAtEveryStepOfAnExtension(t *testing.T) {
	const ttl = 2*time.Minute + 7*time.Second
	var steps []string // of an extension that nothing disturbs
	onLedger(t, func(t *testing.T, b *bench, _ *ledger, v *victim) {
		first := b.keep("UP", ttl)
		b.pass(50 * time.Second)
		v.arm("")
		b.pass(35 * time.Second)
		must(t, "extended", len(b.f.alive()) == 1 && b.f.alive()[0] != first, true)
		steps = v.steps
	})
	for _, part := range []string{
		"before intend extend", "after acquire", "before hold", "after hold", "after settle", "after locks", "after intend release",
		"before release", "after release", "before forget",
	} {
		must(t, "a step of it is "+part, slices.Contains(steps, part+" 1"), true)
	}
	for _, step := range steps {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			b.keep("UP", ttl)
			b.pass(50 * time.Second)
			v.arm(step)
			<-v.dead
			synctest.Wait()
			where := "killed " + step + ": "
			l.end("one")
			next := b.another(t, l, "two", b.f)
			most := 0
			for range 3 * int(ttl/time.Second) {
				b.pass(time.Second)
				there := len(b.f.alive())
				must(t, where+"covered", there > 0, true)
				most = max(most, there)
			}
			must(t, where+"locks at most", most <= 2, true)
			b.pass(ttl / 4) // so that an overlap that has just begun ends
			for range 3 {
				if len(b.f.alive()) == 1 {
					break
				}
				b.pass(10 * time.Second)
			}
			must(t, where+"locks in the end", len(b.f.alive()), 1)
			must(t, where+"it is kept", next.kept(), b.f.alive()[0])
			must(t, where+"open records", l.open(), 0)
			must(t, where+"records of holdings", strings.Join(l.held("two"), "|"),
				fmt.Sprintf("%s UP held kept=true", b.f.alive()[0][30:]))
			all := strings.Join(next.events(Info), "|") + strings.Join(next.events(Good), "|") + strings.Join(next.events(Warn), "|")
			must(t, where+"it says what happened", strings.Contains(all, "earlier run"), true)
			must(t, where+"alarms: "+next.story(), len(next.events(Alarm)), 0)
			must(t, where+"losses", len(next.snap().Lost), 0)
			if step == "after hold 1" {
				must(t, where+"the extension is known to be done", l.records[1].Outcome, OutcomeDone)
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

// Killed between the request and the record of an acquisition: the next engine finds the lock by its mark, and another's with
// the same scope stays another's.
func TestFault_LCK02_FoundByTheNextRun(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		v.arm("before acquire 1")
		go func() { _, _ = b.e.Do(t.Context(), maria, "dc1", up20) }()
		b.pass(time.Second)
		must(t, "killed", v.what, "before acquire 1")
		in := l.records[0].Intent
		must(t, "the intent has what was there", in.Before != nil && len(in.Before) == 0, true)
		must(t, "and since when", in.Since.IsZero(), false)
		b.f.with(func() {
			b.f.put("UP", 20*time.Minute, b.clock.Now().Wall)
			b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall) // its effect
		})
		l.end("one")
		next := b.another(t, l, "two", b.f)
		b.pass(15 * time.Second)
		must(t, "another's", next.snap().Locks[0].Mine, false)
		must(t, "ours", next.snap().Locks[1].Mine && next.snap().Locks[1].By == "maria", true)
		must(t, "outcome", l.records[0].Outcome, OutcomeDone)
		must(t, "in the journal", strings.Join(l.held("two"), ""), "02 UP held kept=false")
		mustSay(t, next.events(Warn), "an earlier run ended in the middle of acquire UP for 20m17s, asked by maria at 00:00:00 UTC: what came of it is looked for")
	})
}

// What is given back is owed by the next run too, until it is gone.
func TestFault_LCK08_PendingSurvivesARestart(t *testing.T) {
	for _, unreachable := range []bool{false, true} {
		onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
			id := b.acquire(20 * time.Minute)
			b.f.with(func() { b.f.before = on("release", fmt.Errorf("dial: %w", appliance.ErrUnreachable)) })
			_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
			mustIs(t, err, appliance.ErrUnreachable)
			must(t, "said", strings.Contains(err.Error(), "its release is pending and tried again until it ends at 00:20:00 UTC"), true)
			must(t, "shown", b.lock(id).Owed, true)
			must(t, "in the journal", strings.Join(l.held("one"), ""), "01 UP owed kept=false")
			b.e.Close()
			l.end("one")
			next := b.another(t, l, "two", b.f)
			must(t, "shown by the next", next.lock(id).Owed, true)
			if !unreachable {
				b.f.with(func() { b.f.before = nil })
				b.pass(40 * time.Second)
				must(t, "locks", len(b.f.alive()), 0)
				mustSay(t, next.events(Info), "released UP")
			} else {
				b.pass(21 * time.Minute)
				mustSay(t, next.events(Info), "whose release was asked for, is gone")
				tries := b.f.asked("release")
				must(t, fmt.Sprintf("%d tries, not too many", tries), tries > 20 && tries < 120, true)
				b.pass(time.Minute)
				must(t, "tries after it is gone", b.f.asked("release"), tries)
			}
			must(t, "journal", len(l.held("two")), 0)
		})
	}
}

// However a release fails, it is pending and tried again by itself; what is not there any more was given back.
func TestFault_LCK08_HoweverItFails(t *testing.T) {
	for _, c := range []struct {
		err     error
		pending bool
	}{
		{fmt.Errorf("dial: %w", appliance.ErrUnreachable), true},
		{&appliance.Refusal{Status: 500}, true},
		{fmt.Errorf("reset: %w", appliance.ErrAmbiguous), true},
		{fmt.Errorf("401: %w", appliance.ErrCredentials), true},
		{fmt.Errorf("404: %w", appliance.ErrGone), false},
	} {
		run(t, nil, func(t *testing.T, b *bench) {
			id := b.acquire(20 * time.Minute)
			b.f.with(func() { b.f.before = on("release", c.err) })
			_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
			must(t, fmt.Sprint("failed: ", err), err != nil, c.pending)
			b.f.with(func() { b.f.before = nil })
			if !c.pending {
				must(t, "holdings", len(b.notes.Holdings()), 0)
				return
			}
			must(t, "owed", b.lock(id).Owed, true)
			must(t, "why", b.lock(id).Note, appliance.Reason(c.err))
			must(t, "extend", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(id).Lock}) != "", true)
			b.pass(10 * time.Second)
			must(t, "locks", len(b.f.alive()), 0)
			must(t, "row", b.lock(id), nil)
			must(t, "holdings", len(b.notes.Holdings()), 0)
			for _, r := range b.notes.Records() {
				must(t, "recorded", r.Outcome != "", true)
			}
		})
	}
}
