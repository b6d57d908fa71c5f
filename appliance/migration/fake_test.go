package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

var maria = policy.Person{Name: "maria", Role: policy.Admin}

// uuid is the nth backup's id.
func uuid(n int) appliance.BackupID {
	return appliance.BackupID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
}

// sent is a request that reached the fleet.
type sent struct {
	ref, name string
	act       appliance.Act
	phrase    string
	at        time.Time
}

// fake is a fleet whose appliances do what they are told, after a while, unless the test says otherwise. It outlives runners.
type fake struct {
	mu      sync.Mutex
	clock   *clock.Clock
	names   []string
	places  map[string]map[appliance.BackupID][]string // appliance -> backup -> where it lies
	sums    map[appliance.BackupID]string
	targets map[string]string // address -> appliance
	snaps   map[string]*fleet.Snapshot
	sent    []sent
	ended   map[string]fleet.Ending
	began   map[string]bool
	lasts   time.Duration // how long a transfer takes
	busy    map[string]int
	most    int // at once at one appliance
	said    []string
	// do is asked before a request takes effect; an error ends it there.
	do func(act appliance.Act, n int) error
	// fate is asked how a request ends; empty = well.
	fate func(act appliance.Act, n int) (fleet.Fate, string)
	ends func(*fleet.Ending) // changes what is told of an end
	owed []appliance.LockID
	// slow is how long the answer to a request takes; unfollowed why a request cannot be followed now.
	slow       func(appliance.Act) time.Duration
	unfollowed func() error
	hinders    func(name string, act appliance.Act) (string, bool)
	right      string // passphrase
	locks      map[string][]fleet.Lock
	held       map[string]int // locks at an appliance that were there when a transfer began
	life       context.Context
}

func newFake(count int) *fake {
	f := &fake{
		clock: clock.System(), names: []string{"dc1", "dc2", "fresh"}, places: map[string]map[appliance.BackupID][]string{},
		sums: map[appliance.BackupID]string{}, targets: map[string]string{"198.18.0.9": "fresh"}, snaps: map[string]*fleet.Snapshot{},
		ended: map[string]fleet.Ending{}, began: map[string]bool{}, lasts: 10 * time.Second, busy: map[string]int{}, right: "right phrase",
		locks: map[string][]fleet.Lock{}, held: map[string]int{},
		life: context.Background(),
	}
	for _, name := range f.names {
		f.places[name] = map[appliance.BackupID][]string{}
	}
	for n := range count {
		f.places["dc1"][uuid(n)] = []string{"internal"}
		f.sums[uuid(n)] = fmt.Sprintf("sum%d", n)
	}
	f.show()
	return f
}

// show makes the snapshots of what is there.
func (f *fake) show() {
	for _, name := range f.names {
		s := &fleet.Snapshot{Name: name, State: fleet.StateUp, Can: fleet.Can{Transfer: true, Backups: true}, Space: appliance.Space{Used: -1, Total: -1}}
		s.BackupsPart.At = f.clock.Now()
		s.Health.Version = appliance.Label("4.1.0")
		for id, places := range f.places[name] {
			b := fleet.Backup{Appliance: name, Backup: appliance.Backup{ID: id, Checksum: appliance.Label(f.sums[id])}}
			for _, p := range places {
				b.Locations = append(b.Locations, appliance.Location(p))
			}
			s.Backups = append(s.Backups, b)
		}
		for address, target := range f.targets {
			if target == name {
				s.Address = address
			}
		}
		s.Locks = slices.Clone(f.locks[name])
		f.snaps[name] = s
	}
}

func (f *fake) LockRules(string) appliance.LockRules {
	return appliance.LockRules{Scopes: []appliance.Scope{{Code: "DM"}}, DefaultTTL: 20 * time.Minute, MaxTTL: 24 * time.Hour}
}

// lock does what concerns locks at once. The caller holds f.mu.
func (f *fake) lock(name string, act appliance.Act) fleet.Result {
	list := f.locks[name]
	at := slices.IndexFunc(list, func(l fleet.Lock) bool { return l.ID == act.Lock.ID })
	switch act.Verb {
	case appliance.VerbAcquire:
		l := fleet.Lock{Lock: appliance.Lock{ID: appliance.LockID(fmt.Sprintf("lock%d", len(f.sent))), Scope: appliance.Scope{Code: act.Claim.Scope}}}
		l.Mine, l.Purpose = true, act.Purpose
		f.locks[name] = append(list, l)
		defer f.show()
		return fleet.Result{Lock: l.ID}
	case appliance.VerbKeep:
		list[at].Kept = true
	case appliance.VerbRelease:
		f.locks[name] = slices.Delete(slices.Clone(list), at, at+1)
	}
	f.show()
	return fleet.Result{}
}

func (f *fake) Names() []string     { return f.names }
func (f *fake) Clock() *clock.Clock { return f.clock }

func (f *fake) Snapshot(name string) *fleet.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snaps[name]
}

func (f *fake) Explain(_ string, act appliance.Act) []appliance.Call {
	return []appliance.Call{{Method: "PUT", URL: string(act.Verb) + " " + string(act.Transfer.Backup)}}
}

func (f *fake) Hinders(_ policy.Person, name string, act appliance.Act) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hinders != nil {
		return f.hinders(name, act)
	}
	return "", false
}

func (f *fake) Say(level fleet.Level, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, level.String()+": "+text)
}

// DoWith begins a request. Its effect comes by itself, whoever waits for it.
func (f *fake) DoWith(ctx context.Context, p policy.Person, name string, act appliance.Act, phrase appliance.Passphrase) (fleet.Result, error) {
	if f.slow != nil {
		time.Sleep(f.slow(act))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.life.Err() != nil || ctx.Err() != nil {
		return fleet.Result{}, fleet.ErrClosed
	}
	x := sent{ref: act.Ref, name: name, act: act, at: time.Now()}
	if phrase != nil {
		x.phrase = phrase.Reveal()
	}
	switch act.Verb {
	case appliance.VerbAcquire, appliance.VerbKeep, appliance.VerbRelease:
		f.sent = append(f.sent, x)
		if f.do != nil {
			if err := f.do(act, len(f.sent)-1); err != nil {
				return fleet.Result{}, err
			}
		}
		return f.lock(name, act), nil
	}
	f.held[act.Ref] = len(f.locks[name])
	if act.Ref != "" && f.began[act.Ref] {
		panic("a ref was used twice: " + act.Ref)
	}
	f.began[act.Ref] = true
	n := len(f.sent)
	f.sent = append(f.sent, x)
	if f.do != nil {
		if err := f.do(act, n); err != nil && !errors.Is(err, appliance.ErrAmbiguous) {
			f.ended[act.Ref] = fleet.Ending{Fate: fleet.FateNot, Text: err.Error()}
			return fleet.Result{}, err
		} else if err != nil {
			f.later(n, x)
			return fleet.Result{}, err
		}
	}
	f.later(n, x)
	return fleet.Result{Job: appliance.JobID(fmt.Sprint(n + 1))}, nil
}

// later has the effect take place after a while. The caller holds f.mu.
func (f *fake) later(n int, x sent) {
	f.busy[x.name]++
	f.most = max(f.most, f.busy[x.name])
	time.AfterFunc(f.lasts, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.busy[x.name]--
		fate, text := fleet.FateThere, "as the listing says"
		if f.fate != nil {
			if how, why := f.fate(x.act, n); how != "" {
				fate, text = how, why
			}
		}
		if x.act.Verb == appliance.VerbProcess && x.phrase != f.right {
			fate, text = fleet.FateNot, "wrong passphrase"
		}
		if fate == fleet.FateThere {
			f.effect(x)
		}
		there := fate == fleet.FateThere
		f.ended[x.ref] = fleet.Ending{Fate: fate, Text: text, Job: appliance.JobID(fmt.Sprint(n + 1)), Success: there, Same: there}
		if f.ends != nil {
			e := f.ended[x.ref]
			f.ends(&e)
			f.ended[x.ref] = e
		}
		f.show()
	})
}

func (f *fake) effect(x sent) {
	id, to := x.act.Transfer.Backup, x.act.Transfer.Destination
	at := f.places[x.name]
	without := func(place string) []string {
		return slices.DeleteFunc(slices.Clone(at[id]), func(p string) bool { return p == place })
	}
	switch x.act.Verb {
	case appliance.VerbCopy:
		at[id] = append(slices.Clone(at[id]), to)
	case appliance.VerbMove:
		at[id] = append(without("internal"), to)
	case appliance.VerbDelete:
		at[id] = without(to)
	case appliance.VerbPush:
		target := f.places[f.targets[to]]
		target[id] = append(slices.Clone(target[id]), "internal")
	}
}

// Owe notes it.
func (f *fake) Owe(_ context.Context, _ policy.Person, _ string, id appliance.LockID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed = append(f.owed, id)
	return nil
}

// Follow waits for the end of a request.
func (f *fake) Follow(ctx context.Context, _, ref string) (fleet.Ending, error) {
	if f.unfollowed != nil {
		if err := f.unfollowed(); err != nil {
			return fleet.Ending{}, err
		}
	}
	for {
		f.mu.Lock()
		e, over := f.ended[ref]
		began, life := f.began[ref], f.life
		f.mu.Unlock()
		switch {
		case over:
			return e, nil
		case !began:
			return fleet.Ending{}, fmt.Errorf("%w: %q", fleet.ErrNoSuchRef, ref)
		}
		select {
		case <-ctx.Done():
			return fleet.Ending{}, ctx.Err()
		case <-life.Done():
			return fleet.Ending{}, fleet.ErrClosed
		case <-time.After(time.Second):
		}
	}
}

// requests is how many reached the fleet, and left how many locks there are.
func (f *fake) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

func (f *fake) left(names ...string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		n += len(f.locks[name])
	}
	return n
}

func (f *fake) count(verb appliance.Verb) map[appliance.BackupID]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[appliance.BackupID]int{}
	for _, x := range f.sent {
		if x.act.Verb == verb {
			counts[x.act.Transfer.Backup]++
		}
	}
	return counts
}

// plan takes count backups of dc1.
func plan(verb appliance.Verb, to string, count int) Plan {
	p := NewPlan(verb, to)
	for n := range count {
		p.Items = append(p.Items, Item{
			Appliance: "dc1", Backup: uuid(n), Label: appliance.Label(fmt.Sprintf("nightly-%d", n)), Checksum: appliance.Label(fmt.Sprintf("sum%d", n)),
			Size: 1000,
		})
	}
	return p
}

// bench is a runner on a fake fleet in virtual time.
type bench struct {
	*Runner
	f     *fake
	store *Memory
}

func bubble(t *testing.T, count int, f func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{f: newFake(count), store: &Memory{}}
		b.Runner = New(Options{Fleet: b.f, Store: b.store, Person: maria})
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		f(t, b)
		time.Sleep(time.Minute) // what was begun at the fake ends by itself
	})
}

// run runs a plan until it rests.
func (b *bench) run(t *testing.T, p Plan) View {
	t.Helper()
	id, err := b.Begin(t.Context(), maria, p)
	if err != nil {
		t.Fatal(err)
	}
	return b.rest(t, id)
}

func (b *bench) rest(t *testing.T, id string) View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	v, err := b.Wait(ctx, id)
	if err != nil {
		t.Fatalf("%v: %s", err, v.Tally())
	}
	synctest.Wait()
	v, _ = b.View(id)
	return v
}

func must[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func phrase(s string) secret.Secret { return secret.New(s) }
