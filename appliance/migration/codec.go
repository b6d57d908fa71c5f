package migration

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// stored is a Record but its steps, as JSON. What an appliance wrote is read through the sanitiser again, as a file may have
// been changed by others.
type stored struct {
	Plan  storedPlan `json:"plan"`
	State State      `json:"state"`
	Note  string     `json:"note,omitempty"`
	Begun time.Time  `json:"begun"`
	Ended time.Time  `json:"ended"`
	Order []int      `json:"order"`
}

type storedPlan struct {
	Made        time.Time      `json:"made"`
	Who         string         `json:"who"`
	Verb        appliance.Verb `json:"verb"`
	Careful     bool           `json:"careful,omitempty"`
	Destination string         `json:"destination"`
	Target      string         `json:"target,omitempty"`
	AtOnce      int            `json:"at_once"`
	OnFailure   OnFailure      `json:"on_failure"`
	KeepLock    string         `json:"keep_lock,omitempty"`
	Process     bool           `json:"process,omitempty"`
}

type storedStep struct {
	Appliance string             `json:"appliance"`
	Backup    appliance.BackupID `json:"backup"`
	Label     string             `json:"label"`
	Checksum  string             `json:"checksum"`
	Size      int64              `json:"size"`
	Phase     Phase              `json:"phase"`
	Stage     Stage              `json:"stage"`
	Try       int                `json:"try"`
	Job       appliance.JobID    `json:"job,omitempty"`
	Began     time.Time          `json:"began"`
	Ended     time.Time          `json:"ended"`
	Sent      time.Time          `json:"sent"`
	Took      time.Duration      `json:"took,omitempty"`
	Turn      int                `json:"turn,omitempty"`
	Fate      fleet.Fate         `json:"fate,omitempty"`
	Note      string             `json:"note,omitempty"`
}

// Encode writes all of a record but its id, its engine and its steps.
func (r *Record) Encode() ([]byte, error) {
	p := &r.Plan
	b, err := json.Marshal(stored{
		Plan:  storedPlan{p.Made, p.Who, p.Verb, p.Careful, p.Destination, p.Target, p.AtOnce, p.OnFailure, p.KeepLock, p.Process},
		State: r.State, Note: r.Note, Begun: r.Begun, Ended: r.Ended, Order: r.Order,
	})
	if err != nil {
		return nil, fmt.Errorf("write down a migration: %w", err)
	}
	return b, nil
}

// Encode writes a step.
func (s *Step) Encode() ([]byte, error) {
	b, err := json.Marshal(storedStep{
		Appliance: s.Item.Appliance, Backup: s.Item.Backup, Label: s.Item.Label.String(), Checksum: s.Item.Checksum.String(),
		Size: s.Item.Size, Phase: s.Phase, Stage: s.Stage, Try: s.Try, Job: s.Job, Began: s.Began, Ended: s.Ended, Sent: s.Sent,
		Took: s.Took, Turn: s.Turn, Fate: s.Fate, Note: s.Note,
	})
	if err != nil {
		return nil, fmt.Errorf("write down a step: %w", err)
	}
	return b, nil
}

// Decode is the reverse of the Encodes. Errors say what cannot be read.
func Decode(id, engine string, record []byte, steps [][]byte) (Record, error) {
	var x stored
	if err := json.Unmarshal(record, &x); err != nil {
		return Record{}, fmt.Errorf("read migration %s: %w", id, err)
	}
	r := Record{
		ID: id, Engine: engine, State: printable(x.State), Note: printable(x.Note), Begun: x.Begun, Ended: x.Ended, Order: x.Order,
		Plan: Plan{
			Made: x.Plan.Made, Who: printable(x.Plan.Who), Verb: x.Plan.Verb, Careful: x.Plan.Careful,
			Destination: printable(x.Plan.Destination), Target: printable(x.Plan.Target), AtOnce: x.Plan.AtOnce,
			OnFailure: x.Plan.OnFailure, KeepLock: printable(x.Plan.KeepLock), Process: x.Plan.Process,
		},
	}
	for n, b := range steps {
		var s storedStep
		if err := json.Unmarshal(b, &s); err != nil {
			return Record{}, fmt.Errorf("read step %d of migration %s: %w", n+1, id, err)
		}
		it := Item{
			Appliance: printable(s.Appliance), Backup: s.Backup, Label: appliance.Label(s.Label), Checksum: appliance.Label(s.Checksum),
			Size: s.Size,
		}
		r.Plan.Items = append(r.Plan.Items, it)
		r.Steps = append(r.Steps, Step{
			Item: it, Phase: printable(s.Phase), Stage: printable(s.Stage), Try: s.Try, Job: printable(s.Job), Began: s.Began,
			Ended: s.Ended, Sent: s.Sent, Took: s.Took, Turn: s.Turn, Fate: printable(s.Fate), Note: printable(s.Note),
		})
	}
	return r, r.sound()
}

// printable cleans what a file says; what sound checks anyway is left as it is.
func printable[S ~string](s S) S { return S(appliance.Words(string(s)).String()) }

// sound reports what in a record cannot be.
func (r *Record) sound() error {
	if err := r.Plan.Check(); err != nil {
		return fmt.Errorf("read migration %s: %w", r.ID, err)
	}
	return r.inOrder()
}

// inOrder has the order name each step that is queued, once. It is written after the steps, if at all: it may name one that is
// under way by now, and lack one that is queued again.
func (r *Record) inOrder() error {
	var order []int
	for _, n := range r.Order {
		switch {
		case n < 0 || n >= len(r.Steps):
			return fmt.Errorf("read migration %s: its order names step %d, which cannot be", r.ID, n+1)
		case r.Steps[n].Phase == PhaseQueued && !slices.Contains(order, n):
			order = append(order, n)
		}
	}
	for n := range r.Steps {
		if r.Steps[n].Phase == PhaseQueued && !slices.Contains(order, n) {
			order = append(order, n)
		}
	}
	r.Order = order
	return nil
}
