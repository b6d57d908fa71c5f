package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

var errDisk = errors.New("no space left on device")

// failing is a store whose disk is full when the test says so.
type failing struct {
	*Memory
	mu   sync.Mutex
	full bool
	// dies is asked before and after each write; true ends the run there: nothing is written any more, and nothing sent.
	dies func() bool
	dead bool
	// heir hands over what has not ended, as the journal does of runs that ended, and handed is what it has handed over.
	heir   bool
	handed map[string]bool
}

func (s *failing) fail(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

func (s *failing) write(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead || s.dies != nil && s.dies() {
		s.dead = true
		return fleet.ErrClosed
	}
	if s.full {
		return errDisk
	}
	err := f()
	if s.dies != nil && s.dies() {
		s.dead = true
		return fleet.ErrClosed
	}
	return err
}

func (s *failing) BeginMigration(ctx context.Context, r Record) error {
	return s.write(func() error { return s.Memory.BeginMigration(ctx, r) })
}

func (s *failing) SaveMigration(ctx context.Context, r Record) error {
	return s.write(func() error { return s.Memory.SaveMigration(ctx, r) })
}

func (s *failing) SaveStep(ctx context.Context, id string, n int, step Step) error {
	return s.write(func() error { return s.Memory.SaveStep(ctx, id, n, step) })
}

func (s *failing) OtherMigrations(ctx context.Context, _ time.Time) (others []Other, err error) {
	if !s.heir {
		return nil, nil
	}
	all, err := s.Migrations(ctx)
	for _, r := range all {
		if !r.State.Ended() && !s.handed[r.ID] {
			others = append(others, Other{Record: r})
		}
	}
	return others, err
}

func (s *failing) AdoptMigrations(ctx context.Context, ids ...string) (left []Record, err error) {
	others, err := s.OtherMigrations(ctx, time.Time{})
	for _, o := range others {
		if len(ids) == 0 || slices.Contains(ids, o.ID) {
			s.handed[o.ID] = true
			left = append(left, o.Record)
		}
	}
	return left, err
}

// died runs a plan until the run ends at its nth point, and reports whether there was one.
func died(t *testing.T, f *fake, memory *Memory, p Plan, at int) bool {
	t.Helper()
	life, end := context.WithCancel(t.Context())
	defer end()
	var points atomic.Int64
	here := func() bool {
		n := points.Add(1)
		if n == int64(at) {
			end()
		}
		return n >= int64(at)
	}
	store := &failing{Memory: memory, dies: here}
	f.mu.Lock()
	f.life = life
	f.do = func(appliance.Act, int) error {
		if here() { // it is sent, and the answer reaches nobody
			return fmt.Errorf("%w: killed", appliance.ErrAmbiguous)
		}
		return nil
	}
	f.mu.Unlock()
	r := New(Options{Fleet: f, Person: maria, Store: store})
	if err := r.Start(life); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	id, err := r.Begin(life, maria, p)
	if err != nil {
		return true
	}
	_, _ = r.Wait(life, id)
	synctest.Wait()
	return life.Err() != nil
}

// resumed goes on with what is left until it rests, and returns it.
func resumed(t *testing.T, f *fake, memory *Memory) (View, bool) {
	t.Helper()
	f.mu.Lock()
	f.life, f.do = t.Context(), nil
	f.mu.Unlock()
	r := New(Options{Fleet: f, Person: maria, Store: &failing{Memory: memory, heir: true, handed: map[string]bool{}}})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	views := r.Views()
	if len(views) == 0 {
		return View{}, false
	}
	id := views[0].ID
	before := len(f.sent)
	if _, err := r.Wait(t.Context(), id); err != nil { // what became of the steps under way is found out first
		t.Fatal(err)
	}
	must(t, "sent before anybody resumed", len(f.sent), before)
	synctest.Wait()
	if v, _ := r.View(id); v.State == StatePaused {
		if err := r.Resume(maria, id); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	v, _ := r.View(id)
	return v, true
}

// A migration that is killed anywhere is gone on with: nothing is sent twice, nothing is lost, and the report is right
// (faults.md JNL-01, I4, I5).
func TestFault_JNL01_MigrationResumes(t *testing.T) {
	plans := map[string]func() Plan{
		"copy": func() Plan { return plan(appliance.VerbCopy, "/mnt/nas", 5) },
		"move": func() Plan { return plan(appliance.VerbMove, "/mnt/nas", 5) },
		"careful": func() Plan {
			p := plan(appliance.VerbMove, "/mnt/nas", 5)
			p.Careful = true
			return p
		},
		"push": func() Plan {
			p := plan(appliance.VerbPush, "198.18.0.9", 5)
			p.Target = "fresh"
			return p
		},
		"two at once": func() Plan {
			p := plan(appliance.VerbCopy, "/mnt/nas", 5)
			p.AtOnce = 2
			return p
		},
	}
	for name, make := range plans {
		t.Run(name, func(t *testing.T) {
			for at := 1; ; at++ {
				over := false
				synctest.Test(t, func(t *testing.T) {
					f, memory, p := newFake(5), &Memory{}, make()
					if !died(t, f, memory, p, at) {
						over = true
						return
					}
					time.Sleep(time.Duration(at%3) * 20 * time.Second) // what was sent may end while nobody looks
					v, found := resumed(t, f, memory)
					if !found { // it was never recorded, or all of it was
						all, _ := memory.Migrations(t.Context())
						done := len(all) == 1 && all[0].State == StateDone && all[0].Tally() == "5 done"
						if !done && len(all)+len(f.sent) > 0 {
							t.Fatalf("point %d: the migration is lost: %d sent", at, len(f.sent))
						}
						return
					}
					must(t, fmt.Sprintf("point %d: tally", at), v.Tally(), "5 done")
					must(t, fmt.Sprintf("point %d: state", at), v.State, StateDone)
					check5(t, at, f, &p, v)
					time.Sleep(time.Minute)
				})
				if over || t.Failed() {
					if at < 20 {
						t.Errorf("only %d points", at)
					}
					return
				}
			}
		})
	}
}

// check5 holds what happened at the appliances against what the report says.
func check5(t *testing.T, at int, f *fake, p *Plan, v View) {
	t.Helper()
	verb, want := p.Verb, map[appliance.Verb]string{
		appliance.VerbCopy: "internal /mnt/nas", appliance.VerbMove: "/mnt/nas", appliance.VerbPush: "internal",
	}[p.Verb]
	if p.Careful {
		verb = appliance.VerbCopy
	}
	for id, n := range f.count(verb) {
		must(t, fmt.Sprintf("point %d: times sent %s", at, id), n, 1)
	}
	for n := range 5 {
		must(t, fmt.Sprintf("point %d: places of %d", at, n), strings.Join(f.places["dc1"][uuid(n)], " "), want)
		if p.Verb == appliance.VerbPush {
			must(t, fmt.Sprintf("point %d: arrived %d", at, n), strings.Join(f.places["fresh"][uuid(n)], " "), "internal")
		}
		must(t, "report", v.Report().Steps[n].Where, "at the destination, as the listing says")
	}
}
