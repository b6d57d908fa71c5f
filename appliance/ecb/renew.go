package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"holdfast/appliance"
)

// proofKey is what decides whether a renewal carries the lock along: a proof counts for one build, version of the API
// and way of writing the renewal (api/ecb.md 2.2).
type proofKey struct {
	build   string
	version string
	form    RenewalForm
	bare    bool
}

func (c *Client) proofKey() proofKey { // with mu held
	return proofKey{build: c.facts.build.String(), version: c.version, form: c.opt.RenewalForm, bare: c.opt.BareContentType}
}

// proof tells whether renewal was seen to carry the lock along, if it was tried.
func (c *Client) proof() (works, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	works, known = c.proofs[c.proofKey()]
	return works, known
}

func (c *Client) setProof(works bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proofs[c.proofKey()] = works
}

// forgetProof makes the next renewal prove itself again: something happened that we did not expect.
func (c *Client) forgetProof() {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.proofs, c.proofKey())
}

// Renew renews the owning token, and with it the lock (api/ecb.md 2.2). The receipt's stamp is that of the renewal.
//
// The first renewal proves that the new token owns the lock. While an asynchronous operation runs it cannot be proven:
// then the receipt is Unproven: it carries the stamp of the old token, up to whose end the lock is surely ours; the
// next call proves it, without another renewal as long as the new token has most of its life before it.
//
// When the renewal does not carry the lock along, the lock stays with the old token until that ends, and the error, an
// ErrUnsupported, says until when and which setting to try. ErrNotHeld: the lock is lost. ErrAmbiguous: see Settle; Renew
// may also be called again.
func (c *Client) Renew(ctx context.Context, l appliance.Lock) (appliance.Receipt, error) {
	if l.ID != appliance.ConfigurationLock {
		return appliance.Receipt{}, errNoSuchLock("renew", l)
	}
	if err := c.begin(ctx); err != nil {
		return appliance.Receipt{}, err
	}
	defer c.end()
	o := c.ownership()
	switch {
	case o.phase == phaseNone || !c.live(o):
		return appliance.Receipt{}, fmt.Errorf("extend the configuration lock: %w by you, its token has ended or is not known",
			appliance.ErrNotHeld)
	case o.phase == phaseLocking || o.phase == phaseUnlocking:
		return appliance.Receipt{}, fmt.Errorf("extend the configuration lock: %w", errOpen())
	}
	if works, known := c.proof(); known && !works {
		return appliance.Receipt{}, c.uselessForm(o, nil)
	}
	receipt, err := c.renew(ctx, o)
	if err == nil {
		receipt.Told = c.withTrouble(receipt.Told)
	}
	return receipt, wrap("extend the configuration lock", err)
}

func (c *Client) renew(ctx context.Context, o ownership) (appliance.Receipt, error) {
	if !o.next.zero() {
		receipt, err := c.proveNext(ctx, o)
		if err != nil || c.left(c.ownership().newest()) > c.opt.TokenLifetime/2 {
			return receipt, err
		}
		o = c.ownership()
	}
	sending := o
	sending.phase, sending.asked = phaseDoubtful, c.clock.Now()
	c.keepOn(ctx, sending)
	fresh, err := c.renewToken(ctx, o.newest())
	switch {
	case errors.Is(err, appliance.ErrAmbiguous):
		o.phase, o.asked = phaseDoubtful, c.clock.Now() // until a proof; a believed renewal is none
		c.become(ctx, o)
		return appliance.Receipt{}, err
	case statusOf(err) != 0:
		return appliance.Receipt{}, c.afterRefusal(ctx, o, err)
	case err != nil: // nothing was sent
		c.become(ctx, o)
		return appliance.Receipt{}, err
	}
	// A proof of old is believed while the old token lives: past its end even a renewal may be taken for a plain login.
	if works, _ := c.proof(); works && o.phase == phaseHeld && !o.shaken && o.next.zero() && c.left(o.token) > 0 {
		c.keepOn(ctx, ownership{phase: phaseHeld, token: o.token, next: fresh}) // believed here, to be proven after a restart
		c.setOwnership(ownership{phase: phaseHeld, token: fresh})
		return appliance.Receipt{Stamp: fresh.issued, Lock: c.mine(fresh)}, nil
	}
	o.next = fresh
	c.become(ctx, o)
	return c.proveNext(ctx, o)
}

// newest is the token that most likely owns the lock.
func (o ownership) newest() token {
	if o.next.zero() {
		return o.token
	}
	return o.next
}

func (c *Client) renewToken(ctx context.Context, t token) (token, error) {
	password, err := c.opt.Password.Password(ctx, c.opt.User)
	if err != nil {
		return token{}, err
	}
	resp, err := c.http.Do(ctx, c.renewRequest(c.restVersion(), password, t.text))
	if err != nil {
		return token{}, err
	}
	fresh, err := c.readToken(resp, renewing)
	if err != nil && success(resp.Status) {
		err = fmt.Errorf("%w: %w", appliance.ErrAmbiguous, err) // there is a new token, and we cannot read it
	}
	return fresh, err
}

// verdict is what a proof says of a token.
type verdict int

const (
	untold  verdict = iota // it could not be asked, or the answer says nothing
	owner                  // it owns the lock
	noOwner                // it does not
)

// trial is a verdict, the error that explains it, and when it was given.
type trial struct {
	verdict verdict
	err     error
	at      appliance.Stamp
}

// after is the trial that tells more of two, the second token's when both say that their token is not the owner: a dead
// token (401) says nothing of who is.
func (t trial) after(first trial) trial {
	if t.verdict == noOwner && statusOf(t.err) != http.StatusLocked {
		return first
	}
	return t
}

// prove asks whether t owns the lock. That starts a verification on the appliance, so it is never done while another
// asynchronous operation runs (api/ecb.md 2.2, 5.3).
func (c *Client) prove(ctx context.Context, t token) trial {
	op, _, err := c.readAsync(ctx)
	switch {
	case isAbsent(err): // nothing ran yet, or there is no such slot: there is nothing to disturb
	case err != nil:
		return trial{err: err}
	case op.phase == appliance.PhaseRunning:
		return trial{err: fmt.Errorf("%w: the appliance is busy with %q", appliance.ErrBusy, op.title)}
	}
	resp, _, err := c.send(ctx, verifyRequest(c.restVersion(), t.text), changing)
	switch {
	case err == nil:
		return trial{verdict: owner, at: resp.Stamp}
	case statusOf(err) == http.StatusLocked, statusOf(err) == http.StatusUnauthorized:
		return trial{verdict: noOwner, err: err, at: resp.Stamp}
	default:
		return trial{err: err}
	}
}

// proveNext puts the renewed token to the proof and settles which token owns the lock.
func (c *Client) proveNext(ctx context.Context, o ownership) (appliance.Receipt, error) {
	switch t := c.prove(ctx, o.next); t.verdict {
	case owner:
		c.setProof(true)
		c.become(ctx, ownership{phase: phaseHeld, token: o.next})
		return appliance.Receipt{Stamp: o.next.issued, Lock: c.mine(o.next)}, nil
	case noOwner:
		return appliance.Receipt{}, c.afterNoOwner(ctx, o, t)
	default:
		if o.phase == phaseDoubtful {
			return appliance.Receipt{}, fmt.Errorf("%w: renewed, but which token owns the lock could not be asked: %w",
				appliance.ErrAmbiguous, t.err)
		}
		return appliance.Receipt{ // Unproven says that it is not proven yet; what is told is why
			Stamp:    o.token.issued,
			Lock:     c.mine(o.token),
			Told:     []appliance.Message{{Text: appliance.Words(appliance.Reason(t.err))}},
			Unproven: true,
		}, nil
	}
}

// afterNoOwner is for a renewed token that does not own the lock: either the renewal was taken for a plain login, and
// the old token still owns it, or we have lost it.
func (c *Client) afterNoOwner(ctx context.Context, o ownership, t trial) error {
	c.forgetProof()
	o.next = token{}
	if holderIn(t.err) == appliance.HolderNobody {
		c.lost(ctx, o, t.err, t.at)
		return t.err
	}
	old := c.prove(ctx, o.token).after(t)
	if old.verdict == owner {
		c.setProof(false)
	}
	return c.keepOld(ctx, o, old, nil)
}

// afterRefusal is for a renewal that was answered and refused: bad credentials, a form that the appliance does not take,
// or an old token that it no longer knows. The old token says which.
func (c *Client) afterRefusal(ctx context.Context, o ownership, refused error) error {
	c.forgetProof()
	o, t := c.findOwner(ctx, o)
	return c.keepOld(ctx, o, t, refused)
}

// findOwner asks for each of our tokens, the newest first, whether it owns the lock. The ownership that comes back is
// left with the token that the trial is about; the other is dropped once it is known not to own the lock.
func (c *Client) findOwner(ctx context.Context, o ownership) (ownership, trial) {
	t := c.prove(ctx, o.newest())
	if o.next.zero() || t.verdict == untold {
		return o, t
	}
	if t.verdict == owner {
		o.token = o.next
	}
	o.next = token{}
	if t.verdict == noOwner {
		t = c.prove(ctx, o.token).after(t)
	}
	return o, t
}

// keepOld goes on with the tokens of o as far as the trial of one of them allows, and tells what became of the lock.
// refused is the answer to the renewal when that was refused.
// The trial is about o.token, or undecided.
func (c *Client) keepOld(ctx context.Context, o ownership, old trial, refused error) error {
	switch old.verdict {
	case owner:
		o = ownership{phase: phaseHeld, token: o.token}
		c.become(ctx, o)
		return c.uselessForm(o, refused)
	case noOwner:
		c.lost(ctx, o, old.err, old.at)
		if refused != nil { // because the token is dead; it says nothing of the credentials and is not wrapped
			return fmt.Errorf("%w; the renewal was answered %s", deadToken(old.err), refused.Error())
		}
		return deadToken(old.err)
	default:
		o.phase = phaseDoubtful
		c.become(ctx, o)
		if refused != nil {
			return fmt.Errorf("%w: the renewal was refused, and whether the lock is still yours could not be asked: %w; %w",
				appliance.ErrAmbiguous, refused, old.err)
		}
		return fmt.Errorf("%w: the new token does not own the lock, and the old one could not be asked: %w",
			appliance.ErrAmbiguous, old.err)
	}
}

// uselessForm says that renewing does not help, until when the lock lasts, and what to try. refused is the answer to
// the renewal when that was refused.
func (c *Client) uselessForm(o ownership, refused error) error {
	end := o.token.issued.Sent.Wall.Add(c.opt.TokenLifetime).Format("15:04:05 MST") // of one that is undated: now, at the earliest
	try := FormRaw
	for i, f := range RenewalForms() {
		if f == c.opt.RenewalForm {
			try = RenewalForms()[(i+1)%len(RenewalForms())]
		}
	}
	advice := fmt.Sprintf("it lasts until %s with the old token; try the settings renewal_form = %q, "+
		"renewal_content_type_bare = %t", end, try, !c.opt.BareContentType)
	if refused != nil {
		return fmt.Errorf("renewal in the form %q was refused, the lock is still yours: %s: %w",
			c.opt.RenewalForm, advice, refused)
	}
	return fmt.Errorf("%w: renewal in the form %q does not keep the lock there: %s",
		appliance.ErrUnsupported, c.opt.RenewalForm, advice)
}
