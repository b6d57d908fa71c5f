package cli

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// background is the program as a process of its own, without a terminal.
type background struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   output
	err   output
	ended chan struct{}
}

// launch runs the program in a group of its own until the test ends. change may be nil.
func launch(t *testing.T, change func(*exec.Cmd), args ...string) *background {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &background{t: t, cmd: exec.Command(self, args...), ended: make(chan struct{})}
	b.cmd.Env = []string{"TZ=UTC", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), asProgram + "=yes", "GORACE=halt_on_error=1"}
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.err
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(b.cmd)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // its state tells
		close(b.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		<-b.ended
	})
	return b
}

// says waits until stdout, or stderr, holds the text.
func (b *background) says(text string) {
	b.t.Helper()
	until := time.Now().Add(patience)
	for !strings.Contains(b.out.String()+b.err.String(), text) {
		select {
		case <-b.ended:
			if !strings.Contains(b.out.String()+b.err.String(), text) {
				b.t.Fatalf("it ended without %q\nstdout: %s\nstderr: %s", text, b.out.String(), b.err.String())
			}
		case <-time.After(5 * time.Millisecond):
			if time.Now().After(until) {
				b.t.Fatalf("there never was %q\nstdout: %s\nstderr: %s", text, b.out.String(), b.err.String())
			}
		}
	}
}

// end waits for the end and fails the test unless it has that code.
func (b *background) end(code int) {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(patience):
		b.t.Fatalf("it never ended\nstdout: %s\nstderr: %s", b.out.String(), b.err.String())
	}
	if got := b.cmd.ProcessState.ExitCode(); got != code {
		b.t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", got, code, b.out.String(), b.err.String())
	}
}

// holding begins a hold of that lock whose command tells the lock's id and runs until release is called.
func (p *place) holding(t *testing.T, appliance, scope string) (b *background, release func()) {
	t.Helper()
	b = launch(t, nil, "--config", p.config, "locks", "hold", appliance, scope, "--", "sh", "-c", "echo id $HOLDFAST_LOCK_ID.; read line; echo over")
	return b, func() { _ = b.stdin.Close() }
}

// id is the lock that the command was told.
func (b *background) id() string {
	b.t.Helper()
	b.says(".\n")
	var id string
	if _, err := fmt.Sscanf(b.out.String(), "id %s", &id); err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSuffix(id, ".")
}
