package lxca

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// parsed reads a fuzzed body, and checks that what is refused is refused with a word for it.
func parsed(t *testing.T, body []byte) (value, bool) {
	t.Helper()
	v, err := parse(body, patient)
	if err != nil {
		if !errors.Is(err, appliance.ErrMalformed) && !errors.Is(err, appliance.ErrTooLarge) {
			t.Errorf("refused without a reason: %v", err)
		}
		clean(t, err.Error())
		return value{}, false
	}
	if !json.Valid(body) {
		t.Errorf("accepted what is no JSON: %q", body)
	}
	return v, true
}

// clean fails on anything that could move a cursor.
func clean(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.C, r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("control rune in %q", s)
		}
	}
}

func cleanFields(t *testing.T, fields []appliance.Field) {
	t.Helper()
	for i, f := range fields {
		clean(t, f.Key.String(), f.Value.String())
		if i > 0 && fields[i-1].Key.String() > f.Key.String() {
			t.Errorf("fields out of order: %v", fields)
		}
	}
}

func seeds(f *testing.F, bodies ...string) {
	f.Helper()
	for _, b := range append(bodies, "", "null", "[]", "{}", "[null]", "[[]]", `"x"`, "1", "[{}]", `{"a":[],"b":[]}`,
		`{"result":"failed"}`, "<html>", "[]]", `{"id":1,"ID":2}`, "\"\xff\"") {
		f.Add([]byte(b))
	}
}

func FuzzLocks(f *testing.F) {
	seeds(f, lockListing, `{"locks":`+lockListing+`}`, `{"id":"x\u009b","component":"U\u001b"}`, `[1,{"id":null}]`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		l, err := decodeLocks(t.Context(), v)
		if err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Error(err)
		}
		if err == nil && v.kind == object && len(v.kids) == 0 {
			t.Error("an empty object is read as no locks")
		}
		if err == nil && len(l.Locks)+l.Unreadable == 0 && !saysNone(v) {
			t.Errorf("read as no locks: %q", body)
		}
		for _, k := range l.Locks {
			if _, ok := appliance.ParseLockID(string(k.ID)); !ok || k.TTL < 0 {
				t.Errorf("lock %+v", k)
			}
			clean(t, k.Scope.String(), k.CreText.String())
		}
	})
}

// saysNone reports whether a listing holds nothing: null, an empty list, or an object around one.
func saysNone(v value) bool {
	empty := func(m member) bool { return m.kind == list && len(m.kids) == 0 }
	return v.kind == null || empty(member{value: v}) || v.kind == object && slices.ContainsFunc(v.kids, empty)
}

func FuzzBackups(f *testing.F) {
	seeds(f, backupListing, `{"backups":[{"uuid":"`+someUUID+`","mountPoint":[["/a"],{"path":"/b"}],"size":-1}]}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		l, err := decodeBackups(t.Context(), v)
		if err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Error(err)
		}
		seen := map[appliance.BackupID]bool{}
		for _, b := range l.Backups {
			if id, ok := appliance.ParseUUID(string(b.ID)); !ok || id != b.ID || seen[b.ID] || b.Size < -1 {
				t.Errorf("backup %+v", b)
			}
			seen[b.ID] = true
			for _, place := range b.Locations {
				if _, ok := appliance.ParseLocation(string(place)); !ok {
					t.Errorf("location %q", place)
				}
			}
			clean(t, b.Label.String(), b.File.String(), b.CreText.String(), b.Checksum.String(), b.Version.String(), b.By.String())
			cleanFields(t, b.Fields())
		}
	})
}

func FuzzSpace(f *testing.F) {
	seeds(f, `{"spaceUsed":"1024","totalSpace":4096,"result":"success"}`, `{"spaceUsed":"12 GB"}`, `{"response":{"totalSpace":1e400}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		s, err := decodeSpace(v)
		if err == nil && (s.Used < -1 || s.Total < -1 || s.Text.Empty()) {
			t.Errorf("%+v", s)
		}
		clean(t, s.Text.String())
	})
}

func FuzzQuiet(f *testing.F) {
	seeds(f, `{"backupRequest":{"progress":"54","status":"EXEC: Packaging \u009b","uuid":"`+someUUID+`","jobId":7,"remoteShareDestination":"/mnt/s"}}`,
		`{"restoreRequest":{"devices":true,"progress":1e9}}`, `{"response":{"backupRequest":{"label":"\u202ex"}}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		q, err := decodeQuiet(v)
		if err != nil && (!errors.Is(err, appliance.ErrMalformed) || q.Making || q.Restoring || len(q.Fields) > 0) {
			t.Errorf("%+v, %v", q, err)
		}
		if q.Percent > 100 || q.Percent < 0 && q.Percent != -1 && err == nil || !q.Making && !q.Restoring && !q.Phase.Empty() {
			t.Errorf("%+v", q)
		}
		if _, ok := appliance.ParseUUID(string(q.Backup)); q.Backup != "" && !ok {
			t.Errorf("backup %q", q.Backup)
		}
		clean(t, q.Phase.String(), q.Label.String(), q.File.String(), q.By.String())
		cleanFields(t, q.Fields)
	})
}

func FuzzJobs(f *testing.F) {
	seeds(f, jobListing, `[{"jobUID":1,"percentage":"NaN","children":{"children":[]}}]`,
		`[{"jobUID":"1","status":"Complete","children":[{"status":"Running"}]}]`,
		`[{"jobUID":"1","summary":`+strings.Repeat(`{"text":[`, 20)+`"x"`+strings.Repeat(`]}`, 20)+`}]`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		l, err := decodeJobs(t.Context(), v)
		if err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Error(err)
		}
		for _, j := range l.Jobs {
			if _, ok := appliance.ParseJobID(string(j.ID)); !ok {
				t.Errorf("id %q", j.ID)
			}
			checkJob(t, j)
		}
	})
}

// checkJob holds a job against what must be true of any.
func checkJob(t *testing.T, j appliance.Job) {
	t.Helper()
	if !(j.Percent >= 0 && j.Percent <= 100 || j.Percent == -1) {
		t.Errorf("percent %v", j.Percent)
	}
	if j.Phase == appliance.PhaseSucceeded {
		for part := range strings.SplitSeq(j.State.String(), " / ") {
			if plain(part) != "complete" {
				t.Errorf("success of a job that says %q", j.State)
			}
		}
		for _, c := range j.Children {
			if c.Phase != appliance.PhaseSucceeded {
				t.Errorf("success in spite of %+v", c)
			}
		}
	}
	clean(t, j.Title.String(), j.State.String(), j.By.String())
	for _, m := range j.Messages {
		clean(t, m.String())
	}
	cleanFields(t, j.Fields)
	for _, c := range j.Children {
		checkJob(t, c)
	}
}

func FuzzPutAnswer(f *testing.F) {
	for _, b := range []string{`{"jobId":"17","result":"success","message":[]}`, `{"jobID":17}`, `{"jobURL":"/jobs/289"}`, `{}`,
		`{"result":"warning","message":{"id":"X","recovery":[{"text":"y"}]}}`, `{"jobId":"../1"}`, `null`} {
		f.Add([]byte(b), "/jobs/302", "2893")
	}
	f.Fuzz(func(t *testing.T, body []byte, location, jobids string) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		told, err := decodeReceipt(v)
		if err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Error(err)
		}
		for _, m := range told {
			clean(t, m.String(), m.URL.String())
		}
		id := decodeStarted(v, location, jobids)
		if _, ok := appliance.ParseJobID(string(id)); id != "" && !ok {
			t.Errorf("job %q", id)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	for _, e := range envelopes {
		f.Add([]byte(e.body), e.contentType)
	}
	f.Add([]byte("first\nsecond"), "text/plain")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		a := answer{Response: &transport.Response{Status: 400, ContentType: contentType, Body: body, RetryAfter: time.Second}}
		err := a.refusal()
		r, ok := refusalOf(err)
		if !ok || r.Status != 400 || len(r.Messages) > maxMessages {
			t.Errorf("%v", err)
		}
		clean(t, err.Error(), r.Result.String(), r.Advice().String())
	})
}

func FuzzAppliance(f *testing.F) {
	seeds(f, aiccAnswer, `{"appliance":{"version":4.1},"services":{"id":"sftp"}}`, `{"appliance":{"version":"4.1.0"},"services":[{"id":"sftp","state":"0"}]}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		h, err := decodeAppliance(v)
		if err == nil && h.Version.Empty() || err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%+v, %v", h, err)
		}
		clean(t, h.Version.String(), h.Host.String(), h.Service.String(), h.NoLocks)
		cleanFields(t, h.Fields)
	})
}

func FuzzAccounts(f *testing.F) {
	seeds(f, accountListing, `{"response":{"userName":"admin","supervisor":"true"}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, ok := parsed(t, body)
		if !ok {
			return
		}
		r, err := decodeAccounts(v, "admin")
		if err != nil && !errors.Is(err, appliance.ErrMalformed) {
			t.Error(err)
		}
		if r.mayChange && r.doubt || err == nil && r.passwordDays < -1 {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzLocation(f *testing.F) {
	for _, s := range []string{string(someLock), "/aicc/service/sftp/locks/" + string(someLock), "https://other/x/" + string(someLock) + "?a#b", "", "/", "%2f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, location string) {
		id, ok := lockIn(location)
		if _, good := appliance.ParseLockID(string(id)); ok != good || ok != (id != "") || !strings.Contains(location, string(id)) {
			t.Errorf("%q from %q", id, location)
		}
	})
}
