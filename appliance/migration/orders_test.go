package migration

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
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
)

// Of a careful move the original goes only when the job said success and the listing tells that it is the same; a plain copy is
// done only when no job said otherwise (faults.md JOB-08, I5).
func TestFault_JOB08_TheListingAloneIsNotEnough(t *testing.T) {
	for name, c := range map[string]struct {
		ends    func(*fleet.Ending)
		careful bool
		want    Phase
		wiped   int
	}{
		"copy, job failed":       {func(e *fleet.Ending) { e.Success, e.Failed = false, true }, false, PhaseUnknown, 0},
		"copy, job not found":    {func(e *fleet.Ending) { e.Success = false }, false, PhaseDone, 0},
		"careful, job failed":    {func(e *fleet.Ending) { e.Success, e.Failed = false, true }, true, PhaseUnknown, 0},
		"careful, job not found": {func(e *fleet.Ending) { e.Success = false }, true, PhaseUnknown, 0},
		"careful, no checksum":   {func(e *fleet.Ending) { e.Same = false }, true, PhaseUnknown, 0},
		"careful, only told":     {func(e *fleet.Ending) { e.Fate = fleet.FateTold }, true, PhaseUnknown, 0},
		"careful, all well":      {func(*fleet.Ending) {}, true, PhaseDone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, b *bench) {
				b.f.ends = c.ends
				p := plan(appliance.VerbCopy, "/mnt/nas", 1)
				if c.careful {
					p.Verb, p.Careful = appliance.VerbMove, true
				}
				v := b.run(t, p)
				must(t, "phase", v.Steps[0].Phase, c.want)
				must(t, "removals", b.f.count(appliance.VerbDelete)[uuid(0)], c.wiped)
				if c.want != PhaseUnknown || !c.careful || v.Steps[0].Fate != fleet.FateThere {
					return
				}
				b.f.ends = nil // an operator has looked, and says so
				must(t, "retry", b.Retry(maria, v.ID, 0), nil)
				v = b.rest(t, v.ID)
				must(t, "after a retry", v.Steps[0].Phase, PhaseDone)
				must(t, "copies", b.f.count(appliance.VerbCopy)[uuid(0)], 1)
			})
		})
	}
}

// A removal is asked for only while the copy is listed, and one after which neither is there is an alarm.
func TestFault_JOB04_TheCopyMustStay(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		b.f.fate = func(act appliance.Act, _ int) (fleet.Fate, string) {
			if act.Verb != appliance.VerbDelete {
				return "", ""
			}
			must(t, "must stay", act.Transfer.Stays, appliance.Location("/mnt/nas"))
			return fleet.FateNeither, "nor is the copy listed"
		}
		p := plan(appliance.VerbMove, "/mnt/nas", 1)
		p.Careful = true
		v := b.run(t, p)
		must(t, "phase", v.Steps[0].Phase, PhaseFailed)
		must(t, "fate", v.Steps[0].Fate, fleet.FateNeither)
		if !slices.ContainsFunc(b.f.said, func(s string) bool { return strings.HasPrefix(s, "alarm:") && strings.Contains(s, "nor is the copy") }) {
			t.Errorf("said %q", b.f.said)
		}
	})
}

// After an order that ends it nothing is sent, whatever it waited for meanwhile.
func TestNothingIsSentAfterAnOrder(t *testing.T) {
	for name, order := range map[string]func(*bench, string) error{
		"cancel": func(b *bench, id string) error { return b.Cancel(maria, id) },
		"pause":  func(b *bench, id string) error { return b.Pause(maria, id) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, b *bench) {
				b.f.slow = func(act appliance.Act) time.Duration {
					if act.Verb == appliance.VerbAcquire {
						return time.Minute
					}
					return 0
				}
				p := plan(appliance.VerbMove, "/mnt/nas", 1)
				p.KeepLock = "DM"
				id, err := b.Begin(t.Context(), maria, p)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				must(t, name, order(b, id), nil)
				time.Sleep(5 * time.Minute)
				must(t, "moves", len(b.f.count(appliance.VerbMove)), 0)
				v := b.rest(t, id)
				if v.State == StateCancelled && b.f.left("dc1") > 0 {
					t.Error("the lock was not given back")
				}
			})
		})
	}
}

// A cancel reaches a step whose job is told only then, and is said of what is left.
func TestCancelReachesWhatIsBeingSent(t *testing.T) {
	bubble(t, 2, func(t *testing.T, b *bench) {
		b.f.slow = func(act appliance.Act) time.Duration {
			if act.Verb == appliance.VerbCopy {
				return 20 * time.Second
			}
			return 0
		}
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 2))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		must(t, "cancel", b.Cancel(maria, id), nil)
		v := b.rest(t, id)
		must(t, "state", v.State, StateCancelled)
		must(t, "asked to end it", len(b.f.count(appliance.VerbCancelJob)), 1)
		must(t, "copies", len(b.f.count(appliance.VerbCopy)), 1)
	})
}

// Who may only look gives no orders, and nobody in a run that changes nothing.
func TestOrdersTakeARole(t *testing.T) {
	otto, viewer := policy.Person{Name: "otto", Role: policy.Operator}, policy.Person{Name: "vera", Role: policy.Viewer}
	bubble(t, 2, func(t *testing.T, b *bench) {
		careful := plan(appliance.VerbMove, "/mnt/nas", 2)
		careful.Careful = true
		_, err := b.Begin(t.Context(), viewer, plan(appliance.VerbCopy, "/mnt/nas", 2))
		must(t, "begin", errors.Is(err, ErrNotNow), true)
		_, err = b.Begin(t.Context(), otto, careful)
		must(t, "a careful move by who may not delete", errors.Is(err, ErrNotNow), true)
		id, err := b.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 2))
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"pause": b.Pause(viewer, id), "cancel": b.Cancel(viewer, id), "skip": b.Skip(viewer, id, 1), "reorder": b.Reorder(viewer, id, 1, 0),
			"resume": b.Resume(viewer, id), "retry": b.Retry(viewer, id, 1), "passphrase": b.Passphrase(viewer, id, 1, phrase("x")),
		} {
			must(t, name, errors.Is(err, ErrNotNow) && strings.Contains(fmt.Sprint(err), "may only look"), true)
		}
		must(t, "in the end", b.rest(t, id).State, StateDone)
		if !slices.ContainsFunc(b.f.said, func(s string) bool { return strings.Contains(s, "maria began migration") }) {
			t.Errorf("said %q", b.f.said)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Fleet: newFake(1), Store: &Memory{}, ReadOnly: true})
		_ = r.Start(t.Context())
		defer r.Close()
		_, err := r.Begin(t.Context(), maria, plan(appliance.VerbCopy, "/mnt/nas", 1))
		must(t, "read-only", errors.Is(err, ErrNotNow), true)
	})
}

// What cannot be told for the moment of a step that is under way is asked again.
func TestFollowingGoesOn(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		fails := 3
		b.f.unfollowed = func() error {
			if fails--; fails >= 0 {
				return errors.New("journal busy")
			}
			return nil
		}
		v := b.run(t, plan(appliance.VerbCopy, "/mnt/nas", 1))
		must(t, "state", v.State, StateDone)
		must(t, "copies", b.f.count(appliance.VerbCopy)[uuid(0)], 1)
	})
}

// A passphrase is dropped when the lock that the plan wants cannot be had, and nothing is hammered.
func TestPassphraseWithoutTheLock(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target, p.Process, p.KeepLock = "fresh", true, "DM"
		var refuses atomic.Bool
		b.f.do = func(act appliance.Act, _ int) error {
			if refuses.Load() && act.Verb == appliance.VerbAcquire {
				return &appliance.Refusal{Status: 403, Kind: appliance.ErrForbidden}
			}
			return nil
		}
		v := b.run(t, p)
		must(t, "phase", v.Steps[0].Phase, PhasePassphrase)
		refuses.Store(true)
		before := b.f.requests()
		must(t, "passphrase", b.Passphrase(maria, v.ID, 0, phrase("right phrase")), nil)
		time.Sleep(10 * time.Minute)
		must(t, "requests", b.f.requests()-before, 1)
		v = b.rest(t, v.ID)
		must(t, "phase", v.Steps[0].Phase, PhasePassphrase)
		if !strings.Contains(v.Steps[0].Note, "take the lock DM of fresh") {
			t.Errorf("said %q", v.Steps[0].Note)
		}
		refuses.Store(false)
		must(t, "again", b.Passphrase(maria, v.ID, 0, phrase("right phrase")), nil)
		time.Sleep(time.Second)
		must(t, "in the end", b.rest(t, v.ID).State, StateDone)
		time.Sleep(time.Minute)
		must(t, "locks left", b.f.left("dc1", "fresh"), 0)
	})
}

// A lock that may not be given back now is owed.
func TestTheLockIsOwed(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		b.f.do = func(act appliance.Act, _ int) error {
			if act.Verb == appliance.VerbRelease {
				return fleet.ErrRefusedByUs
			}
			return nil
		}
		p := plan(appliance.VerbCopy, "/mnt/nas", 1)
		p.KeepLock = "DM"
		b.run(t, p)
		time.Sleep(time.Minute)
		synctest.Wait()
		must(t, "owed", len(b.f.owed), 1)
	})
}

// An appliance at which nothing can be done until somebody does something stops the migration, not its steps one by one.
func TestBarredAppliance(t *testing.T) {
	bubble(t, 3, func(t *testing.T, b *bench) {
		b.f.snaps["dc1"].State = fleet.StateUntrusted
		b.f.hinders = func(string, appliance.Act) (string, bool) { return "it does not answer now (untrusted)", false }
		p := plan(appliance.VerbCopy, "/mnt/nas", 3)
		p.OnFailure = OnFailureSkip
		v := b.run(t, p)
		must(t, "state", v.State, StateAsking)
		must(t, "tally", v.Tally(), "3 queued")
		must(t, "note", v.Note, "dc1: it does not answer now (untrusted)")
	})
}

// Two appliances do not push to one target at once.
func TestOnePushAtATarget(t *testing.T) {
	bubble(t, 2, func(t *testing.T, b *bench) {
		b.f.places["dc2"][uuid(7)] = []string{"internal"}
		b.f.show()
		p := plan(appliance.VerbPush, "198.18.0.9", 2)
		p.Target = "fresh"
		p.Items[1].Appliance, p.Items[1].Backup = "dc2", uuid(7)
		v := b.run(t, p)
		must(t, "state", v.State, StateDone)
		if gap := b.f.sent[1].at.Sub(b.f.sent[0].at); gap < b.f.lasts {
			t.Errorf("the second began %s after the first", gap)
		}
	})
}

// A run that is about one migration leaves the others to others.
func TestStartFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(2), &Memory{}
		life, end := context.WithCancel(t.Context())
		first := New(Options{Fleet: f, Store: memory, Person: maria})
		if err := first.Start(life); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for n := range 2 {
			p := plan(appliance.VerbCopy, "/mnt/nas", 2)
			p.Items = p.Items[n : n+1]
			id, err := first.Begin(life, maria, p)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			must(t, "pause", first.Pause(maria, id), nil)
		}
		end()
		first.Close()
		for _, want := range []int{0, 1} {
			second := New(Options{Fleet: f, Store: &failing{Memory: memory, heir: true, handed: map[string]bool{}}, Person: maria})
			if err := second.StartFor(t.Context(), ids[:want]...); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			must(t, "taken over", len(second.Views()), want)
			second.Close()
		}
		time.Sleep(time.Minute)
	})
}
