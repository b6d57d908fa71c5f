package migration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// leave has a run of engine "one" begin a migration of n copies and end a while later.
func leave(t *testing.T, f *fake, memory *Memory, p Plan) (id string) {
	t.Helper()
	life, end := context.WithCancel(t.Context())
	first := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "one", func(string) bool { return true }}})
	must(t, "start", first.StartFor(life), nil)
	id = started(t, first, p)
	time.Sleep(5 * time.Second)
	end()
	first.Close()
	time.Sleep(f.lasts) // what was begun at the fake ends by itself
	f.mu.Lock()
	f.life = t.Context()
	f.mu.Unlock()
	return id
}

// unreadable is a store of an engine whose disk fails while it is told so.
type unreadable struct {
	*engine
	mu          sync.Mutex
	read, adopt error
	ended       bool // the engine "one"
}

// now has things go as told.
func (u *unreadable) now(read, adopt error, ended bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read, u.adopt, u.ended = read, adopt, ended
}

func (u *unreadable) how() (read, adopt error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read, u.adopt
}

func (u *unreadable) OtherMigrations(ctx context.Context, since time.Time) ([]Other, error) {
	if err, _ := u.how(); err != nil {
		return nil, err
	}
	return u.engine.OtherMigrations(ctx, since)
}

func (u *unreadable) AdoptMigrations(ctx context.Context, ids ...string) ([]Record, error) {
	if _, err := u.how(); err != nil {
		return nil, err
	}
	return u.engine.AdoptMigrations(ctx, ids...)
}

// What a run has that runs is not shown as its state once it cannot be read; what could not be taken over is shown, and why.
func TestWhatCannotBeReadOfOthersIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(2), &Memory{}
		id := leave(t, f, memory, plan(appliance.VerbCopy, "/mnt/nas", 2))
		u := &unreadable{}
		u.engine = &engine{memory, "two", func(e string) bool {
			u.mu.Lock()
			defer u.mu.Unlock()
			return e == "two" || !u.ended
		}}
		second := New(Options{Fleet: f, Person: maria, Store: u})
		must(t, "start", second.Start(t.Context()), nil)
		defer second.Close()
		said := func() string {
			time.Sleep(time.Minute)
			board := second.Board()
			if len(board) != 1 || board[0].ID != id {
				t.Fatalf("shown are %+v", board)
			}
			return board[0].Elsewhere
		}
		must(t, "it runs", said(), "another run carries it on")
		u.now(errors.New("disk on fire"), nil, false)
		must(t, "unread", said(), "this is how it stood, and how it stands now could not be read: disk on fire")
		u.now(nil, errors.New("disk full"), true)
		must(t, "not taken over", strings.HasSuffix(said(), "it could not be taken over yet: take over the migrations of earlier runs: disk full"), true)
		u.now(nil, nil, true)
		must(t, "taken over", said(), "")
		must(t, "views", len(second.Views()), 1)
	})
}

// A run that may do nothing at the appliances of a migration leaves it to others and shows it; one that may takes it over.
func TestWhoMayNotCarryOnLeavesItToOthers(t *testing.T) {
	otto := policy.Person{Name: "otto", Role: policy.Operator}
	careful := plan(appliance.VerbMove, "/mnt/nas", 2)
	careful.Careful = true
	strange := plan(appliance.VerbCopy, "/mnt/nas", 2)
	strange.Items[1].Appliance = "dc9"
	for name, c := range map[string]struct {
		who      policy.Person
		readOnly bool
		plan     Plan
		closed   bool // dc1 is read-only
		why      string
	}{
		"viewer":              {who: policy.Person{Name: "vera", Role: policy.Viewer}, plan: plan(appliance.VerbCopy, "/mnt/nas", 2), why: "your role is viewer, which may only look"},
		"read-only run":       {who: maria, readOnly: true, plan: plan(appliance.VerbCopy, "/mnt/nas", 2), why: "this run is read-only"},
		"read-only appliance": {who: maria, closed: true, plan: plan(appliance.VerbCopy, "/mnt/nas", 2), why: "dc1: this appliance is read-only"},
		"who may not delete":  {who: otto, plan: careful, why: "to delete takes an admin"},
		"unknown appliance":   {who: maria, plan: strange, why: "dc9 is none of the appliances in the settings"},
		"operator":            {who: otto, plan: plan(appliance.VerbCopy, "/mnt/nas", 2)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, memory := newFake(2), &Memory{}
				f.places["dc9"] = map[appliance.BackupID][]string{} // the first run has it
				id := leave(t, f, memory, c.plan)
				f.snaps["dc1"].ReadOnly = c.closed
				second := New(Options{Fleet: f, Person: c.who, ReadOnly: c.readOnly, Store: &engine{memory, "two", func(e string) bool { return e == "two" }}})
				must(t, "start", second.Start(t.Context()), nil)
				defer second.Close()
				time.Sleep(time.Minute)
				all, _ := memory.Migrations(t.Context())
				board := second.Board()
				must(t, "shown", len(board), 1)
				must(t, "state", board[0].State, StatePaused)
				if c.why == "" {
					must(t, "engine", all[0].Engine, "two")
					must(t, "elsewhere", board[0].Elsewhere, "")
					return
				}
				must(t, "engine", all[0].Engine, "one")
				must(t, "views", len(second.Views()), 0)
				if e := board[0].Elsewhere; !strings.Contains(e, "this one leaves it to others: ") || !strings.Contains(e, c.why) {
					t.Errorf("said %q", e)
				}
				err := second.Cancel(maria, id)
				must(t, "an order", errors.Is(err, ErrNotNow), true)
			})
		})
	}
}

// What another run carries on is shown as it stands there, wakes who looks only when it changes, takes no orders, and goes when it has
// ended.
func TestOthersAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(3), &Memory{}
		runs := func(string) bool { return true }
		first := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "one", runs}})
		must(t, "start", first.Start(t.Context()), nil)
		defer first.Close()
		second := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "two", runs}})
		must(t, "start", second.Start(t.Context()), nil)
		defer second.Close()
		id := started(t, first, plan(appliance.VerbCopy, "/mnt/nas", 3))
		time.Sleep(lookAround + time.Second)
		board := second.Board()
		must(t, "shown", len(board), 1)
		must(t, "elsewhere", board[0].Elsewhere, "another run carries it on")
		must(t, "live here", board[0].Live, false)
		must(t, "tally", board[0].Tally(), "1 running, 2 queued")
		must(t, "pause", errors.Is(second.Pause(maria, id), ErrNotNow), true)
		_, err := second.View(id)
		must(t, "looked after", errors.Is(err, ErrUnknown), true)
		must(t, "pause", first.Pause(maria, id), nil)
		time.Sleep(time.Minute)
		must(t, "tally", second.Board()[0].Tally(), "1 done, 2 queued")
		news := second.Changed()
		time.Sleep(time.Minute)
		select {
		case <-news:
			t.Error("who looks is woken although nothing changed")
		default:
		}
		must(t, "resume", first.Resume(maria, id), nil)
		must(t, "state", wait(t, first, id).State, StateDone)
		time.Sleep(2 * lookAround)
		must(t, "at its end", second.Board()[0].State, StateDone)
		must(t, "elsewhere", second.Board()[0].Elsewhere, "another run carried it out")
		time.Sleep(lately)
		must(t, "long after its end", len(second.Board()), 0)
		time.Sleep(time.Minute)
	})
}

func wait(t *testing.T, r *Runner, id string) View {
	t.Helper()
	v, err := r.Wait(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
