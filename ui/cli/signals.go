package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
)

// endTime is how long an orderly end may take before the process ends as it stands (faults.md SIG-01, SIG-02).
const endTime = 2 * time.Second

// Interrupted is the cause of a context that ended by a signal.
type Interrupted struct{ Signal syscall.Signal }

// Error says it in words.
func (i Interrupted) Error() string {
	if name, ok := map[syscall.Signal]string{
		syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGQUIT: "SIGQUIT", syscall.SIGHUP: "SIGHUP",
	}[i.Signal]; ok {
		return "ended by " + name
	}
	return "ended by signal " + i.Signal.String()
}

// Code is what to exit with, as a shell would tell it.
func (i Interrupted) Code() int { return 128 + int(i.Signal) }

// process is what only the process itself can do: hear its signals, be stopped, and end at once whatever else hangs. A
// dashboard that is not the process's own, as in tests or over SSH, has none: a nil process does nothing.
type process struct {
	words     io.Writer
	cancel    context.CancelCauseFunc // of the whole command
	signals   chan os.Signal
	resume    chan struct{} // gets one for each SIGCONT while stopping
	stopping  atomic.Bool
	abandoned sync.Once

	mu      sync.Mutex // guards the fields below
	state   string     // folder for reports; empty = there is none
	tidy    func()     // what is still done when the process is abandoned without a report; nil = nothing
	screen  *screen    // that a dashboard has taken; nil = none
	program *tea.Program
}

// Process runs the command line of this process and returns the code to exit with.
//
// The first SIGINT, SIGTERM or SIGHUP ends the context of the command, with an Interrupted as the cause; a further SIGINT or
// SIGTERM ends the process at once. One that was ignored when the process began, as by nohup, stays so.
func Process() int { return runProcess(func(*Env) {}) }

// runProcess is Process with a last word on what the command is given.
func runProcess(change func(*Env)) int {
	if err := harden(); err != nil {
		fmt.Fprintln(os.Stderr, "holdfast: core dumps could not be switched off: "+err.Error())
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p := &process{words: os.Stderr, cancel: cancel, signals: make(chan os.Signal, 8), resume: make(chan struct{}, 1)}
	p.hear(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go p.listen()
	env := Host(ctx)
	env.process = p
	change(&env)
	return Main(ctx, env)
}

// harden keeps what is in memory, passwords among it, out of core dumps and away from other processes of the same user
// (faults.md SIG-06). Only the soft limit is lowered, so that a command that we start may raise its own.
func harden() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("read the core limit: %w", err)
	}
	limit.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("set the core limit: %w", err)
	}
	return undumpable()
}

// hear takes over signals, but for those that whoever started us wants ignored.
func (p *process) hear(list ...syscall.Signal) {
	for _, s := range list {
		if !signal.Ignored(s) {
			signal.Notify(p.signals, s)
		}
	}
}

// deaf has the process answer no signal any more: somebody else does.
func (p *process) deaf() {
	if p != nil {
		signal.Stop(p.signals)
	}
}

// withoutPipes makes words that nobody reads an error of the write instead of the end of the process, which must not come
// between a lock that was taken and whoever gives it back; until the returned function is called.
func (p *process) withoutPipes() (stop func()) {
	if p == nil {
		return func() {}
	}
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	return func() { signal.Stop(pipes) }
}

// listen answers signals for as long as the process runs.
func (p *process) listen() {
	var first syscall.Signal
	for s := range p.signals {
		sig := s.(syscall.Signal)
		switch sig {
		case syscall.SIGTSTP:
			p.send(suspendMsg{})
		case syscall.SIGCONT:
			p.continued()
		case syscall.SIGQUIT:
			p.fail(Interrupted{sig}.Code(), Interrupted{sig}.Error(), nil)
		case syscall.SIGHUP: // comes twice when both the kernel and a shell tell of the line
			if first == 0 {
				first = sig
				p.cancel(Interrupted{sig})
			}
		case syscall.SIGINT, syscall.SIGTERM:
			if first == syscall.SIGINT || first == syscall.SIGTERM {
				p.abandon(Interrupted{sig}.Code(), Interrupted{sig}.Error()+", at once")
			}
			first = sig
			p.cancel(Interrupted{sig}) // does nothing after a SIGHUP, which is being answered
		}
	}
}

// reports says where reports of failures go: the state folder.
func (p *process) reports(dir string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = dir
}

// beforeAbandon says what is still to be done, for a moment, when the process is abandoned without a report.
func (p *process) beforeAbandon(f func()) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tidy = f
}

// take hands a dashboard's screen and program over for emergencies and for being stopped, until the returned function is
// called. SIGPIPE is taken over so that a broken pipe is an error of the write instead of the end of the process.
func (p *process) take(s *screen, program *tea.Program) (release func()) {
	if p == nil {
		return func() {}
	}
	p.mu.Lock()
	p.screen, p.program = s, program
	p.mu.Unlock()
	p.hear(syscall.SIGTSTP)
	signal.Notify(p.signals, syscall.SIGCONT, syscall.SIGPIPE)
	return func() {
		signal.Reset(syscall.SIGTSTP, syscall.SIGCONT)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.screen, p.program = nil, nil
	}
}

// send gives the dashboard's program a message, if one runs; it waits for nobody.
func (p *process) send(msg tea.Msg) {
	p.mu.Lock()
	program := p.program
	p.mu.Unlock()
	if program != nil {
		go program.Send(msg)
	}
}

// limit ends the process with that code unless it has ended by itself within endTime.
func (p *process) limit(code int, why string) {
	if p != nil {
		time.AfterFunc(endTime, func() { p.abandon(code, why) })
	}
}

// abandon ends the process at once, with the terminal as it was. It does not return.
func (p *process) abandon(code int, words string) {
	p.abandoned.Do(func() {
		p.mu.Lock() // for good: nobody takes the screen any more
		if p.screen != nil {
			p.screen.putBack()
		}
		within(wordTime, func() { fmt.Fprintln(p.words, "holdfast: "+words) })
		if p.tidy != nil {
			within(wordTime, p.tidy)
		}
		os.Exit(code)
	})
	select {} // another goroutine is ending it
}

// fail ends the process at once with a report of what its goroutines were doing.
func (p *process) fail(code int, why string, value any) {
	p.mu.Lock()
	dir := p.state
	p.mu.Unlock()
	words := why
	if path, err := writeReport(dir, why, value); err == nil {
		p.beforeAbandon(nil) // it may be where the report lies
		words += "; a report without secrets is in " + path
	} else if !errors.Is(err, errNoFolder) {
		words += "; no report could be written: " + err.Error()
	}
	p.abandon(code, words)
}

// guard makes a goroutine's function one whose panic ends the process with the terminal as it was.
func (p *process) guard(where string, f func()) func() {
	if p == nil {
		return f
	}
	return func() {
		defer func() {
			if what := recover(); what != nil {
				p.fail(ExitFailed, "failed in "+where, what)
			}
		}()
		f()
	}
}

// wordTime is how long last words may take on a terminal that takes none.
const wordTime = 200 * time.Millisecond

// within runs f and waits for it, but not longer than d.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}
