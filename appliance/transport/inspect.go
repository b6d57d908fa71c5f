package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"

	"holdfast/appliance"
)

// Inspect makes a TLS handshake with the appliance, believing any key, and tells what it showed. Nothing is sent: it is
// for showing a fingerprint to somebody who decides about it (faults.md TLS-01). The Trust of o is not looked at.
func Inspect(ctx context.Context, o Options) (appliance.Peer, error) {
	o.Trust = Trust{}
	c, err := newClient(o, true)
	if err != nil {
		return appliance.Peer{}, fmt.Errorf("%s: %w", appliance.Label(o.Name), err)
	}
	defer c.Close()
	r := Request{Method: http.MethodGet, Path: "/"}
	whole, cancel := context.WithTimeout(ctx, c.limits.Connect+c.limits.Handshake)
	defer cancel()
	shaken := false
	traced := httptrace.WithClientTrace(whole, &httptrace.ClientTrace{
		// The handshake is complete, so the key is proven, and net/http has not yet begun to write: it waits for this
		// function. Writing to a closed connection fails.
		GotConn: func(info httptrace.GotConnInfo) {
			shaken = true
			_ = info.Conn.Close()
		},
	})
	req, err := r.build(traced, r.url(c.base))
	if err != nil {
		return appliance.Peer{}, c.failure(r, err.Error())
	}
	resp, err := c.fresh.RoundTrip(req)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if shaken {
		return c.Peer(), nil
	}
	return appliance.Peer{}, c.classify(problem{request: r, err: err, caller: ctx, whole: whole})
}
