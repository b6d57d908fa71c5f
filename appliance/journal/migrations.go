package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance/migration"
)

// session is a record of the table of migrations.
type session struct {
	id, keeper          string
	begun, ended, steps int64 // ended: 0 = not yet; steps: how many there are
	record              string
}

const sessionColumns = `id, keeper, begun, ended, steps, record`

// columns are the members in the order of sessionColumns.
func (r *session) columns() []any {
	return []any{&r.id, &r.keeper, &r.begun, &r.ended, &r.steps, &r.record}
}

// session is how a migration stands as it is stored.
func (j *Journal) session(m *migration.Record) (r session, err error) {
	b, err := m.Encode()
	if err != nil {
		return r, err
	}
	r = session{id: m.ID, keeper: j.options.Engine, begun: micros(m.Begun), steps: int64(len(m.Steps)), record: string(b)}
	if m.State.Ended() {
		if r.ended = micros(m.Ended); r.ended == 0 {
			r.ended = micros(j.now())
		}
	}
	return r, nil
}

// insert puts the record in the place of the one of its id.
func (r *session) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO migrations (`+sessionColumns+`, sum) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		summed(r.columns())...)
	return err
}

// leg is a record of the table of steps.
type leg struct {
	migration string
	n         int64 // from 0
	record    string
}

const legColumns = `migration, n, record`

// columns are the members in the order of legColumns.
func (r *leg) columns() []any { return []any{&r.migration, &r.n, &r.record} }

// insert puts the record in the place of the one of its migration and number.
func (r *leg) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO steps (`+legColumns+`, sum) VALUES (?, ?, ?, ?)`, summed(r.columns())...)
	return err
}

const (
	sessionOf      = `SELECT ` + sessionColumns + `, sum FROM migrations WHERE id = ?`
	openSessions   = `SELECT ` + sessionColumns + `, sum FROM migrations WHERE ended = 0 ORDER BY begun, id`
	recentSessions = `SELECT ` + sessionColumns + `, sum FROM migrations WHERE ended = 0 OR ended >= ? ORDER BY begun, id`
	allSessions    = `SELECT ` + sessionColumns + `, sum FROM migrations ORDER BY begun DESC, id DESC`
	legsOf         = `SELECT ` + legColumns + `, sum FROM steps WHERE migration = ? ORDER BY n`
)

// journey is a migration with its steps.
type journey struct {
	session
	legs []leg
}

// BeginMigration records a migration with all its steps, which is this engine's. It is durable when the error is nil. Errors:
// what cannot be read again is not recorded; ErrNotOurs when there is one of that id; else those of Intend.
func (j *Journal) BeginMigration(ctx context.Context, m migration.Record) error {
	x, err := j.journey(&m)
	if err != nil {
		return fmt.Errorf("record a migration: %w", err)
	}
	_, err = j.writeThen(ctx, "record a migration", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		there, err := one(ctx, tx, "migrations", new(session).columns(), sessionOf, x.id)
		if err != nil {
			return err
		}
		if there {
			return fmt.Errorf("migration %s was begun before: %w", x.id, ErrNotOurs)
		}
		return x.insert(ctx, tx)
	}, func() { j.ours.travel(x) })
	return err
}

// journey is a migration as it is stored.
func (j *Journal) journey(m *migration.Record) (x journey, err error) {
	if m.ID == "" || label(m.ID) != m.ID {
		return x, fmt.Errorf("its id %q is not printable", label(m.ID))
	}
	if x.session, err = j.session(m); err != nil {
		return x, err
	}
	for i := range m.Steps {
		b, err := m.Steps[i].Encode()
		if err != nil {
			return x, err
		}
		x.legs = append(x.legs, leg{migration: m.ID, n: int64(i), record: string(b)})
	}
	_, err = x.decode()
	return x, err
}

// insert puts all of it in the place of what is there of it.
func (x *journey) insert(ctx context.Context, tx *sql.Tx) error {
	if err := x.session.insert(ctx, tx); err != nil {
		return err
	}
	for i := range x.legs {
		if err := x.legs[i].insert(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// decode is the migration as its package knows it.
func (x *journey) decode() (migration.Record, error) {
	records := make([][]byte, len(x.legs))
	for i := range x.legs {
		records[i] = []byte(x.legs[i].record)
	}
	return migration.Decode(x.id, x.keeper, []byte(x.record), records)
}

// SaveMigration records how a migration of ours stands, but for its steps. It is durable when the error is nil. ErrNotOurs: it
// is not there, or another engine answers for it; other errors as those of Intend.
func (j *Journal) SaveMigration(ctx context.Context, m migration.Record) error {
	now, err := j.session(&m)
	if err != nil {
		return err
	}
	var x journey
	_, err = j.writeThen(ctx, "record how a migration stands", func(ctx context.Context, tx *sql.Tx, _ int64) (err error) {
		if x.session, err = j.ourSession(ctx, tx, m.ID); err != nil {
			return err
		}
		x.ended, x.record = now.ended, now.record
		if x.ended == 0 && !j.ours.has(x.id) { // it goes on after it had ended
			if x.legs, err = legs(ctx, tx, &x.session); err != nil {
				return err
			}
		}
		return x.session.insert(ctx, tx)
	}, func() { j.ours.save(x) })
	return err
}

// SaveStep records how the n-th step of a migration of ours stands, from 0. It is durable when the error is nil; errors as
// those of SaveMigration.
func (j *Journal) SaveStep(ctx context.Context, id string, n int, s migration.Step) error {
	b, err := s.Encode()
	if err != nil {
		return err
	}
	r := leg{migration: id, n: int64(n), record: string(b)}
	_, err = j.writeThen(ctx, "record a step of a migration", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		of, err := j.ourSession(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.n < 0 || r.n >= of.steps {
			return fmt.Errorf("migration %s has no step %d: %w", id, n+1, ErrNotOurs)
		}
		return r.insert(ctx, tx)
	}, func() { j.ours.step(r) })
	return err
}

// ourSession is the migration of that id; ErrNotOurs when there is none, or it is another engine's.
func (j *Journal) ourSession(ctx context.Context, tx *sql.Tx, id string) (r session, err error) {
	there, err := one(ctx, tx, "migrations", r.columns(), sessionOf, id)
	if err == nil && (!there || r.keeper != j.options.Engine) {
		err = fmt.Errorf("migration %s: %w", label(id), ErrNotOurs)
	}
	return r, err
}

// legs are the steps of a migration, in their order.
func legs(ctx context.Context, tx *sql.Tx, of *session) (all []leg, err error) {
	err = each(ctx, tx, legsOf, func(found *sql.Rows) error {
		var r leg
		if err := scan(found, "steps", r.columns()); err != nil {
			return err
		}
		if r.n != int64(len(all)) {
			return damaged("step %d of migration %s is not there", len(all)+1, label(of.id))
		}
		all = append(all, r)
		return nil
	}, of.id)
	if err == nil && int64(len(all)) != of.steps {
		err = damaged("%d steps of migration %s are there of %d", len(all), label(of.id), of.steps)
	}
	return all, err
}

// AdoptMigrations makes this engine the one that answers for the migrations that have not ended of engines that run no more,
// and returns them, oldest first: each is adopted by one engine, whoever else asks at the same time, and never while the engine
// that has it runs (faults.md JNL-05, JNL-06). Of ids, if any are named, only. Errors as those of Intend; when there is nothing, nothing is written.
func (j *Journal) AdoptMigrations(ctx context.Context, ids ...string) ([]migration.Record, error) {
	var found []journey
	var all []migration.Record
	look := func(ctx context.Context, tx *sql.Tx) (err error) {
		runs := j.runs()
		found, err = journeys(ctx, tx, openSessions, func(keeper string) bool { return !runs(keeper) })
		if len(ids) > 0 {
			found = slices.DeleteFunc(found, func(x journey) bool { return !slices.Contains(ids, x.id) })
		}
		found, all = j.readable(found)
		return err
	}
	err := j.snapshot(ctx, "read the migrations of ended engines", func(tx *sql.Tx) error { return look(ctx, tx) })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var sent []request
	_, err = j.writeThen(ctx, "take over the migrations of ended engines", func(ctx context.Context, tx *sql.Tx, _ int64) (err error) {
		if err = look(ctx, tx); err != nil {
			return err
		}
		sent = nil
		for i := range found {
			x := &found[i]
			x.keeper, all[i].Engine = j.options.Engine, j.options.Engine
			if err := x.session.insert(ctx, tx); err != nil {
				return err
			}
			of, err := requests(ctx, tx, x.id)
			if err != nil {
				return err
			}
			sent = append(sent, of...)
		}
		return nil
	}, func() {
		for _, x := range found {
			j.ours.travel(x)
		}
		for _, r := range sent {
			j.ours.ask(r)
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// requests are those of a migration.
func requests(ctx context.Context, tx *sql.Tx, id string) (all []request, err error) {
	err = each(ctx, tx, requestsOf, func(found *sql.Rows) error {
		var r request
		err := scan(found, "requests", r.columns())
		all = append(all, r)
		return err
	}, id)
	return all, err
}

// journeys are the migrations of a query whose keeper is wanted, with their steps.
func journeys(ctx context.Context, tx *sql.Tx, query string, wanted func(keeper string) bool, args ...any) (all []journey, err error) {
	err = each(ctx, tx, query, func(found *sql.Rows) error {
		var x journey
		if err := scan(found, "migrations", x.columns()); err != nil {
			return err
		}
		if wanted(x.keeper) {
			all = append(all, x)
		}
		return nil
	}, args...)
	for i := range all {
		if err != nil {
			break
		}
		all[i].legs, err = legs(ctx, tx, &all[i].session)
	}
	return all, err
}

// readable are those that can be read, and what they say. Of another the operator is told: it is whole, and was written by a
// version that allows what this one does not.
func (j *Journal) readable(found []journey) (good []journey, all []migration.Record) {
	for _, x := range found {
		m, err := x.decode()
		if err != nil {
			j.notice(fmt.Sprintf("a migration is left out: %v", err))
			continue
		}
		good, all = append(good, x), append(all, m)
	}
	return good, all
}

// OtherMigrations tells the migrations of other engines, of those that run too, oldest first: those that have not ended, and unless
// since is zero those that ended at that moment or after.
func (j *Journal) OtherMigrations(ctx context.Context, since time.Time) ([]migration.Other, error) {
	query, args := openSessions, []any(nil)
	if !since.IsZero() {
		query, args = recentSessions, []any{micros(since)}
	}
	var found []journey
	err := j.snapshot(ctx, "read the migrations of other engines", func(tx *sql.Tx) (err error) {
		found, err = journeys(ctx, tx, query, func(keeper string) bool { return keeper != j.options.Engine }, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	var others []migration.Other
	runs := j.runs()
	_, all := j.readable(found)
	for _, m := range all {
		others = append(others, migration.Other{Record: m, Runs: runs(m.Engine)})
	}
	return others, nil
}

// Migrations tells all migrations that are kept, of all engines, newest first.
func (j *Journal) Migrations(ctx context.Context) ([]migration.Record, error) {
	var found []journey
	err := j.snapshot(ctx, "read the migrations", func(tx *sql.Tx) (err error) {
		found, err = journeys(ctx, tx, allSessions, func(string) bool { return true })
		return err
	})
	if err != nil {
		return nil, err
	}
	_, all := j.readable(found)
	return all, nil
}
