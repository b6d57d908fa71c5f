package migration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// releaseLimit is for giving back a lock that was kept for a migration.
const releaseLimit = 20 * time.Second

// lockTrouble is why a lock that the plan wants is not kept.
type lockTrouble struct {
	doing string
	err   error
}

func (t *lockTrouble) Error() string { return t.doing + ": " + appliance.Reason(t.err) }
func (t *lockTrouble) Unwrap() error { return t.err }

// purpose is what the locks of a migration are for, by which they are known again.
func (m *run) purpose() string { return "migration " + m.rec.ID }

// lockOf is the lock that is held at an appliance for this migration.
func (m *run) lockOf(name string) (fleet.Lock, bool) {
	if s := m.fleet.Snapshot(name); s != nil {
		for _, l := range s.Locks {
			if l.Mine && !l.Owed && l.Scope.Code == m.rec.Plan.KeepLock && l.Purpose == m.purpose() {
				return l, true
			}
		}
	}
	return fleet.Lock{}, false
}

// secure has the lock held and kept that the plan wants at an appliance before anything is sent there.
func (m *run) secure(ctx context.Context, n int, name string) error {
	m.mu.Lock()
	gate := m.gates[name]
	if gate == nil {
		gate = make(chan struct{}, 1)
		m.gates[name] = gate
	}
	p, scope := m.who(n), m.rec.Plan.KeepLock
	m.mu.Unlock()
	if scope == "" {
		return nil
	}
	select { // several steps at one appliance share the lock
	case gate <- struct{}{}:
		defer func() { <-gate }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l, held := m.lockOf(name)
	if held && l.Kept {
		return nil
	}
	if !held {
		rules := m.fleet.LockRules(name)
		claim := appliance.Claim{Scope: scope, TTL: fleet.Mark(rules.DefaultTTL, rules.MaxTTL, rand.Float64())} // faults.md LCK-02
		r, err := m.fleet.DoWith(ctx, p, name, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim, Purpose: m.purpose()}, nil)
		if err != nil {
			return &lockTrouble{fmt.Sprintf("take the lock %s of %s", scope, name), err}
		}
		l.Lock = appliance.Lock{ID: r.Lock, Scope: appliance.Scope{Code: scope}}
	}
	if _, err := m.fleet.DoWith(ctx, p, name, appliance.Act{Verb: appliance.VerbKeep, Lock: l.Lock}, nil); err != nil {
		return &lockTrouble{fmt.Sprintf("keep the lock %s of %s", scope, name), err}
	}
	return nil
}

// giveBack releases the locks that were kept for the migration, once it has ended; what cannot be now is owed. The caller holds
// r.mu.
func (m *run) giveBack() {
	if m.rec.Plan.KeepLock == "" {
		return
	}
	p := m.person
	for _, name := range append(m.rec.Plan.Appliances(), m.rec.Plan.Target) {
		l, held := m.lockOf(name)
		if !held {
			continue
		}
		life := context.WithoutCancel(m.ctx)
		m.spawn("giving a lock back", func() {
			ctx, cancel := context.WithTimeout(life, releaseLimit)
			defer cancel()
			_, err := m.fleet.DoWith(ctx, p, name, appliance.Act{Verb: appliance.VerbRelease, Lock: l.Lock}, nil)
			if errors.Is(err, fleet.ErrRefusedByUs) {
				_ = m.fleet.Owe(ctx, p, name, l.ID) // a failure is told by the engine
			}
		})
	}
}
