package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast/appliance"
)

// Intent is what is about to be asked of an appliance, and by whom. It is recorded before anything that changes the
// appliance is sent (faults.md I6).
type Intent struct {
	ID        uint64
	At        appliance.Reading
	Engine    string // the one that asked, whoever answers for it since: under its name a token is kept
	Who       string
	Appliance string
	Act       appliance.Act
	// Before are the locks that were listed just before, and Since is that moment on the appliance's clock, for an act that
	// takes a lock: with them a later run can still tell which new lock came of it (faults.md LCK-02). Nil and zero = not known.
	Before []appliance.LockID
	Since  time.Time
	// Again is the intent whose answer was lost, so that the same is asked for once more; of a release, so that what is found to have
	// come of it is given back. 0 = none.
	Again uint64
}

// Outcome is how an intent ended.
type Outcome string

// Outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused" // it surely had no effect
	OutcomeUnknown Outcome = "unknown"
	OutcomeFailed  Outcome = "failed" // it was begun there, and failed
)

// Journal keeps intents. Intend returns only when the intent is durable; an error means that nothing may be sent. ErrRefTaken:
// an act with the same ref was intended before.
//
// Hold and Track replace what is there of the same lock or transfer; Forget and Ended are no error when nothing is. Ended makes an
// open intent of a transfer unknown until it is settled: of one that is open and has no transfer nothing was sent. Settle,
// Track and Ended may fail with ErrNotOurs, which is final; anything else that fails is tried again.
type Journal interface {
	Intend(context.Context, Intent) (id uint64, err error)
	Settle(ctx context.Context, id uint64, outcome Outcome, note string) error
	Hold(context.Context, Holding) error
	Forget(ctx context.Context, appliance string, lock appliance.LockID) error
	Track(context.Context, Transit) error
	Ended(ctx context.Context, id uint64, how Ending) error
	// Find tells what is known of the request with that ref; ErrNoSuchRef when none was ever recorded.
	Find(ctx context.Context, ref string) (Request, error)
	// Adopt takes over what engines that run no more left at those appliances; each thing is taken over by one engine only. Unless
	// only is nil, it is just the locks of which only is true, those that one of them was taken to extend or that extend one, and
	// intents about them; what was asked for and is no lock yet has no id.
	Adopt(ctx context.Context, appliances []string, only Only) (Estate, error)
	// Others is what others than this engine have, in one moment: the holdings of engines that run, and of all engines the
	// transfers whose outcome is not known yet and the intents without an outcome; also those intents about no lock that were
	// recorded since the oldest transfer of this engine whose outcome it does not know, whatever came of them.
	Others(context.Context) (Estate, error)
}

// Only says which locks of an appliance are meant.
type Only func(appliance string, lock appliance.LockID, scope string) bool

// Memory is a Journal that lasts as long as the process.
type Memory struct {
	mu       sync.Mutex
	records  []Record
	holdings map[[2]string]Holding
	transits map[uint64]Transit
}

// Record is an intent with its outcome; empty while it is open.
type Record struct {
	Intent
	Outcome Outcome
	Note    string
	Ending  *Ending // of a transfer; nil = not told
}

// Intend records the intent and numbers it from 1.
func (m *Memory) Intend(_ context.Context, in Intent) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if in.Act.Ref != "" {
		if _, err := find(m.records, m.transits, in.Act.Ref); err == nil {
			return 0, fmt.Errorf("%w: %q", ErrRefTaken, in.Act.Ref)
		}
	}
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

// Hold notes a lock of ours.
func (m *Memory) Hold(_ context.Context, h Holding) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holdings == nil {
		m.holdings = map[[2]string]Holding{}
	}
	m.holdings[[2]string{h.Appliance, string(h.Lock)}] = h
	return nil
}

// Forget drops a lock of ours.
func (m *Memory) Forget(_ context.Context, name string, lock appliance.LockID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.holdings, [2]string{name, string(lock)})
	return nil
}

// Track notes a transfer whose outcome is not known yet.
func (m *Memory) Track(_ context.Context, t Transit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.transits == nil {
		m.transits = map[uint64]Transit{}
	}
	m.transits[t.ID] = t
	return nil
}

// Ended drops a transfer, and notes how it ended.
func (m *Memory) Ended(_ context.Context, id uint64, how Ending) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, tracked := m.transits[id]
	delete(m.transits, id)
	if id >= 1 && id <= uint64(len(m.records)) {
		r := &m.records[id-1]
		if r.Ending = &how; tracked && r.Outcome == "" {
			r.Outcome, r.Note = OutcomeUnknown, how.Text
		}
	}
	return nil
}

// Find tells what is known of the request with that ref.
func (m *Memory) Find(_ context.Context, ref string) (Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return find(m.records, m.transits, ref)
}

// find is the request with that ref.
func find(records []Record, transits map[uint64]Transit, ref string) (Request, error) {
	for i := range records {
		if r := &records[i]; ref != "" && r.Act.Ref == ref {
			_, tracked := transits[r.ID]
			return Request{Intent: r.ID, Outcome: r.Outcome, Note: r.Note, Ending: r.Ending, Tracked: tracked}, nil
		}
	}
	return Request{}, fmt.Errorf("%w: %q", ErrNoSuchRef, ref)
}

// Adopt finds nothing: no other engine ever wrote here.
func (m *Memory) Adopt(context.Context, []string, Only) (Estate, error) { return Estate{}, nil }

// Others finds nothing, for the same reason.
func (m *Memory) Others(context.Context) (Estate, error) { return Estate{}, nil }

// Holdings returns a copy of all locks that are noted, in order of appliance and id.
func (m *Memory) Holdings() []Holding {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Collect(maps.Values(m.holdings))
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.Appliance, b.Appliance), cmp.Compare(a.Lock, b.Lock))
	})
	return list
}

// Transits returns a copy of all transfers that are noted, oldest first.
func (m *Memory) Transits() []Transit {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Collect(maps.Values(m.transits))
	slices.SortFunc(list, func(a, b Transit) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Records returns a copy of all records, oldest first.
func (m *Memory) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Record(nil), m.records...)
}
