package journal

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
)

var golden = flag.Bool("golden", false, "write testdata/journal-N.db of the schema that is new")

// goldenContent writes what the golden journal of a version holds.
func goldenContent(t *testing.T, j *Journal, version int) {
	t.Helper()
	for i := range 3 {
		in := someIntent(i)
		if version == 1 { // it kept less of an intent
			in.Before, in.Since, in.Act.Until = nil, time.Time{}, time.Time{}
		}
		if version <= 2 {
			in.Act.Engine, in.Again = "", 0
		}
		id, err := j.Intend(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		tell(t, j, i)
		if version >= 2 {
			h := someHolding(i)
			if version == 2 {
				h.Job, h.KeepTTL = "", 0
			}
			if version <= 4 {
				h.Owner = ""
			}
			hold(t, j, h)
			track(t, j, someTransit(id))
		}
		if version >= withMigrations() {
			goldenMigration(t, j, i)
		}
		if i == 1 {
			if err := j.Settle(t.Context(), id, fleet.OutcomeUnknown, "it did not answer"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withMigrations is the first schema that has them.
func withMigrations() int {
	return 1 + slices.IndexFunc(steps, func(s step) bool { return strings.HasPrefix(s[0], "CREATE TABLE requests") })
}

// goldenMigration is one with a request that ended, which is no intent that is left open.
func goldenMigration(t *testing.T, j *Journal, i int) {
	t.Helper()
	m := someMigration(i, 3)
	begin(t, j, m)
	id := ask(t, j, m.ID+"/1/1")
	saveStep(t, j, m, 1, "18")
	if err := j.Ended(t.Context(), id, someEnding()); err != nil {
		t.Fatal(err)
	}
	if err := j.Settle(t.Context(), id, fleet.OutcomeDone, "started"); err != nil {
		t.Fatal(err)
	}
	if i == 2 {
		m.State, m.Ended = migration.StateCancelled, noon
		save(t, j, m)
	}
}

// Every schema that was ever written opens, with all that was in it, and can be written then.
func TestFault_JNL08_EveryOlderSchema(t *testing.T) {
	if *golden {
		dir, path := folder(t)
		j := opened(t, path, "first")
		goldenContent(t, j, len(steps))
		closed(t, j)
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		img := takeImage(t, dir, func(name string) bool { return name == "journal.db" })
		name := filepath.Join("testdata", fmt.Sprintf("journal-%d.db", len(steps)))
		if err := os.WriteFile(name, img["journal.db"], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for version := 1; version <= len(steps); version++ {
		_, path := folder(t)
		j := opened(t, path, "first")
		goldenContent(t, j, version)
		want, err := contentOf(j)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("journal-%d.db", version)))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range [][]step{steps, later} {
			dir, path := folder(t)
			image{"journal.db": b}.layOut(t, dir)
			sys := host()
			sys.schema = newSchema(to)
			k := openedWith(t, path, Options{Engine: "second", Clock: still(noon)}, sys)
			got, err := contentOf(k)
			if err != nil || !reflect.DeepEqual(got, want) || len(k.Notices()) > 0 {
				t.Errorf("schema %d to %d: %+v, %v, notices %q", version, len(to), got, err, k.Notices())
			}
			if left := adopt(t, k); len(left.Intents) != 2 || len(left.Holdings) != len(want.Holdings) ||
				len(left.Transits) != len(want.Transits) {
				t.Errorf("schema %d to %d: it left %+v", version, len(to), left)
			}
			if left := adoptMigrations(t, k); len(left) != max(len(want.Journeys)-1, 0) {
				t.Errorf("schema %d to %d: it left migrations %+v", version, len(to), left)
			}
			begin(t, k, someMigration(7, 3))
			track(t, k, someTransit(intend(t, k, 4)))
			hold(t, k, someHolding(7))
			var now int
			if err := k.db.read.QueryRow(`PRAGMA user_version`).Scan(&now); err != nil || now != len(to) {
				t.Errorf("schema %d to %d: it has %d (%v)", version, len(to), now, err)
			}
		}
	}
}

func TestFault_JNL08_NewerSchemaIsOnlyRead(t *testing.T) {
	dir, path := folder(t)
	sys := host()
	sys.schema = newSchema(later)
	newer := openedWith(t, path, Options{Engine: "first", Clock: still(noon)}, sys)
	goldenContent(t, newer, len(steps))
	closed(t, newer)
	before := takeImage(t, dir, func(name string) bool { return name == "journal.db" })
	j := opened(t, path, "second")
	refused := changes(t.Context(), j)
	refused["writable"] = j.Writable()
	for name, err := range refused {
		if !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "newer Holdfast") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range reads(t.Context(), j) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !said(j.Notices(), "can only be read", fmt.Sprintf("schema %d", len(later))) || len(events(t, j)) != 3 ||
		len(unsettled(t, j)) != 2 || len(locks(t, j)) != 3 {
		t.Errorf("notices %q, events %q, open intents %v, locks %q", j.Notices(), events(t, j), unsettled(t, j), locks(t, j))
	}
	closed(t, j)
	after := takeImage(t, dir, func(name string) bool { return !strings.HasSuffix(name, ".lock") })
	if !reflect.DeepEqual(before, after) {
		t.Errorf("files %q, or their content, changed", files(t, dir))
	}
	if again := openedWith(t, path, Options{Engine: "third", Clock: still(noon)}, sys); len(again.Notices()) > 0 {
		t.Errorf("notices of the newer one: %q", again.Notices())
	}
}

// Every query that runs beside a first frame or a key goes by an index.
func TestFault_JNL09_QueriesGoByIndex(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	for query, c := range map[string]struct {
		args []any
		want []string
	}{
		newestEvents: {[]any{0, 100}, []string{"SEARCH events USING INDEX events_at (at>?)"}},
		oldEvents:    {[]any{0, 100}, []string{"SEARCH events USING COVERING INDEX events_at (at<?)"}},
		oldIntents: {[]any{0, 100}, []string{"SEARCH intents USING INDEX intents_finished (at<?)", "CORRELATED SCALAR SUBQUERY 1",
			"SEARCH r USING INDEX requests_intent (intent=?)", "SEARCH m USING COVERING INDEX migrations_ended (ended=? AND id=?)"}},
		oldSessions:     {[]any{0, 100}, []string{"SEARCH migrations USING COVERING INDEX migrations_ended (ended>? AND ended<?)"}},
		requestByRef:    {[]any{"m1/1/1"}, []string{"SEARCH requests USING PRIMARY KEY (ref=?)"}},
		requestByIntent: {[]any{1}, []string{"SEARCH requests USING INDEX requests_intent (intent=?)"}},
		requestsOf: {[]any{"m1"}, []string{"SEARCH requests USING INDEX requests_migration (migration=?)",
			"USE TEMP B-TREE FOR ORDER BY"}},
		lostRequests: {[]any{"m1"}, []string{"SEARCH requests USING INDEX requests_migration (migration=?)",
			"CORRELATED SCALAR SUBQUERY 1", "SEARCH intents USING INTEGER PRIMARY KEY (rowid=?)"}},
		intentOf:     {[]any{1}, []string{"SEARCH intents USING INTEGER PRIMARY KEY (rowid=?)"}},
		sessionOf:    {[]any{"m1"}, []string{"SEARCH migrations USING PRIMARY KEY (id=?)"}},
		openSessions: {nil, []string{"SEARCH migrations USING INDEX migrations_ended (ended=?)", "USE TEMP B-TREE FOR ORDER BY"}},
		allSessions:  {nil, []string{"SCAN migrations", "USE TEMP B-TREE FOR ORDER BY"}}, // all of them are wanted
		legsOf:       {[]any{"m1"}, []string{"SEARCH steps USING PRIMARY KEY (migration=?)"}},
		// Of the open ones only.
		openIntents: {nil, []string{"SCAN intents USING INDEX intents_open", "USE TEMP B-TREE FOR ORDER BY"}},
		// Which are what is held and under way now, in the order that is asked for.
		allHoldings: {nil, []string{"SCAN holdings"}},
		allTransits: {nil, []string{"SCAN transits"}},
		holdingOf: {[]any{"first", "dc1-lxca", lockID},
			[]string{"SEARCH holdings USING INDEX holdings_lock (keeper=? AND appliance=? AND lock=?)"}},
		transitOf: {[]any{1}, []string{"SEARCH transits USING INTEGER PRIMARY KEY (rowid=?)"}},
		// By a SEARCH for a max the end of the table is meant.
		lastNumber: {nil, []string{"SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", "SEARCH intents", "SCALAR SUBQUERY 2",
			"SEARCH events", "SCALAR SUBQUERY 3", "SEARCH holdings", "SCALAR SUBQUERY 4", "SEARCH transits",
			"SCALAR SUBQUERY 5", "SEARCH requests USING COVERING INDEX requests_intent"}},
	} {
		var plan []string
		err := each(t.Context(), j.db.read, "EXPLAIN QUERY PLAN "+query, func(rows *sql.Rows) error {
			var a, b, c int
			var line string
			err := rows.Scan(&a, &b, &c, &line)
			plan = append(plan, line)
			return err
		}, c.args...)
		if err != nil || !slices.Equal(plan, c.want) {
			t.Errorf("%s\ngoes by %q, want %q (%v)", query, plan, c.want, err)
		}
	}
}
