package ecb

import (
	"context"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// Tokens keeps, beyond the end of this process, what a lock hangs on (faults.md TOK-02, SEC-03). Each call takes a bounded
// time. An error says what, where and what to do, and holds no secret. An engine is known by its id.
type Tokens interface {
	// Keep makes k durable before it returns, in place of what that engine kept before.
	Keep(ctx context.Context, engine string, k Kept) error
	// Kept is what an engine kept; ErrGone when that is nothing.
	Kept(ctx context.Context, engine string) (Kept, error)
	// Forget removes what an engine kept, if it kept anything.
	Forget(ctx context.Context, engine string) error
}

// KeptPhase is what was known of the lock, or was about to be asked of it, when it was kept.
type KeptPhase string

// The phases.
const (
	KeptLocking   KeptPhase = "locking"   // asked for, and nothing is edited yet
	KeptHeld      KeptPhase = "held"      // owned by one of the tokens
	KeptRenewing  KeptPhase = "renewing"  // owned by one of the tokens, or by one that we never saw
	KeptUnlocking KeptPhase = "unlocking" // to be given back
)

// Kept is what is kept for one engine and one appliance. URL and User say whose the tokens are: they are offered to nobody
// else.
type Kept struct {
	Phase   KeptPhase
	URL     string // canonical, of the appliance
	User    string
	Version string // of the API
	Token   KeptToken
	Next    KeptToken // renewed from Token and not shown to own the lock; usually zero
	Asked   time.Time // wall clock: when a renewal was last sent whose answer is missing; zero = never
}

// KeptToken is a token and the moment just before it was asked for, on our wall clock.
type KeptToken struct {
	Text   secret.Secret
	Issued time.Time
}

func (t token) kept() KeptToken {
	switch {
	case t.zero():
		return KeptToken{}
	case !t.undated.IsZero():
		return KeptToken{Text: t.text, Issued: t.undated}
	}
	return KeptToken{Text: t.text, Issued: t.issued.Sent.Wall}
}

// keptOf is what to keep of o.
func (c *Client) keptOf(o ownership) Kept {
	phases := map[phase]KeptPhase{
		phaseLocking: KeptLocking, phaseHeld: KeptHeld, phaseUnlocking: KeptUnlocking, phaseDoubtful: KeptRenewing,
	}
	return Kept{
		Phase: phases[o.phase], URL: c.http.URL(), User: c.opt.User, Version: c.restVersion(),
		Token: o.token.kept(), Next: o.next.kept(), Asked: o.asked.Wall,
	}
}

// keep makes o durable under our id. It is called before a request that may make the lock ours, or move it, is sent, and
// before a token is relied upon; the turn is ours.
func (c *Client) keep(ctx context.Context, o ownership) error {
	if c.opt.Tokens == nil {
		return nil
	}
	k := c.keptOf(o)
	if k == c.keptNow {
		return nil
	}
	// Even a try that failed may have left something behind.
	c.keptAny, c.keptNow = true, Kept{}
	if err := c.opt.Tokens.Keep(ctx, c.opt.Engine, k); err != nil {
		return fmt.Errorf("the token that owns the lock is not kept for a restart: %w", err)
	}
	c.keptNow = k
	return nil
}

// forget removes what is kept under our id; the turn is ours.
func (c *Client) forget(ctx context.Context) error {
	if !c.keptAny {
		return nil
	}
	if err := c.opt.Tokens.Forget(ctx, c.opt.Engine); err != nil {
		return fmt.Errorf("a token that owns nothing any more is still kept: %w", err)
	}
	c.keptAny, c.keptNow = false, Kept{}
	return nil
}

// keepOn keeps o as well as it can: the lock is ours, or may be, whether that works or not. It does so even when the caller
// has left meanwhile.
func (c *Client) keepOn(ctx context.Context, o ownership) {
	c.noteTrouble(c.keep(context.WithoutCancel(ctx), o))
}

// noteTrouble notes whether keeping works. While it does not, every receipt and every probe tells.
func (c *Client) noteTrouble(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = appliance.Text{}
	if err != nil {
		c.trouble = appliance.Words(err.Error())
	}
}

// withTrouble adds to what was told that keeping does not work, if it does not.
func (c *Client) withTrouble(told []appliance.Message) []appliance.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble.Empty() {
		return told
	}
	return append(told, appliance.Message{Text: c.trouble})
}

// become records what is known of the lock, and has what is kept follow; the turn is ours.
func (c *Client) become(ctx context.Context, o ownership) {
	c.setOwnership(o)
	if o.phase != phaseNone {
		c.keepOn(ctx, o)
		return
	}
	c.noteTrouble(c.forget(context.WithoutCancel(ctx)))
}

// sweep forgets tokens that have ended, unless somebody uses them just now.
func (c *Client) sweep(ctx context.Context) {
	select {
	case <-c.turn:
		defer c.end()
		if o := c.ownership(); c.keptAny && !c.live(o) {
			c.noteTrouble(c.forget(ctx))
		}
	default:
	}
}
