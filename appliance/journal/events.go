package journal

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"holdfast/appliance/fleet"
)

// StoredEvent is an event of any engine, of this run or an earlier one. All words are printable.
type StoredEvent struct {
	ID        uint64 // grows in the order in which events were recorded, with gaps
	At        time.Time
	Engine    string
	Level     fleet.Level
	Appliance string // empty: about the whole fleet
	Who       string // empty: it happened by itself
	Text      string // as fleet.Event.Text
}

// event is a record of the table of events.
type event struct {
	id, at, level                int64
	engine, appliance, who, text string
}

const eventColumns = `id, at, engine, level, appliance, who, text`

// columns are the members in the order of eventColumns.
func (r *event) columns() []any {
	return []any{&r.id, &r.at, &r.engine, &r.level, &r.appliance, &r.who, &r.text}
}

// Tell keeps an event of this engine; errors as those of Intend.
func (j *Journal) Tell(ctx context.Context, e fleet.Event) error {
	at := e.At.Wall
	if at.IsZero() {
		at = j.now()
	}
	r := event{
		at: micros(at), level: int64(min(max(e.Level, fleet.Info), fleet.Alarm)), engine: j.options.Engine,
		appliance: label(e.Appliance), who: label(e.Who), text: words(e.Text),
	}
	_, err := j.write(ctx, "record an event", func(ctx context.Context, tx *sql.Tx, n int64) error {
		r.id = n
		return r.insert(ctx, tx)
	})
	return err
}

// insert records the event.
func (r *event) insert(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}) error {
	_, err := db.ExecContext(ctx, `INSERT INTO events (`+eventColumns+`, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, summed(r.columns())...)
	return err
}

// newestEvents walks the index on the time backwards and stops.
const newestEvents = `SELECT ` + eventColumns + `, sum FROM events WHERE at >= ? ORDER BY at DESC, id DESC LIMIT ?`

// Events tells the events of all engines since a moment, oldest first: the newest most of them, or all with most < 1.
func (j *Journal) Events(ctx context.Context, since time.Time, most int) ([]StoredEvent, error) {
	if most < 1 {
		most = -1
	}
	var events []StoredEvent
	err := j.view(ctx, "read the events", func(db *sql.DB) error {
		return each(ctx, db, newestEvents, func(found *sql.Rows) error {
			var r event
			if err := scan(found, "events", r.columns()); err != nil {
				return err
			}
			events = append(events, StoredEvent{
				ID: uint64(r.id), At: moment(r.at), Engine: r.engine, Level: fleet.Level(r.level), Appliance: r.appliance,
				Who: r.who, Text: r.text,
			})
			return nil
		}, micros(since), most)
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	return events, nil
}
