package xclarity

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance/sim/kit"
)

// aborted reports whether f closed the connection instead of answering.
func aborted(f func()) (yes bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != http.ErrAbortHandler {
				panic(r)
			}
			yes = true
		}
	}()
	f()
	return false
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	b.Clock().Step(time.Hour)
	h := b.get("/aicc").want(200).head
	if h.Get("Date") != "Sat, 21 Nov 2026 13:00:00 GMT" || h.Get("Content-Type") != "application/com.lenovo.lxca-v4.1.0+json; charset=UTF-8" {
		t.Fatalf("headers %v", h)
	}
	if d := b.get("/aicc").text("date", "date_time"); d != "November 21, 2026 1:00:00 PM UTC" {
		t.Fatalf("date_time %q", d)
	}
	b.set("content-type=json")
	if h := b.get("/aicc").head; h.Get("Content-Type") != "application/json" {
		t.Fatalf("headers %v", h)
	}
	b.set("content-type=html-errors")
	if r := b.get("/tasks/99").want(404); !strings.HasPrefix(r.head.Get("Content-Type"), "text/html") || !strings.HasPrefix(r.body, "<html>") {
		t.Fatalf("%v %s", r.head, r.body)
	}
	b.get("/aicc").want(200).at("appliance")
	b.set("date-header=missing")
	if d := b.get("/aicc").head["Date"]; d != nil {
		t.Fatalf("Date %v", d)
	}
	b.set("date-header=malformed")
	if _, err := http.ParseTime(b.get("/aicc").head.Get("Date")); err == nil {
		t.Fatal("the date can be read")
	}
	b.set("date-header=cached", "headers=twice")
	if h := b.get("/aicc").head; h.Get("Age") != "30" || len(h["Date"]) != 2 || len(h["Expires"]) != 2 {
		t.Fatalf("headers %v", h)
	}
}

func TestEnvelopes(t *testing.T) {
	b := newWorld(t).add(Options{})
	for setting, check := range map[string]func(reply) bool{
		"envelope=status-code": func(r reply) bool { return r.at("statusCode") == num("404") && r.text("messages", 0, "id") != "" },
		"envelope=message":     func(r reply) bool { return r.text("message", "id") != "" },
		"result-word=failure":  func(r reply) bool { return r.text("result") == "failure" },
		"result-word=FAILED":   func(r reply) bool { return r.text("result") == "FAILED" },
		"recovery=array":       func(r reply) bool { return r.text("messages", 0, "recovery", 0, "URL") != "" },
		"recovery=string": func(r reply) bool {
			return r.text("messages", 0, "recovery") != "" && r.text("messages", 0, "recoveryUrl") != ""
		},
		"message-text=html":       func(r reply) bool { return strings.HasPrefix(r.text("messages", 0, "text"), "<a href=") },
		"message-text=portuguese": func(r reply) bool { return strings.HasPrefix(r.text("messages", 0, "text"), "A solicitação") },
		"message-text=hostile":    func(r reply) bool { return strings.ContainsRune(r.text("messages", 0, "text"), 0x1b) },
	} {
		name, _, _ := strings.Cut(setting, "=")
		before := b.Switches().Get(name)
		b.set(setting)
		if r := b.get("/tasks/99").want(404); !check(r) {
			t.Errorf("%s: %s", setting, r.body)
		}
		b.set(name + "=" + before)
	}
	for value, want := range map[string]string{"empty": "", "object": "{}"} {
		b.set("success-body=" + value)
		if r := b.do("POST", locksPath, `{"component":"UP","expirationTimeOut":60}`).want(201); r.body != want || r.head.Get("Location") == "" {
			t.Errorf("success-body=%s: %q", value, r.body)
		}
	}
	b.set("numbers=string")
	if r := b.get(locksPath); r.at(0, "expirationTimeOut") != "60" {
		t.Errorf("numbers=string: %s", r.body)
	}
}

func TestGzip(t *testing.T) {
	b := newWorld(t).add(Options{}).set("gzip=on", "empty-list=empty")
	r := b.do("GET", "/aicc", "", "Accept-Encoding", "gzip")
	if r.head.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers %v", r.head)
	}
	z, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || !strings.Contains(string(plain), `"version":"4.1.0"`) {
		t.Fatalf("%q, %v", plain, err)
	}
	b.get("/aicc").at("appliance") // a client that does not ask gets it plain
	empty := b.do("GET", locksPath, "", "Accept-Encoding", "gzip").want(200)
	if z, err = gzip.NewReader(strings.NewReader(empty.body)); err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || len(plain) != 0 {
		t.Fatalf("%q, %v", plain, err)
	}
}

func TestAway(t *testing.T) {
	b := newWorld(t).add(Options{})
	b.SetAway(true)
	if r := b.get("/aicc").want(503); !strings.HasPrefix(r.head.Get("Content-Type"), "text/html") {
		t.Fatalf("headers %v", r.head)
	}
	b.set("away=close")
	if !aborted(func() { b.get("/aicc") }) {
		t.Fatal("it answers")
	}
	b.SetAway(false)
	b.get("/aicc").want(200)
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		truth := kit.NewTruth(nil)
		a := New(Options{Truth: truth})
		a.SetSlow(3 * time.Second)
		began := time.Now()
		r := httptest.NewRequest("POST", locksPath, strings.NewReader(`{"component":"UP","expirationTimeOut":60}`))
		r.SetBasicAuth("admin", "Passw0rd-admin")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r) // virtual time goes on as soon as everybody waits
		if w.Code != 201 || time.Since(began) != 3*time.Second {
			t.Fatalf("status %d after %v", w.Code, time.Since(began))
		}
		if e := truth.Effects()[0]; e.What != "lock.granted" || !e.At.Equal(began) {
			t.Fatalf("the effect waits as well: %+v", e)
		}
	})
}

// Two appliances push to each other while many ask both: nothing may stand still, and every package arrives once.
func TestCrossPushesWithoutDeadlock(t *testing.T) {
	peers := map[string]*Appliance{}
	truth := kit.NewTruth(nil)
	for _, address := range []string{"198.18.0.1", "198.18.0.2"} {
		peers[address] = New(Options{Name: address, Address: address, Fresh: true, Truth: truth, Speed: 2000,
			Peers: func(address string) *Appliance { return peers[address] }})
		for range 10 {
			peers[address].AddBackup(Backup{Size: 1})
		}
	}
	var work sync.WaitGroup
	for address, a := range peers {
		other := map[string]string{"198.18.0.1": "198.18.0.2", "198.18.0.2": "198.18.0.1"}[address]
		own := a.Backups()
		work.Go(func() {
			for _, b := range own {
				for {
					if _, err := a.StartTransfer(Transfer{Operation: "push", UUID: b.UUID, Destination: other, User: "admin"}); err == nil {
						break
					}
				}
			}
			for len(peers[other].Backups()) < 20 {
				a.Settle()
			}
		})
	}
	work.Wait()
	arrived := map[string]int{}
	for _, e := range truth.Effects() {
		if e.What == "backup.arrived" {
			arrived[e.ID]++
		}
	}
	if len(arrived) != 20 {
		t.Fatalf("%d packages arrived", len(arrived))
	}
	for id, n := range arrived {
		if n != 1 {
			t.Fatalf("%s arrived %d times", id, n)
		}
	}
}

func TestSwitchesAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Switches() {
		if seen[s.Name] || s.About == "" || len(s.Values) < 2 || s.Name != strings.ToLower(s.Name) {
			t.Errorf("switch %+v", s)
		}
		seen[s.Name] = true
	}
	s := New(Options{}).Switches()
	if err := s.Set("no-such", "x"); err == nil || !strings.Contains(err.Error(), "lock-location") {
		t.Fatalf("error %v", err)
	}
	if err := s.Set("lock-location", "x"); err == nil || !strings.Contains(err.Error(), "relative") {
		t.Fatalf("error %v", err)
	}
}
