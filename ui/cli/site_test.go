package cli

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"holdfast/appliance/clock"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
)

// shiftedClock is the host's clock, moved by what stands in a file, in nanoseconds: so a test lets an hour pass in a child.
func shiftedClock(path string) *clock.Clock {
	start := time.Now()
	return clock.New(func() (time.Time, time.Duration) {
		now, shift := time.Now(), readShift(path)
		return now.Round(0).Add(shift), now.Sub(start) + shift
	})
}

func readShift(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		panic(err)
	}
	return time.Duration(n)
}

// site is a simulated fleet behind fronts, with one state folder, one clock for all, and a configuration.
type site struct {
	t      *testing.T
	sims   *sim.Fleet
	fronts map[string]*front // by appliance
	dir    string
	config string
	shift  atomic.Int64 // what the clock was moved by
	db     *sql.DB      // the journal, only read
}

// quick is how often everything is asked, so that tests need not wait for polls.
const quick = "[defaults.intervals]\nlocks = \"1s\"\njobs = \"1s\"\njobs_busy = \"1s\"\nbackups = \"1s\"\n"

func newSite(t *testing.T, cfg sim.Config) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), fronts: map[string]*front{}}
	cfg.Memory, cfg.Clock, cfg.Seed = true, s.now, 1
	var err error
	if s.sims, err = sim.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.sims.Close)
	s.config, s.fronts = s.configure("holdfast")
	s.pass(0)
	name := url.URL{Scheme: "file", Path: s.journal(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	if s.db, err = sql.Open("sqlite", name.String()); err != nil {
		t.Fatal(err)
	}
	s.db.SetMaxIdleConns(0)                // while one was open, the next run would find the journal in use, and not as a kill leaves it
	t.Cleanup(func() { _ = s.db.Close() }) // it was only read
	return s
}

// configure writes a configuration with fronts of its own, so that the truth log tells by that name who asked.
func (s *site) configure(name string) (path string, fronts map[string]*front) {
	s.t.Helper()
	fronts = map[string]*front{}
	for _, a := range s.sims.Appliances() {
		f := newFront(s.t, s.sims, a, name)
		fronts[a.Name] = f
		url, pin := a.URL, a.Pin
		a.URL, a.Pin = f.server.URL, sim.Pin(f.server.Certificate())
		defer func() { a.URL, a.Pin = url, pin }()
	}
	path = filepath.Join(s.dir, name+".toml")
	if err := sim.WriteConfig(path, s.sims); err != nil {
		s.t.Fatal(err)
	}
	change(s.t, path, func(text string) string {
		return fmt.Sprintf("state_dir = %q\n%s%s", filepath.Join(s.dir, "state"), quick, text)
	})
	return path, fronts
}

func (s *site) journal() string { return filepath.Join(s.dir, "state", "journal.db") }

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.shift.Load())) }

// pass lets time go by, for the appliances and for every child.
func (s *site) pass(d time.Duration) {
	s.t.Helper()
	n := s.shift.Add(int64(d))
	path := filepath.Join(s.dir, "shift")
	if err := os.WriteFile(path+".new", []byte(strconv.FormatInt(n, 10)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the program in a terminal of its own, on the clock of the site.
func (s *site) start(args ...string) *child {
	s.t.Helper()
	return start(s.t, how{upset: "shifted", env: []string{"SHIFT=" + filepath.Join(s.dir, "shift")}},
		append([]string{"--config", s.config}, args...)...)
}

// say runs a command to its end.
func (s *site) say(args ...string) result {
	s.t.Helper()
	var out, errs output
	code := Main(s.t.Context(), Env{Args: append([]string{"--config", s.config}, args...), In: strings.NewReader(""), Out: &out,
		Err: &errs, User: "maria", Clock: shiftedClock(filepath.Join(s.dir, "shift"))})
	return result{code, out.String(), errs.String()}
}

// until waits for something that no screen shows.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-limit.C:
			s.t.Fatalf("there never was %s\nthe events:\n%s\nthe truth:\n%s", what, s.say("events").out, s.truth())
		}
	}
}

// ask is the one column of a query to the journal, as text; nothing while there is no journal.
func (s *site) ask(query string, args ...any) (all []string) {
	s.t.Helper()
	rows, err := s.db.QueryContext(context.WithoutCancel(s.t.Context()), query, args...)
	if err != nil {
		s.t.Errorf("ask the journal: %v", err)
		return nil
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			s.t.Errorf("ask the journal: %v", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		s.t.Errorf("ask the journal: %v", err)
	}
	return all
}

// open are the verbs of the intents without an outcome.
func (s *site) open() []string {
	return s.ask(`SELECT verb FROM intents WHERE outcome = '' ORDER BY id`)
}

// transits are the transfers that the journal has under way.
func (s *site) transits() []string { return s.ask(`SELECT id FROM transits`) }

// told are the texts of the events in the journal.
func (s *site) told() string { return strings.Join(s.ask(`SELECT text FROM events ORDER BY id`), "\n") }

// tells waits for an event that holds the text.
func (s *site) tells(text string) {
	s.t.Helper()
	s.until("an event with "+text, func() bool { return strings.Contains(s.told(), text) })
}

// blockJournal keeps everybody from writing to the journal until it is let go.
func (s *site) blockJournal() (release func()) {
	gate := flock.New(s.journal() + ".lock")
	if ok, err := gate.TryLockContext(s.t.Context(), time.Millisecond); !ok {
		s.t.Errorf("block the journal: %v", err)
	}
	return func() { _ = gate.Unlock() } // closing the file gives it up in any case
}

// truth is the log of what really happened, as JSON lines.
func (s *site) truth() string {
	var b strings.Builder
	for _, e := range s.sims.Truth().Effects() {
		text, err := json.Marshal(e)
		if err != nil {
			s.t.Error(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// happened counts the effects of a kind.
func (s *site) happened(what string, ok func(kit.Effect) bool) int {
	n := 0
	for _, e := range s.sims.Truth().Effects() {
		if e.What == what && (ok == nil || ok(e)) {
			n++
		}
	}
	return n
}
