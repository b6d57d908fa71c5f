package broker_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	bareForm = "Content-Type: x-www-form-urlencoded"
	fullForm = "Content-Type: application/x-www-form-urlencoded"
)

func (r *rig) renew(body string, header ...string) answer {
	r.t.Helper()
	if len(header) == 0 {
		header = []string{fullForm}
	}
	return r.call(http.MethodPost, "/rest/v1.1/auth/token", "", body, append([]string{adminBasic}, header...)...)
}

func TestLoginAnswersAnOpaqueToken(t *testing.T) {
	r := newRig(t)
	a := r.tryLogin(adminBasic)
	r.want(a, 200, "")
	token := a.leaf("accessToken")
	if !strings.Contains(a.body, "<accessToken>"+token+"</accessToken>") || strings.ContainsAny(token, " \n\t") {
		t.Errorf("token with white space or attributes: %s", a.body)
	}
	plain, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(token) < 180 || !strings.HasPrefix(string(plain), "admin,admin,2026-11-22 08:00:00") {
		t.Errorf("token does not look like the vendor's: %q (%v)", token, err)
	}
	if again := r.login(adminBasic); again == token {
		t.Error("a second login gave the same token")
	}
	r.wantEffects("token.issued", "t1 admin", "t2 admin")
}

func TestLoginRefused(t *testing.T) {
	for name, header := range map[string]string{
		"wrong password": wrongBasic, "unknown user": "Authorization: Basic bm9ib2R5OngK", "bearer": "Authorization: Bearer x",
		"nothing": "X-None: x", "not base64": "Authorization: Basic %%%",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.want(r.tryLogin(header), 401, "Client not authorized.")
		})
	}
	r := newRig(t)
	r.tryLogin(wrongBasic)
	r.wantEffects("token.refused", "admin wrong credentials")
}

func TestTokenEndsExactlyAtItsLifetime(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	r.base.Pass(10*time.Minute - time.Nanosecond)
	r.want(r.get("system/status", token), 200, "") // and this use does not extend it
	if r.LockOwner() != "admin" {
		t.Errorf("owner %q just before the end", r.LockOwner())
	}
	r.base.Pass(time.Nanosecond)
	r.want(r.get("system/status", token), 401, "Client not authorized.")
	if r.LockOwner() != "" {
		t.Errorf("owner %q after the end", r.LockOwner())
	}
	r.wantEffects("token.expired", "t1 admin")
	r.wantEffects("lock.expired", "t1 due")
}

func TestExpiryIsRecordedAtItsDueTime(t *testing.T) {
	r := newRig(t)
	start := r.base.Now()
	r.locked()
	r.base.Pass(time.Hour)
	r.Settle()
	for _, e := range r.truth.Effects() {
		if strings.HasSuffix(e.What, ".expired") && !e.At.Equal(start.Add(10*time.Minute)) {
			t.Errorf("%s at %s", e.What, e.At)
		}
	}
	if len(r.effects("lock.expired")) != 1 {
		t.Error("the expiry of the lock was not recorded")
	}
}

func TestTokenLifetimeIgnoresTheAppliancesClock(t *testing.T) {
	r := newRig(t)
	token := r.login(adminBasic)
	r.clock.Step(-48 * time.Hour)
	a := r.get("system/status", token)
	r.want(a, 200, "")
	if got := a.header.Get("Date"); got != "Fri, 20 Nov 2026 08:00:00 GMT" {
		t.Errorf("Date %s is not the appliance's own", got)
	}
	r.clock.Step(96 * time.Hour)
	r.want(r.get("system/status", token), 200, "")
}

func TestRenewalMovesTheLock(t *testing.T) {
	escape := url.QueryEscape
	for name, body := range map[string]func(string) string{
		"raw":          func(tok string) string { return tok },
		"raw, newline": func(tok string) string { return tok + "\n" },
		"accessToken":  func(tok string) string { return "accessToken=" + escape(tok) },
		"token":        func(tok string) string { return "token=" + escape(tok) },
	} {
		for _, spelling := range []string{bareForm, fullForm} {
			t.Run(name+" "+spelling, func(t *testing.T) {
				r := newRig(t)
				old := r.locked()
				r.base.Pass(9 * time.Minute)
				a := r.renew(body(old), spelling)
				r.want(a, 200, "")
				renewed := a.leaf("accessToken")
				r.wantEffects("token.renewed", "t2 admin from t1, revoked")
				r.wantEffects("lock.moved", "t2 admin from t1")
				r.want(r.get("system/status", old), 401, "Client not authorized.")
				r.base.Pass(10*time.Minute - time.Second)
				r.want(r.put("configuration/management?action=verify", renewed), 202, "")
				r.base.Pass(time.Second)
				r.want(r.get("system/status", renewed), 401, "")
			})
		}
	}
}

func TestRenewalSwitches(t *testing.T) {
	raw := func(tok string) string { return tok }
	keyed := func(key string) func(string) string {
		return func(tok string) string { return key + "=" + url.QueryEscape(tok) }
	}
	literal := func(tok string) string { return "token=" + tok }
	for _, c := range []struct {
		name, set string
		body      func(string) string
		header    string
		status    int
		moved     bool
	}{
		{"raw takes raw", "renewal-form=raw", raw, fullForm, 200, true},
		{"raw refuses token=", "renewal-form=raw", keyed("token"), fullForm, 400, false},
		{"accessToken takes its key", "renewal-form=accessToken", keyed("accessToken"), fullForm, 200, true},
		{"accessToken refuses raw", "renewal-form=accessToken", raw, fullForm, 400, false},
		{"accessToken refuses token=", "renewal-form=accessToken", keyed("token"), fullForm, 400, false},
		{"token takes its key", "renewal-form=token", keyed("token"), fullForm, 200, true},
		{"token refuses raw", "renewal-form=token", raw, fullForm, 400, false},
		{"ignored answers an unrelated token", "renewal-form=ignored", raw, fullForm, 200, false},
		{"unescaped plus is a blank", "renewal-escape=decoded", func(string) string { return "token=a+b" }, fullForm, 401, false},
		{"literal takes unescaped", "renewal-escape=literal", literal, fullForm, 200, true},
		{"bare refuses full", "renewal-content-type=strict-bare", raw, fullForm, 415, false},
		{"bare takes bare", "renewal-content-type=strict-bare", raw, bareForm, 200, true},
		{"full refuses bare", "renewal-content-type=strict-full", raw, bareForm, 415, false},
		{"full takes full", "renewal-content-type=strict-full", raw, fullForm + "; charset=UTF-8", 200, true},
		{"any refuses XML", "renewal-content-type=any", raw, "Content-Type: application/xml", 415, false},
		{"unrecognised type ignored", "renewal-unrecognised=ignored", raw, "Content-Type: application/xml", 200, false},
		{"foreign token", "renewal-bad-token=401", func(string) string { return "foreign" }, fullForm, 401, false},
		{"foreign token 400", "renewal-bad-token=400", func(string) string { return "foreign" }, fullForm, 400, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.set)
			old := r.locked()
			a := r.renew(c.body(old), c.header)
			r.want(a, c.status, "")
			if moved := len(r.effects("lock.moved")) == 1; moved != c.moved {
				t.Errorf("lock moved: %v", moved)
			}
			if c.status == 200 && !c.moved {
				r.want(r.put("configuration/management?action=verify", a.leaf("accessToken")), 423, "Resource locked by another user")
			}
			if !c.moved {
				r.want(r.put("configuration/management?action=verify", old), 202, "")
			}
		})
	}
}

func TestRenewalUnrecognisedFormIgnored(t *testing.T) {
	r := newRig(t, "renewal-form=accessToken", "renewal-unrecognised=ignored")
	old := r.locked()
	a := r.renew(old)
	r.want(a, 200, "")
	r.want(r.post("configuration/unlock", a.leaf("accessToken")), 423, "Resource locked by another user")
	r.want(r.post("configuration/unlock", old), 204, "")
}

func TestRenewalKeepsTheOldToken(t *testing.T) {
	r := newRig(t, "old-token=kept")
	old := r.locked()
	r.base.Pass(time.Minute)
	r.want(r.renew(old), 200, "")
	r.want(r.get("system/status", old), 200, "")
	r.want(r.post("configuration/unlock", old), 423, "Resource locked by another user")
	r.base.Pass(9 * time.Minute)
	r.want(r.get("system/status", old), 401, "")
	if r.LockOwner() != "admin" {
		t.Error("the lock went with the old token")
	}
}

func TestRenewalWithAnExpiredOrAnothersToken(t *testing.T) {
	r := newRig(t)
	expired := r.login(adminBasic)
	r.base.Pass(10 * time.Minute)
	r.want(r.renew(expired), 401, "Client not authorized.")
	others := r.login(secondBasic)
	r.want(r.renew(others), 401, "Client not authorized.")
	r.want(r.call(http.MethodPost, "/rest/v1.1/auth/token", "", others, fullForm, wrongBasic), 401, "")
	if n := len(r.effects("token.renewed")); n != 0 {
		t.Errorf("%d renewals", n)
	}
}

func TestPlainLoginDoesNotCarryTheLock(t *testing.T) {
	r := newRig(t)
	first := r.locked()
	r.base.Pass(time.Minute)
	second := r.login(adminBasic)
	r.want(r.post("configuration/lock", second), 423, "Resource locked by another user")
	r.want(r.post("configuration/unlock", second), 423, "Resource locked by another user")
	r.want(r.put("configuration/management?action=save", second), 423, "Resource locked by another user")
	r.want(r.post("configuration/unlock", first), 204, "")
}

func TestTokenLimit(t *testing.T) {
	for _, c := range []struct {
		limit, code string
		allowed     int
		status      int
	}{{"user-2", "503", 2, 503}, {"total-5", "429", 5, 429}, {"user-2", "403", 2, 403}, {"user-2", "401", 2, 401}} {
		t.Run(c.limit+" "+c.code, func(t *testing.T) {
			r := newRig(t, "token-limit="+c.limit, "token-limit-status="+c.code)
			for range c.allowed {
				r.login(adminBasic)
			}
			r.want(r.tryLogin(adminBasic), c.status, "User limit reached. Please try again later.")
			r.base.Pass(10 * time.Minute)
			r.want(r.tryLogin(adminBasic), 200, "")
		})
	}
}

func TestLoginLockout(t *testing.T) {
	r := newRig(t, "login-lockout=3-in-60s")
	for range 3 {
		r.want(r.tryLogin(wrongBasic), 401, "")
	}
	r.want(r.tryLogin(adminBasic), 401, "Client not authorized.")
	r.want(r.tryLogin(viewerBasic), 200, "")
	r.base.Pass(time.Minute)
	r.want(r.tryLogin(adminBasic), 200, "")
}

func TestPasswordChangeNeeded(t *testing.T) {
	for value, status := range map[string]int{"403": 403, "401": 401} {
		r := newRig(t, "password-change="+value)
		r.want(r.tryLogin(adminBasic), status, "Password must be changed before the first use.")
		r.want(r.tryLogin(wrongBasic), 401, "Client not authorized.")
	}
}
