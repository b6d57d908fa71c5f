// Package uitest drives the real program in a terminal that exists in memory, against simulated appliances that exist in
// memory too. A scenario presses keys and reads the screen, as a person would:
//
//	uitest.Run(t, uitest.Options{Sim: sim.Config{Appliances: []sim.Spec{{Kind: sim.KindLXCA}}}}, func(x *uitest.Terminal) {
//		x.Until("1 up")
//		x.Press("1", "a").Type("up").Press("enter")
//		x.Until("UP Updates", "you")
//	})
//
// Run plays the scenario in virtual time (testing/synctest): the program, its clock and the simulators all follow it, it
// begins at 2000-01-01 00:00 UTC, and waiting for an hour costs nothing. That works because nothing here is a socket: the
// input is a queue, the output an emulator, and the simulators listen on pipes. Start does the same in real time, for what
// needs real sockets. In both, Until waits for the screen and is woken by each write to it; nothing ever sleeps.
//
// In virtual time Press, Type and Paste return once the program has taken the keys and drawn; in real time they return at
// once, and the screen is waited for.
//
// Everything that a run has started must have ended when its test does: virtual time fails a test that leaves a goroutine
// behind, and for real time the package's tests end with goleak.
package uitest

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/vt"

	"holdfast/appliance/sim"
	"holdfast/ui/cli"
)

// Options say what to start. The zero value is the dashboard at 120x40 without a configuration.
type Options struct {
	Sim           sim.Config                 // the fleet; without appliances there is none, and no configuration is written
	Prepare       func(*sim.Fleet)           // furnishes the fleet before the program starts
	Config        func(config string) string // changes the configuration before it is written; nil = as it is
	Args          []string                   // after --config FILE; none is the dashboard
	Width, Height int                        // 120x40 by default
	Env           []string                   // KEY=VALUE beside TERM and LANG; NO_COLOR takes the colours away
	User          string                     // maria by default
	Background    color.Color                // of the terminal; black by default
	ReadPassword  func(prompt string) (string, error)
	Mark          func() float64 // of the odd time of a lock, 0 to 1; nil = by chance
	Sockets       bool           // connect over the network, also to a Sim that is not in memory
}

// Terminal is a running program and the terminal that it runs in.
type Terminal struct {
	Fleet *sim.Fleet // nil without one
	Dir   string     // with config.toml in it, and state

	t       testing.TB
	opts    Options
	virtual bool
	in      *queue
	errs    *safeBuffer
	args    []string
	cancel  context.CancelFunc // ends the program
	fell    context.CancelFunc // ends the fleet
	drained chan struct{}
	ended   chan struct{}
	code    int // valid when ended is closed

	mu    sync.Mutex // guards what follows
	wake  *sync.Cond
	emu   *vt.Emulator
	raw   bytes.Buffer
	title string
	over  bool
}

// Run plays a scenario in virtual time.
func Run(t *testing.T, o Options, scenario func(*Terminal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := start(t, o, true)
		scenario(x)
	})
}

// Start starts the program in real time; it ends with the test.
func Start(t *testing.T, o Options) *Terminal {
	t.Helper()
	return start(t, o, false)
}

func start(t testing.TB, o Options, virtual bool) *Terminal {
	t.Helper()
	if o.Width == 0 {
		o.Width, o.Height = 120, 40
	}
	if o.User == "" {
		o.User = "maria"
	}
	x := &Terminal{t: t, opts: o, virtual: virtual, in: newQueue(), errs: &safeBuffer{}, Dir: t.TempDir()}
	x.wake = sync.NewCond(&x.mu)
	var life context.Context
	life, x.fell = context.WithCancel(context.Background())
	t.Cleanup(x.close)
	x.args = append(x.furnish(life), o.Args...)
	x.run()
	return x
}

// run starts the program in a terminal of its own.
func (x *Terminal) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	x.cancel, x.ended, x.drained = cancel, ended, make(chan struct{})
	x.plug()
	env := x.env(x.args)
	go func() {
		code := cli.Main(ctx, env)
		x.mu.Lock()
		x.code, x.over = code, true
		x.wake.Broadcast()
		x.mu.Unlock()
		close(ended)
	}()
}

// Again starts the program once more when it has ended, with the same configuration, state folder and fleet.
func (x *Terminal) Again() *Terminal {
	x.t.Helper()
	x.End()
	x.unplug()
	x.release()
	x.mu.Lock()
	x.in, x.over, x.code = newQueue(), false, 0
	x.mu.Unlock()
	x.run()
	return x
}

// release gives the emulator back once the program has ended.
func (x *Terminal) release() {
	<-x.ended
	_ = x.emu.InputPipe().(io.Closer).Close() // a pipe's writer; closing it never fails
	<-x.drained
}

// furnish starts the fleet and writes the configuration; it returns the arguments that name it.
func (x *Terminal) furnish(ctx context.Context) []string {
	x.t.Helper()
	if len(x.opts.Sim.Appliances) == 0 {
		return nil
	}
	cfg := x.opts.Sim
	cfg.Memory = !x.opts.Sockets
	fleet, err := sim.Start(ctx, cfg)
	if err != nil {
		x.t.Fatalf("start the simulated fleet: %v", err)
	}
	x.Fleet = fleet
	if x.opts.Prepare != nil {
		x.opts.Prepare(fleet)
	}
	path := filepath.Join(x.Dir, "config.toml")
	if err := WriteConfig(path, fleet, x.opts.Config); err != nil {
		x.t.Fatal(err)
	}
	return []string{"--config", path}
}

// WriteConfig writes the configuration of a fleet as `holdfast sim --write-config` does, with a state folder beside it;
// change, if there is one, has the last word.
func WriteConfig(path string, fleet *sim.Fleet, change func(string) string) error {
	if err := sim.WriteConfig(path, fleet); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	config := fmt.Sprintf("state_dir = %q\n%s", filepath.Join(filepath.Dir(path), "state"), text)
	if change != nil {
		config = change(config)
	}
	return os.WriteFile(path, []byte(config), 0o600)
}

// plug connects the emulator: what it answers to queries goes to the program's input, as in a real terminal.
func (x *Terminal) plug() {
	x.mu.Lock()
	defer x.mu.Unlock()
	in, drained := x.in, x.drained
	x.emu = vt.NewEmulator(x.opts.Width, x.opts.Height)
	if x.opts.Background != nil {
		x.emu.SetDefaultBackgroundColor(x.opts.Background)
	}
	x.emu.SetCallbacks(vt.Callbacks{Title: func(s string) { x.title = s }})
	_, _ = x.emu.WriteString("\x1b[20h") // newline mode: nothing here turns \n into \r\n as a tty does
	emu := x.emu
	go func() {
		defer close(drained)
		_, _ = io.Copy(in, emu) // ends when release closes the emulator's side
	}()
}

func (x *Terminal) env(args []string) cli.Env {
	profile := colorprofile.TrueColor
	for _, kv := range x.opts.Env {
		if strings.HasPrefix(kv, "NO_COLOR=") {
			profile = colorprofile.ASCII
		}
	}
	env := cli.Env{
		Args: args, In: x.in, Out: (*screen)(x), Err: x.errs, User: x.opts.User, Terminal: true,
		ReadPassword: x.opts.ReadPassword, Mark: x.opts.Mark,
		Environ: append([]string{"TERM=xterm-256color", "LANG=en_US.UTF-8"}, x.opts.Env...),
		Program: []tea.ProgramOption{tea.WithWindowSize(x.opts.Width, x.opts.Height), tea.WithColorProfile(profile)},
	}
	if x.Fleet != nil && !x.opts.Sockets {
		env.Dial = buffered(x.Fleet.DialContext)
	}
	return env
}

// screen is the terminal as the program writes to it.
type screen Terminal

// Write shows p.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw.Write(p)
	n, err := s.emu.Write(p)
	s.wake.Broadcast()
	return n, err
}

// unplug ends the input, then the program. What the terminal has answered is let in first: Bubble Tea's reader would wait
// for ever to hand on what comes while the program ends.
func (x *Terminal) unplug() {
	x.settle()
	x.in.Close()
	x.settle()
	if x.cancel != nil {
		x.cancel()
	}
}

// close ends the program as a broken connection would, and waits for everything.
func (x *Terminal) close() {
	x.unplug()
	if x.emu != nil {
		x.release()
	}
	x.fell()
	if x.Fleet != nil {
		x.Fleet.Close()
	}
	if x.virtual { // let every timer that the program has left fire: those of messages and ticks cannot be stopped
		<-time.After(time.Minute)
		synctest.Wait()
	}
}

// End waits until the program has ended and returns its exit code.
func (x *Terminal) End() int {
	x.t.Helper()
	x.wait("the end of the program", func() bool { return x.over })
	return x.code
}

// Quit presses q and waits for the end.
func (x *Terminal) Quit() int {
	x.t.Helper()
	return x.Press("q").End()
}

// Hangup ends the program as a line that drops does, and returns its exit code.
func (x *Terminal) Hangup() int {
	x.t.Helper()
	x.unplug()
	return x.End()
}

// Advance lets virtual time go on.
func (x *Terminal) Advance(d time.Duration) {
	x.t.Helper()
	if !x.virtual {
		x.t.Fatal("only virtual time can be advanced: use Run")
	}
	<-time.After(d)
	synctest.Wait()
}
