package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// crash is the cause of a session that ended by a panic.
type crash struct{ where, report string }

// Error says it in words; a report that could not be written is in them.
func (c *crash) Error() string {
	return fmt.Sprintf("the dashboard failed in %s; a report without secrets: %s", c.where, c.report)
}

// guarded is a dashboard whose panics, in drawing, in answering and in commands, end the session in order (faults.md
// TRM-05). Bubble Tea would catch them too, and print what they say, which nobody has cleaned.
type guarded struct {
	model   tea.Model
	process *process
	state   string // folder for reports
	end     func(error)
	resumed func()
	free    func(key string) bool // reports whether no binding has that key
	last    tea.View
	once    sync.Once
}

// Init begins the dashboard.
func (g *guarded) Init() (cmd tea.Cmd) {
	defer g.rescue("its beginning")
	return g.guard(g.model.Init())
}

// Update answers a message. Being stopped is the matter of the process, not of the dashboard.
func (g *guarded) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	return g, g.answer(msg)
}

// answer is Update's command; none after a panic.
func (g *guarded) answer(msg tea.Msg) tea.Cmd {
	defer g.rescue("an answer")
	switch msg := msg.(type) {
	case suspendMsg:
		return standAside(g.process)
	case redrawMsg:
		return standAside(nil)
	case resumedMsg:
		g.resumed()
		return nil
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+z" && g.process != nil && g.free("ctrl+z") {
			return standAside(g.process)
		}
	}
	next, cmd := g.model.Update(msg)
	g.model = next
	return g.guard(cmd)
}

// View draws. After a panic the last picture stays, for the moment until the terminal is put back.
func (g *guarded) View() tea.View {
	g.draw()
	return g.last
}

func (g *guarded) draw() {
	defer g.rescue("a drawing")
	g.last = g.model.View()
}

// guard makes a command, and those that it brings, one whose panic ends the session.
func (g *guarded) guard(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		defer g.rescue("a command")
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = g.guard(c)
			}
		}
		return msg
	}
}

// rescue is deferred. What panicked, if anything did, ends the session and leaves a report.
func (g *guarded) rescue(where string) {
	what := recover()
	if what == nil {
		return
	}
	g.once.Do(func() {
		path, err := writeReport(g.state, "failed in "+where, what)
		if err != nil {
			path = err.Error()
		}
		g.end(&crash{where, path})
	})
}

// errNoFolder tells that there is no state folder, so that no report is written.
var errNoFolder = errors.New("there is no folder for it")

// writeReport writes what the goroutines of the process are doing into a file that only we can read, and returns its path.
// There are names and places of code in it and no values, for those may be secret: of what a panic said only an error of
// Go's own runtime, which quotes none, of everything else its type (faults.md I7).
func writeReport(dir, why string, value any) (string, error) {
	if dir == "" {
		return "", errNoFolder
	}
	now := time.Now().UTC()
	path := filepath.Join(dir, fmt.Sprintf("report-%s-%d.txt", now.Format("20060102-150405.000"), os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("write a report: %w", err)
	}
	fmt.Fprintf(f, "holdfast %s, %s/%s\n%s: %s\n", version(), runtime.GOOS, runtime.GOARCH, now.Format(time.RFC3339), why)
	var known runtime.Error
	switch err, ok := value.(error); {
	case value == nil:
	case ok && errors.As(err, &known):
		fmt.Fprintf(f, "panic: %s\n", known)
	default:
		fmt.Fprintf(f, "panic with a value of type %T, which is not shown: it may hold a secret\n", value)
	}
	fmt.Fprintln(f)
	err = pprof.Lookup("goroutine").WriteTo(f, 1) // with 2 it would print arguments
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("write a report: %w", err)
	}
	return path, nil
}
