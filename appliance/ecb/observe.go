package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"holdfast/appliance"
)

// Bounds of the observer probe.
const (
	observeEvery = 10 * time.Second // least time between two
	observeLimit = 10 * time.Second // most time that one takes
)

// observer is what asks whose the lock is: a token of its own, with which the lock is never asked for, and when it asked last.
type observer struct {
	token token
	last  appliance.Reading
}

// unwatched is why the probe is off, and for which build: one that was not known counts for every build.
type unwatched struct {
	build string
	why   appliance.Text
}

// observe asks whose the lock is, where that is wanted: by an unlock with a token that owns nothing, which must be refused and
// whose refusal says who holds the lock (api/ecb.md 3.4). It does so only while nothing of ours is held or open, and not more
// often than every ten seconds. What cannot be told now is not told.
//
// Danger: an appliance that compares users, not tokens, would give back a lock of our user. The first unlock that is not
// refused is an error and ends the probes on that build, and so does every refusal that says nothing of the lock.
func (c *Client) observe(ctx context.Context) error {
	if !c.opt.ObserverProbe || c.http.ReadOnly() {
		return nil
	}
	select {
	case <-c.turn:
		defer c.end()
	default:
		return nil // something of ours is on its way
	}
	now, o := c.clock.Now(), c.ownership()
	soon := !c.watch.last.IsZero() && now.Since(c.watch.last) < observeEvery
	if soon || o.phase != phaseNone && c.live(o) || c.noLocks() != "" || !c.notObserving().Empty() {
		return nil
	}
	c.watch.last = now
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	if c.left(c.watch.token) <= c.margin() {
		t, err := c.login(ctx)
		switch {
		case errors.Is(err, appliance.ErrCredentials), errors.Is(err, appliance.ErrNoPassword):
			return wrap("ask whose the configuration lock is", err) // it counts as a rejection (faults.md TOK-05)
		case err != nil:
			return nil
		}
		c.watch.token = t
	}
	return c.observeWith(ctx, o)
}

// observeWith sends the unlock and takes from its answer what it tells.
func (c *Client) observeWith(ctx context.Context, o ownership) error {
	resp, _, err := c.send(ctx, unlockRequest(c.restVersion(), c.watch.token.text), changing)
	holder := holderIn(err)
	switch {
	case resp == nil && !errors.Is(err, appliance.ErrMalformed):
		return nil // nobody answered
	case resp != nil && success(resp.Status):
		why := fmt.Errorf("the observer probe gave back a configuration lock that user %s held: this release compares users, "+
			"not tokens. The probe is off for this build; set observer_probe = false", appliance.Label(c.opt.User))
		c.stopObserving(why)
		o.other, o.seen = appliance.HolderNobody, resp.Stamp
		c.setOwnership(o)
		return why
	case resp != nil && resp.Status == http.StatusLocked && holder != appliance.HolderUnknown:
		o.other, o.seen = holder, resp.Stamp
		if holder == appliance.HolderNobody {
			o.asked = appliance.Reading{}
		}
		c.setOwnership(o)
	case resp != nil && resp.Status == http.StatusUnauthorized:
		c.watch.token = token{}
	case resp != nil && (resp.Status >= 500 || resp.Status == http.StatusTooManyRequests):
		return nil // not now
	default:
		c.stopObserving(fmt.Errorf("the observer probe is off for this build, its answer says nothing of the lock: %w", err))
	}
	return nil
}

// stopObserving ends the probes on this build.
func (c *Client) stopObserving(why error) {
	c.watch.token = token{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwatched = unwatched{build: c.facts.build.String(), why: appliance.Words(why.Error())}
}

// notObserving is why the probe is off on this build; empty = it is not.
func (c *Client) notObserving() appliance.Text {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.unwatched; u.build == "" || u.build == c.facts.build.String() {
		return u.why
	}
	return appliance.Text{}
}
