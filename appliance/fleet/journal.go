package fleet

import (
	"context"
	"sync"
	"time"

	"holdfast/appliance"
)

// Intent is what is about to be asked of an appliance, and by whom. It is recorded before anything that changes the
// appliance is sent (faults.md I6).
type Intent struct {
	ID        uint64
	At        appliance.Reading
	Engine    string
	Who       string
	Appliance string
	Act       appliance.Act
	// Before are the locks that were listed just before, and Since is that moment on the appliance's clock, for an act that
	// takes a lock: with them a later run can still tell which new lock came of it (faults.md LCK-02). Nil and zero = not known.
	Before []appliance.LockID
	Since  time.Time
}

// Outcome is how an intent ended.
type Outcome string

// Outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused" // it surely had no effect
	OutcomeUnknown Outcome = "unknown"
)

// Journal keeps intents. Intend returns only when the intent is durable; an error means that nothing may be sent.
type Journal interface {
	Intend(context.Context, Intent) (id uint64, err error)
	Settle(ctx context.Context, id uint64, outcome Outcome, note string) error
}

// Memory is a Journal that lasts as long as the process.
type Memory struct {
	mu      sync.Mutex
	records []Record
}

// Record is an intent with its outcome; empty while it is open.
type Record struct {
	Intent
	Outcome Outcome
	Note    string
}

// Intend records the intent and numbers it from 1.
func (m *Memory) Intend(_ context.Context, in Intent) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in.ID = uint64(len(m.records) + 1)
	m.records = append(m.records, Record{Intent: in})
	return in.ID, nil
}

// Settle records how an intent ended.
func (m *Memory) Settle(_ context.Context, id uint64, outcome Outcome, note string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id >= 1 && id <= uint64(len(m.records)) {
		m.records[id-1].Outcome, m.records[id-1].Note = outcome, note
	}
	return nil
}

// Records returns a copy of all records, oldest first.
func (m *Memory) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Record(nil), m.records...)
}
