package sim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"holdfast/appliance/sim/fault"
)

// gate is an appliance's listener below TLS: it can reset or hold every connection while the appliance is away.
type gate struct {
	net.Listener
	now func() time.Time // base clock

	mu    sync.Mutex
	how   string // fault.Refused or fault.Hang while until has not come
	until time.Time
	open  map[*gateConn]bool // true: held and never served
}

func newGate(l net.Listener, now func() time.Time) *gate {
	return &gate{Listener: l, now: now, open: map[*gateConn]bool{}}
}

// Accept waits for the next connection that is to be served. While the appliance is away the others are reset or held.
func (g *gate) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &gateConn{Conn: raw, gate: g}
		switch g.admit(c) {
		case fault.Refused:
			fault.Abort(c)
		case "":
			return c, nil
		}
	}
}

// admit registers a connection and tells how the appliance is away, if it is.
func (g *gate) admit(c *gateConn) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if how := g.away(); how != "" {
		g.open[c] = true
		return how
	}
	g.open[c] = false
	return ""
}

// away is how the appliance is away now. It is called with mu held.
func (g *gate) away() string {
	if g.now().Before(g.until) {
		return g.how
	}
	return ""
}

// shut lets the appliance be away until base time t: connections that are open are reset, unless they are to hang. With
// a time that has come it is there again, and what was held is closed.
func (g *gate) shut(how string, t time.Time) {
	g.mu.Lock()
	g.how, g.until = how, t
	back := !g.now().Before(t)
	var victims []*gateConn
	for c, held := range g.open {
		if held || (!back && how == fault.Refused) {
			victims = append(victims, c)
		}
	}
	g.mu.Unlock()
	for _, c := range victims {
		fault.Abort(c)
	}
}

// Close closes the listener and what it holds; connections that are served stay.
func (g *gate) Close() error {
	g.shut("", g.now())
	return g.Listener.Close()
}

// refusing wraps a way to connect so that it is refused while the appliance refuses connections.
func (g *gate) refusing(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.mu.Lock()
		refused := g.away() == fault.Refused
		g.mu.Unlock()
		if refused {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: g.Addr(), Err: syscall.ECONNREFUSED}
		}
		return dial(ctx, network, addr)
	}
}

// gateConn is a connection that its gate knows of.
type gateConn struct {
	net.Conn
	gate *gate
}

// NetConn is the connection itself.
func (c *gateConn) NetConn() net.Conn { return c.Conn }

// Close closes the connection and forgets it.
func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.open, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// target is an appliance as a fault script acts upon it.
type target struct{ a *Appliance }

// Name is the appliance's.
func (t target) Name() string { return t.a.Name }

// Now is the time on the appliance's clock.
func (t target) Now() time.Time { return t.a.Clock.Now() }

// Down closes or holds connections, and keeps pushes away.
func (t target) Down(how string, until time.Time) {
	if t.a.LXCA != nil {
		t.a.LXCA.DownUntil(until)
	}
	if how != fault.Unavailable {
		t.a.gate.shut(how, until)
	}
}

// Restart loses what a restart loses.
func (t target) Restart(keepLocks bool) {
	if t.a.LXCA != nil {
		t.a.LXCA.Restart(keepLocks)
	} else {
		t.a.ECB.Restart(keepLocks)
	}
}

// StepClock moves the appliance's clock.
func (t target) StepClock(d time.Duration) { t.a.Clock.Step(d) }

// SwapCertificate gives new connections another key and closes those that are idle.
func (t target) SwapCertificate() {
	if _, err := t.a.SwapCertificate(Cert{NewKey: true}); err != nil {
		panic("sim: certificate: " + err.Error())
	}
	t.a.server.SetKeepAlivesEnabled(false) // closes what is idle
	t.a.server.SetKeepAlivesEnabled(true)
}

// RevokeToken does nothing on an LXCA, which has no tokens.
func (t target) RevokeToken(r *http.Request, keepLock bool) bool {
	switch {
	case t.a.ECB == nil:
		return false
	case r == nil:
		return t.a.ECB.RevokeAll(keepLock)
	}
	return t.a.ECB.RevokeToken(r, keepLock)
}

// StealLock takes a lock from a user.
func (t target) StealLock(by string, pick func(n int) int) bool {
	if t.a.LXCA != nil {
		return t.a.LXCA.StealLock(pick) != ""
	}
	if by == "" {
		by = "rest"
	}
	return t.a.ECB.StealFromUser(by)
}
