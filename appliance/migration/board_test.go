package migration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// stuck is a store on a disk that hangs while the test says so.
type stuck struct {
	*Memory
	gate chan struct{} // a write waits for a token, or for its end
}

func (s *stuck) SaveStep(ctx context.Context, id string, n int, step Step) error {
	<-s.gate
	return s.Memory.SaveStep(ctx, id, n, step)
}

// Of many that ended the newest ends stay, not what began last: who waits for a long one sees how it ended.
func TestTheNewestEndsStay(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ended := func(id string, began, lasted time.Duration) View {
		return View{Record: Record{ID: id, State: StateDone, Begun: at.Add(began), Ended: at.Add(began + lasted)}}
	}
	b := &board{changed: make(chan struct{})}
	for i := range mostEnded + 5 {
		b.put(ended(fmt.Sprint(i), time.Duration(i+1)*time.Hour, time.Minute))
	}
	b.put(ended("long", 0, 1000*time.Hour))
	must(t, "kept", len(b.views), mostEnded)
	there := func(id string) bool { return slices.ContainsFunc(b.views, func(v View) bool { return v.ID == id }) }
	must(t, "the long one", there("long"), true)
	must(t, "an early one", there("5"), false)
	must(t, "the last one", there(fmt.Sprint(mostEnded+4)), true)
}

// Who looks does not wait for the disk, and is shown what was recorded.
func TestLookingDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := newFake(1), &stuck{Memory: &Memory{}, gate: make(chan struct{})}
		f.slow = func(appliance.Act) time.Duration { return time.Second } // until it is answered
		r := New(Options{Fleet: f, Person: maria, Store: store})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		id, err := r.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 1))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the step is about to be recorded as sent, which takes as long as the test likes
		looked := make(chan View, 1)
		go func() {
			<-r.Changed() // the end of the write
			v, _ := r.View(id)
			looked <- v
		}()
		seen := make(chan View, 1)
		go func() {
			_ = r.Changed()
			_ = r.Views()
			v, _ := r.View(id)
			seen <- v
		}()
		select {
		case v := <-seen:
			must(t, "while it is written", v.Steps[0].Phase, PhaseQueued)
		case <-time.After(time.Second):
			t.Error("who looks waits for the disk")
		}
		must(t, "sent before it is recorded", f.requests(), 0)
		synctest.Wait() // somebody waits for the news
		close(store.gate)
		must(t, "once it is written", (<-looked).Steps[0].Phase, PhaseSending)
		if v, err := r.Wait(t.Context(), id); err != nil || v.State != StateDone {
			t.Errorf("%v: %s", err, v.State)
		}
		time.Sleep(time.Minute)
	})
}

// What has ended is kept readable as far as memory goes, and nothing more is done for it.
func TestWhatEndedIsPruned(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		var first, last string
		for range mostEnded + 3 {
			b.f.mu.Lock()
			b.f.places["dc1"][uuid(0)] = []string{"internal"}
			b.f.show()
			b.f.mu.Unlock()
			v := b.run(t, plan(appliance.VerbCopy, "/mnt/nas", 1))
			must(t, "state", v.State, StateDone)
			if last = v.ID; first == "" {
				first = v.ID
			}
		}
		must(t, "shown", len(b.Views()), mostEnded)
		must(t, "newest first", b.Views()[0].ID, last)
		if _, err := b.View(first); err == nil {
			t.Error("the oldest is kept for ever")
		}
		b.mu.Lock()
		must(t, "looked after", len(b.runs), 0)
		b.mu.Unlock()
	})
}
