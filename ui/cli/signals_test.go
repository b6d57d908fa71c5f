package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/sim"
)

// breakable is a terminal in memory whose line can break; the error is then that of each write.
type breakable struct {
	mu    sync.Mutex
	err   error
	tries int // of writes since
}

func (b *breakable) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		b.tries++
		return 0, b.err
	}
	return len(p), nil
}

func (b *breakable) snap(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// A dashboard whose output breaks ends as by SIGHUP, in no time and without trying on; on_drop says what becomes of locks.
func TestFault_SIG03_BrokenOutput(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		err    error
		onDrop string
		slow   time.Duration // how slowly the appliance answers then
		said   string
		left   int
	}{
		"EIO":                {syscall.EIO, dropLeave, 0, "the line dropped; 1 lock is left to expire: UP Updates on dc1 (ends 00:20:0", 1},
		"pipe":               {syscall.EPIPE, dropLeave, 0, "the line dropped; 1 lock is left to expire: UP Updates on dc1 (ends 00:20:0", 1},
		"release":            {syscall.EIO, dropRelease, 0, "the line dropped; 1 lock was released: UP Updates on dc1", 0},
		"release in vain":    {syscall.EIO, dropRelease, time.Hour, "the line dropped; 1 lock is perhaps released: UP Updates on dc1 (ends 00:20:0", 0},
		"not now, try again": {syscall.EAGAIN, dropLeave, 0, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}, Seed: 1}
			withFleet(t, one, func(t *testing.T, sims *sim.Fleet, config string) {
				out := &breakable{}
				in, typed := io.Pipe()
				env := Env{In: in, Out: out, Err: io.Discard, User: "maria", Terminal: true, Dial: sims.DialContext, Clock: clock.System(),
					Environ: []string{"TERM=xterm-256color"}, Program: []tea.ProgramOption{tea.WithWindowSize(120, 40)}}
				c, err := load(&env, flags{config: config})
				if err != nil {
					t.Fatal(err)
				}
				r, err := assemble(t.Context(), &env, c, part{acting: true, adopt: true})
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(3 * time.Second) // until everything was asked
				claim := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 20 * time.Minute}}
				if _, err := r.engine.Do(t.Context(), r.person, "dc1", claim); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				session, leave := context.WithCancel(t.Context())
				go func() { ended <- show(session, &env, r, x.onDrop) }()
				<-time.After(5 * time.Second) // countdowns are drawn
				sims.Appliance("dc1").LXCA.SetSlow(x.slow)
				cut := time.Now()
				out.snap(x.err)
				if x.said == "" { // it must go on
					<-time.After(time.Minute)
					leave()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				} else {
					err = <-ended
					var coded *exitError
					if !errors.As(err, &coded) || coded.code != 129 || !strings.HasPrefix(err.Error(), x.said) {
						t.Errorf("it ended with %v", err)
					}
					if took := time.Since(cut); took > time.Second+endTime { // a second until the next drawing
						t.Errorf("it took %v", took)
					}
					if out.tries > 5 {
						t.Errorf("it tried to write %d times", out.tries)
					}
				}
				leave()
				_ = typed.Close() // for the reader of Bubble Tea
				r.close()
				sims.Appliance("dc1").LXCA.SetSlow(0)
				if n := len(sims.Appliance("dc1").LXCA.Locks()); n != x.left {
					t.Errorf("%d locks are left", n)
				}
				events := call{args: []string{"--config", config, "events"}}.run(t.Context())
				events.want(t, ExitDone, x.said)
				<-time.After(time.Hour) // ticks cannot be stopped, and the slow answer is still to come
				synctest.Wait()
			})
		})
	}
}

// An act under way is let end before the program does.
func TestFault_SIG01_ActUnderWay(t *testing.T) {
	t.Parallel()
	one := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}, Seed: 1}
	withFleet(t, one, func(t *testing.T, sims *sim.Fleet, config string) {
		env := Env{User: "maria", Dial: sims.DialContext, Clock: clock.System()}
		c, err := load(&env, flags{config: config})
		if err != nil {
			t.Fatal(err)
		}
		r, err := assemble(t.Context(), &env, c, part{acting: true, adopt: true})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second) // until everything was asked
		sims.Appliance("dc1").LXCA.SetSlow(150 * time.Millisecond)
		claim := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 20 * time.Minute}}
		go func() { _, _ = r.engine.Do(t.Context(), r.person, "dc1", claim) }()
		synctest.Wait()
		if text := r.leave("the line dropped", dropLeave); !strings.Contains(text, "1 lock is left to expire: UP") {
			t.Errorf("it says %q", text)
		}
		r.close()
		events := call{args: []string{"--config", config, "events"}}.run(t.Context())
		events.want(t, ExitDone, "took UP", "1 lock is left to expire: UP")
	})
}

// The code to exit with, and the words, for each way to end.
func TestEnding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause error
		why   string
		code  int
	}{
		{Interrupted{syscall.SIGHUP}, "the line dropped", 129},
		{Interrupted{syscall.SIGTERM}, "ended by SIGTERM", 143},
		{Interrupted{syscall.SIGINT}, "ended by SIGINT", 130},
		{errLine, "the line dropped", 129},
		{&crash{"a drawing", "/x"}, "the dashboard failed in a drawing; a report without secrets: /x", 1},
		{context.Canceled, "the line dropped", 0},
		{errors.New("no size"), "no size", 1},
	} {
		if why, code := ending(c.cause); why != c.why || code != c.code {
			t.Errorf("%v: %q and %d", c.cause, why, code)
		}
	}
}

// A stop of the process, in which both of the host's clocks go on, is a step; short pauses are none.
func TestFault_SIG04_AStopIsAStep(t *testing.T) {
	t.Parallel()
	wall, mono := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC), time.Duration(0)
	c := clock.New(pausing(func() (time.Time, time.Duration) { return wall, mono }))
	pass := func(d time.Duration) time.Duration {
		wall, mono = wall.Add(d), mono+d
		return c.Now().Run
	}
	run := pass(time.Second)
	for _, p := range []struct {
		pause time.Duration
		steps int
	}{{mostPause, 0}, {2 * time.Hour, 1}, {time.Second, 1}, {mostPause + time.Second, 2}} {
		now := pass(p.pause)
		if now-run != p.pause {
			t.Errorf("after %v the run moved by %v", p.pause, now-run)
		}
		if n := c.Steps().Count; n != p.steps {
			t.Errorf("after %v there were %d steps, want %d", p.pause, n, p.steps)
		}
		run = now
	}
}

// Of what panicked a report tells what is safe, and where.
func TestFault_TRM05_Report(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		fails      func()
		said, kept string
	}{
		"runtime": {func() { _ = []int{}[len(t.Name())] }, "panic: runtime error: index out of range", canary},
		"wrapped": {func() { panic(errors.Join(errors.New(canary), io.EOF)) }, "panic with a value of type *errors.joinError", canary},
		"text":    {func() { panic(canary) }, "panic with a value of type string", canary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{dir: t.TempDir()}
			state := p.dir + "/state"
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if _, err := writeReport(state, "failed in a test", recover()); err != nil {
						t.Error(err)
					}
				}()
				x.fails()
			}()
			report := p.report(t)
			if !strings.Contains(report, x.said) || !strings.Contains(report, "signals_test.go") || strings.Contains(report, x.kept) {
				t.Errorf("the report:\n%s", report)
			}
		})
	}
	if _, err := writeReport(t.TempDir()+"/nowhere", "why", nil); err == nil {
		t.Error("a report without a folder was written")
	}
	if _, err := writeReport("", "why", nil); !errors.Is(err, errNoFolder) {
		t.Errorf("%v", err)
	}
}

// Who is asked for a line is not waited for beyond the end.
func TestAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	if text, err := answer(ctx, func() (string, error) { return "yes", io.EOF }); text != "yes" || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", text, err)
	}
	never := make(chan struct{})
	defer close(never)
	cancel(Interrupted{syscall.SIGINT})
	text, err := answer(ctx, func() (string, error) { <-never; return "late", nil })
	var sig Interrupted
	if text != "" || !errors.As(err, &sig) {
		t.Errorf("%q, %v", text, err)
	}
}

// What takes the modes back takes back all that Bubble Tea sets, whatever it had set.
func TestAsBefore(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"1049h", "2004h", "1002h", "1003h", "1006h", "2026h"} {
		if wrong := set("\x1b[?" + mode + "\x1b[?25l"); !slices.Contains(wrong, strings.TrimSuffix(mode, "h")) {
			t.Errorf("%s is not seen: %q", mode, wrong)
		}
		if wrong := set("\x1b[?" + mode + "\x1b[?25l" + asBefore); wrong != nil {
			t.Errorf("%s stays: %q", mode, wrong)
		}
	}
}

// The end of the input is the end of the line; what was read before it is not.
func TestFault_SIG03_EndOfInput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	lost := 0
	in := newScreen(r, io.Discard, func() { lost++ }).input()
	if _, err := w.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	buf := make([]byte, 8)
	if n, err := in.Read(buf); n != 1 || err != nil || lost != 0 {
		t.Errorf("%d, %v, lost %d times", n, err, lost)
	}
	if n, err := in.Read(buf); n != 0 || !errors.Is(err, io.EOF) || lost != 1 {
		t.Errorf("%d, %v, lost %d times", n, err, lost)
	}
}
