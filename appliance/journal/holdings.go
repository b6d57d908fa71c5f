package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// holding is a record of the table of holdings.
type holding struct {
	id                                  int64
	keeper, appliance, lock, scope      string
	exclusive                           int64
	who, purpose, state                 string
	since                               int64
	note                                string
	ttl, sent, received, kept, keepTill int64
	replaces                            string
	job                                 added
	keepTTL                             addedNumber
	owner                               added
}

const holdingColumns = `id, keeper, appliance, lock, scope, exclusive, who, purpose, state, since, note, ttl, sent, received, kept,
	keep_until, replaces, job, keep_ttl, owner`

// columns are the members in the order of holdingColumns.
func (r *holding) columns() []any {
	return []any{&r.id, &r.keeper, &r.appliance, &r.lock, &r.scope, &r.exclusive, &r.who, &r.purpose, &r.state, &r.since, &r.note,
		&r.ttl, &r.sent, &r.received, &r.kept, &r.keepTill, &r.replaces, &r.job, &r.keepTTL, &r.owner}
}

func (r *holding) keeping() (keeper, appliance string) { return r.keeper, r.appliance }

// put fills the columns, but for the number.
func (r *holding) put(h fleet.Holding, keeper string) {
	*r = holding{
		keeper: keeper, appliance: label(h.Appliance), lock: label(string(h.Lock)), scope: label(h.Scope), exclusive: bit(h.Exclusive),
		who: label(h.Who), purpose: words(h.Purpose), state: label(string(h.State)), since: micros(h.Since), note: words(h.Note),
		ttl: h.TTL.Microseconds(), sent: micros(h.Sent), received: micros(h.Received), kept: bit(h.Kept),
		keepTill: micros(h.KeepUntil), replaces: label(string(h.Replaces)), job: added(label(string(h.Job))),
		keepTTL: addedNumber(h.KeepTTL.Microseconds()), owner: added(label(h.Owner)),
	}
}

// holding is the reverse of put.
func (r *holding) holding() fleet.Holding {
	return fleet.Holding{
		Appliance: r.appliance, Lock: appliance.LockID(r.lock), Scope: r.scope, Exclusive: r.exclusive != 0, Engine: r.keeper,
		Who: r.who, Purpose: r.purpose, State: fleet.HoldingState(r.state), Since: moment(r.since), Note: r.note,
		TTL: time.Duration(r.ttl) * time.Microsecond, Sent: moment(r.sent), Received: moment(r.received), Kept: r.kept != 0,
		KeepUntil: moment(r.keepTill), Replaces: appliance.LockID(r.replaces), Job: appliance.JobID(r.job),
		KeepTTL: time.Duration(r.keepTTL) * time.Microsecond, Owner: string(r.owner),
	}
}

// insert puts the record in the place of the one of its number.
func (r *holding) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO holdings (`+holdingColumns+`, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, summed(r.columns())...)
	return err
}

// holdingOf finds one by its key.
const holdingOf = `SELECT ` + holdingColumns + `, sum FROM holdings WHERE keeper = ? AND appliance = ? AND lock = ?`

// Hold records how a lock of ours stands, in the place of what was recorded of it before. It is durable when the error is
// nil; its engine is this one, its times are kept to the microsecond. Errors as those of Intend.
func (j *Journal) Hold(ctx context.Context, h fleet.Holding) error {
	var r holding
	r.put(h, j.options.Engine)
	if r.appliance == "" || r.lock == "" {
		return fmt.Errorf("record a lock of ours: lock %q of appliance %q has no name", r.lock, r.appliance)
	}
	_, err := j.writeThen(ctx, "record a lock of ours", func(ctx context.Context, tx *sql.Tx, n int64) error {
		var before holding
		err := scan(tx.QueryRowContext(ctx, holdingOf, r.keeper, r.appliance, r.lock), "holdings", before.columns())
		switch {
		case errors.Is(err, sql.ErrNoRows):
			r.id = n
		case err != nil:
			return err
		default:
			r.id = before.id
		}
		return r.insert(ctx, tx)
	}, func() { j.ours.hold(r) })
	return err
}

// Forget records that our holding of a lock is over. There need not be one. Errors as those of Intend.
func (j *Journal) Forget(ctx context.Context, appliance string, lock appliance.LockID) error {
	key := lockKey{label(appliance), label(string(lock))}
	_, err := j.writeThen(ctx, "record that a lock is ours no more", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM holdings WHERE keeper = ? AND appliance = ? AND lock = ?`,
			j.options.Engine, key.appliance, key.lock)
		return err
	}, func() { j.ours.forget(key) })
	return err
}

// allHoldings is short: what is over is not there.
const allHoldings = `SELECT ` + holdingColumns + `, sum FROM holdings ORDER BY id`

// Holdings tells the holdings of all engines, of those that run no more too, oldest first.
func (j *Journal) Holdings(ctx context.Context) ([]fleet.Holding, error) {
	return j.holdings(ctx, func(_, _ string) bool { return true })
}

// holdings tells those that are wanted.
func (j *Journal) holdings(ctx context.Context, wanted func(keeper, appliance string) bool) (all []fleet.Holding, err error) {
	err = j.view(ctx, "read who holds what", func(db *sql.DB) error {
		rows, err := read[holding](ctx, db, "holdings", allHoldings, wanted)
		for i := range rows {
			all = append(all, rows[i].holding())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
