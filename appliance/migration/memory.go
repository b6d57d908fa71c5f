package migration

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that lasts as long as the process.
type Memory struct {
	mu      sync.Mutex
	records []Record
}

// BeginMigration keeps a record.
func (m *Memory) BeginMigration(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Steps, r.Order = slices.Clone(r.Steps), slices.Clone(r.Order)
	m.records = append(m.records, r)
	return nil
}

// SaveMigration keeps all but the steps.
func (m *Memory) SaveMigration(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.records {
		if m.records[i].ID == r.ID {
			r.Steps, r.Order = m.records[i].Steps, slices.Clone(r.Order)
			m.records[i] = r
		}
	}
	return nil
}

// SaveStep keeps a step.
func (m *Memory) SaveStep(_ context.Context, id string, n int, s Step) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.records {
		if m.records[i].ID == id {
			m.records[i].Steps[n] = s
		}
	}
	return nil
}

// AdoptMigrations finds nothing: no other engine ever wrote here.
func (m *Memory) AdoptMigrations(context.Context, ...string) ([]Record, error) { return nil, nil }

// OtherMigrations finds nothing, for the same reason.
func (m *Memory) OtherMigrations(context.Context, time.Time) ([]Other, error) { return nil, nil }

// Migrations are all, newest first.
func (m *Memory) Migrations(context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.records)
	for i := range all {
		all[i].Steps, all[i].Order = slices.Clone(all[i].Steps), slices.Clone(all[i].Order)
	}
	slices.Reverse(all)
	return all, nil
}
