package xclarity

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/sim/kit"
)

// ticker is a base clock that moves only when a test says so.
type ticker struct {
	mu  sync.Mutex
	now time.Time
}

func (k *ticker) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *ticker) Add(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

// world is a set of appliances on one base clock and one truth log.
type world struct {
	t     *testing.T
	time  *ticker
	truth *kit.Truth
	peers map[string]*Appliance
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, time: &ticker{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}, truth: kit.NewTruth(nil), peers: map[string]*Appliance{},
	}
}

// add makes an appliance; what opt leaves open is filled in.
func (w *world) add(opt Options) *bench {
	opt.Clock, opt.Truth = kit.NewClock(w.time.Now), w.truth
	opt.Peers = func(address string) *Appliance { return w.peers[address] }
	if opt.Name == "" {
		opt.Name, opt.Address = "one", "198.18.0.1"
	}
	a := New(opt)
	w.peers[opt.Address] = a
	return &bench{Appliance: a, world: w, user: "admin", password: "Passw0rd-admin"}
}

// whats lists what the truth log says happened, from the given place on.
func (w *world) whats(from int) []string {
	var list []string
	for _, e := range w.truth.Effects()[from:] {
		list = append(list, e.What)
	}
	return list
}

// bench is an appliance with somebody at its door.
type bench struct {
	*Appliance
	world          *world
	user, password string
}

func (b *bench) as(user, password string) *bench {
	c := *b
	c.user, c.password = user, password
	return &c
}

func (b *bench) viewer() *bench { return b.as("viewer", "Passw0rd-viewer") }

func (b *bench) set(settings ...string) *bench {
	b.world.t.Helper()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if err := b.Switches().Set(name, value); err != nil {
			b.world.t.Fatal(err)
		}
	}
	return b
}

// reply is an answer that was read.
type reply struct {
	t    *testing.T
	code int
	head http.Header
	body string
}

// do sends a request with basic authentication, or without when there is no user.
func (b *bench) do(method, path, body string, header ...string) reply {
	b.world.t.Helper()
	r := httptest.NewRequest(method, "https://lxca.example"+path, strings.NewReader(body))
	if b.user != "" {
		r.SetBasicAuth(b.user, b.password)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	got, err := io.ReadAll(w.Result().Body)
	if err != nil {
		b.world.t.Fatal(err)
	}
	return reply{b.world.t, w.Code, w.Header(), string(got)}
}

func (b *bench) get(path string) reply { b.world.t.Helper(); return b.do("GET", path, "") }

// want checks the status.
func (r reply) want(code int) reply {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("status %d, want %d; body %s", r.code, code, r.body)
	}
	return r
}

// json reads the body as what it is: numbers stay as they were written.
func (r reply) json() any {
	r.t.Helper()
	d := json.NewDecoder(strings.NewReader(r.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		r.t.Fatalf("body %q: %v", r.body, err)
	}
	return v
}

// at follows keys and indexes into the body.
func (r reply) at(path ...any) any {
	r.t.Helper()
	v := r.json()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				r.t.Fatalf("%v: no object before %q in %s", path, p, r.body)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				r.t.Fatalf("%v: no element %d in %s", path, p, r.body)
			}
			v = l[p]
		}
	}
	return v
}

// text is at for a string.
func (r reply) text(path ...any) string {
	r.t.Helper()
	s, ok := r.at(path...).(string)
	if !ok {
		r.t.Fatalf("%v is no string in %s", path, r.body)
	}
	return s
}

func (r reply) len(path ...any) int {
	r.t.Helper()
	l, ok := r.at(path...).([]any)
	if !ok {
		r.t.Fatalf("%v is no array in %s", path, r.body)
	}
	return len(l)
}

// lock takes a lock and returns its id.
func (b *bench) lock(component string, seconds string) string {
	b.world.t.Helper()
	r := b.do("POST", "/aicc/service/sftp/locks", `{"component":"`+component+`","expirationTimeOut":`+seconds+`}`).want(201)
	loc := r.head.Get("Location")
	return loc[strings.LastIndex(loc, "/")+1:]
}

// put starts a transfer and returns the answer.
func (b *bench) put(operation, uuid, destination string) reply {
	b.world.t.Helper()
	return b.do("PUT", "/managementServer/data",
		`{"action":"start","operation":"`+operation+`","uuid":"`+uuid+`","destination":"`+destination+`"}`)
}

func (b *bench) cancelPush() reply {
	b.world.t.Helper()
	return b.do("PUT", "/managementServer/data", `{"action":"cancel","operation":"push"}`)
}

// num is a JSON number as it was written.
func num(s string) json.Number { return json.Number(s) }
