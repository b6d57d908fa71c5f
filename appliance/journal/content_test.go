package journal

import (
	"context"
	"database/sql"
	"time"
)

// content is everything that a journal says.
type content struct {
	Intents  []intent
	Events   []StoredEvent
	Holdings []holding
	Transits []transit
	Requests []request
	Journeys []journey
}

func (c content) empty() bool {
	return len(c.Intents)+len(c.Events)+len(c.Holdings)+len(c.Transits)+len(c.Requests)+len(c.Journeys) == 0
}

func contentOf(j *Journal) (c content, err error) {
	ctx := context.Background()
	all := func(_, _ string) bool { return true }
	err = j.view(ctx, "read it all", func(db *sql.DB) (err error) {
		if c.Intents, err = read[intent](ctx, db, "intents", `SELECT `+intentColumns+`, sum FROM intents ORDER BY id`, all); err != nil {
			return err
		}
		if c.Holdings, err = read[holding](ctx, db, "holdings", allHoldings, all); err != nil {
			return err
		}
		c.Transits, err = read[transit](ctx, db, "transits", allTransits, all)
		return err
	})
	if err != nil {
		return c, err
	}
	err = j.snapshot(ctx, "read the rest", func(tx *sql.Tx) (err error) {
		err = each(ctx, tx, `SELECT `+requestColumns+`, sum FROM requests ORDER BY ref`, func(found *sql.Rows) error {
			var r request
			err := scan(found, "requests", r.columns())
			c.Requests = append(c.Requests, r)
			return err
		})
		if err != nil {
			return err
		}
		c.Journeys, err = journeys(ctx, tx, allSessions, func(string) bool { return true })
		return err
	})
	if err != nil {
		return c, err
	}
	c.Events, err = j.Events(ctx, time.Time{}, 0)
	return c, err
}
