package fault

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// maxBody bounds what is kept of a request's body while it waits for its effect.
const maxBody = 8 << 20

// Handler puts the script in front of an appliance.
func (s *Script) Handler(h Host, next http.Handler) http.Handler {
	known := &host{Host: h, next: next}
	s.mu.Lock()
	s.hosts = append(s.hosts, known)
	s.mu.Unlock()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.busy.Load() {
			next.ServeHTTP(w, r)
			return
		}
		s.serve(known, w, r)
	})
}

// serve lets a request meet what the rules say.
func (s *Script) serve(h *host, w http.ResponseWriter, r *http.Request) {
	s.Settle()
	if s.meetAbsence(h, w, r) {
		return
	}
	ofHost, ofRequest := s.decide(h, r)
	if len(ofHost) == 0 && ofRequest == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	q, err := keep(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender has gone in the middle of the body
	}
	var after []fault
	for _, f := range ofHost {
		if f.Effect == Done {
			after = append(after, f)
			continue
		}
		s.strike(h, f, q)
	}
	if s.meetAbsence(h, w, r) {
		return
	}
	x := &exchange{script: s, host: h, w: w, r: q, after: after}
	x.meet(ofRequest)
}

// keep returns the request with its whole body in memory, so that it can have its effect after the connection is gone.
func keep(r *http.Request) (*http.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	q := r.Clone(r.Context())
	q.Body = io.NopCloser(bytes.NewReader(body))
	return q, nil
}

// strike lets a fault of an appliance happen.
func (s *Script) strike(h *host, f fault, q *http.Request) {
	struck := true
	switch f.Kind {
	case Restart, Outage:
		s.happened(h, f.Rule, q)
		s.leave(h, f.Rule)
		return
	case RevokeToken:
		struck = h.RevokeToken(q, f.KeepLocks)
	case StealLock:
		struck = h.StealLock(f.By, f.pick)
	}
	if !struck { // there was nothing to take: no fault has happened
		return
	}
	s.happened(h, f.Rule, q)
	switch f.Kind {
	case ClockStep:
		h.StepClock(f.For)
	case SwapCertificate:
		h.SwapCertificate()
	}
}

// leave lets an appliance be away.
func (s *Script) leave(h *host, r Rule) {
	how := r.How
	if how == "" {
		how = Refused
	}
	until := s.clock().Add(r.For)
	s.mu.Lock()
	h.gone = &absence{until: until, how: how}
	s.busy.Store(true)
	if r.Kind == Restart { // what waits inside it dies with it
		s.forget(h)
	}
	s.mu.Unlock()
	if r.Kind == Restart {
		h.Restart(r.KeepLocks)
	}
	h.Down(how, until)
}

// meetAbsence answers a request to an appliance that is away, and reports whether it is.
func (s *Script) meetAbsence(h *host, w http.ResponseWriter, r *http.Request) bool {
	gone := s.away(h)
	if gone == nil {
		return false
	}
	switch gone.how {
	case Unavailable:
		writePage(h, w, http.StatusServiceUnavailable)
	case Hang:
		_, _ = io.Copy(io.Discard, r.Body)
		hang(r)
	default:
		reset(w)
	}
	return true
}

// exchange is a request that something goes wrong with.
type exchange struct {
	script *Script
	host   *host
	w      http.ResponseWriter
	r      *http.Request
	after  []fault // of the appliance, once the effect has taken place
	answer *recorder
}

// effect lets the request have its effect and keeps the answer.
func (x *exchange) effect() {
	x.answer = &recorder{header: http.Header{}}
	x.host.next.ServeHTTP(x.answer, x.r)
	for _, f := range x.after {
		x.script.strike(x.host, f, x.r)
	}
}

// happened counts and reports the fault.
func (x *exchange) happened(f *fault) { x.script.happened(x.host, f.Rule, x.r) }

// meet lets the request meet its fault; nil is none, when only the appliance has one.
func (x *exchange) meet(f *fault) {
	if f == nil {
		x.effect()
		if !x.script.meetAbsence(x.host, x.w, x.r) {
			x.answer.copyTo(x.w, nil)
		}
		return
	}
	switch f.Kind {
	case DelayAnswer, Cut, Drip:
		x.spoil(f)
		return
	}
	x.happened(f)
	switch f.effect() {
	case Done:
		x.effect()
	case Late:
		x.postpone(f.Late)
	}
	switch f.Kind {
	case Reset:
		reset(x.w)
	case BlackHole:
		hang(x.r)
	case Status, HTML:
		if f.RetryAfter > 0 {
			x.w.Header().Set("Retry-After", wholeSeconds(f.RetryAfter))
		}
		if f.Kind == Status {
			writeStatus(x.host, x.w, f.Status)
		} else {
			writePage(x.host, x.w, f.Status)
		}
	default:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
}

// effect is whether a fault lets the request have its effect.
func (f *fault) effect() Effect {
	switch {
	case f.Kind == DropAfter:
		return Done
	case f.Kind == DelayEffect:
		return Late
	case f.Effect == ByKind:
		return None
	}
	return f.Effect
}

// postpone queues the request's effect. Nobody reads the answer.
func (x *exchange) postpone(d time.Duration) {
	q := x.r.WithContext(context.WithoutCancel(x.r.Context()))
	x.script.later(x.host, d, func() {
		defer func() {
			if r := recover(); r != nil && r != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				panic(r)
			}
		}()
		x.host.next.ServeHTTP(&recorder{header: http.Header{}}, q)
	})
}

// spoil lets the request have its effect and spoils the answer.
func (x *exchange) spoil(f *fault) {
	x.effect()
	switch f.Kind {
	case Cut:
		text, body := x.answer.bytes()
		n := f.Bytes
		if !f.Head {
			n += body
		}
		if f.share > 0 {
			n = int(f.share * float64(len(text)))
			f.Bytes = n
		}
		if n >= len(text) { // nothing is missing: no fault has happened
			x.answer.copyTo(x.w, nil)
			return
		}
		x.happened(f)
		cut(x.w, text[:n])
	case DelayAnswer:
		x.happened(f)
		if !wait(x.r.Context(), f.For) {
			panic(http.ErrAbortHandler)
		}
		x.answer.copyTo(x.w, nil)
	case Drip:
		x.happened(f)
		x.answer.copyTo(x.w, dripper(x.r.Context(), f.Bytes))
	}
}

// wait reports whether the caller is still there after d.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hang waits until the caller has gone, or the server has closed. The body must have been read, for only then does
// net/http notice.
func hang(r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// reset resets the connection: an RST, or its like in memory.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	Abort(conn)
}

// Abort closes a connection so that the other side finds it reset, through TLS and whatever else has a NetConn.
func Abort(conn net.Conn) {
	outer := conn
	if c, ok := conn.(*tls.Conn); ok { // closing it would say goodbye
		outer = c.NetConn()
	}
	inner := outer
	for {
		if c, ok := inner.(interface{ NetConn() net.Conn }); ok {
			inner = c.NetConn()
			continue
		}
		break
	}
	switch c := inner.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0) // where it cannot be said the connection is closed in the common way
	case interface{ Reset() }:
		c.Reset()
	}
	_ = outer.Close() // there is nobody to tell
}

// cut sends the beginning of an answer and closes the connection.
func cut(w http.ResponseWriter, text []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(errors.Join(http.ErrAbortHandler, err))
	}
	_, _ = conn.Write(text) // the caller may have gone
	_ = conn.Close()
}
