package appliance

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// What can be wrong, for errors.Is. An error may be several of these at once.
var (
	// ErrUnreachable: no connection, or nothing came back of a call that changes nothing.
	ErrUnreachable = errors.New("unreachable")
	// ErrAmbiguous: something that changes the appliance was sent and we do not know whether it took effect.
	ErrAmbiguous = errors.New("outcome unknown")
	// ErrUntrusted: the certificate is not one that we trust; nothing was sent.
	ErrUntrusted = errors.New("not trusted")
	// ErrCredentials: the appliance does not know us (401).
	ErrCredentials = errors.New("credentials rejected")
	// ErrNoPassword: the password could not be had, so nothing was sent.
	ErrNoPassword = errors.New("no password")
	// ErrForbidden: it knows us and we may not (403).
	ErrForbidden = errors.New("not permitted")
	// ErrHeld: somebody else holds the lock (423).
	ErrHeld = errors.New("held by another")
	// ErrNotHeld: the lock that an act needs is not ours (any more), and nobody else's either.
	ErrNotHeld = errors.New("lock not held")
	// ErrUnsupported: this appliance cannot do that, ever or in its present version or role.
	ErrUnsupported = errors.New("not supported")
	// ErrMalformed: an answer is not what it should be. It is never read as "nothing there".
	ErrMalformed = errors.New("unreadable answer")
	// ErrTooLarge: an answer is over a limit.
	ErrTooLarge = errors.New("answer too large")
	// ErrBusy: the appliance says it is not ready (restarting, quiesced, 503).
	ErrBusy = errors.New("not ready")
	// ErrReadOnly: a rule of ours forbids changes.
	ErrReadOnly = errors.New("read-only")
	// ErrGone: what was asked for does not exist (any more).
	ErrGone = errors.New("gone")
)

// Reason is why something failed in the fewest words: what the appliance answered, or why it could not, without the request
// and the appliance, which whoever asks knows. Of an unknown outcome nothing is left out.
func Reason(err error) string {
	var refusal *Refusal
	var told interface{ Reason() string }
	why := err.Error()
	switch {
	case errors.Is(err, ErrAmbiguous):
	case errors.As(err, &refusal):
		why = refusal.Error()
	case errors.As(err, &told) && told.Reason() != "":
		why = told.Reason()
	}
	return Words(why).String()
}

// Message is one message of an appliance. The id is for showing; nothing ever branches on it (api/lxca.md 5.2).
type Message struct {
	ID          Text
	Text        Text
	Explanation Text
	Recovery    Text
	URL         Text
}

// String is the message on one line, with what to do about it.
func (m Message) String() string {
	parts := []string{}
	for _, t := range []Text{m.Text, m.Explanation, m.Recovery} {
		if s := strings.TrimSpace(t.String()); s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, " ")
	if !m.ID.Empty() {
		s += " [" + m.ID.String() + "]"
	}
	return strings.TrimSpace(s)
}

// Refusal is the error of an appliance that answered and said no.
type Refusal struct {
	Status   int  // HTTP status; 200 with result "failed" is a refusal too
	Result   Text // as told: failed, failure
	Messages []Message
	Kind     error // one of the sentinels above, or nil
}

// Error says status and messages.
func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))))
	if !r.Result.Empty() && r.Status < 300 {
		fmt.Fprintf(&b, ", result %s", r.Result)
	}
	for _, m := range r.Messages {
		if s := m.String(); s != "" {
			b.WriteString(": " + s)
		}
	}
	return b.String()
}

// Unwrap makes a refusal answer to its kind.
func (r *Refusal) Unwrap() error { return r.Kind }

// Advice is what the appliance recommends, empty when it recommends nothing.
func (r *Refusal) Advice() Text {
	for _, m := range r.Messages {
		if !m.Recovery.Empty() {
			return m.Recovery
		}
	}
	return Text{}
}
