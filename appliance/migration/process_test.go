package migration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// A push waits for the passphrase that its target needs; a wrong one can be given again, and none is kept.
func TestPassphrase(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target, p.Process = "fresh", true
		v := b.run(t, p)
		must(t, "phase", v.Steps[0].Phase, PhasePassphrase)
		must(t, "too early for another word", errors.Is(b.Retry(maria, v.ID, 0), ErrNotNow), true)
		must(t, "empty", errors.Is(b.Passphrase(maria, v.ID, 0, phrase("")), ErrNotNow), true)
		for _, try := range []struct {
			phrase string
			want   Phase
		}{{"wrong canary", PhasePassphrase}, {"right phrase", PhaseDone}} {
			if err := b.Passphrase(maria, v.ID, 0, phrase(try.phrase)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			v = b.rest(t, v.ID)
			must(t, try.phrase, v.Steps[0].Phase, try.want)
		}
		must(t, "state", v.State, StateDone)
		last := b.f.sent[len(b.f.sent)-1]
		must(t, "processed at", last.name, "fresh")
		all, _ := b.store.Migrations(t.Context())
		kept := fmt.Sprintf("%+v", all)
		if strings.Contains(kept, "canary") || strings.Contains(kept, "right phrase") {
			t.Error("a passphrase is kept")
		}
		must(t, "pushes", b.f.count(appliance.VerbPush)[uuid(0)], 1)
	})
}

// (api/lxca.md 3.7).
func TestPushesWaitForTheProcessing(t *testing.T) {
	bubble(t, 3, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbPush, "198.18.0.9", 3)
		p.Target, p.Process = "fresh", true
		v := b.run(t, p)
		for n := range 3 {
			must(t, "state", v.State, StateAsking)
			must(t, "waits", v.Steps[n].Phase, PhasePassphrase)
			must(t, "pushed", len(b.f.count(appliance.VerbPush)), n+1)
			must(t, "given", b.Passphrase(maria, v.ID, n, phrase("right phrase")), nil)
			v = b.rest(t, v.ID)
			must(t, "processed", v.Steps[n].Phase, PhaseDone)
		}
		must(t, "in the end", v.State, StateDone)
	})
}

// A passphrase is kept while the target is busy with something else, and is not asked for again.
func TestPassphraseWaitsForABusyTarget(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target, p.Process = "fresh", true
		v := b.run(t, p)
		busy := time.Now().Add(time.Minute)
		b.f.mu.Lock()
		b.f.hinders = func(string, appliance.Act) (string, bool) {
			if time.Now().Before(busy) {
				return "a backup is made there", true
			}
			return "", false
		}
		b.f.mu.Unlock()
		must(t, "given", b.Passphrase(maria, v.ID, 0, phrase("right phrase")), nil)
		time.Sleep(10 * time.Second)
		v, _ = b.View(v.ID)
		must(t, "why it waits", v.Waits[0], "a backup is made there")
		v = b.rest(t, v.ID)
		must(t, "in the end", v.Tally(), "1 done")
	})
}

// To retry a processing takes the passphrase again.
func TestProcessingIsRetriedWithAPassphrase(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		b.f.fate = func(_ appliance.Act, n int) (fleet.Fate, string) {
			if n == 1 {
				return fleet.FateUnknown, "nobody knows"
			}
			return "", ""
		}
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target, p.Process = "fresh", true
		v := b.run(t, p)
		must(t, "given", b.Passphrase(maria, v.ID, 0, phrase("right phrase")), nil)
		v = b.rest(t, v.ID)
		must(t, "then", v.Steps[0].Phase, PhaseUnknown)
		must(t, "retry", b.Retry(maria, v.ID, 0), nil)
		v = b.rest(t, v.ID)
		must(t, "needs", v.Steps[0].Phase, PhasePassphrase)
		for _, x := range b.f.sent {
			must(t, "sent with a passphrase", x.phrase != "" || x.act.Verb == appliance.VerbPush, true)
		}
	})
}
