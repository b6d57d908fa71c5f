package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/policy"
	"holdfast/appliance/transport"
)

func trustCommand(env *Env, f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "trust APPLIANCE",
		Short: "Show the key of an appliance and, after a yes, trust it from now on",
		Long: "Connects, sends nothing, and shows the fingerprint of the appliance's public key. Compare it with what the " +
			"appliance itself says before you answer yes. The key is kept in known_appliances in the state folder; a pin in " +
			"the configuration wins over it.",
		Args: wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return trust(cmd.Context(), env, *f, args[0]) },
	}
}

func trust(ctx context.Context, env *Env, f flags, name string) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	a, ok := c.Appliance(name)
	if !ok {
		return exit(ExitUsage, fmt.Errorf("%s has no appliance %q: %s", c.Path, name, known(c)))
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return exit(ExitFailed, fmt.Errorf("make the state folder: %w", err))
	}
	pins, err := transport.OpenKnown(filepath.Join(c.StateDir, "known_appliances"))
	if err != nil {
		return exit(ExitUsage, err)
	}
	options, err := connect.TransportOptions(a, connect.Deps{Dial: env.Dial, Clock: env.Clock})
	if err != nil {
		return exit(ExitUsage, err)
	}
	_, key, err := transport.Canonical(a.URL)
	if err != nil {
		return exit(ExitUsage, err)
	}
	peer, err := transport.Inspect(ctx, options)
	if err != nil {
		return exit(ExitUnreachable, fmt.Errorf("look at the key of %s: %s", name, appliance.Reason(err)))
	}
	old, had := pins.Lookup(key)
	show := func(format string, args ...any) { fmt.Fprintf(env.Out, format+"\n", args...) }
	show("%s at %s shows", name, a.URL)
	describe(show, peer)
	switch {
	case a.Trust.Pin != "" && a.Trust.Pin != peer.Pin:
		show("\nThe configuration pins another key and wins:\n  %s", a.Trust.Pin)
		return exit(ExitRefused, fmt.Errorf("change the pin of %s in %s if the new key is right", name, c.Path))
	case a.Trust.Pin == peer.Pin:
		show("\nThe configuration pins this very key. Nothing is to be done.")
		return nil
	case had && old == peer.Pin:
		show("\nThis key is trusted already.")
		return nil
	case had:
		show("\nUntil now this one was trusted:\n  %s\nA key that changed without a reason is a reason to stop.", old)
		if c.Role < policy.Admin {
			return exit(ExitRefused, errors.New("a changed key is confirmed by an admin; your role is "+c.Role.String()))
		}
	}
	if !env.Terminal {
		return exit(ExitRefused, errors.New("nobody is here to confirm the key: run this in a terminal, or set pin in the configuration"))
	}
	if err := confirmed(ctx, env); err != nil {
		return err
	}
	if err := recordTrust(ctx, env, c, name, peer.Pin, old); err != nil {
		return exit(ExitFailed, fmt.Errorf("that you confirmed the key could not be recorded, so nothing was changed: %w", err))
	}
	if err := pins.Add(key, peer.Pin, env.User, env.Clock.Now().Wall); err != nil {
		return exit(ExitFailed, fmt.Errorf("keep the key: %w", err))
	}
	fmt.Fprintln(env.Out, "Trusted.")
	return nil
}

// recordTrust has the journal know who confirmed which key, in place of which one; empty = of none (faults.md TLS-02).
func recordTrust(ctx context.Context, env *Env, c *config.Config, name, pin, old string) error {
	j, err := journal.Open(ctx, journalPath(c), journal.Options{Engine: fleet.NewID(), Clock: env.Clock})
	if err != nil {
		return err
	}
	text := "confirmed the key " + pin
	if old != "" {
		text += " in place of " + old
	}
	err = j.Tell(ctx, fleet.Event{At: env.Clock.Now(), Level: fleet.Good, Appliance: name, Who: env.User, Text: text})
	return errors.Join(err, j.Close())
}

// confirmed asks for a full yes; anything else, and the end of ctx at once, is an error.
func confirmed(ctx context.Context, env *Env) error {
	fmt.Fprint(env.Out, "\nTrust this key from now on? Type yes: ")
	line, err := answer(ctx, func() (string, error) { return bufio.NewReader(env.In).ReadString('\n') })
	if ctx.Err() != nil {
		fmt.Fprintln(env.Out) // the line that was not ended
	}
	if strings.TrimSpace(line) != "yes" {
		return exit(ExitRefused, errors.Join(errors.New("not confirmed, nothing was changed"), ignoreEOF(err)))
	}
	return nil
}

// ignoreEOF drops the end of input, which is an answer like any other that is not yes.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func describe(show func(string, ...any), p appliance.Peer) {
	const day = "2006-01-02"
	show("  key      %s", p.Pin)
	show("  subject  %s", p.Subject)
	for i, n := range p.Names {
		if !slices.Contains(p.Names[:i], n) {
			show("  name     %s", n)
		}
	}
	show("  valid    %s to %s", p.NotBefore.Format(day), p.NotAfter.Format(day))
	show("  over     %s", p.Protocol)
}

// known lists the appliances that a configuration has.
func known(c *config.Config) string {
	names := make([]string, len(c.Appliances))
	for i, a := range c.Appliances {
		names[i] = a.Name
	}
	return "it has " + strings.Join(names, ", ")
}
