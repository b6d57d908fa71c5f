package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"reflect"
	"time"

	"github.com/charmbracelet/x/term"
)

// Host is what the process itself was given: its arguments, streams and environment, and the user who started it. Nobody is
// asked for a password beyond ctx.
func Host(ctx context.Context) Env {
	env := Env{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), User: userName(),
		Terminal: term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()), Clock: processClock(),
	}
	if term.IsTerminal(os.Stderr.Fd()) {
		env.Width = func() int {
			columns, _, _ := term.GetSize(os.Stderr.Fd()) // 0 = it cannot be told
			return columns
		}
	}
	if env.Terminal {
		env.ReadPassword = func(prompt string) (string, error) {
			defer env.Clock.Now() // the time that the operator took is no pause of ours
			return readPassword(ctx, prompt)
		}
	}
	return env
}

// readPassword asks at the terminal without echo. When ctx ends, the echo comes back at once.
func readPassword(ctx context.Context, prompt string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	state, err := term.GetState(os.Stdin.Fd())
	if err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		unechoed(state)
		fmt.Fprint(os.Stderr, prompt)
	}()
	defer fmt.Fprintln(os.Stderr)
	text, err := answer(ctx, func() (string, error) {
		b, err := term.ReadPassword(os.Stdin.Fd())
		return string(b), err
	})
	<-asked // so that the echo is not switched off behind our back
	if ctx.Err() != nil {
		_ = term.Restore(os.Stdin.Fd(), state) // there is nothing else that could be done
	}
	return text, err
}

// unechoed waits until the terminal's modes are not those any more, as the echo was switched off: nobody is asked, and the modes
// are not brought back, before. A terminal that had no echo shows no difference, so that this takes a moment at the most.
func unechoed(before *term.State) {
	for range 100 {
		if now, err := term.GetState(os.Stdin.Fd()); err != nil || !reflect.DeepEqual(now, before) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// answer is what read returns, or the cause of the end of ctx. What waits at a terminal for a line cannot be called back: it
// is left behind for the end of the process, which then is near.
func answer(ctx context.Context, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case l := <-got:
		return l.text, l.err
	}
}

// userName is the OS user, or somebody when the system cannot tell.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody"
}
