package fleet_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/config"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/policy"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/kit"
)

var maria = policy.Person{Name: "maria", Role: policy.Admin}

// house is an engine with its journal and real clients, over TLS, on simulated appliances: all of it in virtual time.
type house struct {
	*fleet.Engine
	t       *testing.T
	sims    *sim.Fleet
	clients map[string]appliance.Appliance
	journal *journal.Journal
	dir     string
}

// onSims runs body with an engine that has looked at every appliance of cfg.
func onSims(t *testing.T, cfg sim.Config, body func(t *testing.T, h *house), set ...func(*connect.Deps, *fleet.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Memory = true
		for i := range cfg.Appliances {
			cfg.Appliances[i].RequestLog = true
		}
		sims, err := sim.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			sims.Close()
			<-time.After(time.Minute) // timers of connections that were closed
		})
		h := enter(t, sims, "one", set...)
		body(t, h)
	})
}

// enter is one more engine on the same appliances, with a folder of its own.
func enter(t *testing.T, sims *sim.Fleet, id string, set ...func(*connect.Deps, *fleet.Options)) *house {
	t.Helper()
	h := &house{t: t, sims: sims, dir: t.TempDir(), clients: map[string]appliance.Appliance{}}
	path := filepath.Join(h.dir, "config.toml")
	if err := sim.WriteConfig(path, sims); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(h.dir, "state")
	deps := connect.Deps{Dial: sims.DialAs(id), Clock: clock.System(), StateDir: state, Engine: id}
	o := fleet.Options{ID: id, Seed: 1, Adopt: true}
	for _, f := range set {
		f(&deps, &o)
	}
	if h.journal, err = journal.Open(t.Context(), filepath.Join(state, "journal.db"), journal.Options{Engine: id, Clock: deps.Clock}); err != nil {
		t.Fatal(err)
	}
	o.Clock, o.Journal = deps.Clock, h.journal
	for _, a := range c.Appliances {
		client, err := connect.New(a, deps)
		if err != nil {
			t.Fatal(err)
		}
		h.clients[a.Name] = client
		o.Members = append(o.Members, fleet.Member{Appliance: client, Name: a.Name, Kind: a.Kind, Address: a.Address, MountPoints: a.MountPoints})
	}
	if h.Engine, err = fleet.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Close()
		if err := h.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Start(t.Context())
	h.pass(3 * time.Second)
	return h
}

// pass lets virtual time run.
func (h *house) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until lets time run until something holds, and fails the test when it does not within the limit.
func (h *house) until(limit time.Duration, what string, holds func() bool) time.Duration {
	h.t.Helper()
	from := time.Now()
	for !holds() {
		if time.Since(from) > limit {
			h.t.Fatalf("waited in vain for %s%s", what, h.story())
		}
		h.pass(250 * time.Millisecond)
	}
	return time.Since(from)
}

// make things go wrong.
func (h *house) fault(rules ...string) (last int) {
	h.t.Helper()
	for _, text := range rules {
		r, err := fault.Parse(text)
		if err != nil {
			h.t.Fatal(err)
		}
		if last, err = h.sims.Faults().Add(r); err != nil {
			h.t.Fatal(err)
		}
	}
	return last
}

func (h *house) do(name string, act appliance.Act) (fleet.Result, error) {
	r, err := h.Do(h.t.Context(), maria, name, act)
	synctest.Wait()
	return r, err
}

// take asks for a lock of that scope and fails the test when it is not granted.
func (h *house) take(name, scope string, ttl time.Duration) appliance.LockID {
	h.t.Helper()
	r, err := h.do(name, acquire(scope, ttl))
	if err != nil {
		h.t.Fatalf("%v%s", err, h.story())
	}
	return r.Lock
}

func (h *house) keep(name string, id appliance.LockID) {
	h.t.Helper()
	if _, err := h.do(name, appliance.Act{Verb: appliance.VerbKeep, Lock: h.lock(name, id).Lock}); err != nil {
		h.t.Fatal(err)
	}
}

func acquire(scope string, ttl time.Duration) appliance.Act {
	return appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope, TTL: ttl}}
}

// lock is a row, without an id when there is none.
func (h *house) lock(name string, id appliance.LockID) fleet.Lock {
	for _, l := range h.Snapshot(name).Locks {
		if l.ID == id {
			return l
		}
	}
	return fleet.Lock{}
}

// mine are the ids of the rows of an appliance that say that they are ours.
func (h *house) mine(name string) (ids []appliance.LockID) {
	for _, l := range h.Snapshot(name).Locks {
		if l.Mine {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// truth are the effects of one kind on an appliance, those of one client when it is named.
func (h *house) truth(name, what, client string) (found []kit.Effect) {
	for _, e := range h.sims.Truth().Effects() {
		if e.Appliance == name && e.What == what && strings.HasPrefix(e.Client, client) {
			found = append(found, e)
		}
	}
	return found
}

// changing is how many requests have come to an appliance that could change something; a login is none.
func (h *house) changing(name string) (n int) {
	for request, times := range h.sims.Appliance(name).Requests() {
		if !strings.HasPrefix(request, "GET ") && !strings.HasSuffix(request, "/auth/token") {
			n += times
		}
	}
	return n
}

// told are the events of an appliance of at least that level.
func (h *house) told(name string, least fleet.Level) (texts []string) {
	for _, e := range h.Events(0, 0) {
		if e.Appliance == name && e.Level >= least {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func (h *house) story() (text string) {
	for _, e := range h.Events(0, 0) {
		text += fmt.Sprintf("\n%s %s %s: %s %s", e.At.Wall.UTC().Format(time.TimeOnly), e.Level, e.Appliance, e.Who, e.Text)
	}
	return text
}

// alive are the ids of the locks of our user that an LXCA has now.
func (h *house) alive(name string) (ids []appliance.LockID) {
	for _, l := range h.sims.Appliance(name).LXCA.Locks() {
		if l.By == "admin" {
			ids = append(ids, appliance.LockID(l.ID))
		}
	}
	slices.SortFunc(ids, func(a, b appliance.LockID) int { return cmp.Compare(a, b) })
	return ids
}

// must fails the test unless got is as wanted.
func must[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
