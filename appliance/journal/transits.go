package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// transit is a record of the table of transits.
type transit struct {
	id                                   int64
	keeper, appliance, who, verb, backup string
	label, checksum, destination, job    string
	since                                int64
	known                                string // JSON
	had                                  int64
}

const transitColumns = `id, keeper, appliance, who, verb, backup, label, checksum, destination, job, since, known, had`

// columns are the members in the order of transitColumns.
func (r *transit) columns() []any {
	return []any{&r.id, &r.keeper, &r.appliance, &r.who, &r.verb, &r.backup, &r.label, &r.checksum, &r.destination, &r.job,
		&r.since, &r.known, &r.had}
}

func (r *transit) keeping() (keeper, appliance string) { return r.keeper, r.appliance }

// put fills the columns.
func (r *transit) put(t fleet.Transit, keeper string) error {
	known, err := json.Marshal(labels(t.Known))
	if err != nil {
		return fmt.Errorf("write down a transfer: %w", err)
	}
	*r = transit{
		id: int64(t.ID), keeper: keeper, appliance: label(t.Appliance), who: label(t.Who), verb: label(string(t.Transfer.Verb)),
		backup: label(string(t.Transfer.Backup)), label: t.Transfer.Label.String(), checksum: t.Transfer.Checksum.String(),
		destination: words(t.Transfer.Destination), job: label(string(t.Job)), since: micros(t.Since), known: string(known),
		had: bit(t.Had),
	}
	return nil
}

// transit is the reverse of put.
func (r *transit) transit() (fleet.Transit, error) {
	t := fleet.Transit{
		ID: uint64(r.id), Appliance: r.appliance, Engine: r.keeper, Who: r.who,
		Transfer: appliance.Transfer{
			Verb: appliance.Verb(r.verb), Backup: appliance.BackupID(r.backup), Label: appliance.Label(r.label),
			Checksum: appliance.Label(r.checksum), Destination: r.destination,
		},
		Job: appliance.JobID(r.job), Since: moment(r.since), Had: r.had != 0,
	}
	if err := json.Unmarshal([]byte(r.known), &t.Known); err != nil {
		return t, damaged("transit %d cannot be read: %v", r.id, err)
	}
	return t, nil
}

// insert puts the record in the place of the one of its number.
func (r *transit) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO transits (`+transitColumns+`, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, summed(r.columns())...)
	return err
}

const (
	transitOf   = `SELECT ` + transitColumns + `, sum FROM transits WHERE id = ?`
	allTransits = `SELECT ` + transitColumns + `, sum FROM transits ORDER BY id`
)

// Track records how a transfer of ours stands, in the place of what was recorded of it before. It is durable when the error is
// nil; its engine is this one, its time is kept to the microsecond. ErrNotOurs: its number is not that of an intent, or
// another engine answers for it; other errors as those of Intend.
func (j *Journal) Track(ctx context.Context, t fleet.Transit) error {
	var r transit
	if err := r.put(t, j.options.Engine); err != nil {
		return err
	}
	_, err := j.writeThen(ctx, "record a transfer of ours", func(ctx context.Context, tx *sql.Tx, n int64) error {
		if r.id < 1 || r.id >= n { // it would be taken for damage later
			return fmt.Errorf("record transfer %d: %w", t.ID, ErrNotOurs)
		}
		if _, err := j.ourTransit(ctx, tx, r.id); err != nil {
			return err
		}
		return r.insert(ctx, tx)
	}, func() { j.ours.track(r) })
	return err
}

// Ended records that a transfer is over, and if its act had a ref how it ended. It need not have been one. An intent that is not
// settled yet is unknown from then on, until it is: to whoever finds one open without a transfer nothing was sent of it. ErrNotOurs:
// another engine answers for it; other errors as those of Intend.
func (j *Journal) Ended(ctx context.Context, id uint64, how fleet.Ending) error {
	if id > math.MaxInt64 {
		return nil // there is none
	}
	var asked request
	_, err := j.writeThen(ctx, "record that a transfer is over", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		there, err := j.ourTransit(ctx, tx, int64(id))
		if err != nil {
			return err
		}
		if asked, err = j.endRequest(ctx, tx, int64(id), how, there); err != nil || !there {
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM transits WHERE id = ?`, int64(id)); err != nil {
			return err
		}
		return j.endIntent(ctx, tx, int64(id), how)
	}, func() { j.ours.ended(int64(id), asked) })
	return err
}

// endIntent settles the intent of a transfer that is over, if it is open still.
func (j *Journal) endIntent(ctx context.Context, tx *sql.Tx, id int64, how fleet.Ending) error {
	var r intent
	there, err := one(ctx, tx, "intents", r.columns(), intentOf, id)
	if err != nil || !there || r.outcome != "" || r.keeper != j.options.Engine {
		return err
	}
	r.outcome, r.note, r.settled = label(string(fleet.OutcomeUnknown)), words(how.Text), micros(j.now())
	return update(ctx, tx, &r)
}

// ourTransit tells whether that transit is there; ErrNotOurs when it is another engine's.
func (j *Journal) ourTransit(ctx context.Context, tx *sql.Tx, id int64) (there bool, err error) {
	var r transit
	there, err = one(ctx, tx, "transits", r.columns(), transitOf, id)
	if there && r.keeper != j.options.Engine {
		return false, fmt.Errorf("transfer %d: %w", id, ErrNotOurs)
	}
	return there, err
}
