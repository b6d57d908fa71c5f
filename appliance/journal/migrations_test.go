package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
)

// It is what the runner of migrations asks for.
var _ migration.Store = (*Journal)(nil)

func TestMigrationsComeBack(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	want := []migration.Record{someMigration(3, 1), someMigration(2, 5), someMigration(1, 3)} // newest first
	for _, i := range []int{1, 0, 2} {
		begin(t, j, want[i])
	}
	s := migration.Step{
		Item: want[1].Steps[4].Item, Phase: migration.PhaseSending, Stage: migration.StageTransfer, Try: 1, Began: noon, Sent: noon,
	}
	if err := j.SaveStep(t.Context(), "m2", 4, s); err != nil {
		t.Fatal(err)
	}
	want[1].Steps[4], want[1].Order = s, []int{3, 2, 1}
	save(t, j, want[1])
	want[2].State, want[2].Ended, want[2].Note = migration.StateDone, noon.Add(time.Hour), ""
	save(t, j, want[2])
	if got := adoptMigrations(t, j); got != nil {
		t.Errorf("adopted %+v of an engine that runs", got)
	}
	k := opened(t, path, "second") // of one that runs they are told too
	for _, of := range []*Journal{j, k} {
		if got := migrations(t, of); !reflect.DeepEqual(got, want) {
			t.Errorf("migrations are\n%+v, want\n%+v", got, want)
		}
	}
	closed(t, j)
	left := adoptMigrations(t, k)
	want[0].Engine, want[1].Engine = "second", "second"
	if !reflect.DeepEqual(left, []migration.Record{want[1], want[0]}) { // oldest first, and those that have not ended
		t.Errorf("adopted\n%+v, want\n%+v", left, want[:2])
	}
	if got := migrations(t, k); !reflect.DeepEqual(got, want) {
		t.Errorf("migrations are\n%+v, want\n%+v", got, want)
	}
	if n := counted(t, k); adoptMigrations(t, k) != nil || counted(t, k) != n {
		t.Error("they are adopted twice, or nothing is written")
	}
}

// counted is the number of the last record.
func counted(t *testing.T, j *Journal) (n int) {
	t.Helper()
	if err := j.db.read.QueryRow(`SELECT n FROM counter`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What was written comes back, whatever it is.
func TestMigrationsComeBackWhateverTheyAre(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		want := anyMigration(r, fmt.Sprintf("m%d", n))
		if err := j.BeginMigration(t.Context(), want); err != nil {
			r.Fatal(err)
		}
		k := rapid.IntRange(0, len(want.Steps)-1).Draw(r, "step")
		phase := want.Steps[k].Phase
		want.Steps[k] = anyStep(r, want.Steps[k].Item)
		want.Steps[k].Phase = phase // on which the order depends
		if err := j.SaveStep(t.Context(), want.ID, k, want.Steps[k]); err != nil {
			r.Fatal(err)
		}
		other := anyMigration(r, want.ID)
		want.State, want.Note, want.Ended = other.State, other.Note, other.Ended
		if err := j.SaveMigration(t.Context(), want); err != nil {
			r.Fatal(err)
		}
		got, err := j.Migrations(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		at := slices.IndexFunc(got, func(m migration.Record) bool { return m.ID == want.ID })
		if at < 0 || !reflect.DeepEqual(got[at], want) {
			r.Fatalf("got\n%+v, want\n%+v", got, want)
		}
	})
	if len(j.Notices()) > 0 {
		t.Errorf("notices %q", j.Notices())
	}
}

func anyMigration(r *rapid.T, id string) migration.Record {
	m := migration.Record{
		ID: id, Engine: "first", Note: anyWords(r), Begun: anyMoment(r), Ended: anyMoment(r),
		State: rapid.SampledFrom([]migration.State{
			migration.StateRunning, migration.StatePaused, migration.StateAsking, migration.StateStopped, migration.StateDone,
		}).Draw(r, "state"),
		Plan: migration.Plan{
			Made: anyMoment(r), Who: anyLabel(r), Verb: appliance.VerbPush, Destination: "198.18.0.9", Target: anyLabel(r), AtOnce: 1,
			OnFailure: migration.OnFailureSkip, KeepLock: anyLabel(r), Process: rapid.Bool().Draw(r, "process"),
		},
	}
	for k := range rapid.IntRange(1, 5).Draw(r, "steps") {
		it := migration.Item{
			Appliance: "dc1-lxca", Backup: appliance.BackupID(fmt.Sprintf("00000000-0000-4000-8000-%012d", k)),
			Label: appliance.Label(anyLabel(r)), Checksum: appliance.Label(anyLabel(r)), Size: rapid.Int64Min(-1).Draw(r, "size"),
		}
		s := anyStep(r, it)
		if s.Phase == migration.PhaseQueued {
			m.Order = append(m.Order, k)
		}
		m.Plan.Items, m.Steps = append(m.Plan.Items, it), append(m.Steps, s)
	}
	slices.Reverse(m.Order)
	return m
}

func anyStep(r *rapid.T, it migration.Item) migration.Step {
	return migration.Step{
		Item: it, Phase: rapid.SampledFrom([]migration.Phase{
			migration.PhaseQueued, migration.PhaseSending, migration.PhasePassphrase, migration.PhaseDone,
		}).Draw(r, "phase"),
		Stage: migration.StageProcess, Try: rapid.Int().Draw(r, "try"), Job: appliance.JobID(anyLabel(r)), Began: anyMoment(r),
		Ended: anyMoment(r), Sent: anyMoment(r), Took: time.Duration(rapid.Int64().Draw(r, "took")),
		Fate: rapid.SampledFrom([]fleet.Fate{"", fleet.FateThere, fleet.FateNeither}).Draw(r, "fate"), Note: anyWords(r),
	}
}

func anyLabel(r *rapid.T) string { return appliance.Label(rapid.String().Draw(r, "label")).String() }
func anyWords(r *rapid.T) string { return appliance.Words(rapid.String().Draw(r, "words")).String() }

func anyMoment(r *rapid.T) time.Time {
	if rapid.Bool().Draw(r, "no moment") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(0, 1<<33).Draw(r, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds")).UTC()
}

func TestMigrationsThatAreRefused(t *testing.T) {
	_, path := folder(t)
	j, k := opened(t, path, "first"), opened(t, path, "second")
	m := someMigration(1, 2)
	begin(t, j, m)
	s := m.Steps[0]
	for name, err := range map[string]error{
		"begun twice": j.BeginMigration(t.Context(), m), "begun by another": k.BeginMigration(t.Context(), m),
		"saved by another": k.SaveMigration(t.Context(), m), "step saved by another": k.SaveStep(t.Context(), m.ID, 0, s),
		"unknown": j.SaveMigration(t.Context(), someMigration(2, 2)), "step of an unknown": j.SaveStep(t.Context(), "m2", 0, s),
		"step before the first": j.SaveStep(t.Context(), m.ID, -1, s), "step after the last": j.SaveStep(t.Context(), m.ID, 2, s),
	} {
		if !errors.Is(err, fleet.ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nameless, hostile, wrong, beyond := someMigration(2, 2), someMigration(2, 2), someMigration(2, 2), someMigration(2, 2)
	nameless.ID, hostile.ID = "", "m\x1b2"
	wrong.Plan.AtOnce = 99
	beyond.Order = []int{5}
	for _, m := range []migration.Record{nameless, hostile, wrong, beyond} {
		if err := j.BeginMigration(t.Context(), m); err == nil {
			t.Errorf("%q is begun", m.ID)
		}
	}
	if got := migrations(t, j); len(got) != 1 || !reflect.DeepEqual(got[0].Steps, m.Steps) {
		t.Errorf("%+v", got)
	}
	if j.Writable() != nil || k.Writable() != nil {
		t.Errorf("writable: %v, %v", j.Writable(), k.Writable())
	}
}

// One that cannot be read by this version, although nothing of it is damaged, is told and left where it is.
func TestMigrationOfAnotherMind(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	begin(t, j, someMigration(1, 2))
	begin(t, j, someMigration(2, 2))
	x, err := j.journey(ptr(someMigration(2, 2)))
	if err != nil {
		t.Fatal(err)
	}
	x.record = strings.Replace(x.record, `"at_once":2`, `"at_once":99`, 1)
	sum := digest(x.session.columns())
	if _, err := j.db.write.Exec(`UPDATE migrations SET record = ?, sum = ? WHERE id = 'm2'`, x.record, sum); err != nil {
		t.Fatal(err)
	}
	closed(t, j)
	k := opened(t, path, "second")
	if got := adoptMigrations(t, k); len(got) != 1 || got[0].ID != "m1" || len(migrations(t, k)) != 1 {
		t.Errorf("adopted %+v", got)
	}
	told := said(k.Notices(), "a migration is left out", "m2", "at_once = 99")
	if !told || len(aside(t, dir)) > 0 || count(t, k, "migrations") != 2 {
		t.Errorf("notices %q, files %q", k.Notices(), files(t, dir))
	}
}

func ptr[T any](x T) *T { return &x }

// What a migration has in the journal is recorded anew in one that was begun in place of a damaged one, whoever begins it: the
// migration with its steps, and how each of its requests stands.
func TestFault_JNL02_MigrationsGoIntoTheNewJournal(t *testing.T) {
	_, path := folder(t)
	zeroth := opened(t, path, "zeroth")
	begin(t, zeroth, someMigration(1, 3))
	left := ask(t, zeroth, "m1/1/1")
	track(t, zeroth, someTransit(left))
	track(t, zeroth, someTransit(ask(t, zeroth, "loose"))) // of no migration
	closed(t, zeroth)
	j := opened(t, path, "first")
	if len(adoptMigrations(t, j)) != 1 || len(adopt(t, j).Transits) != 2 {
		t.Fatal("it is not adopted")
	}
	two, three, four := someMigration(2, 2), someMigration(3, 2), someMigration(4, 2)
	for _, m := range []migration.Record{two, three, four} {
		begin(t, j, m)
	}
	saveStep(t, j, two, 1, "18")
	save(t, j, two)
	for _, ref := range []string{"m2/1/1", "m3/1/1", "alone", "over"} {
		id := ask(t, j, ref)
		track(t, j, someTransit(id))
		if ref != "alone" {
			if err := j.Ended(t.Context(), id, someEnding()); err != nil {
				t.Fatal(err)
			}
		}
	}
	not := ask(t, j, "m2/2/1") // refused
	if err := j.Settle(t.Context(), not, fleet.OutcomeRefused, "no"); err != nil {
		t.Fatal(err)
	}
	three.State, four.State = migration.StateDone, migration.StateCancelled
	save(t, j, three)
	save(t, j, four)
	four.State = migration.StateRunning // gone on with after all
	save(t, j, four)
	want := slices.DeleteFunc(migrations(t, j), func(m migration.Record) bool { return m.ID == "m3" })
	if err := j.replace(t.Context(), j.db, damaged("for a test")); err != nil {
		t.Fatal(err)
	}
	if got := migrations(t, j); !reflect.DeepEqual(got, want) || len(got) != 3 || got[1].Steps[1].Job != "18" {
		t.Errorf("migrations are\n%+v, want\n%+v", got, want)
	}
	for ref, c := range map[string]struct{ ended, tracked bool }{
		"m1/1/1": {false, true}, "m2/1/1": {true, false}, "m2/2/1": {false, false}, "alone": {false, true}, "loose": {false, true},
	} {
		r := requested(t, j, ref)
		if (r.Ending != nil) != c.ended || r.Tracked != c.tracked || r.Outcome != fleet.OutcomeUnknown {
			t.Errorf("%s: %+v", ref, r)
		}
	}
	for _, ref := range []string{"m3/1/1", "over"} { // after which nobody asks
		if r, err := j.Find(t.Context(), ref); !errors.Is(err, fleet.ErrNoSuchRef) {
			t.Errorf("%s: %+v, %v", ref, r, err)
		}
	}
	if id := intend(t, j, 1); id <= not {
		t.Errorf("intent %d after %d", id, not)
	}
	if err := j.Ended(t.Context(), left, someEnding()); err != nil || requested(t, j, "m1/1/1").Ending == nil {
		t.Errorf("its end cannot be told: %v", err)
	}
	closed(t, j)
	k := opened(t, path, "second")
	if got := adoptMigrations(t, k); len(got) != 3 || len(k.Notices()) > 1 {
		t.Errorf("adopted %+v, notices %q", got, k.Notices())
	}
}

// In an emptied state folder nothing tells which numbers were handed out, but the requests that are recorded anew.
func TestFault_JNL02_RequestsKeepTheirNumbers(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	begin(t, j, someMigration(1, 2))
	last := ask(t, j, "m1/1/1")
	for _, name := range files(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if id := ask(t, j, "m1/1/2"); id <= last || requested(t, j, "m1/1/1").Intent != last {
		t.Errorf("intent %d after %d", id, last)
	}
	if got := migrations(t, j); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// A step that is not there is missed, by the check after opening and by whoever reads it; so are steps of no migration.
func TestFault_JNL02_MissingStep(t *testing.T) {
	for _, c := range []struct {
		change string
		seen   bool // by whoever reads
	}{
		{`DELETE FROM steps WHERE n = 0`, true}, {`DELETE FROM steps WHERE n = 1`, true}, {`DELETE FROM steps WHERE n = 2`, true},
		{`DELETE FROM steps`, true}, {`DELETE FROM migrations`, false},
	} {
		for _, reads := range []bool{true, false} {
			dir, path := folder(t)
			j := opened(t, path, "first")
			begin(t, j, someMigration(1, 3))
			if _, err := j.db.write.Exec(c.change); err != nil {
				t.Fatal(err)
			}
			k := j
			if reads {
				if all, err := j.Migrations(t.Context()); errors.Is(err, ErrDamaged) != c.seen {
					t.Errorf("%s: %+v, %v", c.change, all, err)
				}
			} else {
				k = opened(t, path, "second")
			}
			if want := c.seen || !reads; want != (len(aside(t, dir)) > 0) || want != said(k.Notices(), "was damaged", "migration m1") {
				t.Errorf("%s: files %q, notices %q", c.change, files(t, dir), k.Notices())
			}
		}
	}
}

// What other engines have under way is told with whether they run; what is ours or has ended is not.
func TestOtherMigrations(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	ended := someMigration(1, 1)
	ended.State, ended.Ended = migration.StateDone, noon
	want := someMigration(2, 3)
	begin(t, j, ended)
	save(t, j, ended)
	begin(t, j, want)
	k := opened(t, path, "second")
	begin(t, k, someMigration(3, 1))
	others := func(j *Journal) []migration.Other {
		t.Helper()
		all, err := j.OtherMigrations(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := others(k); !reflect.DeepEqual(got, []migration.Other{{Record: want, Runs: true}}) {
		t.Errorf("while it runs\n%+v", got)
	}
	closed(t, j)
	if got := others(k); !reflect.DeepEqual(got, []migration.Other{{Record: want}}) {
		t.Errorf("after its end\n%+v", got)
	}
	for since, want := range map[time.Time][]migration.Other{
		noon: {{Record: ended}, {Record: want}}, noon.Add(time.Microsecond): {{Record: want}},
	} {
		if got, err := k.OtherMigrations(t.Context(), since); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("since %s: %v\n%+v", since, err, got)
		}
	}
	adoptMigrations(t, k)
	if got := others(k); got != nil {
		t.Errorf("once taken over\n%+v", got)
	}
}
