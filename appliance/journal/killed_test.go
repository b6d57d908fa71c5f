package journal

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/appliance/migration"
)

// death is a place in the life of a process.
type death struct {
	point  string
	nth    int
	more   int // that is there each time without having been confirmed
	damage bool
	steps  string
	golden string // what is there before; empty: a journal of ours with nothing in it
}

// killed is how often of three times it comes there on its way to the newest schema: each step is taken once.
func (d death) killed() (n int) {
	left := 0
	if d.golden != "" {
		version := 0
		if _, err := fmt.Sscanf(d.golden, "journal-%d.db", &version); err != nil {
			panic(err)
		}
		left = len(steps) - version
	}
	if d.steps != "" {
		left++
	}
	for range 3 {
		if left < d.nth {
			return n
		}
		n++
		left -= d.nth - 1
		if d.point == "migration: committed" {
			left--
		}
	}
	return n
}

// childMigrate adopts what was left, begins a migration, and does with it what there is to do.
func childMigrate() error {
	ctx, sys := context.Background(), host()
	if err := killAt(&sys); err != nil {
		return err
	}
	engine := os.Getenv("ENGINE")
	j, err := open(ctx, os.Getenv("JOURNAL"), Options{Engine: engine, Clock: still(noon)}, sys)
	if err != nil {
		return err
	}
	left, err := j.AdoptMigrations(ctx)
	if err != nil {
		return err
	}
	fmt.Println("adopted", len(left))
	i, err := strconv.Atoi(strings.TrimPrefix(engine, "engine"))
	if err != nil {
		return err
	}
	m, in := someMigration(i, 3), someIntent(1)
	in.Act.Ref = m.ID + "/1/1"
	s := m.Steps[1]
	s.Phase, s.Job = migration.PhaseRunning, "18"
	var id uint64
	for _, do := range []func() error{
		func() error { return j.BeginMigration(ctx, m) },
		func() (err error) { id, err = j.Intend(ctx, in); return err },
		func() error { return j.SaveStep(ctx, m.ID, 1, s) },
		func() error { return j.Track(ctx, someTransit(id)) },
		func() error { return j.Ended(ctx, id, someEnding()) },
		func() error { m.Note = "saved"; return j.SaveMigration(ctx, m) },
	} {
		if err := do(); err != nil {
			return err
		}
		fmt.Println("confirmed")
	}
	return j.Close()
}

// progress is how many of these things are in the journal, in their order.
func progress(t *testing.T, j *Journal, i int) (n int) {
	t.Helper()
	m := someMigration(i, 3)
	all := migrations(t, j)
	at := slices.IndexFunc(all, func(x migration.Record) bool { return x.ID == m.ID })
	if at < 0 {
		return 0
	}
	got := all[at]
	if len(got.Steps) != 3 {
		t.Errorf("migration %s has %d steps", m.ID, len(got.Steps))
	}
	r, err := j.Find(t.Context(), m.ID+"/1/1")
	done := []bool{true, err == nil, got.Steps[1].Job == "18", r.Tracked || r.Ending != nil, r.Ending != nil, got.Note == "saved"}
	n = slices.Index(append(done, false), false)
	if slices.Contains(done[n:], true) || r.Tracked && r.Ending != nil {
		t.Errorf("migration %s: %v is there", m.ID, done)
	}
	return n
}

func TestFault_JNL01_KilledAtEveryPointOfAMigration(t *testing.T) {
	for _, point := range []string{"write: before commit", "write: committed"} {
		for nth := 2; nth <= 8; nth++ { // 1 is that the engine started, 2 that it adopted
			t.Run(fmt.Sprintf("%s %d", point, nth), func(t *testing.T) {
				t.Parallel()
				dir, path := folder(t)
				zeroth := opened(t, path, "zeroth")
				begin(t, zeroth, someMigration(9, 3))
				closed(t, zeroth)
				var want []string
				for i := range 3 {
					cmd := child(t, "migrate", append(journalEnv(path, fmt.Sprintf("engine%d", i)), "POINT="+point, "NTH="+strconv.Itoa(nth))...)
					lines, killed := output(t, cmd)
					if !killed {
						t.Error("it was not killed")
					}
					n := strings.Count(strings.Join(lines, " "), "confirmed")
					if nth > 2 && n != nth-3 {
						t.Errorf("%d things were confirmed before write %d", n, nth)
					}
					if nth > 2 && point == "write: committed" {
						n++
					}
					j := opened(t, path, fmt.Sprintf("looker%d", i))
					if got := progress(t, j, i); got != n {
						t.Errorf("%d of %d things are there", got, n)
					}
					closed(t, j)
					if n > 0 {
						want = append(want, fmt.Sprintf("m%d", i))
					}
				}
				j := opened(t, path, "last")
				var got []string
				for _, m := range adoptMigrations(t, j) {
					got = append(got, m.ID)
				}
				slices.Sort(got)
				if want = append(want, "m9"); !slices.Equal(got, want) || len(j.Notices()) > 0 || len(aside(t, dir)) > 0 {
					t.Errorf("adopted %q, want %q; notices %q", got, want, j.Notices())
				}
			})
		}
	}
}
