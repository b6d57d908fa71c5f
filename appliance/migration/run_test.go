package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

func TestCopiesGoOneByOne(t *testing.T) {
	bubble(t, 5, func(t *testing.T, b *bench) {
		v := b.run(t, plan(appliance.VerbCopy, "/mnt/nas", 5))
		must(t, "state", v.State, StateDone)
		must(t, "tally", v.Tally(), "5 done")
		must(t, "at once", b.f.most, 1)
		for n := range 5 {
			must(t, "places", strings.Join(b.f.places["dc1"][uuid(n)], " "), "internal /mnt/nas")
			must(t, "fate", v.Steps[n].Fate, fleet.FateThere)
		}
		if took := v.Ended.Sub(v.Begun); took < 50*time.Second || took > 60*time.Second {
			t.Errorf("it took %s", took)
		}
		all, _ := b.store.Migrations(t.Context())
		must(t, "kept as done", all[0].State, StateDone)
		must(t, "kept as told", all[0].Tally(), "5 done")
	})
}

func TestSeveralAtOnce(t *testing.T) {
	bubble(t, 6, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbCopy, "/mnt/nas", 6)
		p.AtOnce = 3
		v := b.run(t, p)
		must(t, "state", v.State, StateDone)
		must(t, "at once", b.f.most, 3)
	})
}

// A careful move deletes the original only once the copy is verified.
func TestCarefulMove(t *testing.T) {
	for _, c := range []struct {
		fate  fleet.Fate
		want  Phase
		lies  string
		wiped int
	}{
		{"", PhaseDone, "/mnt/nas", 1},
		{fleet.FateOther, PhaseFailed, "internal", 0},
		{fleet.FateUnknown, PhaseUnknown, "internal", 0},
		{fleet.FateNot, PhaseFailed, "internal", 0},
	} {
		t.Run(string(c.fate), func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, b *bench) {
				b.f.fate = func(act appliance.Act, _ int) (fleet.Fate, string) {
					if act.Verb == appliance.VerbCopy {
						return c.fate, "as the test says"
					}
					return "", ""
				}
				p := plan(appliance.VerbMove, "/mnt/nas", 1)
				p.Careful = true
				v := b.run(t, p)
				must(t, "phase", v.Steps[0].Phase, c.want)
				must(t, "lies at", strings.Join(b.f.places["dc1"][uuid(0)], " "), c.lies)
				must(t, "removals", b.f.count(appliance.VerbDelete)[uuid(0)], c.wiped)
				must(t, "moves", b.f.count(appliance.VerbMove)[uuid(0)], 0)
			})
		})
	}
}

func TestWhatToDoWhenAStepGoesWrong(t *testing.T) {
	for _, c := range []struct {
		on    OnFailure
		state State
		tally string
	}{
		{OnFailureStop, StateStopped, "1 done, 1 failed, 2 queued"},
		{OnFailureAsk, StateAsking, "1 done, 1 failed, 2 queued"},
		{OnFailureSkip, StateAsking, "3 done, 1 failed"},
	} {
		t.Run(string(c.on), func(t *testing.T) {
			bubble(t, 4, func(t *testing.T, b *bench) {
				wrong := true
				b.f.do = func(act appliance.Act, _ int) error {
					if wrong && act.Transfer.Backup == uuid(1) {
						return &appliance.Refusal{Status: 400, Kind: appliance.ErrUnsupported}
					}
					return nil
				}
				p := plan(appliance.VerbCopy, "/mnt/nas", 4)
				p.OnFailure = c.on
				v := b.run(t, p)
				must(t, "state", v.State, c.state)
				must(t, "tally", v.Tally(), c.tally)
				if !slices.ContainsFunc(b.f.said, func(s string) bool { return strings.HasPrefix(s, "alarm:") && strings.Contains(s, "nightly-1") }) {
					t.Errorf("no alarm: %q", b.f.said)
				}
				wrong = false
				if err := b.Retry(maria, v.ID, 1); err != nil {
					t.Fatal(err)
				}
				v = b.rest(t, v.ID)
				must(t, "after a retry", v.State, StateDone)
				must(t, "tries", v.Steps[1].Try, 2)
			})
		})
	}
}

// What cannot be begun for the moment is waited for, and the row says why.
func TestWaitsForAnApplianceThatIsAway(t *testing.T) {
	bubble(t, 2, func(t *testing.T, b *bench) {
		back := time.Now().Add(time.Minute)
		b.f.hinders = func(string, appliance.Act) (string, bool) {
			if time.Now().Before(back) {
				return "it does not answer now (down)", true
			}
			return "", false
		}
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 2))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		v, _ := b.View(id)
		must(t, "why", v.Waits[0], "it does not answer now (down)")
		must(t, "state", v.State, StateRunning)
		v = b.rest(t, id)
		must(t, "in the end", v.State, StateDone)
		if b.f.sent[0].at.Before(back) {
			t.Error("it was sent while the appliance was away")
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	bubble(t, 3, func(t *testing.T, b *bench) {
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 3))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := b.Pause(maria, id); err != nil {
			t.Fatal(err)
		}
		v := b.rest(t, id)
		must(t, "paused", v.State, StatePaused)
		must(t, "what was under way went on", v.Tally(), "1 done, 2 queued")
		must(t, "again", errors.Is(b.Pause(maria, id), ErrNotNow), true)
		if err := b.Resume(maria, id); err != nil {
			t.Fatal(err)
		}
		must(t, "resumed", b.rest(t, id).State, StateDone)
		must(t, "resume of what is done", errors.Is(b.Resume(maria, id), ErrNotNow), true)
		must(t, "no such", errors.Is(b.Resume(maria, "nothing"), ErrUnknown), true)
	})
}

func TestCancel(t *testing.T) {
	bubble(t, 3, func(t *testing.T, b *bench) {
		b.f.fate = func(act appliance.Act, _ int) (fleet.Fate, string) { return "", "" }
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 3))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := b.Cancel(maria, id); err != nil {
			t.Fatal(err)
		}
		v := b.rest(t, id)
		must(t, "state", v.State, StateCancelled)
		must(t, "what ended all the same is told", v.Tally(), "1 done, 2 cancelled")
		must(t, "the appliance was asked to end it", len(b.f.count(appliance.VerbCancelJob)), 1)
		must(t, "again", errors.Is(b.Cancel(maria, id), ErrNotNow), true)
	})
}

// A migration that was cancelled and then cut off is taken over until it is known what came of the step that was under way.
func TestCancelIsGoneOnWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(3), &Memory{}
		f.do = func(act appliance.Act, _ int) error {
			if act.Verb == appliance.VerbCancelJob {
				return appliance.ErrUnsupported
			}
			return nil
		}
		life, end := context.WithCancel(t.Context())
		first := New(Options{Fleet: f, Person: maria, Store: memory})
		if err := first.Start(life); err != nil {
			t.Fatal(err)
		}
		id, err := first.Begin(life, maria, plan(appliance.VerbCopy, "/mnt/nas", 3))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		must(t, "cancel", first.Cancel(maria, id), nil)
		v, _ := first.View(id)
		must(t, "while a step is under way", v.State, StateCancelling)
		must(t, "again asks again", first.Cancel(maria, id), nil)
		end()
		first.Close()
		second := New(Options{Fleet: f, Person: maria, Store: &failing{Memory: memory, heir: true, handed: map[string]bool{}}})
		if err := second.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if v, err = second.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		must(t, "state", v.State, StateCancelled)
		must(t, "tally", v.Tally(), "1 done, 2 cancelled")
		must(t, "resume", errors.Is(second.Resume(maria, id), ErrNotNow), true)
		must(t, "retry", errors.Is(second.Retry(maria, id, 1), ErrNotNow), true)
		time.Sleep(time.Minute)
	})
}

func TestSkipAndReorder(t *testing.T) {
	bubble(t, 4, func(t *testing.T, b *bench) {
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 4))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		must(t, "skip", b.Skip(maria, id, 1), nil)
		must(t, "reorder", b.Reorder(maria, id, 3, -1), nil)
		must(t, "beyond the others", errors.Is(b.Reorder(maria, id, 3, -1), ErrNotNow), true)
		must(t, "skip what runs", errors.Is(b.Skip(maria, id, 0), ErrNotNow), true)
		must(t, "no such step", errors.Is(b.Skip(maria, id, 4), ErrUnknown), true)
		v := b.rest(t, id)
		must(t, "state", v.State, StateDone)
		var order []string
		for _, x := range b.f.sent {
			order = append(order, x.act.Transfer.Label.String())
		}
		must(t, "order", strings.Join(order, " "), "nightly-0 nightly-3 nightly-2")
	})
}

// An answer that was lost is not asked for again: what came of it is followed.
func TestAmbiguousIsFollowed(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		b.f.do = func(appliance.Act, int) error { return fmt.Errorf("%w: reset", appliance.ErrAmbiguous) }
		v := b.run(t, plan(appliance.VerbMove, "/mnt/nas", 1))
		must(t, "state", v.State, StateDone)
		must(t, "moves", b.f.count(appliance.VerbMove)[uuid(0)], 1)
	})
}

// A step of which nobody could find out is never sent again by itself.
func TestUnknownNeedsAnOperator(t *testing.T) {
	bubble(t, 2, func(t *testing.T, b *bench) {
		b.f.fate = func(act appliance.Act, n int) (fleet.Fate, string) {
			if n == 0 {
				return fleet.FateUnknown, "nothing found"
			}
			return "", ""
		}
		p := plan(appliance.VerbMove, "/mnt/nas", 2)
		p.OnFailure = OnFailureSkip
		v := b.run(t, p)
		must(t, "tally", v.Tally(), "1 done, 1 unknown")
		time.Sleep(time.Hour)
		must(t, "moves", b.f.count(appliance.VerbMove)[uuid(0)], 1)
		must(t, "said", v.Steps[0].Note, "nothing found")
	})
}

// Before a step is recorded as about to be sent nothing of it is (faults.md I6).
func TestNothingIsSentUnrecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := newFake(2), &failing{Memory: &Memory{}}
		r := New(Options{Fleet: f, Person: maria, Store: store})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		store.fail(true)
		if _, err := r.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 2)); !errors.Is(err, errDisk) {
			t.Errorf("begin: %v", err)
		}
		store.fail(false)
		id, err := r.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 2))
		if err != nil {
			t.Fatal(err)
		}
		store.fail(true)
		time.Sleep(time.Minute)
		v, _ := r.View(id)
		if len(f.sent) > 1 || v.State != StatePaused || !strings.Contains(v.Note, "recorded") {
			t.Errorf("%d sent, %s: %s", len(f.sent), v.State, v.Note)
		}
		store.fail(false)
		if err := r.Resume(maria, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		v, _ = r.View(id)
		must(t, "in the end", v.Tally(), "2 done")
		for n, c := range f.count(appliance.VerbCopy) {
			must(t, "copies of "+string(n), c, 1)
		}
	})
}

// What could not be recorded while the disk was full is recorded before the migration is said to be done: whoever reads it later
// reads what was.
func TestStepsAreRecordedBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := newFake(1), &failing{Memory: &Memory{}}
		r := New(Options{Fleet: f, Person: maria, Store: store})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		id, err := r.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 1))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(f.lasts / 2)
		store.fail(true)
		time.Sleep(time.Minute)
		store.fail(false)
		if v, _ := r.View(id); v.State == StatePaused {
			must(t, "resume", r.Resume(maria, id), nil)
		}
		time.Sleep(time.Minute)
		all, _ := store.Migrations(t.Context())
		must(t, "recorded state", all[0].State, StateDone)
		must(t, "recorded steps", all[0].Tally(), "1 done")
	})
}

// A target is told to process what came in last, without its name: each push waits until the one before is processed
// A step that cannot be recorded is tried again in a while, and not at once and without end.
func TestAFullDiskIsNotTriedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := newFake(1), &failing{Memory: &Memory{}}
		r := New(Options{Fleet: f, Store: store})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target, p.Process = "fresh", true
		id, err := r.Begin(t.Context(), maria, p)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		writes := 0
		store.mu.Lock()
		store.full, store.dies = true, func() bool { writes++; return false }
		store.mu.Unlock()
		must(t, "given", r.Passphrase(maria, id, 0, phrase("right phrase")), nil)
		time.Sleep(time.Minute)
		store.mu.Lock()
		if writes < 5 || writes > 100 {
			t.Errorf("%d writes in a minute", writes)
		}
		store.mu.Unlock()
		store.fail(false)
		time.Sleep(time.Minute)
		v, _ := r.View(id)
		must(t, "in the end", v.Tally(), "1 done")
	})
}
