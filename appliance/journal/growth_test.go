package journal

import (
	"context"
	"database/sql"
	"os"
	"slices"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/raced"
)

// grow adds records of so many days before noon, that many a day; every tenth intent stays open.
func grow(t testing.TB, j *Journal, intentsADay, eventsADay int, days ...int) {
	t.Helper()
	for _, day := range days {
		at := noon.AddDate(0, 0, -day)
		_, err := j.write(t.Context(), "grow", func(ctx context.Context, tx *sql.Tx, n int64) error {
			return growDay(ctx, tx, n, at, intentsADay, eventsADay)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func growDay(ctx context.Context, tx *sql.Tx, n int64, at time.Time, intents, events int) error {
	intended, err := tx.PrepareContext(ctx, `INSERT INTO intents (`+intentColumns+`, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = intended.Close() }()
	happened, err := tx.PrepareContext(ctx, `INSERT INTO events (`+eventColumns+`, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = happened.Close() }()
	for i := range intents {
		in := someIntent(i)
		r := intent{id: n, at: micros(at), engine: "old", keeper: "old", who: in.Who, appliance: in.Appliance, settled: micros(at)}
		if i%10 != 0 {
			r.outcome, r.note = string(fleet.OutcomeDone), "copied"
		}
		if err := r.put(in); err != nil {
			return err
		}
		if _, err := intended.ExecContext(ctx, summed(r.columns())...); err != nil {
			return err
		}
		n++
	}
	for i := range events {
		r := event{id: n, at: micros(at), engine: "old", appliance: "dc1-lxca", who: "maria", text: someEvent(i).Text}
		if _, err := happened.ExecContext(ctx, summed(r.columns())...); err != nil {
			return err
		}
		n++
	}
	_, err = tx.ExecContext(ctx, `UPDATE counter SET n = ?`, n)
	return err
}

// year is the days of one; of as many as there is time for.
func year(most int) (days []int) {
	for day := most; day >= 1; day-- {
		days = append(days, day)
	}
	return days
}

func count(t testing.TB, j *Journal, what string) (n int) {
	t.Helper()
	if err := j.db.read.QueryRow(`SELECT count(*) FROM ` + what).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFault_JNL09_OldRecordsGo(t *testing.T) {
	_, path := folder(t)
	early := openedWith(t, path, Options{Engine: "early", Clock: still(noon.AddDate(0, 0, -200))}, host())
	grow(t, early, 10, 130, 300, 200, 120, 95, 91, 89, 50, 11, 9, 1) // more of them old than go in one transaction
	hold(t, early, someHolding(-300*24*3600))
	track(t, early, someTransit(2))
	closed(t, early)
	for _, c := range []struct {
		keep time.Duration
		days int // of which something is left
	}{{0, 5}, {10 * 24 * time.Hour, 2}} {
		j := openedWith(t, path, Options{Engine: "first", Clock: still(noon), Keep: c.keep}, host())
		if got, want := count(t, j, "events"), 130*c.days; got != want {
			t.Errorf("keeping %v: %d events, want %d", c.keep, got, want)
		}
		if got, want := count(t, j, "intents WHERE outcome <> ''"), 9*c.days; got != want {
			t.Errorf("keeping %v: %d finished intents, want %d", c.keep, got, want)
		}
		if got, want := count(t, j, "intents WHERE outcome = ''"), 10; got != want {
			t.Errorf("keeping %v: %d open intents, want %d", c.keep, got, want)
		}
		if got, want := count(t, j, "holdings")+count(t, j, "transits"), 2; got != want {
			t.Errorf("keeping %v: %d holdings and transits, want %d", c.keep, got, want)
		}
		if got := count(t, j, "engines"); got != 1 {
			t.Errorf("keeping %v: %d engines", c.keep, got)
		}
		if len(j.Notices()) > 0 {
			t.Errorf("notices %q", j.Notices())
		}
		closed(t, j)
	}
}

// A migration that ended long ago goes, with its steps and what it asked for; one that has not ended stays with all of that,
// however old it is.
func TestFault_JNL09_OldMigrationsGo(t *testing.T) {
	_, path := folder(t)
	then := noon.AddDate(0, 0, -200)
	early := openedWith(t, path, Options{Engine: "early", Clock: still(then)}, host())
	for i, ended := range []time.Time{then, noon.AddDate(0, 0, -20), {}} {
		m := someMigration(i, 3)
		begin(t, early, m)
		in := someIntent(1)
		in.At.Wall, in.Act.Ref = then, m.ID+"/1/1"
		id, err := early.Intend(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if err := early.Settle(t.Context(), id, fleet.OutcomeRefused, "no"); err != nil {
			t.Fatal(err)
		}
		if m.Ended = ended; !ended.IsZero() {
			m.State = migration.StateDone
		}
		save(t, early, m)
	}
	in := someIntent(1)
	in.At.Wall, in.Act.Ref = then, "alone"
	if _, err := early.Intend(t.Context(), in); err != nil { // it is open
		t.Fatal(err)
	}
	lost := request{ref: "m0/2/1", migration: "m0", intent: 2} // its intent went with a damaged journal
	_, err := early.write(t.Context(), "lose an intent", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		return lost.insert(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, early)
	for _, c := range []struct {
		keep time.Duration
		left []string // migrations
		refs []string
	}{
		{300 * 24 * time.Hour, []string{"m2", "m1", "m0"}, []string{"alone", "m0/1/1", "m0/2/1", "m1/1/1", "m2/1/1"}},
		{0, []string{"m2", "m1"}, []string{"alone", "m2/1/1"}},
		{10 * 24 * time.Hour, []string{"m2"}, []string{"alone", "m2/1/1"}},
	} {
		j := openedWith(t, path, Options{Engine: "first", Clock: still(noon), Keep: c.keep}, host())
		var left, refs []string
		for _, m := range migrations(t, j) {
			left = append(left, m.ID)
		}
		all, err := contentOf(j)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all.Requests {
			refs = append(refs, r.ref)
		}
		if !slices.Equal(left, c.left) || !slices.Equal(refs, c.refs) {
			t.Errorf("keeping %v: migrations %q, want %q; requests %q, want %q", c.keep, left, c.left, refs, c.refs)
		}
		if got := count(t, j, "steps"); got != 3*len(c.left) {
			t.Errorf("keeping %v: %d steps", c.keep, got)
		}
		if r := requested(t, j, "m2/1/1"); r.Outcome != fleet.OutcomeRefused || r.Note != "no" {
			t.Errorf("keeping %v: %+v", c.keep, r)
		}
		if len(j.Notices()) > 0 {
			t.Errorf("notices %q", j.Notices())
		}
		closed(t, j)
	}
}

// A new engine with nothing to remove writes one record, that it started.
func TestOpeningWritesOnce(t *testing.T) {
	_, path := folder(t)
	closed(t, opened(t, path, "first"))
	var commits int
	sys := host()
	sys.point = func(name string) {
		if name == "write: committed" {
			commits++
		}
	}
	j := openedWith(t, path, Options{Engine: "second", Clock: still(noon)}, sys)
	if commits != 1 || count(t, j, "engines") != 2 {
		t.Errorf("%d commits, %d engines", commits, count(t, j, "engines"))
	}
}

// A year of heavy use, 100 acts and 400 events a day, is opened and the latest of it read within 50 ms.
func TestFault_JNL09_AYearOpensInTime(t *testing.T) {
	_, path := folder(t)
	keep := Options{Engine: "first", Clock: still(noon), Keep: 1000 * 24 * time.Hour}
	j := openedWith(t, path, keep, host())
	days := raced.Or(365, 20)
	grow(t, j, 100, 400, year(days)...)
	if got := count(t, j, "events"); got != 400*days {
		t.Errorf("%d events", got)
	}
	closed(t, j)
	best := time.Hour // of ten: the host may be busy
	for range 10 {
		began := time.Now()
		j, err := Open(t.Context(), path, keep)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := j.Events(t.Context(), noon.AddDate(0, 0, -30), 100); err != nil || len(got) != 100 {
			t.Fatal(len(got), err)
		}
		best = min(best, time.Since(began))
		closed(t, j)
	}
	if best > 50*time.Millisecond {
		t.Errorf("it takes %s at best", best)
	}
}

// A year of 100 acts and 400 events a day, none of which is old enough to go, is opened and its latest 100 events read.
func BenchmarkOpenYear(b *testing.B) {
	_, path := folder(b)
	keep := Options{Engine: "first", Clock: still(noon), Keep: 1000 * 24 * time.Hour}
	j := openedWith(b, path, keep, host())
	grow(b, j, 100, 400, year(365)...)
	closed(b, j)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		j, err := Open(b.Context(), path, keep)
		if err != nil {
			b.Fatal(err)
		}
		if got, err := j.Events(b.Context(), noon.AddDate(0, 0, -30), 100); err != nil || len(got) != 100 {
			b.Fatal(len(got), err)
		}
		b.StopTimer()
		closed(b, j)
		b.StartTimer()
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}

// The check of that year, which runs beside everything else.
func BenchmarkCheckYear(b *testing.B) {
	_, path := folder(b)
	j := openedWith(b, path, Options{Engine: "first", Clock: still(noon), Keep: 1000 * 24 * time.Hour}, host())
	grow(b, j, 100, 400, year(365)...)
	for b.Loop() {
		if err := j.view(b.Context(), "check", func(db *sql.DB) error { return j.examine(b.Context(), db) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIntend(b *testing.B) {
	_, path := folder(b)
	j := opened(b, path, "first")
	in := someIntent(1)
	for b.Loop() {
		if _, err := j.Intend(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSaveStep(b *testing.B) {
	_, path := folder(b)
	j := opened(b, path, "first")
	m := someMigration(1, 200)
	begin(b, j, m)
	for b.Loop() {
		if err := j.SaveStep(b.Context(), m.ID, 7, m.Steps[7]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBeginMigration(b *testing.B) {
	_, path := folder(b)
	j := opened(b, path, "first")
	for i := 0; b.Loop(); i++ {
		if err := j.BeginMigration(b.Context(), someMigration(i, 200)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTell(b *testing.B) {
	_, path := folder(b)
	j := opened(b, path, "first")
	e := someEvent(1)
	e.At = appliance.Reading{}
	for b.Loop() {
		if err := j.Tell(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// The locks of others are asked for every few seconds: 200 of them, beside some days of records.
func BenchmarkOthers(b *testing.B) {
	_, path := folder(b)
	j, k := opened(b, path, "first"), opened(b, path, "second")
	grow(b, j, 100, 400, 1, 2, 3)
	for i := range 200 {
		hold(b, k, someHolding(i))
	}
	for b.Loop() {
		if got, err := j.Others(b.Context()); err != nil || len(got.Holdings) != 200 {
			b.Fatal(len(got.Holdings), err)
		}
	}
}

func BenchmarkHold(b *testing.B) {
	_, path := folder(b)
	j := opened(b, path, "first")
	h := someHolding(1)
	for b.Loop() {
		if err := j.Hold(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
}
