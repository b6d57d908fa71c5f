package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/migration"
	"holdfast/appliance/raced"
)

// patience is how long those wait who only want to see that everything is in order, on a machine that has other work too.
const patience = time.Minute

// later is our schema and one that may come.
var later = append(slices.Clone(steps), step{
	`ALTER TABLE events ADD COLUMN colour TEXT NOT NULL DEFAULT ''`, `CREATE INDEX events_colour ON events (colour)`,
})

// journalEnv is the variables of a child.
func journalEnv(path, engine string) []string { return []string{"JOURNAL=" + path, "ENGINE=" + engine} }

// promised is what a child said was confirmed.
type promised struct {
	intended, settled, told, held, tracked []uint64
	ending, forgotten, ended               []uint64 // of the locks and transfers; ending: of which either may be there
}

func (p *promised) hear(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		word, number, _ := strings.Cut(line, " ")
		into := map[string]*[]uint64{
			"intended": &p.intended, "settled": &p.settled, "told": &p.told, "held": &p.held, "tracked": &p.tracked,
			"ending": &p.ending, "forgotten": &p.forgotten, "ended": &p.ended,
		}[word]
		n, err := strconv.ParseUint(number, 10, 64)
		if line == "" {
			continue
		}
		if into == nil || err != nil {
			t.Fatalf("the child says %q", line)
		}
		*into = append(*into, n)
	}
}

// found is the same of a journal.
func found(t *testing.T, j *Journal) (p promised) {
	t.Helper()
	c, err := contentOf(j)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Intents {
		p.intended = append(p.intended, uint64(r.id))
		if r.outcome != "" {
			p.settled = append(p.settled, uint64(r.id))
		}
	}
	for _, e := range c.Events {
		var id uint64
		if _, err := fmt.Sscanf(e.Text, "took UP Updates for %d m", &id); err != nil {
			t.Fatal(err)
		}
		p.told = append(p.told, id)
	}
	for _, r := range c.Holdings {
		n, err := strconv.ParseUint(r.lock, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p.held = append(p.held, n)
	}
	for _, r := range c.Transits {
		p.tracked = append(p.tracked, uint64(r.id))
	}
	slices.Sort(p.told)
	return p
}

// beyond counts what was found and not promised, and fails for what was promised and is not found. What is over without that
// having been confirmed counts as less than none.
func (p promised) beyond(t *testing.T, got promised) (more int) {
	t.Helper()
	for _, c := range []struct {
		name      string
		want, got []uint64
	}{{"intended", p.intended, got.intended}, {"settled", p.settled, got.settled}, {"told", p.told, got.told}} {
		for _, id := range c.want {
			if !slices.Contains(c.got, id) {
				t.Errorf("%s %d was confirmed and is not there", c.name, id)
			}
		}
		more += len(c.got) - len(c.want)
	}
	for _, c := range []struct {
		name            string
		want, over, got []uint64
	}{{"held", p.held, p.forgotten, got.held}, {"tracked", p.tracked, p.ended, got.tracked}} {
		for _, id := range c.want {
			switch there := slices.Contains(c.got, id); {
			case there && slices.Contains(c.over, id):
				t.Errorf("%s %d was confirmed to be over and is there", c.name, id)
			case !there && !slices.Contains(p.ending, id):
				t.Errorf("%s %d was confirmed and is not there", c.name, id)
			}
		}
		more += len(c.got) - len(c.want) + len(c.over)
	}
	return more
}

func TestFault_JNL01_KilledAtEveryPoint(t *testing.T) {
	for _, c := range []death{
		{point: "write: before commit", nth: 2},
		{point: "write: before commit", nth: 3},
		{point: "write: before commit", nth: 4},
		{point: "write: committed", nth: 2, more: 1},
		{point: "write: committed", nth: 3, more: 1},
		{point: "write: committed", nth: 4, more: 1},
		{point: "write: before commit", nth: 5},       // Hold
		{point: "write: before commit", nth: 6},       // Track
		{point: "write: before commit", nth: 7},       // Forget
		{point: "write: before commit", nth: 8},       // Ended
		{point: "write: committed", nth: 5, more: 1},  // Hold
		{point: "write: committed", nth: 6, more: 1},  // Track
		{point: "write: committed", nth: 7, more: -1}, // Forget
		{point: "write: committed", nth: 8, more: -1}, // Ended
		{point: "new: before its name", nth: 1},
		{point: "new: named", nth: 1},
		{point: "aside: journal moved", nth: 1, damage: true},
		{point: "aside: moved", nth: 1, damage: true},
		{point: "migration: before commit", nth: 1, steps: "2"},
		{point: "migration: committed", nth: 1, steps: "2"},
		{point: "migration: before commit", nth: 1, golden: "journal-1.db"},
		{point: "migration: committed", nth: 1, golden: "journal-1.db"},
		{point: "migration: before commit", nth: 2, golden: "journal-1.db", steps: "2"},
		{point: "migration: before commit", nth: 1, golden: "journal-2.db"},
		{point: "migration: committed", nth: 1, golden: "journal-2.db"},
		{point: "migration: before commit", nth: 1, golden: "journal-3.db"},
		{point: "migration: committed", nth: 1, golden: "journal-3.db"},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.point, c.nth, c.golden), func(t *testing.T) {
			t.Parallel()
			dir, path := folder(t)
			begins := strings.HasPrefix(c.point, "new")
			var want promised
			if c.golden != "" {
				want = layGolden(t, dir, c.golden)
			} else if !begins {
				closed(t, opened(t, path, "zeroth"))
			}
			kills, more, wanted := 0, 0, 3
			if strings.HasPrefix(c.point, "migration") {
				wanted = c.killed()
			} else if c.point == "new: named" { // which it is once
				wanted = 1
			}
			for i := range 3 {
				if c.damage {
					image{"journal.db": []byte("no journal")}.layOut(t, dir)
				}
				cmd := child(t, "work", append(journalEnv(path, fmt.Sprintf("engine%d", i)), "POINT="+c.point,
					"NTH="+strconv.Itoa(c.nth), "STEPS="+c.steps)...)
				lines, killed := output(t, cmd)
				want.hear(t, lines)
				if killed {
					kills, more = kills+1, more+c.more
				}
			}
			if kills != wanted {
				t.Errorf("killed %d times, want %d", kills, wanted)
			}
			sys := host()
			if c.steps != "" {
				sys.schema = newSchema(later)
			}
			j := openedWith(t, path, Options{Engine: "last", Clock: still(noon)}, sys)
			if got := want.beyond(t, found(t, j)); got != more {
				t.Errorf("%d records are there that were not confirmed, want %d", got, more)
			}
			open := len(want.intended) - len(want.settled)
			if got := len(unsettled(t, j)); !c.damage && (got < open-max(more, 0) || got > open+max(more, 0)) {
				t.Errorf("%d open intents, want %d", got, open)
			}
			if set := aside(t, dir); c.damage != (len(set) > 0) || c.damage != said(j.Notices(), "damaged") {
				t.Errorf("set aside: %q, notices %q", set, j.Notices())
			}
			if extra := slices.DeleteFunc(files(t, dir), func(name string) bool {
				return strings.Contains(name, ".damaged-") || slices.Contains([]string{"journal.db", "journal.db-wal", "journal.db-shm",
					"journal.db.lock", "journal.db.engine-last"}, name)
			}); len(extra) > 0 {
				t.Errorf("left behind: %q", extra)
			}
		})
	}
}

// layGolden lays out a golden journal and tells what is in it.
func layGolden(t *testing.T, dir, name string) promised {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	other, path := folder(t)
	for _, d := range []string{dir, other} {
		image{"journal.db": b}.layOut(t, d)
	}
	return found(t, opened(t, path, "golden"))
}

// After a loss of power the -wal may end anywhere behind the last record that was confirmed: what is there is the records up
// to some number, and never part of one.
func TestFault_JNL01_TornTail(t *testing.T) {
	_, killed, want := images(t)
	delete(killed, "journal.db.engine-first")
	wal := killed["journal.db-wal"]
	fewest, all := len(want.Intents), 0
	for i := range 12 {
		img := image{"journal.db": killed["journal.db"], "journal.db-wal": wal[:len(wal)-i*len(wal)/12]}
		dir, path := folder(t)
		img.layOut(t, dir)
		j := opened(t, path, "later")
		got, err := contentOf(j)
		if err != nil || len(j.Notices()) > 0 {
			t.Fatalf("%v, %q", err, j.Notices())
		}
		fewest, all = min(fewest, len(got.Intents)), max(all, len(got.Intents))
		for k, r := range got.Intents {
			w := want.Intents[k]
			w.outcome, w.note, w.settled = r.outcome, r.note, r.settled // as the latest may not have been settled yet
			if r != w {
				t.Errorf("intent %+v, want %+v", r, w)
			}
		}
		if len(got.Events) != len(got.Intents) && len(got.Events) != len(got.Intents)-1 {
			t.Errorf("%d intents, %d events", len(got.Intents), len(got.Events))
		}
		closed(t, j)
	}
	if all != len(want.Intents) || fewest == all {
		t.Errorf("between %d and %d intents of %d", fewest, all, len(want.Intents))
	}
}

func TestFault_JNL05_ManyProcesses(t *testing.T) {
	for _, processes := range []int{2, 8} {
		t.Run(strconv.Itoa(processes), func(t *testing.T) {
			t.Parallel()
			starts := raced.Or(10, 4) // of two and of eight processes: the 100 that faults.md asks for
			_, path := folder(t)
			results := make([][]string, processes)
			var running sync.WaitGroup
			for i := range processes {
				cmd := child(t, "starts", append(journalEnv(path, fmt.Sprintf("engine%d", i)), "STARTS="+strconv.Itoa(starts))...)
				running.Go(func() {
					b, err := cmd.Output()
					if err != nil {
						t.Errorf("process %d: %v", i, err)
					}
					results[i] = strings.Split(strings.TrimSpace(string(b)), "\n")
				})
			}
			running.Wait()
			j := openedWith(t, path, Options{Engine: "last", Clock: still(noon), Wait: patience}, host())
			rest, err := takeOver(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			left, adopted := map[string]int{}, map[string]int{}
			for _, name := range names(rest) {
				adopted[name]++
			}
			for _, line := range slices.Concat(results...) {
				word, name, _ := strings.Cut(line, " ")
				map[string]map[string]int{"left": left, "adopted": adopted}[word][name]++
			}
			if len(left) != 4*starts*processes || len(adopted) != len(left) {
				t.Errorf("%d things were left and %d adopted in %d starts", len(left), len(adopted), starts*processes)
			}
			for name, n := range adopted {
				if n != 1 || left[name] != 1 {
					t.Errorf("%s was left %d times and adopted %d times", name, left[name], n)
				}
			}
		})
	}
}

func TestFault_JNL06_HolderKilled(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "second")
	cmd := child(t, "wait", journalEnv(path, "holder")...)
	in, out := pipes(t, cmd)
	defer in.Close()
	id, err := strconv.ParseUint(firstLine(t, out), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	mine := intend(t, j, 2)
	if got, err := takeOver(t.Context(), j); err != nil || names(got) != nil {
		t.Errorf("adopted %v of an engine that runs (%v)", names(got), err)
	}
	if err := j.Settle(t.Context(), id, "done", ""); err == nil {
		t.Error("what another engine answers for was settled")
	}
	its := []string{fmt.Sprintf("holder dc1-lxca %d", id)}
	if got := others(t, j); !slices.Equal(got, its) {
		t.Errorf("others hold %q, want %q", got, its)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
	if got := unsettled(t, j); !slices.Equal(got, []uint64{id}) {
		t.Errorf("open intents %v, want %d", got, id)
	}
	if running, all := others(t, j), locks(t, j); running != nil || !slices.Equal(all, its) {
		t.Errorf("others hold %q, all %q, want %q", running, all, its)
	}
	for _, err := range []error{
		j.SaveMigration(t.Context(), someMigration(int(id), 2)), j.SaveStep(t.Context(), fmt.Sprintf("m%d", id), 0, migration.Step{}),
	} {
		if !errors.Is(err, ErrNotOurs) {
			t.Errorf("the migration of another engine was saved: %v", err)
		}
	}
	got, err := takeOver(t.Context(), j)
	if want := named(id); err != nil || !slices.Equal(names(got), want) {
		t.Fatalf("adopted %q, want %q (%v)", names(got), want, err)
	}
	if got.migrations[0].Engine != "second" || len(got.migrations[0].Steps) != 2 {
		t.Errorf("adopted %+v", got.migrations)
	}
	save(t, j, got.migrations[0])
	saveStep(t, j, got.migrations[0], 1, "18")
	if got.Intents[0].Engine != someIntent(0).Engine || got.Holdings[0].Engine != "holder" || got.Transits[0].Engine != "holder" {
		t.Errorf("adopted %+v", got)
	}
	if got := unsettled(t, j); got != nil {
		t.Errorf("open intents %v after they were adopted", got)
	}
	for _, id := range []uint64{id, mine} {
		if err := j.Settle(t.Context(), id, "unknown", "looked again"); err != nil {
			t.Error(err)
		}
	}
	opened(t, path, "third")
	if _, err := os.Stat(filepath.Join(dir, "journal.db.engine-holder")); !os.IsNotExist(err) {
		t.Errorf("the file of an engine that was killed: %v", err)
	}
	if _, err := Open(t.Context(), path, Options{Engine: "third"}); err == nil {
		t.Error("an engine ran twice")
	}
}

// pipes starts a process with its input and output in our hands.
func pipes(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	w, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return w, r
}
