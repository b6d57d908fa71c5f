package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/appliance/config"
	"holdfast/ui/keymap"
)

func configCommand(env *Env, f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check or begin a configuration", Args: group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Read the configuration and say what is wrong with it", Args: wants(0, 0),
			RunE: func(*cobra.Command, []string) error { return checkConfig(env, *f) },
		},
		&cobra.Command{
			Use: "path", Short: "Say which file is read", Args: wants(0, 0),
			RunE: func(*cobra.Command, []string) error {
				path := f.config
				if path == "" {
					path = config.DefaultPath()
				}
				_, err := fmt.Fprintln(env.Out, path)
				return exit(ExitFailed, err)
			},
		},
		&cobra.Command{
			Use: "example", Short: "Print a configuration with every setting and its default", Args: wants(0, 0),
			RunE: func(*cobra.Command, []string) error {
				_, err := fmt.Fprint(env.Out, config.Example())
				return exit(ExitFailed, err)
			},
		},
	)
	return cmd
}

func checkConfig(env *Env, f flags) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	n := "1 appliance"
	if len(c.Appliances) != 1 {
		n = fmt.Sprintf("%d appliances", len(c.Appliances))
	}
	_, err = fmt.Fprintf(env.Out, "%s is good: %s\n", c.Path, n)
	return exit(ExitFailed, err)
}

// bindings is what the keys do with those of a configuration. What is wrong with them is told with its place in the file.
func bindings(c *config.Config) (*keymap.Map, error) {
	if err := c.CheckKeys(config.KeyNames{Actions: keymap.Names(), Names: keymap.KeyNames(), Meant: keymap.Meant}); err != nil {
		return nil, exit(ExitUsage, err)
	}
	keys, err := keymap.New(c.Keys)
	if clash, ok := errors.AsType[*keymap.ClashError](err); ok {
		err = c.KeyProblem(clash.Key, clash.Error(), string(clash.Actions[0]), string(clash.Actions[1]))
	}
	return keys, exit(ExitUsage, err)
}
