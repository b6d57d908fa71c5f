package cli

import (
	"fmt"
	"os"
	"os/user"

	"github.com/charmbracelet/x/term"
)

// Host is what the process itself was given: its arguments, streams and environment, and the user who started it.
func Host() Env {
	env := Env{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), User: userName(),
		Terminal: term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()),
	}
	if env.Terminal {
		env.ReadPassword = func(prompt string) (string, error) {
			fmt.Fprint(os.Stderr, prompt)
			defer fmt.Fprintln(os.Stderr)
			b, err := term.ReadPassword(os.Stdin.Fd())
			return string(b), err
		}
	}
	return env
}

// userName is the OS user, or somebody when the system cannot tell.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody"
}
