package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

func stepping(s clock.Source) *clock.Clock { return clock.New(s) }

func next(t *testing.T, v *Viewer) Update {
	t.Helper()
	up, err := v.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func TestViewerSeesTheNewestOfEachAndEveryEvent(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.add("dc2") }, func(t *testing.T, b *bench) {
		v := b.e.Subscribe()
		defer v.Close()
		up := next(t, v)
		must(t, "first", fmt.Sprintf("%d %s %s", len(up.Snapshots), up.Snapshots[0].Name, up.Snapshots[1].Name), "2 dc1 dc2")
		for range 3 {
			b.acquire(time.Hour)
		}
		up = next(t, v)
		must(t, "after acts", fmt.Sprint(len(up.Snapshots), len(up.Snapshots[0].Locks), len(up.Events)), "1 3 3")
		for i, ev := range up.Events {
			must(t, "number", ev.Seq, uint64(i+1))
			must(t, "who", ev.Who, "maria")
		}
		must(t, "seq", up.Snapshots[0].Seq, b.snap().Seq)
	})
}

// Nothing changed: nobody is woken, but no viewer holds data that looks stale and is not.
func TestViewerIsNotWokenForNothing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		v := b.e.Subscribe()
		defer v.Close()
		have := next(t, v).Snapshots[0]
		wakes := 0
		end := time.Now().Add(10 * time.Minute)
		for time.Now().Before(end) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			up, err := v.Next(ctx)
			cancel()
			if err == nil {
				wakes++
				have = up.Snapshots[0]
			}
			now := b.clock.Now()
			for _, p := range []Part{have.HealthPart, have.LocksPart, have.JobsPart, have.BackupsPart} {
				if p.Stale(now) {
					t.Fatalf("the viewer takes data for stale that is not: %+v", p)
				}
			}
		}
		if polls := b.f.asked("locks"); wakes > polls/2 || wakes == 0 {
			t.Errorf("%d wakes in %d polls that changed nothing", wakes, polls)
		}
	})
}

func TestSlowViewerBlocksNobodyAndLearnsWhatItMissed(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		slow, quick := b.e.Subscribe(), b.e.Subscribe()
		defer slow.Close()
		defer quick.Close()
		next(t, slow)
		next(t, quick)
		const n = eventsKept + 500
		for i := range n {
			b.e.event(Info, "dc1", "", fmt.Sprint(i+1))
			if i%1000 == 0 {
				next(t, quick)
			}
		}
		b.pass(time.Minute)
		must(t, "polls went on", b.f.asked("locks") >= 6, true)
		evs := next(t, slow).Events
		must(t, "gap", evs[0].Text, "500 older events are no longer kept")
		must(t, "its number", evs[0].Seq, 500)
		must(t, "kept", len(evs), eventsKept+1)
		for i, ev := range evs[1:] {
			must(t, "event", ev.Text, fmt.Sprint(501+i))
			must(t, "number", ev.Seq, uint64(501+i))
		}
		must(t, "the newest three", fmt.Sprint(len(b.e.Events(0, 3)), b.e.Events(0, 3)[0].Seq), fmt.Sprint(3, n-2))
		must(t, "none after the last", len(b.e.Events(n, 0)), 0)
	})
}

func TestViewerEndsWithItsContextAndItsClose(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		v := b.e.Subscribe()
		next(t, v)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() { _, err := v.Next(ctx); errs <- err }()
		synctest.Wait()
		cancel()
		mustIs(t, <-errs, context.Canceled)
		go func() { _, err := v.Next(t.Context()); errs <- err }()
		synctest.Wait()
		v.Close()
		v.Close()
		mustIs(t, <-errs, ErrClosed)
	})
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	f := newFake("a", clock.System())
	for what, members := range map[string][]Member{
		"has no name":        {{Appliance: f}},
		"two appliances are": {{Appliance: f, Name: "a"}, {Appliance: f, Name: "a"}},
		`"a" has no client`:  {{Name: "a"}},
	} {
		_, err := New(Options{Members: members})
		must(t, what, err != nil && strings.Contains(err.Error(), what), true)
	}
	e, err := New(Options{Members: []Member{{Name: "a", Broken: errors.New("no url")}}})
	must(t, "error", err, nil)
	must(t, "state before the start", e.Snapshot("a").State, StateMisset)
	must(t, "unknown name", e.Snapshot("b"), nil)
	must(t, "rules", len(e.LockRules("a").Scopes)+len(e.Explain("a", appliance.Act{}))+len(e.Trace("a", 0)), 0)
	e.Close()
}
