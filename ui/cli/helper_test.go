package cli

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance/sim"
)

// TestMain reads every time in UTC and ends with a look for goroutines that a command has left. As the child of a test it is
// the program instead.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(program())
	}
	time.Local = time.UTC
	signal.Notify(make(chan os.Signal, 1), syscall.SIGWINCH) // the goroutine that this begins must not belong to a test's bubble
	goleak.VerifyTestMain(m)
}

// output may be read while a command writes it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// result is what a command has said and how it ended.
type result struct {
	code     int
	out, err string
}

// call is one command: what it is given.
type call struct {
	args     []string
	in       string
	terminal bool
	user     string
	sims     *sim.Fleet // reached in memory
}

func (c call) run(ctx context.Context) result {
	var out, errs output
	env := Env{Args: c.args, In: strings.NewReader(c.in), Out: &out, Err: &errs, User: c.user, Terminal: c.terminal,
		Environ: []string{"TERM=xterm-256color"}}
	if c.sims != nil {
		env.Dial = c.sims.DialContext
	}
	code := Main(ctx, env)
	return result{code, out.String(), errs.String()}
}

// say runs a command that needs no appliance.
func say(t *testing.T, args ...string) result {
	t.Helper()
	return call{args: args}.run(t.Context())
}

// write makes a file with that text and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withFleet runs test in virtual time with a fleet in memory and a configuration of it.
func withFleet(t *testing.T, cfg sim.Config, test func(t *testing.T, sims *sim.Fleet, config string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Memory = true
		sims, err := sim.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sims.Close)
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := sim.WriteConfig(path, sims); err != nil {
			t.Fatal(err)
		}
		change(t, path, func(text string) string { return "state_dir = \"state\"\n" + text })
		test(t, sims, path)
	})
}

// change rewrites a file.
func change(t *testing.T, path string, edit func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(edit(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless a command ended with that code and said all of that, on stdout or stderr.
func (r result) want(t *testing.T, code int, said ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	for _, s := range said {
		if !strings.Contains(r.out+r.err, s) {
			t.Errorf("%q is not said\nstdout: %s\nstderr: %s", s, r.out, r.err)
		}
	}
}

// quiet fails the test when anything was written to stdout.
func (r result) quiet(t *testing.T) {
	t.Helper()
	if r.out != "" {
		t.Errorf("stdout: %q", r.out)
	}
}

// wantNot fails the test when any of that was said.
func (r result) wantNot(t *testing.T, said ...string) {
	t.Helper()
	for _, s := range said {
		if strings.Contains(r.out+r.err, s) {
			t.Errorf("%q is said\nstdout: %s\nstderr: %s", s, r.out, r.err)
		}
	}
}
