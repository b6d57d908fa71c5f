package migration

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// engine is what one engine sees of a store that it shares with others.
type engine struct {
	*Memory
	id   string
	runs func(engine string) bool
}

func (e *engine) BeginMigration(ctx context.Context, r Record) error {
	r.Engine = e.id
	return e.Memory.BeginMigration(ctx, r)
}

func (e *engine) SaveMigration(ctx context.Context, r Record) error {
	r.Engine = e.id
	return e.Memory.SaveMigration(ctx, r)
}

// OtherMigrations takes a while, so that of engines that read at once all have read before anybody goes on.
func (e *engine) OtherMigrations(ctx context.Context, since time.Time) (others []Other, err error) {
	defer time.Sleep(time.Millisecond)
	all, err := e.Migrations(ctx)
	for _, r := range slices.Backward(all) {
		if r.Engine != e.id && (!r.State.Ended() || !since.IsZero() && !r.Ended.Before(since)) {
			others = append(others, Other{r, e.runs(r.Engine)})
		}
	}
	return others, err
}

func (e *engine) AdoptMigrations(ctx context.Context, ids ...string) (left []Record, err error) {
	others, err := e.OtherMigrations(ctx, time.Time{})
	for _, o := range others {
		if !o.Runs && (len(ids) == 0 || slices.Contains(ids, o.ID)) {
			o.Engine = e.id
			left = append(left, o.Record)
			_ = e.SaveMigration(ctx, o.Record)
		}
	}
	return left, err
}

// pushOf is a plan of pushing one backup of an appliance.
func pushOf(f *fake, name string, n int) Plan {
	f.mu.Lock()
	f.places[name][uuid(n)] = []string{"internal"}
	f.show()
	f.mu.Unlock()
	p := plan(appliance.VerbPush, "198.18.0.9", 1)
	p.Target, p.Items[0].Appliance, p.Items[0].Backup = "fresh", name, uuid(n)
	return p
}

// apart fails the test unless each request was sent when the one before was over.
func apart(t *testing.T, f *fake, want int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	must(t, "sent", len(f.sent), want)
	for i := 1; i < len(f.sent); i++ {
		if gap := f.sent[i].at.Sub(f.sent[i-1].at); gap < f.lasts {
			t.Errorf("%s of %s began %s after %s of %s", f.sent[i].act.Verb, f.sent[i].name, gap, f.sent[i-1].act.Verb, f.sent[i-1].name)
		}
	}
}

func started(t *testing.T, r *Runner, p Plan) string {
	t.Helper()
	id, err := r.Begin(t.Context(), maria, p)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Two migrations that push to one target do so one after the other, whatever they call it.
func TestOneMigrationAtATarget(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		first := started(t, b.Runner, pushOf(b.f, "dc1", 0))
		time.Sleep(time.Second)
		p := pushOf(b.f, "dc2", 7)
		p.Target, p.Destination = "", "198.18.0.9:443"
		b.f.targets["198.18.0.9:443"] = "fresh"
		second := started(t, b.Runner, p)
		time.Sleep(time.Second)
		v, _ := b.View(second)
		must(t, "why", v.Waits[0], "step 1 of migration "+first+" is on its way to the target or is processed there")
		must(t, "first", b.rest(t, first).State, StateDone)
		must(t, "second", b.rest(t, second).State, StateDone)
		apart(t, b.f, 2)
	})
}

// What came to a target to be processed is processed before another migration pushes there: that waits for an operator, and goes on
// by itself then.
func TestAnotherMigrationWaitsForTheProcessing(t *testing.T) {
	for name, order := range map[string]func(*bench, string) error{
		"processed": func(b *bench, id string) error { return b.Passphrase(maria, id, 0, phrase("right phrase")) },
		"skipped":   func(b *bench, id string) error { return b.Skip(maria, id, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, b *bench) {
				p := pushOf(b.f, "dc1", 0)
				p.Process = true
				first := b.run(t, p)
				must(t, "it arrived", first.Steps[0].Phase, PhasePassphrase)
				second := b.run(t, pushOf(b.f, "dc2", 7)) // at rest until the operator has done his part
				must(t, "state", second.State, StateRunning)
				must(t, "why", second.Waits[0], "the target is to process step 1 of migration "+first.ID+" first")
				time.Sleep(time.Hour)
				must(t, "sent", b.f.requests(), 1)
				must(t, "order", order(b, first.ID), nil)
				must(t, "first", b.rest(t, first.ID).State, StateDone)
				must(t, "second", b.rest(t, second.ID).State, StateDone)
				apart(t, b.f, b.f.requests())
			})
		})
	}
}

// Of two packages that came to one target which of them it would process is not told: both wait for an operator, and so does what
// waits for them, until one is skipped.
func TestTwoThatCameToATargetWaitForAnOperator(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		processed := func(from string, n int) Plan {
			p := pushOf(b.f, from, n)
			p.Process = true
			return p
		}
		first := b.run(t, processed("dc1", 0)).ID
		second := b.run(t, processed("dc2", 7)).ID
		b.mu.Lock()
		s := &b.runs[second].rec.Steps[0] // as after an answer that was lost
		s.Phase, s.Stage, s.Turn = PhasePassphrase, StageProcess, 2
		b.mu.Unlock()
		third := started(t, b.Runner, pushOf(b.f, "dc1", 3))
		for _, id := range []string{first, second} {
			must(t, "given", b.Passphrase(maria, id, 0, phrase("right phrase")), nil)
		}
		must(t, "both wait", b.rest(t, second).Waits[0],
			"step 1 of migration "+first+" came to the target too, and which of them it would process is not told: skip one of them")
		must(t, "what waits for them", b.rest(t, third).State, StateRunning)
		must(t, "skipped", b.Skip(maria, first, 0), nil)
		for _, id := range []string{first, second, third} {
			must(t, "state", b.rest(t, id).State, StateDone)
		}
	})
}

// A processing that nobody could find out about may go on still: no other migration pushes there before an operator has decided.
// Once another backup came, the target would process that one, whatever step is retried: nothing is sent then.
func TestAProcessingInDoubtHasItsTarget(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		b.f.mu.Lock()
		b.f.fate = func(act appliance.Act, _ int) (fleet.Fate, string) {
			if act.Verb == appliance.VerbProcess {
				return fleet.FateUnknown, "nobody knows"
			}
			return "", ""
		}
		b.f.mu.Unlock()
		p := pushOf(b.f, "dc1", 0)
		p.Process = true
		first := b.run(t, p).ID
		must(t, "given", b.Passphrase(maria, first, 0, phrase("right phrase")), nil)
		v := b.rest(t, first)
		must(t, "phase", v.Steps[0].Phase, PhaseUnknown)
		second := b.run(t, pushOf(b.f, "dc2", 7))
		must(t, "why", second.Waits[0], "what came of the processing of step 1 of migration "+first+" at the target is not known: retry or skip it first")
		must(t, "skipped", b.Skip(maria, first, 0), nil)
		must(t, "first", b.rest(t, first).State, StateDone)
		must(t, "second", b.rest(t, second.ID).State, StateDone)
	})
}

// firstSkipped is a migration of two pushes, the first of which arrived and was left out.
func firstSkipped(t *testing.T, b *bench) (id string) {
	t.Helper()
	p := plan(appliance.VerbPush, "198.18.0.9", 2)
	p.Target, p.Process = "fresh", true
	id = b.run(t, p).ID
	must(t, "skipped", b.Skip(maria, id, 0), nil)
	return id
}

func TestNothingIsProcessedOnceAnotherCame(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		id := firstSkipped(t, b)
		must(t, "resumed", b.Resume(maria, id), nil)
		v := b.rest(t, id)
		must(t, "the next came", v.Steps[1].Phase, PhasePassphrase)
		must(t, "retried", b.Retry(maria, id, 0), nil)
		must(t, "the last one skipped", b.Skip(maria, id, 1), nil)
		sent := b.f.requests()
		must(t, "given", b.Passphrase(maria, id, 0, phrase("right phrase")), nil)
		v = b.rest(t, id)
		must(t, "phase", v.Steps[0].Phase, PhaseFailed)
		must(t, "note", strings.HasPrefix(v.Steps[0].Note, "step 2 of migration "+id+" came to the target since"), true)
		must(t, "sent", b.f.requests(), sent)
		must(t, "skipped again", b.Skip(maria, id, 0), nil)
		must(t, "state", b.rest(t, id).State, StateDone)
	})
}

// So it is when nobody knew what came of the other push and it was queued again, and whatever the clocks said of either.
func TestNothingIsProcessedOnceAnotherMayHaveCome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, b *bench) {
		id := firstSkipped(t, b)
		b.f.mu.Lock()
		b.f.fate = func(appliance.Act, int) (fleet.Fate, string) { return fleet.FateUnknown, "nobody knows" }
		b.f.mu.Unlock()
		must(t, "resumed", b.Resume(maria, id), nil)
		must(t, "the next", b.rest(t, id).Steps[1].Phase, PhaseUnknown)
		must(t, "paused", b.Pause(maria, id), nil)
		b.mu.Lock()
		for n := range 2 { // our clock was set
			b.runs[id].rec.Steps[n].Sent = time.Now().Add(time.Duration(24-n*48) * time.Hour)
		}
		b.mu.Unlock()
		for n := range 2 {
			must(t, "retried", b.Retry(maria, id, n), nil)
		}
		sent := b.f.requests()
		must(t, "given", b.Passphrase(maria, id, 0, phrase("right phrase")), nil)
		v := b.rest(t, id)
		must(t, "phase", v.Steps[0].Phase, PhaseFailed)
		must(t, "sent", b.f.requests(), sent)
	})
}

// The same goes for migrations of other engines on the journal, also when both begin at the same moment.
func TestOneEngineAtATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(1), &Memory{}
		var runners []*Runner
		var ids []string
		for i, id := range []string{"one", "two", "three"} {
			r := New(Options{Fleet: f, Person: maria, Store: &engine{memory, id, func(string) bool { return true }}})
			if err := r.StartFor(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			runners, ids = append(runners, r), append(ids, started(t, r, pushOf(f, []string{"dc1", "dc2", "dc1"}[i], i)))
		}
		time.Sleep(10 * time.Millisecond)
		must(t, "at the same moment", f.requests() <= 1, true)
		var waits int
		for i, r := range runners {
			if v, _ := r.View(ids[i]); strings.Contains(v.Waits[0], "is on its way to the target or is processed there; another run carries it on") {
				waits++
			}
		}
		if waits < 2 {
			t.Errorf("%d rows say what they wait for", waits)
		}
		for i, r := range runners {
			v, err := r.Wait(t.Context(), ids[i])
			if err != nil || v.State != StateDone {
				t.Errorf("%v: %s", err, v.Tally())
			}
		}
		apart(t, f, 3)
		time.Sleep(time.Minute)
	})
}

// A passphrase is not used up by waiting, and a run that ended and left a push is waited for until somebody looks after it.
func TestProcessingWaitsForAnotherEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, memory := newFake(1), &Memory{}
		life, end := context.WithCancel(t.Context())
		runs := func(string) bool { return life.Err() == nil }
		first := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "one", runs}})
		must(t, "start", first.StartFor(life), nil)
		left := started(t, first, pushOf(f, "dc1", 0))
		time.Sleep(time.Second)
		end()
		first.Close()
		f.mu.Lock()
		f.life = t.Context()
		f.mu.Unlock()
		second := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "two", runs}})
		must(t, "start", second.StartFor(t.Context()), nil)
		defer second.Close()
		p := pushOf(f, "dc2", 7)
		p.Process = true
		id := started(t, second, p)
		time.Sleep(time.Hour)
		v, _ := second.View(id)
		must(t, "why", v.Waits[0], "step 1 of migration "+left+" is on its way to the target or is processed there; no run carries it on now: resume or cancel it")
		third := New(Options{Fleet: f, Person: maria, Store: &engine{memory, "three", func(e string) bool { return e != "one" }}})
		must(t, "start", third.StartFor(t.Context(), left), nil)
		defer third.Close()
		v, err := second.Wait(t.Context(), id)
		must(t, "pushed", v.Steps[0].Phase, PhasePassphrase)
		must(t, "wait", err, nil)
		must(t, "left", len(f.sent), 2)
		other := started(t, third, pushOf(f, "dc2", 8))
		time.Sleep(time.Minute)
		w, _ := third.View(other)
		must(t, "why", w.Waits[0], "the target is to process step 1 of migration "+id+" first; another run carries it on")
		must(t, "given", second.Passphrase(maria, id, 0, phrase("right phrase")), nil)
		v, err = second.Wait(t.Context(), id)
		must(t, "processed", v.State, StateDone)
		must(t, "wait", err, nil)
		w, err = third.Wait(t.Context(), other)
		must(t, "then", w.State, StateDone)
		must(t, "wait", err, nil)
		time.Sleep(time.Minute)
	})
}
