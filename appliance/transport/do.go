package transport

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"holdfast/appliance"
)

// Response is a whole answer, whatever its status.
type Response struct {
	Status      int
	Header      http.Header // as sent by the appliance: not to be printed
	ContentType string      // media type in lower case, without parameters; empty when missing or malformed
	Body        []byte      // decoded and complete, but for our own secrets (SEC-01)
	Stamp       appliance.Stamp
	RetryAfter  time.Duration // 0: not told; at most 5 min
}

// Do sends r once and returns the answer, any status included. Redirects of reads are followed within the same scheme,
// host and port, at most three (faults.md NET-11). The error wraps one or more of
//   - appliance.ErrReadOnly, appliance.ErrUntrusted (an *UntrustedError): nothing was sent;
//   - appliance.ErrUnreachable: nothing was sent, or a read or login got no whole answer;
//   - appliance.ErrAmbiguous: a request that changes something may have been sent and no whole answer came;
//   - appliance.ErrTooLarge, appliance.ErrMalformed: the answer is not one that can be used;
//   - the context's error, when the context ended first.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if err := r.check(); err != nil {
		return nil, c.failure(r, err.Error())
	}
	if c.readOnly && r.changes() {
		return nil, c.failure(r, "refused", appliance.ErrReadOnly)
	}
	limit := limitError{"not finished", c.limits.Whole}
	if r.changes() {
		limit.limit = c.limits.Changing
	}
	whole, cancel := context.WithTimeoutCause(ctx, limit.limit, limit)
	defer cancel()
	target := r.url(c.base)
	for hops := 0; ; hops++ {
		resp, err := c.send(ctx, whole, r, target)
		if err != nil || !redirects(resp) {
			return resp, err
		}
		if target, err = c.follow(r, target, resp, hops); err != nil {
			return nil, err
		}
	}
}

// attempt is what is known of one sending while it goes on.
type attempt struct {
	mu   sync.Mutex
	sent appliance.Reading // zero: no connection was had, so nothing can have been written
}

// start notes that the request may be written from now on. On a kept connection that turns out dead net/http may start a
// read again; the last start counts.
func (a *attempt) start(now appliance.Reading) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = now
}

func (a *attempt) sentAt() appliance.Reading {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent
}

// send sends r to target, reads the whole answer and records the exchange. caller is the context that Do was given.
func (c *Client) send(caller, whole context.Context, r Request, target *url.URL) (*Response, error) {
	var a attempt
	traced := httptrace.WithClientTrace(whole, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { a.start(c.clock.Now()) },
	})
	req, err := r.build(traced, target)
	if err != nil {
		return nil, c.failure(r, err.Error())
	}
	began := c.clock.Now()
	pool := c.fresh
	if r.reads() {
		pool = c.kept
	}
	x := appliance.Exchange{At: began, Method: r.Method, Path: shownPath(target.EscapedPath(), target.RawQuery), Like: c.like(r)}
	var out *Response
	answer, err := pool.RoundTrip(req)
	if err == nil {
		x.Status = answer.StatusCode
		stamp := appliance.Stamp{Sent: a.sentAt(), Received: c.clock.Now(), Date: date(answer.Header)}
		out, err = c.read(whole, answer, stamp)
		x.Size = int64(len(out.Body))
		out.Body = r.withoutEcho(out.Status, out.Body)
	}
	if err != nil {
		failed := c.classify(problem{
			request: r, err: err, caller: caller, whole: whole, status: x.Status, written: !a.sentAt().IsZero(),
			got: x.Size,
		})
		out, err, x.Err = nil, failed, failed.words
	}
	x.Duration = c.clock.Now().Since(began)
	c.record(x, out)
	return out, err
}

// read reads the answer to its end, or until whole ends. The response is never nil; with an error it holds what came of
// the body.
func (c *Client) read(whole context.Context, answer *http.Response, stamp appliance.Stamp) (*Response, error) {
	defer answer.Body.Close() //nolint:errcheck // read to its end, or given up
	// net/http ends the body with the context while it minds the connection itself; this holds where it does not.
	stop := context.AfterFunc(whole, func() { _ = answer.Body.Close() })
	body, err := c.body(answer)
	if !stop() && err == nil {
		err = context.Cause(whole) // closed by us, perhaps before its end
	}
	return &Response{
		Status:      answer.StatusCode,
		Header:      answer.Header,
		ContentType: mediaType(answer.Header),
		Body:        body,
		Stamp:       stamp,
		RetryAfter:  retryAfter(answer.Header, stamp),
	}, err
}

// body is the whole body of an answer. That of a 101 is the connection itself, which net/http hands over and which need
// not end.
func (c *Client) body(answer *http.Response) ([]byte, error) {
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return nil, errSwitching
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.limits.Body+1))
	if err == nil && int64(len(body)) > c.limits.Body {
		err = sizeError{"body", c.limits.Body}
	}
	if err == nil && len(body) == 0 && openEnded(answer) && answer.Request.Method == http.MethodGet {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// openEnded reports whether only the end of the connection ends the body. crypto/tls does not tell an end from a cut there,
// so that a listing of nothing would be read out of an appliance that died behind its header (faults.md NET-05, LCK-13); a
// document that is cut anywhere else does not parse. Where something was changed the header tells what happened.
func openEnded(answer *http.Response) bool {
	return answer.ContentLength < 0 && len(answer.TransferEncoding) == 0 && !answer.Uncompressed
}

// record puts the exchange into the ring and the log.
func (c *Client) record(x appliance.Exchange, out *Response) {
	if out != nil {
		c.ring.roundTrip(out.Stamp.RoundTrip())
	}
	c.ring.add(x)
	c.log.Debug("request", "appliance", c.name, "method", x.Method, "path", x.Path, "status", x.Status,
		"duration", x.Duration, "bytes", x.Size, "error", x.Err)
}

// maxHops is how many redirects of one read are followed.
const maxHops = 3

// redirects reports whether the answer sends us elsewhere.
func redirects(r *Response) bool {
	switch r.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return r.Header.Get("Location") != ""
	}
	return false
}

// follow is where a redirect leads to, if it may be followed: credentials never leave the host, and what changes
// something is never sent elsewhere. After 301 to 303 a change may have been made; 307 and 308 say that it was not.
func (c *Client) follow(r Request, from *url.URL, resp *Response, hops int) (*url.URL, error) {
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, c.failure(r, "redirected to an unreadable address", c.unclear(r, resp.Status)...)
	}
	host := appliance.Label(to.Scheme + "://" + to.Host).String()
	switch {
	case !r.reads():
		return nil, c.failure(r, "redirected to "+host+", which is not followed", c.unclear(r, resp.Status)...)
	case to.Scheme != "https" || to.User != nil || addressKey(to) != c.key:
		return nil, c.failure(r, "redirected away from the appliance, to "+host, appliance.ErrMalformed)
	case hops == maxHops:
		return nil, c.failure(r, "redirected more than 3 times", appliance.ErrMalformed)
	}
	to.Host, to.Fragment, to.RawFragment = c.base.Host, "", ""
	return to, nil
}

// unclear is what a redirect of r is an error of.
func (c *Client) unclear(r Request, status int) []error {
	if r.changes() && status < http.StatusTemporaryRedirect {
		return []error{appliance.ErrMalformed, appliance.ErrAmbiguous}
	}
	return []error{appliance.ErrMalformed}
}
