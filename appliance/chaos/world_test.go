package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/config"
	"holdfast/appliance/journal"
	"holdfast/appliance/sim"
	"holdfast/appliance/transport"
)

// world is everything of one run: simulated appliances, the state folder of our host, the engines on it, other people.
type world struct {
	t      testing.TB
	seed   uint64
	rng    *rand.Rand // of the one goroutine that decides
	times  *times
	state  string
	fleet  *sim.Fleet
	config *config.Config
	check  *checker
	story  *story
	log    *safeBuffer
	rival  *http.Client
	others map[string]map[string]int // requests of rivals, by appliance

	migrates bool // the engines run migrations

	main, second, viewer *process // nil = does not run
	born                 int      // processes so far
	acts                 sync.WaitGroup
	under                chan struct{} // acts under way
	ops                  int
	marks                map[time.Duration]bool // times that were asked for
	secrets              map[string]bool
	mu                   sync.Mutex // guards secrets and others
}

// mostActs is how many operations are under way at once.
const mostActs = 8

// newWorld makes the appliances, in memory, and starts the first engine.
func newWorld(t testing.TB, seed uint64, cfg sim.Config) *world {
	t.Helper()
	w := emptyWorld(t, seed, cfg)
	w.main = w.start(false, true, "")
	return w
}

// emptyWorld makes the appliances, in memory.
func emptyWorld(t testing.TB, seed uint64, cfg sim.Config) *world {
	t.Helper()
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), times: newTimes(), log: &safeBuffer{}, others: map[string]map[string]int{},
		under: make(chan struct{}, mostActs), secrets: map[string]bool{}, marks: map[time.Duration]bool{},
	}
	cfg.Memory, cfg.Clock, cfg.Seed = true, w.times.base, seed
	var err error
	if w.fleet, err = sim.Start(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.fleet.Close)
	w.check = newChecker(w.fleet.Truth(), w.times.base)
	w.story = &story{base: w.times.base}
	dir := folder(t)
	w.state = filepath.Join(dir, "state")
	path := filepath.Join(dir, "config.toml")
	if err := errors.Join(os.Mkdir(w.state, 0o700), sim.WriteConfig(path, w.fleet)); err != nil {
		t.Fatal(err)
	}
	if w.config, err = config.Load(path); err != nil {
		t.Fatal(err)
	}
	for i := range w.config.Appliances {
		w.config.Appliances[i].Trust = config.Trust{} // what an operator confirms counts
	}
	for _, a := range w.fleet.Appliances() {
		w.secret(a.Accounts[0].Password)
		w.trust(a.Name)
	}
	w.rival = &http.Client{Timeout: 30 * time.Second, Transport: rivalTransport(w.fleet)}
	t.Cleanup(w.rival.CloseIdleConnections)
	return w
}

// folder is where the state folder lies: in memory where that can be, as it is not the disk that is tested, and each record waits
// for it.
func folder(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-chaos-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// start starts an engine with a new id.
func (w *world) start(looks, adopt bool, purpose string) *process {
	w.t.Helper()
	w.born++
	id := fmt.Sprintf("s%dn%d", w.seed, w.born)
	w.story.add("", "%s starts (looks only: %v, adopts: %v)", id, looks, adopt)
	p, err := w.begin(id, looks, adopt, purpose)
	if err != nil {
		w.t.Fatalf("seed %d: start an engine: %v", w.seed, err)
	}
	return p
}

// trust is an operator who confirms the key that an appliance shows now.
func (w *world) trust(name string) {
	w.t.Helper()
	known, err := transport.OpenKnown(filepath.Join(w.state, "known_appliances"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range w.config.Appliances {
		if a.Name != name {
			continue
		}
		_, where, err := transport.Canonical(a.URL)
		if err == nil {
			err = known.Add(where, sim.Pin(w.fleet.Appliance(name).Certificate()), "maria", time.Now())
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// secret notes a text that nobody may read anywhere.
func (w *world) secret(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[text] = true
}

// running are the engines that run.
func (w *world) running() []*process {
	var all []*process
	for _, p := range []*process{w.main, w.second, w.viewer} {
		if p != nil && !p.dead.Load() {
			all = append(all, p)
		}
	}
	return all
}

// look has the checker see all screens as they are now.
func (w *world) look() {
	for _, p := range w.running() {
		p.look()
	}
}

// pass lets time pass, a second at a time, with a look at every screen in each.
func (w *world) pass(d time.Duration) {
	for ; d > 0; d -= time.Second {
		time.Sleep(min(d, time.Second))
		for _, p := range w.running() {
			if d >= time.Second {
				p.second()
			} else {
				p.look()
			}
		}
	}
}

// calm ends every fault, has operators trust what they see, and lets everything be found out that can be.
func (w *world) calm() {
	w.fleet.Faults().Stop()
	for _, p := range w.running() {
		p.full.Store(false)
		p.fuse.Store(0)
	}
	w.revive()
	for _, a := range w.fleet.Appliances() {
		w.trust(a.Name)
	}
	for w.fleet.Faults().Pending() > 0 {
		w.pass(time.Second)
	}
	for _, p := range w.running() {
		p.engine.StopWaiting("ecb-1")
	}
	w.acts.Wait()
	for range 2 { // rejected credentials are looked at again after half a minute
		for _, p := range w.running() {
			p.engine.Look("")
		}
		w.pass(rest / 2)
	}
}

// revive replaces the main engine, when it has died.
func (w *world) revive() {
	for _, at := range []**process{&w.main, &w.second, &w.viewer} {
		if p := *at; p != nil && p.dead.Load() {
			if err := p.bury(); err != nil {
				w.t.Fatalf("seed %d: %v", w.seed, err)
			}
			w.story.add("", "%s was killed", p.id)
			*at = nil
		}
	}
	if w.main == nil {
		w.main = w.start(false, true, "")
	}
}

// finish ends the engines and holds everything against each other.
func (w *world) finish() {
	w.check.atRest()
	for _, p := range w.running() {
		if err := p.quit(); err != nil {
			w.t.Errorf("seed %d: quit: %v", w.seed, err)
		}
	}
	w.main, w.second, w.viewer = nil, nil, nil
	w.audit()
}

// audit reads what is left on the disk.
func (w *world) audit() {
	ctx := context.Background()
	path := filepath.Join(w.state, "journal.db")
	j, err := journal.Open(ctx, path, journal.Options{Engine: fmt.Sprintf("s%daudit", w.seed)})
	if err != nil {
		w.t.Fatal(err)
	}
	estate, err := j.Adopt(ctx, nil, nil)
	if err != nil {
		w.t.Error(err)
	}
	w.check.inventory(estate)
	for _, n := range j.Notices() {
		w.t.Errorf("seed %d: the journal says: %s", w.seed, n)
	}
	if err := j.Close(); err != nil {
		w.t.Error(err)
	}
	for _, a := range w.fleet.Appliances() {
		w.check.asked(a.Name, a.Requests(), w.others[a.Name])
	}
	w.mu.Lock()
	var canaries []string
	for s := range w.secrets {
		canaries = append(canaries, s)
	}
	w.mu.Unlock()
	w.check.secrets("the log", w.log.String(), canaries)
	for _, end := range []string{"", "-wal", "-shm"} {
		if data, err := os.ReadFile(path + end); err == nil {
			w.check.secrets("journal.db"+end, string(data), canaries)
		}
	}
}

// report tells what was broken.
func (w *world) report() {
	w.t.Helper()
	broken := w.check.violations()
	for i, v := range broken {
		if i == 5 {
			w.t.Errorf("seed %d: and %d more", w.seed, len(broken)-i)
			return
		}
		text := ""
		if i == 0 {
			text = "\n" + w.story.of(v.appliance, v.at, w.fleet.Truth().Effects())
		}
		w.t.Errorf("seed %d: %s\n    again: go test ./appliance/chaos %s -v%s", w.seed, v, w.rerun(), strings.TrimRight(text, "\n"))
	}
}

// rerun are the flags that have a test run again: one that draws by lot with its seed only.
func (w *world) rerun() string {
	switch test, _, _ := strings.Cut(w.t.Name(), "/"); test {
	case "TestChaos", "TestHours", "TestMigrations":
		return fmt.Sprintf("-run '^%s$' -chaos.seed=%d", test, w.seed)
	}
	return fmt.Sprintf("-run '%s'", w.t.Name())
}
