package journal

import (
	"context"
	"database/sql"
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

func (r *intent) keeping() (keeper, appliance string) { return r.keeper, r.appliance }

// record is the intent as the fleet knows it; its engine is the one that answers for it. Its moment is a wall time only: the
// run of another process means nothing here.
func (r *intent) record() (fleet.Record, error) {
	record := fleet.Record{
		Intent: fleet.Intent{
			ID: uint64(r.id), At: appliance.Reading{Wall: moment(r.at)}, Engine: r.engine, Who: r.who, Appliance: r.appliance,
		},
		Outcome: fleet.Outcome(r.outcome), Note: r.note,
	}
	return record, r.fill(&record.Intent)
}

// Intend records what is about to be asked of an appliance. It is durable when the error is nil; otherwise nothing may be
// sent (faults.md I6, JNL-03, JNL-04). Errors, by errors.Is: ErrNotWritable, ErrBusy, ErrDamaged, ErrClosed, or the context's;
// fleet.ErrRefTaken when a request with the act's ref was recorded before.
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
	if err := r.put(in); err != nil {
		return 0, err
	}
	asked, err := requestOf(in.Act.Ref)
	if err != nil {
		return 0, err
	}
	return j.writeThen(ctx, "record what is about to be sent", func(ctx context.Context, tx *sql.Tx, n int64) (err error) {
		r.id, asked.intent = n, n
		if asked.ref != "" {
			if err := asked.add(ctx, tx); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO intents (`+intentColumns+`, sum)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, summed(r.columns())...)
		return err
	}, func() { j.ours.ask(asked) })
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
	_, err := j.writeThen(ctx, "record how an intent ended", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		var r intent
		there, err := one(ctx, tx, "intents", r.columns(), intentOf, int64(id))
		if err != nil {
			return err
		}
		if !there || r.keeper != j.options.Engine {
			return fmt.Errorf("settle intent %d: %w", id, ErrNotOurs)
		}
		r.outcome, r.note, r.settled = label(string(outcome)), words(note), micros(j.now())
		return update(ctx, tx, &r)
	}, func() { j.ours.settled(int64(id)) })
	return err
}

// update writes those columns of an intent that change.
func update(ctx context.Context, tx *sql.Tx, r *intent) error {
	_, err := tx.ExecContext(ctx, `UPDATE intents SET keeper = ?, outcome = ?, note = ?, settled = ?, sum = ? WHERE id = ?`,
		r.keeper, r.outcome, r.note, r.settled, digest(r.columns()), r.id)
	return err
}

// recordsOf is what intents are to the fleet; nil for none.
func recordsOf(rows []intent) (records []fleet.Record, err error) {
	for i := range rows {
		r, err := rows[i].record()
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}
