// Package broker simulates an Oracle Enterprise Communications Broker (ECB) as its REST interface shows it: tokens that
// end, one configuration lock tied to the token that took it, three copies of the configuration, one slot for the state
// of asynchronous work, and backup files. It is written from api/ecb.md alone and shares no type and no parser with any
// client, so that a mistake on one side is caught by the other.
//
// What the vendor leaves open is a named switch (see Switches). Nothing happens on timers: whatever has become due by the
// base clock is settled, in the order in which it fell due, before each request, each call of a method here, and by
// Settle. An effect that fell due carries the moment at which it did, not the moment at which it was noticed.
package broker

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"holdfast/appliance/sim/kit"
)

// Options say what a simulated ECB is like. The zero value of each field but Name is usable.
type Options struct {
	Name     string        // host name in status and information
	Address  string        // where it says it can be found; used in poll links under the switch link-host=address
	Clock    *kit.Clock    // nil: a clock of its own that follows the machine's
	Truth    *kit.Truth    // nil: effects are kept but written nowhere
	Accounts []kit.Account // nil: kit.DefaultAccounts
	TokenTTL time.Duration // lifetime of a token from its issue or renewal; 0: ten minutes
	Speed    float64       // asynchronous work takes its time divided by Speed; 0: 1
	Seed     uint64        // tokens, serial number and uptime follow from it
	Build    string        // build version; empty: a build of release 4.2

	// AllowPlain lets requests without TLS through, for tests of the handler alone. Without it they are answered 426.
	AllowPlain bool
}

// Appliance is one simulated ECB. It is an http.Handler and safe for concurrent use.
type Appliance struct {
	opts     Options
	clock    *kit.Clock
	truth    *kit.Truth
	switches *kit.Switches
	routes   map[string]map[string]route
	boot     time.Time // base time
	serial   string

	mu       sync.Mutex
	random   *rand.Rand
	tokens   map[string]*token // live ones, by their text
	issued   int               // tokens ever issued; the last one's number
	logins   map[string]*attempts
	lock     *hold // nil while the lock is free
	config   configuration
	backups  map[string][]element
	begun    int          // asynchronous operations ever begun; the last one's number
	running  []*operation // those that have not ended
	lastOp   *operation   // what asyncstatus tells about
	hidden   bool         // lastOp is not shown yet: what was before it is, once
	before   *operation
	slow     time.Duration
	away     bool
	helpName int // backups made by StartAsync, for their names
}

// New returns an appliance that has just been set up: nobody logged in, the lock free, a small configuration that is
// edited, saved and running alike, and a few backups.
func New(opts Options) *Appliance {
	if opts.Clock == nil {
		opts.Clock = kit.NewClock(nil)
	}
	if opts.Truth == nil {
		opts.Truth = kit.NewTruth(nil)
	}
	if opts.Accounts == nil {
		opts.Accounts = kit.DefaultAccounts()
	}
	if opts.TokenTTL <= 0 {
		opts.TokenTTL = 10 * time.Minute
	}
	if opts.Speed <= 0 {
		opts.Speed = 1
	}
	if opts.Build == "" {
		opts.Build = "PCZ4.2.0 GA (Build 87)"
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opts.Seed)
	copy(seed[8:], opts.Name)
	random := rand.New(rand.NewChaCha8(seed))
	initial := initialElements()
	a := &Appliance{
		opts:     opts,
		clock:    opts.Clock,
		truth:    opts.Truth,
		switches: kit.NewSwitches(Switches()),
		routes:   routes(),
		boot:     opts.Clock.Base().Add(-time.Duration(1+random.IntN(30*24)) * time.Hour),
		serial:   serialNumber(random),
		random:   random,
		tokens:   map[string]*token{},
		logins:   map[string]*attempts{},
		config:   configuration{editing: initial, saved: initial, running: initial},
		backups:  map[string][]element{},
	}
	for _, name := range []string{"nightly-1119.gz", "nightly-1120.gz", "before-upgrade.gz"} {
		a.backups[name] = initial
	}
	return a
}

// Name is the appliance's name, as in the truth log.
func (a *Appliance) Name() string { return a.opts.Name }

// Clock is the appliance's own clock: what it prints follows it, lifetimes do not.
func (a *Appliance) Clock() *kit.Clock { return a.clock }

// Switches are the behaviours that the vendor's documents leave open.
func (a *Appliance) Switches() *kit.Switches { return a.switches }

// ServeHTTP answers one request of the REST interface.
func (a *Appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(w, r) // first of all, for net/http notices that a caller has gone only once the body is read
	away := a.isAway()
	if away && a.switches.Is(swAway, "503") {
		failure(http.StatusServiceUnavailable, "Service is not available.").write(a, w)
		return
	}
	if away || !a.hesitate(r) {
		panic(http.ErrAbortHandler) // the connection is closed without a word
	}
	a.answer(c).write(a, w)
}

// answer runs the checks in their order and then the call itself, as one step that no other call can come between.
func (a *Appliance) answer(c *call) reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.now = a.clock.Base()
	a.settle(c.now)
	for _, check := range checks() {
		if bad := check(a, c); bad != nil {
			return *bad
		}
	}
	return c.do()
}

// record adds an effect of this appliance to the truth log, at base time at.
func (a *Appliance) record(at time.Time, by kit.Asker, e kit.Effect) {
	e = e.AskedBy(by)
	e.At, e.Appliance = at, a.opts.Name
	a.truth.Record(e)
}

// itself asks for what the appliance does by itself.
var itself = kit.Asker{}

func serialNumber(random *rand.Rand) string {
	const digits = "0123456789"
	b := []byte("ECB")
	for range 9 {
		b = append(b, digits[random.IntN(len(digits))])
	}
	return string(b)
}
