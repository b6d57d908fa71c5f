package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

const left = "1 lock is left to expire: UP Updates on dc1 (ends "

// However the line drops, the journal says so and what becomes of the locks, and the program ends within two seconds.
func TestFault_SIG01_LineDropped(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		how  how
		drop func(c *child)
	}{
		"SIGHUP": {how{}, func(c *child) { c.signal(syscall.SIGHUP) }},
		"SIGHUP twice": {how{}, func(c *child) {
			c.signal(syscall.SIGHUP)
			_ = c.cmd.Process.Signal(syscall.SIGHUP) // the first may have ended it already
		}},
		"terminal gone":                 {how{}, func(c *child) { _ = c.master.Close() }},
		"terminal gone, no signal":      {how{loose: true}, func(c *child) { _ = c.master.Close() }},
		"SIGHUP and nobody reads words": {how{stderr: closedPipe(t)}, func(c *child) { c.signal(syscall.SIGHUP) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			c := start(t, x.how, "--config", p.config)
			c.takeLock()
			cut := time.Now()
			x.drop(c)
			if code := c.end(); code != 129 {
				t.Errorf("exit code %d\n%s", code, c.written())
			}
			if took := time.Since(cut); took > endTime {
				t.Errorf("it took %v", took)
			}
			p.journaled(t, "the line dropped; "+left)
			if p.ours() != 1 {
				t.Errorf("%d locks of ours are left", p.ours())
			}
		})
	}
}

// closedPipe is the writing end of a pipe that nobody reads.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// The first signal ends it in order, with the terminal as it was and words about the locks.
func TestFault_SIG02_Orderly(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			c := start(t, how{}, "--config", p.config)
			c.takeLock()
			c.signal(sig)
			if got := c.end(); got != code {
				t.Errorf("exit code %d", got)
			}
			c.restored()
			c.until("holdfast: " + Interrupted{sig}.Error() + "; 1 lock is left to expire")
			p.journaled(t, Interrupted{sig}.Error()+"; "+left)
			if p.ours() != 1 {
				t.Errorf("%d locks of ours are left", p.ours())
			}
		})
	}
}

// A further signal does not wait for what the first one waits for.
func TestFault_SIG02_SecondAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config)
	c.takeLock()
	c.beginRelease(p)
	c.signal(syscall.SIGTERM)
	c.await("the terminal's own screen", func() bool { return len(set(c.raw.String())) == 0 })
	c.signal(syscall.SIGINT)
	if code := c.end(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	c.restored()
	c.until("holdfast: ended by SIGINT, at once")
}

// beginRelease begins an act that the appliance does not answer.
func (c *child) beginRelease(p *place) {
	c.t.Helper()
	c.press("2")
	c.press("r")
	c.until("Release UP Updates")
	p.sims.Appliance("dc1").LXCA.SetSlow(patience)
	c.press("y")
	c.gone("Release UP Updates")
}

// A terminal that takes nothing any more holds up the screen, but neither the end nor the journal.
func TestFault_SIG02_StalledTerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config)
	c.takeLock()
	c.stall()
	c.signal(syscall.SIGTERM)
	if code := c.end(); code != 143 {
		t.Errorf("exit code %d", code)
	}
	c.cooked()
	p.journaled(t, "ended by SIGTERM; "+left)
}

// At a prompt ctrl-c ends it at once, with the echo as it was and nothing changed.
func TestFault_SIG02_AtAPrompt(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		args   []string
		edit   func(string) string
		prompt string
	}{
		"trust": {[]string{"trust", "dc1"}, withoutPins, "Type yes:"},
		"password": {nil, func(text string) string {
			return strings.ReplaceAll(text, "password_file", "password_prompt = true\n#")
		}, "Password of admin at dc1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, x.edit)
			c := start(t, how{}, append([]string{"--config", p.config}, x.args...)...)
			c.until(x.prompt)
			c.press("\x03")
			if code := c.end(); code != 130 {
				t.Errorf("exit code %d\n%s", code, c.written())
			}
			c.cooked()
			if strings.Contains(c.written(), "\x1b[?1049h") {
				t.Error("the dashboard was shown")
			}
			if got := pins(t, p.config); strings.Contains(got, "sha256//") {
				t.Errorf("known: %q", got)
			}
		})
	}
}

func withoutPins(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "pin = ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// In a shell ctrl-z gives the terminal back and fg takes it again; so does a SIGTSTP from elsewhere.
func TestFault_SIG04_JobOfAShell(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{command: []string{"sh", "-i"}})
	c.until("ready>")
	c.press(fmt.Sprintf("\"$PROGRAM\" --config %q\r", p.config))
	c.takeLock()
	stopped := func() {
		t.Helper()
		c.await("a prompt", func() bool { return strings.HasSuffix(strings.TrimRight(c.emu.String(), " \n"), "ready>") })
		if wrong := set(c.written()); wrong != nil {
			t.Errorf("modes of a stopped program: %q", wrong)
		}
	}
	c.press("\x1a")
	stopped()
	c.press("clear; jobs -p\r")
	var pid int
	if _, err := fmt.Sscan(c.match(`(?m)^(\d+) *$`)[1], &pid); err != nil {
		t.Fatal(err)
	}
	stopped()
	c.press("fg\r")
	c.until("2 Locks", "UP Updates", "1 yours")
	if err := syscall.Kill(pid, syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	stopped()
	c.press("fg\r")
	c.until("2 Locks", "UP Updates", "1 yours")
	c.press("q")
	c.until("You hold 1 lock.")
	c.press("\r")
	stopped()
	c.press("echo \"left with $?\"\r")
	c.until("left with 0")
	if wrong := set(c.written()); wrong != nil {
		t.Errorf("modes of the terminal: %q", wrong)
	}
}

// Where nobody could continue it, ctrl-z does not stop it: as the session's own leader it goes on.
func TestFault_SIG04_NobodyToContinue(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config)
	c.until("2 up")
	before := len(c.written())
	c.press("\x1a")
	c.await("a second screen", func() bool { return strings.Contains(c.raw.String()[before:], "\x1b[?1049h") })
	c.until("2 up", "2 Locks")
	c.press("q")
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.restored()
}

// After a stop that nobody announced the countdown is what is left now; the locks are unknown and nothing that changes them
// is let through until they were listed again.
func TestFault_CLK07_StoppedAndContinued(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config)
	c.takeLock()
	countdown := `UP Updates +you +(\d+):(\d\d)`
	before := seconds(t, c.match(countdown))
	began := time.Now()
	c.signal(syscall.SIGSTOP)
	p.sims.Appliance("dc1").LXCA.SetSlow(2 * time.Second) // so long the locks are not listed after the stop
	<-time.After(mostPause + time.Second)                 // the stop itself
	drawn := len(c.written())
	c.signal(syscall.SIGCONT)
	c.await("a new screen", func() bool { return strings.Contains(c.raw.String()[drawn:], "\x1b[?1049h") })
	c.until("UP Updates", "unknown, asking")
	c.press("2")
	c.press("r")
	c.until("our clock jumped; it is being asked again first")
	p.sims.Appliance("dc1").LXCA.SetSlow(0)
	after := seconds(t, c.match(countdown))
	passed := int(time.Since(began) / time.Second)
	if after > before-int(mostPause/time.Second) || after < before-passed-2 {
		t.Errorf("%d s after %d s were left it shows %d s", passed, before, after)
	}
}

func seconds(t *testing.T, m []string) int {
	t.Helper()
	d, err := time.ParseDuration(m[1] + "m" + m[2] + "s")
	if err != nil {
		t.Fatal(err)
	}
	return int(d / time.Second)
}

// While it asks what becomes of the locks, ctrl-c takes the question back; nothing is sent and it runs on.
func TestFault_LCK11_CtrlCAtTheQuestion(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{}, "--config", p.config)
	c.takeLock()
	c.press("\x03")
	c.until("You hold 1 lock.")
	c.press("\x03")
	c.gone("You hold 1 lock.")
	c.until("1 yours")
	if p.ours() != 1 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
	c.press("q")
	c.until("You hold 1 lock.")
	c.press("\r")
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.restored()
	if p.ours() != 1 {
		t.Errorf("%d locks of ours are left", p.ours())
	}
}

// A panic, wherever it is, ends it with the terminal as it was, one short message and a report without secrets.
func TestFault_TRM05_Panic(t *testing.T) {
	t.Parallel()
	for where, said := range map[string]string{
		"update": "failed in an answer", "view": "failed in a drawing", "command": "failed in a command",
		"batch": "failed in a command", "goroutine": "failed in a goroutine",
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			c := start(t, how{upset: where}, "--config", p.config)
			c.takeLock()
			c.press("!")
			if code := c.end(); code != ExitFailed {
				t.Errorf("exit code %d", code)
			}
			c.restored()
			c.until("holdfast: ", said)
			own := c.written()[strings.LastIndex(c.written(), "\x1b[?1049l"):]
			if strings.Contains(own, "goroutine 1") || strings.Contains(own, ".go:") || strings.Contains(own, canary) {
				t.Errorf("the words: %q", own)
			}
			report := p.report(t)
			if !strings.Contains(report, said) || !strings.Contains(report, "signals_pty_test.go") || strings.Contains(report, canary) {
				t.Errorf("the report:\n%s", report)
			}
			if where != "goroutine" { // which may have broken anything
				p.journaled(t, said, left)
			}
			if p.ours() != 1 {
				t.Errorf("%d locks of ours are left", p.ours())
			}
		})
	}
}

// upset is a dashboard in which ! makes something panic.
type upset struct {
	tea.Model
	where   string
	process *process
	broken  bool
}

func upsets(where string, env *Env) func(tea.Model) tea.Model {
	return func(m tea.Model) tea.Model { return &upset{m, where, env.process, false} }
}

func (u *upset) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	key, ok := msg.(tea.KeyPressMsg)
	if !ok || key.String() != "!" {
		next, cmd := u.Model.Update(msg)
		u.Model = next
		return u, cmd
	}
	fails := func() tea.Msg { panic("with " + canary) }
	switch u.where {
	case "update":
		panic("with " + canary)
	case "command":
		return u, fails
	case "batch":
		return u, tea.Batch(nil, fails, tea.RequestBackgroundColor)
	case "goroutine":
		go u.process.guard("a goroutine", func() { panic("with " + canary) })()
	}
	u.broken = true
	return u, nil
}

func (u *upset) View() tea.View {
	if u.broken && u.where == "view" {
		panic("with " + canary)
	}
	return u.Model.View()
}

// A SIGHUP that whoever started it wants ignored, as nohup does, is ignored.
func TestFault_SIG01_IgnoredByNohup(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	c := start(t, how{command: []string{"sh", "-c", `trap "" HUP; exec "$PROGRAM" --config "$0"`, p.config}})
	c.until("2 up")
	c.signal(syscall.SIGHUP)
	c.press("?")
	c.until("give the lock back")
	c.press("\x1b")
	c.gone("give the lock back")
	c.press("q")
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
