package lxca

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// mustParse is a value of a test's own JSON.
func mustParse(t *testing.T, s string) value {
	t.Helper()
	v, err := parse([]byte(s), patient)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func TestParse(t *testing.T) {
	v := mustParse(t, ` {"a": "x\u001b", "B":[1, 2.50,{"c":null}], "t":true, "big":123456789012345678901234567890} `)
	if v.kind != object || len(v.kids) != 4 || v.get("A").text != "x\x1b" || v.get("b").kids[1].text != "2.50" {
		t.Errorf("%+v", v)
	}
	if list := v.get("b"); list.text != `[1, 2.50,{"c":null}]` || list.kids[2].text != `{"c":null}` {
		t.Errorf("source of a list %q", list.text)
	}
	if v.get("big").id() != "123456789012345678901234567890" || v.get("t").text != "true" || v.get("none").kind != absent {
		t.Errorf("%+v", v)
	}
	if c := v.get("b").kids[2]; c.get("c").kind != absent || !c.has("C") {
		t.Errorf("null is there and is nothing: %+v", c)
	}
}

func TestParseRefuses(t *testing.T) {
	rows := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"nothing":           {"", appliance.ErrMalformed},
		"cut":               {`{"a":[1,2`, appliance.ErrMalformed},
		"cut key":           {`{"a`, appliance.ErrMalformed},
		"comma":             {`[1,]`, appliance.ErrMalformed},
		"page":              {`<html>`, appliance.ErrMalformed},
		"word":              {`nothing`, appliance.ErrMalformed},
		"control":           {"\"\x01\"", appliance.ErrMalformed},
		"depth 65":          {strings.Repeat("[", 65) + strings.Repeat("]", 65), appliance.ErrMalformed},
		"depth 65 of names": {strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), appliance.ErrMalformed},
		"rows":              {rows(maxRows + 1), appliance.ErrTooLarge},
		"values":            {"[" + strings.Repeat(rows(maxRows)+",", 11) + "1]", appliance.ErrTooLarge},
	} {
		if _, err := parse([]byte(c.body), patient); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"depth 64": strings.Repeat("[", 64) + strings.Repeat("]", 64), "rows": rows(maxRows),
	} {
		if _, err := parse([]byte(body), patient); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFault_DAT04_CollidingKeys(t *testing.T) {
	for _, body := range []string{
		`{"id":1,"id":2}`, `{"id":1,"ID":2}`, `[{"x":{"jobId":"1","JobID":"2"}}]`, `{"a":1,"b":{"a":1},"A":2}`,
		`{"k":1,"\u212a":2}`, `{"s":1,"\u017f":2}`, `{"x":1,"\u0078":2}`,
	} {
		if _, err := parse([]byte(body), patient); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
	}
	mustParse(t, `{"a":{"a":{"a":1}},"b":{"a":2},"c":[{"a":1},{"a":2}]}`)
	_, err := parse([]byte("{\"\x7f\\u001b[2J\":1,\"\x7f\\u001b[2J\":2}"), patient)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\x7f") {
		t.Errorf("%q", err)
	}
}

func TestFault_NET07_TrailingData(t *testing.T) {
	for _, body := range []string{`[] []`, `{}x`, `null null`, "[]\x00", `[]<html>`, `[1],`, `""]`} {
		if _, err := parse([]byte(body), patient); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
	}
	mustParse(t, "[]\r\n \t")
}

func TestLenientReading(t *testing.T) {
	v := mustParse(t, `{"n":[7, "7", " 7 ", 7.0, "7.5", -1, "x", true, null, 1e300, "NaN", "inf", "0x10", [], 9223372036854775807],
		"b":[true, "true", "TRUE", false, "false", "failed", 1, null]}`)
	wantCount := []int64{7, 7, 7, 7, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 9223372036854775807}
	for i, k := range v.get("n").kids {
		n, ok := k.count()
		if ok != (wantCount[i] >= 0) || ok && n != wantCount[i] {
			t.Errorf("count of %s: %d %v", k.text, n, ok)
		}
	}
	wantFlag := []string{"true true", "true true", "true true", "false true", "false true", "false false", "false false", "false false"}
	for i, k := range v.get("b").kids {
		is, ok := k.flag()
		if got := fmt.Sprint(is, ok); got != wantFlag[i] {
			t.Errorf("flag of %s: %s", k.text, got)
		}
	}
	for body, want := range map[string]string{`17`: "17", `"17"`: "17", `17.0`: "17", `1.5`: "1.5", `null`: "", `[1]`: "", `true`: ""} {
		if got := mustParse(t, body).id(); got != want {
			t.Errorf("id of %s: %q", body, got)
		}
	}
	for body, want := range map[string]time.Duration{
		`1200`: 20 * time.Minute, `"1200"`: 20 * time.Minute, `0`: 0, `-5`: 0, `1.5`: 0, `9223372036854775807`: 0, `"soon"`: 0, `null`: 0,
	} {
		if got := mustParse(t, body).seconds(); got != want {
			t.Errorf("seconds of %s: %v", body, got)
		}
	}
}

func TestFault_CLK06_Timestamps(t *testing.T) {
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for s, want := range map[string]struct {
		at    string // empty: unknown
		zoned bool
	}{
		"2019-05-02T19:28:14.000Z":          {"2019-05-02T19:28:14Z", true},
		"2017-05-19T15:08:34Z":              {"2017-05-19T15:08:34Z", true},
		"2017-05-19T15:08:34+02:00":         {"2017-05-19T13:08:34Z", true},
		"2017-05-19T15:08:34.5-0130":        {"2017-05-19T16:38:34.5Z", true},
		"2017-05-19T15:08:34.123456":        {"2017-05-19T15:08:34.123456Z", false},
		"2016-04-07 23:44:10.869":           {"2016-04-07T23:44:10.869Z", false},
		"05-11-2017-08:35":                  {"2017-05-11T08:35:00Z", false},
		"2016-11-22_06-49-00":               {"2016-11-22T06:49:00Z", false},
		"September 18, 2015 8:45:54 AM EST": {"2015-09-18T08:45:54Z", false},
		"September 18, 2015 8:45:54 PM":     {"2015-09-18T20:45:54Z", false},
		"September 18, 2015 8:45:54 AM GMT": {"2015-09-18T08:45:54Z", true},
		"1556825294":                        {"2019-05-02T19:28:14Z", true},
		"1556825294000":                     {"2019-05-02T19:28:14Z", true},
		"":                                  {}, "0": {}, "-1": {}, "155682529": {}, "99999999999999999999": {},
		"2019-05-02": {}, "2019-05-02T19:28Z": {}, "2019-13-02T19:28:14Z": {}, "2019-02-30T19:28:14Z": {},
		"2019-05-02T9:28:14Z": {}, "2019-05-02T19:28:14,5Z": {}, "2019-05-02T19:28:14Z ": {}, "2019-05-02T24:00:00Z": {},
		"2019-05-02T19:28:14Zjunk": {}, "Neverember 1, 2015 8:45:54 AM": {}, "yesterday": {}, "0001-01-01T00:00:00Z": {},
	} {
		at, zoned := moment(s)
		if want.at == "" {
			if !at.IsZero() || !instant(s).IsZero() {
				t.Errorf("%q read as %v", s, at)
			}
			continue
		}
		if !at.Equal(utc(want.at)) || zoned != want.zoned || instant(s).IsZero() == want.zoned {
			t.Errorf("%q read as %v, zoned %v", s, at, zoned)
		}
	}
	raw := `[{"id":"` + string(someLock) + `","component":"UP","creationTimestamp":"2016-04-07 23:44:10","expirationTimeOut":1200}]`
	l, err := decodeLocks(t.Context(), mustParse(t, raw))
	if err != nil || !l.Locks[0].Created.IsZero() || l.Locks[0].CreText.String() != "2016-04-07 23:44:10" {
		t.Errorf("a lock without a zone: %+v, %v", l, err)
	}
}

// plainJSON is v as package json would decode it into any.
func plainJSON(v value) any {
	switch v.kind {
	case null:
		return nil
	case boolean:
		return v.text == "true"
	case number:
		return json.Number(v.text)
	case text:
		return v.text
	case list:
		all := make([]any, 0, len(v.kids))
		for _, k := range v.kids {
			all = append(all, plainJSON(k.value))
		}
		return all
	default:
		all := map[string]any{}
		for _, k := range v.kids {
			all[k.key] = plainJSON(k.value)
		}
		return all
	}
}

// FuzzParse holds parse against package json.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[true,false,null,"\u00e9\ud83d\ude00\ud800",-1.5e3],"b":{"c":{}}}`, " [ 1 , \"x\\\\\" , { \"\" : 2 } ]\r\n", "-0", "\"\xff\\\"\"",
		`[[],{},"",0]`, `{"a":1} {}`, `[1,]`, "tru", `{"a":1,"A":2}`, `"\u0000"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if got := plainJSON(v); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, want %#v", body, got, want)
		}
		if v.kind == list || v.kind == object {
			if v.text != string(bytes.Trim(body, " \t\r\n")) {
				t.Errorf("source %q of %q", v.text, body)
			}
		}
	})
}
