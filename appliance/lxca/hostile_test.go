package lxca

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/appliance"
)

// A title that asks for a long argument again and again costs what a message costs.
func TestFault_NET04_TitleBomb(t *testing.T) {
	const n = 20_000
	long := strings.Repeat("a", n)
	v := mustParse(t, `[{"jobUID":"1","title":"`+strings.Repeat("{0}", n)+`","args":["`+long+`"]}]`)
	filled := fillIn(strings.Repeat("{0}", n), v.kids[0].value)
	if most := utf8.UTFMax*appliance.MessageLimit + appliance.LabelLimit; len(filled) > most || len(filled) < appliance.MessageLimit {
		t.Errorf("the filled title has %d bytes, not at most %d", len(filled), most)
	}
	l, err := decodeJobs(t.Context(), v)
	if err != nil || l.Jobs[0].Title != appliance.Label(long) {
		t.Errorf("%v, %v", l.Jobs, err)
	}
	args := `"args":["zero",1,"{0}","three","4","5","6","7","8","9","10","11","12","13","14","fifteen","sixteen"]`
	for title, want := range map[string]string{
		"{0} and {1}": "zero and 1", "{15}": "fifteen", "{16}": "{16}", "{x} {0": "{x} {0", "{}{0}{": "{}zero{", "{-1}{{0}}": "{-1}{zero}",
		"{2}": "{0}", "}{0}": "}zero", "no argument": "no argument", "{099}": "{099}",
	} {
		if got := title0(t, `"title":"`+title+`",`+args); got != want {
			t.Errorf("%q became %q, want %q", title, got, want)
		}
	}
}

func title0(t *testing.T, attributes string) string { return phaseOf(t, attributes).Title.String() }

// What an appliance repeats without end is kept up to a bound, in time that grows no faster than the answer, and it is told
// that there was more.
func TestFault_NET04_EndlessAttributesAndPlaces(t *testing.T) {
	var rows []string
	for r := range 20 {
		var b strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&b, `,"k%06d":1`, 4000*r+i)
		}
		rows = append(rows, `{"uuid":"`+someUUID+`"`+b.String()+"}")
	}
	l, err := decodeBackups(t.Context(), mustParse(t, `{"backups":[`+strings.Join(rows, ",")+`]}`))
	if err != nil || len(l.Backups) != 1 {
		t.Fatalf("%d backups, %v", len(l.Backups), err)
	}
	fields := l.Backups[0].Fields()
	if last := fields[len(fields)-1]; len(fields) != maxFields+1 || last.Value.String() != moreFields {
		t.Errorf("%d fields, the last %v", len(fields), last)
	}
	if row := mustParse(t, rows[0]).fields("k000000"); len(row) != maxFields+1 || row[maxFields].Value.String() != moreFields {
		t.Errorf("one row: %d fields, the last %v", len(row), row[len(row)-1])
	}
	one := mustParse(t, `{"a":1,"b":2}`).fields()
	if len(one) != 2 || one[1].Key.String() != "b" {
		t.Errorf("a short record: %v", one)
	}
	rows = nil
	for r := range 20 {
		rows = append(rows, fmt.Sprintf(`{"uuid":%q,"locations":["/a%d","/b%d","/c%d","/d%d","/e%d"]}`, someUUID, r, r, r, r, r))
	}
	l, err = decodeBackups(t.Context(), mustParse(t, `[`+strings.Join(rows, ",")+`]`))
	if err != nil || len(l.Backups) != 1 || len(l.Backups[0].Locations) != maxLocations {
		t.Errorf("places of many entries: %+v, %v", l.Backups, err)
	}
	var places []string
	for i := range 60_000 {
		places = append(places, fmt.Sprintf(`"/m%d"`, i))
	}
	for _, listed := range []string{
		"[" + strings.Join(places, ",") + "]", `"` + strings.ReplaceAll(strings.Join(places, ","), `"`, "") + `"`,
	} {
		l, err := decodeBackups(t.Context(), mustParse(t, `[{"uuid":"`+someUUID+`","location":"internal","locations":`+listed+`}]`))
		if err != nil || len(l.Backups) != 1 || len(l.Backups[0].Locations) > maxLocations || !l.Backups[0].At(appliance.Internal) {
			t.Errorf("%d backups, %v", len(l.Backups), err)
		}
	}
}

// Parts of jobs cost far more memory than bytes.
func TestFault_NET04_EndlessParts(t *testing.T) {
	listing := func(jobs, parts int) string {
		job := `{"jobUID":%d,"children":[` + strings.TrimSuffix(strings.Repeat("{},", parts), ",") + `]}`
		var all []string
		for i := range jobs {
			all = append(all, fmt.Sprintf(job, i+1))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	if _, err := decodeJobs(t.Context(), mustParse(t, listing(3, maxRows/2))); !errors.Is(err, appliance.ErrTooLarge) {
		t.Errorf("too many parts: %v", err)
	}
	if l, err := decodeJobs(t.Context(), mustParse(t, listing(1, maxRows/10))); err != nil || len(l.Jobs[0].Children) != maxRows/10 {
		t.Errorf("many parts: %v", err)
	}
}

// Who left does not wait for a long answer to be read.
func TestDecodingEndsWithTheCall(t *testing.T) {
	left, cancel := context.WithCancel(t.Context())
	cancel()
	_, locks := decodeLocks(left, mustParse(t, lockListing))
	_, backups := decodeBackups(left, mustParse(t, backupListing))
	_, jobs := decodeJobs(left, mustParse(t, jobListing))
	for _, err := range []error{locks, backups, jobs} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

// TestJobSaysWhatItIsAbout believes what stands alone in an attribute, and nothing that is written for people.
func TestJobSaysWhatItIsAbout(t *testing.T) {
	const other = "11111111-2222-3333-4444-555555555555"
	for body, want := range map[string]appliance.Job{
		`"targets":[{"name":"nightly","uuid":"` + strings.ToUpper(someUUID) + `"}]`: {Backup: someUUID},
		`"target":"` + someUUID + `"`:                                                                   {Backup: someUUID},
		`"args":["nightly","` + someUUID + `"]`:                                                         {Backup: someUUID},
		`"messageParameters":["` + someUUID + `"]`:                                                      {Backup: someUUID},
		`"subject":{"what":["` + someUUID + `"]}`:                                                       {Backup: someUUID},
		`"targets":[{"uuid":"` + someUUID + `"}],"args":["` + other + `"]`:                              {Backup: someUUID},
		`"targets":[{"uuid":"` + someUUID + `"},{"uuid":"` + someUUID + `"}]`:                           {Backup: someUUID},
		`"targets":[{"uuid":"` + someUUID + `"},{"uuid":"` + other + `"}]`:                              {},
		`"targets":[],"a":"` + someUUID + `","b":"` + other + `"`:                                       {},
		`"title":"Copy backup ` + someUUID + `"`:                                                        {},
		`"status":{"state":"Running","substatus":[{"id":"2","targets":[{"uuid":"` + someUUID + `"}]}]}`: {},
		`"children":[{"jobUID":"2","operation":"copy","uuid":"` + someUUID + `"}]`:                      {},
		`"taskId":"` + someUUID + `"`:                                                                   {},
		`"uuid":"4EDF27FF08D149B5B7F37E8EDC4FD278"`:                                                     {},
		`"operation":"copy"`:                                                                            {Verb: appliance.VerbCopy},
		`"action":"start","operation":"Push"`:                                                           {Verb: appliance.VerbPush},
		`"jobType":"MOVE"`:                                                                              {Verb: appliance.VerbMove},
		`"category":"copy","targets":[{"uuid":"` + someUUID + `"}]`:                                     {Verb: appliance.VerbCopy, Backup: someUUID},
		`"category":"copy","operation":"move"`:                                                          {},
		`"category":"MANAGEMENT"`:                                                                       {},
		`"operation":"acquire"`:                                                                         {},
		`"operation":"copy backup"`:                                                                     {},
		`"title":"copy","jobTitle":"copy","summary":"copy"`:                                             {},
		`"operation":{"name":"copy"}`:                                                                   {},
	} {
		if j := phaseOf(t, body); j.Verb != want.Verb || j.Backup != want.Backup {
			t.Errorf("%s: %q of %q", body, j.Verb, j.Backup)
		}
	}
}
