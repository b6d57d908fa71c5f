package lxca

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/appliance/transport"
)

// tape stands before an appliance, keeps what it answered and, once told to, answers from that with one body cut.
type tape struct {
	t        *testing.T
	real     *Client
	playing  atomic.Bool
	recorded map[string]*transport.Response // by request, as are the cuts
	order    []string                       // of the requests of the call that runs
	cutting  string
	cut      atomic.Int64
}

func (p *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	key := r.Method + " " + r.URL.RequestURI() + " " + string(body)
	if !p.playing.Load() {
		request := transport.Request{Method: r.Method, Path: r.URL.Path, RawQuery: r.URL.RawQuery, Body: body, ContentType: r.Header.Get("Content-Type")}
		a, err := p.real.send(r.Context(), request)
		if err != nil || a.Status >= 300 {
			p.t.Errorf("%s: %+v, %v", key, a.Response, err)
			panic(http.ErrAbortHandler)
		}
		p.recorded[key] = a.Response
		p.order = append(p.order, key)
	}
	answer := p.recorded[key]
	content := bytes.TrimSpace(answer.Body)
	if p.playing.Load() && key == p.cutting {
		content = content[:p.cut.Load()]
	}
	for _, name := range []string{"Content-Type", "Location"} {
		w.Header()[name] = answer.Header[name]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content))) // so that the cut is not HTTP's to see
	w.WriteHeader(answer.Status)
	_, _ = w.Write(content)
}

// Every answer of every call, cut at every byte under the right status and with a length that is right, is no answer: an
// error that says so, and not a part of what was meant. An answer of no byte is told apart by TestFault_LCK13_ShapesOfTheList,
// TestEmptyListings and TestFault_JOB02_AnswerToAStart.
func TestFault_NET05_CutJSON(t *testing.T) {
	fleet, err := sim.Start(t.Context(), sim.Config{
		Appliances: []sim.Spec{{Name: "one", Kind: sim.KindLXCA}, {Name: "new", Kind: sim.KindLXCA, Fresh: true}}, Backups: 1, Jobs: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	p := &tape{t: t, real: client(t, fleet.Appliance("one"), "admin", adminPassword), recorded: map[string]*transport.Response{}}
	c := serving(t, p)
	c.user = "admin"
	var lock appliance.Lock
	var job appliance.JobID
	backup := appliance.BackupID(fleet.Appliance("one").LXCA.Backups()[0].UUID)
	transfer := func(ctx context.Context, verb appliance.Verb, to string) (appliance.Receipt, error) {
		return c.Transfer(ctx, appliance.Transfer{Verb: verb, Backup: backup, Destination: to})
	}
	whole := p.cutEverywhere([]cutCall{
		{"probe", false, func(ctx context.Context) (any, error) { return c.Probe(ctx) }},
		{"acquire", true, func(ctx context.Context) (any, error) {
			r, err := c.Acquire(ctx, appliance.Claim{Scope: "UP", TTL: 20 * time.Minute})
			if err == nil {
				lock = r.Lock
			}
			return r, err
		}},
		{"locks", false, func(ctx context.Context) (any, error) { return c.Locks(ctx) }},
		{"lock", false, func(ctx context.Context) (any, error) { l, _, err := c.Lock(ctx, lock.ID); return l, err }},
		{"backups", false, func(ctx context.Context) (any, error) { return c.Backups(ctx) }},
		{"space", false, func(ctx context.Context) (any, error) { return c.Space(ctx) }},
		{"push", true, func(ctx context.Context) (any, error) {
			return transfer(ctx, appliance.VerbPush, fleet.Appliance("new").Address)
		}},
		{"cancel push", true, func(ctx context.Context) (any, error) { return c.CancelPush(ctx) }},
		{"copy", true, func(ctx context.Context) (any, error) {
			r, err := transfer(ctx, appliance.VerbCopy, xclarity.DefaultShare)
			if err == nil {
				job = r.Job
			}
			return r, err
		}},
		{"jobs", false, func(ctx context.Context) (any, error) { return c.Jobs(ctx) }},
		{"job", false, func(ctx context.Context) (any, error) { j, _, err := c.Job(ctx, job); return j, err }},
		{"cancel job", true, func(ctx context.Context) (any, error) { return c.CancelJob(ctx, job) }},
		{"release", true, func(ctx context.Context) (any, error) { return c.Release(ctx, lock) }},
	})
	if whole < 3000 {
		t.Errorf("only %d bytes were cut", whole)
	}
}

// The same for backups that are made, decrypted, restored and deleted, on an appliance that does so at once.
func TestFault_NET05_CutBackupAnswers(t *testing.T) {
	fleet, err := sim.Start(t.Context(), sim.Config{
		Appliances: []sim.Spec{{Name: "one", Kind: sim.KindLXCA}, {Name: "new", Kind: sim.KindLXCA, Fresh: true}}, Backups: 1, Speed: 1e9,
		Switches: []string{"restore=none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	on := fleet.Appliance("new")
	pushed := fleet.Appliance("one").LXCA.Backups()[0].UUID
	if _, err := fleet.Appliance("one").LXCA.StartTransfer(xclarity.Transfer{Operation: "push", UUID: pushed, Destination: on.Address}); err != nil {
		t.Fatal(err)
	}
	p := &tape{t: t, real: client(t, on, "admin", adminPassword), recorded: map[string]*transport.Response{}}
	c := serving(t, p)
	c.user = "admin"
	id := appliance.BackupID(pushed)
	if whole := p.cutEverywhere([]cutCall{
		{"room", false, func(ctx context.Context) (any, error) { return c.Room(ctx, 1) }},
		{"no room", false, func(ctx context.Context) (any, error) { return c.Room(ctx, 1<<62) }},
		{"process", true, func(ctx context.Context) (any, error) { return c.Process(ctx, somePassphrase) }},
		{"prepare", true, func(ctx context.Context) (any, error) { return c.Prepare(ctx, id, somePassphrase) }},
		{"restore", true, func(ctx context.Context) (any, error) {
			return c.Restore(ctx, appliance.Restoring{Backup: id}, somePassphrase)
		}},
		{"create", true, func(ctx context.Context) (any, error) {
			return c.CreateBackup(ctx, appliance.NewBackup{Label: "weekly"}, somePassphrase)
		}},
		{"delete", true, func(ctx context.Context) (any, error) { return c.DeleteBackup(ctx, id, appliance.Everywhere) }},
	}); whole < 600 {
		t.Errorf("only %d bytes were cut", whole)
	}
	const running = `{"backupRequest":{"progress":"54","status":"EXEC: Packaging LXCA data","label":"weekly"}}`
	for cut := 1; cut < len(running); cut += raced.Or(1, 7) {
		q, err := answering(t, answerOf(200, running[:cut])).Quiet(t.Context())
		if !errors.Is(err, appliance.ErrMalformed) || !reflect.ValueOf(q).IsZero() {
			t.Fatalf("quiet, cut at %d: %+v, %v", cut, q, err)
		}
	}
}

// cutCall is a call whose answers are cut.
type cutCall struct {
	name   string
	change bool
	do     func(context.Context) (any, error)
}

// cutEverywhere makes each call once, plays it back whole and then with each of its answers cut at every byte. It returns how
// many bytes the answers had.
func (p *tape) cutEverywhere(calls []cutCall) (whole int) {
	t := p.t
	t.Helper()
	for _, call := range calls {
		p.order = nil
		p.playing.Store(false)
		if _, err := call.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", call.name, err)
		}
		p.playing.Store(true)
		if _, err := call.do(t.Context()); err != nil {
			t.Fatalf("%s, played back whole: %v", call.name, err)
		}
		for _, p.cutting = range p.order {
			size := len(bytes.TrimSpace(p.recorded[p.cutting].Body))
			if size == 0 && call.name != "cancel job" { // which is answered without a body
				t.Errorf("%s: nothing to cut of %s", call.name, p.cutting)
			}
			whole += size
			for cut := 1; cut < size; cut += raced.Or(1, 7) {
				p.cut.Store(int64(cut))
				got, err := call.do(t.Context())
				if !errors.Is(err, appliance.ErrMalformed) || errors.Is(err, appliance.ErrAmbiguous) != call.change ||
					errors.Is(err, appliance.ErrGone) || !reflect.ValueOf(got).IsZero() {
					t.Fatalf("%s, %s cut at %d of %d: %+v, %v", call.name, p.cutting, cut, size, got, err)
				}
			}
		}
		p.cutting = ""
	}
	return whole
}
