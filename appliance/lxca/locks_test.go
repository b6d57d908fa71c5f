package lxca

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"holdfast/appliance"
)

const (
	otherLock   = appliance.LockID("ABCDEF0123456789abcdef0123456789")
	lockListing = `[{"id":"0123456789abcdef0123456789abcdef","component":"UP","creationTimestamp":"2019-05-02T19:28:14.000Z",
		"expirationTimeOut":1200},{"id":"ABCDEF0123456789abcdef0123456789","component":"xx","creationTimestamp":"","expirationTimeOut":"60"}]`
	oneLock = `{"id":"0123456789abcdef0123456789abcdef","component":"up","creationTimestamp":"2019-05-02T19:28:14.000Z","expirationTimeOut":1200}`
)

func TestLockAttributes(t *testing.T) {
	l, err := decodeLocks(t.Context(), mustParse(t, lockListing))
	if err != nil || len(l.Locks) != 2 || l.Unreadable != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	a, b := l.Locks[0], l.Locks[1]
	if a.ID != someLock || a.Scope.String() != "UP Updates" || a.TTL != 20*time.Minute || a.Holder != appliance.HolderUnknown ||
		!a.Created.Equal(time.Date(2019, 5, 2, 19, 28, 14, 0, time.UTC)) || a.Exclusive || len(a.Raw.Lines()) < 6 {
		t.Errorf("%+v", a)
	}
	if b.ID != otherLock || b.Scope.String() != "xx" || b.TTL != time.Minute || !b.Created.IsZero() || !b.CreText.Empty() {
		t.Errorf("%+v", b)
	}
}

func TestFault_LCK01_LocationHeader(t *testing.T) {
	id := string(someLock)
	for location, want := range map[string]appliance.LockID{
		id: someLock, "/aicc/service/sftp/locks/" + id: someLock, " /locks/" + id + " ": someLock,
		"https://elsewhere.example:444/aicc/service/sftp/locks/" + id: someLock, "//evil/" + id: someLock,
		"/locks/" + id + "?x=/y": someLock, "/locks/" + id + "#f": someLock,
		"": "", "/": "", "/locks/" + id + "/": "", "/locks/" + id[:31]: "", "/locks/" + id + "0": "", "/locks/" + id[:31] + "-": "",
		"/locks/%30" + id[1:]: "", "/locks/..": "", "/locks/?" + id: "", "/locks/" + id[:31] + "é": "",
	} {
		c := answerOf(http.StatusCreated, `{"result":"success","messages":[]}`)
		c.header = http.Header{"Location": {location}}
		r, err := answering(t, c).Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: 20 * time.Minute})
		if err != nil || r.Lock.ID != want || r.Lock.TTL != 20*time.Minute || r.Lock.Created.IsZero() {
			t.Errorf("%q: %+v, %v", location, r.Lock, err)
		}
		if seen := c.seen[0]; seen != `POST /aicc/service/sftp/locks {"component":"UP","expirationTimeOut":1200}` {
			t.Errorf("sent %s", seen)
		}
	}
	c := answerOf(http.StatusCreated, "")
	if r, err := answering(t, c).Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: time.Minute}); err != nil || r.Lock.ID != "" {
		t.Errorf("without header and body: %+v, %v", r, err)
	}
}

func TestFault_LCK13_ShapesOfTheList(t *testing.T) {
	for body, want := range map[string][]appliance.LockID{
		"": nil, " \r\n": nil, "null": nil, "[]": nil, `{"locks":[]}`: nil, `{"response":[],"result":"success","messages":[]}`: nil,
		lockListing: {someLock, otherLock}, oneLock: {someLock}, `{"locks":` + lockListing + `}`: {someLock, otherLock},
		`{"result":"success","messages":[{"id":"x"}],"response":` + lockListing + `}`: {someLock, otherLock},
		`{"result":"success","response":` + oneLock + `}`:                             {someLock},
	} {
		l, err := answering(t, answerOf(http.StatusOK, body)).Locks(t.Context())
		var got []appliance.LockID
		for _, k := range l.Locks {
			got = append(got, k.ID)
		}
		if err != nil || !slices.Equal(got, want) || l.Unreadable != 0 || l.Stamp.Date.IsZero() {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
	if l, err := answering(t, answerOf(http.StatusNoContent, "")).Locks(t.Context()); err != nil || len(l.Locks) != 0 {
		t.Errorf("204: %+v, %v", l, err)
	}
	for _, body := range []string{
		"{}", `""`, "0", "true", `["x"]`, "[1,2]", "[[]]", `{"a":[],"b":[]}`, `{"result":"success","messages":[]}`, `{"locks":null}`,
		`{"locks":{}}`, `{"response":{}}`, lockListing + "x", lockListing[:40], `<locks/>`, "no locks",
	} {
		if l, err := answering(t, answerOf(http.StatusOK, body)).Locks(t.Context()); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %+v, %v", body, l, err)
		}
	}
	for _, status := range []int{http.StatusAccepted, http.StatusPartialContent, http.StatusCreated} {
		if _, err := answering(t, answerOf(status, lockListing)).Locks(t.Context()); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestFault_DAT05_UnreadableRecords(t *testing.T) {
	l, err := decodeLocks(t.Context(), mustParse(t, `[null, {}, {"id":null}, {"id":["x"]}, {"id":"short"}, 7, `+oneLock+`, `+oneLock+`,
		{"id":"ABCDEF0123456789abcdef0123456789","component":7,"expirationTimeOut":{},"creationTimestamp":[],"more":{"x":1}}]`))
	if err != nil || len(l.Locks) != 2 || l.Unreadable != 7 || l.Locks[1].TTL != 0 || l.Locks[1].Scope.Code != "7" {
		t.Errorf("locks %+v, %v", l, err)
	}
	b, err := decodeBackups(t.Context(), mustParse(t, `{"backups":[null,{"label":"x"},{"uuid":7},{"uuid":"4edf27ff08d149b5b7f37e8edc4fd278"},
		{"uuid":"4EDF27FF-08D1-49B5-B7F3-7E8EDC4FD278","packageSize":[],"locations":7,"backupDate":{},"checksum":null}]}`))
	if err != nil || len(b.Backups) != 1 || b.Unreadable != 4 || b.Backups[0].ID != someUUID || b.Backups[0].Size != -1 {
		t.Errorf("backups %+v, %v", b, err)
	}
	j, err := decodeJobs(t.Context(), mustParse(t, `[null,{"status":"Complete"},{"jobUID":"../x"},{"jobUID":-1},{"jobUID":"83"},{"jobUID":83}]`))
	if err != nil || len(j.Jobs) != 1 || j.Unreadable != 5 || j.Jobs[0].ID != "83" || j.Jobs[0].Percent != -1 {
		t.Errorf("jobs %+v, %v", j, err)
	}
}

func TestRelease(t *testing.T) {
	for _, c := range []struct {
		answer *canned
		ok     bool
	}{
		{answerOf(200, `{"result":"success","messages":[]}`), true}, {answerOf(200, ""), true}, {answerOf(204, ""), true},
		{answerOf(404, `{"result":"failed","messages":[{"text":"no such lock"}]}`), true}, {page(404), true},
		{answerOf(200, `{"result":"failure"}`), false}, {answerOf(400, `{}`), false}, {answerOf(500, ""), false}, {answerOf(403, ""), false},
	} {
		client := answering(t, c.answer)
		if _, err := client.Release(t.Context(), appliance.Lock{ID: someLock}); (err == nil) != c.ok {
			t.Errorf("%d %s: %v", c.answer.status, c.answer.body, err)
		}
		if seen := c.answer.seen[0]; seen != "DELETE /aicc/service/sftp/locks/"+string(someLock) {
			t.Errorf("sent %s", seen)
		}
	}
}

// TestNothingIsSent of what no LXCA can mean.
func TestNothingIsSent(t *testing.T) {
	server := answerOf(200, "{}")
	c := answering(t, server)
	for _, claim := range []appliance.Claim{
		{Scope: "UP"}, {Scope: "UP", TTL: -time.Minute}, {Scope: "UP", TTL: 1500 * time.Millisecond}, {Scope: "XX", TTL: time.Minute}, {TTL: time.Minute},
	} {
		if _, err := c.Acquire(t.Context(), claim); err == nil {
			t.Errorf("%+v was sent", claim)
		}
	}
	for _, id := range []appliance.LockID{"", "x", "../../../aicc", someLock[:31] + "/"} {
		if _, err := c.Release(t.Context(), appliance.Lock{ID: id}); err == nil {
			t.Errorf("release of %q was sent", id)
		}
	}
	for _, x := range []appliance.Transfer{
		{}, {Verb: appliance.VerbCopy, Backup: "x", Destination: "internal"}, {Verb: appliance.VerbCopy, Backup: someUUID},
		{Verb: appliance.VerbMove, Backup: someUUID, Destination: "mnt"}, {Verb: appliance.VerbPush, Backup: someUUID, Destination: "/mnt/x"},
		{Verb: appliance.VerbPush, Backup: someUUID}, {Verb: appliance.VerbRelease, Backup: someUUID, Destination: "internal"},
	} {
		if _, err := c.Transfer(t.Context(), x); err == nil {
			t.Errorf("%+v was sent", x)
		}
	}
	for _, id := range []appliance.JobID{"", "..", "1/2", "-1"} {
		if _, err := c.CancelJob(t.Context(), id); err == nil {
			t.Errorf("cancel of job %q was sent", id)
		}
	}
	if len(server.seen) != 0 {
		t.Errorf("sent %v", server.seen)
	}
}

func TestLockRules(t *testing.T) {
	r := answering(t, answerOf(200, "")).LockRules()
	codes := map[string]bool{}
	for _, s := range r.Scopes {
		codes[s.Code] = !s.Name.Empty()
	}
	if len(codes) != 20 || r.Scopes[0].String() != "UP Updates" || !r.ChooseTTL || r.MinTTL > r.DefaultTTL || r.DefaultTTL > r.MaxTTL {
		t.Errorf("%+v", r)
	}
}
