package journal

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
)

// bequest is everything that ended engines left.
type bequest struct {
	fleet.Estate
	migrations []migration.Record
}

func takeOver(ctx context.Context, j *Journal) (b bequest, err error) {
	if b.migrations, err = j.AdoptMigrations(ctx); err != nil {
		return b, err
	}
	b.Estate, err = j.Adopt(ctx, nil, nil)
	return b, err
}

// names is what is in it, by kind and number.
func names(e bequest) (all []string) {
	for _, r := range e.Intents {
		all = append(all, fmt.Sprintf("intent%d", r.ID))
	}
	for _, h := range e.Holdings {
		all = append(all, "holding"+strings.TrimLeft(string(h.Lock), "0"))
	}
	for _, x := range e.Transits {
		all = append(all, fmt.Sprintf("transit%d", x.ID))
	}
	for _, m := range e.migrations {
		all = append(all, "migration"+m.ID[1:])
	}
	return all
}

func endMigration(ctx context.Context, j *Journal, i int) error {
	m := someMigration(i, 2)
	m.State, m.Ended = migration.StateDone, noon
	return j.SaveMigration(ctx, m)
}

// finish ends all of it.
func finish(ctx context.Context, j *Journal, e bequest) error {
	for _, m := range e.migrations {
		i, err := strconv.Atoi(m.ID[1:])
		if err != nil {
			return err
		}
		if err := endMigration(ctx, j, i); err != nil {
			return err
		}
	}
	for _, r := range e.Intents {
		if err := j.Settle(ctx, r.ID, fleet.OutcomeUnknown, "adopted"); err != nil {
			return err
		}
	}
	for _, h := range e.Holdings {
		if err := j.Forget(ctx, h.Appliance, h.Lock); err != nil {
			return err
		}
	}
	for _, x := range e.Transits {
		if err := j.Ended(ctx, x.ID, someEnding()); err != nil {
			return err
		}
	}
	return nil
}
