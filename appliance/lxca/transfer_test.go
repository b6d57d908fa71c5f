package lxca

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim"
	"holdfast/appliance/transport"
)

// envelopes are all variants of api/lxca.md 5.1, each with the same message.
var envelopes = []struct{ name, contentType, body string }{
	{"messages", "application/json", `{"result":"failed","messages":[{"id":"X1","text":"No.","explanation":"Why","recovery":{"text":"Do","URL":"u"}}]}`},
	{"recovery list", "application/json", `{"result":"failure","messages":[{"id":"X1","text":"No.","explanation":"Why","recovery":[{"text":"Do","URL":"u"}]}]}`},
	{"message", "application/json", `{"result":"FAILED","message":{"id":"X1","text":"No.","explanation":"Why","recovery":[{"text":"Do","URL":"u"}]}}`},
	{"message list", "", `{"result":"failed","message":[{"id":"X1","text":"No.","explanation":"Why","recovery":{"text":"Do","URL":"u"}}]}`},
	{"status code", "application/json", `{"statusCode":400,"statusDescription":"x","messages":[{"id":"X1","text":"No.","explanation":"Why","recovery":"Do","recoveryUrl":"u"}]}`},
	{"response", "application/json", `{"response":{},"result":"failed","messages":[{"id":"X1","text":"<b>No.</b>","explanation":"Why","recovery":{"text":["Do"],"url":"u"}}]}`},
}

func TestEnvelopes(t *testing.T) {
	for _, e := range envelopes {
		for _, status := range []int{200, 400} {
			c := answerOf(status, e.body)
			_, err := answering(t, c).CancelPush(t.Context())
			r, ok := refusalOf(err)
			if !ok || r.Status != status || errors.Is(err, appliance.ErrAmbiguous) || len(r.Messages) != 1 {
				t.Fatalf("%s with %d: %v", e.name, status, err)
			}
			if m := r.Messages[0]; m.String() != "No. Why Do [X1]" || m.URL.String() != "u" || r.Advice().String() != "Do" {
				t.Errorf("%s with %d: %+v", e.name, status, m)
			}
		}
	}
}

func put(t *testing.T, c *canned) (appliance.Receipt, error) {
	t.Helper()
	return answering(t, c).Transfer(t.Context(), appliance.Transfer{Verb: appliance.VerbCopy, Backup: someUUID, Destination: "/mnt/s"})
}

func TestFault_JOB02_AnswerToAStart(t *testing.T) {
	for body, want := range map[string]appliance.JobID{
		`{"jobId":"17","result":"success","message":[]}`: "17", `{"jobId":17,"result":"success"}`: "17", `{"jobID":"17"}`: "17",
		`{"JobID": 1}`: "1", `{"jobid":"17"}`: "17", `{"taskid": 4228}`: "4228", `{"jobURL":"/jobs/289"}`: "289", `{"jobUID":"8"}`: "8",
		`{"response":{"jobId":"9"},"result":"success"}`: "9", `{"jobId":"","jobURL":"/tasks/12"}`: "12",
	} {
		r, err := put(t, answerOf(200, body))
		if err != nil || r.Job != want || len(r.Told) != 0 || r.Stamp.Sent.IsZero() {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
	for _, h := range []http.Header{{"Location": {"/jobs/302"}}, {"Location": {"https://x/tasks/302"}}, {"Jobids": {"302"}}} {
		c := answerOf(200, "{}")
		c.header = h
		if r, err := put(t, c); err != nil || r.Job != "302" || len(r.Told) != 0 {
			t.Errorf("%v: %+v, %v", h, r, err)
		}
	}
	for _, body := range []string{
		`{"jobId":"","result":"success","message":[]}`, `{"jobId":null,"result":"success"}`, `{"result":"success"}`, `{}`, ``, `null`,
		`{"jobId":"../x","result":"success"}`, `{"jobId":-1,"result":"success"}`, `{"jobId":[],"result":"success"}`,
	} {
		c := answerOf(200, body)
		c.header = http.Header{"Location": {"/somewhere/else"}}
		r, err := put(t, c)
		if err != nil || r.Job != "" || len(r.Told) != 1 || !strings.Contains(r.Told[0].String(), "named no job") {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
	r, err := put(t, answerOf(200, `{"jobId":"17","result":"Warning","message":{"id":"X","text":"Nearly full.","recovery":[{"text":"Delete."}]}}`))
	if err != nil || r.Job != "17" || len(r.Told) != 1 || r.Told[0].String() != "Nearly full. Delete. [X]" {
		t.Errorf("warning: %+v, %v", r, err)
	}
	r, err = put(t, answerOf(200, `{"jobId":"17","result":"warning"}`))
	if err != nil || len(r.Told) != 1 || !strings.Contains(r.Told[0].String(), "warning") {
		t.Errorf("warning without words: %+v, %v", r, err)
	}
	for _, body := range []string{`{"jobId":"17","result":"failed","message":{"text":"No space."}}`, `{"result":"failure"}`} {
		_, err := put(t, answerOf(200, body))
		if r, ok := refusalOf(err); !ok || r.Status != 200 || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestWhatIsAmbiguous holds every changing call against the table "What may be sent twice" of faults.md.
func TestWhatIsAmbiguous(t *testing.T) {
	for _, c := range []struct {
		answer    *canned
		ambiguous bool
	}{
		{answerOf(500, `{"result":"failed"}`), true}, {page(502), true}, {answerOf(503, ""), true}, {answerOf(504, "x"), true},
		{page(200), true}, {answerOf(200, `{"jobId":"1"`), true}, {answerOf(200, `[]`), true}, {answerOf(200, `"ok"`), true},
		{answerOf(201, `{} {}`), true}, {answerOf(200, `{"hello":1}`), true}, {answerOf(200, `{"jobId":"1","JOBID":"2"}`), true},
		{answerOf(400, `{"result":"failed"}`), false}, {page(403), false}, {answerOf(409, ""), false}, {answerOf(412, "x"), false},
		{answerOf(401, ""), false}, {answerOf(429, ""), false}, {answerOf(200, `{"result":"failed"}`), false},
	} {
		client := answering(t, c.answer)
		for _, call := range allCalls() {
			if !call.change {
				continue
			}
			c.answer.seen = nil
			err := call.do(t.Context(), client)
			if err == nil || errors.Is(err, appliance.ErrAmbiguous) != c.ambiguous {
				t.Errorf("%s, %d %s: %v", call.name, c.answer.status, c.answer.body, err)
			}
			if len(c.answer.seen) != 1 {
				t.Errorf("%s was sent %d times", call.name, len(c.answer.seen))
			}
		}
	}
}

// TestStatuses gives every status its sentinel, on every call.
func TestStatuses(t *testing.T) {
	sentinels := map[int]error{
		401: appliance.ErrCredentials, 403: appliance.ErrForbidden, 404: appliance.ErrGone, 429: appliance.ErrBusy, 502: appliance.ErrBusy,
		503: appliance.ErrBusy, 504: appliance.ErrBusy,
		400: nil, 409: nil, 412: nil, 500: nil,
	}
	for status := range sentinels {
		client := answering(t, answerOf(status, `{"result":"failed","messages":[{"text":"No."}]}`))
		for _, call := range allCalls() {
			err := call.do(t.Context(), client)
			want := sentinels[status]
			switch {
			case status == 404 && call.name == "release":
				want = nil
			case status == 404 && (call.name == "locks" || call.name == "acquire"):
				want = appliance.ErrUnsupported
			case status == 400 && call.name == "lock":
				want = appliance.ErrGone
			}
			if errors.Is(err, appliance.ErrAmbiguous) != (call.change && status >= 500) {
				t.Errorf("%s with %d: %v", call.name, status, err)
			}
			if want != nil && !errors.Is(err, want) {
				t.Errorf("%s with %d: %v", call.name, status, err)
			}
			if r, ok := refusalOf(err); ok && (r.Status != status || !strings.Contains(err.Error(), "No.")) {
				t.Errorf("%s with %d: %v", call.name, status, err)
			}
		}
	}
}

func TestFault_NET06_PagesAreNotShown(t *testing.T) {
	for _, status := range []int{200, 201, 400, 401, 403, 500, 502, 503} {
		for _, as := range []string{"text/html", "application/xhtml+xml", "application/json", "text/plain"} {
			c := page(status)
			c.header = http.Header{"Content-Type": {as}}
			client := answering(t, c)
			for _, call := range allCalls() {
				err := call.do(t.Context(), client)
				if err == nil || strings.Contains(err.Error(), "log in") || strings.Contains(err.Error(), "<") {
					t.Errorf("%s, %d as %s: %v", call.name, status, as, err)
				}
				if status >= 300 && !strings.Contains(fmt.Sprint(err), strconv.Itoa(status)) {
					t.Errorf("%s, %d as %s: the status is not told: %v", call.name, status, as, err)
				}
				if status < 300 && !errors.Is(err, appliance.ErrMalformed) {
					t.Errorf("%s, %d as %s: %v", call.name, status, as, err)
				}
			}
		}
	}
	for _, as := range []string{"text/html", "text/plain", "application/xml"} { // whatever is in it
		c := answerOf(200, `{"locks":[],"backups":[],"appliance":{"version":"4.1.0"},"result":"success"}`)
		c.header = http.Header{"Content-Type": {as}}
		client := answering(t, c)
		for _, call := range allCalls() {
			if err := call.do(t.Context(), client); !errors.Is(err, appliance.ErrMalformed) || !strings.Contains(err.Error(), as) {
				t.Errorf("%s, JSON as %s: %v", call.name, as, err)
			}
		}
	}
	c := answerOf(502, "Bad gateway\x1b[2J\nsecond line")
	c.header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	_, err := answering(t, c).Jobs(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Bad gateway␛[2J") || strings.Contains(err.Error(), "second") {
		t.Errorf("%v", err)
	}
}

func TestExplain(t *testing.T) {
	lock := appliance.Lock{ID: someLock, Scope: appliance.Scope{Code: "UP"}}
	transfer := appliance.Transfer{Backup: someUUID, Destination: "/mnt/a&b"}
	push := appliance.Transfer{Backup: someUUID, Destination: "10.243.16.45"}
	for _, c := range []struct {
		act  appliance.Act
		want []string
	}{
		{appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 20 * time.Minute}},
			[]string{`POST /aicc/service/sftp/locks {"component":"UP","expirationTimeOut":1200}`}},
		{appliance.Act{Verb: appliance.VerbExtend, Lock: lock, Claim: appliance.Claim{TTL: time.Minute}}, []string{
			`POST /aicc/service/sftp/locks {"component":"UP","expirationTimeOut":60}`, `GET /aicc/service/sftp/locks`,
			`DELETE /aicc/service/sftp/locks/` + string(someLock)}},
		{appliance.Act{Verb: appliance.VerbRelease, Lock: lock}, []string{`DELETE /aicc/service/sftp/locks/` + string(someLock)}},
		{appliance.Act{Verb: appliance.VerbCopy, Transfer: transfer}, []string{
			`PUT /managementServer/data {"action":"start","operation":"copy","uuid":"` + someUUID + `","destination":"/mnt/a&b"}`}},
		{appliance.Act{Verb: appliance.VerbMove, Transfer: transfer}, []string{
			`PUT /managementServer/data {"action":"start","operation":"move","uuid":"` + someUUID + `","destination":"/mnt/a&b"}`}},
		{appliance.Act{Verb: appliance.VerbPush, Transfer: push}, []string{
			`PUT /managementServer/data {"action":"start","operation":"push","uuid":"` + someUUID + `","destination":"10.243.16.45"}`}},
		{appliance.Act{Verb: appliance.VerbCancelPush}, []string{`PUT /managementServer/data {"action":"cancel","operation":"push"}`}},
		{appliance.Act{Verb: appliance.VerbCancelJob, Job: "83"}, []string{`PUT /tasks {"action":"cancel","list":["83"]}`}},
		{appliance.Act{Verb: appliance.VerbCopy}, nil}, {appliance.Act{Verb: "dance"}, nil}, {appliance.Act{Verb: appliance.VerbExtend}, nil},
	} {
		server := answerOf(200, "{}")
		client := answering(t, server)
		calls := client.Explain(c.act)
		if len(calls) != len(c.want) || len(server.seen) != 0 {
			t.Errorf("%s: %d calls, sent %v", c.act.Verb, len(calls), server.seen)
			continue
		}
		for i, call := range calls {
			path := call.URL[strings.Index(call.URL[8:], "/")+8:]
			if got := strings.TrimSpace(call.Method + " " + path + " " + call.Body); got != c.want[i] {
				t.Errorf("%s: %s, want %s", c.act.Verb, got, c.want[i])
			}
			if call.Auth != "basic" || call.User != "ADMIN" || strings.Contains(call.Curl(), adminPassword) || call.Pin == "" {
				t.Errorf("%s: %+v", c.act.Verb, call)
			}
			if hasBody := call.Body != ""; hasBody != (call.ContentType == "application/json") {
				t.Errorf("%s: content type %q", c.act.Verb, call.ContentType)
			}
		}
	}
}

// TestSentIsExplained sends what Explain tells.
func TestSentIsExplained(t *testing.T) {
	server := answerOf(200, `{"jobId":"1","result":"success"}`)
	client := answering(t, server)
	transfer := appliance.Transfer{Verb: appliance.VerbMove, Backup: someUUID, Destination: "/mnt/s"}
	if _, err := client.Transfer(t.Context(), transfer); err != nil {
		t.Fatal(err)
	}
	call := client.Explain(appliance.Act{Verb: appliance.VerbMove, Transfer: transfer})[0]
	if !strings.HasSuffix(call.URL, "/managementServer/data") || server.seen[0] != call.Method+" /managementServer/data "+call.Body {
		t.Errorf("sent %s, told %+v", server.seen[0], call)
	}
	user, password, ok := (&http.Request{Header: server.last}).BasicAuth()
	if !ok || user != "ADMIN" || password != adminPassword || server.last.Get("Accept-Language") != "en-US" || server.last.Get("Cookie") != "" {
		t.Errorf("headers %v", server.last)
	}
	if trace := client.Trace(0); len(trace) != 1 || trace[0].Path != "/managementServer/data" || trace[0].Status != 200 {
		t.Errorf("trace %+v", trace)
	}
}

// TestPasswordFails sends nothing without a password.
func TestPasswordFails(t *testing.T) {
	server := answerOf(200, "{}")
	client := answering(t, server)
	locked := errors.New("the keyring is locked")
	client.password = func(context.Context) (secret.Secret, error) { return secret.Secret{}, locked }
	for _, call := range allCalls() {
		if err := call.do(t.Context(), client); !errors.Is(err, locked) || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	if len(server.seen) != 0 {
		t.Errorf("sent %v", server.seen)
	}
}

// TestReadOnly lets no changing call through.
func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	tr, err := transport.New(transport.Options{
		Name: "one", URL: w.one.URL, Trust: transport.Trust{Pin: w.one.Pin}, ReadOnly: true, Clock: clock.System(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	c := New(Options{Name: "one", User: "admin", Password: secret.Fixed(secret.New(adminPassword)), Transport: tr})
	if c.Name() != "one" || c.Kind() != appliance.LXCA {
		t.Errorf("%s, %s", c.Name(), c.Kind())
	}
	for _, call := range allCalls() {
		err := call.do(t.Context(), c)
		if call.change && (!errors.Is(err, appliance.ErrReadOnly) || errors.Is(err, appliance.ErrAmbiguous)) {
			t.Errorf("%s: %v", call.name, err)
		}
		if !call.change && err != nil && !errors.Is(err, appliance.ErrGone) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
}

// TestUnreachable tells what was not sent from what may have been.
func TestUnreachable(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	c := dial(t, server.URL, transport.Trust{Pin: sim.Pin(server.Certificate())}, "ADMIN", adminPassword)
	for _, call := range allCalls() {
		want := appliance.ErrUnreachable
		if call.change {
			want = appliance.ErrAmbiguous
		}
		if err := call.do(t.Context(), c); !errors.Is(err, want) {
			t.Errorf("%s, cut off: %v", call.name, err)
		}
	}
	server.Close()
	for _, call := range allCalls() {
		if err := call.do(t.Context(), c); !errors.Is(err, appliance.ErrUnreachable) || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("%s, refused: %v", call.name, err)
		}
	}
}
