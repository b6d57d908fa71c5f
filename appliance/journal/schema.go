package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
)

// application marks a file as a journal of ours (PRAGMA application_id): "HFjl".
const application = 0x48466a6c

// step makes a schema from the one before; the first makes it from nothing. What was released is never changed: a new step
// follows, and the journal of the old one goes into testdata.
type step []string

// steps lead to the schema that we write, whose version is their number (PRAGMA user_version).
//
// Every record has a number from the one counter, in the order in which they were confirmed, and its digest in sum. Times
// are microseconds since 1970 and lengths of time microseconds. An intent without an outcome is open, and keeper is the engine
// that answers for it: the one that asked, or one that took it over later. The same goes for a holding, whose number is that of
// the record that began it, and for a transit, whose number is its intent's; both go when they are over, and not before. A
// request is an intent that is known by a ref besides. Migrations and their steps, from 0, are known by the migration's id.
var steps = []step{{
	`CREATE TABLE counter (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL) STRICT`,
	`CREATE TABLE engines (id TEXT PRIMARY KEY, started INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
	`CREATE TABLE intents (
		id INTEGER PRIMARY KEY, at INTEGER NOT NULL, engine TEXT NOT NULL, keeper TEXT NOT NULL, who TEXT NOT NULL,
		appliance TEXT NOT NULL, verb TEXT NOT NULL, target TEXT NOT NULL, scope TEXT NOT NULL, lock TEXT NOT NULL,
		backup TEXT NOT NULL, destination TEXT NOT NULL, job TEXT NOT NULL, more TEXT NOT NULL,
		outcome TEXT NOT NULL, note TEXT NOT NULL, settled INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT`,
	`CREATE INDEX intents_open ON intents (keeper) WHERE outcome = ''`,
	`CREATE INDEX intents_finished ON intents (at) WHERE outcome <> ''`,
	`CREATE TABLE events (
		id INTEGER PRIMARY KEY, at INTEGER NOT NULL, engine TEXT NOT NULL, level INTEGER NOT NULL,
		appliance TEXT NOT NULL, who TEXT NOT NULL, text TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`,
	`CREATE INDEX events_at ON events (at)`,
}, {
	`CREATE TABLE holdings (
		id INTEGER PRIMARY KEY, keeper TEXT NOT NULL, appliance TEXT NOT NULL, lock TEXT NOT NULL, scope TEXT NOT NULL,
		exclusive INTEGER NOT NULL, who TEXT NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL,
		note TEXT NOT NULL, ttl INTEGER NOT NULL, sent INTEGER NOT NULL, received INTEGER NOT NULL, kept INTEGER NOT NULL,
		keep_until INTEGER NOT NULL, replaces TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`,
	`CREATE UNIQUE INDEX holdings_lock ON holdings (keeper, appliance, lock)`,
	`CREATE TABLE transits (
		id INTEGER PRIMARY KEY, keeper TEXT NOT NULL, appliance TEXT NOT NULL, who TEXT NOT NULL, verb TEXT NOT NULL,
		backup TEXT NOT NULL, label TEXT NOT NULL, checksum TEXT NOT NULL, destination TEXT NOT NULL, job TEXT NOT NULL,
		since INTEGER NOT NULL, known TEXT NOT NULL, had INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT`,
}, {
	`ALTER TABLE holdings ADD COLUMN job TEXT NOT NULL DEFAULT ''`,
	`ALTER TABLE holdings ADD COLUMN keep_ttl INTEGER NOT NULL DEFAULT 0`,
}, {
	`CREATE TABLE requests (
		ref TEXT PRIMARY KEY, migration TEXT NOT NULL, intent INTEGER NOT NULL, ending TEXT NOT NULL, sum INTEGER NOT NULL)
		STRICT, WITHOUT ROWID`,
	`CREATE UNIQUE INDEX requests_intent ON requests (intent)`,
	`CREATE INDEX requests_migration ON requests (migration)`,
	`CREATE TABLE migrations (
		id TEXT PRIMARY KEY, keeper TEXT NOT NULL, begun INTEGER NOT NULL, ended INTEGER NOT NULL, steps INTEGER NOT NULL,
		record TEXT NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
	`CREATE INDEX migrations_ended ON migrations (ended)`,
	`CREATE TABLE steps (
		migration TEXT NOT NULL, n INTEGER NOT NULL, record TEXT NOT NULL, sum INTEGER NOT NULL,
		PRIMARY KEY (migration, n)) STRICT, WITHOUT ROWID`,
}, {
	`ALTER TABLE holdings ADD COLUMN owner TEXT NOT NULL DEFAULT ''`,
}}

// lastNumber is the highest number of a record; it looks at the ends of the tables and nothing else.
const lastNumber = `SELECT max(coalesce((SELECT max(id) FROM intents), 0), coalesce((SELECT max(id) FROM events), 0),
	coalesce((SELECT max(id) FROM holdings), 0), coalesce((SELECT max(id) FROM transits), 0),
	coalesce((SELECT max(intent) FROM requests), 0))`

// migrate takes each step from version on, in a transaction of its own, so that one that was interrupted is taken again.
func migrate(ctx context.Context, db *sql.DB, steps []step, version int, point func(string)) error {
	for i, s := range steps[version:] {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("change the schema: %w", err)
		}
		for _, statement := range append(slices.Clone(s), fmt.Sprintf("PRAGMA user_version = %d", version+i+1)) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("change the schema: %w", first(err, tx.Rollback()))
			}
		}
		point("migration: before commit")
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("change the schema: %w", err)
		}
		point("migration: committed")
	}
	return nil
}

// schemaOf is what the database says of its tables and indexes, in order of their names.
func schemaOf(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '')
		FROM sqlite_schema ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, damaged("its schema cannot be read: %v", err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// schema is the steps to one, and what a database that took them all says of its tables.
type schema struct {
	steps  []step
	wanted func() ([]string, error) // found out once in a process
}

func newSchema(steps []step) *schema {
	return &schema{steps: steps, wanted: sync.OnceValues(func() ([]string, error) { return schemaAfter(context.Background(), steps) })}
}

// current is the one that we write.
var current = newSchema(steps)

// schemaAfter takes the steps in memory.
func schemaAfter(ctx context.Context, steps []step) ([]string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it was never written anywhere
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db, steps, 0, func(string) {}); err != nil {
		return nil, err
	}
	return schemaOf(ctx, db)
}
