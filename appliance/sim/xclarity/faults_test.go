package xclarity

import (
	"slices"
	"testing"
	"time"
)

// After a restart sessions and running jobs are gone, and locks unless they are kept; backups stay where they were.
func TestRestartOfTheAppliance(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t)
		b := w.add(Options{Backups: 2})
		p := newPython(t, b.Appliance)
		p.connect("admin", "Passw0rd-admin")
		b.lock("UP", "3600")
		id := b.put("move", b.newest(), DefaultShare).want(200).text("jobId")
		w.time.Add(time.Second)
		b.Restart(keep)
		if resp, _ := p.send("GET", "/tasks", ""); resp.StatusCode != 401 {
			t.Errorf("the session lives: %s", resp.Status)
		}
		if s := b.get("/tasks/"+id).want(200).text(0, "status"); s != stateFailed || !slices.Equal(b.where(b.newest()), []string{Internal}) {
			t.Errorf("the job is %s, the backup in %v", s, b.where(b.newest()))
		}
		if got := len(b.Locks()) == 1; got != keep || b.SFTPRunning() != keep {
			t.Errorf("keep %v: locks %v", keep, b.Locks())
		}
		if got := slices.Contains(w.whats(0), "lock.released"); got == keep {
			t.Errorf("keep %v: truth %v", keep, w.whats(0))
		}
	}
}

func TestStealLock(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Locks: 2})
	if id := b.StealLock(func(int) int { t.Error("there is none to pick"); return 0 }); id != "" {
		t.Errorf("%s was nobody's", id)
	}
	first, second := b.lock("UP", "3600"), b.lock("FC", "3600")
	if id := b.StealLock(func(n int) int { return n - 1 }); id != second {
		t.Errorf("stolen %s", id)
	}
	b.get("/aicc/service/sftp/locks/" + first).want(200)
	b.get("/aicc/service/sftp/locks/" + second).want(404)
	if got := w.whats(0); got[len(got)-1] != "lock.stolen" {
		t.Errorf("truth %v", got)
	}
}
