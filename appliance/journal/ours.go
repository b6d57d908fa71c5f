package journal

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// lockKey names a lock among those of one engine.
type lockKey struct{ appliance, lock string }

// ours is what this engine holds and has under way, as it was last confirmed. When the journal turns out to be damaged or gone,
// whoever begins the new one knows nothing of it: each engine that runs records its own there, so that it still outlives the
// process.
type ours struct {
	mu       sync.Mutex
	holdings map[lockKey]holding
	transits map[int64]transit
}

func newOurs() *ours { return &ours{holdings: map[lockKey]holding{}, transits: map[int64]transit{}} }

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

func (o *ours) ended(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.transits, id)
}

func (o *ours) adopt(l left) {
	for _, r := range l.holdings {
		o.hold(r)
	}
	for _, r := range l.transits {
		o.track(r)
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
	_, err := tx.ExecContext(ctx, `UPDATE counter SET n = ? WHERE n < ?`, last, last)
	return err
}
