package app_test

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// BenchmarkTerminalFirstFrame is the time from exec to the first frame on the pty, with four appliances configured,
// against a Bubble Tea program of one line at the same frame rate (testdata/bare). They take turns, so that both see the
// same machine. Its budget is 1.5 times the bare program (design.md 8). Both wait for the first turn of a frame timer of
// 62 ms; what that hides is told by the work: the time of the CPU from exec to the first frame.
func BenchmarkTerminalFirstFrame(b *testing.B) {
	const pairs = 20
	bin, bare := build(b, "holdfast"), build(b, "./testdata/bare")
	config := simulators(b, bin, "", "--lxca", "127.0.0.1:0", "--lxca", "127.0.0.1:0", "--lxca", "127.0.0.1:0", "--ecb", "127.0.0.1:0")
	var took, work [2][]time.Duration
	b.ResetTimer()
	for range b.N {
		for range pairs {
			for i, x := range []func() *terminal{
				func() *terminal { return open(b, 120, 40, bare) },
				func() *terminal { return open(b, 120, 40, bin, "--config", config) },
			} {
				frame, cpu := firstFrame(b, x())
				took[i], work[i] = append(took[i], frame), append(work[i], cpu)
			}
		}
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(median(took[0])), "bare-ms")
	b.ReportMetric(ms(median(took[1])), "holdfast-ms")
	b.ReportMetric(ms(slices.Max(took[1])), "holdfast-max-ms")
	b.ReportMetric(float64(median(took[1]))/float64(median(took[0])), "ratio")
	b.ReportMetric(ms(median(work[0])), "bare-cpu-ms")
	b.ReportMetric(ms(median(work[1])), "holdfast-cpu-ms")
}

// firstFrame is how long a program took to its first frame, and how much of the CPU.
func firstFrame(b *testing.B, x *terminal) (took, cpu time.Duration) {
	b.Helper()
	defer x.close()
	if !x.await(time.Minute, func() bool { return x.shownAt("HOLDFAST") > 0 }) {
		b.Fatalf("no frame came:\n%s", x.emu.String())
	}
	cpu = x.ran()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shownAt("HOLDFAST"), cpu
}

// shownAt is how long after exec a text was first written; 0 = not yet. It is called with mu held.
func (x *terminal) shownAt(text string) time.Duration {
	var all []byte
	for _, w := range x.wrote {
		if all = append(all, w.bytes...); bytes.Contains(all, []byte(text)) {
			return w.at.Sub(x.born)
		}
	}
	return 0
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
