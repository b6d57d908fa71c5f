package journal

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// lockKey names a lock among those of one engine.
type lockKey struct{ appliance, lock string }

// ours is what this engine holds, has under way and wants to know the end of, as it was last confirmed. When the journal turns
// out to be damaged or gone, whoever begins the new one knows nothing of it: each engine that runs records its own there, so that
// it still outlives the process.
type ours struct {
	mu       sync.Mutex
	holdings map[lockKey]holding
	transits map[int64]transit
	// migrations are those that have not ended; requests those of them, and those whose end is not known.
	migrations map[string]journey
	requests   map[int64]request // by intent
}

func newOurs() *ours {
	return &ours{
		holdings: map[lockKey]holding{}, transits: map[int64]transit{}, migrations: map[string]journey{}, requests: map[int64]request{},
	}
}

func (o *ours) hold(r holding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holdings[lockKey{r.appliance, r.lock}] = r
}

func (o *ours) forget(key lockKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.holdings, key)
}

func (o *ours) track(r transit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.transits[r.id] = r
}

// ended notes that a transfer is over, and how the request was that it came of; the zero one: it has no ref.
func (o *ours) ended(id int64, r request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.transits, id)
	if r.ref != "" {
		o.requests[id] = r
	}
	o.tidy(id)
}

// ask notes a request; the zero one is none.
func (o *ours) ask(r request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.ref != "" {
		o.requests[r.intent] = r
	}
}

// settled notes that an intent has an outcome.
func (o *ours) settled(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tidy(id)
}

// tidy drops a request that nobody will ask after any more: nothing of it is under way, and its migration, if it has one, has
// ended. The caller holds o.mu.
func (o *ours) tidy(id int64) {
	_, tracked := o.transits[id]
	_, runs := o.migrations[o.requests[id].migration]
	if !tracked && !runs {
		delete(o.requests, id)
	}
}

func (o *ours) travel(x journey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.migrations[x.id] = x
}

func (o *ours) has(migration string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, there := o.migrations[migration]
	return there
}

// save notes how a migration stands. Its steps are only told when it was not known.
func (o *ours) save(x journey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x.ended != 0 {
		delete(o.migrations, x.id)
		for id := range o.requests {
			o.tidy(id)
		}
		return
	}
	if known, there := o.migrations[x.id]; there {
		x.legs = known.legs
	}
	o.migrations[x.id] = x
}

// step notes how a step of a migration stands.
func (o *ours) step(r leg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x, there := o.migrations[r.migration]; there {
		x.legs[r.n] = r
	}
}

func (o *ours) adopt(l left) {
	for _, r := range l.holdings {
		o.hold(r)
	}
	for _, r := range l.transits {
		o.track(r)
	}
	for _, r := range l.requests {
		o.ask(r)
	}
}

// record puts all of it into a journal that was just opened, where it may be already. It keeps its numbers; the counter stays
// ahead of them.
func (o *ours) record(ctx context.Context, tx *sql.Tx) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := int64(0)
	for _, r := range o.holdings {
		last = max(last, r.id)
		if err := r.insert(ctx, tx); err != nil {
			return fmt.Errorf("record anew what this engine holds: %w", err)
		}
	}
	for _, r := range o.transits {
		last = max(last, r.id)
		if err := r.insert(ctx, tx); err != nil {
			return fmt.Errorf("record anew what this engine has under way: %w", err)
		}
	}
	for _, x := range o.migrations {
		if err := x.insert(ctx, tx); err != nil {
			return fmt.Errorf("record anew a migration of this engine: %w", err)
		}
	}
	for _, r := range o.requests {
		last = max(last, r.intent)
		if err := r.insert(ctx, tx); err != nil {
			return fmt.Errorf("record anew what this engine asked for: %w", err)
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE counter SET n = ? WHERE n < ?`, last, last)
	return err
}
