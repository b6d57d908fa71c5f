package journal

import (
	"context"
	"database/sql"

	"holdfast/appliance/fleet"
)

// intentsSince are those about no lock, whatever came of them.
const intentsSince = `SELECT ` + intentColumns + `, sum FROM intents WHERE id > ? AND outcome <> '' AND lock = '' AND scope = ''`

// Others tells what others than this engine have, in one moment, each kind oldest first: the holdings of engines that run, and of
// all engines the transfers whose outcome is not known yet and the intents without an outcome. Of intents about no lock also those
// that were recorded since the oldest such transfer of this engine: what was begun then may be over by now, and its job there.
func (j *Journal) Others(ctx context.Context) (estate fleet.Estate, err error) {
	runs := j.runs()
	others := func(keeper, _ string) bool { return keeper != j.options.Engine }
	var found left
	err = j.snapshot(ctx, "read what other engines have", func(tx *sql.Tx) (err error) {
		found = left{}
		running := func(keeper, where string) bool { return others(keeper, where) && runs(keeper) }
		if found.holdings, err = read[holding](ctx, tx, "holdings", allHoldings, running); err != nil {
			return err
		}
		if found.intents, err = read[intent](ctx, tx, "intents", openIntents, others); err != nil {
			return err
		}
		all, err := read[transit](ctx, tx, "transits", allTransits, func(string, string) bool { return true })
		if err != nil {
			return err
		}
		oldest := int64(0) // of ours
		for _, r := range all {
			switch {
			case others(r.keeping()):
				found.transits = append(found.transits, r)
			case oldest == 0:
				oldest = r.id
			}
		}
		if oldest == 0 {
			return nil
		}
		since, err := read[intent](ctx, tx, "intents", intentsSince, others, oldest)
		found.intents = append(found.intents, since...)
		return err
	})
	if err == nil {
		estate, err = found.estate()
	}
	if err != nil {
		return fleet.Estate{}, err
	}
	return estate, nil
}
