package cli

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"

	"holdfast/appliance/config"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
)

// record is the journal of a run with the goroutine that keeps its events.
type record struct {
	journal *journal.Journal
	process *process
	engine  atomic.Pointer[fleet.Engine]
	running sync.WaitGroup
}

func journalPath(c *config.Config) string { return filepath.Join(c.StateDir, "journal.db") }

// openRecord opens the journal for the engine of that id. A journal that cannot be ours is wrong usage; one that only cannot
// be written now is told on the screen, and acts are then refused one by one.
func openRecord(ctx context.Context, env *Env, c *config.Config, id string, options journal.Options) (*record, error) {
	r := &record{process: env.process}
	options.Engine, options.Clock = id, env.Clock
	options.OnNotice = func(text string) {
		if e := r.engine.Load(); e != nil {
			e.Say(fleet.Warn, text)
		}
	}
	j, err := journal.Open(ctx, journalPath(c), options)
	if err != nil {
		return nil, exit(ExitUsage, err)
	}
	r.journal = j
	return r, nil
}

// follow keeps the events of the engine, beginning with what was found in the journal.
func (r *record) follow(e *fleet.Engine) {
	early := r.journal.Notices()
	r.engine.Store(e)
	for _, text := range early {
		e.Say(fleet.Warn, text)
	}
	r.running.Go(r.process.guard("keeping events", func() { r.journal.Follow(e) }))
}

// close waits for the last events of an engine that has ended, then closes the journal.
func (r *record) close() error {
	r.running.Wait()
	return r.journal.Close()
}
