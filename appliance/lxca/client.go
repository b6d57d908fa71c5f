// Package lxca is the client of Lenovo XClarity Administrator: SFTP service locks, backups and their transfers, jobs, and
// what the appliance tells of itself. It is written from the vendor's two specifications and api/lxca.md, whose numbers
// the comments cite.
//
// Every request carries HTTP basic authentication, so there is no session that could leak or expire (api/lxca.md 1.2). A
// client sends each request once and repeats nothing: what may be sent twice is the caller's to know (faults.md).
package lxca

import (
	"context"
	"net/http"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// Options say which appliance to talk to and as whom.
type Options struct {
	Name      string // of the appliance, for people
	User      string
	Password  secret.Source // asked before each request
	Forget    func()        // makes Password ask anew; nil = it always does
	Transport *transport.Client
}

// Client talks to one LXCA. It keeps nothing between calls and is safe for concurrent use.
type Client struct {
	name      string
	user      string
	password  secret.Source
	forget    func()
	transport *transport.Client
}

// What a client can do.
var (
	_ appliance.Appliance     = (*Client)(nil)
	_ appliance.Locker        = (*Client)(nil)
	_ appliance.LockGetter    = (*Client)(nil)
	_ appliance.JobGetter     = (*Client)(nil)
	_ appliance.BackupStore   = (*Client)(nil)
	_ appliance.Repository    = (*Client)(nil)
	_ appliance.Transferrer   = (*Client)(nil)
	_ appliance.BackupMaker   = (*Client)(nil)
	_ appliance.BackupDeleter = (*Client)(nil)
	_ appliance.Processor     = (*Client)(nil)
	_ appliance.Preparer      = (*Client)(nil)
	_ appliance.Restorer      = (*Client)(nil)
	_ appliance.QuietSource   = (*Client)(nil)
	_ appliance.RoomTeller    = (*Client)(nil)
	_ appliance.JobSource     = (*Client)(nil)
	_ appliance.Explainer     = (*Client)(nil)
	_ appliance.Tracer        = (*Client)(nil)
	_ appliance.Locator       = (*Client)(nil)
	_ appliance.Forgetter     = (*Client)(nil)
)

// New returns a client. It connects to nothing yet.
func New(o Options) *Client {
	if o.Forget == nil {
		o.Forget = func() {}
	}
	return &Client{name: o.Name, user: o.User, password: o.Password, forget: o.Forget, transport: o.Transport}
}

// ForgetPassword has the password asked for again before the next request.
func (c *Client) ForgetPassword() { c.forget() }

// Name is the appliance's name in our configuration.
func (c *Client) Name() string { return c.name }

// Kind is appliance.LXCA.
func (c *Client) Kind() appliance.Kind { return appliance.LXCA }

// Trace tells the last requests that were sent.
func (c *Client) Trace(after uint64) []appliance.Exchange { return c.transport.Trace(after) }

// send sends one request as the user. Every status is an answer here.
func (c *Client) send(ctx context.Context, r transport.Request) (answer, error) {
	password, err := c.password.Password(ctx, c.user)
	if err != nil {
		return answer{}, err
	}
	r.Auth = transport.Basic(c.user, password)
	response, err := c.transport.Do(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return answer{Response: response, changing: r.Method != http.MethodGet}, nil
}

// answer is a complete response, with what its status means for the request that it answers.
type answer struct {
	*transport.Response
	changing bool // the request was to change the appliance
}
