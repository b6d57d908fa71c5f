package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// batch is how many old records go in one transaction, so that nobody who writes waits for long.
const batch = 500

// look checks the whole file and removes old records, beside whatever else is done with the journal.
func (j *Journal) look() {
	defer close(j.checked)
	timer := time.NewTimer(j.sys.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-j.life.Done():
		return
	}
	err := j.view(j.life, "check the journal", func(db *sql.DB) error { return j.examine(j.life, db) })
	if err == nil && j.options.Engine != "" {
		err = j.prune(j.life)
	}
	if err != nil && j.life.Err() == nil {
		j.options.Log.Warn("journal: check", "err", err)
	}
}

// examine reads everything: the structure, the tables that there should be, every record with its checksum.
func (j *Journal) examine(ctx context.Context, db *sql.DB) error {
	have, err := schemaOf(ctx, db)
	if err != nil {
		return err
	}
	want, err := j.sys.schema.wanted()
	if err != nil {
		return err
	}
	if !slices.Equal(have, want) {
		return damaged("its tables are not those of schema %d", len(j.sys.schema.steps))
	}
	err = each(ctx, db, `PRAGMA integrity_check(1)`, func(found *sql.Rows) error {
		var said string
		if err := found.Scan(&said); err != nil {
			return damaged("the check of its structure cannot be read: %v", err)
		}
		if said != "ok" {
			return damaged("%s", appliance.Words(said))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var id string
	var started int64
	for _, t := range []struct {
		name, columns string
		into          []any
	}{
		{"intents", intentColumns, new(intent).columns()},
		{"events", eventColumns, new(event).columns()},
		{"holdings", holdingColumns, new(holding).columns()},
		{"transits", transitColumns, new(transit).columns()},
		{"engines", "id, started", []any{&id, &started}},
		{"requests", requestColumns, new(request).columns()},
		{"migrations", sessionColumns, new(session).columns()},
		{"steps", legColumns, new(leg).columns()},
	} {
		err := each(ctx, db, `SELECT `+t.columns+`, sum FROM `+t.name, func(found *sql.Rows) error {
			return scan(found, t.name, t.into)
		})
		if err != nil {
			return err
		}
	}
	return each(ctx, db, strayLegs, func(found *sql.Rows) error {
		err := found.Scan(&id)
		return first(err, damaged("not all steps of migration %s are there", label(id)))
	})
}

// strayLegs are the migrations whose steps are not all there, and the steps that are of none.
const strayLegs = `SELECT id FROM migrations WHERE steps <> (SELECT count(*) FROM steps WHERE migration = id)
	UNION ALL SELECT migration FROM steps WHERE n = 0 AND migration NOT IN (SELECT id FROM migrations)`

// Old records, by number or name. Open intents, holdings and transits stay, however old, and so does a migration that has not
// ended with all that it asked for.
const (
	oldEvents  = `SELECT id FROM events WHERE at < ? ORDER BY at LIMIT ?`
	oldIntents = `SELECT id FROM intents WHERE outcome <> '' AND at < ? AND NOT EXISTS (SELECT 1 FROM requests AS r
		JOIN migrations AS m ON m.id = r.migration WHERE r.intent = intents.id AND m.ended = 0) ORDER BY at LIMIT ?`
	oldSessions = `SELECT id FROM migrations WHERE ended > 0 AND ended < ? LIMIT ?`
	oldEngines  = `SELECT id FROM engines WHERE started < ? LIMIT ?`
)

// lostRequests removes the requests of a migration whose intents went with a damaged journal; the others go with theirs.
const lostRequests = `DELETE FROM requests WHERE migration = ? AND NOT EXISTS (SELECT 1 FROM intents WHERE id = intent)`

// prune removes records that are older than they are kept, and engines that are and run no more (faults.md JNL-09).
func (j *Journal) prune(ctx context.Context) error {
	before := micros(j.now().Add(-j.options.Keep))
	for _, old := range []struct {
		query  string
		remove []string
	}{
		{oldEvents, []string{`DELETE FROM events WHERE id = ?`}},
		{oldSessions, []string{
			`DELETE FROM steps WHERE migration = ?`, `DELETE FROM migrations WHERE id = ?`, lostRequests,
		}},
		{oldIntents, []string{`DELETE FROM requests WHERE intent = ?`, `DELETE FROM intents WHERE id = ?`}},
	} {
		for {
			// Nothing is written when there is nothing to remove.
			ids, err := j.ids(ctx, old.query, before)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			if err := j.remove(ctx, ids, old.remove...); err != nil {
				return err
			}
		}
	}
	ids, err := j.ids(ctx, oldEngines, before)
	if err != nil {
		return err
	}
	ended := slices.DeleteFunc(ids, func(id any) bool { return j.engineRuns(fmt.Sprint(id)) })
	return j.remove(ctx, ended, `DELETE FROM engines WHERE id = ?`)
}

// ids is the first batch of what a query of old records tells.
func (j *Journal) ids(ctx context.Context, old string, before int64) (ids []any, err error) {
	err = j.view(ctx, "look for old records", func(db *sql.DB) error {
		return each(ctx, db, old, func(found *sql.Rows) error {
			var id any
			err := found.Scan(&id)
			ids = append(ids, id)
			return err
		}, before, batch)
	})
	return ids, err
}

// remove carries out the statements for each id.
func (j *Journal) remove(ctx context.Context, ids []any, statements ...string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := j.write(ctx, "remove old records", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		for _, id := range ids {
			for _, statement := range statements {
				if _, err := tx.ExecContext(ctx, statement, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return err
}
