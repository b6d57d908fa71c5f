// Package ecb is the client of the REST API of an Oracle Enterprise Communications Broker (ECB), api/ecb.md: its one
// configuration lock, its backup files, its asynchronous operation and what it says of itself.
//
// The lock is bound to an access token and ends with it. The client therefore has two tokens (faults.md TOK-03): the
// poll token, for everything that only reads, which is replaced at will, and the owning token, with which the lock was
// taken and which is only ever replaced by a renewal that was shown to carry the lock along. The owning token is kept for
// a restart where Options say so (TOK-02). Nothing is retried here but one reading request after a 401 (TOK-06).
package ecb

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// RenewalForm is how the token is written into the body of a renewal. The vendor says only that the body is the token
// (api/ecb.md 2.2), so it is a setting.
type RenewalForm string

// The forms.
const (
	FormRaw         RenewalForm = "raw"         // the token as it stands
	FormAccessToken RenewalForm = "accessToken" // accessToken=TOKEN, percent-encoded
	FormToken       RenewalForm = "token"       // token=TOKEN, percent-encoded
)

// RenewalForms are all forms, in the order in which to try them.
func RenewalForms() []RenewalForm { return []RenewalForm{FormRaw, FormAccessToken, FormToken} }

// Defaults of the options.
const (
	DefaultVersion       = "v1.1"           // api/ecb.md, "Versions"
	DefaultTokenLifetime = 10 * time.Minute // api/ecb.md 2.1
)

// Options make a client.
type Options struct {
	Name      string
	User      string
	Password  secret.Source // asked at each login and renewal
	Forget    func()        // makes Password ask anew; nil = it always does
	Transport *transport.Client
	// Version is the version of the API to begin with; others are tried when the appliance does not know it.
	Version string
	// TokenLifetime is how long a token lives from its issue. The API never tells it (faults.md, "Lease arithmetic").
	TokenLifetime time.Duration
	RenewalForm   RenewalForm
	// BareContentType sends the Content-Type of a renewal as the vendor's page spells it, without `application/`.
	BareContentType bool
	// Clock must be the clock of Transport: tokens are timed by the stamps of its answers.
	Clock *clock.Clock
	// Tokens keeps the owning token for a restart, under the id Engine, which no other client of the same appliance has. Nil:
	// it is lost with the process.
	Tokens Tokens
	Engine string
	// ObserverProbe has Locks ask whose the lock is by an unlock that must be refused. See observe for its danger.
	ObserverProbe bool
}

// Client speaks to one ECB. It is safe for concurrent use.
type Client struct {
	opt   Options
	http  *transport.Client
	clock *clock.Clock
	poll  pollToken
	// turn holds one value while nobody uses the owning token: renewal, lock, unlock and proof never overlap. It is a
	// channel so that waiting for it ends with the context.
	turn chan struct{}
	// Whoever has the turn has these too.
	keptAny bool // something may be kept under our id
	keptNow Kept // what is surely kept there; zero: that is not known
	watch   observer

	mu      sync.Mutex // guards what follows, and is never held over a request
	version string     // the one that last answered a login
	own     ownership
	spare   token             // for the next try: it surely owns nothing
	proofs  map[proofKey]bool // true: renewal carries the lock along; false: it was seen not to
	facts   facts
	trouble appliance.Text // why keeping does not work; empty = it does

	unwatched unwatched
	admitted  atomic.Uint64
}

var (
	_ appliance.Appliance     = (*Client)(nil)
	_ appliance.Locker        = (*Client)(nil)
	_ appliance.Renewer       = (*Client)(nil)
	_ appliance.Doubter       = (*Client)(nil)
	_ appliance.Resumer       = (*Client)(nil)
	_ appliance.Admitter      = (*Client)(nil)
	_ appliance.BackupStore   = (*Client)(nil)
	_ appliance.BackupMaker   = (*Client)(nil)
	_ appliance.BackupDeleter = (*Client)(nil)
	_ appliance.Restorer      = (*Client)(nil)
	_ appliance.ConfigReader  = (*Client)(nil)
	_ appliance.ConfigStore   = (*Client)(nil)
	_ appliance.Activator     = (*Client)(nil)
	_ appliance.Follower      = (*Client)(nil)
	_ appliance.JobSource     = (*Client)(nil)
	_ appliance.Explainer     = (*Client)(nil)
	_ appliance.Locator       = (*Client)(nil)
	_ appliance.Tracer        = (*Client)(nil)
	_ appliance.Forgetter     = (*Client)(nil)
)

// New returns a client. It sends nothing.
func New(o Options) *Client {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if o.TokenLifetime <= 0 {
		o.TokenLifetime = DefaultTokenLifetime
	}
	if o.Forget == nil {
		o.Forget = func() {}
	}
	if o.RenewalForm == "" {
		o.RenewalForm = FormRaw
	}
	c := &Client{
		opt:     o,
		http:    o.Transport,
		clock:   o.Clock,
		turn:    make(chan struct{}, 1),
		version: o.Version,
		proofs:  map[proofKey]bool{},
	}
	c.turn <- struct{}{}
	return c
}

// Name is the configured name.
func (c *Client) Name() string { return c.opt.Name }

// Admitted tells how often our credentials were accepted.
func (c *Client) Admitted() uint64 { return c.admitted.Load() }

// ForgetPassword has the password asked for again before the next login, and whether we may change things found out anew.
func (c *Client) ForgetPassword() {
	c.opt.Forget()
	c.forgetForbidden()
}

// Kind is ECB.
func (c *Client) Kind() appliance.Kind { return appliance.ECB }

// Trace tells the last requests.
func (c *Client) Trace(after uint64) []appliance.Exchange { return c.http.Trace(after) }

// begin waits for the turn to use the owning token; end gives it back.
func (c *Client) begin(ctx context.Context) error {
	select {
	case <-c.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another request that uses the lock's token: %w", ctx.Err())
	}
}

func (c *Client) end() { c.turn <- struct{}{} }

// restVersion is the version of the API in use.
func (c *Client) restVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// versionsToTry lists the version in use first, then the configured one, then the ones that are known (api/ecb.md 1.4).
func (c *Client) versionsToTry() []string {
	var all []string
	for _, v := range []string{c.restVersion(), c.opt.Version, "v1.1", "v1.2", "v1.0"} {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
