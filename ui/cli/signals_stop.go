package cli

import (
	"fmt"
	"io"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance/clock"
)

// suspendMsg asks the dashboard to stop as a job of its shell, redrawMsg to draw everything anew, and resumedMsg tells that
// it runs and has its screen again.
type (
	suspendMsg struct{}
	redrawMsg  struct{}
	resumedMsg struct{}
)

// stopTime is how long after the stop a SIGCONT may take to be heard of.
const stopTime = 500 * time.Millisecond

// drawTime is left to Bubble Tea between giving the terminal back and taking it again. The goroutine of its last drawing stops
// the timer when it comes to it, and would stop that of the next drawing.
const drawTime = 100 * time.Millisecond

// stop is what runs while Bubble Tea has given the terminal back; it then takes it again and draws everything.
type stop struct{ process *process } // nil = do not stop, only draw anew

// Run stops the whole job and returns once it was continued; where no shell could continue it, at once. It does not go by
// SIGTSTP, which the kernel would drop there: once asked for, Go's runtime does not give that signal its own meaning back.
func (s stop) Run() error {
	defer func() { <-time.After(drawTime) }()
	p := s.process
	if p == nil || !inShell() {
		return nil
	}
	select {
	case <-p.resume: // of an earlier time
	default:
	}
	p.stopping.Store(true)
	defer p.stopping.Store(false)
	if err := syscall.Kill(0, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop the job: %w", err)
	}
	select {
	case <-p.resume:
	case <-time.After(stopTime):
	}
	return nil
}

// inShell reports whether we are a job of a shell: in its session, started by it, and not in its own group. A session of our
// own (ssh -t, a window of tmux) has nobody who could continue us.
func inShell() bool {
	own, err := sessionOf(0)
	if err != nil {
		return false
	}
	parents, err := sessionOf(syscall.Getppid())
	return err == nil && own == parents && own != syscall.Getpgrp()
}

// SetStdin does nothing: nothing is read.
func (stop) SetStdin(io.Reader) {}

// SetStdout does nothing: nothing is written.
func (stop) SetStdout(io.Writer) {}

// SetStderr does nothing: nothing is written.
func (stop) SetStderr(io.Writer) {}

// standAside gives the terminal back, stops when p is not nil, and takes the terminal again.
func standAside(p *process) tea.Cmd {
	return tea.Exec(stop{p}, func(error) tea.Msg { return resumedMsg{} }) // a terminal that is gone is noticed by the screen
}

// continued answers a SIGCONT. Who was stopped without being asked (SIGSTOP) finds the terminal as somebody else left it.
func (p *process) continued() {
	if !p.stopping.Load() {
		p.send(redrawMsg{})
		return
	}
	select {
	case p.resume <- struct{}{}:
	default:
	}
}

// mostPause is the longest time between two looks at the clock while the process runs: the engine looks every second.
const mostPause = 5 * time.Second

// processClock is the host's clock for a process that may be stopped. Both clocks of the host go on then; here the monotonic
// one stands still, so that a stop is known as a step, as a suspended host is (faults.md SIG-04, CLK-03).
func processClock() *clock.Clock {
	start := time.Now()
	return clock.New(pausing(func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	}))
}

// pausing takes pauses out of the monotonic time of a source. The clock calls it one at a time.
func pausing(source clock.Source) clock.Source {
	var seen, paused time.Duration
	return func() (time.Time, time.Duration) {
		wall, mono := source()
		if pause := mono - seen; pause > mostPause {
			paused += pause
		}
		seen = mono
		return wall, mono - paused
	}
}
