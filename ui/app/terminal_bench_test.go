package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// The benchmarks in package app_test run the real binary, as an operator would: in a pseudo-terminal, against `holdfast
// sim` in a process of its own. They measure over fixed windows of wall time, so one iteration is enough:
//
//	go test ./ui/app -run '^$' -bench Terminal -benchtime 1x -timeout 30m
//
// What is measured is read from outside: the bytes on the pty, and /proc for CPU and memory (so they need Linux).

// build compiles a program of this module and returns where it is.
func build(b *testing.B, pkg string) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", bin, pkg).CombinedOutput(); err != nil {
		b.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// simulators runs `holdfast sim` until the benchmark ends and returns the configuration that it wrote, with a state
// folder of its own and the lines of settings before it.
func simulators(b *testing.B, bin, settings string, args ...string) string {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "config.toml")
	cmd := exec.Command(bin, append([]string{"sim", "--write-config", path}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	var words bytes.Buffer
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	// The configuration is written before the first appliance tells that it is ready.
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatalf("the simulators did not start: %v\n%s", err, words.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	b.Cleanup(func() { end(cmd) })
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return configure(b, settings+"\n"+strings.Replace(string(text), "state_dir = \"state\"\n", "", 1))
}

// configure writes a configuration beside a fresh state folder and returns where it is.
func configure(b *testing.B, text string) string {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "config.toml")
	text = fmt.Sprintf("state_dir = %q\n%s", filepath.Join(dir, "state"), text)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// end asks a process to end and waits until it has.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	over := make(chan struct{})
	go func() { _ = cmd.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-over
	}
}

// terminal is a program in a pseudo-terminal, with an emulator that shows what it wrote and answers what it asks.
type terminal struct {
	b    *testing.B
	cmd  *exec.Cmd
	pty  *os.File
	emu  *vt.Emulator
	born time.Time
	once sync.Once // for close

	mu    sync.Mutex
	wake  *sync.Cond
	wrote []write // everything that came, in order
	over  bool
}

// write is what one read of the pty brought.
type write struct {
	at    time.Time
	bytes []byte
}

// open runs a program in a terminal until the benchmark ends.
func open(b *testing.B, w, h int, bin string, args ...string) *terminal {
	b.Helper()
	x := &terminal{b: b, cmd: exec.Command(bin, args...), emu: vt.NewEmulator(w, h)}
	x.wake = sync.NewCond(&x.mu)
	home := b.TempDir()
	x.cmd.Env = []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=en_US.UTF-8", "TZ=UTC", "HOME=" + home,
		"PATH=" + os.Getenv("PATH")}
	x.born = time.Now()
	var err error
	if x.pty, err = pty.StartWithSize(x.cmd, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(x.pty, x.emu) }() // ends with either
	go x.read()
	b.Cleanup(x.close)
	return x
}

// read takes what the program writes, until it ends.
func (x *terminal) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := x.pty.Read(buf)
		at := time.Now()
		x.mu.Lock()
		if n > 0 {
			x.wrote = append(x.wrote, write{at, bytes.Clone(buf[:n])})
			_, _ = x.emu.Write(buf[:n])
		}
		x.over = err != nil
		x.wake.Broadcast()
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// close ends the program; so does the end of the benchmark.
func (x *terminal) close() {
	x.once.Do(func() {
		end(x.cmd)
		_ = x.pty.Close()
		_ = x.emu.InputPipe().(io.Closer).Close() // a pipe's writer; closing it never fails
	})
}

// await waits until ok holds, which is called with mu held, and reports whether that came in time.
func (x *terminal) await(d time.Duration, ok func() bool) bool {
	late := false
	timer := time.AfterFunc(d, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		late = true
		x.wake.Broadcast()
	})
	defer timer.Stop()
	x.mu.Lock()
	defer x.mu.Unlock()
	for !ok() && !late && !x.over {
		x.wake.Wait()
	}
	return ok()
}

// until waits until the screen holds a text.
func (x *terminal) until(text string) {
	x.b.Helper()
	if !x.await(2*time.Minute, func() bool { return strings.Contains(x.emu.String(), text) }) {
		x.b.Fatalf("the screen never showed %q:\n%s", text, x.screen())
	}
}

// gone waits until the screen does not hold a text.
func (x *terminal) gone(text string) {
	x.b.Helper()
	if !x.await(time.Minute, func() bool { return !strings.Contains(x.emu.String(), text) }) {
		x.b.Fatalf("the screen went on showing %q:\n%s", text, x.screen())
	}
}

// pass lets time go by while the program runs.
func (x *terminal) pass(d time.Duration) {
	x.b.Helper()
	x.await(d, func() bool { return false })
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		x.b.Fatalf("the program ended:\n%s", x.emu.String())
	}
}

// press types.
func (x *terminal) press(keys string) {
	x.b.Helper()
	if _, err := x.pty.WriteString(keys); err != nil {
		x.b.Fatal(err)
	}
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.emu.String()
}

// since is what was written from then on.
func (x *terminal) since(then time.Time) []write {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.wrote {
		if x.wrote[i].at.After(then) {
			return x.wrote[i:]
		}
	}
	return nil
}

// size is how many bytes were written.
func size(list []write) int {
	n := 0
	for _, w := range list {
		n += len(w.bytes)
	}
	return n
}

// ticking is a countdown in its row, with a bar or, where there is no room for one, without.
var ticking = regexp.MustCompile(`(you|another) +(\d+:)?\d+:\d\d `)

// countdowns is how many countdowns are visible.
func (x *terminal) countdowns() int { return len(ticking.FindAllString(x.screen(), -1)) }

// usage is what a process has used so far.
type usage struct {
	cpu time.Duration // user and system
	rss int64         // bytes in memory now
}

// used reads what the program has used from /proc.
func (x *terminal) used() usage {
	x.b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.cmd.Process.Pid))
	if err != nil {
		x.b.Fatal(err)
	}
	const hertz = 100 // of the ticks in stat: USER_HZ, the same on every Linux that Go runs on
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := bytes.Fields(rest) // from the third on: the state
	var user, system, pages int64
	for i, n := range map[int]*int64{11: &user, 12: &system, 21: &pages} {
		if _, err := fmt.Sscan(string(fields[i]), n); err != nil {
			x.b.Fatalf("read /proc/PID/stat: %v", err)
		}
	}
	return usage{time.Duration(user+system) * time.Second / hertz, pages * int64(os.Getpagesize())}
}

// ran is how long the program's threads have been on a CPU, to the nanosecond.
func (x *terminal) ran() time.Duration {
	x.b.Helper()
	var sum int64
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", x.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		x.b.Fatalf("find the program's threads: %v", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil { // the thread has ended meanwhile
			continue
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			x.b.Fatalf("read %s: %v", task, err)
		}
		sum += ns
	}
	return time.Duration(sum)
}

// core is the share of one core that was used between two readings, in percent.
func core(before, after usage, d time.Duration) float64 {
	return 100 * float64(after.cpu-before.cpu) / float64(d)
}
