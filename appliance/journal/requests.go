package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// request is a record of the table of requests: of an intent whose act has a ref.
type request struct {
	ref, migration string
	intent         int64
	ending         string // JSON; empty = not told
}

const requestColumns = `ref, migration, intent, ending`

// columns are the members in the order of requestColumns.
func (r *request) columns() []any { return []any{&r.ref, &r.migration, &r.intent, &r.ending} }

// requestOf is the request of a ref. The ref of a migration's request begins with the migration's id and a slash.
func requestOf(ref string) (request, error) {
	if label(ref) != ref {
		return request{}, fmt.Errorf("record a request: its ref %q is not printable", label(ref))
	}
	migration, _, _ := strings.Cut(ref, "/")
	return request{ref: ref, migration: migration}, nil
}

// insert puts the record in the place of the one of its ref; how a request ended is never put out by its being open.
func (r *request) insert(ctx context.Context, tx *sql.Tx) error {
	or := "IGNORE"
	if r.ending != "" {
		or = "REPLACE"
	}
	_, err := tx.ExecContext(ctx, `INSERT OR `+or+` INTO requests (`+requestColumns+`, sum) VALUES (?, ?, ?, ?, ?)`,
		summed(r.columns())...)
	return err
}

const (
	requestByRef    = `SELECT ` + requestColumns + `, sum FROM requests WHERE ref = ?`
	requestByIntent = `SELECT ` + requestColumns + `, sum FROM requests WHERE intent = ?`
	requestsOf      = `SELECT ` + requestColumns + `, sum FROM requests WHERE migration = ? ORDER BY intent`
	intentOf        = `SELECT ` + intentColumns + `, sum FROM intents WHERE id = ?`
)

// one reads the one record of a query; there is false when there is none.
func one(ctx context.Context, tx *sql.Tx, table string, columns []any, query string, args ...any) (there bool, err error) {
	err = scan(tx.QueryRowContext(ctx, query, args...), table, columns)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// add records the ref of an act that is about to be sent, in the transaction of its intent.
func (r *request) add(ctx context.Context, tx *sql.Tx) error {
	there, err := one(ctx, tx, "requests", new(request).columns(), requestByRef, r.ref)
	if err == nil && there {
		err = fmt.Errorf("record a request: %w: %q", fleet.ErrRefTaken, r.ref)
	}
	if err != nil {
		return err
	}
	return r.insert(ctx, tx)
}

// storedEnding is a fleet.Ending as JSON.
type storedEnding struct {
	Fate      fleet.Fate      `json:"fate"`
	Job       appliance.JobID `json:"job,omitempty"`
	Success   bool            `json:"success,omitempty"`
	Failed    bool            `json:"failed,omitempty"`
	Same      bool            `json:"same,omitempty"`
	Cancelled bool            `json:"cancelled,omitempty"`
	Text      string          `json:"text,omitempty"`
}

// clean makes all of it printable, when it is written and again when it is read.
func (e storedEnding) clean() storedEnding {
	return storedEnding{
		Fate: fleet.Fate(label(string(e.Fate))), Job: appliance.JobID(label(string(e.Job))), Success: e.Success, Failed: e.Failed, Same: e.Same,
		Cancelled: e.Cancelled, Text: words(e.Text),
	}
}

// end notes how the request ended.
func (r *request) end(how fleet.Ending) error {
	b, err := json.Marshal(storedEnding(how).clean())
	if err != nil {
		return fmt.Errorf("write down how a request ended: %w", err)
	}
	r.ending = string(b)
	return nil
}

// ended is the reverse of end; nil = it was not told.
func (r *request) ended() (*fleet.Ending, error) {
	if r.ending == "" {
		return nil, nil //nolint:nilnil // as fleet.Request has it
	}
	var e storedEnding
	if err := json.Unmarshal([]byte(r.ending), &e); err != nil {
		return nil, damaged("how request %s ended cannot be read: %v", label(r.ref), err)
	}
	how := fleet.Ending(e.clean())
	return &how, nil
}

// Find tells what is known of the request with that ref, of whatever engine; fleet.ErrNoSuchRef when none was ever recorded.
// When its intent went with a damaged journal, only how it ended is known, or that this is looked for.
func (j *Journal) Find(ctx context.Context, ref string) (fleet.Request, error) {
	var found fleet.Request
	err := j.snapshot(ctx, "read what came of a request", func(tx *sql.Tx) error {
		var r request
		there, err := one(ctx, tx, "requests", r.columns(), requestByRef, ref)
		if err != nil {
			return err
		}
		if !there || ref == "" {
			return fmt.Errorf("%w: %q", fleet.ErrNoSuchRef, label(ref))
		}
		found = fleet.Request{Intent: uint64(r.intent)}
		if found.Ending, err = r.ended(); err != nil {
			return err
		}
		if found.Tracked, err = one(ctx, tx, "transits", new(transit).columns(), transitOf, r.intent); err != nil {
			return err
		}
		var in intent
		if there, err = one(ctx, tx, "intents", in.columns(), intentOf, r.intent); err != nil {
			return err
		}
		found.Outcome, found.Note = fleet.Outcome(label(in.outcome)), words(in.note)
		if !there {
			found.Outcome, found.Note = fleet.OutcomeUnknown, "its record went with a damaged journal"
		}
		return nil
	})
	if err != nil {
		return fleet.Request{}, err
	}
	return found, nil
}

// snapshot calls f with one moment of the journal, for reading.
func (j *Journal) snapshot(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	return j.view(ctx, doing, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // only read
		return f(tx)
	})
}

// endRequest notes how the request of an intent ended, if it has a ref; of several endings the first stays. tracked tells that
// it is a transfer of ours. ErrNotOurs: another engine answers for it.
func (j *Journal) endRequest(ctx context.Context, tx *sql.Tx, id int64, how fleet.Ending, tracked bool) (r request, err error) {
	there, err := one(ctx, tx, "requests", r.columns(), requestByIntent, id)
	if err != nil || !there || r.ending != "" {
		return r, err
	}
	var in intent
	if there, err = one(ctx, tx, "intents", in.columns(), intentOf, id); err != nil {
		return r, err
	}
	if !tracked && there && in.keeper != j.options.Engine {
		return r, fmt.Errorf("request %q: %w", r.ref, ErrNotOurs)
	}
	if err := r.end(how); err != nil {
		return r, err
	}
	return r, r.insert(ctx, tx)
}
