package lxca

import (
	"regexp"
	"strconv"
	"time"
)

// spelling is one way in which the appliances write a moment (api/lxca.md 6 #5). The pattern is stricter than package
// time, which takes a one-digit hour or a comma for a point.
type spelling struct {
	pattern *regexp.Regexp
	layout  string
	zoned   bool // says its distance from UTC
}

var spellings = []spelling{
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`), time.RFC3339, true},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?[+-]\d{4}$`), "2006-01-02T15:04:05-0700", true},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$`), "2006-01-02T15:04:05", false},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$`), "2006-01-02 15:04:05", false},
	{regexp.MustCompile(`^\d\d-\d\d-\d{4}-\d\d:\d\d$`), "01-02-2006-15:04", false},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$`), "2006-01-02_15-04-05", false},
	{regexp.MustCompile(`^[A-Z][a-z]+ \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M (UTC|GMT)$`), "January 2, 2006 3:04:05 PM MST", true},
	// The letters of any other zone name no one offset: EST is used on three continents.
	{regexp.MustCompile(`^[A-Z][a-z]+ \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M( [A-Z]{3,5})?$`), "January 2, 2006 3:04:05 PM", false},
}

// Letters of a zone at the end, and an epoch in seconds and in milliseconds between 2001 and 2286.
var (
	zoneLetters  = regexp.MustCompile(` [A-Z]{3,5}$`)
	epochSeconds = regexp.MustCompile(`^\d{10}$`)
	epochMillis  = regexp.MustCompile(`^\d{13}$`)
	zoneLess     = time.FixedZone("zone not told", 0)
)

// instant reads a moment that is told with its zone, or as an epoch; anything else is the zero time (faults.md CLK-06).
// What an expiry is computed from must be read by this one.
func instant(s string) time.Time {
	t, zoned := moment(s)
	if !zoned {
		return time.Time{}
	}
	return t
}

// moment reads every known spelling; what is none of them is the zero time. A moment without a zone is read as if in UTC
// and says so in its location: good enough to sort by, never to compute an expiry from.
func moment(s string) (t time.Time, zoned bool) {
	for _, form := range spellings {
		if !form.pattern.MatchString(s) {
			continue
		}
		in, place := s, time.UTC
		if !form.zoned {
			in, place = zoneLetters.ReplaceAllString(s, ""), zoneLess
		}
		t, err := time.ParseInLocation(form.layout, in, place)
		if err != nil {
			return time.Time{}, false
		}
		if form.zoned {
			t = t.UTC()
		}
		return t, form.zoned
	}
	return epoch(s)
}

// epoch reads seconds or milliseconds since 1970.
func epoch(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case epochSeconds.MatchString(s):
		return time.Unix(n, 0).UTC(), true
	case epochMillis.MatchString(s):
		return time.UnixMilli(n).UTC(), true
	default:
		return time.Time{}, false
	}
}
