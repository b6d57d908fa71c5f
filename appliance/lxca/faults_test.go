package lxca

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

// What makes memory and time grow is bounded: levels, rows, values, bytes and the time of one document. The worst documents
// within the limit of bytes are refused or read at a cost that does not run away.
func TestFault_DAT02_Limits(t *testing.T) {
	const most = 8 << 20 // bytes, as the transport allows
	fill := func(open, unit, end string) []byte {
		var b bytes.Buffer
		b.WriteString(open)
		for b.Len()+len(unit)+len(end) < most {
			b.WriteString(unit)
		}
		b.WriteString(end)
		return b.Bytes()
	}
	var members bytes.Buffer
	for i := 0; members.Len() < most-30; i++ {
		fmt.Fprintf(&members, `"k%d":1,`, i)
	}
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"64 levels":      {[]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64)), nil},
		"65 levels":      {[]byte(strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)), appliance.ErrMalformed},
		"endless levels": {fill("", "[", ""), appliance.ErrMalformed},
		"200 k members":  {fmt.Appendf(nil, `{%s"z":1}`, members.String()), appliance.ErrTooLarge},
		"rows":           {fill("[", "1,", "1]"), appliance.ErrTooLarge},
		"lists":          {fill("[", "[[],[],[]],", "1]"), appliance.ErrTooLarge},
		"values":         {fill("[", "["+strings.Repeat("1,", 99_998)+"1],", "1]"), appliance.ErrTooLarge},
		"one string":     {fill(`["`, "x", `"]`), nil},
		"escapes":        {fill(`["`, `\u001b`, `"]`), nil},
		"cut string":     {fill(`["`, `\u001b`, ""), appliance.ErrMalformed},
		"digits":         {fill("[1", "0", "]"), nil},
	} {
		began := time.Now()
		if _, err := parse(test.body, patient); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second { // five times what counts below: the host may be busy
			t.Errorf("%s took %s", name, took)
		}
	}
	rows := fill("[", `[1],`, "1]")[:4096]
	rows = append(rows[:bytes.LastIndexByte(rows, ',')], ']')
	if _, err := parse(rows, 0); !errors.Is(err, appliance.ErrTooLarge) || !strings.Contains(err.Error(), "takes longer than 0s") {
		t.Errorf("no time at all: %v", err)
	}
	if documentTime != time.Second {
		t.Errorf("one document may take %s", documentTime)
	}
}

// A listing of as many bytes and rows as are let in goes through the whole client within a ceiling of memory.
func TestFault_NET04_MemoryCeiling(t *testing.T) {
	const ceiling = 250 << 20 // allocated in all, by the appliance too: it is in this process
	row := func(i int) string { return fmt.Sprintf(`{"uuid":"4edf27ff-08d1-49b5-b7f3-%012x"}`, i) }
	var full strings.Builder
	for i := range maxRows {
		full.WriteString(row(i) + ",")
	}
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"100 k rows":            {`{"backups":[` + strings.TrimSuffix(full.String(), ",") + "]}", nil},
		"one row over":          {`{"backups":[` + full.String() + row(maxRows) + "]}", appliance.ErrTooLarge},
		"more bytes than 8 MiB": {`{"backups":[` + strings.Repeat(" ", 8<<20) + "]}", appliance.ErrTooLarge},
	} {
		c := answering(t, answerOf(200, test.body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l, err := c.Backups(t.Context())
		runtime.ReadMemStats(&after)
		busy := err != nil && strings.Contains(err.Error(), "takes longer") // a refusal too, and no part of a listing
		if !errors.Is(err, test.want) && !busy || err != nil && !strings.Contains(err.Error(), " than ") && !strings.Contains(err.Error(), "limit of 8388608") {
			t.Errorf("%s: %d rows, %v", name, len(l.Backups), err)
		}
		if err == nil && len(l.Backups) != maxRows || err != nil && len(l.Backups) != 0 {
			t.Errorf("%s: %d rows, %v", name, len(l.Backups), err)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > ceiling {
			t.Errorf("%s: %d MiB were allocated", name, spent>>20)
		}
	}
}

// Only character sets whose bytes are known for certain are read; of a refusal in another one the status is left.
func TestFault_DAT03_Charsets(t *testing.T) {
	listing := `{"backups":[{"uuid":"` + someUUID + `","label":"Gr` + "\xf6\xdf" + `e"}]}`
	inUTF8 := strings.ReplaceAll(listing, "\xf6\xdf", "öß")
	for contentType, test := range map[string]struct{ body, label, err string }{
		"application/json":                       {inUTF8, "Größe", ""},
		"application/json; charset=UTF-8":        {inUTF8, "Größe", ""},
		"application/json; charset=\"utf-8\"":    {inUTF8, "Größe", ""},
		"application/json; charset=ISO-8859-1":   {listing, "Größe", ""},
		"application/json; charset=us-ascii":     {listing, "Gr\ufffd\ufffde", ""},
		"application/json; charset=ASCII":        {inUTF8, "Größe", ""},
		"application/json; charset=UTF-16":       {inUTF8, "", `character set "UTF-16" is not accepted`},
		"application/json; charset=windows-1252": {listing, "", "only UTF-8, US-ASCII and ISO-8859-1"},
		"application/json; charset":              {inUTF8, "Größe", ""}, // says none
	} {
		c := answerOf(200, test.body)
		c.header = http.Header{"Content-Type": {contentType}}
		l, err := answering(t, c).Backups(t.Context())
		switch {
		case test.err != "" && (!errors.Is(err, appliance.ErrMalformed) || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%s: %v", contentType, err)
		case test.err == "" && (err != nil || l.Backups[0].Label.String() != test.label):
			t.Errorf("%s: %+v, %v", contentType, l.Backups, err)
		}
		c = answerOf(400, `{"messages":[{"text":"bad`+"\xf6"+`"}]}`)
		c.header = http.Header{"Content-Type": {contentType}}
		_, err = answering(t, c).Backups(t.Context())
		if !refusedWith(err, 400) || strings.Contains(err.Error(), "bad") != (test.err == "") {
			t.Errorf("refusal as %s: %v", contentType, err)
		}
	}
}

// FuzzCollidingKeys holds the check of keys against the tokens of package json: what is read has no two keys in one object
// that are the same but for case (faults.md DAT-04).
func FuzzCollidingKeys(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"ID":2}`, `{"a":{"b":1},"B":{"b":2,"\u0042":3}}`, `[{"k":1,"\u212a":2}]`, `{"s":1,"ſ":2}`, `{"a":1,"a":1}`, `{"":1,"":2}`,
		`{"i":1,"İ":2,"ı":3}`, `{"ß":1,"SS":2,"ẞ":3}`, "{\"\xff\":1,\"\xfe\":2}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := parse(body, patient)
		if collides := colliding(json.NewDecoder(bytes.NewReader(body))); json.Valid(body) && collides && err == nil {
			t.Errorf("read in spite of colliding keys: %q", body)
		} else if err != nil && strings.Contains(err.Error(), "two JSON keys") && !collides {
			t.Errorf("no two keys collide in %q: %v", body, err)
		}
	})
}

// colliding reports whether an object of the document has two keys that strings.EqualFold holds equal.
func colliding(dec *json.Decoder) bool {
	type level struct {
		object bool
		key    bool // a key comes next
		keys   []string
	}
	stack := []level{{}}
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		top := &stack[len(stack)-1]
		if name, ok := token.(string); ok && top.object && top.key {
			if slices.ContainsFunc(top.keys, func(k string) bool { return strings.EqualFold(k, name) }) {
				return true
			}
			top.keys, top.key = append(top.keys, name), false
			continue
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			top.key = true
			stack = append(stack, level{object: token == json.Delim('{'), key: true})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		default:
			top.key = true
		}
	}
}

// Whatever one row of a listing is, the rows beside it are read, and it is either read or counted: nothing vanishes and
// nothing else is taken along.
func TestFault_DAT05_AnyRow(t *testing.T) {
	keys := []string{
		"id", "uuid", "jobUID", "jobId", "component", "expirationTimeOut", "creationTimestamp", "label", "locations", "packageSize",
		"status", "percentage", "children", "future",
	}
	rapid.Check(t, func(t *rapid.T) {
		var any func(depth int) string
		any = func(depth int) string {
			kinds := []string{"null", "true", "7", "-1.5e300", `"x"`, `"` + string(otherLock) + `"`, `"11111111-2222-3333-4444-555555555555"`, "[]", "{}", "list", "object"}
			if depth > 2 {
				kinds = kinds[:9]
			}
			switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
			case "list":
				return "[" + any(depth+1) + "," + any(depth+1) + "]"
			case "object":
				var b strings.Builder
				for i, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 0, 5, rapid.ID).Draw(t, "keys") {
					if i > 0 {
						b.WriteByte(',')
					}
					fmt.Fprintf(&b, "%q:%s", k, any(depth+1))
				}
				return "{" + b.String() + "}"
			default:
				return kind
			}
		}
		row := any(0)
		listing := func(good string) value {
			v, err := parse([]byte("["+good+","+row+"]"), patient)
			if err != nil {
				t.Fatalf("%s: %v", row, err)
			}
			return v
		}
		locks, err := decodeLocks(t.Context(), listing(oneLock))
		if err != nil || locks.Locks[0].ID != someLock || len(locks.Locks)+locks.Unreadable != 2 {
			t.Fatalf("locks with %s: %+v, %v", row, locks, err)
		}
		backups, err := decodeBackups(t.Context(), listing(`{"uuid":"`+someUUID+`"}`))
		if err != nil || backups.Backups[0].ID != someUUID || len(backups.Backups)+backups.Unreadable != 2 {
			t.Fatalf("backups with %s: %+v, %v", row, backups, err)
		}
		jobs, err := decodeJobs(t.Context(), listing(`{"jobUID":"83"}`))
		if err != nil || jobs.Jobs[0].ID != "83" || len(jobs.Jobs)+jobs.Unreadable != 2 {
			t.Fatalf("jobs with %s: %+v, %v", row, jobs, err)
		}
	})
}

// FuzzMoment holds the reading of times against package time: what both read is the same moment, and what is not read
// is the zero time in both readers (faults.md CLK-06).
func FuzzMoment(f *testing.F) {
	for _, s := range []string{
		"2019-05-02T19:28:14.000Z", "2017-05-19T15:08:34+02:00", "2017-05-19T15:08:34.5-0130", "2016-04-07 23:44:10.869", "05-11-2017-08:35",
		"2016-11-22_06-49-00", "September 18, 2015 8:45:54 AM EST", "September 18, 2015 8:45:54 AM GMT", "1556825294", "1556825294000", "", "0",
		"2019-02-30T19:28:14Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "2019-05-02T19:28:14,5Z", "0001-01-01T00:00:00Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, zoned := moment(s)
		exact := instant(s)
		switch {
		case zoned && !exact.Equal(at), !zoned && !exact.IsZero(), zoned && at.IsZero() && s != "0001-01-01T00:00:00Z" && !strings.HasPrefix(s, "000"):
			t.Errorf("%q: %v, zoned %v, exact %v", s, at, zoned, exact)
		case zoned && !strings.ContainsAny(s, "Z+-") && !strings.HasSuffix(s, "UTC") && !strings.HasSuffix(s, "GMT") && strings.Trim(s, "0123456789") != "":
			t.Errorf("%q has no zone", s)
		}
		if want, err := time.Parse(time.RFC3339Nano, s); err == nil && !at.IsZero() && !at.Equal(want) {
			t.Errorf("%q: %v, want %v", s, at, want)
		}
		raw, err := json.Marshal(s)
		if err != nil {
			return
		}
		v, err := parse([]byte(`[{"id":"`+string(someLock)+`","creationTimestamp":`+string(raw)+`}]`), patient)
		if err != nil {
			t.Fatal(err)
		}
		l, err := decodeLocks(t.Context(), v)
		var told string
		if json.Unmarshal(raw, &told) != nil || err != nil || l.Locks[0].CreText != appliance.Label(strings.TrimSpace(told)) {
			t.Errorf("%q is kept as %q, %v", s, l.Locks[0].CreText, err)
		}
	})
}

// A time granted that no LXCA can mean is not sent, and what an appliance says to one that it does not take is shown cleaned.
func TestFault_LCK12_AbsurdTTL(t *testing.T) {
	const words = "expirationTimeOut \x1b[2J\u009b31m\u202eout of range\r"
	body, err := json.Marshal(map[string]any{"result": "failed", "messages": []map[string]any{{"id": "FQX\x1b1", "text": words, "explanation": "1 to 86400"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := answerOf(400, string(body))
	c := answering(t, server)
	for _, ttl := range []time.Duration{0, -1, -time.Minute, math.MinInt64, time.Second - 1, 90*time.Second + 1, math.MaxInt64} {
		if _, err := c.Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: ttl}); err == nil || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("%s: %v", ttl, err)
		}
	}
	if len(server.seen) != 0 {
		t.Errorf("sent %v", server.seen)
	}
	longest := math.MaxInt64 / time.Second * time.Second
	for ttl, seconds := range map[time.Duration]string{
		time.Second: "1", 24*time.Hour + time.Second: "86401", longest: "9223372036",
	} {
		server.seen = nil
		r, err := c.Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: ttl})
		if !refusedWith(err, 400) || errors.Is(err, appliance.ErrAmbiguous) || r.Lock.ID != "" {
			t.Errorf("%s: %+v, %v", ttl, r, err)
		}
		if want := `POST /aicc/service/sftp/locks {"component":"UP","expirationTimeOut":` + seconds + "}"; !slices.Equal(server.seen, []string{want}) {
			t.Errorf("%s: sent %v", ttl, server.seen)
		}
		for _, shown := range []string{err.Error(), appliance.Reason(err)} {
			clean(t, shown)
			for _, part := range []string{"400 Bad Request", "out of range", "1 to 86400", "[FQX␛1]"} {
				if !strings.Contains(shown, part) {
					t.Errorf("%q does not say %q", shown, part)
				}
			}
		}
	}
	rules := c.LockRules()
	if rules.MinTTL <= 0 || rules.MaxTTL != 24*time.Hour {
		t.Errorf("the range that forms refuse by is %s to %s", rules.MinTTL, rules.MaxTTL)
	}
	// A list that tells one is read, with a time granted that is unknown.
	for _, told := range []string{"0", "-5", "1.5", "9223372037", "1e300", `"soon"`, "null", "[]"} {
		v := mustParse(t, `[{"id":"`+string(someLock)+`","expirationTimeOut":`+told+`}]`)
		if l, err := decodeLocks(t.Context(), v); err != nil || len(l.Locks) != 1 || l.Locks[0].TTL != 0 {
			t.Errorf("listed with %s: %+v, %v", told, l.Locks, err)
		}
	}
}

// An appliance that rejects us is asked once for each call: there is no session to make anew, and what changes something is
// not repeated.
func TestFault_TOK06_RejectedIsAskedOnce(t *testing.T) {
	for _, call := range allCalls() {
		server := answerOf(401, `{"result":"failed","messages":[{"text":"Invalid credentials"}]}`)
		err := call.do(t.Context(), answering(t, server))
		if !errors.Is(err, appliance.ErrCredentials) || errors.Is(err, appliance.ErrAmbiguous) || len(server.seen) != 1 {
			t.Errorf("%s: sent %v, %v", call.name, server.seen, err)
		}
	}
}

// Who is asked to come back later hears for how long, at every status that may say so and for every call.
func TestFault_NET09_RetryAfter(t *testing.T) {
	for _, status := range []int{429, 503} {
		for header, want := range map[string]time.Duration{"7": 7 * time.Second, "86400": 5 * time.Minute} {
			c := answerOf(status, "")
			c.header = http.Header{"Retry-After": {header}}
			client := answering(t, c)
			for _, call := range allCalls() {
				var wish interface{ RetryAfter() time.Duration }
				err := call.do(t.Context(), client)
				if !errors.As(err, &wish) || wish.RetryAfter() != want || !errors.Is(err, appliance.ErrBusy) {
					t.Errorf("%s, %d: %v", call.name, status, err)
				}
				if call.change && errors.Is(err, appliance.ErrAmbiguous) != (status >= 500) {
					t.Errorf("%s, %d: %v", call.name, status, err)
				}
			}
		}
	}
}
