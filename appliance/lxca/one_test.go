package lxca

import (
	"context"
	"errors"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// answers are what an appliance may answer for one thing that is asked for by its id.
type oneAnswer struct {
	name   string
	answer *canned
	want   error // nil: it is there
}

func TestOneLock(t *testing.T) {
	const other = `{"id":"ffffffffffffffffffffffffffffffff","component":"UP","expirationTimeOut":60}`
	for _, test := range []oneAnswer{
		{"there", answerOf(200, oneLock), nil}, {"wrapped", answerOf(200, `{"result":"success","response":`+oneLock+`}`), nil},
		{"listed", answerOf(200, `[`+other+`,`+oneLock+`]`), nil},
		{"204", answerOf(204, ""), appliance.ErrGone}, {"400", answerOf(400, `{"result":"failed"}`), appliance.ErrGone},
		{"404", answerOf(404, `{"result":"failed"}`), appliance.ErrGone}, {"empty", answerOf(200, ""), appliance.ErrGone},
		{"null", answerOf(200, "null"), appliance.ErrGone}, {"empty list", answerOf(200, "[]"), appliance.ErrGone},
		{"other", answerOf(200, other), appliance.ErrMalformed}, {"nothing", answerOf(200, `{}`), appliance.ErrMalformed},
		{"page", page(200), appliance.ErrMalformed}, {"part", answerOf(206, oneLock), appliance.ErrMalformed},
		{"403", answerOf(403, ""), appliance.ErrForbidden}, {"503", answerOf(503, ""), appliance.ErrBusy},
	} {
		lock, stamp, err := answering(t, test.answer).Lock(t.Context(), someLock)
		there := lock.ID == someLock && lock.Scope.Code == "UP" && lock.TTL == 20*time.Minute
		if !errors.Is(err, test.want) || there != (test.want == nil) || stamp.Received.IsZero() {
			t.Errorf("%s: %+v, %v", test.name, lock, err)
		}
		if test.want != appliance.ErrGone && errors.Is(err, appliance.ErrGone) {
			t.Errorf("%s: gone", test.name)
		}
		if sent := test.answer.seen; len(sent) != 1 || sent[0] != "GET /aicc/service/sftp/locks/"+string(someLock) {
			t.Errorf("%s: sent %v", test.name, sent)
		}
	}
	c := answerOf(200, oneLock)
	if _, _, err := answering(t, c).Lock(t.Context(), "../x"); err == nil || len(c.seen) != 0 {
		t.Errorf("an id that is none: %v, sent %v", err, c.seen)
	}
}

func TestOneJob(t *testing.T) {
	const (
		job   = `{"jobUID":"17","status":"Running","children":[{"jobUID":"18","status":"Complete"}]}`
		other = `{"jobUID":"18","status":"Running"}`
	)
	for _, test := range []oneAnswer{
		{"object", answerOf(200, job), nil}, {"list", answerOf(200, "["+job+"]"), nil},
		{"among others", answerOf(200, "["+other+","+job+"]"), nil},
		{"404", answerOf(404, ""), appliance.ErrGone}, {"204", answerOf(204, ""), appliance.ErrGone},
		{"empty", answerOf(200, ""), appliance.ErrGone}, {"empty list", answerOf(200, "[]"), appliance.ErrGone},
		{"null", answerOf(200, "null"), appliance.ErrGone}, {"other", answerOf(200, other), appliance.ErrMalformed},
		{"without id", answerOf(200, `[{"status":"Running"}]`), appliance.ErrMalformed},
		{"page", page(200), appliance.ErrMalformed}, {"400", answerOf(400, ""), nil}, {"502", page(502), appliance.ErrBusy},
	} {
		got, stamp, err := answering(t, test.answer).Job(t.Context(), "17")
		if there := got.ID == "17"; !errors.Is(err, test.want) && test.want != nil || there != (err == nil) || stamp.Received.IsZero() {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
		if err == nil && (got.Phase != appliance.PhaseRunning || len(got.Children) != 1) {
			t.Errorf("%s: %+v", test.name, got)
		}
		if (err == nil) != (test.want == nil && test.answer.status == 200) || errors.Is(err, appliance.ErrGone) != (test.want == appliance.ErrGone) {
			t.Errorf("%s: %v", test.name, err)
		}
		if sent := test.answer.seen; len(sent) != 1 || sent[0] != "GET /tasks/17" {
			t.Errorf("%s: sent %v", test.name, sent)
		}
	}
	c := answerOf(200, job)
	if _, _, err := answering(t, c).Job(t.Context(), "-1"); err == nil || len(c.seen) != 0 {
		t.Errorf("an id that is none: %v, sent %v", err, c.seen)
	}
}

// Without a password nothing is sent, and the error says so; a caller that left says nothing of the password.
func TestWithoutAPassword(t *testing.T) {
	broken := errors.New("environment variable \"X\" is not set")
	server := answerOf(200, "[]")
	c := answering(t, server)
	for _, call := range allCalls() {
		c.password = func(context.Context) (secret.Secret, error) { return secret.Secret{}, broken }
		if err := call.do(t.Context(), c); !errors.Is(err, appliance.ErrNoPassword) || !errors.Is(err, broken) || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("%s: %v", call.name, err)
		}
		c.password = secret.Fixed(secret.New(""))
		if err := call.do(t.Context(), c); !errors.Is(err, appliance.ErrNoPassword) {
			t.Errorf("%s with an empty one: %v", call.name, err)
		}
		left, cancel := context.WithCancel(t.Context())
		c.password = func(ctx context.Context) (secret.Secret, error) { cancel(); return secret.Secret{}, ctx.Err() }
		if err := call.do(left, c); errors.Is(err, appliance.ErrNoPassword) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s that was left: %v", call.name, err)
		}
	}
	if len(server.seen) != 0 {
		t.Errorf("sent %v", server.seen)
	}
}
