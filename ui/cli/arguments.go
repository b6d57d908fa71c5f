package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/ui/widget"
)

// span is a length of time as a flag, which knows whether it was given.
type span struct {
	d   time.Duration
	set bool
}

// lengths is what looks like a length of time, however long.
var lengths = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`)

// Set reads it, and says in words what is wrong with it.
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && lengths.MatchString(text):
		return errors.New("that is longer than can be counted")
	case err != nil:
		return errors.New("a length of time is written like 45s, 20m or 1h30m")
	}
	s.d, s.set = d, true
	return nil
}

// String writes it as it would be typed; empty = none.
func (s *span) String() string {
	if s.d == 0 {
		return ""
	}
	return widget.Span(s.d)
}

// Type is what the help calls its value.
func (*span) Type() string { return "duration" }

// wants is the rule for a command with so many arguments: what it wants is what its usage names.
func wants(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if least <= len(args) && len(args) <= most {
			return nil
		}
		_, names, _ := strings.Cut(cmd.Use, " ")
		if names == "" {
			names = "no argument"
		}
		given := "1 argument is given"
		if len(args) != 1 {
			given = fmt.Sprintf("%d arguments are given", len(args))
		}
		return fmt.Errorf("%s wants %s; %s", commandName(cmd), names, given)
	}
}

// required has a command refuse to run without those flags, or with an empty one.
func required(cmd *cobra.Command, names ...string) {
	also(cmd, func(cmd *cobra.Command) error {
		for _, name := range names {
			switch f := cmd.Flags().Lookup(name); {
			case !f.Changed:
				return fmt.Errorf("%s wants --%s", commandName(cmd), name)
			case f.Value.String() == "":
				return fmt.Errorf("--%s is empty", name)
			}
		}
		return nil
	})
}

// exclusive has a command refuse to run with several of those flags.
func exclusive(cmd *cobra.Command, names ...string) {
	also(cmd, func(cmd *cobra.Command) error {
		if given := changed(cmd, names); len(given) > 1 {
			return fmt.Errorf("%s do not go together", strings.Join(given, " and "))
		}
		return nil
	})
}

// exactlyOne has a command refuse to run without one of those flags.
func exactlyOne(cmd *cobra.Command, names ...string) {
	exclusive(cmd, names...)
	also(cmd, func(cmd *cobra.Command) error {
		if len(changed(cmd, names)) == 0 {
			return fmt.Errorf("%s wants one of --%s", commandName(cmd), strings.Join(names, ", --"))
		}
		return nil
	})
}

// changed are those of the flags that were given, as they are typed.
func changed(cmd *cobra.Command, names []string) (given []string) {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}

// also adds a rule to those for a command's arguments.
func also(cmd *cobra.Command, rule func(*cobra.Command) error) {
	before := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := before(cmd, args); err != nil {
			return err
		}
		return rule(cmd)
	}
}

// group is the rule for a command that only has others: it names the one that may be meant.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}

// commandName is a command without the program's name.
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// wrongUsage is a command line that cannot be understood, with the command that it was for.
type wrongUsage struct {
	command *cobra.Command
	error
}

// Unwrap is what is wrong.
func (w *wrongUsage) Unwrap() error { return w.error }

// judged has every mistake in a command's flags and arguments tell of which command it is.
func judged(c *cobra.Command) {
	c.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &wrongUsage{cmd, err} })
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if check := c.Args; check != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return &wrongUsage{cmd, err}
				}
				return nil
			}
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(c)
}
