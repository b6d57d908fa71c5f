package fault

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Script is the rules in force and what has come of them. It is safe for concurrent use.
type Script struct {
	clock  func() time.Time
	report func(Event)
	busy   atomic.Bool // there is a rule, an appliance that is away, or an effect to come

	mu     sync.Mutex
	hosts  []*host
	rules  []*entry
	added  int // rules ever added; the last one's id
	late   []lateEffect
	queued int // late effects ever; the last one's number
	counts map[Kind]int
}

// host is an appliance as the script knows it.
type host struct {
	Host
	next http.Handler
	gone *absence // nil while it is there
}

// absence is how long and how an appliance is away.
type absence struct {
	until time.Time
	how   string
}

// entry is a rule in force.
type entry struct {
	Rule
	id      int
	began   time.Time
	matched int
	fired   int
	chance  map[string]*rand.Rand // by appliance, so that what one draws does not hang on the others' requests
	next    map[*host]time.Time   // of a timed rule
}

// lateEffect is a request whose connection is gone and whose effect is still to come.
type lateEffect struct {
	due    time.Time
	number int
	host   *host
	run    func()
}

// NewScript returns a script without rules. Times of rules run on the base clock. Report is called for each fault that
// happens, before anything else does; it may be nil.
func NewScript(clock func() time.Time, report func(Event)) *Script {
	if report == nil {
		report = func(Event) {}
	}
	return &Script{clock: clock, report: report, counts: map[Kind]int{}}
}

// Add puts a rule into force, behind those that are there, and returns its id. An error is what Rule.Check says.
func (s *Script) Add(r Rule) (int, error) {
	if err := r.Check(); err != nil {
		return 0, fmt.Errorf("add a fault: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added++
	e := &entry{Rule: r, id: s.added, began: s.clock(), chance: map[string]*rand.Rand{}, next: map[*host]time.Time{}}
	s.rules = append(s.rules, e)
	s.busy.Store(true)
	return e.id, nil
}

// Remove takes a rule out of force and reports whether it was there. What it has begun goes on.
func (s *Script) Remove(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(e *entry) bool { return e.id == id })
	s.rest()
	return len(s.rules) < before
}

// Stop takes every rule out of force and lets every appliance that is away come back at once. Effects that are still to
// come do come, and requests that wait for their answer go on waiting.
func (s *Script) Stop() {
	s.mu.Lock()
	s.rules = nil
	now := s.clock()
	for _, h := range s.hosts {
		if h.gone != nil {
			h.gone.until = now
		}
	}
	s.mu.Unlock()
	s.Settle()
}

// Rules are those in force, by id.
func (s *Script) Rules() map[int]Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int]Rule{}
	for _, e := range s.rules {
		all[e.id] = e.Rule
	}
	return all
}

// Counts tells how often each kind of fault has happened.
func (s *Script) Counts() map[Kind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Total is how many faults have happened.
func (s *Script) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.counts {
		n += c
	}
	return n
}

// Pending is how many effects are still to come.
func (s *Script) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.late)
}

// rest notes that there is nothing to do, if so. It is called with mu held.
func (s *Script) rest() {
	idle := len(s.rules) == 0 && len(s.late) == 0 &&
		!slices.ContainsFunc(s.hosts, func(h *host) bool { return h.gone != nil })
	s.busy.Store(!idle)
}

// happened counts and reports a fault.
func (s *Script) happened(h *host, r Rule, q *http.Request) {
	s.mu.Lock()
	s.counts[r.Kind]++
	s.mu.Unlock()
	s.report(Event{At: s.clock(), Appliance: h.Name(), Kind: r.Kind, Rule: r.String(), Request: q})
}

// chanceOf are the random numbers that a rule draws for one appliance. It is called with mu held.
func (e *entry) chanceOf(h *host) *rand.Rand {
	rng := e.chance[h.Name()]
	if rng == nil {
		sum := fnv.New64a()
		_, _ = sum.Write([]byte(h.Name())) // writing to a hash never fails
		rng = rand.New(rand.NewPCG(e.Seed, sum.Sum64()))
		e.chance[h.Name()] = rng
	}
	return rng
}

// spent reports whether a rule cannot happen at that time. It is called with mu held.
func (e *entry) spent(now time.Time) bool {
	at := now.Sub(e.began)
	return at < e.After || e.Until > 0 && at >= e.Until || e.Times > 0 && e.fired >= e.Times
}

// fires decides whether a rule acts on a request. It is called with mu held.
func (e *entry) fires(h *host, q *http.Request, now time.Time) bool {
	if e.timed() || e.spent(now) || !e.Match(h.Name(), q) {
		return false
	}
	e.matched++
	switch {
	case e.Nth > 0 && e.matched != e.Nth, e.Every > 0 && e.matched%e.Every != 0,
		e.P > 0 && e.chanceOf(h).Float64() >= e.P:
		return false
	}
	e.fired++
	return true
}

// fault is a rule that acts, made concrete.
type fault struct {
	Rule
	pick func(n int) int
}

func (s *Script) made(e *entry, h *host) fault {
	rng := e.chanceOf(h)
	f := fault{Rule: e.Rule}
	if e.Kind == Mix {
		f.Rule = e.draw(rng)
	}
	seed := rng.Uint64()
	f.pick = func(n int) int { return int(seed % uint64(n)) }
	return f
}

// decide finds what goes wrong with a request: the faults of the appliance before the first one of the request, and
// that one.
func (s *Script) decide(h *host, q *http.Request) (ofHost []fault, ofRequest *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, e := range s.rules {
		if !e.fires(h, q, now) {
			continue
		}
		f := s.made(e, h)
		if !kinds[f.Kind].appliance {
			return ofHost, &f
		}
		ofHost = append(ofHost, f)
	}
	return ofHost, nil
}

// Settle lets happen what is due: faults that come by themselves, returns of appliances, and late effects in the order
// in which they fell due.
func (s *Script) Settle() {
	if !s.busy.Load() {
		return
	}
	now := s.clock()
	effects := s.dueEffects(now)
	for _, h := range s.returned(now) {
		h.Down(Refused, now)
	}
	for _, e := range effects {
		e.run()
	}
	for _, d := range s.dueFaults(now) {
		s.strike(d.host, d.fault, nil)
	}
}

// returned are the appliances that are back by now.
func (s *Script) returned(now time.Time) (back []*host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hosts {
		if h.gone != nil && !now.Before(h.gone.until) {
			h.gone = nil
			back = append(back, h)
		}
	}
	s.rest()
	return back
}

// dueEffects takes out the late effects that are due; those of an appliance that was away when they fell due are lost.
func (s *Script) dueEffects(now time.Time) (due []lateEffect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = slices.DeleteFunc(s.late, func(e lateEffect) bool {
		if e.due.After(now) {
			return false
		}
		if e.host.gone == nil || !e.due.Before(e.host.gone.until) {
			due = append(due, e)
		}
		return true
	})
	s.rest()
	slices.SortFunc(due, func(x, y lateEffect) int {
		return cmp.Or(x.due.Compare(y.due), cmp.Compare(x.number, y.number))
	})
	return due
}

// dueFault is a fault that comes by itself.
type dueFault struct {
	host  *host
	fault fault
}

func (s *Script) dueFaults(now time.Time) (due []dueFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.rules {
		for _, h := range s.hosts {
			if e.comes(h, now) {
				due = append(due, dueFault{h, s.made(e, h)})
			}
		}
	}
	return due
}

// comes decides whether a timed rule acts on an appliance now: once, or each period from After on. It is called with
// mu held.
func (e *entry) comes(h *host, now time.Time) bool {
	if !e.timed() || e.spent(now) || !e.Match(h.Name(), nil) {
		return false
	}
	next, known := e.next[h]
	if !known {
		next = e.began.Add(e.After)
	}
	if now.Before(next) {
		return false
	}
	e.fired++
	e.next[h] = now.Add(longest)
	if e.Period > 0 {
		e.next[h] = next.Add(e.Period * (1 + now.Sub(next)/e.Period))
	}
	return true
}

// later queues the effect of a request.
func (s *Script) later(h *host, d time.Duration, run func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued++
	s.late = append(s.late, lateEffect{due: s.clock().Add(d), number: s.queued, host: h, run: run})
	s.busy.Store(true)
}

// forget drops the late effects of an appliance. It is called with mu held.
func (s *Script) forget(h *host) {
	s.late = slices.DeleteFunc(s.late, func(e lateEffect) bool { return e.host == h })
}

// away is how an appliance is away now, nil while it is there.
func (s *Script) away(h *host) *absence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.gone
}
