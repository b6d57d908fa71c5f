package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/sim"
)

// What an operator reads has nothing of Go's or the system's own way to say it.
func TestWords(t *testing.T) {
	t.Parallel()
	_, missing := exec.LookPath("no-such-command")
	for want, err := range map[string]error{
		"wait for dc1: the time for it was over":         fmt.Errorf("wait for dc1: %w", context.DeadlineExceeded),
		"the time for it was over; whose it is":          fmt.Errorf("%w: %w; whose it is", fleet.ErrStopped, context.DeadlineExceeded),
		"stopped waiting: ended by SIGINT":               fmt.Errorf("%w: %w", fleet.ErrStopped, Interrupted{syscall.SIGINT}),
		"it was ended":                                   context.Canceled,
		"ask: network is unreachable":                    fmt.Errorf("ask: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4bcast, Port: 443}, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}),
		"open the log: /x/y.log: permission denied":      fmt.Errorf("open the log: %w", &fs.PathError{Op: "open", Path: "/x/y.log", Err: syscall.EACCES}),
		"make it: /proc/x: no such file or directory":    fmt.Errorf("make it: %w", &fs.PathError{Op: "mkdir", Path: "/proc/x", Err: syscall.ENOENT}),
		`there is no command "no-such-command" in $PATH`: missing,
		"first\nsecond":                                  errors.Join(errors.New("first"), errors.New("second")),
		"a\u241b]0;title\u2407":                          errors.New("a\x1b]0;title\x07"),
	} {
		if got := words(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// However a command fails on a line that is bad, what it says is in words.
func TestFailuresAreInWords(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		spoil(t, sims, "black-hole GET on=dc1", "delay-answer=10m GET on=edge")
		for _, args := range [][]string{
			{"status"}, {"locks", "list"}, {"locks", "acquire", "dc1", "UP"}, {"locks", "extend", "edge", "configuration"},
			{"locks", "hold", "dc1", "UP", "--", "true"},
		} {
			r := call{args: append([]string{"--config", config}, args...), sims: sims}.run(t.Context())
			plainWords(t, args, r)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(2*time.Second, func() { cancel(Interrupted{syscall.SIGINT}) })
			r = call{args: append([]string{"--config", config}, args...), sims: sims}.run(ctx)
			plainWords(t, args, r)
			r.want(t, 130, "wait for the appliances: ended by SIGINT")
		}
	})
}

// plainWords fails the test when what a command said has words of Go's.
func plainWords(t *testing.T, args []string, r result) {
	t.Helper()
	for _, raw := range []string{"context ", "deadline", "dial ", "tcp", "i/o timeout", "EOF", "0m0s", "m0s", "%!", "goroutine", "<nil>"} {
		if strings.Contains(r.out+r.err, raw) {
			t.Errorf("%v says %q:\n%s%s", args, raw, r.out, r.err)
		}
	}
	if r.err == "" {
		t.Errorf("%v says nothing", args)
	}
}
