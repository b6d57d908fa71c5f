package transport

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"holdfast/appliance"
)

// limitError tells a limit of ours that was reached: what had not happened within it.
type limitError struct {
	what  string
	limit time.Duration
}

func (e limitError) Error() string { return fmt.Sprintf("%s within %s", e.what, e.limit) }

// sizeError tells a size limit that was reached.
type sizeError struct {
	what  string
	limit int64
}

func (e sizeError) Error() string {
	return fmt.Sprintf("%s over the limit of %d bytes", e.what, e.limit)
}

// errProxySetting stands for net/http's error, which repeats the variable.
var errProxySetting = errors.New("the proxy that the environment names is not a valid address")

// errProxyTLS refuses a proxy that is itself spoken to over TLS. net/http checks the certificates of such a proxy and of
// the appliance behind it by one and the same setting, and one pin cannot be right for both.
var errProxyTLS = errors.New("the proxy that the environment names is to be spoken to over TLS (https://…), which is not " +
	"supported: name it as http://…, the connection to the appliance is encrypted all the same")

// errSwitching tells of 101, with which the appliance begins to speak something else than HTTP. Nobody asked it to.
var errSwitching = errors.New("answered 101 and left HTTP")

// failure is the error of one request: printable words, and what it is to errors.Is and errors.As.
type failure struct {
	of    string // which appliance and request
	words string
	why   string // the words without the kinds; empty when the kinds say it all
	kinds []error
}

// Error says which request failed and why.
func (f *failure) Error() string { return f.of + ": " + f.words }

// Reason says only why, for those who know of which appliance and request they speak; it may be empty.
func (f *failure) Reason() string {
	if f.why == "" && len(f.kinds) == 1 {
		return f.kinds[0].Error()
	}
	return f.why
}

// Unwrap gives the kinds.
func (f *failure) Unwrap() []error { return f.kinds }

// failure says that r failed: which appliance, which request, of what kind, and why.
func (c *Client) failure(r Request, why string, kinds ...error) *failure {
	var words []string
	for _, kind := range kinds {
		words = append(words, kind.Error())
	}
	if why != "" {
		words = append(words, why)
	}
	of := c.name + ": " + appliance.Label(r.Method).String() + " " + r.shown()
	return &failure{of, strings.Join(words, ": "), why, kinds}
}

// problem is a sending that went wrong, with all that tells how.
type problem struct {
	request Request
	err     error
	caller  context.Context // as given to Do
	whole   context.Context // with our limit
	status  int             // of the header that came; 0: none
	got     int64           // bytes of its body that came
	written bool            // something may have been written
}

// classify turns what net/http says into an error of ours.
func (c *Client) classify(p problem) *failure {
	if untrusted, ok := errors.AsType[*UntrustedError](p.err); ok {
		return c.failure(p.request, "", untrusted)
	}
	var kinds []error
	if p.written && p.request.changes() {
		kinds = append(kinds, appliance.ErrAmbiguous)
	}
	if err := p.caller.Err(); err != nil {
		if errors.Is(err, context.DeadlineExceeded) && len(kinds) == 0 {
			kinds = append(kinds, appliance.ErrUnreachable)
		}
		return c.failure(p.request, p.progress(), append(kinds, err)...)
	}
	why, answered := c.cause(p)
	if answered != nil {
		kinds = append(kinds, answered)
	}
	if len(kinds) == 0 || p.cut(answered) && !p.request.changes() {
		kinds = append([]error{appliance.ErrUnreachable}, kinds...)
	}
	return c.failure(p.request, why, kinds...)
}

// cut reports whether a body was on its way and its connection broke. Then the appliance is not there any more, and what
// came is not to be read: both are said.
func (p problem) cut(kind error) bool {
	return p.status != 0 && errors.Is(kind, appliance.ErrMalformed) && network(p.err)
}

// progress says how far the call came.
func (p problem) progress() string {
	switch {
	case p.status != 0:
		return fmt.Sprintf("answered %d and %d bytes of the body", p.status, p.got)
	case p.written:
		return "no answer yet"
	}
	return "not sent"
}

// cause says in plain words what happened, and which kind of answer it was if there was one. The appliance's own bytes
// are not repeated: it may have echoed our credentials.
func (c *Client) cause(p problem) (why string, answered error) {
	if size, ok := errors.AsType[sizeError](p.err); ok {
		return fmt.Sprintf("answered %d with a %s", p.status, size), appliance.ErrTooLarge
	}
	if errors.Is(p.err, errSwitching) {
		return errSwitching.Error(), appliance.ErrMalformed
	}
	if strings.Contains(p.err.Error(), "server response headers exceeded") {
		return sizeError{"header", c.limits.HeaderBytes}.Error(), appliance.ErrTooLarge
	}
	if limit, ok := errors.AsType[limitError](p.err); ok {
		return limit.Error() + p.after(), nil
	}
	if limit, ok := errors.AsType[limitError](context.Cause(p.whole)); ok {
		return limit.Error() + p.after(), nil
	}
	if !p.written {
		return c.connectCause(p.err), nil
	}
	if strings.Contains(p.err.Error(), "timeout awaiting response headers") {
		return limitError{"no answer", c.limits.Header}.Error(), nil
	}
	if p.status == 0 {
		if network(p.err) {
			return "the connection broke before an answer came", nil
		}
		return "the answer is not HTTP", appliance.ErrMalformed
	}
	if network(p.err) {
		return fmt.Sprintf("answered %d and broke off after %d bytes of the body", p.status, p.got), appliance.ErrMalformed
	}
	if badGzip(p.err) {
		return fmt.Sprintf("answered %d with a body that is not gzip as it says", p.status), appliance.ErrMalformed
	}
	return fmt.Sprintf("answered %d with a body that is not HTTP", p.status), appliance.ErrMalformed
}

func (p problem) after() string {
	if p.status == 0 {
		return ""
	}
	return fmt.Sprintf(" (answered %d, %d bytes of the body came)", p.status, p.got)
}

// connectCause says why there was no connection.
func (c *Client) connectCause(err error) string {
	words := err.Error()
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "host name not found"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "no TLS on that port"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case strings.Contains(words, "TLS handshake timeout"):
		return limitError{"no TLS handshake", c.limits.Handshake}.Error()
	case strings.Contains(words, "unsupported protocol version"), strings.Contains(words, "protocol version not supported"):
		return "speaks only a TLS version below the least one allowed; min_tls of this appliance can allow an older one"
	}
	if no, ok := errors.AsType[syscall.Errno](err); ok { // without what was dialled, which is ours to say
		return no.Error()
	}
	return appliance.Label(words).String()
}

// network reports whether err is about the connection rather than about what came over it.
func network(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "server closed idle connection") ||
		strings.Contains(err.Error(), "unexpected EOF")
}

func badGzip(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}
