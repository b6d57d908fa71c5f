package migration

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"holdfast/appliance/fleet"
)

// What is kept of migrations that have ended, beside those that have not: the newest, of so many steps in all. The journal has all.
const (
	mostEnded      = 32
	mostEndedSteps = 2 * MostSteps
)

// View is a migration as it stood at one moment. It is shared by all who look and never changed.
type View struct {
	Record
	Waits map[int]string // why a step is not begun yet that could be
	Live  bool           // something happens in it by itself
	// Elsewhere is why this run does not carry it on, so that no order about it can be given here; empty = it does.
	Elsewhere string
}

// board is what readers see: each migration as it stood after its latest change was recorded. It is guarded by a lock of its own,
// which nobody holds while anything is written, so that who looks never waits for a disk (design.md 3).
type board struct {
	mu      sync.Mutex
	views   []View        // of this runner, newest first; a change makes a new list
	others  []View        // of others, oldest first; as they were read last
	changed chan struct{} // closed at the next change
}

// put shows how a migration stands now.
func (b *board) put(v View) {
	b.mu.Lock()
	defer b.mu.Unlock()
	views := slices.DeleteFunc(slices.Clone(b.views), func(x View) bool { return x.ID == v.ID })
	at, _ := slices.BinarySearchFunc(views, v, func(a, b View) int { return b.Begun.Compare(a.Begun) })
	b.views = newest(slices.Insert(views, at, v))
	b.news()
}

// news wakes whoever waits. The caller holds b.mu.
func (b *board) news() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// newest leaves out what ended long ago, whenever it began: who waits for the end of one is to see it.
func newest(views []View) []View {
	over := func(v View) bool { return !v.Live && v.State.Ended() }
	var ended []View
	for _, v := range views {
		if over(v) {
			ended = append(ended, v)
		}
	}
	slices.SortStableFunc(ended, func(a, b View) int { return b.Ended.Compare(a.Ended) })
	kept, steps := map[string]bool{}, 0
	for i, v := range ended {
		if steps += len(v.Steps); i == 0 || i < mostEnded && steps <= mostEndedSteps {
			kept[v.ID] = true
		}
	}
	return slices.DeleteFunc(views, func(v View) bool { return over(v) && !kept[v.ID] })
}

// Changed is closed when anything changed since this call.
func (r *Runner) Changed() <-chan struct{} {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return r.board.changed
}

// Views are the migrations of this runner, newest first: those that have not ended and the newest of those that have.
func (r *Runner) Views() []View {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return slices.Clone(r.board.views)
}

// View is one of the Views; ErrUnknown when there is none of that id.
func (r *Runner) View(id string) (View, error) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	for _, v := range r.board.views {
		if v.ID == id {
			return v, nil
		}
	}
	return View{}, fmt.Errorf("%w: %q", ErrUnknown, id)
}

// Wait waits until nothing more happens in a migration without an operator, or until what it needs is a passphrase.
func (r *Runner) Wait(ctx context.Context, id string) (View, error) {
	for {
		news := r.Changed()
		v, err := r.View(id)
		if err != nil || !v.Live {
			return v, err
		}
		r.mu.Lock()
		life := r.ctx
		r.mu.Unlock()
		if life == nil {
			return v, fmt.Errorf("%w: %w", ErrNotNow, fleet.ErrClosed)
		}
		select {
		case <-news:
		case <-life.Done():
			return v, fmt.Errorf("wait for migration %s: %w", id, fleet.ErrClosed)
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// view is the migration as it stands. What did not change since the last time is shared with it. The caller holds r.mu.
func (m *run) view() View {
	if !slices.Equal(m.shown, m.rec.Steps) {
		m.shown = slices.Clone(m.rec.Steps)
	}
	v := View{Record: m.rec, Waits: map[int]string{}, Live: m.live}
	v.Steps, v.Order = m.shown, slices.Clone(m.rec.Order)
	for n, why := range m.waits {
		v.Waits[n] = why
	}
	return v
}

// tell shows how the migration stands now, and wakes whoever waits for news. The caller holds r.mu.
func (m *run) tell() { m.board.put(m.view()) }

// yield is what follows a change: it is shown, and r.mu is given up.
func (m *run) yield() {
	m.tell()
	m.mu.Unlock()
}
