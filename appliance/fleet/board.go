package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// eventsKept is how many events are remembered.
const eventsKept = 10_000

// Update is what a viewer has not seen yet: the newest snapshot of each appliance that changed, in order of
// configuration, and every event since the last time.
type Update struct {
	Snapshots []*Snapshot
	Events    []Event
}

// board is where news is left for viewers: the numbered log of events, and per viewer which appliances changed. Leaving
// news never waits for a viewer.
type board struct {
	mu      sync.Mutex
	log     []Event // a ring once it is full; event n lies at (n-1) % eventsKept
	count   uint64  // events so far
	viewers map[*Viewer]struct{}
	closed  bool
}

func newBoard() *board { return &board{viewers: map[*Viewer]struct{}{}} }

// add numbers an event and wakes every viewer.
func (b *board) add(ev Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	ev.Seq = b.count
	if len(b.log) < eventsKept {
		b.log = append(b.log, ev)
	} else {
		b.log[(b.count-1)%eventsKept] = ev
	}
	for v := range b.viewers {
		v.ring()
	}
}

// events are those after the given number, oldest first; of many, the newest most.
func (b *board) events(after uint64, most int) []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since(after, most)
}

func (b *board) since(after uint64, most int) []Event {
	if after >= b.count {
		return nil
	}
	oldest := b.count - uint64(len(b.log)) + 1 // the oldest that is kept
	from, lost := max(after+1, oldest), uint64(0)
	if from > after+1 {
		lost = from - after - 1
	}
	if most > 0 && b.count-from+1 > uint64(most) {
		from, lost = b.count-uint64(most)+1, 0 // what was not asked for is not missing
	}
	list := make([]Event, 0, b.count-from+2)
	if lost > 0 {
		list = append(list, Event{
			Seq:   from - 1,
			At:    b.log[(from-1)%eventsKept].At,
			Level: Warn,
			Text:  fmt.Sprintf("%d older events are no longer kept", lost),
		})
	}
	for n := from; n <= b.count; n++ {
		list = append(list, b.log[(n-1)%eventsKept])
	}
	return list
}

// changed tells every viewer that there is a new snapshot of the appliance at the given place.
func (b *board) changed(order int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for v := range b.viewers {
		v.mark(order)
	}
}

// close ends every viewer.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for v := range b.viewers {
		close(v.done)
	}
	clear(b.viewers)
}

// Viewer is one reader's mailbox. It is for one goroutine, Close aside.
type Viewer struct {
	e       *Engine
	bell    chan struct{} // holds one ring at most
	done    chan struct{}
	pending []bool // guarded by board.mu, as the fields below
	changed []int  // the true ones of pending
	seen    uint64 // number of the last event that was read
}

// Subscribe opens a mailbox. At first every snapshot and every event that is kept is in it.
func (e *Engine) Subscribe() *Viewer {
	v := &Viewer{e: e, bell: make(chan struct{}, 1), done: make(chan struct{}), pending: make([]bool, len(e.watchers))}
	b := e.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(v.done)
		return v
	}
	b.viewers[v] = struct{}{}
	for i := range e.watchers {
		v.mark(i)
	}
	return v
}

// mark notes that a snapshot changed. The caller holds board.mu.
func (v *Viewer) mark(order int) {
	if v.pending[order] {
		return
	}
	v.pending[order] = true
	v.changed = append(v.changed, order)
	v.ring()
}

func (v *Viewer) ring() {
	select {
	case v.bell <- struct{}{}:
	default: // it is rung already
	}
}

// Next waits until there is something that this viewer has not seen. It fails only when ctx, the viewer or the engine
// ended.
func (v *Viewer) Next(ctx context.Context) (Update, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Update{}, err
		}
		select {
		case <-v.done:
			return Update{}, fmt.Errorf("viewer: %w", ErrClosed)
		default:
		}
		if up := v.take(); len(up.Snapshots)+len(up.Events) > 0 {
			return up, nil
		}
		select {
		case <-v.bell:
		case <-v.done:
		case <-ctx.Done():
		}
	}
}

// take empties the mailbox.
func (v *Viewer) take() Update {
	b := v.e.board
	b.mu.Lock()
	defer b.mu.Unlock()
	var up Update
	slices.Sort(v.changed)
	for _, i := range v.changed {
		v.pending[i] = false
		up.Snapshots = append(up.Snapshots, v.e.watchers[i].snap.Load())
	}
	v.changed = v.changed[:0]
	up.Events = b.since(v.seen, 0)
	v.seen = b.count
	return up
}

// Close ends the viewer and its Next. It may be called more than once.
func (v *Viewer) Close() {
	b := v.e.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, open := b.viewers[v]; open {
		delete(b.viewers, v)
		close(v.done)
	}
}
