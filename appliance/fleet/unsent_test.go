package fleet

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// An act that was given up before its request was sent, as its time was over or the engine ended, had no effect for sure: its
// record says so, and nothing is looked for.
func TestFault_LCK02_GivenUpBeforeItWasSent(t *testing.T) {
	waits := func(call string) func(context.Context, string) error {
		return func(ctx context.Context, what string) error {
			if what != call {
				return nil
			}
			<-ctx.Done()
			return fmt.Errorf("dc1: not sent: %w", ctx.Err())
		}
	}
	acts := map[string]func(b *bench) appliance.Act{
		"acquire": func(*bench) appliance.Act { return up20 },
		"release": func(b *bench) appliance.Act {
			return appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(b.acquire(20 * time.Minute)).Lock}
		},
		"transfer": func(*bench) appliance.Act { return send(appliance.VerbCopy, "/mnt/nas") },
	}
	for call, what := range acts {
		for _, closing := range []bool{false, true} {
			run(t, withNightly, func(t *testing.T, b *bench) {
				act := what(b)
				b.f.with(func() { b.f.before = waits(call) })
				if !closing {
					act.Deadline = 3 * time.Second
				}
				done := begun(func() error { _, err := b.e.Do(t.Context(), maria, "dc1", act); return err })
				synctest.Wait()
				if closing {
					b.e.Close()
				}
				if err := <-done; err == nil || outcomeOf(err) != OutcomeRefused {
					t.Fatalf("%s: %v", call, err)
				}
				synctest.Wait()
				records := b.notes.Records()
				last := records[len(records)-1]
				must(t, fmt.Sprintf("%s, closing %t: outcome of %s (%s)", call, closing, last.Act.Verb, last.Note), last.Outcome, OutcomeRefused)
				must(t, "doubts", len(b.snap().Doubts), 0)
				must(t, "transfers that are looked for", len(b.notes.Transits()), 0)
				must(t, "effects", b.f.asked(call), 1)
			})
		}
	}
}

// begun runs f beside the test and sends what it returns.
func begun(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}
