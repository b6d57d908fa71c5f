package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// errReader tells that this Journal was opened without an engine.
var errReader = errors.New("it was opened to be read")

// errMoved tells that another file than the open one lies at the path.
var errMoved = errors.New("another process began a new journal")

// record is what a transaction does. n is the number of what it adds.
type record func(ctx context.Context, tx *sql.Tx, n int64) error

// write commits a record and returns its number. It is durable then. A damaged journal is replaced once and the record goes
// into the new one.
func (j *Journal) write(ctx context.Context, doing string, r record) (uint64, error) {
	return j.writeThen(ctx, doing, r, func() {})
}

// writeThen calls done when the record is durable, before anything else of this process is recorded.
func (j *Journal) writeThen(ctx context.Context, doing string, r record, done func()) (uint64, error) {
	if err := j.take(ctx); err != nil {
		return 0, j.explain(doing, err)
	}
	defer func() { j.turn <- struct{}{} }()
	var n uint64
	var err error
	for range 3 { // found moved, found damaged, written
		var used *database
		n, used, err = j.writeOnce(ctx, r)
		switch {
		case used == nil && err == nil, errors.Is(err, errMoved):
			err = j.bring(ctx, used)
		case isDamage(err) && ctx.Err() == nil:
			err = j.replace(ctx, used, err)
		default:
			err = j.explain(doing, err)
			if !isOneOf(err, final...) {
				j.setTrouble(err)
			}
			if err == nil {
				done()
			}
			return n, err
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, j.explain(doing, damaged("it was damaged again as soon as a new one was begun"))
}

// take waits for its turn among those of this process.
func (j *Journal) take(ctx context.Context) error {
	select {
	case <-j.turn:
		return nil
	default:
	}
	timer := time.NewTimer(j.options.Wait)
	defer timer.Stop()
	select {
	case <-j.turn:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writeOnce commits a record in the database that is in place; used is nil when there is none.
func (j *Journal) writeOnce(ctx context.Context, r record) (n uint64, used *database, err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	switch {
	case j.life.Err() != nil:
		return 0, j.db, ErrClosed
	case j.options.Engine == "":
		return 0, j.db, errReader
	case j.db == nil:
		return 0, nil, nil
	case j.db.readOnly != nil:
		return 0, j.db, j.db.readOnly
	}
	used = j.db
	err = j.locked(ctx, false, func(ctx context.Context) error {
		info, err := os.Lstat(j.path)
		if err != nil || !os.SameFile(info, used.file) {
			return errMoved
		}
		n, err = j.commit(ctx, used, r)
		return err
	})
	return n, used, err
}

// commit counts and records in one transaction. The gate is entered.
func (j *Journal) commit(ctx context.Context, db *database, r record) (uint64, error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	var n int64
	err = tx.QueryRowContext(ctx, `UPDATE counter SET n = n + 1 RETURNING n`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = damaged("its counter is gone")
	}
	if err == nil {
		err = r(ctx, tx, n)
	}
	if err != nil {
		return 0, first(err, tx.Rollback())
	}
	j.sys.point("write: before commit")
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	j.sys.point("write: committed")
	j.witness(uint64(n))
	return uint64(n), nil
}

// enroll records that our engine started, and in a journal that was begun meanwhile what it has. The gate is ours.
func (j *Journal) enroll(ctx context.Context, db *database) error {
	if j.options.Engine == "" {
		return nil
	}
	_, err := j.commit(ctx, db, func(ctx context.Context, tx *sql.Tx, _ int64) error {
		id, started := j.options.Engine, micros(j.now())
		_, err := tx.ExecContext(ctx, `INSERT INTO engines (id, started, sum) VALUES (?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, summed([]any{&id, &started})...)
		if err != nil {
			return err
		}
		return j.ours.record(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("record that this engine started: %w", err)
	}
	return nil
}

// view calls f with the database that is in place, for reading.
func (j *Journal) view(ctx context.Context, doing string, f func(*sql.DB) error) error {
	used, err := j.current(ctx)
	if err != nil {
		return err
	}
	err = f(used.read)
	j.mu.RUnlock()
	if isDamage(err) && ctx.Err() == nil {
		return j.explain(doing, first(j.replace(ctx, used, err), err))
	}
	return j.explain(doing, err)
}

// current is the database that is in place, with mu held for reading. When another file lies at the path, as after another
// process found the journal damaged, it opens that one first.
func (j *Journal) current(ctx context.Context) (*database, error) {
	for range 3 { // found closed, found moved, found
		j.mu.RLock()
		used := j.db
		if used != nil && (used.readOnly != nil || !used.moved(j.path)) {
			return used, nil //nolint:nilerr // what is read-only is read
		}
		j.mu.RUnlock()
		if err := j.bring(ctx, used); err != nil {
			return nil, err
		}
	}
	return nil, j.explain("read the journal", errMoved)
}

// bring puts the database in place that is at the path, where used was; nil: nothing was.
func (j *Journal) bring(ctx context.Context, used *database) error {
	if used == nil {
		return j.begin(ctx)
	}
	return j.replace(ctx, used, nil)
}
