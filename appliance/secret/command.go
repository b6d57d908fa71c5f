package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"holdfast/appliance"
)

// commandLimit is how long a password command may run.
const commandLimit = 10 * time.Second

// Command runs argv, without a shell and without a terminal, and gives what it wrote to its standard output, without the
// last line end. It may take 10 s and write 4 KiB. An error names the program, never its arguments, and the first line
// that it wrote to its standard error.
func Command(argv []string) Source { return command(argv, commandLimit) }

func command(argv []string, limit time.Duration) Source {
	return func(ctx context.Context) (Secret, error) {
		if len(argv) == 0 || argv[0] == "" {
			return Secret{}, errors.New("password command: it is empty")
		}
		s, err := runCommand(ctx, argv, limit)
		if err != nil {
			return Secret{}, fmt.Errorf("password command %q: %w", argv[0], err)
		}
		return s, nil
	}
}

func runCommand(ctx context.Context, argv []string, limit time.Duration) (Secret, error) {
	run, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out, words capped
	cmd := exec.CommandContext(run, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &words
	// Its own session: it has no terminal to ask on or to draw over, and its children die with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return Secret{}, ctx.Err()
	case run.Err() != nil:
		return Secret{}, fmt.Errorf("not finished within %s", limit)
	case err != nil:
		return Secret{}, commandError(err, out.kept.String(), words.kept.String())
	case out.over:
		return Secret{}, fmt.Errorf("wrote more than %d bytes", sizeLimit)
	}
	s := trimNewline(out.kept.String())
	if s == "" {
		return Secret{}, errors.New("wrote nothing")
	}
	return New(s), nil
}

// commandError says how the command failed, with the first line of what it complained, out of which its output is masked.
func commandError(err error, out, complaint string) error {
	what := "cannot be run"
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		what = failed.ProcessState.String()
	} else if cause, ok := errors.AsType[*exec.Error](err); ok {
		what = cause.Err.Error()
	} else if cause := plainCause(err); cause != nil {
		what = cause.Error()
	}
	line, _, _ := strings.Cut(strings.TrimSpace(complaint), "\n")
	if out = strings.TrimSpace(out); out != "" {
		line = strings.ReplaceAll(line, out, Redacted)
	}
	if line = appliance.Label(strings.TrimSpace(line)).String(); line != "" {
		what += ": " + line
	}
	return errors.New(what)
}

// capped keeps the first sizeLimit bytes that are written to it. The buffer is not embedded: its ReadFrom would go round
// the limit.
type capped struct {
	kept bytes.Buffer
	over bool
}

// Write keeps what fits. It never fails, so that the command can finish.
func (c *capped) Write(p []byte) (int, error) {
	fits := min(len(p), sizeLimit-c.kept.Len())
	c.over = c.over || fits < len(p)
	c.kept.Write(p[:fits])
	return len(p), nil
}
