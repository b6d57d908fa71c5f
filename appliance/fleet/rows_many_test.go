package fleet_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
)

// dials counts attempts to connect, by appliance, and how many are under way at once; each takes a while.
type dials struct {
	mu   sync.Mutex
	at   map[string][]time.Time
	now  int
	most int
	next func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (d *dials) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.at[addr] = append(d.at[addr], time.Now())
	d.now++
	d.most = max(d.most, d.now)
	d.mu.Unlock()
	<-time.After(20 * time.Millisecond)
	d.mu.Lock()
	d.now--
	d.mu.Unlock()
	return d.next(ctx, network, addr)
}

// since is how many attempts there were from a moment on.
func (d *dials) since(from time.Time) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, all := range d.at {
		for _, at := range all {
			if !at.Before(from) {
				n++
			}
		}
	}
	return n
}

func (d *dials) reset() (most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	most, d.most = d.most, 0
	return most
}

// spent is the time that this process has kept a core busy, simulators and TLS included.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Fifty appliances go away at once and come back at once. While they are away each is asked by one attempt at a time, seldom and
// not in step with the others; on their return nobody is asked by more than one probe before he has answered, few are at once,
// and nothing of all this keeps a core busy.
func TestFault_NET10_FiftySimulators(t *testing.T) {
	const n, workers = 50, 8
	for _, how := range []string{"refused", "503"} {
		t.Run(how, func(t *testing.T) {
			d := &dials{at: map[string][]time.Time{}}
			set := func(c *connect.Deps, o *fleet.Options) {
				d.next, c.Dial, o.Workers = c.Dial, d.dial, workers
			}
			onSims(t, many(n), func(t *testing.T, h *house) { fifty(t, h, d, how, workers) }, set)
		})
	}
}

func fifty(t *testing.T, h *house, d *dials, how string, workers int) {
	all := func(s fleet.State) func() bool {
		return func() bool {
			return !slices.ContainsFunc(h.Snapshots(), func(x *fleet.Snapshot) bool { return x.State != s })
		}
	}
	requests := func() (n int) {
		for _, a := range h.sims.Appliances() {
			for _, k := range a.Requests() {
				n += k
			}
		}
		return n
	}
	h.until(time.Minute, "all to be up", all(fleet.StateUp))
	h.fault("outage=20m how=" + how)
	away := fleet.StateDown
	if how == "503" {
		away = fleet.StateRestarting
	}
	h.until(time.Minute, "all to be away", all(away))
	h.pass(5 * time.Minute) // by then the delays are the longest
	from, sent, busy := time.Now(), requests(), spent(t)
	tries := make([]int, 60)
	for i := range tries { // ten minutes, in steps of ten seconds
		before := d.since(from) + requests()
		h.pass(10 * time.Second)
		tries[i] = d.since(from) + requests() - before
	}
	busy = spent(t) - busy
	total := d.since(from) + requests() - sent
	if how == "503" { // a connection that stands is asked on, a new one both ways
		total = requests() - sent
	}
	// The delays are 1 s to 60 s, so one attempt each half minute: 1000 in ten minutes.
	if total < 700 || total > 1300 {
		t.Errorf("50 dead appliances were tried %d times in ten minutes", total)
	}
	if m := slices.Max(tries); m > 3*total/len(tries)+10 {
		t.Errorf("in step: %d of %d tries in ten of six hundred seconds", m, total)
	}
	if most := d.reset(); most > workers {
		t.Errorf("%d attempts at once with %d workers", most, workers)
	}
	if limit := 10 * time.Minute / 10; busy > limit {
		t.Errorf("%s of a core in ten minutes, want at most %s", busy, limit)
	}
	t.Logf("away: %d tries and %s of a core in ten minutes", total, busy)

	// They come back: one probe each, and everything else behind it.
	h.sims.Faults().Stop()
	from = time.Now()
	took := h.until(70*time.Second, "all to be up", all(fleet.StateUp))
	for addr, at := range d.at {
		if i := slices.IndexFunc(at, func(x time.Time) bool { return !x.Before(from) }); how == "refused" && (i < 0 || len(at)-i > 1) {
			t.Errorf("%s: %d connections on its return, want one", addr, len(at)-max(i, 0))
		}
	}
	if most := d.reset(); most > workers {
		t.Errorf("%d attempts at once with %d workers", most, workers)
	}
	must(t, "losses and returns told", len(h.Events(0, 0)), 100)
	t.Logf("back after %s", took)
	busy = spent(t)
	h.pass(2 * time.Minute)
	if busy = spent(t) - busy; busy > 2*time.Minute/10 {
		t.Errorf("%s of a core for two minutes of 50 appliances that are up", busy)
	}
	t.Logf("up: %s of a core in two minutes", busy)
}

// Twenty appliances ask to be left alone for the same time: each is, up to five minutes, and then not all come at once.
func TestFault_NET09_NotInStep(t *testing.T) {
	for asked, wait := range map[time.Duration]time.Duration{2 * time.Minute: 2 * time.Minute, time.Hour: 5 * time.Minute} {
		onSims(t, many(20), func(t *testing.T, h *house) {
			count := func(name string) (n int) {
				for _, k := range h.sims.Appliance(name).Requests() {
					n += k
				}
				return n
			}
			h.fault(fmt.Sprintf("status=503 GET retry-after=%s", asked))
			first, again, seen := map[string]time.Time{}, map[string]time.Duration{}, map[string]int{}
			for _, name := range h.Names() {
				seen[name] = count(name)
			}
			for len(again) < 20 {
				h.pass(100 * time.Millisecond)
				for _, name := range h.Names() {
					n, from := count(name), first[name]
					switch {
					case n == seen[name]:
					case from.IsZero():
						first[name] = time.Now()
					case again[name] == 0:
						again[name] = time.Since(from)
					}
					seen[name] = n
				}
				if len(again) == 0 && len(first) == 20 && slices.ContainsFunc(h.Snapshots(), func(s *fleet.Snapshot) bool { return s.State != fleet.StateRestarting }) {
					t.Fatalf("not all are restarting%s", h.story())
				}
			}
			different := map[time.Duration]bool{}
			for name, d := range again {
				different[d.Round(time.Second)] = true
				if d < wait-time.Second || d > wait+wait/10+3*time.Second {
					t.Errorf("%s, which asked for %s, was asked again after %s", name, asked, d)
				}
			}
			must(t, fmt.Sprintf("%d different delays of 20", len(different)), len(different) >= 5, true)
		})
	}
}
