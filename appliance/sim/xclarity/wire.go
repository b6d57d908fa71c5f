package xclarity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Time stamp forms that Lenovo's resources were seen to use (api/lxca.md 6, quirk 5).
const (
	millisForm  = "2006-01-02T15:04:05.000Z"
	secondsForm = "2006-01-02T15:04:05Z"
	wordsForm   = "January 2, 2006 3:04:05 PM MST"
)

// stamp renders a time of the appliance's clock; form is what the resource uses when the switch leaves it alone.
func (a *Appliance) stamp(t time.Time, form string) any {
	t = t.UTC()
	switch a.switches.Get(swTimestamps) {
	case "seconds":
		form = secondsForm
	case "offset":
		return t.In(time.FixedZone("", 2*60*60)).Format("2006-01-02T15:04:05.000-07:00")
	case "space":
		form = "2006-01-02 15:04:05.000"
	case "dashes":
		form = "01-02-2006-15:04"
	case "underscore":
		form = "2006-01-02_15-04-05"
	case "words":
		form = wordsForm
	case "epoch":
		return t.UnixMilli()
	case "empty":
		return ""
	}
	return t.Format(form)
}

// number renders an ordinary number; size renders a size or a count, which the vendor writes as a string.
func (a *Appliance) number(n int64) any {
	if a.switches.Is(swNumbers, "string") {
		return strconv.FormatInt(n, 10)
	}
	return n
}

func (a *Appliance) size(n int64) any {
	if a.switches.Is(swSizes, "number") {
		return n
	}
	return strconv.FormatInt(n, 10)
}

func (a *Appliance) boolean(b bool) any {
	if a.switches.Is(swBooleans, "string") {
		return strconv.FormatBool(b)
	}
	return b
}

// float is a number that is always written with a fraction, as Lenovo's job percentages are (100.0).
type float float64

// MarshalJSON writes at least one digit behind the point.
func (f float) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'f', 1, 64), nil
}

// percentage renders a job's percentage as the switch asks for.
func (a *Appliance) percentage(p float64) any {
	switch a.switches.Get(swPercentage) {
	case "int":
		return int(p)
	case "string":
		return strconv.FormatFloat(p, 'f', 1, 64)
	}
	return float(p)
}

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// members reads the JSON object in a request's body. It keeps each member as it was written, because the difference
// between 1200, 1200.0 and "1200" matters.
func members(r *http.Request) (map[string]json.RawMessage, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("the body could not be read: %w", err)
	}
	if len(b) > maxBody {
		return nil, fmt.Errorf("the body is longer than %d bytes", maxBody)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("the body is not a JSON object: %w", err)
	}
	if m == nil {
		return nil, fmt.Errorf("the body is not a JSON object")
	}
	return m, nil
}

// text returns a string member; a missing one and one of another type are not told apart.
func text(m map[string]json.RawMessage, key string) (string, bool) {
	raw, ok := m[key]
	if !ok || len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	return s, true
}

// integer returns a member that is written as an integer: no fraction, no exponent, no string, no truth value.
func integer(m map[string]json.RawMessage, key string) (int64, bool) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(m[key])), 10, 64)
	return n, err == nil
}

// round1 cuts a percentage to one digit behind the point.
func round1(p float64) float64 { return math.Floor(p*10) / 10 }
