// Package sim runs simulated appliances over real HTTPS: any number of LXCAs (package xclarity) and ECBs (package
// broker), each on its own listener with its own certificate and clock, and one truth log of what really happened.
// It shares no type and no parser with the clients, so that each side's mistake is caught by the other.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

// Kinds of appliances.
const (
	KindLXCA = "lxca"
	KindECB  = "ecb"
)

// Spec says what one appliance of a fleet is.
type Spec struct {
	Name       string // letters, digits, dot, dash, underscore; default lxca-N, fresh-N or ecb-N
	Kind       string // KindLXCA or KindECB
	Fresh      bool   // an LXCA that is newly set up: a push may arrive there
	Version    string // of an LXCA; default 4.1.0
	Addr       string // host:port to listen on; default 127.0.0.1:0
	Listener   net.Listener
	Cert       Cert // its first certificate
	RequestLog bool // count requests by method and path, see Appliance.Requests
}

// Config says what a fleet is. Locks, Backups and Jobs are per LXCA.
type Config struct {
	Appliances []Spec
	Locks      int
	Backups    int
	Jobs       int
	Life       bool          // other people take locks and run jobs, appliances slow down and come back
	Speed      float64       // of jobs; default 1
	TokenTTL   time.Duration // of an ECB's token; default 10 minutes
	Seed       uint64
	Switches   []string // NAME=VALUE, for every appliance that has the switch
	Truth      io.Writer
	Clock      func() time.Time // base clock; default time.Now
	Memory     bool             // listen in memory instead of on Addr; reach them with Fleet.DialContext
	MinTLS     uint16           // default TLS 1.2
	MaxTLS     uint16           // default the newest
	Faults     []fault.Rule     // what goes wrong on purpose, see Fleet.Faults
}

// tick is how often a fleet looks whether something is due on an appliance that nobody asks.
const tick = 500 * time.Millisecond

// Fleet is a set of simulated appliances that serve.
type Fleet struct {
	appliances []*Appliance
	truth      *kit.Truth
	faults     *fault.Script
	tokenTTL   time.Duration
	stop       context.CancelFunc
	shut       chan struct{} // closed once the end of the context has shut the servers
	work       sync.WaitGroup
}

// Start makes the appliances and serves them until ctx ends or Close is called. After an error nothing is left running. A ctx
// that ends before all of them are made is an error, which is its cause.
func Start(ctx context.Context, cfg Config) (*Fleet, error) {
	if cfg.TokenTTL <= 0 {
		cfg.TokenTTL = 10 * time.Minute
	}
	f, specs, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for i, a := range f.appliances {
		if err := a.listen(cfg, specs[i]); err != nil {
			return nil, errors.Join(fmt.Errorf("start simulated appliance %s: %w", a.Name, err), f.closeListeners())
		}
	}
	for _, r := range cfg.Faults { // times of rules run from here on
		if _, err := f.faults.Add(r); err != nil {
			return nil, errors.Join(err, f.closeListeners())
		}
	}
	ctx, f.stop = context.WithCancel(ctx)
	for _, a := range f.appliances {
		f.work.Go(a.serve)
	}
	f.work.Go(func() { f.settle(ctx) })
	if cfg.Life {
		f.work.Go(func() { f.live(ctx, cfg.Seed) })
	}
	f.shut = make(chan struct{})
	context.AfterFunc(ctx, func() {
		f.shutServers()
		close(f.shut)
	})
	return f, nil
}

// Check says what is wrong with the fleet that is to be: names, switches, and faults of appliances that there are not. Nothing
// listens for it, nor is anything written.
func (cfg Config) Check() error {
	cfg.Truth, cfg.Locks, cfg.Backups, cfg.Jobs = nil, 0, 0, 0 // making them takes time and memory, and cannot go wrong
	_, _, err := prepare(context.Background(), cfg)
	return err
}

// prepare makes a fleet that does not listen yet.
func prepare(ctx context.Context, cfg Config) (*Fleet, []Spec, error) {
	f := &Fleet{truth: kit.NewTruth(cfg.Truth), tokenTTL: cfg.TokenTTL}
	f.faults = fault.NewScript(kit.NewClock(cfg.Clock).Base, f.recordFault)
	peers := map[string]*xclarity.Appliance{}
	specs, err := named(cfg.Appliances)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for i, spec := range specs {
		f.appliances = append(f.appliances, f.build(cfg, spec, i+1, peers))
		names = append(names, spec.Name)
		if ctx.Err() != nil { // what an appliance starts with may be much
			return nil, nil, fmt.Errorf("make simulated appliances: %w", context.Cause(ctx))
		}
	}
	for _, r := range cfg.Faults {
		if err := r.Meets(names); err != nil {
			return nil, nil, err
		}
	}
	return f, specs, f.applySwitches(cfg.Switches)
}

// goodName is what an appliance may be called; files are named after it.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// named returns the specs with every name filled in and checked.
func named(specs []Spec) ([]Spec, error) {
	specs = append([]Spec(nil), specs...)
	count, seen := map[string]int{}, map[string]bool{}
	for i := range specs {
		s := &specs[i]
		if s.Kind != KindLXCA && s.Kind != KindECB {
			return nil, fmt.Errorf("simulated appliance %d: unknown kind %q: use %s or %s", i+1, s.Kind, KindLXCA, KindECB)
		}
		stem := s.Kind
		if s.Fresh {
			stem = "fresh"
		}
		count[stem]++
		if s.Name == "" {
			s.Name = stem + "-" + strconv.Itoa(count[stem])
		}
		if !goodName.MatchString(s.Name) {
			return nil, fmt.Errorf("simulated appliance %d: name %q: use letters, digits, dots, dashes and underscores", i+1, s.Name)
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("two simulated appliances are named %q", s.Name)
		}
		seen[s.Name] = true
	}
	return specs, nil
}

// build makes the n-th appliance; it does not listen yet.
func (f *Fleet) build(cfg Config, spec Spec, n int, peers map[string]*xclarity.Appliance) *Appliance {
	address := fmt.Sprintf("198.18.%d.%d", n/256, n%256)
	clock := kit.NewClock(cfg.Clock)
	a := &Appliance{
		Name: spec.Name, Kind: spec.Kind, Address: address, Accounts: kit.DefaultAccounts(), Clock: clock,
	}
	var handler http.Handler
	if spec.Kind == KindECB {
		a.ECB = broker.New(broker.Options{
			Name: spec.Name, Address: address, Clock: clock, Truth: f.truth, Accounts: a.Accounts, TokenTTL: cfg.TokenTTL,
			Speed: cfg.Speed, Seed: cfg.Seed + uint64(n),
		})
		handler = a.ECB
	} else {
		a.LXCA = xclarity.New(xclarity.Options{
			Name: spec.Name, Address: address, Version: spec.Version, Fresh: spec.Fresh, Clock: clock, Truth: f.truth, Accounts: a.Accounts,
			Locks: cfg.Locks, Backups: cfg.Backups, Jobs: cfg.Jobs, Speed: cfg.Speed, Seed: cfg.Seed,
			Peers: func(address string) *xclarity.Appliance { return peers[address] },
			Restored: func() {
				if _, err := a.SwapCertificate(Cert{NewKey: true}); err != nil {
					panic("sim: certificate: " + err.Error())
				}
			},
		})
		peers[address] = a.LXCA
		handler = a.LXCA
	}
	a.handler = f.faults.Handler(target{a}, handler)
	if spec.RequestLog { // also what a fault keeps from having an effect has come
		a.requests = &requests{count: map[string]int{}}
		a.handler = a.requests.log(a.handler)
	}
	return a
}

// applySwitches sets NAME=VALUE on every appliance that has the switch and the value.
func (f *Fleet) applySwitches(settings []string) error {
	for _, setting := range settings {
		name, value, ok := strings.Cut(setting, "=")
		if !ok {
			return fmt.Errorf("switch %q: use NAME=VALUE", setting)
		}
		known, applied := false, false
		var last error
		for _, a := range f.appliances {
			s := a.Switches()
			if !s.Known(name) {
				continue
			}
			known = true
			if err := s.Set(name, value); err != nil {
				last = err
				continue
			}
			applied = true
		}
		switch {
		case !known:
			return fmt.Errorf("unknown switch %q%s", name, fault.Nearest(name, f.switchNames()))
		case !applied:
			return last
		}
	}
	return nil
}

// switchNames are the names of all switches that an appliance of the fleet has.
func (f *Fleet) switchNames() []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range Switches() {
		for _, a := range f.appliances {
			if a.Kind == s.Kind && !seen[s.Name] {
				seen[s.Name] = true
				names = append(names, s.Name)
			}
		}
	}
	sort.Strings(names)
	return names
}

// KindSwitch is a switch and the kind of appliance that has it.
type KindSwitch struct {
	Kind string
	kit.Switch
}

// Switches lists every switch of every kind of appliance, defaults first among the values.
func Switches() []KindSwitch {
	var all []KindSwitch
	for _, s := range xclarity.Switches() {
		all = append(all, KindSwitch{KindLXCA, s})
	}
	for _, s := range broker.Switches() {
		all = append(all, KindSwitch{KindECB, s})
	}
	return all
}

// settle lets what is due happen on appliances that nobody asks, so that the truth log keeps up.
func (f *Fleet) settle(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f.Settle()
		}
	}
}

// Settle lets everything that is due happen now.
func (f *Fleet) Settle() {
	f.faults.Settle()
	for _, a := range f.appliances {
		if a.LXCA != nil {
			a.LXCA.Settle()
		} else {
			a.ECB.Settle()
		}
	}
}

// Appliances returns the appliances in the order of the config.
func (f *Fleet) Appliances() []*Appliance { return append([]*Appliance(nil), f.appliances...) }

// Appliance returns the appliance of that name, nil when there is none.
func (f *Fleet) Appliance(name string) *Appliance {
	for _, a := range f.appliances {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Truth is the log of every effect on every appliance.
func (f *Fleet) Truth() *kit.Truth { return f.truth }

// Faults is the script of what goes wrong on purpose; rules may be added and removed at any time.
func (f *Fleet) Faults() *fault.Script { return f.faults }

// recordFault writes a fault into the truth log.
func (f *Fleet) recordFault(e fault.Event) {
	effect := kit.Effect{At: e.At.Round(0), Appliance: e.Appliance, What: "fault." + string(e.Kind), Rule: e.Rule}
	if r := e.Request; r != nil {
		by := kit.AskerOf(r)
		effect.Client, effect.Request, effect.More = by.Client, by.Request, r.Method+" "+r.URL.Path
	}
	f.truth.Record(effect)
}

// TokenTTL is the lifetime of a token on the fleet's ECBs.
func (f *Fleet) TokenTTL() time.Duration { return f.tokenTTL }

// DialAs is DialContext for a caller whom the truth log is to know by name.
func (f *Fleet) DialAs(name string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return f.DialContext(As(ctx, name), network, addr)
	}
}

// DialContext connects to an appliance of a fleet in memory by its virtual address, whatever the port.
func (f *Fleet) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial simulated appliance: %w", err)
	}
	for _, a := range f.appliances {
		if a.Address == host && a.dial != nil {
			return a.dial(ctx, network, addr)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("no simulated appliance at %s", addr)}
}

// Close stops everything and waits until it has ended. It may be called more than once.
func (f *Fleet) Close() {
	f.stop()
	<-f.shut
	f.work.Wait()
	for _, a := range f.appliances {
		a.conns.Wait()
	}
}

func (f *Fleet) shutServers() {
	for _, a := range f.appliances {
		_ = a.server.Close() // only a listener that is already closed complains
	}
}

func (f *Fleet) closeListeners() error {
	var errs []error
	for _, a := range f.appliances {
		if a.listener != nil {
			errs = append(errs, a.listener.Close())
		}
	}
	return errors.Join(errs...)
}
