package ecb

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
)

// Resume takes up what an earlier engine kept of the lock (faults.md TOK-02). A lock that it held is put to the proof as
// Settle does, and is ours from then on; one that it was only asking for, or giving back, is given back and not taken again
// (LCK-09). What is kept moves under our id before it is removed from under that engine's.
//
// ErrGone: nothing is kept, or what was kept has ended by our wall clock. ErrNotHeld: the token that was kept no longer owns
// the lock, and a renewal was on its way when that engine died: the error says until when a token that we never saw may hold
// the lock. Both are final. After any other error everything stays kept, and Resume may be called again.
func (c *Client) Resume(ctx context.Context, engine string) (held bool, err error) {
	held, err = c.resume(ctx, engine)
	return held, wrap("take up the configuration lock of an earlier run", err)
}

func (c *Client) resume(ctx context.Context, engine string) (bool, error) {
	switch {
	case c.opt.Tokens == nil || engine == c.opt.Engine:
		return false, fmt.Errorf("%w: nothing is kept of it", appliance.ErrGone)
	case c.http.ReadOnly():
		return false, appliance.ErrReadOnly
	}
	if err := c.begin(ctx); err != nil {
		return false, err
	}
	defer c.end()
	before := c.ownership()
	if c.live(before) {
		switch before.phase {
		case phaseHeld:
			return false, ErrYours
		case phaseLocking, phaseUnlocking, phaseDoubtful:
			return false, errOpen()
		}
	}
	o, err := c.revived(ctx, engine)
	if err != nil {
		if errors.Is(err, appliance.ErrGone) { // what was half written may be left all the same
			c.noteTrouble(c.opt.Tokens.Forget(ctx, engine))
		}
		return false, err
	}
	var held bool
	if o.phase == phaseUnlocking {
		err = c.resumeUnlock(ctx, o)
	} else {
		held, err = c.resumeHeld(ctx, o)
	}
	if err != nil && !errors.Is(err, appliance.ErrNotHeld) {
		c.setOwnership(before) // what that engine kept is still there
		return false, err
	}
	if !held || c.keptNow.Phase == KeptHeld {
		c.noteTrouble(c.opt.Tokens.Forget(context.WithoutCancel(ctx), engine))
	}
	return held, err
}

// revived is what an engine kept, with its tokens timed on our clock; those that have ended are left out. One from the future tells
// that our clock was set back: it may end at any moment, and a token lifetime from now at the latest. ErrGone when none is left.
func (c *Client) revived(ctx context.Context, engine string) (ownership, error) {
	k, err := c.opt.Tokens.Kept(ctx, engine)
	if err != nil {
		return ownership{}, err
	}
	now := c.clock.Now()
	timed := func(t KeptToken) token {
		age := now.Wall.Sub(t.Issued)
		if !usable(t.Text.Reveal()) || age >= c.opt.TokenLifetime {
			return token{}
		}
		if age < 0 {
			earliest := appliance.Reading{Wall: now.Wall.Add(-c.opt.TokenLifetime), Run: now.Run - c.opt.TokenLifetime}
			return token{text: t.Text, issued: appliance.Stamp{Sent: earliest, Received: now}, undated: t.Issued}
		}
		issued := appliance.Reading{Wall: t.Issued, Run: now.Run - age}
		return token{text: t.Text, issued: appliance.Stamp{Sent: issued, Received: issued}}
	}
	o := ownership{token: timed(k.Token), next: timed(k.Next)}
	if o.token.zero() {
		o.token, o.next = o.next, token{}
	}
	switch {
	case o.token.zero():
		return o, fmt.Errorf("%w: the token that owned it has ended", appliance.ErrGone)
	case k.URL != c.http.URL() || k.User != c.opt.User:
		return o, fmt.Errorf("its token is of user %s at %s, and is offered to nobody else: put the settings of the appliance "+
			"back to take the lock up, or wait until the token ends", appliance.Label(k.User), appliance.Label(k.URL))
	}
	switch k.Phase {
	case KeptLocking, KeptUnlocking:
		o.phase = phaseUnlocking
	case KeptHeld, KeptRenewing:
		o.phase = phaseDoubtful
	default:
		return o, fmt.Errorf("%w: it was kept in the phase %q", appliance.ErrUnsupported, appliance.Label(string(k.Phase)))
	}
	if age := max(0, now.Wall.Sub(k.Asked)); !k.Asked.IsZero() {
		o.asked = appliance.Reading{Wall: now.Wall.Add(-age), Run: now.Run - age}
	}
	c.mu.Lock()
	c.version = k.Version
	c.mu.Unlock()
	return o, nil
}

// resumeUnlock gives back what an earlier engine may own. Without an error the lock is surely not held by its tokens.
func (c *Client) resumeUnlock(ctx context.Context, o ownership) error {
	_, err := c.unlockAny(ctx, o)
	if errors.Is(err, appliance.ErrNotHeld) {
		return nil // somebody else's, or its token is dead
	}
	if err != nil {
		// What is open stays with the engine that kept it.
		c.noteTrouble(c.forget(context.WithoutCancel(ctx)))
	}
	return err
}

// resumeHeld finds out whether a token of an earlier engine owns the lock.
func (c *Client) resumeHeld(ctx context.Context, o ownership) (bool, error) {
	held, err := c.settleRenewal(ctx, o)
	if held || err != nil {
		return held, err
	}
	if hint := c.strayed(c.ownership()); hint != "" {
		kind := appliance.ErrNotHeld
		if c.ownership().other == appliance.HolderAnother {
			kind = errLost
		}
		return false, fmt.Errorf("%w: %s", kind, hint)
	}
	return false, nil
}
