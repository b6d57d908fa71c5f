package ecb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
)

// Two clients of one account contend for the lock while answers get lost and time passes. Neither ever claims it while
// the other has it, and in the end it is free (faults.md LCK-07, I2, I3).
func TestFault_LCK07_Rivals(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			b := newBench(t)
			both := []*Client{b.Client, b.another()}
			dice := rand.New(rand.NewPCG(seed, 7))
			for range 60 {
				switch dice.IntN(6) {
				case 0:
					b.between(on("configuration/lock", once(lose)))
				case 1:
					b.between(on("configuration/unlock", once(swallow)))
				case 2:
					b.between(on("auth/token", once(lose)))
				case 3:
					b.between(nil)
				}
				b.hands.advance(time.Duration(dice.IntN(150)) * time.Second)
				c := both[dice.IntN(2)]
				var err error
				switch dice.IntN(4) {
				case 0:
					_, err = c.Acquire(t.Context(), theClaim)
				case 1:
					_, err = c.Renew(t.Context(), theLock)
				case 2:
					_, err = c.Release(t.Context(), theLock)
				case 3:
					_, err = c.Settle(t.Context())
				}
				if errors.Is(err, appliance.ErrMalformed) || errors.Is(err, appliance.ErrCredentials) {
					t.Fatal(err)
				}
				one, two := lockOf(t, both[0]).Holder == appliance.HolderYou, lockOf(t, both[1]).Holder == appliance.HolderYou
				if one && two || (one || two) && b.sim.LockOwner() != "admin" {
					t.Fatalf("claimed by the first: %v, by the second: %v; the appliance says %q", one, two, b.sim.LockOwner())
				}
			}
			b.between(nil)
			b.hands.advance(10 * time.Minute)
			r, err := both[0].Acquire(t.Context(), theClaim)
			if err != nil {
				t.Fatalf("after all tokens have ended: %v", err)
			}
			if _, err := both[0].Release(t.Context(), r.Lock); err != nil || b.sim.LockOwner() != "" {
				t.Errorf("released: %v, the appliance says %q", err, b.sim.LockOwner())
			}
		})
	}
}

// Eight operators at once: whoever is let in is alone, and nobody releases what another holds.
func TestFault_LCK07_EightAtOnce(t *testing.T) {
	b := newBench(t)
	var inside sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		c := b.another()
		all.Go(func() {
			for range 8 {
				_, err := c.Acquire(t.Context(), theClaim)
				if errors.Is(err, appliance.ErrHeld) {
					if _, err := c.Release(t.Context(), theLock); !errors.Is(err, appliance.ErrNotHeld) {
						t.Errorf("released a lock that was refused: %v", err)
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !inside.TryLock() {
					t.Error("two are let in")
					return
				}
				_, errRenew := c.Renew(t.Context(), theLock)
				inside.Unlock()
				_, errRelease := c.Release(t.Context(), theLock)
				if err := errors.Join(errRenew, errRelease); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if owner := b.sim.LockOwner(); owner != "" {
		t.Errorf("left held by %q", owner)
	}
}
