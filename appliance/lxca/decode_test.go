package lxca

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

const (
	backupListing = `{"backups":[{"uuid":"4edf27ff-08d1-49b5-b7f3-7e8edc4fd278","label":"nightly\u001b[2J","filename":"LXCA_backup.tar",
		"backupDate":"2019-05-02T19:28:14.000Z","backupRequestedBy":"ADMIN","chassis":"2","checksum":"abc","dhcp":"failed",
		"firmware":"0","packageSize":"12884901888","version":"4.1.0","locations":["internal","/mnt/my_remote_share"],
		"future":{"x":[1]},"list":["a",1]}],"result":"success","messages":[]}`
	aiccAnswer = `{"appliance":{"build":"110","date":"2015-09-15_10-25-16","name":"LXCA - 10.240.61.98","runlevel":3,
		"status":"Normal","uuid":"bef3e2c3-a689-4734-aa79-2a21f21e8b97","version":"4.1.0"},
		"services":[{"id":"core","state":3},{"id":"sftp","initd":"sshd","state":0,"pid":2275}]}`
	accountListing = `{"response":[{"userName":"SYSMGR","groups":["lxc-sysmgr"],"supervisor":false,"timeBeforeExpirationInDays":68},
		{"userName":"ADMIN","groups":["lxc-supervisor"],"supervisor":true,"timeBeforeExpirationInDays":34}],
		"result":"success","messages":[{"id":"FQXHMSE0001I"}]}`
)

func TestBackupAttributes(t *testing.T) {
	l, err := decodeBackups(t.Context(), mustParse(t, backupListing))
	if err != nil || len(l.Backups) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	b := l.Backups[0]
	if b.ID != someUUID || b.Label.String() != "nightly␛[2J" || b.File.String() != "LXCA_backup.tar" || b.Size != 12884901888 ||
		b.Checksum.String() != "abc" || b.Version.String() != "4.1.0" || b.By.String() != "ADMIN" ||
		!b.Created.Equal(time.Date(2019, 5, 2, 19, 28, 14, 0, time.UTC)) || b.CreText.String() != "2019-05-02T19:28:14.000Z" {
		t.Errorf("%+v", b)
	}
	var fields []string
	for _, f := range b.Fields() {
		fields = append(fields, f.Key.String()+"="+f.Value.String())
	}
	for _, want := range []string{"chassis=2", "dhcp=failed", `future={"x":[1]}`, "list=a, 1", "locations=internal, /mnt/my_remote_share"} {
		if !slices.Contains(fields, want) {
			t.Errorf("no field %s in %q", want, fields)
		}
	}
	if len(fields) != 14 || !slices.IsSorted(fields) {
		t.Errorf("%d fields %q", len(fields), fields)
	}
}

func TestBackupLocations(t *testing.T) {
	both := []appliance.Location{"internal", "/mnt/s"}
	for attribute, want := range map[string][]appliance.Location{
		`"location":"internal"`: both[:1], `"location":"INTERNAL"`: both[:1], `"locations":["internal","/mnt/s"]`: both,
		`"mountPoint":"/mnt/s"`: both[1:], `"mountPoints":["/mnt/s","/mnt/s"]`: both[1:], `"location":"internal, /mnt/s"`: both,
		`"locations":[{"location":"internal","size":1},{"mountPoint":"/mnt/s"}]`: both, `"locations":{"path":"/mnt/s"}`: both[1:],
		`"location":"internal","mountPoint":"/mnt/s"`: both, `"location":"/mnt/a,b"`: {"/mnt/a,b"},
		`"location":""`: nil, `"location":null`: nil, `"locations":[]`: nil, `"locations":["elsewhere",7,[],{"x":"/y"}]`: nil,
		`"location":"/mnt/../etc"`: nil, `"location":"/mnt/\u001b"`: nil,
	} {
		l, err := decodeBackups(t.Context(), mustParse(t, `[{"uuid":"`+someUUID+`",`+attribute+`}]`))
		if err != nil || !slices.Equal(l.Backups[0].Locations, want) {
			t.Errorf("%s: %+v, %v", attribute, l, err)
		}
	}
}

func TestFault_JOB11_OneBackupPerUUID(t *testing.T) {
	l, err := decodeBackups(t.Context(), mustParse(t, `{"backups":[
		{"uuid":"`+someUUID+`","location":"internal","label":"a","checksum":"one","packageSize":5},
		{"uuid":"00000000-0000-0000-0000-000000000001","location":"internal"},
		{"uuid":"`+strings.ToUpper(someUUID)+`","location":"/mnt/s","checksum":"one","version":"4.1.0","label":"b"}]}`))
	if err != nil || len(l.Backups) != 2 || l.Unreadable != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	b := l.Backups[0]
	if !b.At("internal") || !b.At("/mnt/s") || len(b.Locations) != 2 || b.Checksum.String() != "one" || b.Size != 5 ||
		b.Version.String() != "4.1.0" || b.Label.String() != "a" {
		t.Errorf("%+v", b)
	}
	if raw := fmt.Sprint(b.Raw.Lines()); !strings.Contains(raw, "/mnt/s") || !strings.Contains(raw, `"internal"`) {
		t.Errorf("raw %s", raw)
	}
	l, err = decodeBackups(t.Context(), mustParse(t, `[{"uuid":"`+someUUID+`","checksum":"one"},{"uuid":"`+someUUID+`","checksum":"two"}]`))
	if err != nil || l.Backups[0].Checksum.String() != "one | two" {
		t.Errorf("contradicting checksums: %+v, %v", l, err)
	}
	many := strings.Repeat(`{"uuid":"`+someUUID+`"},`, 1000)
	l, err = decodeBackups(t.Context(), mustParse(t, "["+many[:len(many)-1]+"]"))
	if err != nil || len(l.Backups) != 1 || l.Unreadable != 1000-maxEntries {
		t.Errorf("%d backups, %d unreadable, %v", len(l.Backups), l.Unreadable, err)
	}
}

// manyBackups is a listing of n backups with the given further attributes.
func manyBackups(n int, more string) []byte {
	var b strings.Builder
	b.WriteString(`{"backups":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"uuid":"4edf27ff-08d1-49b5-b7f3-%012x","label":"nightly-%d"%s}`, i, i, more)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// TestManyBackups decodes as many rows as are accepted, in bounded memory.
func TestManyBackups(t *testing.T) {
	body := manyBackups(maxRows, "")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, err := parse(body, patient)
	if err != nil {
		t.Fatal(err)
	}
	l, err := decodeBackups(t.Context(), v)
	runtime.ReadMemStats(&after)
	if err != nil || len(l.Backups) != maxRows || l.Unreadable != 0 || l.Backups[maxRows-1].Label.String() != "nightly-99999" {
		t.Fatalf("%d backups, %v", len(l.Backups), err)
	}
	if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 400 {
		t.Errorf("%d MB allocated for %d MB of JSON", spent, len(body)>>20)
	}
}

// BenchmarkManyBackups decodes 100,000 backups with the attributes that the panes show.
func BenchmarkManyBackups(b *testing.B) {
	body := manyBackups(maxRows, `,"checksum":"`+strings.Repeat("0123456789abcdef", 4)+`","packageSize":"12884901888",`+
		`"backupDate":"2019-05-02T19:28:14.000Z","locations":["internal"]`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := parse(body, patient)
		if err != nil {
			b.Fatal(err)
		}
		if l, err := decodeBackups(b.Context(), v); err != nil || len(l.Backups) != maxRows {
			b.Fatal(err)
		}
	}
}

func TestSpace(t *testing.T) {
	for body, want := range map[string]appliance.Space{
		`{"spaceUsed":"1024","totalSpace":"4096","result":"success","messages":[]}`: {Used: 1024, Total: 4096},
		`{"spaceUsed":1024,"totalSpace":4096.0}`:                                    {Used: 1024, Total: 4096},
		`{"spaceUsed":"1.5 GB","totalSpace":"20 GB"}`:                               {Used: -1, Total: -1},
		`{"totalSpace":4096}`:                                                       {Used: -1, Total: 4096},
		`{"response":{"spaceUsed":"0","totalSpace":"0"}}`:                           {Used: 0, Total: 0},
	} {
		s, err := answering(t, answerOf(200, body)).Space(t.Context())
		if err != nil || s.Used != want.Used || s.Total != want.Total || s.Text.Empty() {
			t.Errorf("%s: %+v, %v", body, s, err)
		}
	}
	for _, body := range []string{"", "{}", "[]", "null", `{"result":"success"}`, `{"spaceUsed":""}`} {
		if s, err := answering(t, answerOf(200, body)).Space(t.Context()); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %+v, %v", body, s, err)
		}
	}
	_, err := answering(t, answerOf(200, `{"result":"failed","messages":[{"text":"full"}]}`)).Space(t.Context())
	if r, ok := refusalOf(err); !ok || r.Result.String() != "failed" {
		t.Errorf("%v", err)
	}
}

func TestEmptyListings(t *testing.T) {
	for _, c := range allCalls() {
		if c.name != "backups" && c.name != "jobs" {
			continue
		}
		for _, body := range []string{"", "null", "{}", `{"backups":null}`, `{"backups":{}}`, `"x"`} {
			if err := c.do(t.Context(), answering(t, answerOf(200, body))); !errors.Is(err, appliance.ErrMalformed) {
				t.Errorf("%s: %s: %v", c.name, body, err)
			}
		}
		if err := c.do(t.Context(), answering(t, answerOf(204, ""))); err != nil {
			t.Errorf("%s: 204: %v", c.name, err)
		}
	}
}

func TestAppliance(t *testing.T) {
	h, err := decodeAppliance(mustParse(t, aiccAnswer))
	if err != nil || h.Version.String() != "4.1.0" || h.Host.String() != "LXCA - 10.240.61.98" || h.Service.String() != "SFTP on" || h.NoLocks != "" {
		t.Errorf("%+v, %v", h, err)
	}
	var keys []string
	for _, f := range h.Fields {
		keys = append(keys, f.Key.String())
	}
	if !slices.Equal(keys, []string{"build", "date", "name", "runlevel", "status", "uuid", "version"}) {
		t.Errorf("fields %v", keys)
	}
	for services, want := range map[string]string{
		`[{"id":"sftp","state":0}]`: "SFTP on", `[{"id":"SFTP","state":"0"}]`: "SFTP on", `[{"id":"sftp","state":3}]`: "SFTP off",
		`[{"id":"sftp","state":1}]`: "SFTP off", `[{"id":"sftp","state":4}]`: "SFTP unknown", `[{"id":"sftp","state":191}]`: "SFTP unknown",
		`[{"id":"sftp"}]`: "SFTP unknown", `[]`: "SFTP unknown", `null`: "SFTP unknown", `{"id":"sftp","state":0}`: "SFTP unknown",
	} {
		h, err := decodeAppliance(mustParse(t, `{"appliance":{"version":"4.1.0"},"services":`+services+`}`))
		if err != nil || h.Service.String() != want {
			t.Errorf("%s: %q, %v", services, h.Service, err)
		}
	}
	for version, want := range map[string]bool{
		"4.1.0": false, "4.1": false, "4.2.1": false, "5": false, "10.0": false, "4.1.0-rc1": false, "unknown": false,
		"4.0.9": true, "3.9": true, "2.2.0": true, "4.0.12.7": true,
	} {
		if old(version) != want {
			t.Errorf("version %s", version)
		}
	}
	for _, body := range []string{"{}", "[]", "null", `{"appliance":{}}`, `{"appliance":"4.1.0"}`, `{"result":"success"}`} {
		if _, err := decodeAppliance(mustParse(t, body)); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	unknown := rights{doubt: true, passwordDays: -1}
	for body, want := range map[string]rights{
		accountListing: {mayChange: true, passwordDays: 34},
		`[{"userName":"Admin","supervisor":"true","groups":[]}]`:                                {mayChange: true, passwordDays: -1},
		`{"response":{"userName":"admin","groups":["LXC-Supervisor"]}}`:                         {mayChange: true, passwordDays: -1},
		`{"response":[{"userName":"admin","groups":[{"name":"lxc-supervisor"}]}]}`:              {mayChange: true, passwordDays: -1},
		`{"response":[{"userName":"admin","supervisor":false,"groups":["LXC-ADMIN"]}]}`:         {mayChange: true, noLocks: true, passwordDays: -1},
		`{"response":[{"userName":"admin","groups":[{"name":"lxc-admin"}]}]}`:                   {mayChange: true, noLocks: true, passwordDays: -1},
		`{"response":[{"userName":"admin","supervisor":false,"groups":["lxc-operator"]}]}`:      {noLocks: true, passwordDays: -1},
		`{"response":[{"userName":"admin","groups":[]}]}`:                                       {noLocks: true, passwordDays: -1},
		`{"response":[{"userName":"admin","supervisor":false}]}`:                                {doubt: true, noLocks: true, passwordDays: -1},
		`{"response":[{"userName":"admin","supervisor":false,"groups":["lxc-supervisor"]}]}`:    {mayChange: true, passwordDays: -1},
		`{"response":[{"userName":"admin","supervisor":true,"pwExpired":"true"}]}`:              {mayChange: true, passwordDays: 0},
		`{"response":[{"userName":"admin","supervisor":true,"timeBeforeExpirationInDays":-1}]}`: {mayChange: true, passwordDays: -1},
		`{"response":[{"userName":"admin"}]}`:                                                   unknown, `{"response":[{"userName":"other"}]}`: unknown, `{"response":[]}`: unknown,
	} {
		r, err := decodeAccounts(mustParse(t, body), "admin")
		listed := func(in string) bool { return strings.Contains(strings.ToLower(in), `"username":"admin"`) }
		if !strings.Contains(body, r.source) || listed(r.source) != listed(body) {
			t.Errorf("%s: the account is %q", body, r.source)
		}
		if r.source = ""; err != nil || r != want {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
	for _, body := range []string{"{}", "null", `{"result":"success","messages":[]}`, `["admin"]`} {
		if r, err := decodeAccounts(mustParse(t, body), "admin"); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
}

// TestProbeWithoutAccounts leaves our rights in doubt where we may not see the accounts, and asks twice at most.
func TestProbeWithoutAccounts(t *testing.T) {
	for _, status := range []int{403, 404, 401, 500} {
		mux := http.NewServeMux()
		self, accounts := answerOf(200, aiccAnswer), answerOf(status, "")
		mux.Handle("GET /aicc", self)
		mux.Handle("GET /userAccounts", accounts)
		h, err := serving(t, mux).Probe(t.Context())
		if status == 401 || status == 500 {
			if !refusedWith(err, status) || errors.Is(err, appliance.ErrCredentials) != (status == 401) {
				t.Errorf("%d: %v", status, err)
			}
			continue
		}
		if err != nil || !h.Doubt || h.MayChange || h.PasswordDays != -1 || h.Version.Empty() || h.User.String() != "ADMIN" || h.Peer.Pin == "" {
			t.Errorf("%d: %+v, %v", status, h, err)
		}
		if len(self.seen) != 1 || len(accounts.seen) != 1 {
			t.Errorf("%d: sent %v %v", status, self.seen, accounts.seen)
		}
	}
}

// TestProbeTellsWhoMayLock: locks are for Supervisors, which an old appliance need not say.
func TestProbeTellsWhoMayLock(t *testing.T) {
	const old = `{"appliance":{"version":"4.0.0"}}`
	for _, test := range []struct {
		self, account string
		mayChange     bool
		noLocks       string
	}{
		{aiccAnswer, `"supervisor":true`, true, ""},
		{aiccAnswer, `"groups":["lxc-admin"]`, true, "locks need the Supervisor role, which ADMIN has not"},
		{aiccAnswer, `"groups":["lxc-operator"]`, false, "locks need the Supervisor role, which ADMIN has not"},
		{aiccAnswer, `"id":7`, false, ""},
		{old, `"groups":["lxc-operator"]`, false, "locks need LXCA 4.1.0, this is 4.0.0"},
	} {
		mux := http.NewServeMux()
		mux.Handle("GET /aicc", answerOf(200, test.self))
		mux.Handle("GET /userAccounts", answerOf(200, `{"response":[{"userName":"admin",`+test.account+`}]}`))
		h, err := serving(t, mux).Probe(t.Context())
		if err != nil || h.MayChange != test.mayChange || h.NoLocks != test.noLocks {
			t.Errorf("%s: %v %q, %v", test.account, h.MayChange, h.NoLocks, err)
		}
	}
}
