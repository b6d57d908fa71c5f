package fleet

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

// BenchmarkThousandPolls is the engine's own cost of one poll of each of 1,000 appliances with three requests each (locks,
// jobs, health): what an engine does in ten seconds. At 20 % of a core for everything, one round may take 2 s.
func BenchmarkThousandPolls(b *testing.B) {
	e, _ := thousand(b)
	for _, w := range e.watchers {
		w.poll(b.Context(), w.lanes)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, w := range e.watchers {
			w.poll(b.Context(), of(laneHealth, laneLocks, laneJobs))
		}
	}
}

// BenchmarkThousandScheduled runs the whole engine for some real seconds at a period shortened to 1 s, and reports which
// share of a core it would take at 10 s.
func BenchmarkThousandScheduled(b *testing.B) {
	e, fakes := thousand(b)
	v := e.Subscribe()
	for b.Loop() {
		e.Start(b.Context())
		wait(2 * time.Second) // the first polls
		from, at, polls := used(b), time.Now(), sum(fakes)
		wait(5 * time.Second)
		cpu, took := used(b)-from, time.Since(at)
		b.ReportMetric(100*cpu.Seconds()/took.Seconds()/10, "%core@10s")
		b.ReportMetric(float64(sum(fakes)-polls)/took.Seconds(), "requests/s")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/1e6, "MB-heap")
	}
	v.Close()
	e.Close()
}

func wait(d time.Duration) { <-time.After(d) }

func used(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func sum(fakes []*fake) (n int) {
	for _, f := range fakes {
		n += f.all()
	}
	return n
}

// thousand are as many appliances with 3 locks, 6 backups and 3 jobs each, all of which is decoded anew by each poll.
func thousand(b *testing.B) (*Engine, []*fake) {
	c := clock.System()
	var o Options
	o.Clock = c
	var fakes []*fake
	for i := range 1000 {
		f := newFake(fmt.Sprintf("a%d", i), c)
		for k := range 3 {
			f.put("UP", time.Hour, time.Now())
			f.jobs = append(f.jobs, appliance.Job{
				ID: appliance.JobID(fmt.Sprint(k)), Phase: appliance.PhaseSucceeded,
				Raw: appliance.RawAnswer(fmt.Appendf(nil, "%0200d", k)),
			})
		}
		for k := range 6 {
			f.backups = append(f.backups, appliance.Backup{
				ID: appliance.BackupID(fmt.Sprint(k)), Created: time.Now(), Raw: appliance.RawAnswer(fmt.Appendf(nil, "%0800d", k)),
			})
		}
		fakes = append(fakes, f)
		o.Members = append(o.Members, Member{
			Appliance: f, Name: f.name,
			Intervals: Intervals{Locks: time.Second, Jobs: time.Second, Health: time.Second, Backups: time.Minute},
		})
	}
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.watchers[0].client.Probe(context.Background()); err != nil {
		b.Fatal(err)
	}
	return e, fakes
}

// BenchmarkKeep200 is the cost of 200 locks that are kept at four appliances: of one second of housekeeping, and of one whole
// extension. Of both together 1 % of a core is the limit at a lock's time of 20 minutes.
func BenchmarkKeep200(b *testing.B) {
	c := clock.System()
	o := Options{Clock: c, Seed: 3}
	var fakes []*fake
	for i := range 4 {
		f := newFake(fmt.Sprintf("a%d", i), c)
		fakes = append(fakes, f)
		o.Members = append(o.Members, Member{Appliance: f, Name: f.name})
	}
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	e.Start(b.Context())
	defer e.Close()
	for e.Snapshot("a3").State != StateUp {
		wait(time.Millisecond)
	}
	for i := range 200 {
		name := fakes[i%4].name
		act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: time.Hour + time.Duration(i)*time.Second}}
		r, err := e.Do(b.Context(), maria, name, act)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = e.Do(b.Context(), maria, name, keepAct(appliance.Lock{ID: r.Lock})); err != nil {
			b.Fatal(err)
		}
	}
	var tending, extending time.Duration
	n := 0
	for b.Loop() {
		from := time.Now()
		for _, w := range e.watchers {
			w.tend(c.Now())
		}
		tending += time.Since(from)
		from = time.Now()
		w := e.byName["a0"]
		w.mu.Lock()
		k := w.claims.keeps[n%len(w.claims.keeps)]
		k.busy, k.ttl = true, min(2*time.Hour+time.Duration(n/50)*2*time.Minute, 23*time.Hour) // longer each time than what is left
		w.mu.Unlock()
		w.extendKept(b.Context(), k)
		if n++; k.trouble != "" {
			b.Fatal(k.trouble)
		}
		if _, err := w.askLocks(b.Context()); err != nil { // both are listed, the old one is owed
			b.Fatal(err)
		}
		extending += time.Since(from)
	}
	b.ReportMetric(float64(tending.Microseconds())/float64(b.N), "µs-tend")
	b.ReportMetric(float64(extending.Microseconds())/float64(b.N), "µs-extend")
	perSecond := tending.Seconds()/float64(b.N) + extending.Seconds()/float64(b.N)*200/600
	b.ReportMetric(100*perSecond, "%core")
}
