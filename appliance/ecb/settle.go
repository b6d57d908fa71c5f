package ecb

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
)

// Settle finds out what became of the last request about the lock when its answer was lost, and reports whether we hold
// the lock now. A nil error means that nothing is open any more; Locks then tells the rest.
//
// A lost lock request is settled by giving the lock back with the same token and asking for it anew (faults.md LCK-09):
// nothing was edited with it yet, and whether the first request had taken effect no longer matters. When somebody else
// holds the lock, it stays with them. A lost unlock is sent again. After a lost renewal the token from before it is put
// to the proof, and so is the token of a lock that came in doubt (see Doubt). Once the tokens have ended there is nothing to settle.
func (c *Client) Settle(ctx context.Context) (held bool, err error) {
	if err := c.begin(ctx); err != nil {
		return false, err
	}
	defer c.end()
	o := c.ownership()
	switch {
	case o.phase == phaseNone:
		return false, nil
	case !c.live(o):
		c.become(ctx, ownership{asked: o.asked})
		return false, nil
	}
	switch o.phase {
	case phaseLocking:
		return c.settleLock(ctx, o)
	case phaseUnlocking:
		_, err := c.unlockAny(ctx, o)
		if errors.Is(err, appliance.ErrNotHeld) {
			err = nil
		}
		return false, wrap("settle the unlocking of the configuration", err)
	case phaseHeld:
		if !o.shaken {
			return true, nil
		}
	}
	return c.settleRenewal(ctx, o)
}

func (c *Client) settleLock(ctx context.Context, o ownership) (bool, error) {
	u, err := c.unlockAny(ctx, o)
	if errors.Is(err, appliance.ErrNotHeld) {
		return false, nil // somebody else's, or our token is dead
	}
	if err != nil {
		// Giving back is what failed, but what is to be settled is still the request for the lock.
		c.become(ctx, o)
		return false, wrap("settle the locking of the configuration", err)
	}
	if !u.free() {
		return false, nil
	}
	_, err = c.lockWith(ctx, o.token)
	if errors.Is(err, appliance.ErrHeld) {
		return false, nil
	}
	return err == nil, err
}

// settleRenewal asks whether a token of ours owns the lock still, as after a renewal whose answer was lost.
func (c *Client) settleRenewal(ctx context.Context, o ownership) (bool, error) {
	o, t := c.findOwner(ctx, o)
	switch t.verdict {
	case owner:
		c.become(ctx, ownership{phase: phaseHeld, token: o.token})
		return true, nil
	case noOwner:
		c.lost(ctx, o, t.err, t.at)
		return false, nil
	default:
		return false, fmt.Errorf("ask whether the configuration lock is yours still: %w", t.err)
	}
}
