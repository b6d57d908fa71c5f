package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// After a step of our clock nothing is extended before the locks were listed.
func TestFault_CLK03_NothingIsExtendedBeforeTheLocksWereListed(t *testing.T) {
	var ahead atomic.Int64
	run(t, func(b *bench, o *Options) {
		from := time.Now()
		b.clock = stepping(func() (time.Time, time.Duration) {
			return time.Now().Add(time.Duration(ahead.Load())).Round(0), time.Since(from)
		})
		o.Clock, b.f.clock = b.clock, b.clock
	}, func(t *testing.T, b *bench) {
		old := b.keep("UP", 20*time.Minute)
		b.pass(time.Minute)
		calls := []string{}
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				b.f.with(func() { calls = append(calls, call) })
				if call == "locks" {
					<-time.After(3 * time.Second)
				}
				return nil
			}
			b.f.locks[0].Created = b.f.locks[0].Created.Add(2 * time.Hour) // the appliance's clock was set as ours: the lock is there
		})
		synctest.Wait()
		ahead.Store(int64(2 * time.Hour))
		b.pass(15 * time.Second)
		must(t, "the list is right: it lasts", b.kept(), old)
		b.pass(10 * time.Minute)
		var asked []string
		b.f.with(func() { asked = slices.Clone(calls) })
		must(t, strings.Join(asked, " "), slices.Index(asked, "locks") >= 0 && slices.Index(asked, "locks") < slices.Index(asked, "acquire"), true)
		must(t, "losses"+b.story(), len(b.snap().Lost), 0)
		b.pass(15 * time.Second)
		must(t, "kept on by an overlap", b.f.asked("release") == 1 && b.kept() != old, true)
	})
}

// Rejected credentials: keeper, releases and waits together offer them twice at most.
func TestFault_TOK05_KeeperAndReleases(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		owed := b.acquire(4 * time.Minute)
		for i := range 6 {
			b.keep(fmt.Sprintf("S%d", i), 2*time.Minute)
		}
		b.f.with(func() { b.f.before = on("release", fmt.Errorf("dial: %w", appliance.ErrUnreachable)) })
		_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(owed).Lock})
		mustIs(t, err, appliance.ErrUnreachable)
		b.pass(50 * time.Second)
		rejected := 0
		b.f.with(func() {
			b.f.before = func(context.Context, string) error {
				b.f.mu.Lock()
				defer b.f.mu.Unlock()
				rejected++
				return appliance.ErrCredentials
			}
		})
		b.pass(5 * time.Minute)
		must(t, fmt.Sprintf("%d rejections, state %s", rejected, b.snap().State), rejected <= 2, true)
		must(t, "losses are said", len(b.snap().Lost), 6)
	})
}

// A restarting appliance gets no request that changes it, from nobody.
func TestFault_NET08_NothingIsChangedMeanwhile(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		owed := b.acquire(8 * time.Minute)
		b.keep("FC", 4*time.Minute)
		b.f.with(func() { b.f.before = on("release", fmt.Errorf("dial: %w", appliance.ErrUnreachable)) })
		_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(owed).Lock})
		mustIs(t, err, appliance.ErrUnreachable)
		b.pass(100 * time.Second)
		b.f.with(func() {
			b.f.before = func(context.Context, string) error { return &appliance.Refusal{Status: 503, Kind: appliance.ErrBusy} }
		})
		b.pass(11 * time.Second) // it is seen
		must(t, "state", b.snap().State, StateRestarting)
		changes := b.f.asked("acquire", "release")
		b.pass(80 * time.Second)
		must(t, "requests that change it", b.f.asked("acquire", "release"), changes)
		b.f.with(func() { b.f.before = nil })
		b.pass(30 * time.Second)
		must(t, "kept", b.kept() != "", true)
		must(t, "given back", b.lock(owed), nil)
		must(t, "losses", len(b.snap().Lost), 0)
	})
}

func TestFault_JNL03_WithoutAJournal(t *testing.T) {
	l := newLedger()
	full := errors.New("disk full")
	p := &page{ledger: l, engine: "one"}
	run(t, func(_ *bench, o *Options) { o.ID, o.Journal = "one", p }, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		kept := b.keep("FC", 2*time.Minute)
		b.pass(time.Second)
		p.set(func(string) error { return full })
		_, err := b.do(keepAct(b.lock(id).Lock))
		mustIs(t, err, ErrJournal)
		must(t, "kept", b.lock(id).Kept, false)
		_, err = b.do(up20)
		mustIs(t, err, ErrJournal)
		b.pass(time.Minute + 30*time.Second)
		must(t, "requests", b.f.asked("acquire"), 2)
		must(t, "polls go on", b.snap().State, StateUp)
		mustSay(t, b.events(Warn), "the kept lock about FC could not be extended, which is tried again: journal not writable")
		_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
		must(t, "ours is given back", err, nil)
		mustSay(t, b.events(Alarm), "is done although it cannot be recorded: journal not writable: disk full")
		must(t, "locks", len(b.f.alive()), 1)
		p.set(nil)
		b.pass(time.Minute)
		must(t, "kept on", b.kept() != "" && b.kept() != kept, true)
		b.pass(10 * time.Second)
		must(t, "the journal knows it all", strings.Contains(strings.Join(l.held("one"), "|"), "UP"), false)
		must(t, "open", l.open(), 0)
	})
}

// An intent stays open until the lock that came of it is in the journal: else nobody would look for it after a crash.
func TestFault_JNL03_TheLockIsRecordedBeforeItsIntentIsSettled(t *testing.T) {
	l := newLedger()
	p := &page{ledger: l, engine: "one"}
	run(t, func(_ *bench, o *Options) { o.ID, o.Journal = "one", p }, func(t *testing.T, b *bench) {
		p.set(func(what string) error {
			if what == "before hold" {
				return errors.New("disk full")
			}
			return nil
		})
		b.acquire(up20.Claim.TTL)
		b.pass(5 * time.Second)
		must(t, "open while the lock is not recorded", l.open(), 1)
		mustSay(t, b.events(Alarm), "the journal could not be written, so a later run would not know what is yours: disk full")
		must(t, "said once", len(b.events(Alarm)), 1)
		p.set(nil)
		b.pass(2 * time.Second)
		must(t, "open", l.open(), 0)
		must(t, "held", strings.Join(l.held("one"), ""), "01 UP held kept=false")
	})
}

// What the journal could not take yet is told to it when the engine ends, at the latest.
func TestFault_JNL03_ToldAtTheEnd(t *testing.T) {
	l := newLedger()
	p := &page{ledger: l, engine: "one"}
	run(t, func(_ *bench, o *Options) { o.ID, o.Journal = "one", p }, func(t *testing.T, b *bench) {
		p.set(func(what string) error {
			if what == "before hold" {
				return errors.New("busy")
			}
			return nil
		})
		b.acquire(up20.Claim.TTL)
		p.set(nil)
		b.e.Close()
		must(t, "held", strings.Join(l.held("one"), ""), "01 UP held kept=false")
		must(t, "open", l.open(), 0)
	})
}
