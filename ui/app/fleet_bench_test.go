package app_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkTerminalCPU is the share of a core that a dashboard at 120x40 uses, zoomed so that twenty countdowns are visible,
// with ten appliances at their default intervals. Its budget is 1 % (design.md 8).
func BenchmarkTerminalCPU(b *testing.B) {
	bin := build(b, "holdfast")
	args := []string{"--locks", "2"}
	for range 10 {
		args = append(args, "--lxca", "127.0.0.1:0")
	}
	x := open(b, 120, 40, bin, "--config", simulators(b, bin, "", args...))
	x.until("10 up")
	x.until("20 · 0 yours")
	x.press("z")
	x.pass(4 * settle)
	if n := x.countdowns(); n < 19 { // one that lasts for more than a day counts hours
		b.Fatalf("%d countdowns are visible:\n%s", n, x.screen())
	}
	b.ResetTimer()
	for range b.N {
		before := x.used()
		x.pass(2 * window)
		after := x.used()
		b.ReportMetric(core(before, after, 2*window), "%core")
		b.ReportMetric(float64(after.rss)/1e6, "MB")
		b.ReportMetric(float64(x.countdowns()), "countdowns")
	}
}

// BenchmarkTerminalThousand is a dashboard over 1,000 simulated appliances, whose locks, jobs and backups are each asked for
// every 10 s. Its budget is 150 MB, 20 % of a core, and no poll later than two periods (design.md 8): no appliance is left
// unasked for longer than 30 s. Requests are counted on their way, by a relay that sees when ciphertext goes to
// an appliance; it runs in the process of the benchmark, as the simulators run in theirs.
func BenchmarkTerminalThousand(b *testing.B) {
	const appliances, period = 1000, 10 * time.Second
	bin := build(b, "holdfast")
	args := []string{"--backups", "6"}
	for range appliances {
		args = append(args, "--lxca", "127.0.0.1:0")
	}
	config := simulators(b, bin, "[defaults.intervals]\nlocks = \"10s\"\njobs = \"10s\"\nbackups = \"10s\"\n", args...)
	relays := intercept(b, config)
	if len(relays) != appliances {
		b.Fatalf("%d appliances are configured", len(relays))
	}
	x := open(b, 120, 40, bin, "--config", config)
	x.until(fmt.Sprintf("%d up", appliances))
	b.Logf("all up after %v", time.Since(x.born).Round(time.Millisecond))
	x.pass(30 * time.Second)
	b.ResetTimer()
	for range b.N {
		const long = 60 * time.Second
		begin, before := time.Now(), x.used()
		x.pass(long)
		after, over := x.used(), time.Now()
		if head, _, _ := strings.Cut(x.screen(), "\n"); !strings.Contains(head, fmt.Sprintf("%d up", appliances)) {
			b.Errorf("not all are up any more: %s", head)
		}
		requests, gaps := 0, []time.Duration{}
		for _, r := range relays {
			n, gap := r.look(begin, over)
			requests, gaps = requests+n, append(gaps, gap)
		}
		b.ReportMetric(float64(after.rss)/1e6, "MB")
		b.ReportMetric(core(before, after, long), "%core")
		b.ReportMetric(float64(requests)/long.Seconds(), "requests/s")
		b.ReportMetric(median(gaps).Seconds(), "median-longest-gap-s")
		b.ReportMetric(slices.Max(gaps).Seconds(), "longest-gap-s")
		b.ReportMetric((slices.Max(gaps) - period).Seconds(), "latest-s")
	}
}

// relay stands between the program and one appliance and notes when something is sent to it.
type relay struct {
	to string

	mu   sync.Mutex
	sent []time.Time
}

var urls = regexp.MustCompile(`(?m)^url = "(https://[^"]+)"$`)

// intercept puts a relay before each appliance of a configuration.
func intercept(b *testing.B, config string) []*relay {
	b.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		b.Fatal(err)
	}
	var relays []*relay
	text = urls.ReplaceAllFunc(text, func(line []byte) []byte {
		u, err := url.Parse(string(urls.FindSubmatch(line)[1]))
		if err != nil {
			b.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = l.Close() })
		r := &relay{to: u.Host}
		relays = append(relays, r)
		go r.serve(l)
		return fmt.Appendf(nil, "url = \"https://%s\"", l.Addr())
	})
	if err := os.WriteFile(config, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return relays
}

// serve passes connections on until the listener is closed.
func (r *relay) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go r.pass(c)
	}
}

// pass joins a connection with one to the appliance, until either ends.
func (r *relay) pass(c net.Conn) {
	defer func() { _ = c.Close() }()
	s, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	go func() {
		_, _ = s.(*net.TCPConn).WriteTo(c) // an end on either side ends both
		_ = c.Close()
	}()
	buf := make([]byte, 4<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.sent = append(r.sent, time.Now())
		r.mu.Unlock()
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}

// look counts what was sent to the appliance between two moments, and tells the longest time without anything.
func (r *relay) look(begin, over time.Time) (n int, gap time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := begin
	for _, at := range r.sent {
		if at.Before(begin) || at.After(over) {
			continue
		}
		gap, last = max(gap, at.Sub(last)), at
		n++
	}
	return n, max(gap, over.Sub(last))
}
