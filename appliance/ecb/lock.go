package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// ErrYours is the error of asking for the lock while we hold it: a second token could never have it.
var ErrYours = errors.New("the configuration lock is already yours: extend or release it")

// phase is what we know of the lock and of our last request about it.
type phase int

const (
	phaseNone      phase = iota // not ours, and nothing of ours is open
	phaseHeld                   // ours, as long as a token of ours lives
	phaseLocking                // a lock request was sent, its outcome is not known
	phaseUnlocking              // an unlock request was sent, its outcome is not known
	phaseDoubtful               // it was ours; a renewal that failed may have moved it to a token that we never saw
)

// ownership is all that we know of the lock.
type ownership struct {
	phase phase
	token token // the one with which the lock was asked for, or the last that was shown to own it
	next  token // renewed from token and not yet shown to own the lock; usually zero
	// asked is when a renewal was last asked for whose answer is missing: the lock may be with a token that we never saw.
	// Zero: there is no such renewal.
	asked appliance.Reading
	// shaken tells that something happened since the lock was last shown to be ours by which it may have been lost.
	shaken bool
	// other and seen tell whose the lock was when somebody told us last, while it is not ours.
	other appliance.Holder
	seen  appliance.Stamp
}

func (c *Client) ownership() ownership {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own
}

func (c *Client) setOwnership(o ownership) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = o
}

// Doubt has Locks say that it is not known whose the lock is, until Settle or Renew has put the token to the proof.
func (c *Client) Doubt() {
	c.forgetProof() // a renewal that is under way proves itself
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own.shaken = c.own.phase == phaseHeld
}

// live reports whether a token that may own the lock is still inside its lifetime.
func (c *Client) live(o ownership) bool { return c.left(o.token) > 0 || c.left(o.next) > 0 }

// lost records that none of our tokens owns the lock: whose it is by err, the answer that told us, and when.
func (c *Client) lost(ctx context.Context, o ownership, err error, at appliance.Stamp) {
	after := ownership{other: holderIn(err), seen: at}
	if after.other != appliance.HolderNobody {
		after.asked = o.asked
	}
	c.become(ctx, after)
}

// strayed says until when a token of ours that we never saw may own the lock; empty = there is no such token.
func (c *Client) strayed(o ownership) string {
	if o.asked.IsZero() || c.clock.Now().Run-o.asked.Run >= c.opt.TokenLifetime {
		return ""
	}
	return "the answer to a renewal was lost, so that it may be held by a token of ours that we never saw, until about " +
		o.asked.Wall.Add(c.opt.TokenLifetime).Format("15:04:05 MST")
}

// LockRules offers the one lock there is. It lasts as long as the token with which it was taken.
func (c *Client) LockRules() appliance.LockRules {
	return appliance.LockRules{Scopes: []appliance.Scope{scope()}, DefaultTTL: c.opt.TokenLifetime}
}

func scope() appliance.Scope { return appliance.Scope{Code: appliance.ConfigurationLock} }

// Locks tells what is known of the lock, which is never asked for: the API has no such request (api/ecb.md 3.4). The one
// lock in the list is `you` until the end of the token that was last shown to own it, unless that came in doubt meanwhile (see
// Doubt), `another` or `nobody` as an answer told at Seen, and `unknown` otherwise. With the setting ObserverProbe it is asked for all the same: see observe.
func (c *Client) Locks(ctx context.Context) (appliance.LockList, error) {
	c.sweep(ctx)
	if err := c.observe(ctx); err != nil {
		return appliance.LockList{}, err
	}
	o := c.ownership()
	lock := appliance.Lock{ID: appliance.ConfigurationLock, Scope: scope(), Holder: appliance.HolderUnknown, Exclusive: true}
	switch {
	case o.phase == phaseHeld && !o.shaken && c.left(o.token) > 0:
		lock = c.mine(o.token)
	case o.other != "": // and so not ours, or ended
		lock.Holder, lock.Seen = o.other, o.seen
	}
	now := c.clock.Now()
	return appliance.LockList{
		Locks: []appliance.Lock{lock},
		Stamp: appliance.Stamp{Sent: now, Received: now},
	}, nil
}

// mine is the lock as owned by t.
func (c *Client) mine(t token) appliance.Lock {
	return appliance.Lock{
		ID:        appliance.ConfigurationLock,
		Scope:     scope(),
		Holder:    appliance.HolderYou,
		TTL:       c.opt.TokenLifetime,
		Seen:      t.issued,
		Exclusive: true,
	}
}

// Acquire asks for the lock with a token of its own. The receipt's stamp is that of the token's issue, as the lock ends with
// the token. A token to which the lock was refused because somebody else held it is used again while it has more than half of
// its life before it, so that waiting for the lock costs few logins; then the lock lasts the less.
//
// Somebody else's lock is ErrHeld; after ErrAmbiguous see Settle. While we hold the lock it is ErrYours and nothing is sent.
// Nothing is asked for either when the token cannot be kept (see Tokens).
func (c *Client) Acquire(ctx context.Context, claim appliance.Claim) (appliance.Receipt, error) {
	if claim.Scope != appliance.ConfigurationLock {
		return appliance.Receipt{}, fmt.Errorf("lock %q: %w: there is only the lock %q", claim.Scope,
			appliance.ErrUnsupported, appliance.ConfigurationLock)
	}
	if c.http.ReadOnly() {
		return appliance.Receipt{}, fmt.Errorf("lock the configuration: %w", appliance.ErrReadOnly)
	}
	if err := c.begin(ctx); err != nil {
		return appliance.Receipt{}, err
	}
	defer c.end()
	if o := c.ownership(); c.live(o) {
		switch o.phase {
		case phaseHeld:
			return appliance.Receipt{}, ErrYours
		case phaseLocking, phaseUnlocking, phaseDoubtful:
			return appliance.Receipt{}, errOpen()
		}
	}
	if why := c.noLocks(); why != "" {
		return appliance.Receipt{}, fmt.Errorf("lock the configuration: %w: %s", appliance.ErrUnsupported, why)
	}
	t, used := c.takeSpare()
	if !used {
		var err error
		if t, err = c.login(ctx); err != nil {
			return appliance.Receipt{}, fmt.Errorf("lock the configuration: %w", err)
		}
	}
	receipt, err := c.lockWith(ctx, t)
	if used && statusOf(err) == http.StatusUnauthorized {
		// It says nothing of our credentials, and what changes something is not sent again (faults.md TOK-06).
		return receipt, fmt.Errorf("lock the configuration: %w: the appliance no longer knows the token of the last try "+
			"(restarted?); ask for the lock again", appliance.ErrBusy)
	}
	return receipt, err
}

// takeSpare takes the token of a try that was refused, if it is still good for another one.
func (c *Client) takeSpare() (token, bool) {
	t := c.goodSpare()
	c.setSpare(token{})
	return t, !t.zero()
}

// goodSpare is the token that the next try would use; zero = it would log in.
func (c *Client) goodSpare() token {
	c.mu.Lock()
	t := c.spare
	c.mu.Unlock()
	if c.left(t) <= c.opt.TokenLifetime/2 {
		return token{}
	}
	return t
}

func (c *Client) setSpare(t token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = t
}

func errNoSuchLock(what string, l appliance.Lock) error {
	return fmt.Errorf("%s %q: %w: no such lock", what, appliance.Label(string(l.ID)), appliance.ErrUnsupported)
}

func errOpen() error {
	return fmt.Errorf("%w: of an earlier request for or about the configuration lock", appliance.ErrAmbiguous)
}

// lockWith asks once for the lock with t and records what came of it.
func (c *Client) lockWith(ctx context.Context, t token) (appliance.Receipt, error) {
	before, asking := c.ownership(), ownership{phase: phaseLocking, token: t}
	if err := c.keep(ctx, asking); err != nil {
		c.noteTrouble(c.forget(context.WithoutCancel(ctx)))
		c.setSpare(t)
		return appliance.Receipt{}, fmt.Errorf("lock the configuration: nothing was asked for: %w", err)
	}
	c.setOwnership(asking)
	resp, said, err := c.send(ctx, lockRequest(c.restVersion(), t.text), locking)
	after := ownership{other: before.other, seen: before.seen, asked: before.asked}
	switch {
	case err == nil:
		c.become(ctx, ownership{phase: phaseHeld, token: t})
		return appliance.Receipt{Stamp: t.issued, Lock: c.mine(t), Told: c.withTrouble(said)}, nil
	case errors.Is(err, appliance.ErrAmbiguous): // the phase stays
	case statusOf(err) == http.StatusLocked:
		after.other, after.seen = appliance.HolderAnother, resp.Stamp
		c.become(ctx, after)
		c.setSpare(t)
		err = withHint(err, c.strayed(after))
	default: // nobody said anything of the lock
		c.become(ctx, after)
	}
	return appliance.Receipt{}, fmt.Errorf("lock the configuration: %w", err)
}

// withHint adds words of ours to what the appliance said.
func withHint(err error, hint string) error {
	var r *appliance.Refusal
	if hint == "" || !errors.As(err, &r) {
		return err
	}
	more := *r
	more.Messages = append(slices.Clone(r.Messages), appliance.Message{Text: appliance.Words(hint)})
	return &more
}

// send sends a request that needs the owning token and learns from the answer whether we may change things there.
func (c *Client) send(
	ctx context.Context, r transport.Request, p purpose,
) (*transport.Response, []appliance.Message, error) {
	resp, err := c.http.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	said, err := settled(resp, p)
	switch {
	case err == nil:
		c.learnRight(true)
	case statusOf(err) == http.StatusForbidden:
		c.learnRight(false)
	}
	return resp, said, err
}

// unlocked is what came of one unlock request.
type unlocked struct {
	resp *transport.Response
	said []appliance.Message
	err  error
}

// free reports whether nobody holds the lock now: it was given back, or nobody had it.
func (u unlocked) free() bool {
	return u.err == nil || statusOf(u.err) == http.StatusLocked && holderIn(u.err) == appliance.HolderNobody
}

// refused reports that the token is not, or no longer, the owner.
func (u unlocked) refused() bool {
	s := statusOf(u.err)
	return s == http.StatusLocked || s == http.StatusUnauthorized
}

func (c *Client) unlock(ctx context.Context, t token) unlocked {
	var u unlocked
	u.resp, u.said, u.err = c.send(ctx, unlockRequest(c.restVersion(), t.text), changing)
	if u.free() && u.err != nil {
		var r *appliance.Refusal
		if errors.As(u.err, &r) {
			u.said = r.Messages
		}
	}
	return u
}

// Release gives the lock back with the owning token, which is forgotten then. A lock that nobody holds any more counts as
// released, and so does one whose token has ended. When it turns out to be somebody else's, the error is ErrNotHeld and
// ErrHeld. After ErrAmbiguous it may be called once more.
func (c *Client) Release(ctx context.Context, l appliance.Lock) (appliance.Receipt, error) {
	if l.ID != appliance.ConfigurationLock {
		return appliance.Receipt{}, errNoSuchLock("unlock", l)
	}
	if err := c.begin(ctx); err != nil {
		return appliance.Receipt{}, err
	}
	defer c.end()
	o := c.ownership()
	if o.phase == phaseNone {
		return appliance.Receipt{}, fmt.Errorf("unlock the configuration: %w by you", appliance.ErrNotHeld)
	}
	giving := o
	giving.phase = phaseUnlocking
	c.keepOn(ctx, giving)
	u, err := c.unlockAny(ctx, o)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("unlock the configuration: %w", err)
	}
	return appliance.Receipt{Stamp: u.resp.Stamp, Lock: c.freed(u), Told: c.withTrouble(u.said)}, nil
}

// freed is the lock as u left it.
func (c *Client) freed(u unlocked) appliance.Lock {
	return appliance.Lock{
		ID:        appliance.ConfigurationLock,
		Scope:     scope(),
		Holder:    c.ownership().other,
		Seen:      u.resp.Stamp,
		Exclusive: true,
	}
}

// unlockAny gives the lock back with whichever token of ours owns it: the newest first, as a renewal that was not proven
// has most likely moved the lock. It records what came of it; the error is nil when the lock is surely not ours now.
func (c *Client) unlockAny(ctx context.Context, o ownership) (unlocked, error) {
	var worst unlocked // the answer that says most about why no token of ours owns the lock
	for _, t := range []token{o.next, o.token} {
		if t.zero() {
			continue
		}
		u := c.unlock(ctx, t)
		switch {
		case u.free():
			c.become(ctx, ownership{other: appliance.HolderNobody, seen: u.resp.Stamp})
			return u, nil
		case errors.Is(u.err, appliance.ErrAmbiguous):
			o.phase = phaseUnlocking
			c.become(ctx, o)
			return u, u.err
		case !u.refused(): // refused for another reason: nothing changed
			c.become(ctx, o)
			return u, u.err
		}
		if statusOf(worst.err) != http.StatusLocked {
			worst = u
		}
	}
	c.lost(ctx, o, worst.err, worst.resp.Stamp)
	if !c.live(o) {
		return worst, nil
	}
	return worst, deadToken(worst.err)
}

// deadToken explains a 401 to a token that should still live: it says nothing about the credentials, but the lock is not
// in our hands any more (api/ecb.md 4).
func deadToken(err error) error {
	var r *appliance.Refusal
	if !errors.As(err, &r) || r.Status != http.StatusUnauthorized {
		return err
	}
	gone := *r
	gone.Kind = appliance.ErrNotHeld
	return fmt.Errorf("the appliance no longer knows the lock's token (restarted?): %w", &gone)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// noLocks is why the lock cannot be taken on this node by its last known role; empty = it can. Only the active node of a
// pair takes configuration (api/ecb.md 6.1).
func (c *Client) noLocks() string {
	c.mu.Lock()
	role := c.facts.status.role
	c.mu.Unlock()
	switch strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(role.String())) {
	case "standby", "outofservice":
		return fmt.Sprintf("its role is %s; configuration only on the active node", role)
	default:
		return ""
	}
}
