package ecb

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim/broker"
)

// knife lets everything have its effect and cuts the body of one kind of answer, under the right status and with a length that
// is right, so that the cut is not HTTP's to see.
type knife struct {
	path string // of what is cut ends so
	at   atomic.Int64
	size atomic.Int64 // of the last answer that came from there
	cuts atomic.Int64
}

// blunt is where nothing is cut.
const blunt = 1 << 30

func (k *knife) meddle(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := bytes.TrimSpace(rec.Body.Bytes())
	if strings.HasSuffix(r.URL.Path, k.path) {
		k.size.Store(int64(len(body)))
		if at := k.at.Load(); at < int64(len(body)) {
			body = body[:at]
			k.cuts.Add(1)
		}
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// everywhere cuts at every byte of the answers for that path: once whole, to know how many there are, then each.
func (b *bench) everywhere(path string, try func(cut int, whole bool)) {
	b.t.Helper()
	k := &knife{path: path}
	b.between(k.meddle)
	defer b.between(nil)
	k.at.Store(blunt)
	try(-1, true)
	size := k.size.Load()
	if size < 40 {
		b.t.Errorf("%s: only %d bytes to cut", path, size)
	}
	for at := int64(0); at < size; at += int64(raced.Or(1, 7)) {
		k.at.Store(at)
		before := k.cuts.Load()
		try(int(at), false)
		if k.cuts.Load() == before {
			b.t.Fatalf("%s at %d: nothing was cut", path, at)
		}
		if b.t.Failed() {
			b.t.Fatalf("%s was cut at %d of %d", path, at, size)
		}
	}
}

// forget makes the client read again what it reads once, beginning with one of them.
func (b *bench) forgetFacts(resource string) {
	read := map[string]bool{}
	for _, r := range onceOnly() {
		read[r] = r != resource
	}
	b.Client.mu.Lock()
	defer b.Client.mu.Unlock()
	b.facts = facts{read: read}
}

// What only reads: a cut answer is an error and nothing of it is kept, and the lock that we hold all the while stays ours.
func TestFault_NET05_CutReading(t *testing.T) {
	b := newBench(t)
	b.sim.AddBackupFile("a.gz")
	if err := b.sim.StartAsync("save", "otto"); err != nil {
		t.Fatal(err)
	}
	b.acquire()
	poll := func() { b.drop(b.poll.token) }
	probe := func() (any, error) { return b.Probe(t.Context()) }
	for _, c := range []struct {
		resource string
		prepare  func()
		do       func() (any, error)
	}{
		{"auth/token", poll, func() (any, error) { return b.Backups(t.Context()) }},
		{resStatus, func() {}, probe},
		{resAsync, func() {}, func() (any, error) { return b.Jobs(t.Context()) }},
		{resFiles, func() {}, func() (any, error) { return b.Backups(t.Context()) }},
	} {
		b.everywhere(c.resource, func(cut int, whole bool) {
			c.prepare()
			got, err := c.do()
			switch {
			case whole && (err != nil || reflect.ValueOf(got).IsZero()):
				t.Errorf("whole: %+v, %v", got, err)
			case !whole && (!errors.Is(err, appliance.ErrMalformed) || errors.Is(err, appliance.ErrAmbiguous) ||
				errors.Is(err, appliance.ErrCredentials) || !reflect.ValueOf(got).IsZero()):
				t.Errorf("%+v, %v", got, err)
			}
			b.holder(appliance.HolderYou)
		})
	}
	// What is told once is left out of the health, which says so; the rest of it is good.
	for _, resource := range []string{resInformation, resVersion, resVersions} {
		b.everywhere(strings.TrimPrefix(resource, "/rest/"), func(cut int, whole bool) {
			b.forgetFacts(resource)
			h, err := b.Probe(t.Context())
			told := strings.TrimSuffix(strings.TrimPrefix(resource, "system/"), "s")
			there := false
			for _, f := range h.Fields {
				there = there || strings.HasPrefix(f.Key.String(), told+".") || f.Key.String() == "rest.supportedVersions" && resource == resVersions
			}
			if err != nil || there != whole || len(h.Told) > 0 == whole || h.Host.Empty() || b.known(resource) != whole {
				t.Errorf("%+v, %v", h, err)
			}
			b.holder(appliance.HolderYou)
		})
	}
	if b.sim.LockOwner() != "admin" {
		t.Errorf("the lock is held by %q", b.sim.LockOwner())
	}
}

// A login for a lock: nothing is asked for with a token of which a part is missing.
func TestFault_NET05_CutLogin(t *testing.T) {
	b := newBench(t)
	b.everywhere("auth/token", func(_ int, whole bool) {
		mark := b.mark()
		r, err := b.Acquire(t.Context(), theClaim)
		if whole {
			if _, err := b.Release(t.Context(), theLock); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, appliance.ErrMalformed) || errors.Is(err, appliance.ErrAmbiguous) || !reflect.ValueOf(r).IsZero() {
			t.Errorf("%+v, %v", r, err)
		}
		b.sent(mark, "POST "+version+"auth/token 200")
		if b.sim.LockOwner() != "" || b.lock().Holder == appliance.HolderYou {
			t.Errorf("held by %q, said %q", b.sim.LockOwner(), b.lock().Holder)
		}
	})
}

// A refusal is one by its status, whatever is left of its words: a lock that another has is never said to be ours, nor free.
func TestFault_NET05_CutRefusal(t *testing.T) {
	t.Run("lock", func(t *testing.T) {
		b := newBench(t)
		b.sim.LockByOther(broker.SourceGUI)
		b.everywhere("configuration/lock", func(int, bool) {
			if r, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrHeld) || !reflect.ValueOf(r).IsZero() {
				t.Errorf("%+v, %v", r, err)
			}
			b.holder(appliance.HolderAnother)
		})
	})
	t.Run("unlock", func(t *testing.T) {
		b := newBench(t)
		b.everywhere("configuration/unlock", func(_ int, whole bool) {
			b.sim.UnlockByOther()
			b.acquire()
			b.sim.StealByOther(broker.SourceGUI)
			r, err := b.Release(t.Context(), theLock)
			if !errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrHeld) != whole || !reflect.ValueOf(r).IsZero() {
				t.Errorf("%+v, %v", r, err)
			}
			if got := b.lock().Holder; whole && got != appliance.HolderAnother || !whole && got != appliance.HolderUnknown {
				t.Errorf("said to be held by %q", got)
			}
		})
		if b.sim.LockOwner() != broker.SourceGUI {
			t.Errorf("the lock is held by %q", b.sim.LockOwner())
		}
	})
}

// A renewal whose new token cannot be read leaves open who owns the lock: it is not said to be ours until that is found out,
// and what is found out is what the appliance has.
func TestFault_NET05_CutRenewal(t *testing.T) {
	for _, renewal := range []string{"any", "ignored"} { // the lock goes along, or stays with the old token
		t.Run(renewal, func(t *testing.T) {
			b := newBench(t)
			b.set("renewal-form", renewal)
			k := &knife{path: "auth/token"}
			k.at.Store(blunt)
			b.between(k.meddle)
			for size, at := int64(1), int64(0); at < size; at += int64(raced.Or(1, 7)) {
				b.sim.UnlockByOther()
				b.sim.RevokeTokens()
				b.setOwnership(ownership{})
				b.forgetProof()
				k.at.Store(blunt)
				b.hands.advance(30 * time.Second) // what was verified ends
				b.acquire()
				size = k.size.Load()
				k.at.Store(at)
				r, err := b.Renew(t.Context(), theLock)
				if !errors.Is(err, appliance.ErrMalformed) || !errors.Is(err, appliance.ErrAmbiguous) || !reflect.ValueOf(r).IsZero() {
					t.Fatalf("cut at %d: %+v, %v", at, r, err)
				}
				b.holder(appliance.HolderUnknown)
				k.at.Store(blunt)
				b.drop(b.poll.token)
				held, err := b.Settle(t.Context())
				if kept := renewal == "ignored"; err != nil || held != kept || (b.lock().Holder == appliance.HolderYou) != kept {
					t.Fatalf("cut at %d: settled as held %v, %v; said %q", at, held, err, b.lock().Holder)
				}
			}
		})
	}
}

// A proof that cannot be read proves nothing: the lock is ours to the end of the old token, and the next try proves it.
func TestFault_NET05_CutProof(t *testing.T) {
	for _, path := range []string{resAsync, "configuration/management"} {
		b := newBench(t)
		if path == resAsync {
			if err := b.sim.StartAsync("save", "otto"); err != nil {
				t.Fatal(err)
			}
		}
		b.everywhere(path, func(cut int, whole bool) {
			proven := whole || path != resAsync && cut == 0 // 202 says it, and need not have a body (api/ecb.md 1.2)
			b.hands.advance(30 * time.Second)               // what was verified ends
			if b.ownership().phase == phaseHeld {
				if _, err := b.Release(t.Context(), theLock); err != nil {
					t.Fatal(err)
				}
			}
			b.forgetProof()
			old := b.acquire().Stamp
			b.hands.advance(time.Second)
			r, err := b.Renew(t.Context(), theLock)
			if err != nil || r.Unproven == proven || (r.Stamp == old) == proven {
				t.Errorf("%+v, %v", r, err)
			}
			b.holder(appliance.HolderYou)
			if works, known := b.proof(); known != proven || works != proven {
				t.Errorf("proof %v %v", works, known)
			}
		})
		b.hands.advance(30 * time.Second)
		if r, err := b.Renew(t.Context(), theLock); err != nil || r.Unproven || b.sim.LockOwner() != "admin" {
			t.Errorf("the next try: %+v, %v", r, err)
		}
	}
}
