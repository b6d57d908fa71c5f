package app_test

import (
	"fmt"
	"testing"
	"time"
)

const (
	settle = 5 * time.Second  // until the first listings are on the screen
	window = 32 * time.Second // over which bytes and CPU are measured: three polls, and three steps of the ages
)

// BenchmarkTerminalBytes is what a standing dashboard at 120x40 writes while about twenty countdowns run, the clock in
// the header included. Its budget is 5 B/s for each visible countdown with its bar, 4.5 without (design.md 8). Beside the layout as it
// is, which shows as many countdowns as its pane has rows, it is measured with the pane zoomed, and with locks of our own.
func BenchmarkTerminalBytes(b *testing.B) {
	bin := build(b, "holdfast")
	const locks = 20
	b.Run("foreign", func(b *testing.B) {
		x := dashboard(b, bin, locks)
		measureBytes(b, x, 5)
	})
	b.Run("foreign-narrow", func(b *testing.B) { // where there is no room for bars
		x := dashboardOf(b, bin, 48, 40, locks)
		measureBytes(b, x, 4.5)
	})
	b.Run("foreign-zoomed", func(b *testing.B) {
		x := dashboard(b, bin, locks)
		x.press("z")
		measureBytes(b, x, 5)
	})
	b.Run("own", func(b *testing.B) {
		x := dashboard(b, bin, 0)
		for i := range locks {
			take(x, i)
		}
		x.press("2")
		measureBytes(b, x, 5)
	})
}

// BenchmarkTerminalIdle is what a dashboard writes while nothing changes: nothing, but the minute in the header when
// it turns (design.md 8).
func BenchmarkTerminalIdle(b *testing.B) {
	bin := build(b, "holdfast")
	for _, s := range [][2]int{{120, 40}, {160, 50}} {
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			config := simulators(b, bin, "", "--lxca", "127.0.0.1:0", "--ecb", "127.0.0.1:0")
			for range b.N {
				x := open(b, s[0], s[1], bin, "--config", config)
				x.until("2 up")
				x.until("0 held")
				x.until("standalone")
				x.pass(3 * settle) // the ages of the first events become coarse
				begin := time.Now()
				x.pass(window)
				list := x.since(begin)
				minutes := 0
				for _, w := range list {
					b.Logf("at %s: %q", w.at.Format("15:04:05.000"), w.bytes)
					if w.at.Second() == 0 {
						minutes++
					}
				}
				b.ReportMetric(float64(size(list)), "B")
				b.ReportMetric(float64(len(list)), "writes")
				b.ReportMetric(float64(minutes), "minute-turns")
				x.close()
			}
		})
	}
}

// dashboard is a dashboard at 120x40 on one simulated LXCA with that many locks of others.
func dashboard(b *testing.B, bin string, locks int) *terminal {
	b.Helper()
	return dashboardOf(b, bin, 120, 40, locks)
}

// dashboardOf is the same of another size.
func dashboardOf(b *testing.B, bin string, width, height, locks int) *terminal {
	b.Helper()
	config := simulators(b, bin, "", "--lxca", "127.0.0.1:0", "--locks", fmt.Sprint(locks))
	x := open(b, width, height, bin, "--config", config)
	x.until("1 up")
	if locks > 0 {
		x.until(fmt.Sprintf("%d · 0 yours", locks))
	} else {
		x.until("No lock is held")
	}
	return x
}

// take takes the n-th lock of ours, for a while that no other has.
func take(x *terminal, n int) {
	x.b.Helper()
	x.press("1a")
	x.until("Acquire a lock on lxca-1")
	x.press("upd\t\x15")
	x.until("upd")
	x.press(fmt.Sprintf("%dm", 30+7*n))
	x.until(fmt.Sprintf("for  %dm", 30+7*n))
	x.press("\r")
	x.gone("Acquire a lock on")
	x.until(fmt.Sprintf("%d yours", n+1))
}

// measureBytes reports what a window writes for each countdown.
func measureBytes(b *testing.B, x *terminal, budget float64) {
	b.Helper()
	x.pass(2 * settle)
	n := x.countdowns()
	if n == 0 {
		b.Fatalf("no countdown is visible:\n%s", x.screen())
	}
	b.ResetTimer()
	for range b.N {
		begin, before := time.Now(), x.used()
		x.pass(window)
		list := x.since(begin)
		seconds := window.Seconds()
		each := float64(size(list)) / seconds / float64(n)
		b.ReportMetric(float64(size(list))/seconds, "B/s")
		b.ReportMetric(each, "B/s/countdown")
		b.ReportMetric(float64(n), "countdowns")
		b.ReportMetric(core(before, x.used(), window), "%core")
		if each > budget {
			b.Logf("over the budget of %.1f B/s for each countdown; one window:", budget)
			for _, w := range list {
				b.Logf("%s %4d %q", w.at.Format("05.000"), len(w.bytes), w.bytes)
			}
		}
	}
}
