package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// intent is a record of the table of that name.
type intent struct {
	id, at                         int64
	engine, keeper, who, appliance string
	verb, target, scope, lock      string
	backup, destination, job, more string
	outcome, note                  string
	settled                        int64
}

const intentColumns = `id, at, engine, keeper, who, appliance, verb, target, scope, lock, backup, destination, job, more,
	outcome, note, settled`

// columns are the members in the order of intentColumns.
func (r *intent) columns() []any {
	return []any{&r.id, &r.at, &r.engine, &r.keeper, &r.who, &r.appliance, &r.verb, &r.target, &r.scope, &r.lock, &r.backup,
		&r.destination, &r.job, &r.more, &r.outcome, &r.note, &r.settled}
}

// record is the intent as the fleet knows it. Its moment is a wall time only: the run of another process means nothing here.
func (r *intent) record() (fleet.Record, error) {
	act, err := r.act()
	if err != nil {
		return fleet.Record{}, err
	}
	return fleet.Record{
		Intent: fleet.Intent{
			ID: uint64(r.id), At: appliance.Reading{Wall: moment(r.at)}, Engine: r.engine, Who: r.who, Appliance: r.appliance, Act: act,
		},
		Outcome: fleet.Outcome(r.outcome), Note: r.note,
	}, nil
}

// Intend records what is about to be asked of an appliance. It is durable when the error is nil; otherwise nothing may be
// sent (faults.md I6, JNL-03, JNL-04). Errors, by errors.Is: ErrNotWritable, ErrBusy, ErrDamaged, ErrClosed, or the context's.
func (j *Journal) Intend(ctx context.Context, in fleet.Intent) (uint64, error) {
	at := in.At.Wall
	if at.IsZero() {
		at = j.now()
	}
	r := intent{
		at: micros(at), engine: label(in.Engine), keeper: j.options.Engine, who: label(in.Who), appliance: label(in.Appliance),
	}
	if r.engine == "" {
		r.engine = r.keeper
	}
	if err := r.put(in.Act); err != nil {
		return 0, err
	}
	return j.write(ctx, "record what is about to be sent", func(ctx context.Context, tx *sql.Tx, n int64) error {
		r.id = n
		_, err := tx.ExecContext(ctx, `INSERT INTO intents (`+intentColumns+`, sum)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, summed(r.columns())...)
		return err
	})
}

// Settle records how an intent ended. ErrNotOurs: it is not there (it may have gone with a damaged journal), or another
// engine answers for it.
func (j *Journal) Settle(ctx context.Context, id uint64, outcome fleet.Outcome, note string) error {
	if outcome == "" {
		return fmt.Errorf("settle intent %d: without an outcome", id)
	}
	if id > math.MaxInt64 {
		return fmt.Errorf("settle intent %d: %w", id, ErrNotOurs)
	}
	_, err := j.write(ctx, "record how an intent ended", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		var r intent
		row := tx.QueryRowContext(ctx, `SELECT `+intentColumns+`, sum FROM intents WHERE id = ?`, int64(id))
		err := scan(row, "intents", r.columns())
		if errors.Is(err, sql.ErrNoRows) || err == nil && r.keeper != j.options.Engine {
			return fmt.Errorf("settle intent %d: %w", id, ErrNotOurs)
		}
		if err != nil {
			return err
		}
		r.outcome, r.note, r.settled = label(string(outcome)), words(note), micros(j.now())
		return update(ctx, tx, &r)
	})
	return err
}

// update writes those columns of an intent that change.
func update(ctx context.Context, tx *sql.Tx, r *intent) error {
	_, err := tx.ExecContext(ctx, `UPDATE intents SET keeper = ?, outcome = ?, note = ?, settled = ?, sum = ? WHERE id = ?`,
		r.keeper, r.outcome, r.note, r.settled, digest(r.columns()), r.id)
	return err
}

// openIntents names its index, as the planner does not know how few they are.
const openIntents = `SELECT ` + intentColumns + `, sum FROM intents INDEXED BY intents_open WHERE outcome = '' ORDER BY id`

// Unsettled tells the intents without an outcome of engines that run no more, oldest first. They are another's to look after
// until Adopt.
func (j *Journal) Unsettled(ctx context.Context) ([]fleet.Record, error) {
	var records []fleet.Record
	err := j.view(ctx, "read the open intents", func(db *sql.DB) error {
		_, found, err := j.orphans(ctx, db)
		records = found
		return err
	})
	return records, err
}

// Adopt makes this engine the one that answers for the intents that Unsettled tells, and returns them: each is adopted by
// one engine, whoever else asks at the same time, and never while the engine that has it runs (faults.md JNL-05, JNL-06).
func (j *Journal) Adopt(ctx context.Context) ([]fleet.Record, error) {
	records, err := j.Unsettled(ctx)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	_, err = j.write(ctx, "take over open intents", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		rows, found, err := j.orphans(ctx, tx)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].keeper = j.options.Engine
			if err := update(ctx, tx, &rows[i]); err != nil {
				return err
			}
		}
		records = found
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// orphans reads the open intents whose keeper runs no more, in both forms.
func (j *Journal) orphans(ctx context.Context, q querier) (rows []intent, records []fleet.Record, err error) {
	runs := map[string]bool{}
	err = each(ctx, q, openIntents, func(found *sql.Rows) error {
		var r intent
		if err := scan(found, "intents", r.columns()); err != nil {
			return err
		}
		if _, known := runs[r.keeper]; !known {
			runs[r.keeper] = j.engineRuns(r.keeper)
		}
		if runs[r.keeper] {
			return nil
		}
		record, err := r.record()
		rows, records = append(rows, r), append(records, record)
		return err
	})
	return rows, records, err
}

// each calls f for every row of a query.
func each(ctx context.Context, q querier, query string, f func(*sql.Rows) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
