package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"holdfast/appliance/sim"
)

// asProgram is the variable of the environment that makes the test binary the program itself; its value is an upset of
// program, or "yes".
const asProgram = "HOLDFAST_TEST_PROGRAM"

// TestMain in helper_test.go calls program for a child that is to be one.
func program() int {
	switch upset := os.Getenv(asProgram); upset {
	case "yes":
		return Process()
	case "shifted":
		return runProcess(func(env *Env) { env.Clock = shiftedClock(os.Getenv("SHIFT")) })
	case "protection":
		defer func() { fmt.Println(protection()) }()
		return Process()
	default:
		return runProcess(func(env *Env) { env.wrap = upsets(upset, env) })
	}
}

// patience is how long a test waits for what must come at once.
const patience = time.Minute

// place is a simulated fleet on sockets with a configuration of it.
type place struct {
	sims   *sim.Fleet
	dir    string
	config string
}

// newPlace is an LXCA and an ECB, and what the test wants changed in the configuration.
func newPlace(t *testing.T, edit func(string) string) *place {
	t.Helper()
	sims, err := sim.Start(t.Context(), pair())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sims.Close)
	p := &place{sims: sims, dir: t.TempDir()}
	p.config = filepath.Join(p.dir, "config.toml")
	if err := sim.WriteConfig(p.config, sims); err != nil {
		t.Fatal(err)
	}
	change(t, p.config, func(text string) string {
		return fmt.Sprintf("state_dir = %q\n%s", filepath.Join(p.dir, "state"), text)
	})
	if edit != nil {
		change(t, p.config, edit)
	}
	return p
}

// ours counts the locks on dc1 that were taken by our account.
func (p *place) ours() int {
	n := 0
	for _, l := range p.sims.Appliance("dc1").LXCA.Locks() {
		if l.By == "admin" {
			n++
		}
	}
	return n
}

// journaled fails the test unless the journal has an event that holds all of the words.
func (p *place) journaled(t *testing.T, words ...string) {
	t.Helper()
	r := call{args: []string{"--config", p.config, "events"}}.run(t.Context())
	r.want(t, ExitDone)
	for line := range strings.Lines(r.out) {
		if !containsNot(line, words) {
			return
		}
	}
	t.Errorf("no event holds %q:\n%s", words, r.out)
}

func containsNot(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// child is a program in a pseudo-terminal.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	tty    *os.File    // kept open, so that the terminal outlives the program
	modes  *term.State // of the terminal before the program began
	ended  chan struct{}

	mu   sync.Mutex
	wake *sync.Cond
	emu  *vt.Emulator
	raw  bytes.Buffer
}

// how says how a child is started.
type how struct {
	upset   string // of program
	loose   bool   // the terminal does not control it, so that nobody tells it of the line
	stderr  *os.File
	command []string // instead of the test binary
	env     []string // further variables
}

// start runs the program in a terminal of 120x40 until the test ends.
func start(t *testing.T, h how, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append([]string{self}, args...)
	if h.command != nil {
		command = h.command
	}
	if h.upset == "" {
		h.upset = "yes"
	}
	c := &child{t: t, cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{}), emu: vt.NewEmulator(120, 40)}
	c.wake = sync.NewCond(&c.mu)
	if c.master, c.tty, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(c.master, &pty.Winsize{Cols: 120, Rows: 40}); err != nil {
		t.Fatal(err)
	}
	if c.modes, err = term.GetState(c.tty.Fd()); err != nil {
		t.Fatal(err)
	}
	c.cmd.Env = []string{"TERM=xterm-256color", "LANG=en_US.UTF-8", "TZ=UTC", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
		"TMPDIR=" + t.TempDir(), asProgram + "=" + h.upset, "PROGRAM=" + self, "PS1=ready> ", "ENV=",
		"GORACE=halt_on_error=1"} // with the race detector: a code that no test expects
	c.cmd.Env = append(c.cmd.Env, h.env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.tty, c.tty, c.tty
	if h.stderr != nil {
		c.cmd.Stderr = h.stderr
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: !h.loose}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // its state tells
		close(c.ended)
	}()
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		_, _ = io.Copy(c.master, c.emu) // ends with either
	}()
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read()
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.ended
		_ = c.tty.Close()
		_ = c.master.Close()
		_ = c.emu.InputPipe().(io.Closer).Close() // a pipe's writer; closing it never fails
		<-read
		<-answers
	})
	return c
}

func (c *child) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := c.master.Read(buf)
		c.mu.Lock()
		c.raw.Write(buf[:n])
		_, _ = c.emu.Write(buf[:n])
		c.wake.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until ok holds, which is called with mu held.
func (c *child) await(what string, ok func() bool) {
	c.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.wake.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		if late {
			c.t.Fatalf("there never was %s:\n%s", what, c.emu.String())
		}
		c.wake.Wait()
	}
}

// until waits until the screen holds all of the texts.
func (c *child) until(texts ...string) {
	c.t.Helper()
	c.await(fmt.Sprintf("%q", texts), func() bool { return !containsNot(c.emu.String(), texts) })
}

// gone waits until the screen does not hold the text.
func (c *child) gone(text string) {
	c.t.Helper()
	c.await("a screen without "+text, func() bool { return !strings.Contains(c.emu.String(), text) })
}

// match waits until the screen matches and returns the groups.
func (c *child) match(pattern string) []string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	c.await(pattern, func() bool { found = re.FindStringSubmatch(c.emu.String()); return found != nil })
	return found
}

// press types keys, as the bytes that a terminal sends.
func (c *child) press(keys string) {
	c.t.Helper()
	if _, err := c.master.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// takeLock takes the lock UP of dc1.
func (c *child) takeLock() {
	c.t.Helper()
	c.until("2 up")
	c.press("1")
	c.press("g")
	c.press("a")
	c.until("Acquire a lock on dc1")
	c.press("up upd")
	c.until("narrowed to")
	c.press("\r")
	c.until("you took UP Updates", "1 yours")
}

// signal sends the program a signal.
func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for the end and returns the exit code; -1 for one who was killed.
func (c *child) end() int {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.t.Fatalf("it never ended:\n%s", c.emu.String())
	}
	return c.cmd.ProcessState.ExitCode()
}

// written is everything that came out of the terminal so far.
func (c *child) written() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

var modeSetting = regexp.MustCompile(`\x1b\[\?([0-9;]+)([hl])`)

// set is the modes of the terminal that differ from those of one that was just switched on.
func set(raw string) []string {
	on := map[string]bool{"25": true}
	for _, m := range modeSetting.FindAllStringSubmatch(raw, -1) {
		for mode := range strings.SplitSeq(m[1], ";") {
			on[mode] = m[2] == "h"
		}
	}
	var wrong []string
	for _, mode := range []string{"1049", "2004", "1000", "1002", "1003", "1006", "2026"} { // alternate screen, paste, mouse, drawing
		if on[mode] {
			wrong = append(wrong, mode)
		}
	}
	if !on["25"] {
		wrong = append(wrong, "no cursor")
	}
	return wrong
}

// restored fails the test unless the terminal is as it was before the program, which must have used it.
func (c *child) restored() {
	c.t.Helper()
	c.await("the terminal's own screen", func() bool { return len(set(c.raw.String())) == 0 })
	if !strings.Contains(c.written(), "\x1b[?1049h") {
		c.t.Error("the alternate screen was never entered")
	}
	c.cooked()
}

// cooked fails the test unless the modes of the line are what they were.
func (c *child) cooked() {
	c.t.Helper()
	now, err := term.GetState(c.tty.Fd())
	if err != nil {
		c.t.Fatal(err)
	}
	if !reflect.DeepEqual(now, c.modes) {
		c.t.Errorf("the modes of the line: %+v, before: %+v", now, c.modes)
	}
}

// stall stops the terminal's output, as ctrl-s does: whoever writes waits.
func (c *child) stall() {
	c.t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, c.tty.Fd(), stopOutput[0], stopOutput[1]); errno != 0 {
		c.t.Fatal(errno)
	}
}
