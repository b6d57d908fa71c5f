package chaos

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"holdfast/appliance/clock"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
	"holdfast/appliance/transport"
)

// errDead is what a process that was killed hears from the world.
var errDead = errors.New("this process is dead")

// process is one run of the program without its screen: an engine with its clients, its journal and a viewer. It can be killed:
// from one moment on nothing that it does reaches the network, the journal or the folder of tokens, and its kernel lock is free.
type process struct {
	w       *world
	id      string
	looks   bool
	clock   *clock.Clock
	engine  *fleet.Engine
	journal *journal.Journal
	runner  *migration.Runner // nil where no migrations are run
	nextID  string            // of the migration that is begun next
	log     *safeBuffer
	cancel  context.CancelFunc
	watch   sync.WaitGroup

	dead    atomic.Bool
	died    chan struct{}
	fuse    atomic.Int64 // writes of the journal and the network until it dies; 0 = none burns
	full    atomic.Bool  // its disk is
	dieAt   atomic.Int64 // the crash point at which it dies; 0 = none
	points  atomic.Int64 // that it came to: before and after each write of the journal, and whatever it sends while an act is open
	open    atomic.Int64 // acts: intents without an outcome
	mu      sync.Mutex
	conns   map[net.Conn]bool
	remains map[string][]byte // its files as they were when it died
}

// begin starts a process on the state folder.
func (w *world) begin(id string, looks, adopt bool, purpose string) (*process, error) {
	p := &process{w: w, id: id, looks: looks, clock: clock.New(w.times.source), log: w.log, died: make(chan struct{}), conns: map[net.Conn]bool{}}
	w.check.began(id, looks, adopt && !looks) // who only looks does not read what others hold
	known, err := transport.OpenKnown(filepath.Join(w.state, "known_appliances"))
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx := context.Background()
	if p.journal, err = journal.Open(ctx, filepath.Join(w.state, "journal.db"), journal.Options{Engine: id, Clock: p.clock, Log: logger}); err != nil {
		return nil, err
	}
	deps := connect.Deps{Dial: p.dial, Clock: p.clock, Log: logger, Known: known, StateDir: w.state, Engine: id, ReadOnly: looks}
	var members []fleet.Member
	for _, a := range w.config.Appliances {
		client, err := connect.New(a, deps)
		if err != nil {
			return nil, errors.Join(err, p.journal.Close())
		}
		members = append(members, fleet.Member{Appliance: client, Name: a.Name, Kind: a.Kind, Address: a.Address, MountPoints: a.MountPoints})
	}
	if p.engine, err = fleet.New(fleet.Options{
		ID: id, Members: members, Clock: p.clock, Journal: desk{p.journal, p}, ReadOnly: looks, Log: logger, Adopt: adopt, Purpose: purpose,
		Seed: w.rng.Uint64(),
	}); err != nil {
		return nil, errors.Join(err, p.journal.Close())
	}
	ctx, p.cancel = context.WithCancel(ctx)
	p.watch.Go(func() { p.journal.Follow(p.engine) })
	p.watch.Go(p.view)
	p.engine.Start(ctx)
	if w.migrates && !looks {
		p.runner = migration.New(migration.Options{Person: otto, Fleet: p.engine, Store: desk{p.journal, p}, Log: logger, NewID: func() string { return p.nextID }})
		if err := p.runner.Start(ctx); err != nil && !p.dead.Load() {
			w.story.add("", "%s cannot take over migrations: %v", id, err)
		}
	}
	return p, nil
}

// view is a screen: it is given every snapshot and every event.
func (p *process) view() {
	viewer := p.engine.Subscribe()
	defer viewer.Close()
	for {
		up, err := viewer.Next(context.Background())
		if err != nil {
			return
		}
		for _, s := range up.Snapshots {
			p.w.check.shown(p.id, s, p.clock.Now)
		}
		for _, e := range up.Events {
			if !p.dead.Load() {
				p.w.story.add(e.Appliance, "%s says: %s %s %s", p.id, e.Level, e.Who, e.Text)
			}
			p.w.check.told(p.id, e)
		}
	}
}

// look has the checker see every screen as it is drawn now.
func (p *process) look() {
	for _, s := range p.engine.Snapshots() {
		p.w.check.shown(p.id, s, p.clock.Now)
	}
}

// second is a look after a second.
func (p *process) second() {
	p.look()
	p.w.check.second(p.engine.Snapshots(), p.clock.Now())
}

// kill is SIGKILL. It may be called by any goroutine, also in the middle of what the process does.
func (p *process) kill() {
	if !p.dead.CompareAndSwap(false, true) {
		return
	}
	p.w.check.ended(p.id, true)
	remains := map[string][]byte{}
	for _, path := range p.files() {
		if data, err := os.ReadFile(path); err == nil {
			remains[path] = data
		}
	}
	p.mu.Lock()
	p.remains = remains
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	close(p.died)
}

// files are those that it keeps for itself: what its ECB tokens hang on, and the file whose kernel lock says that it runs.
func (p *process) files() []string {
	found, _ := filepath.Glob(filepath.Join(p.w.state, "tokens", p.id+"-*"))
	return append(found, filepath.Join(p.w.state, "journal.db.engine-"+p.id))
}

// bury frees what a killed process held, and leaves its files as they were when it died.
func (p *process) bury() error {
	<-p.died
	p.stop()
	err := p.journal.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, path := range p.files() {
		if _, was := p.remains[path]; !was {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	for path, data := range p.remains {
		err = errors.Join(err, os.WriteFile(path, data, 0o600))
	}
	return err
}

// stop ends the engine and those who read it.
func (p *process) stop() {
	if p.runner != nil {
		p.runner.Close()
	}
	p.engine.Close()
	p.cancel()
	p.watch.Wait()
}

// quit ends it as an operator does who leaves his locks to their end.
func (p *process) quit() error {
	p.stop()
	p.w.check.ended(p.id, false)
	p.dead.Store(true)
	err := p.journal.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	return err
}

// step is one thing that the process does to the world; when its fuse has burnt down it dies there.
func (p *process) step() error {
	if p.fuse.Load() > 0 && p.fuse.Add(-1) == 0 {
		p.kill()
	}
	if p.dead.Load() {
		return errDead
	}
	return nil
}

// point is a crash point of an act.
func (p *process) point() error {
	if p.points.Add(1) == p.dieAt.Load() {
		p.kill()
	}
	return p.step()
}

// dial connects it to an appliance; the truth log knows it by its id.
func (p *process) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.dead.Load() {
		return nil, errDead
	}
	raw, err := p.w.fleet.DialAs(runPrefix+p.id)(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &wire{Conn: raw, p: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead.Load() {
		return nil, errors.Join(errDead, raw.Close())
	}
	p.conns[c] = true
	return c, nil
}

// wire is a connection of a process.
type wire struct {
	net.Conn
	p *process
}

// Write sends, if the process lives.
func (c *wire) Write(b []byte) (int, error) {
	point := c.p.step
	if c.p.open.Load() > 0 {
		point = c.p.point
	}
	if err := point(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close closes.
func (c *wire) Close() error {
	go c.p.forget(c) // kill closes while it holds the list
	return c.Conn.Close()
}

func (p *process) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

var errFull = errors.New("disk full")

// safeBuffer is a log that several write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

// String is all of it.
func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Clone(s.b.String())
}
