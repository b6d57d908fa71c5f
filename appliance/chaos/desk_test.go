package chaos

import (
	"context"
	"errors"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
)

// desk is the journal of a process, of which the checker learns.
type desk struct {
	*journal.Journal
	p *process
}

// writes reports whether the process can write to its journal.
func (d desk) writes() error {
	if d.p.full.Load() {
		return errFull
	}
	return d.p.point()
}

// Intend records an intent.
func (d desk) Intend(ctx context.Context, in fleet.Intent) (uint64, error) {
	if err := d.writes(); err != nil {
		return 0, err
	}
	id, err := d.Journal.Intend(ctx, in)
	if err != nil {
		return 0, err
	}
	in.ID = id
	d.p.open.Add(1)
	d.p.w.check.intended(in)
	return id, d.p.point()
}

// Settle records how one ended.
func (d desk) Settle(ctx context.Context, id uint64, outcome fleet.Outcome, note string) error {
	if err := d.writes(); err != nil {
		return err
	}
	err := d.Journal.Settle(ctx, id, outcome, note)
	if err == nil {
		d.p.open.Add(-1)
		d.p.w.check.settled(id, outcome, note)
	}
	return errors.Join(err, d.p.point())
}

// Hold records a lock.
func (d desk) Hold(ctx context.Context, h fleet.Holding) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.Hold(ctx, h), d.p.point())
}

// Forget records that one is ours no more.
func (d desk) Forget(ctx context.Context, name string, lock appliance.LockID) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.Forget(ctx, name, lock), d.p.point())
}

// Track records a transfer.
func (d desk) Track(ctx context.Context, t fleet.Transit) error {
	if err := d.writes(); err != nil {
		return err
	}
	err := d.Journal.Track(ctx, t)
	if err == nil {
		d.p.w.check.tracked(t)
	}
	return errors.Join(err, d.p.point())
}

// Ended records that one is over, and how.
func (d desk) Ended(ctx context.Context, id uint64, how fleet.Ending) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.Ended(ctx, id, how), d.p.point())
}

// Adopt takes over what others left.
func (d desk) Adopt(ctx context.Context, names []string, only fleet.Only) (fleet.Estate, error) {
	if err := d.writes(); err != nil {
		return fleet.Estate{}, err
	}
	estate, err := d.Journal.Adopt(ctx, names, only)
	return estate, errors.Join(err, d.p.point())
}

// BeginMigration records a migration.
func (d desk) BeginMigration(ctx context.Context, r migration.Record) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.BeginMigration(ctx, r), d.p.point())
}

// SaveMigration records how one stands.
func (d desk) SaveMigration(ctx context.Context, r migration.Record) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.SaveMigration(ctx, r), d.p.point())
}

// SaveStep records how a step of one stands.
func (d desk) SaveStep(ctx context.Context, id string, n int, s migration.Step) error {
	if err := d.writes(); err != nil {
		return err
	}
	return errors.Join(d.Journal.SaveStep(ctx, id, n, s), d.p.point())
}

// AdoptMigrations takes over those that others left.
func (d desk) AdoptMigrations(ctx context.Context, ids ...string) ([]migration.Record, error) {
	if err := d.writes(); err != nil {
		return nil, err
	}
	all, err := d.Journal.AdoptMigrations(ctx, ids...)
	return all, errors.Join(err, d.p.point())
}
