package xclarity

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// running starts a copy and returns the bench and the job's id.
func running(t *testing.T, settings ...string) (*bench, string) {
	t.Helper()
	b := newWorld(t).add(Options{Backups: 1}).set(settings...)
	return b, b.put("copy", b.newest(), DefaultShare).want(200).text("jobId")
}

func (b *bench) cancelJob(ids ...string) reply {
	return b.do("PUT", "/tasks", `{"action":"cancel","list":["`+strings.Join(ids, `","`)+`"]}`)
}

func TestTasksListAndShapes(t *testing.T) {
	b := newWorld(t).add(Options{Jobs: 10})
	all := b.get("/tasks").want(200)
	states := map[string]int{}
	for i := range all.len() {
		if all.at(i, "percentage") != num("100.0") || all.len(i, "children") != 3 || all.text(i, "children", 0, "jobUID") == "" {
			t.Fatalf("job %d of %s", i, all.body)
		}
		states[all.text(i, "status")]++
	}
	if states["Complete"] != 8 || states["Stopped_With_Error"] != 1 || states["CompleteWithErrors"] != 1 {
		t.Fatalf("states %v", states)
	}
	if compact := b.get("/tasks?compact=true"); compact.len() != 10 || strings.Contains(compact.body, "children") {
		t.Fatalf("compact %s", compact.body)
	}
	first, second := all.text(0, "jobUID"), all.text(1, "jobUID")
	if two := b.get("/tasks/" + second + ",99999," + first); two.len() != 2 || two.text(0, "jobUID") != second {
		t.Fatalf("two jobs %s", two.body)
	}
	b.get("/tasks/99999").want(404)
	b.viewer().get("/tasks").want(200)
	for setting, check := range map[string]func(reply) bool{
		"percentage=int":    func(r reply) bool { return r.at(0, "percentage") == num("100") },
		"percentage=string": func(r reply) bool { return r.at(0, "percentage") == "100.0" },
		"job-uid=number":    func(r reply) bool { return r.at(0, "jobUID") == num(first) },
		"summary=string":    func(r reply) bool { return strings.HasPrefix(r.text(0, "summary"), "Copy backup") },
		"booleans=string":   func(r reply) bool { return r.at(0, "complete") == "true" },
		"numbers=string":    func(r reply) bool { return r.at(0, "expirationTimeOut") == "-1" },
	} {
		b := newWorld(t).add(Options{Jobs: 1}).set(setting)
		if r := b.get("/tasks"); !check(r) {
			t.Errorf("%s: %s", setting, r.body)
		}
	}
	if s := all.text(3, "summary", 0, "text", 0, "text"); s != "The remote share does not answer." {
		t.Fatalf("summary %q", s)
	}
}

func TestCancelJob(t *testing.T) {
	b, id := running(t)
	b.world.time.Add(4 * time.Second)
	if r := b.cancelJob(id).want(200); r.body != "" {
		t.Fatalf("body %q", r.body)
	}
	b.world.time.Add(time.Hour)
	if s := b.get("/tasks/"+id).text(0, "status"); s != "Cancelled" {
		t.Fatalf("status %s", s)
	}
	if l := b.where(b.newest()); !slices.Equal(l, []string{Internal}) {
		t.Fatalf("after the cancel it lies in %v", l)
	}
	b.cancelJob(id).want(400)
	b.set("job-cancel-finished=412")
	b.cancelJob(id).want(412)
	if got := b.world.whats(0); !slices.Equal(got, []string{"job.started", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
}

func TestCancelJobRefused(t *testing.T) {
	b, id := running(t, "job-cancel=400")
	b.cancelJob(id).want(400)
	b.cancelJob(id, "99999").want(400)
	b.viewer().cancelJob(id).want(403)
	for body, code := range map[string]int{
		`{"list":["1"]}`: 412, `{"action":"cancel"}`: 412, `{"action":"stop","list":["1"]}`: 400, `{"action":"cancel","list":[]}`: 400,
		`{"action":"cancel","list":"1"}`: 400, `{"action":"cancel","list":[1]}`: 400, ``: 400,
	} {
		b.do("PUT", "/tasks", body).want(code)
	}
	b.world.time.Add(6 * time.Second)
	if s := b.get("/tasks/"+id).text(0, "status"); s != "Complete" {
		t.Fatalf("status %s: the refused cancel stopped it", s)
	}
}

func TestCancelPushThroughTasks(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 1})
	target := w.add(Options{Name: "new", Address: "198.18.0.2", Fresh: true})
	id := b.put("push", b.newest(), "198.18.0.2").want(200).text("jobId")
	b.cancelJob(id, id).want(200)
	w.time.Add(time.Hour)
	if n := len(target.Backups()); n != 0 {
		t.Fatal("it arrived")
	}
	if got := w.whats(0); !slices.Equal(got, []string{"job.started", "push.cancelled", "job.ended"}) {
		t.Fatalf("truth %v", got)
	}
}

func TestUpdateTask(t *testing.T) {
	b, id := running(t)
	b.do("PUT", "/tasks/"+id, `{"jobUID":"`+id+`","percentage":50}`).want(200)
	if p := b.get("/tasks/"+id).at(0, "percentage"); p != num("50.0") {
		t.Fatalf("percentage %v", p)
	}
	b.do("PUT", "/tasks/"+id, `{"cancelURL":"/x","cancelRESTMethod":"POST","cancelRESTBody":"{}","expirationTimeOut":60}`).want(200)
	if j := b.get("/tasks/" + id); j.text(0, "cancelURL") != "/x" || j.text(0, "cancelRESTMethod") != "POST" || j.at(0, "expirationTimeOut") != num("60") {
		t.Fatalf("job %s", j.body)
	}
	for body, code := range map[string]int{
		`{}`: 412, `{"percentage":"x"}`: 400, `{"percentage":101}`: 400, `{"cancelURL":"/x"}`: 400, `{"cancelURL":"/x","cancelRESTMethod":"HEAD"}`: 400, `[`: 400,
	} {
		b.do("PUT", "/tasks/"+id, body).want(code)
	}
	b.do("PUT", "/tasks/99999", `{"percentage":5}`).want(404)
	b.viewer().do("PUT", "/tasks/"+id, `{"percentage":5}`).want(403)
	b.world.time.Add(6 * time.Second)
	b.do("PUT", "/tasks/"+id, `{"percentage":5}`).want(400)
}

func TestDeleteTasks(t *testing.T) {
	b, id := running(t)
	b.do("DELETE", "/tasks/"+id, "").want(400)
	b.set("task-delete-running=412")
	b.do("DELETE", "/tasks/"+id, "").want(412)
	b.do("DELETE", "/jobs/"+id, "").want(409)
	b.viewer().do("DELETE", "/tasks/"+id, "").want(403)
	b.do("DELETE", "/tasks/"+id+",99999", "").want(404)
	b.world.time.Add(6 * time.Second)
	b.do("DELETE", "/tasks/"+id, "").want(200)
	if n := b.get("/tasks").len(); n != 0 {
		t.Fatalf("%d jobs are left", n)
	}
}

func TestLegacyJobs(t *testing.T) {
	b, id := running(t)
	uuid := strings.ToUpper(strings.ReplaceAll(b.newest(), "-", ""))
	j := b.get("/jobs/" + id).want(200)
	if j.text("id") != id || j.text("status", "state") != "Running" || j.at("status", "percentage") != num("0") || j.text("uuid") != uuid ||
		j.at("isCancelable") != true || j.len("status", "substatus") != 3 || j.text("startTime") != "2026-11-21T12:00:00Z" {
		t.Fatalf("job %s", j.body)
	}
	for query, n := range map[string]int{
		"": 1, "?state=Running": 1, "?state=Complete": 0, "?uuid=" + uuid: 1, "?uuid=00": 0, "?state=Running,uuid=" + uuid: 1, "?state=Running,uuid=00": 0,
	} {
		if got := b.get("/jobs" + query).want(200).len(); got != n {
			t.Errorf("%q lists %d jobs, want %d", query, got, n)
		}
	}
	if few := b.get("/jobs/" + id + "?includeAttributes=id,status").at(); len(few.(map[string]any)) != 2 {
		t.Fatalf("attributes %v", few)
	}
	if most := b.get("/jobs/" + id + "?excludeAttributes=id,status"); strings.Contains(most.body, `"status"`) {
		t.Fatalf("attributes %v", most)
	}
	b.do("PUT", "/jobs/"+id, `{"cancelRequest":false}`).want(400)
	b.do("PUT", "/jobs/"+id, `[]`).want(400)
	b.do("PUT", "/jobs/99", `{"cancelRequest":true}`).want(404)
	b.get("/jobs/99").want(404)
	b.do("DELETE", "/jobs/99", "").want(404)
	b.do("PUT", "/jobs/"+id, `{"cancelRequest":"true"}`).want(200)
	if j := b.get("/jobs/" + id); j.text("status", "state") != "Cancelled" || j.text("cancelledBy") != "ADMIN" {
		t.Fatalf("job %s", j.body)
	}
	b.set("job-cancel-finished=412").do("PUT", "/jobs/"+id, `{"cancelRequest":true}`).want(409)
	b.do("DELETE", "/jobs/"+id, "").want(200)
	b.get("/jobs/" + id).want(404)
}
