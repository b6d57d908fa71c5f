package xclarity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim/kit"
)

const (
	filesPath   = "/files/managementServer/data?action=process"
	quiescePath = "/managementServer/quiesce"
)

// create asks for a backup with these further members.
func (b *bench) create(more string) reply {
	b.world.t.Helper()
	return b.do("POST", dataPath, `{"operation":"backup","action":"start","label":"weekly","passphrase":"Secret-1"`+more+`}`,
		"X-Request-Id", "op-1")
}

// restoring asks for one step of a restore.
func (b *bench) restoring(action, uuid, passphrase string) reply {
	b.world.t.Helper()
	return b.do("POST", dataPath, fmt.Sprintf(`{"operation":"restore","action":%q,"uuid":%q,"passphrase":%q,"firmware":true}`,
		action, uuid, passphrase), "X-Request-Id", "op-2")
}

func (b *bench) process(passphrase string) reply {
	b.world.t.Helper()
	return b.do("POST", filesPath, fmt.Sprintf(`{"passphrase":%q}`, passphrase), "X-Request-Id", "op-3")
}

// one is the only effect of that kind.
func (w *world) one(what string) kit.Effect {
	w.t.Helper()
	var found []kit.Effect
	for _, e := range w.truth.Effects() {
		if e.What == what {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d of %s in %v", len(found), what, w.whats(0))
	}
	return found[0]
}

// The appliance answers nothing at both ends, tells how far it is in between, and has the package at the end.
func TestMakeBackup(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Speed: 2})
	id := b.create(`,"includeFW":true,"includeOS":"true","remoteShareDestination":"/mnt/my_remote_share"`).want(200).text("jobId")
	for _, at := range []time.Duration{0, 5*time.Second - 1} {
		w.time.Add(at)
		if !aborted(func() { b.get(quiescePath) }) {
			t.Fatalf("it answers after %s", at)
		}
	}
	w.time.Add(1)
	r := b.get(quiescePath).want(200)
	if r.text("backupRequest", "label") != "weekly" || r.text("backupRequest", "jobId") != id || r.text("backupRequest", "progress") != "16" ||
		r.text("backupRequest", "status") != "EXEC: Export thread started" || r.at("backupRequest", "includeFW") != true ||
		r.text("backupRequest", "remoteShareDestination") != DefaultShare || strings.Contains(r.body, "Secret-1") {
		t.Fatalf("quiesce %s", r.body)
	}
	b.get(dataPath).want(503)
	b.set("quiesce=status").get(dataPath).want(200)
	if r := b.get("/tasks/" + id).want(200); r.text(0, "status") != "Running" || strings.Contains(r.body, "cancelURL") {
		t.Fatalf("job %s", r.body)
	}
	b.do("PUT", "/tasks", `{"action":"cancel","list":["`+id+`"]}`).want(400)
	w.time.Add(20*time.Second - 1)
	b.get(quiescePath).want(200)
	w.time.Add(1)
	if !aborted(func() { b.get("/tasks/" + id) }) {
		t.Fatal("it answers at the end")
	}
	w.time.Add(5 * time.Second)
	if r := b.get("/tasks/" + id).want(200); r.text(0, "status") != "Complete" {
		t.Fatalf("job %s", r.body)
	}
	if r := b.get(quiescePath).want(200); r.body != "{}" {
		t.Fatalf("quiesce %s", r.body)
	}
	got := b.Backups()[0]
	made, started := w.one("backup.created"), w.one("job.started")
	if got.Label != "weekly" || !slices.Equal(got.Locations, []string{DefaultShare}) || got.Size < firmwareBytes+imageBytes {
		t.Fatalf("backup %+v", got)
	}
	if made.UUID != got.UUID || made.Job != id || made.To != DefaultShare || made.Checksum != got.Checksum || made.By != "admin" ||
		made.Request != "op-1" || started.Kind != "backup" || started.UUID != got.UUID || started.Request != "op-1" {
		t.Fatalf("truth %+v, %+v", made, started)
	}
}

func TestBackupThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	for _, body := range []string{
		`{"operation":"backup","action":"start","label":"x"}`, `{"operation":"backup","action":"start","passphrase":"x"}`,
		`{"operation":"backup","label":"x","passphrase":"y"}`,
		`{"operation":"backup","action":"start","label":"x","passphrase":"y","remoteShareDestination":"/mnt/x"}`,
	} {
		b.do("POST", dataPath, body).want(400)
	}
	b.set("passphrase-rule=min-8").do("POST", dataPath, `{"operation":"backup","action":"start","label":"x","passphrase":"1234567"}`).want(400)
	b.viewer().create("").want(403)
	b.SetCapacity(Internal, 1)
	id := b.create("").want(200).text("jobId")
	b.set("quiesce=none").create("").want(400) // one at a time
	w.time.Add(30*time.Second - 1)
	if s := b.get("/tasks/"+id).text(0, "status"); s != "Running" {
		t.Fatalf("just before: %s", s)
	}
	w.time.Add(1)
	if r := b.get("/tasks/" + id); r.text(0, "status") != "Stopped_With_Error" || !strings.Contains(r.body, "not enough space in internal") {
		t.Fatalf("job %s", r.body)
	}
	b.set("no-space=400").create("").want(400)
	b.SetMounted(DefaultShare, false)
	id = b.create(`,"remoteShareDestination":"/mnt/my_remote_share"`).want(200).text("jobId")
	w.time.Add(time.Minute)
	if r := b.get("/tasks/" + id); !strings.Contains(r.body, "is not mounted") {
		t.Fatalf("job %s", r.body)
	}
	b.set("share-unmounted=400").create(`,"remoteShareDestination":"/mnt/my_remote_share"`).want(400)
	if n := len(b.Backups()); n != 0 {
		t.Fatalf("%d packages", n)
	}
	b.SetCapacity(Internal, 1_000_000_000_000)
	b.set("quiesce=silent").create("").want(200)
	b.Restart(false)
	if s := b.Jobs()[2].State; s != "Stopped_With_Error" || len(b.Backups()) != 0 {
		t.Fatalf("after a restart: %s", s)
	}
	b.get(dataPath).want(200)
}

// A package that was pushed is processed on the target, then restored there.
func TestProcessAndRestore(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 1})
	target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true}).set("restore=none")
	target.process(DefaultPassphrase).want(400)
	target.set("process-nothing=404").process(DefaultPassphrase).want(404)
	uuid := b.newest()
	b.put("push", uuid, "198.18.0.2").want(200)
	w.time.Add(6 * time.Second)
	target.restoring("start", uuid, "").want(400) // not processed
	target.do("POST", filesPath, `{}`).want(400)
	target.do("POST", "/files/managementServer/data?action=import", `{}`).want(400)
	target.viewer().process(DefaultPassphrase).want(403)
	wrong := target.process("wrong").want(200).text("jobId")
	w.time.Add(6 * time.Second)
	if r := target.get("/tasks/" + wrong); r.text(0, "status") != "Stopped_With_Error" || !strings.Contains(r.body, "passphrase is not correct") {
		t.Fatalf("job %s", r.body)
	}
	target.set("wrong-passphrase=400").process("wrong").want(400)
	target.restoring("start", uuid, "").want(400)
	id := target.process(DefaultPassphrase).want(200).text("jobId")
	if r := target.get(quiescePath); r.text("restoreRequest", "jobId") != id || r.at("restoreRequest", "firmware") != false {
		t.Fatalf("quiesce %s", r.body)
	}
	target.process(DefaultPassphrase).want(400) // in use
	w.time.Add(6 * time.Second)
	target.set("restore-passphrase=needed").restoring("start", uuid, "wrong").want(400)
	target.set("restore-passphrase=ignored").restoring("start", uuid, "").want(200)
	if r := target.get(quiescePath); r.at("restoreRequest", "firmware") != true {
		t.Fatalf("quiesce %s", r.body)
	}
	w.time.Add(6 * time.Second)
	target.Settle()
	p, r := w.one("backup.processed"), w.one("backup.restored")
	if p.UUID != uuid || p.Job != id || p.Request != "op-3" || p.Appliance != "new" || r.UUID != uuid || r.Request != "op-2" || target.Fresh() {
		t.Fatalf("truth %+v, %+v", p, r)
	}
	target.set("process-answer=envelope")
	if r := target.process(DefaultPassphrase).want(200); strings.Contains(r.body, "jobId") {
		t.Fatalf("answer %s", r.body)
	}
}

func TestPrepare(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	uuid := b.AddBackup(Backup{Passphrase: "own", Version: "4.0.0"})
	elsewhere := b.AddBackup(Backup{Locations: []string{DefaultShare}})
	b.restoring("prepare", elsewhere, "x").want(400)
	b.restoring("prepare", uuid, "").want(400)
	id := b.restoring("prepare", uuid, "own").want(200).text("jobId")
	w.time.Add(6 * time.Second)
	if r := b.get("/tasks/" + id); !strings.Contains(r.body, "made by version 4.0.0, this is 4.1.0") {
		t.Fatalf("job %s", r.body)
	}
	b.set("other-version=400").restoring("prepare", uuid, "own").want(400)
	b.set("other-version=accepted").restoring("prepare", uuid, "own").want(200)
	w.time.Add(6 * time.Second)
	b.Settle()
	if e := w.one("backup.prepared"); e.UUID != uuid || e.Request != "op-2" {
		t.Fatalf("truth %+v", e)
	}
	b.set("restore-unprepared=allowed", "restore=none").restoring("start", b.AddBackup(Backup{}), "").want(200)
}

func TestDeleteWithAShareAway(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	both := b.AddBackup(Backup{Locations: []string{Internal, DefaultShare}})
	b.SetMounted(DefaultShare, false)
	del := func(location string) reply { return b.do("DELETE", dataPath+"/"+both+"?location="+location, "") }
	del("all").want(400)
	del(DefaultShare).want(400)
	b.set("transfer-refused=400").put("copy", b.AddBackup(Backup{Locations: []string{DefaultShare}}), Internal).want(200)
	w.time.Add(6 * time.Second)
	if j := b.Jobs()[0]; j.State != "Stopped_With_Error" {
		t.Fatalf("a copy from a share that is away: %+v", j)
	}
	b.set("delete-all-unmounted=warning")
	if r := del("all").want(200); r.text("result") != "warning" {
		t.Fatalf("answer %s", r.body)
	}
	if got := b.where(both); !slices.Equal(got, []string{DefaultShare}) {
		t.Fatalf("it lies in %v", got)
	}
	b.SetMounted(DefaultShare, true)
	del("all").want(200)
	if got := b.where(both); len(got) != 0 {
		t.Fatalf("it lies in %v", got)
	}
}

func TestQuiesceAnswers(t *testing.T) {
	b := newWorld(t).add(Options{Backups: 1})
	b.restoring("prepare", b.newest(), DefaultPassphrase).want(200)
	if r := b.set("quiesce-answer=envelope").get(quiescePath); r.text("result") != "success" || r.text("restoreRequest", "filename") == "" {
		t.Fatalf("quiesce %s", r.body)
	}
	if r := b.set("quiesce-answer=response").get(quiescePath); r.text("response", "restoreRequest", "filename") == "" {
		t.Fatalf("quiesce %s", r.body)
	}
}

// A push cannot arrive while the target makes a backup, and can once it has, whether anybody looked at it or not.
func TestPushToAQuietTarget(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 1})
	target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true})
	target.create("").want(200)
	for _, want := range []string{"Stopped_With_Error", "Complete"} {
		id := b.put("push", b.newest(), "198.18.0.2").want(200).text("jobId")
		w.time.Add(makingTime)
		if s := b.get("/tasks/"+id).text(0, "status"); s != want {
			t.Errorf("job %s, want %s", s, want)
		}
	}
}
