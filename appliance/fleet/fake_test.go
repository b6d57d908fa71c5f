package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	maria = policy.Person{Name: "maria", Role: policy.Operator}
	otto  = policy.Person{Name: "otto", Role: policy.Viewer}
)

// fake is an appliance like an LXCA, without a network: its effects are real, its answers can be scripted.
type fake struct {
	name  string
	clock *clock.Clock

	mu       sync.Mutex
	skew     time.Duration
	health   appliance.Health
	locks    []appliance.Lock
	hidden   map[appliance.LockID]bool // granted and never listed
	jobs     []appliance.Job
	backups  []appliance.Backup
	space    appliance.Space
	rules    appliance.LockRules
	count    map[string]int
	log      []string // what changed it, in order
	made     int
	granted  []appliance.LockID
	before   func(ctx context.Context, call string) error // instead of the effect
	after    func(call string) error                      // instead of the answer
	noID     bool                                         // grants do not say which lock
	noJob    bool                                         // transfers do not say which job
	polling  int                                          // calls of polls under way
	together int                                          // most of them at once
}

func newFake(name string, c *clock.Clock) *fake {
	f := &fake{name: name, clock: c, count: map[string]int{}, hidden: map[appliance.LockID]bool{}}
	f.health = appliance.Health{User: appliance.Label("admin"), MayChange: true, PasswordDays: -1}
	f.space = appliance.Space{Used: 10, Total: 100}
	f.rules = appliance.LockRules{
		Scopes:    []appliance.Scope{{Code: "UP"}, {Code: "FC"}, {Code: "DM"}},
		ChooseTTL: true, MinTTL: time.Second, MaxTTL: 24 * time.Hour, DefaultTTL: 20 * time.Minute,
	}
	for i := range 16 {
		f.rules.Scopes = append(f.rules.Scopes, appliance.Scope{Code: fmt.Sprintf("S%d", i)})
	}
	return f
}

// call is one request. Effect runs under the lock; an error of before leaves it out, one of after hides it.
func (f *fake) call(ctx context.Context, what string, effect func(now appliance.Stamp)) (appliance.Stamp, error) {
	f.mu.Lock()
	f.count[what]++
	before := f.before
	f.polling++
	f.together = max(f.together, f.polling)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.polling--
		f.mu.Unlock()
	}()
	stamp := appliance.Stamp{Sent: f.clock.Now()}
	if before != nil {
		if err := before(ctx, what); err != nil {
			return stamp, err
		}
	}
	if err := ctx.Err(); err != nil {
		return stamp, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	stamp.Received = f.clock.Now()
	stamp.Date = stamp.Received.Wall.Add(f.skew).Truncate(time.Second)
	f.locks = slices.DeleteFunc(f.locks, func(l appliance.Lock) bool {
		return !l.Created.Add(l.TTL).After(stamp.Received.Wall.Add(f.skew))
	})
	effect(stamp)
	if f.after != nil {
		if err := f.after(what); err != nil {
			return stamp, err
		}
	}
	return stamp, nil
}

func (f *fake) Name() string         { return f.name }
func (f *fake) Kind() appliance.Kind { return appliance.LXCA }

func (f *fake) Probe(ctx context.Context) (h appliance.Health, err error) {
	stamp, err := f.call(ctx, "probe", func(appliance.Stamp) { h = f.health })
	h.Stamp = stamp
	return h, err
}

func (f *fake) LockRules() appliance.LockRules { return f.rules }

func (f *fake) Locks(ctx context.Context) (list appliance.LockList, err error) {
	stamp, err := f.call(ctx, "locks", func(appliance.Stamp) {
		for _, l := range f.locks {
			if !f.hidden[l.ID] {
				list.Locks = append(list.Locks, l)
			}
		}
	})
	list.Stamp = stamp
	return list, err
}

// put makes a lock by somebody. The caller holds the lock of f.
func (f *fake) put(scope string, ttl time.Duration, created time.Time) appliance.LockID {
	f.made++
	id := appliance.LockID(fmt.Sprintf("%032d", f.made))
	f.locks = append(f.locks, appliance.Lock{ID: id, Scope: appliance.Scope{Code: scope}, Created: created, TTL: ttl})
	return id
}

func (f *fake) Acquire(ctx context.Context, c appliance.Claim) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "acquire", func(s appliance.Stamp) {
		id := f.put(c.Scope, c.TTL, s.Received.Wall.Add(f.skew))
		f.log = append(f.log, "acquire "+string(id))
		f.granted = append(f.granted, id)
		if !f.noID {
			r.Lock = appliance.Lock{ID: id, Scope: appliance.Scope{Code: c.Scope}, TTL: c.TTL}
		}
	})
	return r, err
}

func (f *fake) Release(ctx context.Context, l appliance.Lock) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "release", func(appliance.Stamp) {
		f.log = append(f.log, "release "+string(l.ID))
		f.locks = slices.DeleteFunc(f.locks, func(x appliance.Lock) bool { return x.ID == l.ID })
	})
	return r, err
}

func (f *fake) Jobs(ctx context.Context) (list appliance.JobList, err error) {
	list.Stamp, err = f.call(ctx, "jobs", func(appliance.Stamp) { list.Jobs = slices.Clone(f.jobs) })
	return list, err
}

func (f *fake) CancelJob(ctx context.Context, id appliance.JobID) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "cancel job", func(appliance.Stamp) { f.log = append(f.log, "cancel job "+string(id)) })
	return r, err
}

func (f *fake) Backups(ctx context.Context) (list appliance.BackupList, err error) {
	list.Stamp, err = f.call(ctx, "backups", func(appliance.Stamp) { list.Backups = slices.Clone(f.backups) })
	return list, err
}

func (f *fake) Space(ctx context.Context) (s appliance.Space, err error) {
	stamp, err := f.call(ctx, "space", func(appliance.Stamp) { s = f.space })
	s.Stamp = stamp
	return s, err
}

func (f *fake) Transfer(ctx context.Context, t appliance.Transfer) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "transfer", func(s appliance.Stamp) {
		f.made++
		id := appliance.JobID(fmt.Sprint(f.made))
		f.log = append(f.log, fmt.Sprintf("%s %s %s", t.Verb, t.Backup, t.Destination))
		f.jobs = append(f.jobs, appliance.Job{
			ID: id, State: appliance.Label("Running"), Phase: appliance.PhaseRunning, Started: s.Received.Wall,
			By: appliance.Label("ADMIN"), Verb: t.Verb, Backup: t.Backup, Cancellable: true,
		})
		if !f.noJob {
			r.Job = id
		}
	})
	return r, err
}

func (f *fake) DeleteBackup(ctx context.Context, id appliance.BackupID, at appliance.Location) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "delete", func(appliance.Stamp) {
		f.log = append(f.log, fmt.Sprintf("delete %s %s", id, at))
		for i, b := range f.backups {
			if b.ID == id {
				f.backups[i].Locations = slices.DeleteFunc(slices.Clone(b.Locations), func(l appliance.Location) bool {
					return l == at || at == appliance.Everywhere
				})
			}
		}
		f.backups = slices.DeleteFunc(f.backups, func(b appliance.Backup) bool { return len(b.Locations) == 0 })
	})
	return r, err
}

func (f *fake) CancelPush(ctx context.Context) (r appliance.Receipt, err error) {
	r.Stamp, err = f.call(ctx, "cancel push", func(appliance.Stamp) { f.log = append(f.log, "cancel push") })
	return r, err
}

// with changes the fake under its lock.
func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// asked is how often a call was made.
func (f *fake) asked(what ...string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range what {
		n += f.count[w]
	}
	return n
}

func (f *fake) all() int {
	return f.asked("probe", "locks", "jobs", "backups", "space", "acquire", "release", "transfer", "cancel push", "cancel job",
		"delete")
}

func (f *fake) end(id appliance.JobID, phase appliance.Phase, state string) {
	f.with(func() {
		for i := range f.jobs {
			if f.jobs[i].ID == id {
				f.jobs[i].Phase, f.jobs[i].State = phase, appliance.Label(state)
			}
		}
	})
}

// bench is an engine over fakes, in virtual time.
type bench struct {
	t     *testing.T
	e     *Engine
	clock *clock.Clock
	f     *fake // the first
	fakes []*fake
	notes *Memory
}

// run calls body in virtual time with an engine over one fake, which was polled once; set may change both before.
func run(t *testing.T, set func(b *bench, o *Options), body func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, clock: clock.System(), notes: &Memory{}}
		b.f = b.add("dc1")
		o := Options{Clock: b.clock, Journal: b.notes, Seed: 7}
		if set != nil {
			set(b, &o)
		}
		if o.Members == nil {
			for _, f := range b.fakes {
				o.Members = append(o.Members, Member{Appliance: f, Name: f.name, Kind: f.Kind(), Address: "198.18.0." + f.name})
			}
		}
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		b.e = e
		e.Start(t.Context())
		defer e.Close()
		b.pass(10 * time.Millisecond)
		body(t, b)
	})
}

func (b *bench) add(name string) *fake {
	f := newFake(name, b.clock)
	b.fakes = append(b.fakes, f)
	return f
}

// pass lets virtual time run.
func (b *bench) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *bench) snap() *Snapshot { return b.e.Snapshot("dc1") }

func (b *bench) do(act appliance.Act) (Result, error) {
	r, err := b.e.Do(b.t.Context(), maria, "dc1", act)
	synctest.Wait()
	return r, err
}

// acquire takes UP and fails the test when it is not granted.
func (b *bench) acquire(ttl time.Duration) appliance.LockID {
	b.t.Helper()
	r, err := b.do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: ttl}})
	if err != nil {
		b.t.Fatal(err)
	}
	return r.Lock
}

func (b *bench) lock(id appliance.LockID) *Lock {
	for _, l := range b.snap().Locks {
		if l.ID == id {
			return &l
		}
	}
	return nil
}

// events are those of one level, as text.
func (b *bench) events(level Level) (texts []string) {
	for _, ev := range b.e.Events(0, 0) {
		if ev.Level == level {
			texts = append(texts, ev.Text)
		}
	}
	return texts
}

// must fails the test unless got is as wanted.
func must[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func mustIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// asked0 is asked for those who hold the lock.
func (f *fake) asked0(what string) int { return f.count[what] }
