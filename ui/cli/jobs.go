package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

func jobsCommand(env *Env, f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List jobs, watch them, or cancel one",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return exit(ExitUsage, errors.New("jobs: say which: list, watch or cancel"))
		},
	}
	cmd.AddCommand(jobsListCommand(env, f), jobsWatchCommand(env, f), jobsCancelCommand(env, f))
	return cmd
}

// workJSON is a line of `jobs list|watch --json`. It is documented in the README and only ever grows.
type workJSON struct {
	At        *time.Time `json:"at,omitempty"`
	Appliance string     `json:"appliance"`
	jobJSON
	By       string    `json:"by,omitempty"`
	Messages []string  `json:"messages,omitempty"`
	Children []jobJSON `json:"children,omitempty"`
}

func jobsListCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [APPLIANCE]",
		Short: "Look once and print every job",
		Args:  wants(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onFleet(cmd.Context(), env, *f, args, func(_ context.Context, r *run) error { return jobsList(env, r, asJSON) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

func jobsList(env *Env, r *run, asJSON bool) error {
	out := json.NewEncoder(env.Out)
	out.SetEscapeHTML(false)
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "APPLIANCE\tJOB\tSTATE\tDONE\tSTARTED\tBY\tTITLE")
	}
	for _, s := range r.engine.Snapshots() {
		for _, j := range s.Jobs {
			if asJSON {
				if err := out.Encode(toWork(j)); err != nil {
					return exit(ExitFailed, fmt.Errorf("print the jobs: %w", err))
				}
				continue
			}
			started := ""
			if !j.Started.IsZero() {
				started = j.Started.UTC().Format("2006-01-02 15:04:05")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, j.ID, j.State, percent(j.Percent), started, j.By, j.Title)
		}
	}
	return exit(ExitFailed, w.Flush())
}

func percent(p float64) string {
	if p < 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", p)
}

func toWork(j fleet.Job) workJSON {
	x := workJSON{Appliance: j.Appliance, jobJSON: toJob(j.Job), By: j.By.String()}
	for _, m := range j.Messages {
		x.Messages = append(x.Messages, m.String())
	}
	for _, c := range j.Children {
		x.Children = append(x.Children, toJob(c))
	}
	return x
}

func toJob(j appliance.Job) jobJSON {
	x := jobJSON{ID: string(j.ID), Title: j.Title.String(), State: j.State.String(), Outcome: outcome(j.Phase), Started: moment(j.Started)}
	if j.Percent >= 0 {
		x.Percent = &j.Percent
	}
	return x
}

func jobsWatchCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "watch APPLIANCE [JOB]",
		Short: "Print how the jobs of an appliance change: one of them to its end, or all until interrupted",
		Args:  wants(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onFleet(cmd.Context(), env, *f, args[:1], func(ctx context.Context, r *run) error {
				id := appliance.JobID("")
				if len(args) == 2 {
					id = appliance.JobID(args[1])
				}
				return jobsWatch(ctx, env, r, args[0], id, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

// jobsWatch prints each change of one job, or of all. One that is watched ends it: with its outcome as the exit code.
func jobsWatch(ctx context.Context, env *Env, r *run, name string, id appliance.JobID, asJSON bool) error {
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	out := json.NewEncoder(env.Out)
	out.SetEscapeHTML(false)
	told := map[appliance.JobID]string{}
	away, live := false, false
	if s := r.engine.Snapshot(name); s.JobsPart.At.IsZero() {
		return exit(ExitUnreachable, fmt.Errorf("the jobs of %s were not told: %s", name, cmp.Or(s.Trouble, s.JobsPart.Err)))
	}
	for {
		s := r.engine.Snapshot(name)
		if gone := !s.State.Answers(); gone != away {
			away = gone
			if away {
				r.say(env, name, "it does not answer now: "+s.Trouble+"; it is asked again")
			} else {
				r.say(env, name, "it answers again")
			}
		}
		found := id == ""
		for _, j := range s.Jobs {
			if id != "" && j.ID != id {
				continue
			}
			found, live = true, j.Phase.Live()
			if line := fmt.Sprintf("job %s  %s  %s  %s", j.ID, j.State, percent(j.Percent), j.Title); told[j.ID] != line {
				told[j.ID] = line
				if err := tellJob(env, out, j, line, asJSON); err != nil {
					return exit(ExitFailed, fmt.Errorf("print the jobs: %w", err))
				}
			}
			if id != "" && j.Phase.Ended() {
				if j.Phase == appliance.PhaseSucceeded {
					return nil
				}
				return exit(ExitFailed, fmt.Errorf("job %s ended: %s", id, j.State))
			}
		}
		if !found && !s.JobsPart.At.IsZero() && s.JobsPart.Err == "" {
			if told[id] != "" {
				return exit(ExitUnknown, fmt.Errorf("job %s is not listed any more; how it ended is not known", id))
			}
			return unlisted(name, id)
		}
		if _, err := viewer.Next(ctx); err != nil {
			cause := cmp.Or(context.Cause(ctx), err)
			switch {
			case id == "" && errors.Is(cause, context.Canceled):
				return nil
			case id == "":
				return exit(ExitFailed, &wording{"watched no longer: " + cause.Error(), cause})
			case live && !away:
				return exit(ExitFailed, fmt.Errorf("job %s goes on at %s: %w", id, name, cause))
			}
			return exit(ExitFailed, fmt.Errorf("how job %s of %s stands is not known now: %w", id, name, cause))
		}
	}
}

func tellJob(env *Env, out *json.Encoder, j fleet.Job, line string, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(env.Out, "%s  %s\n", env.Clock.Now().Wall.UTC().Format("15:04:05 UTC"), line)
		return err
	}
	x := toWork(j)
	x.At = moment(env.Clock.Now().Wall)
	return out.Encode(x)
}

func jobsCancelCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	var others bool
	cmd := &cobra.Command{
		Use:   "cancel APPLIANCE JOB",
		Short: "Cancel a job that its appliance lets be cancelled",
		Long:  "One that was not started by this Holdfast is cancelled with --any only.",
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.noWait = true
			return acting(cmd.Context(), env, *f, args[0], o, func(r *run) (appliance.Act, error) {
				if err := r.lists(args[0], appliance.JobID(args[1])); err != nil {
					return appliance.Act{}, err
				}
				return appliance.Act{Verb: appliance.VerbCancelJob, Job: appliance.JobID(args[1]), Typed: others}, nil
			})
		},
	}
	cmd.Flags().BoolVar(&others, "any", false, "also one that somebody else started")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it without asking")
	return cmd
}

// lists fails unless an appliance lists that job.
func (r *run) lists(name string, id appliance.JobID) error {
	s := r.engine.Snapshot(name)
	switch {
	case s.JobsPart.At.IsZero():
		return exit(ExitUnreachable, fmt.Errorf("the jobs of %s were not told: %s", name, cmp.Or(s.JobsPart.Err, s.Trouble)))
	case !slices.ContainsFunc(s.Jobs, func(j fleet.Job) bool { return j.ID == id }):
		return unlisted(name, id)
	}
	return nil
}

func unlisted(name string, id appliance.JobID) error {
	return exit(ExitUsage, fmt.Errorf("%s lists no job %s; holdfast jobs list %s shows those that there are", name, appliance.Label(string(id)), name))
}
