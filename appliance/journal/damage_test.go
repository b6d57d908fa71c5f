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
	"time"

	"holdfast/appliance/fleet"
)

// content is everything that a journal says.
type content struct {
	Intents []intent
	Events  []StoredEvent
}

func contentOf(j *Journal) (c content, err error) {
	ctx := context.Background()
	err = j.view(ctx, "read it all", func(db *sql.DB) error {
		return each(ctx, db, `SELECT `+intentColumns+`, sum FROM intents ORDER BY id`, func(rows *sql.Rows) error {
			var r intent
			err := scan(rows, "intents", r.columns())
			c.Intents = append(c.Intents, r)
			return err
		})
	})
	if err != nil {
		return c, err
	}
	c.Events, err = j.Events(ctx, time.Time{}, 0)
	return c, err
}

// images are a journal after its engine closed it, and after its engine was killed (with the -wal), and what both say.
func images(t *testing.T) (clean, killed image, want content) {
	t.Helper()
	dir, path := folder(t)
	j := opened(t, path, "first")
	for i := range 60 {
		id := intend(t, j, i)
		tell(t, j, i)
		if i%3 == 0 {
			if err := j.Settle(t.Context(), id, fleet.OutcomeDone, "copied"); err != nil {
				t.Fatal(err)
			}
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
	clean, killed, want := images(t)
	for _, c := range []struct {
		name, file string
		img        image
	}{{"closed", "journal.db", clean}, {"killed", "journal.db", killed}, {"killed-wal", "journal.db-wal", killed}} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cut %v", c.name, cut), func(t *testing.T) {
				t.Parallel()
				found := 0
				for _, place := range spread(damagedPlaces, len(c.img[c.file])) {
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
				if found < damagedPlaces/8 {
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
		if !said(j.Notices(), "was damaged", dir) || strings.Contains(set[0], "-wal") || len(got.Intents)+len(got.Events) > 0 {
			t.Errorf("%v: set aside as %q, notices %q, content %v", h, set, j.Notices(), got)
		}
		found = true
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %d intents and %d events, and nothing said (%q)", h, len(got.Intents), len(got.Events), j.Notices())
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

// A record that was changed into another that is as good is found by its checksum alone.
func TestFault_JNL02_ChangedRecord(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	intend(t, j, 1)
	if _, err := j.db.write.Exec(`UPDATE intents SET lock = 'ffffffffffffffffffffffffffffffff'`); err != nil {
		t.Fatal(err)
	}
	k := opened(t, path, "second")
	if len(aside(t, dir)) == 0 || !said(k.Notices(), "checksum") || len(k.Notices()) != 1 {
		t.Fatalf("files %q, notices %q", files(t, dir), k.Notices())
	}
	// The first engine finds the new journal at its next record, and what it records there has a number of its own.
	id := intend(t, j, 2)
	if other := intend(t, k, 3); other <= id || id <= 2 {
		t.Errorf("numbers %d and %d", id, other)
	}
	if got, err := contentOf(k); err != nil || len(got.Intents) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFault_JNL02_GoneWhileOpen(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	last := intend(t, j, 1)
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
	if k := opened(t, path, "second"); len(unsettled(t, k)) != 1 {
		t.Errorf("open intents %v", unsettled(t, k))
	}
}
