package transport

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance"
)

// first is the first value of a header that may come twice (api/lxca.md 6, quirk 6).
func first(h http.Header, name string) string { return strings.TrimSpace(h.Get(name)) }

// date is the appliance's Date; zero when it is missing or malformed, or when an Age says that a cache answered
// (faults.md CLK-05).
func date(h http.Header) time.Time {
	if _, cached := h["Age"]; cached {
		return time.Time{}
	}
	t, err := http.ParseTime(first(h, "Date"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// mediaType is the Content-Type in lower case without parameters; empty when missing or malformed.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(first(h, "Content-Type"), ";")
	parsed, _, err := mime.ParseMediaType(kind)
	if err != nil || !printable(parsed) {
		return ""
	}
	return parsed
}

// later is an error with the time after which the appliance asks to be asked again.
type later struct {
	error
	after time.Duration
}

// RetryAfter is the wish of the appliance.
func (l later) RetryAfter() time.Duration { return l.after }

// Unwrap gives the error that carries the wish.
func (l later) Unwrap() error { return l.error }

// Later is err, what is made of the answer, along with the answer's Retry-After if there is one. Callers find it through
// errors.As with an interface that has RetryAfter() time.Duration (faults.md NET-09).
func (r *Response) Later(err error) error {
	if err == nil || r.RetryAfter <= 0 {
		return err
	}
	return later{error: err, after: r.RetryAfter}
}

// maxRetryAfter caps what an appliance may ask us to wait (faults.md NET-09).
const maxRetryAfter = 5 * time.Minute

// retryAfter is the Retry-After, in seconds or as a date on the appliance's clock; 0 when missing, malformed or past.
func retryAfter(h http.Header, stamp appliance.Stamp) time.Duration {
	v := first(h, "Retry-After")
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		seconds, err := strconv.Atoi(v)
		if err != nil || seconds > int(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now := stamp.Date
	if now.IsZero() {
		now = stamp.Received.Wall
	}
	return min(max(0, until.Sub(now)), maxRetryAfter)
}
