// Package xclarity simulates a Lenovo XClarity Administrator: its REST API as an http.Handler over a state that really
// changes. Locks expire, the SFTP service starts and stops with them, transfers are jobs that take time and move
// packages, and every effect is written into the truth log. What the vendor's documents leave open is a named switch.
// It is written from api/lxca.md and shares neither a type nor a parser with any client.
package xclarity

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/appliance/sim/kit"
)

// Internal is the location of packages in the appliance's own repository; DefaultShare is the remote share that every
// simulated appliance has mounted.
const (
	Internal     = "internal"
	DefaultShare = "/mnt/my_remote_share"
)

// Other is the user in whose name somebody else acts.
const Other = "OTHER"

// repositoryBytes is the space of the local repository, unless it starts with more backups than fit.
const repositoryBytes = 200_000_000_000

// never is a due time that does not come.
const never = math.MaxInt64

// Options say what an appliance starts as. Only Clock is needed; what is missing gets a default.
type Options struct {
	Name     string
	Address  string // virtual, 198.18.0.x: what a push to this appliance names
	Version  string // default 4.1.0; before 4.1.0 there are no locks
	Fresh    bool   // newly set up: no backups, and a push may arrive
	Clock    *kit.Clock
	Truth    *kit.Truth
	Accounts []kit.Account
	Locks    int     // foreign locks at the start, each living for at least an hour more
	Backups  int     // backups at the start, all in Internal; a fresh appliance has none
	Jobs     int     // finished jobs at the start
	Speed    float64 // how many times faster than life jobs run; default 1
	Seed     uint64
	// Peers finds the appliance that has a virtual address; nil when there is none.
	Peers func(address string) *Appliance
	// Restored is called, when set, when a restore has begun: from then on the appliance shows another certificate. It
	// must not call the appliance.
	Restored func()
}

// Appliance is one simulated LXCA. It is an http.Handler and safe for concurrent use.
//
// Nothing runs by itself: every request first brings the appliance to the present (settle), and so may anybody with
// Settle. No two appliances' state is ever locked at the same time.
type Appliance struct {
	opt      Options
	clock    *kit.Clock
	truth    *kit.Truth
	switches *kit.Switches
	door     *door
	uuid     string
	fresh    atomic.Bool
	away     atomic.Bool
	backAt   atomic.Int64          // base time in nanoseconds until which a restore keeps the appliance away
	slow     atomic.Int64          // nanoseconds that every answer waits
	spell    atomic.Pointer[spell] // in which a backup is being made
	nextDue  atomic.Int64          // base time in nanoseconds at which the next effect is due
	settling sync.Mutex            // held while due effects happen; taken before mu

	mu        sync.Mutex
	rng       *rand.Rand
	locks     []*lock // in order of creation
	lockDue   int64   // nothing expires before this base time
	sftp      bool
	backups   []*backup // newest first at the start, later ones behind
	byUUID    map[string]*backup
	shares    []string
	unmounted map[string]bool  // shares that cannot be reached
	arrived   string           // uuid of the package that was pushed here last
	capacity  map[string]int64 // bytes per location; a location without entry has no end
	jobs      []*job
	byJob     map[string]*job
	running   []*job
	lastJob   int

	inMu     sync.Mutex
	incoming map[*Appliance]int // appliances that are pushing to this one
	inCount  atomic.Int32
}

// New returns an appliance in its starting state.
func New(opt Options) *Appliance {
	if opt.Version == "" {
		opt.Version = "4.1.0"
	}
	if opt.Speed <= 0 {
		opt.Speed = 1
	}
	if opt.Clock == nil {
		opt.Clock = kit.NewClock(nil)
	}
	if opt.Truth == nil {
		opt.Truth = kit.NewTruth(nil)
	}
	if opt.Accounts == nil {
		opt.Accounts = kit.DefaultAccounts()
	}
	if opt.Peers == nil {
		opt.Peers = func(string) *Appliance { return nil }
	}
	if opt.Restored == nil {
		opt.Restored = func() {}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(opt.Name + "\x00" + opt.Address)) // writing to a hash never fails
	a := &Appliance{
		opt: opt, clock: opt.Clock, truth: opt.Truth, switches: kit.NewSwitches(known),
		rng: rand.New(rand.NewPCG(opt.Seed, h.Sum64())), lockDue: never,
		byUUID: map[string]*backup{}, byJob: map[string]*job{}, incoming: map[*Appliance]int{}, unmounted: map[string]bool{},
		shares: []string{DefaultShare}, capacity: map[string]int64{Internal: repositoryBytes},
	}
	a.door = newDoor(opt.Accounts, a.clock, a.switches)
	a.nextDue.Store(never)
	a.fresh.Store(opt.Fresh)
	a.uuid = a.newUUID()
	if !opt.Fresh {
		a.seedBackups(opt.Backups)
	}
	a.seedLocks(opt.Locks)
	a.seedJobs(opt.Jobs)
	return a
}

// Name is the appliance's name.
func (a *Appliance) Name() string { return a.opt.Name }

// Address is the virtual address by which pushes name the appliance.
func (a *Appliance) Address() string { return a.opt.Address }

// Fresh reports whether the appliance is newly set up; a restore makes it an ordinary one.
func (a *Appliance) Fresh() bool { return a.fresh.Load() }

// Clock is the appliance's own clock.
func (a *Appliance) Clock() *kit.Clock { return a.clock }

// Switches are the choices of this appliance.
func (a *Appliance) Switches() *kit.Switches { return a.switches }

// SetAway makes every request meet a 503 or a closed connection (switch "away") until it is called with false. Pushes
// cannot reach an appliance that is away. What it does by itself goes on.
func (a *Appliance) SetAway(away bool) { a.away.Store(away) }

// SetSlow makes every answer wait for d after the request has had its effect.
func (a *Appliance) SetSlow(d time.Duration) { a.slow.Store(int64(d)) }

// SetCapacity says how many bytes of backups a location holds, so that a copy to it can run out of space. A location
// that is neither Internal nor a known share becomes a new share.
func (a *Appliance) SetCapacity(location string, bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.hasLocation(location) {
		a.shares = append(a.shares, location)
	}
	a.capacity[location] = bytes
}

// Settle brings the appliance, and those that push to it, to the present: whatever was due has happened afterwards.
func (a *Appliance) Settle() {
	if a.inCount.Load() > 0 {
		a.inMu.Lock()
		senders := make([]*Appliance, 0, len(a.incoming))
		for s := range a.incoming {
			senders = append(senders, s)
		}
		a.inMu.Unlock()
		for _, s := range senders {
			s.settleOwn()
		}
	}
	a.settleOwn()
}

// settleOwn makes what is due on this appliance happen, in order. Others that come meanwhile wait until it has.
func (a *Appliance) settleOwn() {
	if a.clock.Base().UnixNano() < a.nextDue.Load() {
		return
	}
	a.settling.Lock()
	defer a.settling.Unlock()
	now := a.clock.Base()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expireLocks(now)
	for {
		j := a.firstDue(now)
		if j == nil {
			break
		}
		a.endDue(j)
	}
	a.reschedule()
}

// reschedule finds the next due time anew. It is called with mu held.
func (a *Appliance) reschedule() {
	due := a.lockDue
	for _, j := range a.running {
		due = min(due, j.due.UnixNano())
	}
	a.nextDue.Store(due)
}

// dueAt notes that something happens at t. It is called with mu held.
func (a *Appliance) dueAt(t time.Time) {
	a.nextDue.Store(min(a.nextDue.Load(), t.UnixNano()))
}

// record writes an effect of this appliance, at base time at, into the truth log.
func (a *Appliance) record(at time.Time, by kit.Asker, e kit.Effect) {
	e = e.AskedBy(by)
	e.At, e.Appliance = at.Round(0), a.opt.Name
	a.truth.Record(e)
}

// itself asks for what the appliance does by itself; other is somebody else who asks.
var (
	itself = kit.Asker{}
	other  = kit.Asker{User: Other}
)

// hex returns n hexadecimal digits from the appliance's own random numbers. It is called with mu held.
func (a *Appliance) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[a.rng.IntN(16)]
	}
	return string(b)
}

// newUUID returns a dashed UUID of version 4. It is called with mu held.
func (a *Appliance) newUUID() string {
	h := a.hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-" + string("89ab"[a.rng.IntN(4)]) + h[17:20] + "-" + h[20:]
}

// hasLocation reports whether backups can lie there. It is called with mu held.
func (a *Appliance) hasLocation(location string) bool {
	if location == Internal {
		return true
	}
	for _, s := range a.shares {
		if s == location {
			return true
		}
	}
	return false
}

// status reads a switch whose value is an HTTP status.
func (a *Appliance) status(name string) int {
	n, err := strconv.Atoi(a.switches.Get(name))
	if err != nil {
		panic("sim: switch " + name + " is not a status")
	}
	return n
}
