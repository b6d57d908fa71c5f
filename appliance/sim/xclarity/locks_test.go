package xclarity

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const locksPath = "/aicc/service/sftp/locks"

func TestLockLife(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	b.get(locksPath).want(204)
	if state := b.get("/aicc").text("services", 2, "id"); state != "sftp" {
		t.Fatalf("third service is %q", state)
	}
	sftp := func() any { t.Helper(); return b.get("/aicc").at("services", 2, "state") }
	if s := sftp(); s != num("3") {
		t.Fatalf("SFTP state %v before the first lock", s)
	}
	r := b.do("POST", locksPath, `{"component":"UP","expirationTimeOut":1200}`).want(201)
	loc := r.head.Get("Location")
	if !regexp.MustCompile(`^/aicc/service/sftp/locks/[0-9a-f]{32}$`).MatchString(loc) {
		t.Fatalf("Location %q", loc)
	}
	if r.text("result") != "success" || r.text("messages", 0, "id") != "FQXHMSE0001I" || r.text("messages", 0, "recovery", "URL") != "" {
		t.Fatalf("body %s", r.body)
	}
	if s := sftp(); s != num("0") {
		t.Fatalf("SFTP state %v with a lock", s)
	}
	one := b.viewer().get(loc).want(200)
	if one.text("component") != "UP" || one.at("expirationTimeOut") != num("1200") || one.text("creationTimestamp") != "2026-11-21T12:00:00.000Z" {
		t.Fatalf("lock %s", one.body)
	}
	second := b.lock("FC", "60")
	if n := b.get(locksPath).want(200).len(); n != 2 {
		t.Fatalf("%d locks listed", n)
	}
	w.time.Add(59 * time.Second)
	b.get(locksPath + "/" + second).want(200)
	w.time.Add(time.Second)
	b.get(locksPath + "/" + second).want(404)
	b.do("DELETE", loc, "").want(200)
	b.do("DELETE", loc, "").want(404)
	if s := sftp(); s != num("3") {
		t.Fatalf("SFTP state %v after the last lock", s)
	}
	want := []string{"lock.granted", "sftp.started", "lock.granted", "lock.expired", "lock.released", "sftp.stopped"}
	if got := w.whats(0); !slices.Equal(got, want) {
		t.Fatalf("truth %v, want %v", got, want)
	}
}

func TestLocksExpireInOrderAndAtTheirTime(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	long, short := b.lock("UP", "90"), b.lock("DM", "30")
	began := w.time.Now()
	w.time.Add(time.Hour)
	b.get(locksPath).want(204)
	effects := w.truth.Effects()[3:]
	if len(effects) != 3 || effects[0].ID != short || effects[1].ID != long || effects[2].What != "sftp.stopped" {
		t.Fatalf("truth %+v", effects)
	}
	if !effects[0].At.Equal(began.Add(30*time.Second)) || !effects[2].At.Equal(began.Add(90*time.Second)) {
		t.Fatalf("ends are recorded at %v and %v", effects[0].At, effects[2].At)
	}
}

// A lock's life is real time; what the appliance prints is its own clock, in Date and in the list alike.
func TestLockLifeIgnoresTheAppliancesClock(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	b.Clock().Step(-10 * 365 * 24 * time.Hour)
	b.lock("UP", "60")
	b.Clock().Step(20 * 365 * 24 * time.Hour)
	w.time.Add(59 * time.Second)
	if n := b.get(locksPath).want(200).len(); n != 1 {
		t.Fatalf("%d locks", n)
	}
	created := b.get(locksPath).text(0, "creationTimestamp")
	date, err := http.ParseTime(b.get("/aicc").head.Get("Date"))
	if err != nil || !strings.HasPrefix(created, "2016-") || date.Year() != 2036 {
		t.Fatalf("created %s, Date %v, %v", created, date, err)
	}
	w.time.Add(time.Second)
	b.get(locksPath).want(204)
}

func TestLockRefusals(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	for name, body := range map[string]string{
		"empty": "", "array": "[]", "null": "null", "cut": `{"component":"UP"`, "twice": `{"component":"UP","expirationTimeOut":60} x`,
		"no component": `{"expirationTimeOut":60}`, "unknown component": `{"component":"XX","expirationTimeOut":60}`,
		"lower case": `{"component":"up","expirationTimeOut":60}`, "number component": `{"component":1,"expirationTimeOut":60}`,
		"no time": `{"component":"UP"}`, "zero": `{"component":"UP","expirationTimeOut":0}`, "negative": `{"component":"UP","expirationTimeOut":-1}`,
		"string": `{"component":"UP","expirationTimeOut":"60"}`, "fraction": `{"component":"UP","expirationTimeOut":60.0}`,
		"exponent": `{"component":"UP","expirationTimeOut":6e1}`, "true": `{"component":"UP","expirationTimeOut":true}`,
		"null time": `{"component":"UP","expirationTimeOut":null}`, "huge": `{"component":"UP","expirationTimeOut":99999999999}`,
		"overflow": `{"component":"UP","expirationTimeOut":99999999999999999999}`, "long": strings.Repeat(" ", maxBody+1),
	} {
		t.Run(name, func(t *testing.T) {
			r := b.do("POST", locksPath, body).want(400)
			if r.text("result") != "failed" || !strings.HasPrefix(r.text("messages", 0, "id"), "FQXHMCR9") {
				t.Fatalf("body %s", r.body)
			}
		})
	}
	b.viewer().do("POST", locksPath, `{"component":"UP","expirationTimeOut":60}`).want(403)
	b.viewer().do("DELETE", locksPath+"/0123", "").want(403)
	b.do("PUT", locksPath, "").want(405)
	b.do("PATCH", locksPath+"/0123", "").want(405)
	if n := len(w.truth.Effects()); n != 0 {
		t.Fatalf("%d effects of refused requests", n)
	}
}

func TestLockSwitches(t *testing.T) {
	id := regexp.MustCompile(`[0-9A-Za-z]{32}`)
	fresh := func(t *testing.T, settings ...string) *bench { return newWorld(t).add(Options{}).set(settings...) }
	post := `{"component":"UP","expirationTimeOut":60}`

	for value, want := range map[string]string{
		"bare": `^[0-9a-f]{32}$`, "absolute": `^https://lxca\.example/aicc/service/sftp/locks/[0-9a-f]{32}$`, "missing": `^$`,
	} {
		t.Run("lock-location="+value, func(t *testing.T) {
			loc := fresh(t, "lock-location="+value).do("POST", locksPath, post).want(201).head.Get("Location")
			if !regexp.MustCompile(want).MatchString(loc) {
				t.Fatalf("Location %q", loc)
			}
		})
	}
	for value, want := range map[string]string{"array": "[]", "null": "null", "empty": ""} {
		t.Run("empty-list="+value, func(t *testing.T) {
			if r := fresh(t, "empty-list="+value).get(locksPath).want(200); r.body != want {
				t.Fatalf("body %q", r.body)
			}
		})
	}
	t.Run("lock-list=wrapped", func(t *testing.T) {
		b := fresh(t, "lock-list=wrapped")
		l := b.lock("UP", "60")
		if got := b.get(locksPath).text("locks", 0, "id"); got != l {
			t.Fatalf("id %q", got)
		}
	})
	t.Run("lock-list=single", func(t *testing.T) {
		b := fresh(t, "lock-list=single")
		l := b.lock("UP", "60")
		if got := b.get(locksPath).text("id"); got != l {
			t.Fatalf("id %q", got)
		}
		b.lock("DM", "60")
		if n := b.get(locksPath).len(); n != 2 {
			t.Fatalf("%d locks", n)
		}
	})
	for value, code := range map[string]int{"204": 204, "400": 400, "empty": 200} {
		t.Run("lock-unknown="+value, func(t *testing.T) {
			if r := fresh(t, "lock-unknown="+value).get(locksPath + "/0123").want(code); (r.body == "") != (code != 400) {
				t.Fatalf("body %q", r.body)
			}
		})
	}
	t.Run("lock-duplicate=400", func(t *testing.T) {
		b := fresh(t, "lock-duplicate=400")
		b.lock("UP", "60")
		b.do("POST", locksPath, post).want(400)
		b.lock("DM", "60")
	})
	t.Run("lock-case=upper", func(t *testing.T) {
		b := fresh(t, "lock-case=upper")
		l := b.lock("UP", "60")
		if !id.MatchString(l) || l != strings.ToUpper(l) {
			t.Fatalf("id %q", l)
		}
		b.do("DELETE", locksPath+"/"+l, "").want(200)
	})
	t.Run("lock-forbidden=html", func(t *testing.T) {
		b := fresh(t, "lock-forbidden=html").viewer()
		r := b.do("POST", locksPath, post).want(403)
		if !strings.HasPrefix(r.body, "<html>") || !strings.HasPrefix(r.head.Get("Content-Type"), "text/html") {
			t.Fatalf("%v %s", r.head, r.body)
		}
	})
	t.Run("lock-timeout=remaining", func(t *testing.T) {
		b := fresh(t, "lock-timeout=remaining")
		b.lock("UP", "60")
		b.world.time.Add(20 * time.Second)
		if got := b.get(locksPath).at(0, "expirationTimeOut"); got != num("40") {
			t.Fatalf("expirationTimeOut %v", got)
		}
	})
	t.Run("dbgshell=present", func(t *testing.T) {
		b := fresh(t, "dbgshell=present")
		l := b.lock("UP", "60")
		b.do("DELETE", locksPath+"/"+l, "").want(200)
		if !b.SFTPRunning() {
			t.Fatal("the service stopped although a dbgshell account exists")
		}
		b.lock("UP", "60")
		b.world.time.Add(time.Minute)
		if b.SFTPRunning() {
			t.Fatal("the service goes on after the last lock has expired")
		}
	})
}

func TestForeignLocks(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Locks: 20})
	for _, l := range b.Locks() {
		if left := l.Ends.Sub(w.time.Now()); left < time.Hour || l.By != Other {
			t.Fatalf("lock %+v ends in %v", l, left)
		}
	}
	id := b.AddForeignLock("UP", time.Minute)
	if n := b.get(locksPath).len(); n != 21 {
		t.Fatalf("%d locks", n)
	}
	if !b.RemoveLock(id) || b.RemoveLock(id) {
		t.Fatal("a lock is removed exactly once")
	}
}

func TestNoLocksBefore410(t *testing.T) {
	b := newWorld(t).add(Options{Version: "4.0.5"})
	b.get(locksPath).want(404)
	b.do("POST", locksPath, `{"component":"UP","expirationTimeOut":60}`).want(404)
	if v := b.get("/aicc").text("appliance", "version"); v != "4.0.5" {
		t.Fatalf("version %s", v)
	}
}
