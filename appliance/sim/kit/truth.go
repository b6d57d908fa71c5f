package kit

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Effect is one thing that really happened inside a simulated appliance: a lock granted, a package moved, a job ended.
type Effect struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"` // base time, not the appliance's
	Appliance string    `json:"appliance"`
	What      string    `json:"what"`           // for example "lock.granted"
	ID        string    `json:"id,omitempty"`   // lock id, job id or backup uuid
	By        string    `json:"by,omitempty"`   // user, empty when the appliance did it by itself
	More      string    `json:"more,omitempty"` // component, destination, reason
}

// Truth is the log of every effect, shared by all simulated appliances of a process. It is safe for concurrent use.
type Truth struct {
	mu      sync.Mutex
	seq     int64
	effects []Effect
	out     *json.Encoder
}

// NewTruth returns a truth log that also writes one JSON line an effect to w; w may be nil.
func NewTruth(w io.Writer) *Truth {
	t := &Truth{}
	if w != nil {
		t.out = json.NewEncoder(w)
	}
	return t
}

// Record appends an effect and numbers it.
func (t *Truth) Record(e Effect) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	e.Seq = t.seq
	t.effects = append(t.effects, e)
	if t.out != nil {
		_ = t.out.Encode(e) // a truth file that cannot be written must not change what the appliance does
	}
}

// Effects returns a copy of all effects so far, in order.
func (t *Truth) Effects() []Effect {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Effect(nil), t.effects...)
}
