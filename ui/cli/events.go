package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance/config"
	"holdfast/appliance/journal"
	"holdfast/ui/widget"
)

func eventsCommand(env *Env, f *flags) *cobra.Command {
	since := span{d: 24 * time.Hour}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what happened, from the journal, oldest first",
		Long:  "Every run writes its events into the journal in the state folder. With --json each is one object on a line of its own.",
		Args:  wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since.d <= 0 {
				return exit(ExitUsage, fmt.Errorf("--since %s: it is how far to look back, like 24h", widget.Span(since.d)))
			}
			c, err := load(env, *f)
			if err != nil {
				return err
			}
			return events(cmd.Context(), env, c, since.d, asJSON)
		},
	}
	cmd.Flags().Var(&since, "since", "how far to look back")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

// eventJSON is a line of --json. It is documented in the README and only ever grows.
type eventJSON struct {
	At        time.Time `json:"at"`
	Level     string    `json:"level"`
	Appliance string    `json:"appliance,omitempty"`
	Who       string    `json:"who,omitempty"`
	Text      string    `json:"text"`
	Engine    string    `json:"engine"`
}

func events(ctx context.Context, env *Env, c *config.Config, since time.Duration, asJSON bool) error {
	j, err := journal.Open(ctx, journalPath(c), journal.Options{Clock: env.Clock})
	if err != nil {
		return exit(ExitUsage, err)
	}
	defer func() { _ = j.Close() }() // it was only read
	list, err := j.Events(ctx, env.Clock.Now().Wall.Add(-since), 0)
	if err != nil {
		return exit(ExitFailed, err)
	}
	for _, n := range j.Notices() {
		fmt.Fprintln(env.Err, "holdfast: "+n)
	}
	if asJSON {
		out := json.NewEncoder(env.Out)
		out.SetEscapeHTML(false)
		for _, e := range list {
			if err := out.Encode(eventJSON{e.At.UTC(), e.Level.String(), e.Appliance, e.Who, e.Text, e.Engine}); err != nil {
				return exit(ExitFailed, fmt.Errorf("print the events: %w", err))
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(env.Err, "holdfast: nothing happened in the last "+widget.Span(since))
	}
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	for _, e := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format("2006-01-02 15:04:05 UTC"), e.Level, e.Appliance, e.Who, e.Text)
	}
	return exit(ExitFailed, w.Flush())
}
