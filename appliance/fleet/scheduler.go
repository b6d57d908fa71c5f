package fleet

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// lane is one of the things that are asked of an appliance, in the order in which a poll asks them.
type lane int

const (
	laneHealth lane = iota
	laneLocks
	laneJobs
	laneBackups
	laneCount
)

// lanes is a set of lanes.
type lanes uint8

func (s lanes) has(l lane) bool { return s&(1<<l) != 0 }

func of(list ...lane) lanes {
	var s lanes
	for _, l := range list {
		s |= 1 << l
	}
	return s
}

// plan says when the lanes of an appliance are next due.
type plan struct {
	lanes lanes
	after [laneCount]time.Duration // from the begin of this poll; never = not until somebody asks for it
	// exact: after is a delay. Otherwise it is a period: the poll comes at the appliance's own phase of it, so that the
	// fleet is spread over the period, and lanes of one appliance fall together.
	exact bool
	// away: the appliance does not answer. Such polls get only half of the workers, so that a fleet of black holes never
	// delays those that answer.
	away bool
}

const (
	grid  = 250 * time.Millisecond // polls due within it are woken together
	never = time.Duration(1<<63 - 1)
	// lookAtClock is how often the clock is checked for a step (faults.md CLK-03).
	lookAtClock    = time.Second
	defaultWorkers = 64
)

// poller is what the scheduler wakes.
type poller interface {
	poll(ctx context.Context, due lanes) plan
	failed(what any) // its poll panicked
}

// entry is one appliance in the scheduler. All of it is guarded by scheduler.mu.
type entry struct {
	poller poller
	phase  time.Duration
	due    [laneCount]time.Duration
	woken  lanes // asked for while a poll was running
	index  int   // in the heap; -1 = ready or running
	begun  time.Duration
	away   bool
}

// next is the earliest due time.
func (e *entry) next() time.Duration {
	n := never
	for _, d := range e.due {
		n = min(n, d)
	}
	return n
}

// scheduler is a heap of due times and one goroutine; workers are started when there is work, and end when there is none.
// It goes by Go's own timers: a suspended host is the clock's matter (tick).
type scheduler struct {
	tick  func() // called every lookAtClock, by the scheduler's goroutine
	base  time.Time
	kick  chan struct{}
	limit int

	mu      sync.Mutex
	entries map[poller]*entry
	queue   queue
	ready   [2][]*entry // those that answer, those that do not
	active  [2]int
}

func newScheduler(workers int, tick func()) *scheduler {
	if workers <= 0 {
		workers = defaultWorkers
	}
	return &scheduler{tick: tick, base: time.Now(), kick: make(chan struct{}, 1), limit: workers, entries: map[poller]*entry{}}
}

func (s *scheduler) now() time.Duration { return time.Since(s.base) }

// add makes a poller known, with the given lanes due at once.
func (s *scheduler) add(p poller, due lanes, phase time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entry{poller: p, phase: phase, index: -1, away: true}
	for l := range laneCount {
		e.due[l] = never
		if due.has(l) {
			e.due[l] = 0
		}
	}
	s.entries[p] = e
	heap.Push(&s.queue, e)
}

// wake makes lanes due at once; those of a running poll right after it.
func (s *scheduler) wake(p poller, due lanes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[p]
	if e == nil {
		return
	}
	if e.index < 0 {
		e.woken |= due
		return
	}
	now := s.now()
	for l := range laneCount {
		if due.has(l) {
			e.due[l] = min(e.due[l], now)
		}
	}
	heap.Fix(&s.queue, e.index)
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run wakes what is due until ctx ends. Workers are counted in group.
func (s *scheduler) run(ctx context.Context, group *sync.WaitGroup) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var ticked time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.kick:
		}
		if now := s.now(); now-ticked >= lookAtClock {
			ticked = now
			s.tick()
		}
		timer.Reset(min(s.dispatch(ctx, group), ticked+lookAtClock-s.now()))
	}
}

// dispatch hands what is due to workers and tells how long nothing else will be.
func (s *scheduler) dispatch(ctx context.Context, group *sync.WaitGroup) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.queue) > 0 && s.queue[0].next() <= now {
		e := heap.Pop(&s.queue).(*entry)
		s.ready[class(e)] = append(s.ready[class(e)], e)
	}
	for e := s.pick(); e != nil; e = s.pick() {
		group.Go(func() { s.work(ctx, e) })
	}
	if len(s.queue) == 0 {
		return lookAtClock
	}
	return max(s.queue[0].next()-now, time.Millisecond)
}

func class(e *entry) int {
	if e.away {
		return 1
	}
	return 0
}

// pick takes the next ready entry if a worker may run it. The caller holds the lock.
func (s *scheduler) pick() *entry {
	for c := range s.ready {
		free := s.active[0]+s.active[1] < s.limit && (c == 0 || s.active[1] < max(1, s.limit/2))
		if len(s.ready[c]) > 0 && free {
			e := s.ready[c][0]
			s.ready[c] = s.ready[c][1:]
			s.active[c]++
			return e
		}
	}
	return nil
}

// work polls the entry, and then whatever else is ready.
func (s *scheduler) work(ctx context.Context, e *entry) {
	for e != nil {
		due := s.begin(e)
		e = s.finish(ctx, e, pollOf(ctx, e.poller, due))
	}
}

// pollOf is a poll's plan; after one that panicked the same is asked again in a while.
func pollOf(ctx context.Context, p poller, due lanes) (next plan) {
	if outlive(p.failed, func() { next = p.poll(ctx, due) }) {
		next = plan{lanes: due, exact: true}
		for l := range laneCount {
			next.after[l] = slowestRetry
		}
	}
	return next
}

// begin tells which lanes are due, those within the same stride of the grid included.
func (s *scheduler) begin(e *entry) lanes {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.begun = s.now()
	due := e.woken
	e.woken = 0
	for l := range laneCount {
		if e.due[l] <= e.begun+grid {
			due |= of(l)
		}
	}
	return due
}

// finish puts the entry back by its plan and picks the next.
func (s *scheduler) finish(ctx context.Context, e *entry, p plan) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[class(e)]--
	e.away = p.away
	for l := range laneCount {
		if p.lanes.has(l) {
			e.due[l] = e.at(p.after[l], p.exact)
		}
		if e.woken.has(l) {
			e.due[l] = s.now()
		}
	}
	e.woken = 0
	heap.Push(&s.queue, e)
	if s.queue[0] == e { // earlier than what the scheduler's timer waits for
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return s.pick()
}

// at is the due time that follows from the begin of the last poll, on the grid.
func (e *entry) at(after time.Duration, exact bool) time.Duration {
	if after == never {
		return never
	}
	due := e.begun + after
	if !exact {
		// The next moment of the own phase that is at least a quarter of the period away.
		earliest := e.begun + after/4
		due = earliest + (e.phase-earliest)%after
		if due < earliest {
			due += after
		}
	}
	return (due + grid - 1) / grid * grid
}

// queue is the heap of entries by due time.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].next() < q[j].next() }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push adds an *entry.
func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop removes the last entry.
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	e.index = -1
	return e
}
