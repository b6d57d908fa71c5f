package broker_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
)

const brokenGroup = `<configElement><elementType>session-group</elementType>
	<attribute><name>group-name</name><value>sg-lab</value></attribute>
	<attribute><name>dest</name><value>nowhere.example.net</value></attribute></configElement>`

func (r *rig) agents(token, query string) int {
	r.t.Helper()
	a := r.get("configuration/configElements?elementType=session-agent"+query, token)
	r.want(a, 200, "")
	return len(a.leaves("elementType"))
}

func TestSaveActivateLifecycle(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	r.want(r.call("DELETE", "/rest/v1.1/configuration/configElements?elementType=session-agent&hostname=b.example.net", token, ""), 204, "")
	if r.agents(token, "") != 1 || r.agents(token, "&running=true") != 2 {
		t.Error("an edit must show in the edited copy only")
	}
	a := r.put("configuration/management?action=save", token)
	r.want(a, 202, "")
	if got := a.leaf("link"); got != "https://ecb-lab:8443/rest/v1.1/admin/asyncstatus" {
		t.Errorf("poll link %q", got)
	}
	r.wantState(token, "save", "inProgress")
	r.base.Pass(2*time.Second - 1)
	r.wantState(token, "save", "inProgress")
	r.wantEffects("config.saved")
	r.base.Pass(1)
	r.wantState(token, "save", "success")
	r.wantEffects("config.saved", "a1 admin")

	r.want(r.post("configuration/management?action=activate", token), 202, "")
	r.base.Pass(4 * time.Second)
	r.wantState(token, "activate", "success")
	if r.agents(token, "&running=true") != 1 {
		t.Error("activate did not make the saved copy the running one")
	}
	r.wantEffects("config.activated", "a2 admin")
	r.wantEffects("async.ended", "a1 admin save success", "a2 admin activate success")
}

// Activate takes what is saved at the time; a save still under way is not in it.
func TestActivateDuringSave(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	r.del("configuration/configElements?elementType=session-agent&hostname=b.example.net", token)
	r.put("configuration/management?action=save", token)
	r.post("configuration/management?action=activate", token)
	r.base.Pass(time.Minute)
	if r.agents(token, "&running=true") != 2 {
		t.Error("activate waited for the save")
	}
	r.wantState(token, "activate", "success")
	r.wantEffects("async.ended", "a1 admin save success", "a2 admin activate success")
}

func TestVerify(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	r.want(r.put("configuration/management?action=verify", token), 202, "")
	r.base.Pass(time.Second)
	r.wantState(token, "verify", "success")
	r.want(r.call("PUT", "/rest/v1.1/configuration/configElements", token, brokenGroup), 200, "")
	r.put("configuration/management?action=verify", token)
	if a := r.wantState(token, "verify", "inProgress"); a.leaf("errorMessage") != "" {
		t.Error("told before it ended")
	}
	r.base.Pass(time.Second)
	for shape, want := range map[string][2]string{
		"object-field": {"session-group sg-lab", "dest"}, "name-text": {"", ""}, "none": {"", ""},
	} {
		r.set("verify-summary", shape)
		a := r.wantState(token, "verify", "fail")
		if a.leaf("errorMessage") != "session-group sg-lab: destination nowhere.example.net is not configured" {
			t.Errorf("error %q", a.leaf("errorMessage"))
		}
		if a.leaf("object") != want[0] || a.leaf("field") != want[1] {
			t.Errorf("%s: %s", shape, a.body)
		}
		if shape == "name-text" && a.leaf("name") != "session-group sg-lab|dest" {
			t.Errorf("%s: %s", shape, a.body)
		}
	}
}

func TestSaveVerifies(t *testing.T) {
	for value, state := range map[string]string{"no": "success", "yes": "fail"} {
		r := newRig(t, "save-verifies="+value)
		token := r.locked()
		r.call("PUT", "/rest/v1.1/configuration/configElements", token, brokenGroup)
		r.put("configuration/management?action=save", token)
		r.base.Pass(2 * time.Second)
		r.wantState(token, "save", state)
		if saved := len(r.effects("config.saved")) == 1; saved != (state == "success") {
			t.Errorf("save-verifies=%s: saved %v", value, saved)
		}
	}
}

func TestRestore(t *testing.T) {
	for _, query := range []string{"running", "saved", "backupFile&filename=nightly-1119.gz"} {
		r := newRig(t)
		token := r.locked()
		r.del("configuration/configElements?elementType=session-agent&hostname=b.example.net", token)
		r.want(r.put("configuration/management?action=restore&restoreSource="+query, token), 202, "")
		r.base.Pass(3 * time.Second)
		r.wantState(token, "restore", "success")
		if r.agents(token, "") != 2 {
			t.Errorf("%s: the edit survived", query)
		}
		if len(r.effects("config.restored")) != 1 {
			t.Errorf("%s: no effect", query)
		}
	}
}

func TestManagementParameters(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	for _, c := range []struct {
		method, query string
		status        int
	}{
		{"PUT", "", 400}, {"PUT", "action=reset", 400}, {"PUT", "action=activate", 400}, {"PUT", "action=restore", 400},
		{"PUT", "action=restore&restoreSource=moon", 400}, {"PUT", "action=restore&restoreSource=backupFile", 400},
		{"PUT", "action=restore&restoreSource=backupFile&filename=../x", 400},
		{"PUT", "action=restore&restoreSource=backupFile&filename=none.gz", 404},
		{"POST", "", 400}, {"POST", "action=save", 400}, {"POST", "action=backup", 400},
		{"POST", "action=backup&backupSource=saved", 400}, {"POST", "action=backup&filename=x", 400},
		{"POST", "action=backup&backupSource=moon&filename=x", 400},
		{"POST", "action=backup&backupSource=saved&filename=a/b", 400},
		{"POST", "action=backup&backupSource=saved&filename=nightly-1119", 400},
		{"PUT", "action=%zz", 400},
	} {
		r.want(r.call(c.method, "/rest/v1.1/configuration/management?"+c.query, token, ""), c.status, "")
	}
	if n := len(r.effects("async.begun")); n != 0 {
		t.Errorf("%d operations began", n)
	}
}

func TestBackup(t *testing.T) {
	for _, source := range []string{"running", "saved", "editing"} {
		r := newRig(t)
		token := r.locked()
		r.want(r.post("configuration/management?action=backup&backupSource="+source+"&filename=mine", token), 202, "")
		r.base.Pass(2*time.Second - 1)
		r.wantState(token, "backup", "inProgress")
		if r.get("configuration/management/files", token).leaf("file") != "before-upgrade.gz|nightly-1119.gz|nightly-1120.gz" {
			t.Error("the backup is listed before it is done")
		}
		r.base.Pass(1)
		r.wantState(token, "backup", "success")
		r.wantEffects("backup.created", "mine.gz admin a1")
	}
}

func TestBackupSwitches(t *testing.T) {
	r := newRig(t, "backup-gz=asis", "backup-exists=async-fail")
	token := r.locked()
	r.post("configuration/management?action=backup&backupSource=saved&filename=mine", token)
	r.base.Pass(2 * time.Second)
	r.wantEffects("backup.created", "mine admin a1")
	r.want(r.post("configuration/management?action=backup&backupSource=saved&filename=mine", token), 202, "")
	r.base.Pass(2 * time.Second)
	if a := r.wantState(token, "backup", "fail"); a.leaf("errorMessage") != "File already exists." {
		t.Errorf("text %q", a.leaf("errorMessage"))
	}
	r.want(r.post("configuration/management?action=backup&backupSource=saved&filename=nightly-1119", token), 202, "")
	r.base.Pass(2 * time.Second)
	r.wantState(token, "backup", "success")
}

// In v1.0 the only action of POST is activate (api/ecb.md 5.2).
func TestNoBackupInV10(t *testing.T) {
	r := newRig(t, "versions=v1.0-only")
	token := r.call("POST", "/rest/v1.0/auth/token", "", "", adminBasic).leaf("accessToken")
	r.want(r.call("POST", "/rest/v1.0/configuration/lock", token, ""), 204, "")
	r.want(r.call("POST", "/rest/v1.0/configuration/management?action=backup&backupSource=saved&filename=x", token, ""), 400, "")
	r.want(r.call("POST", "/rest/v1.0/configuration/management?action=activate", token, ""), 202, "")
}

func TestFiles(t *testing.T) {
	names := []string{"before-upgrade.gz", "nightly-1119.gz", "nightly-1120.gz", "odd name & more.gz"}
	for shape, leaf := range map[string]string{
		"backupFiles-file": "file", "fileList-fileName": "fileName", "backup-name": "name", "file-flat": "file",
	} {
		r := newRig(t, "files-shape="+shape)
		r.AddBackupFile("odd name & more.gz")
		if got := r.get("configuration/management/files", r.login(viewerBasic)).leaves(leaf); !slices.Equal(got, names) {
			t.Errorf("%s: %q", shape, got)
		}
	}
	r := newRig(t)
	token := r.locked()
	r.want(r.del("configuration/management/files?filename=nightly-1119.gz", token), 204, "")
	r.want(r.del("configuration/management/files?filename=nightly-1119.gz", token), 404, "File not found.")
	r.want(r.del("configuration/management/files", token), 400, "")
	r.want(r.del("configuration/management/files?filename=a%2Fb", token), 400, "")
	r.wantEffects("backup.deleted", "nightly-1119.gz admin")
}

func TestAsyncStatusIsOneSlotForEverybody(t *testing.T) {
	r := newRig(t)
	viewer := r.login(viewerBasic)
	token := r.locked()
	r.put("configuration/management?action=save", token)
	if err := r.StartAsync("verify", "night-shift"); err != nil {
		t.Fatal(err)
	}
	r.wantState(viewer, "verify", "inProgress")
	r.base.Pass(time.Minute)
	r.wantState(viewer, "verify", "success")
	r.wantEffects("async.ended", "a2 night-shift verify success", "a1 admin save success")
	for _, op := range []string{"save", "activate", "restore", "backup"} {
		if err := r.StartAsync(op, "night-shift"); err != nil {
			t.Error(err)
		}
		r.wantState(viewer, op, "inProgress")
	}
	r.base.Pass(time.Minute)
	r.Settle()
	r.wantEffects("backup.created", "night-shift-1.gz night-shift a6")
	if r.StartAsync("reboot", "night-shift") == nil {
		t.Error("an unknown operation was begun")
	}
}

func TestAsyncStatusBeforeAnything(t *testing.T) {
	for value, status := range map[string]int{"empty-data": 200, "empty-state": 200, "404": 404} {
		r := newRig(t, "async-empty="+value)
		a := r.get("admin/asyncstatus", r.login(viewerBasic))
		r.want(a, status, "")
		if value == "empty-state" && a.leaves("operationState") == nil {
			t.Errorf("%s: %s", value, a.body)
		}
		if value == "empty-data" && a.leaves("data") == nil {
			t.Errorf("%s: %s", value, a.body)
		}
	}
}

func TestEditsAtTheEndOfTheLock(t *testing.T) {
	for _, c := range []struct {
		set    string
		expire bool
		agents int // 1: the edit is kept
	}{
		{"edits-at-unlock=kept", false, 1}, {"edits-at-unlock=discarded", false, 2},
		{"edits-at-expiry=kept", true, 1}, {"edits-at-expiry=discarded", true, 2},
		{"edits-at-unlock=discarded", true, 1}, {"edits-at-expiry=discarded", false, 1},
	} {
		r := newRig(t, c.set)
		token := r.locked()
		r.del("configuration/configElements?elementType=session-agent&hostname=b.example.net", token)
		if c.expire {
			r.base.Pass(10 * time.Minute)
		} else {
			r.want(r.post("configuration/unlock", token), 204, "")
		}
		if got := r.agents(r.login(viewerBasic), ""); got != c.agents {
			t.Errorf("%s, expired %v: %d agents", c.set, c.expire, got)
		}
	}
}

// At twice the speed work takes half its time, while tokens live as long as ever.
func TestSpeedScalesOnlyWork(t *testing.T) {
	b := &base{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	r := &rig{t: t, base: b, clock: kit.NewClock(b.Now), truth: kit.NewTruth(nil)}
	r.Appliance = broker.New(broker.Options{
		Name: "fast", Clock: r.clock, Truth: r.truth, Speed: 2, TokenTTL: 30 * time.Second, AllowPlain: true,
	})
	token := r.locked()
	r.post("configuration/management?action=activate", token)
	r.base.Pass(2*time.Second - 1)
	r.wantState(token, "activate", "inProgress")
	r.base.Pass(1)
	r.wantState(token, "activate", "success")
	r.base.Pass(28*time.Second - 1)
	r.want(r.get("system/status", token), 200, "")
	r.base.Pass(1)
	r.want(r.get("system/status", token), 401, "")
}
