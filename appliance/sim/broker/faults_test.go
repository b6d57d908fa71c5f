package broker_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"holdfast/appliance/sim/broker"
)

// After a restart tokens, asynchronous work and unsaved edits are gone, and the lock with its token, unless it is kept.
func TestRestartOfTheAppliance(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := newRig(t)
		token := r.locked()
		r.put("configuration/management?action=save", token)
		r.Restart(keep)
		r.want(r.get("system/status", token), 401, "")
		r.wantEffects("async.ended", "a1 admin save fail")
		r.wantEffects("config.saved")
		r.wantEffects("appliance.restarted", "")
		second := r.login(secondBasic)
		if keep {
			r.want(r.post("configuration/lock", second), 423, textLocked)
			r.base.Pass(10 * time.Minute)
			second = r.login(secondBasic)
		}
		r.lock(second)
	}
}

func TestRevokedToken(t *testing.T) {
	r := newRig(t)
	one, two := r.locked(), r.login(secondBasic)
	if !r.RevokeToken(request(two), false) || r.RevokeToken(request(two), false) {
		t.Error("the token ends once")
	}
	if r.LockOwner() != "admin" {
		t.Errorf("the lock is %q's", r.LockOwner())
	}
	if !r.RevokeToken(request(one), false) || r.LockOwner() != "" {
		t.Errorf("the lock outlives its token: %q", r.LockOwner())
	}
	if r.RevokeAll(false) {
		t.Error("there was a token left")
	}
}

func TestStealFromUser(t *testing.T) {
	r := newRig(t)
	if r.StealFromUser(broker.SourceREST) {
		t.Error("a free lock was stolen")
	}
	r.locked()
	if !r.StealFromUser(broker.SourceREST) || r.LockOwner() == "admin" {
		t.Error("not stolen")
	}
	if r.StealFromUser(broker.SourceGUI) {
		t.Error("stolen from the thief")
	}
}

// request brings a token along.
func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://ecb.example/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
