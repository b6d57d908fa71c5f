package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
)

// ledger is a journal of several engines, as one file is: each thing has one engine that answers for it.
type ledger struct {
	mu       sync.Mutex
	records  []Record
	keeper   map[uint64]string // of a record
	holdings map[string]map[[2]string]Holding
	transits map[uint64]Transit
	ended    map[string]bool // engines that run no more
}

func newLedger() *ledger {
	return &ledger{
		keeper: map[uint64]string{}, holdings: map[string]map[[2]string]Holding{}, transits: map[uint64]Transit{}, ended: map[string]bool{},
	}
}

// page is a ledger as one engine writes it.
type page struct {
	*ledger
	engine string
	// step is called before and after each write; an error of the first keeps it from being written, one of the second hides
	// that it was.
	step func(what string) error
}

// write is one write, durable before the second step.
func (p *page) write(ctx context.Context, what string, effect func()) error {
	p.mu.Lock()
	step := p.step
	p.mu.Unlock()
	if step == nil {
		step = func(string) error { return nil }
	}
	if err := cmp.Or(step("before "+what), ctx.Err()); err != nil {
		return err
	}
	p.mu.Lock()
	effect()
	p.mu.Unlock()
	return step("after " + what)
}

// set has a function called before and after each write from now on; nil = none.
func (p *page) set(step func(what string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = step
}

func (p *page) Intend(ctx context.Context, in Intent) (id uint64, err error) {
	if in.Act.Ref != "" {
		if _, err := p.Find(ctx, in.Act.Ref); err == nil {
			return 0, ErrRefTaken
		}
	}
	err = p.write(ctx, "intend "+string(in.Act.Verb), func() {
		in.ID = uint64(len(p.records) + 1)
		id, p.keeper[in.ID] = in.ID, p.engine
		p.records = append(p.records, Record{Intent: in})
	})
	return id, err
}

func (p *page) Settle(ctx context.Context, id uint64, outcome Outcome, note string) error {
	return p.write(ctx, "settle", func() {
		if p.keeper[id] == p.engine {
			p.records[id-1].Outcome, p.records[id-1].Note = outcome, note
		}
	})
}

func (p *page) Hold(ctx context.Context, h Holding) error {
	return p.write(ctx, "hold", func() {
		h.Engine = p.engine
		if p.holdings[p.engine] == nil {
			p.holdings[p.engine] = map[[2]string]Holding{}
		}
		p.holdings[p.engine][[2]string{h.Appliance, string(h.Lock)}] = h
	})
}

func (p *page) Forget(ctx context.Context, name string, lock appliance.LockID) error {
	return p.write(ctx, "forget", func() { delete(p.holdings[p.engine], [2]string{name, string(lock)}) })
}

func (p *page) Track(ctx context.Context, t Transit) error {
	return p.write(ctx, "track", func() { t.Engine = p.engine; p.transits[t.ID] = t })
}

func (p *page) Ended(ctx context.Context, id uint64, how Ending) error {
	return p.write(ctx, "ended", func() {
		_, tracked := p.transits[id]
		delete(p.transits, id)
		r := &p.records[id-1]
		if r.Ending = &how; tracked && r.Outcome == "" {
			r.Outcome, r.Note = OutcomeUnknown, how.Text
		}
	})
}

func (p *page) Find(_ context.Context, ref string) (Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return find(p.records, p.transits, ref)
}

func (p *page) Adopt(_ context.Context, names []string, only Only) (e Estate, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if only == nil {
		only = func(string, appliance.LockID, string) bool { return true }
	}
	for i, r := range p.records {
		if r.Outcome == "" && p.ended[p.keeper[r.ID]] && slices.Contains(names, r.Appliance) &&
			only(r.Appliance, r.Act.Lock.ID, cmp.Or(r.Act.Claim.Scope, r.Act.Lock.Scope.Code)) {
			e.Intents = append(e.Intents, p.records[i])
			p.keeper[r.ID] = p.engine
		}
	}
	for _, engine := range slices.Sorted(maps.Keys(p.holdings)) {
		for key, h := range p.holdings[engine] {
			if !p.ended[engine] || !slices.Contains(names, h.Appliance) || !only(h.Appliance, h.Lock, h.Scope) {
				continue
			}
			e.Holdings = append(e.Holdings, h) // with the engine that had it
			delete(p.holdings[engine], key)
			if p.holdings[p.engine] == nil {
				p.holdings[p.engine] = map[[2]string]Holding{}
			}
			if h.Exclusive {
				h.Owner = cmp.Or(h.Owner, engine)
			}
			h.Engine = p.engine
			p.holdings[p.engine][key] = h
		}
	}
	for id, t := range p.transits {
		if p.ended[t.Engine] && slices.Contains(names, t.Appliance) {
			e.Transits = append(e.Transits, t)
			t.Engine = p.engine
			p.transits[id] = t
		}
	}
	return e, nil
}

func (p *page) Others(context.Context) (e Estate, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for engine, all := range p.holdings {
		if engine != p.engine && !p.ended[engine] {
			e.Holdings = append(e.Holdings, slices.Collect(maps.Values(all))...)
		}
	}
	oldest := uint64(math.MaxUint64)
	for id, t := range p.transits {
		if t.Engine == p.engine {
			oldest = min(oldest, id)
		} else {
			e.Transits = append(e.Transits, t)
		}
	}
	for _, r := range p.records {
		since := r.ID > oldest && r.Act.Lock.ID == "" && r.Act.Claim == appliance.Claim{}
		if p.keeper[r.ID] != p.engine && (r.Outcome == "" || since) {
			e.Intents = append(e.Intents, r)
		}
	}
	return e, nil
}

// open are the records without an outcome.
func (l *ledger) open() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Outcome == "" {
			n++
		}
	}
	return n
}

// held are the locks that an engine answers for, as text.
func (l *ledger) held(engine string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.holdings[engine] {
		list = append(list, fmt.Sprintf("%s %s %s kept=%t", h.Lock[len(h.Lock)-2:], h.Scope, h.State, h.Kept))
	}
	slices.Sort(list)
	return list
}

func (l *ledger) end(engine string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[engine] = true
}

// victim is one engine's way to the appliance and to the journal. From the moment of its death on nothing that it does has an
// effect, and nothing answers it.
type victim struct {
	appliance.Appliance
	f     *fake
	mu    sync.Mutex
	armed bool
	count map[string]int // of each step since it was armed
	steps []string       // all of them, as "after hold 2"
	dies  string         // at this step; empty = never
	what  string         // at which it died
	dead  chan struct{}
	over  chan struct{} // closed at the end of the test, so that what hangs can end
}

func newVictim(f *fake) *victim {
	return &victim{Appliance: f, f: f, count: map[string]int{}, dead: make(chan struct{}), over: make(chan struct{})}
}

// arm has it die at a step, counted from now on.
func (v *victim) arm(dies string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.armed, v.dies = true, dies
}

var errKilled = errors.New("killed")

func (v *victim) step(what string) error {
	v.mu.Lock()
	if v.armed && v.what == "" {
		v.count[what]++
		step := fmt.Sprintf("%s %d", what, v.count[what])
		v.steps = append(v.steps, step)
		if step == v.dies {
			v.what = step
			close(v.dead)
		}
	}
	dead := v.what != ""
	v.mu.Unlock()
	if !dead {
		return nil
	}
	<-v.over
	return errKilled
}

// through makes a call of the appliance with a step before and after it.
func through[T any](v *victim, what string, call func() (T, error)) (none T, err error) {
	if err := v.step("before " + what); err != nil {
		return none, err
	}
	x, err := call()
	if gone := v.step("after " + what); gone != nil {
		return none, gone
	}
	return x, err
}

func (v *victim) LockRules() appliance.LockRules { return v.f.LockRules() }

func (v *victim) Probe(ctx context.Context) (appliance.Health, error) {
	return through(v, "probe", func() (appliance.Health, error) { return v.f.Probe(ctx) })
}

func (v *victim) Locks(ctx context.Context) (appliance.LockList, error) {
	return through(v, "locks", func() (appliance.LockList, error) { return v.f.Locks(ctx) })
}

func (v *victim) Acquire(ctx context.Context, c appliance.Claim) (appliance.Receipt, error) {
	return through(v, "acquire", func() (appliance.Receipt, error) { return v.f.Acquire(ctx, c) })
}

func (v *victim) Release(ctx context.Context, l appliance.Lock) (appliance.Receipt, error) {
	return through(v, "release", func() (appliance.Receipt, error) { return v.f.Release(ctx, l) })
}

// onLedger is run with an engine named one on a ledger, whose appliance is a victim.
func onLedger(t *testing.T, body func(t *testing.T, b *bench, l *ledger, v *victim)) {
	t.Helper()
	l := newLedger()
	var v *victim
	run(t, func(b *bench, o *Options) {
		v = newVictim(b.f)
		o.ID, o.Journal, o.Adopt = "one", &page{ledger: l, engine: "one", step: v.step}, true
		o.Members = []Member{{Appliance: v, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		defer close(v.over)
		body(t, b, l, v)
	})
}

// another is one more engine over the same appliance and the same ledger.
func (b *bench) another(t *testing.T, l *ledger, id string, client appliance.Appliance, set ...func(*Options)) *bench {
	t.Helper()
	o := Options{
		ID: id, Clock: b.clock, Journal: &page{ledger: l, engine: id}, Seed: 11, Adopt: true,
		Members: []Member{{Appliance: client, Name: "dc1"}},
	}
	for _, f := range set {
		f(&o)
	}
	e, err := New(o)
	must(t, "error", err, nil)
	e.Start(t.Context())
	t.Cleanup(e.Close)
	other := &bench{t: t, e: e, clock: b.clock, f: b.f}
	other.pass(10 * time.Millisecond)
	return other
}

// alive are the locks that the appliance has now.
func (f *fake) alive() (ids []appliance.LockID) {
	now := f.clock.Now().Wall.Add(f.skew)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.locks {
		if l.Created.Add(l.TTL).After(now) {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func keepAct(l appliance.Lock) appliance.Act { return appliance.Act{Verb: appliance.VerbKeep, Lock: l} }

// keep takes a lock about a scope and keeps it.
func (b *bench) keep(scope string, ttl time.Duration) appliance.LockID {
	b.t.Helper()
	r, err := b.do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope, TTL: ttl}})
	must(b.t, "error", err, nil)
	_, err = b.do(keepAct(b.lock(r.Lock).Lock))
	must(b.t, "error", err, nil)
	return r.Lock
}

// kept is the one lock that is kept now; empty when there is none, or more than one.
func (b *bench) kept() (id appliance.LockID) {
	for _, l := range b.snap().Locks {
		if l.Kept && id != "" {
			return ""
		}
		if l.Kept {
			id = l.ID
		}
	}
	return id
}

// story is every event with its time, for the message of a test that failed.
func (b *bench) story() (text string) {
	for _, ev := range b.e.Events(0, 0) {
		text += fmt.Sprintf("\n%s %s %s", at(ev.At.Wall), ev.Level, ev.Text)
	}
	return text
}
