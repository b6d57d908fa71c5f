package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// token is an access token and the stamp of its issue or renewal. Use does not prolong it (api/ecb.md 2.1).
type token struct {
	text   secret.Secret
	issued appliance.Stamp
	// undated is not zero when it is not known when the token was issued, as our wall clock was set back since: at any moment of
	// the token lifetime before issued.Received. It is what was noted.
	undated time.Time
}

func (t token) zero() bool { return t.text.Empty() }

// left is how long t lives at least, counted from just before it was asked for; for one that is undated, how long at most.
func (c *Client) left(t token) time.Duration {
	from := t.issued.Sent.Run
	switch {
	case t.zero():
		return 0
	case !t.undated.IsZero():
		from = t.issued.Received.Run
	}
	return max(0, from+c.opt.TokenLifetime-c.clock.Now().Run)
}

// margin is how long before its end the poll token is replaced.
func (c *Client) margin() time.Duration { return min(time.Minute, c.opt.TokenLifetime/10) }

// login asks for a fresh token, in the first version of the API that the appliance knows. Rejected credentials are
// ErrCredentials; nothing is tried twice, as three wrong passwords may lock the account (api/ecb.md 2.3).
func (c *Client) login(ctx context.Context) (token, error) {
	password, err := c.opt.Password.Password(ctx, c.opt.User)
	if err != nil {
		return token{}, fmt.Errorf("log in: %w", err)
	}
	versions := c.versionsToTry()
	var unknown error
	for _, v := range versions {
		resp, err := c.http.Do(ctx, loginRequest(v, c.opt.User, password))
		if err != nil {
			return token{}, fmt.Errorf("log in: %w", err)
		}
		if resp.Status == http.StatusNotFound {
			unknown = refusal(resp, reading)
			continue
		}
		t, err := c.readToken(resp, reading)
		if err != nil {
			return token{}, fmt.Errorf("log in: %w", err)
		}
		c.mu.Lock()
		c.version = v
		c.mu.Unlock()
		return t, nil
	}
	return token{}, fmt.Errorf("log in: no REST API in version %s there: %w", strings.Join(versions, ", "), unknown)
}

func (c *Client) readToken(resp *transport.Response, p purpose) (token, error) {
	if !success(resp.Status) {
		return token{}, refusal(resp, p)
	}
	c.admitted.Add(1)
	// What is wrong with the body is not told: the words of a parser might quote the token.
	root, err := envelope(resp)
	if err != nil {
		return token{}, malformed("status %d, but no readable token", resp.Status)
	}
	text, err := decodeToken(root)
	if err != nil {
		return token{}, err
	}
	return token{text: text, issued: resp.Stamp}, nil
}

// pollToken is the token of everything that only reads. However many callers need one, one of them logs in.
type pollToken struct {
	mu      sync.Mutex
	token   token
	current *flight
}

type flight struct {
	done  chan struct{}
	token token
	err   error
	left  bool // its caller went away, so that the error says nothing to the others
}

// pollToken returns a token that is good for a while, and logs in when there is none: fresh tells that this caller did.
func (c *Client) pollToken(ctx context.Context) (t token, fresh bool, err error) {
	p := &c.poll
	for {
		p.mu.Lock()
		if c.left(p.token) > c.margin() {
			t = p.token
			p.mu.Unlock()
			return t, false, nil
		}
		f := p.current
		if f == nil {
			f = &flight{done: make(chan struct{})}
			p.current = f
			p.mu.Unlock()
			c.fly(ctx, f)
			return f.token, true, f.err
		}
		p.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return token{}, false, fmt.Errorf("wait for a login: %w", ctx.Err())
		}
		if !f.left {
			return f.token, false, f.err
		}
	}
}

// fly logs in for all that wait on f. They are let go even when the source of the password panics.
func (c *Client) fly(ctx context.Context, f *flight) {
	f.left = true
	defer func() {
		c.poll.mu.Lock()
		c.poll.current = nil
		if f.err == nil {
			c.poll.token = f.token
		}
		c.poll.mu.Unlock()
		close(f.done)
	}()
	f.token, f.err = c.login(ctx)
	f.left = f.err != nil && ctx.Err() != nil
}

// drop forgets the poll token unless it was replaced already.
func (c *Client) drop(t token) {
	c.poll.mu.Lock()
	defer c.poll.mu.Unlock()
	if c.poll.token == t {
		c.poll.token = token{}
	}
}

// answer is a success of a reading request.
type answer struct {
	root *node // nil: no body
	resp *transport.Response
}

// absent is the error of a resource that this release does not offer. A login that was answered 404 is none.
type absent struct{ error }

func (a absent) Unwrap() error { return a.error }

func isAbsent(err error) bool {
	_, ok := errors.AsType[absent](err)
	return ok
}

// get reads one resource with the poll token. After a 401 it logs in once more and repeats the request once (faults.md
// TOK-06). spent is how many requests that took, on an error too; a login counts as one.
func (c *Client) get(ctx context.Context, resource string) (a answer, spent int, err error) {
	return c.getWith(ctx, resource, nil)
}

// getWith is get with a query.
func (c *Client) getWith(ctx context.Context, resource string, query url.Values) (a answer, spent int, err error) {
	for repeated := false; ; repeated = true {
		t, fresh, err := c.pollToken(ctx)
		if fresh {
			spent++
		}
		if err != nil {
			return answer{}, spent, err
		}
		spent++
		r := readRequest(c.restVersion(), resource, t.text)
		r.Query = query
		a.resp, err = c.http.Do(ctx, r)
		if err != nil {
			return answer{}, spent, fmt.Errorf("read %s: %w", resource, err)
		}
		if a.resp.Status != http.StatusUnauthorized || repeated {
			break
		}
		if !fresh && c.left(t) > 0 { // as after a restart, which takes the lock's token along
			c.Doubt()
		}
		c.drop(t)
	}
	if !success(a.resp.Status) {
		err := fmt.Errorf("read %s: %w", resource, refusal(a.resp, reading))
		if a.resp.Status == http.StatusNotFound {
			err = absent{err}
		}
		return answer{}, spent, err
	}
	if s := a.resp.Status; s != http.StatusOK && s != http.StatusNoContent { // such as a part of a list
		return answer{}, spent, fmt.Errorf("read %s: %w", resource, malformed("status %d is none for what was asked", s))
	}
	if a.root, err = envelope(a.resp); err != nil {
		return answer{}, spent, fmt.Errorf("read %s: %w", resource, err)
	}
	return a, spent, nil
}
