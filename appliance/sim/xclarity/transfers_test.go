package xclarity

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const dataPath = "/managementServer/data"

// where tells where a package lies.
func (b *bench) where(uuid string) []string {
	for _, p := range b.Backups() {
		if p.UUID == uuid {
			return p.Locations
		}
	}
	return nil
}

// newest is the uuid of the newest backup.
func (b *bench) newest() string {
	b.world.t.Helper()
	return b.get(dataPath).want(200).text("backups", 0, "uuid")
}

func TestCopyIsAJobThatMovesAPackage(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 3})
	uuid := b.newest()
	r := b.put("copy", uuid, DefaultShare).want(200)
	id := r.text("jobId")
	if r.text("result") != "success" || r.len("message") != 0 {
		t.Fatalf("body %s", r.body)
	}
	job := func() reply { t.Helper(); return b.get("/tasks/" + id).want(200) }
	j := job()
	if j.len() != 1 || j.text(0, "jobUID") != id || j.at(0, "percentage") != num("0.0") || j.text(0, "status") != "Running" ||
		j.at(0, "complete") != false || j.text(0, "createdBy") != "ADMIN" || j.text(0, "cancelURL") != "/tasks" ||
		j.text(0, "cancelRESTBody") != `{"action":"cancel","list":["`+id+`"]}` || j.text(0, "targets", 0, "uuid") != uuid {
		t.Fatalf("job %s", j.body)
	}
	w.time.Add(3 * time.Second)
	j = job()
	if j.at(0, "percentage") != num("50.0") || j.text(0, "children", 0, "status") != "Complete" ||
		j.text(0, "children", 1, "status") != "Running" || j.text(0, "children", 2, "status") != "Pending" {
		t.Fatalf("job half-way %s", j.body)
	}
	if got := b.where(uuid); !slices.Equal(got, []string{Internal}) {
		t.Fatalf("half-way it lies in %v", got)
	}
	w.time.Add(3*time.Second - time.Nanosecond)
	if p := job().at(0, "percentage"); p != num("99.0") {
		t.Fatalf("percentage just before the end %v", p)
	}
	w.time.Add(time.Nanosecond)
	j = job()
	if j.at(0, "percentage") != num("100.0") || j.text(0, "status") != "Complete" || j.at(0, "complete") != true ||
		j.text(0, "endTime") != "2026-11-21T12:00:06Z" || strings.Contains(j.body, "cancelURL") {
		t.Fatalf("job at the end %s", j.body)
	}
	if l := b.get(dataPath); l.len("backups", 0, "locations") != 2 || l.text("backups", 0, "locations", 1) != DefaultShare {
		t.Fatalf("listing %s", l.body)
	}
	if got := w.whats(0); !slices.Equal(got, []string{"job.started", "backup.copied", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
}

func TestCopyBackAndMove(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 2, Speed: 2})
	uuid := b.newest()
	b.put("move", uuid, DefaultShare).want(200)
	w.time.Add(3 * time.Second) // speed 2
	if got := b.where(uuid); !slices.Equal(got, []string{DefaultShare}) {
		t.Fatalf("after the move it lies in %v", got)
	}
	b.put("copy", uuid, Internal).want(200)
	w.time.Add(3 * time.Second)
	if got := b.where(uuid); !slices.Equal(got, []string{DefaultShare, Internal}) {
		t.Fatalf("after the copy back it lies in %v", got)
	}
	if got := w.whats(0); !slices.Equal(got, []string{"job.started", "backup.moved", "job.ended", "job.started", "backup.copied", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
}

func TestTransferRefusals(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 3})
	uuid := b.newest()
	onShare := b.AddBackup(Backup{Locations: []string{DefaultShare}})
	b.SetCapacity("/mnt/second", 1<<40)
	const unknown = "4edf27ff-08d1-49b5-b7f3-7e8edc4fd278"
	for name, try := range map[string]func() reply{
		"unknown uuid":     func() reply { return b.put("copy", unknown, DefaultShare) },
		"unknown mount":    func() reply { return b.put("copy", uuid, "/mnt/nowhere") },
		"already there":    func() reply { return b.put("copy", uuid, Internal) },
		"move to internal": func() reply { return b.put("move", onShare, Internal) },
		"share to share":   func() reply { return b.put("copy", onShare, "/mnt/second") },
		"push to itself":   func() reply { return b.put("push", uuid, "198.18.0.1") },
	} {
		t.Run(name, func(t *testing.T) {
			r := try().want(400)
			if r.text("result") != "failed" || r.text("message", "id")[:8] != "FQXHMDM9" || r.text("message", "recovery", "text") == "" {
				t.Fatalf("body %s", r.body)
			}
			b.set("transfer-refused=404")
			defer b.set("transfer-refused=400")
			try().want(404)
		})
	}
	for name, body := range map[string]string{
		"no body": "", "no action": `{"operation":"copy"}`, "no operation": `{"action":"start"}`, "cancel copy": `{"action":"cancel","operation":"copy"}`,
		"no uuid": `{"action":"start","operation":"copy","destination":"internal"}`, "no destination": `{"action":"start","operation":"push","uuid":"x"}`,
		"empty uuid": `{"action":"start","operation":"copy","uuid":"","destination":"internal"}`, "array": "[]",
	} {
		t.Run(name, func(t *testing.T) { b.do("PUT", dataPath, body).want(400) })
	}
	b.viewer().put("copy", uuid, DefaultShare).want(403)
	if got := w.whats(0); !slices.Equal(got, []string{"backup.added"}) {
		t.Fatalf("effects of refused requests: %v", got)
	}
}

func TestConflicts(t *testing.T) {
	for _, value := range []string{"400", "403", "409"} {
		t.Run(value, func(t *testing.T) {
			w := newWorld(t)
			b := w.add(Options{Backups: 3}).set("transfer-conflict=" + value)
			w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true})
			code := map[string]int{"400": 400, "403": 403, "409": 409}[value]
			all := b.Backups()
			b.put("push", all[0].UUID, "198.18.0.2").want(200)
			b.put("push", all[1].UUID, "198.18.0.2").want(code)
			b.put("copy", all[0].UUID, DefaultShare).want(code)
			b.do("DELETE", dataPath+"/"+all[0].UUID+"?location=all", "").want(code)
			if b.RemoveBackup(all[0].UUID, "all") {
				t.Fatal("a backup in use was removed")
			}
			b.put("copy", all[1].UUID, DefaultShare).want(200)
			w.time.Add(6 * time.Second)
			b.put("copy", all[0].UUID, DefaultShare).want(200)
		})
	}
}

func TestPushArrives(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 2})
	target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true, Backups: 6})
	if n := target.get(dataPath).len("backups"); n != 0 {
		t.Fatalf("a fresh appliance has %d backups", n)
	}
	want := b.Backups()[0]
	b.put("push", want.UUID, "198.18.0.2").want(200)
	w.time.Add(6*time.Second - 1)
	if n := target.get(dataPath).len("backups"); n != 0 {
		t.Fatal("the package is there before its time")
	}
	w.time.Add(1)
	got := target.get(dataPath) // nobody has looked at the source
	if got.text("backups", 0, "uuid") != want.UUID || got.text("backups", 0, "checksum") != want.Checksum ||
		got.text("backups", 0, "locations", 0) != Internal {
		t.Fatalf("arrived %s", got.body)
	}
	if l := b.where(want.UUID); !slices.Equal(l, []string{Internal}) {
		t.Fatalf("the original lies in %v", l)
	}
	if got := w.whats(0); !slices.Equal(got, []string{"job.started", "backup.arrived", "backup.pushed", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
	b.put("push", want.UUID, "198.18.0.2").want(200) // it already has it
	w.time.Add(6 * time.Second)
	if j := b.Jobs()[1]; j.State != "Stopped_With_Error" {
		t.Fatalf("second push %+v", j)
	}
}

func TestPushThatCannotArrive(t *testing.T) {
	for name, c := range map[string]struct {
		address, settings string
		prepare           func(target *bench)
		after             time.Duration // the job ends then, at 100 percent
	}{
		"not fresh":       {"198.18.0.3", "", nil, 600 * time.Millisecond},
		"away":            {"198.18.0.2", "", func(b *bench) { b.SetAway(true) }, 600 * time.Millisecond},
		"no space":        {"198.18.0.2", "", func(b *bench) { b.SetCapacity(Internal, 1) }, 6 * time.Second},
		"unknown":         {"198.18.9.9", "", nil, 5 * time.Second},
		"unknown at once": {"198.18.9.9", "push-unknown=at-once", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.add(Options{Backups: 1})
			target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true})
			w.add(Options{Name: "old", Address: "198.18.0.3"})
			if c.settings != "" {
				b.set(c.settings)
			}
			if c.prepare != nil {
				c.prepare(target)
			}
			id := b.put("push", b.newest(), c.address).want(200).text("jobId")
			if c.after > 0 {
				w.time.Add(c.after - 1)
				if s := b.get("/tasks/"+id).text(0, "status"); s != "Running" {
					t.Fatalf("just before: %s", s)
				}
				w.time.Add(1)
			}
			j := b.get("/tasks/" + id)
			if j.text(0, "status") != "Stopped_With_Error" || j.at(0, "percentage") != num("100.0") ||
				j.text(0, "children", 2, "status") != "Stopped_With_Error" || j.at(0, "children", 2, "percentage") != num("100.0") {
				t.Fatalf("job %s", j.body)
			}
			if n := len(target.Backups()); n != 0 {
				t.Fatalf("%d packages on the target", n)
			}
		})
	}
	t.Run("push-target=400", func(t *testing.T) {
		w := newWorld(t)
		b := w.add(Options{Backups: 1}).set("push-target=400")
		w.add(Options{Name: "old", Address: "198.18.0.3"})
		b.put("push", b.newest(), "198.18.0.3").want(400)
		b.put("push", b.newest(), "198.18.9.9").want(400)
	})
}

func TestCancelPush(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 2})
	target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true})
	if r := b.cancelPush().want(400); r.text("result") != "failed" {
		t.Fatalf("body %s", r.body)
	}
	b.set("cancel-push-idle=success")
	b.cancelPush().want(200)
	uuid := b.newest()
	id, err := b.StartTransfer(Transfer{Operation: "push", UUID: uuid, Destination: "198.18.0.2", User: "maria"})
	if err != nil {
		t.Fatal(err)
	}
	w.time.Add(4 * time.Second)
	if r := b.cancelPush().want(200); r.text("result") != "success" || r.len("message") != 0 || strings.Contains(r.body, "jobId") {
		t.Fatalf("body %s", r.body)
	}
	w.time.Add(time.Hour)
	if n := target.get(dataPath).len("backups"); n != 0 {
		t.Fatal("a cancelled push left something on the target")
	}
	j := b.get("/tasks/" + id)
	if j.text(0, "status") != "Cancelled" || j.text(0, "createdBy") != "MARIA" || j.text(0, "children", 0, "status") != "Complete" ||
		j.text(0, "children", 1, "status") != "Cancelled" {
		t.Fatalf("job %s", j.body)
	}
	if got := w.whats(0); !slices.Equal(got, []string{"job.started", "push.cancelled", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
	b.put("push", uuid, "198.18.0.2").want(200)
	w.time.Add(6 * time.Second)
	if n := target.get(dataPath).len("backups"); n != 1 {
		t.Fatal("the next push did not arrive")
	}
}

func TestNoSpace(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 2})
	all := b.Backups()
	b.SetCapacity(DefaultShare, all[0].Size+all[1].Size-1)
	b.put("copy", all[0].UUID, DefaultShare).want(200)
	id := b.put("copy", all[1].UUID, DefaultShare).want(200).text("jobId") // the first has not arrived, but its space is taken
	w.time.Add(600 * time.Millisecond)
	if j := b.get("/tasks/" + id); j.text(0, "status") != "Stopped_With_Error" || j.at(0, "percentage") != num("100.0") {
		t.Fatalf("job %s", j.body)
	}
	w.time.Add(6 * time.Second)
	b.set("no-space=400")
	b.put("copy", all[1].UUID, DefaultShare).want(400)
	if got := b.where(all[0].UUID); len(got) != 2 {
		t.Fatalf("the first lies in %v", got)
	}
}

func TestDataMessageShapes(t *testing.T) {
	b := newWorld(t).add(Options{})
	for value, path := range map[string][]any{
		"object": {"message", "id"}, "array": {"message", 0, "id"}, "messages": {"messages", 0, "id"},
	} {
		b.set("data-message=" + value)
		if id := b.put("copy", "x", DefaultShare).want(400).text(path...); !strings.HasPrefix(id, "FQXHMDM9") {
			t.Fatalf("%s: id %q", value, id)
		}
	}
}

func TestJobIDKeys(t *testing.T) {
	for value, check := range map[string]func(reply) bool{
		"number":   func(r reply) bool { return r.at("jobId") == num("1") },
		"jobID":    func(r reply) bool { return r.at("jobID") == "1" },
		"JobID":    func(r reply) bool { return r.at("JobID") == "1" },
		"jobid":    func(r reply) bool { return r.at("jobid") == "1" },
		"taskid":   func(r reply) bool { return r.at("taskid") == num("1") },
		"jobURL":   func(r reply) bool { return r.at("jobURL") == "/jobs/1" },
		"location": func(r reply) bool { return r.at("jobId") == "" && r.head.Get("Location") == "/jobs/1" },
		"empty":    func(r reply) bool { return r.at("jobId") == "" && r.head.Get("Location") == "" },
	} {
		t.Run(value, func(t *testing.T) {
			b := newWorld(t).add(Options{Backups: 1}).set("job-id-key=" + value)
			if r := b.put("copy", b.newest(), DefaultShare).want(200); !check(r) {
				t.Fatalf("%v %s", r.head, r.body)
			}
			b.get("/tasks/1").want(200)
		})
	}
}
