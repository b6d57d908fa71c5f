package broker_test

import (
	"net/http"
	"testing"
	"time"

	"holdfast/appliance/sim/broker"
)

const (
	textLocked = "Resource locked by another user"
	textNoLock = "User does not have the lock."
)

// TestTransitions is the table of api/ecb.md 8, cell by cell.
func TestTransitions(t *testing.T) {
	type cell struct {
		status int
		text   string
		owner  string // afterwards
	}
	calls := map[string]func(*rig, string) answer{
		"lock":      func(r *rig, tok string) answer { return r.post("configuration/lock", tok) },
		"unlock":    func(r *rig, tok string) answer { return r.post("configuration/unlock", tok) },
		"protected": func(r *rig, tok string) answer { return r.put("configuration/management?action=verify", tok) },
		"login":     func(r *rig, _ string) answer { return r.tryLogin(adminBasic) },
	}
	states := map[string]func(*rig, string){
		"mine":       func(r *rig, tok string) { r.lock(tok) },
		"another's":  func(r *rig, _ string) { r.lock(r.login(secondBasic)) },
		"own other":  func(r *rig, _ string) { r.lock(r.login(adminBasic)) },
		"rest other": func(r *rig, _ string) { r.LockByOther(broker.SourceREST) },
		"gui":        func(r *rig, _ string) { r.LockByOther(broker.SourceGUI) },
		"acli":       func(r *rig, _ string) { r.LockByOther(broker.SourceACLI) },
		"free":       func(*rig, string) {},
	}
	owners := map[string]string{"mine": "admin", "another's": "second", "own other": "admin", "rest other": "night-shift",
		"gui": "gui", "acli": "acli", "free": ""}
	for state, prepare := range states {
		owner := owners[state]
		want := map[string]cell{
			"lock":      {423, textLocked, owner},
			"unlock":    {423, textLocked, owner},
			"protected": {423, textLocked, owner},
			"login":     {200, "", owner},
		}
		switch state {
		case "mine":
			want["lock"], want["unlock"] = cell{204, "", "admin"}, cell{204, "", ""}
			want["protected"] = cell{202, "", "admin"}
		case "free":
			want["lock"], want["unlock"] = cell{204, "", "admin"}, cell{423, textNoLock, ""}
			want["protected"] = cell{423, textNoLock, ""}
		}
		for call, do := range calls {
			t.Run(call+" "+state, func(t *testing.T) {
				r := newRig(t)
				token := r.login(adminBasic)
				prepare(r, token)
				r.want(do(r, token), want[call].status, want[call].text)
				if got := r.LockOwner(); got != want[call].owner {
					t.Errorf("owner afterwards %q, want %q", got, want[call].owner)
				}
			})
		}
	}
}

// Every call that needs the lock answers with the text for a free one.
func TestProtectedCallsNeedTheLock(t *testing.T) {
	element := elementXML("user-number", "number", "1")
	for _, c := range [][3]string{
		{http.MethodPut, "configuration/management?action=save", ""},
		{http.MethodPut, "configuration/management?action=verify", ""},
		{http.MethodPut, "configuration/management?action=restore&restoreSource=saved", ""},
		{http.MethodPost, "configuration/management?action=activate", ""},
		{http.MethodPost, "configuration/management?action=backup&backupSource=saved&filename=x", ""},
		{http.MethodDelete, "configuration/management/files?filename=nightly-1119.gz", ""},
		{http.MethodPost, "configuration/configElements", element},
		{http.MethodPut, "configuration/configElements", element},
		{http.MethodDelete, "configuration/configElements?elementType=user-number&number=1", ""},
		{http.MethodPut, "configuration/lst?action=save&filename=x", ""},
	} {
		r := newRig(t, "lst=offered")
		path := "/rest/v1.1/" + c[1]
		r.want(r.call(c[0], path, r.login(adminBasic), c[2]), 423, textNoLock)
		r.want(r.call(c[0], path, r.login(viewerBasic), c[2]), 403, "")
		r.want(r.call(c[0], path, "", c[2]), 401, "")
		r.LockByOther(broker.SourceGUI)
		r.want(r.call(c[0], path, r.login(adminBasic), c[2]), 423, textLocked)
	}
}

func TestLockSwitches(t *testing.T) {
	for _, c := range []struct {
		set    string
		others bool // held by somebody else, else by the caller
		status int
		text   string
	}{
		{"relock=423", false, 423, textLocked},
		{"relock=204", false, 204, ""},
		{"lock-text=another-user", true, 423, textLocked},
		{"lock-text=no-lock", true, 423, textNoLock},
		{"lock-text=other", true, 423, "Configuration is being modified by another session."},
		{"lock-text=empty", true, 423, ""},
		{"full-stop=with", true, 423, textLocked + "."},
		{"full-stop=without", true, 423, textLocked},
		{"ownership=user", true, 423, textLocked},
	} {
		t.Run(c.set, func(t *testing.T) {
			r := newRig(t, c.set)
			token := r.login(adminBasic)
			if c.others {
				r.LockByOther(broker.SourceREST)
			} else {
				r.lock(token)
			}
			a := r.post("configuration/lock", token)
			r.want(a, c.status, c.text)
			if got := a.leaf("errorMessage"); got != c.text {
				t.Errorf("text %q, want %q", got, c.text)
			}
		})
	}
	r := newRig(t, "full-stop=without")
	r.want(r.post("configuration/unlock", r.login(adminBasic)), 423, "User does not have the lock")
}

func TestOwnershipByUser(t *testing.T) {
	r := newRig(t, "ownership=user")
	r.locked()
	probe := r.login(adminBasic)
	r.want(r.post("configuration/unlock", r.login(secondBasic)), 423, textLocked)
	r.want(r.post("configuration/unlock", probe), 204, "")
	if r.LockOwner() != "" {
		t.Error("the probe of the same user did not release the lock")
	}
}

func TestLockSweptAfterExpiry(t *testing.T) {
	r := newRig(t, "lock-at-expiry=swept")
	r.locked()
	r.base.Pass(10 * time.Minute)
	token := r.login(adminBasic)
	r.want(r.post("configuration/lock", token), 423, textLocked)
	r.base.Pass(5*time.Second - 1)
	r.want(r.post("configuration/lock", token), 423, textLocked)
	r.base.Pass(1)
	r.want(r.post("configuration/lock", token), 204, "")
}

func TestOthersLocks(t *testing.T) {
	r := newRig(t)
	if !r.LockByOther(broker.SourceGUI) || r.LockByOther(broker.SourceACLI) {
		t.Error("LockByOther must take a free lock, and only a free one")
	}
	r.base.Pass(24 * time.Hour)
	if r.LockOwner() != "gui" {
		t.Error("a lock of the GUI ended by itself")
	}
	r.UnlockByOther()
	if r.LockOwner() != "" {
		t.Error("UnlockByOther left the lock")
	}
	r.LockByOther(broker.SourceREST)
	r.base.Pass(10 * time.Minute)
	if r.LockOwner() != "" {
		t.Error("another client's lock outlived its token")
	}
	r.locked()
	r.UnlockByOther()
	if r.LockOwner() != "admin" {
		t.Error("UnlockByOther released a lock that is not the other's")
	}
}

func TestForeignLockUnseen(t *testing.T) {
	for value, seen := range map[string][2]bool{
		"seen": {true, true}, "gui-unseen": {false, true}, "acli-unseen": {true, false}, "unseen": {false, false},
	} {
		for i, source := range []string{broker.SourceGUI, broker.SourceACLI} {
			r := newRig(t, "foreign-lock="+value)
			if got := r.LockByOther(source); got != seen[i] {
				t.Errorf("%s: lock of %s seen: %v", value, source, got)
			}
		}
	}
}

func TestStolenLock(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	if !r.StealByOther(broker.SourceACLI) {
		t.Fatal("not stolen")
	}
	r.want(r.put("configuration/management?action=save", token), 423, textLocked)
	r.wantEffects("lock.granted", "t1 admin rest", "acli acli acli")
	r.wantEffects("lock.stolen", "t1 taken by acli")
}

func TestRevokedTokens(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	r.RevokeTokens()
	r.want(r.get("system/status", token), 401, "")
	r.lock(r.login(secondBasic))
	r.wantEffects("token.revoked", "t1 admin")
	r.wantEffects("lock.released", "t1 token revoked")
}

func TestStandbyLock(t *testing.T) {
	for value, status := range map[string]int{"423": 423, "403": 403, "503": 503, "204": 204} {
		r := newRig(t, "role=standby", "standby-lock="+value)
		r.want(r.post("configuration/lock", r.login(adminBasic)), status, "")
	}
}

func TestSwitchover(t *testing.T) {
	for value, status := range map[string]int{"lost": 401, "kept": 200} {
		r := newRig(t, "role=active", "tokens-at-switchover="+value)
		token := r.locked()
		if err := r.SetRole("standby"); err != nil {
			t.Fatal(err)
		}
		r.want(r.get("system/status", token), status, "")
	}
	r := newRig(t)
	token := r.login(adminBasic)
	if err := r.SetRole("standby"); err != nil { // a pair is formed: no switchover
		t.Fatal(err)
	}
	a := r.get("system/status", token)
	r.want(a, 200, "")
	if a.leaf("role") != "standby" || a.leaf("haPeerRole") != "active" {
		t.Errorf("status of a standby: %s", a.body)
	}
	if r.SetRole("king") == nil {
		t.Error("an unknown role was taken")
	}
}
