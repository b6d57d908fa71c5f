package journal

import (
	"context"
	"database/sql"
	"slices"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// left is what engines left that run no more, oldest first.
type left struct {
	intents  []intent
	holdings []holding
	transits []transit
	requests []request // that the transits came of; read when they are adopted
}

// openIntents names its index, as the planner does not know how few they are.
const openIntents = `SELECT ` + intentColumns + `, sum FROM intents INDEXED BY intents_open WHERE outcome = '' ORDER BY id`

// Unsettled tells the intents without an outcome of engines that run no more, oldest first. They are another's to look after
// until Adopt.
func (j *Journal) Unsettled(ctx context.Context) ([]fleet.Record, error) {
	var records []fleet.Record
	err := j.view(ctx, "read the open intents", func(db *sql.DB) error {
		rows, err := read[intent](ctx, db, "intents", openIntents, j.abandoned(nil))
		if err != nil {
			return err
		}
		records, err = recordsOf(rows)
		return err
	})
	return records, err
}

// Asked tells the intents without an outcome of all engines, oldest first: of those that run too.
func (j *Journal) Asked(ctx context.Context) ([]fleet.Record, error) {
	var records []fleet.Record
	err := j.view(ctx, "read the open intents", func(db *sql.DB) error {
		rows, err := read[intent](ctx, db, "intents", openIntents, func(string, string) bool { return true })
		if err != nil {
			return err
		}
		records, err = recordsOf(rows)
		return err
	})
	return records, err
}

// Adopt makes this engine the one that answers for what engines left that run no more, at those appliances (nil: at all), as far as
// only wants it (nil: all of it; see fleet.Journal), and returns it as it was, with the engine that had it: each is adopted by one engine, whoever else asks at the same time, and
// never while the engine that has it runs (faults.md JNL-05, JNL-06). A lock that is ours already is told too, and what we
// have recorded of it stays; of several that are the same, what was begun last stays. Errors as those of Intend; when there is
// nothing, nothing is written.
func (j *Journal) Adopt(ctx context.Context, appliances []string, only fleet.Only) (fleet.Estate, error) {
	var found left
	var estate fleet.Estate
	look := func(ctx context.Context, q querier) (err error) {
		if found, err = j.left(ctx, q, appliances); err != nil {
			return err
		}
		if only != nil {
			found.pick(only)
		}
		estate, err = found.estate()
		return err
	}
	err := j.view(ctx, "read what ended engines left", func(db *sql.DB) error { return look(ctx, db) })
	if err != nil || found.none() {
		return fleet.Estate{}, err
	}
	_, err = j.writeThen(ctx, "take over what ended engines left", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		if err := look(ctx, tx); err != nil {
			return err
		}
		return found.adopt(ctx, tx, j.options.Engine)
	}, func() { j.ours.adopt(found) })
	if err != nil {
		return fleet.Estate{}, err
	}
	return estate, nil
}

func (l *left) none() bool { return len(l.intents)+len(l.holdings)+len(l.transits) == 0 }

// left reads what Adopt is about. Whether an engine runs is asked once.
func (j *Journal) left(ctx context.Context, q querier, appliances []string) (l left, err error) {
	wanted := j.abandoned(appliances)
	if l.intents, err = read[intent](ctx, q, "intents", openIntents, wanted); err != nil {
		return l, err
	}
	if l.holdings, err = read[holding](ctx, q, "holdings", allHoldings, wanted); err != nil {
		return l, err
	}
	l.transits, err = read[transit](ctx, q, "transits", allTransits, wanted)
	return l, err
}

// pick leaves out what is not wanted. A lock that was taken to extend another, and that one, belong together.
func (l *left) pick(only fleet.Only) {
	want := map[lockKey]bool{}
	for _, h := range l.holdings {
		if only(h.appliance, appliance.LockID(h.lock), h.scope) {
			want[lockKey{h.appliance, h.lock}] = true
		}
	}
	for before := -1; before < len(want); { // along chains of extensions, both ways
		before = len(want)
		for _, h := range l.holdings {
			this, old := lockKey{h.appliance, h.lock}, lockKey{h.appliance, h.replaces}
			if h.replaces != "" && (want[this] || want[old]) {
				want[this], want[old] = true, true
			}
		}
	}
	l.holdings = slices.DeleteFunc(l.holdings, func(h holding) bool { return !want[lockKey{h.appliance, h.lock}] })
	l.intents = slices.DeleteFunc(l.intents, func(r intent) bool {
		aboutLocks := r.lock != "" || r.scope != ""
		return !aboutLocks || !want[lockKey{r.appliance, r.lock}] && !only(r.appliance, appliance.LockID(r.lock), r.scope)
	})
	l.transits = nil
}

// abandoned reports whether a record is at one of the appliances (nil: at any) and its keeper runs no more.
func (j *Journal) abandoned(appliances []string) func(keeper, appliance string) bool {
	names, runs := labels(appliances), j.runs()
	return func(keeper, appliance string) bool {
		return (names == nil || slices.Contains(names, appliance)) && !runs(keeper)
	}
}

// estate is what was left, as the fleet knows it.
func (l *left) estate() (e fleet.Estate, err error) {
	if e.Intents, err = recordsOf(l.intents); err != nil {
		return fleet.Estate{}, err
	}
	for i := range l.holdings {
		e.Holdings = append(e.Holdings, l.holdings[i].holding())
	}
	for i := range l.transits {
		t, err := l.transits[i].transit()
		if err != nil {
			return fleet.Estate{}, err
		}
		e.Transits = append(e.Transits, t)
	}
	return e, nil
}

// adopt makes keeper the one that answers for all of it. What was left stays in l only as far as it is stored now.
func (l *left) adopt(ctx context.Context, tx *sql.Tx, keeper string) error {
	for i := range l.intents {
		l.intents[i].keeper = keeper
		if err := update(ctx, tx, &l.intents[i]); err != nil {
			return err
		}
	}
	for i := range l.transits {
		l.transits[i].keeper = keeper
		if err := l.transits[i].insert(ctx, tx); err != nil {
			return err
		}
		var r request
		there, err := one(ctx, tx, "requests", r.columns(), requestByIntent, l.transits[i].id)
		if err != nil {
			return err
		}
		if there {
			l.requests = append(l.requests, r)
		}
	}
	var stored []holding
	for _, r := range slices.Backward(l.holdings) { // of several with the same key the last is the first to get it
		if r.exclusive != 0 && r.owner == "" { // until the token is taken up, it is kept under the name of who had it
			r.owner = added(r.keeper)
		}
		r.keeper = keeper
		done, err := tx.ExecContext(ctx, `UPDATE OR IGNORE holdings SET keeper = ?, owner = ?, sum = ? WHERE id = ?`,
			r.keeper, string(r.owner), digest(r.columns()), r.id)
		if err != nil {
			return err
		}
		switch n, err := done.RowsAffected(); {
		case err != nil:
			return err
		case n > 0:
			stored = append(stored, r)
		default: // it is ours already
			if _, err := tx.ExecContext(ctx, `DELETE FROM holdings WHERE id = ?`, r.id); err != nil {
				return err
			}
		}
	}
	l.holdings = stored
	return nil
}
