// Package journal is the durable, local record of what was asked of the appliances and how it ended: running engines,
// intents with their outcomes, holdings of locks, transfers under way, requests that somebody wants to know the end of, migrations
// with their steps, and events (faults.md "Journal"). It is one SQLite file that several processes share.
//
// What the rest of the program may rely on: when Intend, Hold or another call that records return nil, the record survives
// the end of the process and of the host (WAL with synchronous=FULL). A journal that is damaged, cut or somebody else's is set
// aside under a name with the date, said in Notices, and a new one begun; it is never read as an empty one. Every record
// carries a checksum, and every engine notes beside the journal the number of its last confirmed record, so that records that
// vanished are missed. What a running engine holds, has under way and has not ended of its migrations it records anew in a journal
// that was begun meanwhile.
//
// Opening costs a few milliseconds whatever the size: Open looks at the header, the numbering and what was noted beside it.
// The whole file is checked, and old records are removed, by a goroutine of the Journal a second later (a year of 100 acts and
// 400 events a day takes it about a second of one core); what it finds is told by Notices and Options.OnNotice.
//
// Beside the journal lie its -wal and -shm, NAME.lock (held while the journal is opened, written or set aside) and, for each
// running engine, NAME.engine-ID, whose kernel lock says that the engine runs.
package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"holdfast/appliance/clock"
)

const (
	defaultKeep = 90 * 24 * time.Hour // faults.md JNL-09
	defaultWait = 2 * time.Second     // faults.md JNL-04: an operator waits for the answer to a key
)

// Options say how a journal is used. The zero value reads only.
type Options struct {
	// Engine is the id of the engine that writes: lower-case letters and digits, unique among all that ever ran. Empty: this
	// one only reads; Intend and the like are refused.
	Engine string
	Log    *slog.Logger // nil = no log
	Clock  *clock.Clock // nil = this host's
	// NetworkAllowed lets the journal be written on a network file system, whose locks may not hold (faults.md JNL-07).
	NetworkAllowed bool
	Keep           time.Duration // how long finished records stay; 0 = 90 days
	Wait           time.Duration // how long to wait for another process that writes; 0 = 2 s
	// OnNotice is told each notice at once, the first ones before Open returns. It must not call the Journal.
	OnNotice func(string)
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	path    string
	options Options
	sys     system
	gate    gate
	turn    chan struct{} // holds one token: who has it may write
	ours    *ours

	mu  sync.RWMutex // held for reading while db is used, for writing while it is put in place or taken away
	db  *database    // nil while it could not be opened
	own *flock.Flock // says that our engine runs; nil before it was taken, and for a reader
	wit *os.File     // the same file, for the number of our last confirmed record

	said    sync.Mutex // guards the fields below
	notices []string
	trouble error

	stop    context.CancelFunc
	life    context.Context
	running sync.WaitGroup
	once    sync.Once
	checked chan struct{} // closed when the check of the whole file has ended
}

// system is what the journal asks of the host, so that tests can answer instead.
type system struct {
	network func(folder string) (kind string, err error)
	uid     int
	schema  *schema
	delay   time.Duration     // between the opening and the check, so that it takes nothing from the first frame
	point   func(name string) // told where we are, for tests that end the process there
}

func host() system {
	return system{network: networkKind, uid: os.Geteuid(), schema: current, delay: time.Second, point: func(string) {}}
}

// Open opens the journal at path, making it and its folder when there is none. A path that cannot be a journal of ours (a
// symbolic link, a folder, another user's file, a folder that others write to) is an error that is ErrUnsafe. A journal
// that only cannot be written or read now (full, read-only or network file system, a newer schema, busy) is not: Writable and
// Notices say so, and each call tries anew.
func Open(ctx context.Context, path string, o Options) (*Journal, error) {
	return open(ctx, path, o, host())
}

func open(ctx context.Context, path string, o Options, sys system) (*Journal, error) {
	if o.Engine != "" && !engineID.MatchString(o.Engine) {
		return nil, fmt.Errorf("open the journal: engine id %q is not lower-case letters and digits", label(o.Engine))
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{path: whole, options: o, sys: sys, turn: make(chan struct{}, 1), ours: newOurs(), checked: make(chan struct{})}
	if j.options.Log == nil {
		j.options.Log = slog.New(slog.DiscardHandler)
	}
	if j.options.Clock == nil {
		j.options.Clock = clock.System()
	}
	if j.options.Keep <= 0 {
		j.options.Keep = defaultKeep
	}
	if j.options.Wait <= 0 {
		j.options.Wait = defaultWait
	}
	j.gate = gate{path: whole + ".lock", wait: j.options.Wait}
	j.life, j.stop = context.WithCancel(context.WithoutCancel(ctx))
	j.turn <- struct{}{}
	if err := j.begin(ctx); err != nil {
		if fatal(err) || ctx.Err() != nil {
			return nil, fmt.Errorf("open the journal: %w", first(err, j.Close()))
		}
		j.notice(err.Error())
	}
	return j, nil
}

// begin puts a usable database in place, unless there is one.
func (j *Journal) begin(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db != nil {
		return nil
	}
	if j.life.Err() != nil {
		return ErrClosed
	}
	err := j.admit()
	if err == nil {
		err = j.locked(ctx, true, j.establish)
	}
	err = j.explain("open the journal", err)
	j.setTrouble(err)
	switch {
	case err != nil:
		return err
	case j.db.readOnly != nil:
		j.setTrouble(j.explain("write the journal", j.db.readOnly))
	default:
		j.once.Do(func() { j.running.Go(j.look) })
	}
	return nil
}

// admit says whether the journal may lie where it is to lie.
func (j *Journal) admit() error {
	folder := filepath.Dir(j.path)
	tightened, err := secureFolder(folder, j.sys.uid)
	if err != nil {
		return err
	}
	if tightened != "" {
		j.notice(tightened)
	}
	kind, err := j.sys.network(folder)
	if err != nil {
		return fmt.Errorf("find out the file system of %s: %w", folder, err)
	}
	if kind == "" {
		return nil
	}
	if !j.options.NetworkAllowed {
		return &networkError{folder: folder, kind: kind}
	}
	j.notice(fmt.Sprintf("the journal lies on a network file system (%s): two hosts must never use it at once", kind))
	return nil
}

// locked calls f while no other process opens, writes or sets aside the journal; with exclusive none may write either.
func (j *Journal) locked(ctx context.Context, exclusive bool, f func(context.Context) error) error {
	release, err := j.gate.enter(ctx, exclusive)
	if err != nil {
		return err
	}
	defer release()
	return f(ctx)
}

// Notices tells what was found so far that an operator should know, oldest first.
func (j *Journal) Notices() []string {
	j.said.Lock()
	defer j.said.Unlock()
	return slices.Clone(j.notices)
}

// Writable is nil, or why the latest try to write failed: what, where, and what to do. It asks nothing; Intend tries in
// any case.
func (j *Journal) Writable() error {
	j.said.Lock()
	defer j.said.Unlock()
	return j.trouble
}

// Close ends the check, gives up the engine's kernel lock and closes the file. What was confirmed stays.
func (j *Journal) Close() error {
	j.stop()
	j.mu.Lock()   // whoever is just opening it starts the check, or finds it closed
	j.mu.Unlock() //nolint:staticcheck // nothing is guarded: we only wait
	j.running.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.db != nil {
		err = j.db.close()
		j.db = nil
	}
	j.setTrouble(ErrClosed)
	return first(err, j.leave())
}

// notice tells something once.
func (j *Journal) notice(text string) {
	text = words(text)
	j.said.Lock()
	known := slices.Contains(j.notices, text)
	if !known {
		j.notices = append(j.notices, text)
	}
	j.said.Unlock()
	if known {
		return
	}
	j.options.Log.Warn("journal", "notice", text)
	if j.options.OnNotice != nil {
		j.options.OnNotice(text)
	}
}

func (j *Journal) setTrouble(err error) {
	j.said.Lock()
	defer j.said.Unlock()
	j.trouble = err
}

// now is the wall clock.
func (j *Journal) now() time.Time { return j.options.Clock.Now().Wall }
