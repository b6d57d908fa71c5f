package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/raced"
)

// images are a journal after its engine closed it, and after its engine was killed (with the -wal), and what both say.
func images(t *testing.T) (clean, killed image, want content) {
	t.Helper()
	dir, path := folder(t)
	j := opened(t, path, "first")
	for i := range 60 {
		id := intend(t, j, i)
		if i%12 == 0 {
			begin(t, j, someMigration(i, 4))
		}
		saveStep(t, j, someMigration(i-i%12, 4), i%4, appliance.JobID(fmt.Sprint(i)))
		tell(t, j, i)
		if i%3 == 0 {
			if err := j.Settle(t.Context(), id, fleet.OutcomeDone, "copied"); err != nil {
				t.Fatal(err)
			}
		} else {
			hold(t, j, someHolding(i))
			track(t, j, someTransit(id))
		}
		if i == 40 {
			if _, err := j.db.write.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := contentOf(j)
	if err != nil {
		t.Fatal(err)
	}
	killed = takeImage(t, dir, func(name string) bool {
		return name == "journal.db" || name == "journal.db-wal" || name == "journal.db.engine-first"
	})
	closed(t, j)
	clean = takeImage(t, dir, func(name string) bool { return name == "journal.db" })
	if len(clean) != 1 || len(killed) != 3 || len(killed["journal.db-wal"]) == 0 {
		t.Fatalf("%d and %d files", len(clean), len(killed))
	}
	return clean, killed, want
}

// spread is n places below size, more of them in the first bytes, where the header is.
func spread(n, size int) []int {
	var places []int
	for i := range n {
		if i < n/3 {
			places = append(places, i*104/(n/3))
		} else {
			places = append(places, (i-n/3)*size/(n-n/3))
		}
	}
	return places
}

// harm is one way to damage a file of an image.
type harm struct {
	file  string
	place int
	cut   bool
}

func (h harm) String() string {
	if h.cut {
		return fmt.Sprintf("%s cut at %d", h.file, h.place)
	}
	return fmt.Sprintf("%s flipped at %d", h.file, h.place)
}

func (h harm) do(b []byte) []byte {
	if h.cut {
		return b[:h.place]
	}
	b = slices.Clone(b)
	b[h.place] ^= 1 << (h.place * 7 % 8)
	return b
}

func TestFault_JNL02_DamageIsNeverSilent(t *testing.T) {
	places := raced.Or(34, 12) // in each of six ways: the 200 that faults.md asks for
	clean, killed, want := images(t)
	for _, c := range []struct {
		name, file string
		img        image
	}{{"closed", "journal.db", clean}, {"killed", "journal.db", killed}, {"killed-wal", "journal.db-wal", killed}} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cut %v", c.name, cut), func(t *testing.T) {
				t.Parallel()
				found := 0
				for _, place := range spread(places, len(c.img[c.file])) {
					h := harm{c.file, place, cut}
					img := image{}
					for name, b := range c.img {
						img[name] = b
					}
					img[c.file] = h.do(img[c.file])
					if survive(t, h, img, want) {
						found++
					}
				}
				if found < places/8 {
					t.Errorf("damage was only found %d times", found)
				}
			})
		}
	}
}

// survive opens a damaged journal and holds it to its word: it says everything that was confirmed, or that it does not. It
// reports whether it said so.
func survive(t *testing.T, h harm, img image, want content) (found bool) {
	dir, err := os.MkdirTemp(t.TempDir(), "state")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal.db")
	img.layOut(t, dir)
	sys := host()
	sys.delay = 0
	j, err := open(t.Context(), path, Options{Engine: "later", Clock: still(noon)}, sys)
	if err != nil {
		t.Errorf("%v: %v", h, err)
		return false
	}
	defer closed(t, j)
	if err := j.Writable(); err != nil {
		if !errors.Is(err, ErrNotWritable) {
			t.Errorf("%v: %v", h, err)
		}
		return true
	}
	<-j.checked
	got, err := contentOf(j)
	if err != nil {
		t.Errorf("%v: after the check: %v", h, err)
		return false
	}
	if set := aside(t, dir); len(set) > 0 {
		if !said(j.Notices(), "was damaged", dir) || strings.Contains(set[0], "-wal") || !got.empty() {
			t.Errorf("%v: set aside as %q, notices %q, content %v", h, set, j.Notices(), got)
		}
		found = true
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %d intents, %d events, %d holdings and %d transits, and nothing said (%q)", h, len(got.Intents), len(got.Events),
			len(got.Holdings), len(got.Transits), j.Notices())
	}
	id, err := j.Intend(t.Context(), someIntent(1))
	if err != nil || id <= uint64(want.Intents[len(want.Intents)-1].id) && !found {
		t.Errorf("%v: intent %d, %v", h, id, err)
	}
	return found
}

func TestFault_JNL02_ForeignFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "text": []byte("state_dir = \"here\"\n"), "another program's": theirs,
		"noise": []byte(strings.Repeat("noise", 5000)),
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := folder(t)
			image{"journal.db": b, "journal.db-wal": []byte("left over")}.layOut(t, dir)
			var told collector
			j := openedWith(t, path, Options{Engine: "later", Clock: still(noon), OnNotice: told.add}, host())
			set := aside(t, dir)
			want := []string{"journal.db.damaged-20261122T120000Z", "journal.db.damaged-20261122T120000Z-wal"}
			if name == "another program's" {
				want = want[:1] // SQLite removes a -wal that is not one
			}
			if len(set) == 0 || set[0] != want[0] || !said(j.Notices(), "was damaged", set[0]) {
				t.Fatalf("files %q, notices %q", files(t, dir), j.Notices())
			}
			if !slices.Equal(told.all, j.Notices()) {
				t.Errorf("told %q, notices %q", told.all, j.Notices())
			}
			kept, err := os.ReadFile(filepath.Join(dir, set[0]))
			if err != nil || string(kept) != string(b) {
				t.Errorf("%d bytes were kept of %d, %v", len(kept), len(b), err)
			}
			id := intend(t, j, 1)
			closed(t, j)
			if k := opened(t, path, "third"); !slices.Equal(unsettled(t, k), []uint64{id}) || len(k.Notices()) > 0 {
				t.Errorf("open intents %v, notices %q", unsettled(t, k), k.Notices())
			}
		})
	}
}

// A record that was changed into another that is as good is found by its checksum alone: by the check after opening, and by
// whoever reads it.
func TestFault_JNL02_ChangedRecord(t *testing.T) {
	find := func(j *Journal) error { return failed(j.Find(t.Context(), "m1/1/1")) }
	all := func(j *Journal) error { return failed(j.Migrations(t.Context())) }
	for name, c := range map[string]struct {
		change string
		reader func(*Journal) error
	}{
		"intent": {`UPDATE intents SET lock = 'ffffffffffffffffffffffffffffffff'`, func(j *Journal) error {
			_, err := j.Unsettled(t.Context())
			return err
		}},
		"holding":      {`UPDATE holdings SET ttl = ttl + 1`, func(j *Journal) error { _, err := j.Others(t.Context()); return err }},
		"held again":   {`UPDATE holdings SET note = ''`, func(j *Journal) error { return j.Hold(t.Context(), someHolding(1)) }},
		"transit":      {`UPDATE transits SET known = '[]'`, func(j *Journal) error { _, err := j.Adopt(t.Context(), nil, nil); return err }},
		"tracked":      {`UPDATE transits SET job = ''`, func(j *Journal) error { return j.Track(t.Context(), someTransit(2)) }},
		"no such list": {`UPDATE transits SET known = '['`, func(j *Journal) error { _, err := j.Adopt(t.Context(), nil, nil); return err }},
		"request":      {`UPDATE requests SET ending = '{"fate":"there"}'`, find},
		"its intent":   {`UPDATE intents SET note = 'x'`, find},
		"ended":        {`UPDATE requests SET migration = ''`, func(j *Journal) error { return j.Ended(t.Context(), 2, someEnding()) }},
		"migration":    {`UPDATE migrations SET ended = 0, begun = 1`, all},
		"saved": {`UPDATE migrations SET steps = 2`, func(j *Journal) error {
			return j.SaveMigration(t.Context(), someMigration(1, 3))
		}},
		"adopted": {`UPDATE migrations SET keeper = 'zeroth'`, func(j *Journal) error {
			return failed(j.AdoptMigrations(t.Context()))
		}},
		"step": {`UPDATE steps SET n = 7 WHERE n = 2`, all},
		"begun": {`UPDATE migrations SET record = '{}'`, func(j *Journal) error {
			return j.BeginMigration(t.Context(), someMigration(1, 3))
		}},
	} {
		for _, reads := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, read %v", name, reads), func(t *testing.T) {
				dir, path := folder(t)
				j := opened(t, path, "first")
				last := ask(t, j, "m1/1/1")
				begin(t, j, someMigration(1, 3))
				hold(t, j, someHolding(1))
				track(t, j, someTransit(last))
				if _, err := j.db.write.Exec(c.change); err != nil {
					t.Fatal(err)
				}
				k := j
				if reads {
					if err := c.reader(j); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotOurs) {
						t.Errorf("%v", err)
					}
				} else {
					k = opened(t, path, "second")
				}
				if len(aside(t, dir)) == 0 || !said(k.Notices(), "checksum") || len(k.Notices()) != 1 {
					t.Fatalf("files %q, notices %q", files(t, dir), k.Notices())
				}
				// The first engine finds the new journal, and what it records there has a number of its own.
				id := intend(t, j, 2)
				if other := intend(t, k, 3); other <= id || id <= last {
					t.Errorf("numbers %d and %d after %d", id, other, last)
				}
				if got, err := contentOf(k); err != nil || len(got.Intents) != 2 {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
	}
}

// failed is the error of a call that reads.
func failed[T any](_ T, err error) error { return err }

// A running engine records what it has in the journal that was begun in place of a damaged one, whoever began it, as soon as
// it reads or writes; nobody takes it over meanwhile, and it is there when the engine has ended.
func TestFault_JNL02_HoldingsGoIntoTheNewJournal(t *testing.T) {
	for _, reads := range []bool{false, true} {
		dir, path := folder(t)
		j, k := opened(t, path, "first"), opened(t, path, "second")
		id := intend(t, j, 1)
		for i := range 3 {
			hold(t, j, someHolding(i))
		}
		hold(t, k, someHolding(7))
		track(t, j, someTransit(id))
		if err := j.Forget(t.Context(), "dc1-lxca", nthLock(1)); err != nil {
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := j.Hold(ended, someHolding(9)); !errors.Is(err, context.Canceled) { // what was not confirmed is not there later
			t.Error(err)
		}
		before, err := contentOf(j)
		if err != nil || len(before.Holdings) != 3 {
			t.Fatal(before.Holdings, err)
		}
		if _, err := k.db.write.Exec(`UPDATE intents SET lock = ''`); err != nil {
			t.Fatal(err)
		}
		third := opened(t, path, "third") // finds it out
		if set := aside(t, dir); len(set) == 0 || len(adopt(t, third).Holdings) > 0 || locks(t, third) != nil {
			t.Fatalf("set aside %q, locks %q", set, locks(t, third))
		}
		for _, e := range []*Journal{j, k} {
			if reads {
				others(t, e)
			} else {
				tell(t, e, 1)
			}
		}
		after, err := contentOf(third)
		if err != nil || !reflect.DeepEqual(after.Holdings, before.Holdings) || !reflect.DeepEqual(after.Transits, before.Transits) {
			t.Errorf("%+v\n%+v, want\n%+v\n%+v, %v", after.Holdings, after.Transits, before.Holdings, before.Transits, err)
		}
		if more := intend(t, k, 1); more <= uint64(before.Holdings[2].id) {
			t.Errorf("intent %d after holding %d", more, before.Holdings[2].id)
		}
		closed(t, j)
		closed(t, k)
		if got := adopt(t, third); len(got.Holdings) != 3 || len(got.Transits) != 1 || got.Transits[0].Engine != "first" {
			t.Errorf("the third adopted %+v", got)
		}
	}
}

func TestFault_JNL02_GoneWhileOpen(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	last := intend(t, j, 1)
	hold(t, j, someHolding(1))
	for _, end := range append([]string{""}, sides...) {
		if err := os.Remove(path + end); err != nil {
			t.Fatal(err)
		}
	}
	if id := intend(t, j, 2); id <= last || !said(j.Notices(), "is gone") {
		t.Errorf("intent %d, notices %q, files %q", id, j.Notices(), files(t, dir))
	}
	if err := j.Settle(t.Context(), last, fleet.OutcomeDone, ""); !errors.Is(err, ErrNotOurs) {
		t.Errorf("settling what is gone: %v", err)
	}
	closed(t, j)
	k := opened(t, path, "second")
	if got := adopt(t, k); len(k.Notices()) > 0 || len(got.Intents) != 1 || len(got.Holdings) != 1 {
		t.Errorf("adopted %+v, notices %q", got, k.Notices())
	}
}

// When the whole state folder was emptied, nothing is left that tells which numbers were handed out but what is recorded anew.
func TestFault_JNL02_FolderEmptiedWhileOpen(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	for i := range 9 {
		intend(t, j, i)
	}
	hold(t, j, someHolding(1))
	last := intend(t, j, 9)
	track(t, j, someTransit(last))
	for _, name := range files(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if id := intend(t, j, 10); id <= last {
		t.Errorf("intent %d after %d", id, last)
	}
	closed(t, j)
	k := opened(t, path, "second")
	if got := adopt(t, k); len(k.Notices()) > 0 || len(got.Intents) != 1 || len(got.Holdings) != 1 || len(got.Transits) != 1 {
		t.Errorf("adopted %+v, notices %q", got, k.Notices())
	}
}
