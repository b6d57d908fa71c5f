package migration

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// The lock that a plan wants is held and kept before anything is sent there, taken once, and given back at the end.
func TestKeepsALockMeanwhile(t *testing.T) {
	bubble(t, 6, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbCopy, "/mnt/nas", 6)
		p.AtOnce, p.KeepLock = 3, "DM"
		foreign := fleet.Lock{Lock: appliance.Lock{ID: "others", Scope: appliance.Scope{Code: "DM"}}}
		b.f.locks["dc1"] = []fleet.Lock{foreign}
		b.f.show()
		v := b.run(t, p)
		must(t, "state", v.State, StateDone)
		time.Sleep(time.Second)
		must(t, "taken", len(b.f.count(appliance.VerbAcquire)), 1)
		for ref, held := range b.f.held {
			must(t, "locks there at "+ref, held, 2)
		}
		must(t, "left at the end", len(b.f.locks["dc1"]), 1)
		must(t, "another's lock", b.f.locks["dc1"][0].ID, foreign.ID)
	})
}

// The time that is asked for tells the lock from others' in a list, should the answer be lost.
func TestFault_LCK02_LockOfAMigrationIsKnownAgain(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		p := plan(appliance.VerbCopy, "/mnt/nas", 1)
		p.KeepLock = "DM"
		b.run(t, p)
		if ttl := b.f.sent[0].act.Claim.TTL; ttl <= 20*time.Minute || ttl > 22*time.Minute || ttl%time.Minute == 0 {
			t.Errorf("asked for a lock for %s", ttl)
		}
	})
}

// Without the lock nothing is sent: the operator decides.
func TestNothingIsSentWithoutTheLock(t *testing.T) {
	bubble(t, 1, func(t *testing.T, b *bench) {
		refuses := true
		b.f.do = func(act appliance.Act, _ int) error {
			if refuses && act.Verb == appliance.VerbAcquire {
				return &appliance.Refusal{Status: 403, Kind: appliance.ErrForbidden}
			}
			return nil
		}
		p := plan(appliance.VerbCopy, "/mnt/nas", 1)
		p.KeepLock = "DM"
		v := b.run(t, p)
		must(t, "state", v.State, StateAsking)
		must(t, "copies", len(b.f.count(appliance.VerbCopy)), 0)
		if !strings.Contains(v.Note, "take the lock DM of dc1") {
			t.Errorf("said %q", v.Note)
		}
		refuses = false
		must(t, "resume", b.Resume(maria, v.ID), nil)
		must(t, "in the end", b.rest(t, v.ID).State, StateDone)
	})
}
