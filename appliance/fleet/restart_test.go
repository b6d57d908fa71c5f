package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// The engine is killed at every single step of an extension, before and after each write of the journal and each call of the
// appliance; the next one goes on. At no time is there less than one lock, or more than one beyond what is needed.
func TestFault_LCK04_KilledAtEveryStepOfAnExtension(t *testing.T) {
	const ttl = 2*time.Minute + 7*time.Second
	seen := map[string]bool{}
	for n := 1; ; n++ {
		finished := false
		onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
			first := b.keep("UP", ttl)
			b.pass(50 * time.Second)
			v.mu.Lock()
			v.armed, v.dies = true, n
			v.mu.Unlock()
			died := false
			for range 40 {
				b.pass(time.Second)
				select {
				case <-v.dead:
					died = true
				default:
					continue
				}
				break
			}
			if !died {
				finished = len(b.f.alive()) == 1 && b.f.alive()[0] != first
				must(t, "the extension ended", finished, true)
				return
			}
			seen[v.what] = true
			where := fmt.Sprintf("step %d, %s: ", n, v.what)
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
		})
		if finished || t.Failed() {
			break
		}
	}
	for _, step := range []string{
		"before intend extend", "after intend extend", "before acquire", "after acquire", "before hold", "after hold",
		"after settle", "after locks", "before intend release", "after intend release", "before release", "after release",
		"before forget",
	} {
		must(t, "a step at which it was killed: "+step, seen[step], true)
	}
}

// Killed between the request and the record of an acquisition: the next engine finds the lock by its mark, and another's with
// the same scope stays another's.
func TestFault_LCK02_FoundByTheNextRun(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, v *victim) {
		v.mu.Lock()
		v.armed, v.dies = true, 5 // before locks, after locks, before intend, after intend, before acquire: see below
		v.mu.Unlock()
		go func() { _, _ = b.e.Do(t.Context(), maria, "dc1", up20) }()
		b.pass(time.Second)
		must(t, "killed", v.what, "before acquire")
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
