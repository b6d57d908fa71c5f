package sim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/kit"
)

// one is the only effect of its kind.
func (l *lab) one(what string) kit.Effect {
	l.t.Helper()
	found := l.effects(what)
	if len(found) != 1 {
		l.t.Fatalf("%d of %s: %+v", len(found), what, found)
	}
	return found[0]
}

// asked reports whether an effect tells that the tester asked for it with that request.
func asked(e kit.Effect, request string) bool {
	return e.By == "admin" && e.Request == request && strings.HasPrefix(e.Client, "tester:")
}

// The truth log alone tells who was granted what, until when, and what became of it.
func TestTruthOfLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, Config{Memory: true})
		o := l.lock()
		g := l.one("lock.granted")
		if !asked(g, "op-1") || g.Scope != "UP" || g.TTL != 3600 || !g.Ends.Equal(g.At.Add(time.Hour)) || !strings.HasSuffix(o.header.Get("Location"), g.ID) {
			t.Errorf("granted %+v", g)
		}
		l.send("DELETE", l.Appliance("dc1").URL+"/aicc/service/sftp/locks/"+g.ID, "", "X-Request-Id", "op-2")
		if r := l.one("lock.released"); !asked(r, "op-2") || r.ID != g.ID || r.Scope != "UP" {
			t.Errorf("released %+v", r)
		}
		l.lock()
		time.Sleep(time.Hour + tick)
		if e := l.one("lock.expired"); e.By != "" || e.Client != "" || !e.At.Equal(l.effects("lock.granted")[1].Ends) {
			t.Errorf("expired %+v", e)
		}
		last := l.Truth().Effects()[len(l.Truth().Effects())-1].Seq
		if n := len(l.Truth().Since(last - 1)); n != 1 {
			t.Errorf("%d since the last but one", n)
		}
		l.Truth().Forget(last - 1)
		if rest := l.Truth().Effects(); len(rest) != 1 || rest[0].Seq != last {
			t.Errorf("left %+v", rest)
		}
	})
}

func TestTruthOfTransfers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, Config{Memory: true})
		lxca := l.Appliance("dc1")
		b := lxca.LXCA.Backups()[0]
		const share = "/mnt/my_remote_share"
		put := func(operation, request string) {
			l.send("PUT", lxca.URL+"/managementServer/data", `{"action":"start","operation":"`+operation+`","uuid":"`+b.UUID+`","destination":"`+share+`"}`,
				"X-Request-Id", request)
		}
		put("move", "op-1")
		time.Sleep(10 * time.Second)
		s, m, e := l.one("job.started"), l.one("backup.moved"), l.one("job.ended")
		if !asked(s, "op-1") || s.Kind != "move" || s.UUID != b.UUID || s.From != "internal" || s.To != share || s.Checksum != b.Checksum || s.ID == "" {
			t.Errorf("started %+v", s)
		}
		if !asked(m, "op-1") || m.Job != s.ID || m.UUID != b.UUID || m.From != "internal" || m.To != share || m.Checksum != b.Checksum ||
			len(m.Locations) != 1 || m.Locations[0] != share {
			t.Errorf("moved %+v", m)
		}
		if e.ID != s.ID || e.State != "Complete" || e.By != "" || e.Kind != "move" || e.UUID != b.UUID || e.To != share {
			t.Errorf("ended %+v", e)
		}
		l.send("DELETE", lxca.URL+"/tasks/"+s.ID, "", "X-Request-Id", "op-2")
		if d := l.one("job.deleted"); !asked(d, "op-2") || d.ID != s.ID {
			t.Errorf("forgotten %+v", d)
		}
		l.send("DELETE", lxca.URL+"/managementServer/data/"+b.UUID+"?location=all", "", "X-Request-Id", "op-3")
		if d := l.one("backup.deleted"); !asked(d, "op-3") || d.UUID != b.UUID || d.From != "all" || len(d.Locations) != 0 {
			t.Errorf("deleted %+v", d)
		}
	})
}

func TestTruthOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, Config{Memory: true})
		edge := l.Appliance("edge").URL + "/rest/v1.1/"
		token := func(body, request string) string {
			o := l.send("POST", edge+"auth/token", body, "Content-Type", "application/x-www-form-urlencoded", "X-Request-Id", request)
			_, rest, _ := strings.Cut(o.body, "<accessToken>")
			text, _, _ := strings.Cut(rest, "<")
			return text
		}
		old := token("", "op-1")
		l.send("POST", edge+"configuration/lock", "", "Authorization", "Bearer "+old, "X-Request-Id", "op-2")
		i, g := l.one("token.issued"), l.one("lock.granted")
		if !asked(i, "op-1") || i.ID != "t1" || i.TTL != 600 || !i.Ends.Equal(i.At.Add(10*time.Minute)) {
			t.Errorf("issued %+v", i)
		}
		if !asked(g, "op-2") || g.ID != "t1" || g.Token != "t1" || g.Scope != "configuration" || !g.Ends.Equal(i.Ends) {
			t.Errorf("granted %+v", g)
		}
		time.Sleep(time.Minute)
		renewed := token(old, "op-3")
		r, m := l.one("token.renewed"), l.one("lock.moved")
		if !asked(r, "op-3") || r.ID != "t2" || r.Of != "t1" || r.TTL != 600 || m.ID != "t2" || m.Of != "t1" || !m.Ends.Equal(r.Ends) {
			t.Errorf("renewed %+v, moved %+v", r, m)
		}
		l.send("POST", edge+"configuration/unlock", "", "Authorization", "Bearer "+renewed, "X-Request-Id", "op-4")
		if u := l.one("lock.released"); !asked(u, "op-4") || u.ID != "t2" || u.Token != "t2" || u.More != "unlock" {
			t.Errorf("unlocked %+v", u)
		}
		for _, e := range l.Truth().Effects() {
			if s := fmt.Sprintf("%+v", e); strings.Contains(s, old) || strings.Contains(s, renewed) {
				t.Errorf("the text of a token: %s", s)
			}
		}
	})
}

// Under a mix of faults each request has its effect exactly when its fault says so, once, and nothing is left behind.
func TestEffectsUnderRandomFaults(t *testing.T) {
	const requests = 400
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, Config{Memory: true})
			if _, err := l.Faults().Add(fault.Random(seed, 0.5)); err != nil {
				t.Fatal(err)
			}
			answered := map[string]bool{}
			for i := range requests {
				id := fmt.Sprintf("op-%d", i)
				o := l.send("POST", l.Appliance("dc1").URL+"/aicc/service/sftp/locks", `{"component":"UP","expirationTimeOut":86400}`, "X-Request-Id", id)
				answered[id] = o.err == nil && o.status == http.StatusCreated
			}
			l.Faults().Stop()
			time.Sleep(2 * time.Minute)
			granted, want := map[string]int{}, map[string]int{}
			for id := range answered {
				want[id] = 1
			}
			for _, e := range l.Truth().Effects() {
				switch {
				case e.What == "lock.granted":
					granted[e.Request]++
				case e.IsFault():
					r, err := fault.Parse(e.Rule)
					if err != nil {
						t.Fatal(err)
					}
					without := r.Kind == fault.DropBefore || r.Effect == fault.None
					if without {
						want[e.Request] = 0
					}
				}
			}
			for id := range answered {
				if granted[id] != want[id] || (answered[id] && granted[id] != 1) {
					t.Errorf("seed %d: %s was granted %d, want %d, answered %v", seed, id, granted[id], want[id], answered[id])
				}
			}
			if n := l.Faults().Total(); n < requests/3 || l.Faults().Pending() != 0 {
				t.Errorf("seed %d: %d faults, %d effects are still to come", seed, n, l.Faults().Pending())
			}
		})
	}
}
