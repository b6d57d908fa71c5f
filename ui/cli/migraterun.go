package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
)

// runFlags are what run and resume share.
type runFlags struct {
	yes, dry, asJSON bool
	passphraseFile   string
}

func (o *runFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.yes, "yes", false, "begin without asking")
	cmd.Flags().BoolVar(&o.dry, "dry-run", false, "print the requests and send none")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print progress as JSON lines, the last of which is the report")
	cmd.Flags().StringVar(&o.passphraseFile, "passphrase-file", "", "a file only you can read with the passphrase that process needs")
}

func migrateRunCommand(env *Env, f *flags) *cobra.Command {
	var o runFlags
	cmd := &cobra.Command{
		Use:   "run PLAN.toml",
		Short: "Run a plan: each step is recorded before it is sent, and verified by the listings",
		Long: "Prints progress, as a bar on a terminal and as lines elsewhere, and the report at the end. Ctrl-C pauses: what is under " +
			"way goes on at the appliances, and holdfast migrate resume goes on with the rest. Exits with 0 when every step is done or " +
			"was skipped, with 5 when the outcome of one is unknown, else with 1.",
		Args: wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return migrateRun(cmd.Context(), env, *f, args[0], o) },
	}
	o.add(cmd)
	return cmd
}

func migrateRun(ctx context.Context, env *Env, f flags, path string, o runFlags) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return exit(ExitUsage, fmt.Errorf("read the plan: %w", err))
	}
	plan, err := migration.ReadPlan(path, data)
	if err != nil {
		return exit(ExitUsage, err)
	}
	c, err := load(env, f)
	if err != nil {
		return err
	}
	if why := whyNotMigrate(env, c, &plan); why != "" && !o.dry {
		return exit(ExitRefused, fmt.Errorf("%s; nothing was sent", why))
	}
	return withRunner(ctx, env, f, o, onlyMigrations(), func(r *run) error {
		found := migration.Preflight(r.engine, r.person, &plan)
		for _, x := range found {
			fmt.Fprintln(env.Err, "holdfast: "+finding(x))
		}
		if o.dry {
			return dryRun(env, migration.Requests(r.engine, &plan))
		}
		if migration.Stops(found) {
			code := ExitRefused
			if r.silent(&plan) {
				code = ExitUnreachable
			}
			return exit(code, errors.New("the plan cannot run like this; nothing was sent"))
		}
		if err := confirm(ctx, env, o, &plan); err != nil {
			return err
		}
		id, err := r.migrations.Begin(ctx, r.person, plan)
		if err != nil {
			return exit(ExitFailed, err)
		}
		return r.watch(ctx, env, id, o)
	})
}

// silent reports whether an appliance of a plan does not answer.
func (r *run) silent(plan *migration.Plan) bool {
	names := plan.Appliances()
	if plan.Target != "" {
		names = append(names, plan.Target)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		s := r.engine.Snapshot(name)
		return s != nil && !s.State.Answers()
	})
}

// withRunner runs do on the whole fleet with its journal and migrations, of which begin takes over what is meant; with --dry-run
// there are none. The engine outlives ctx for as long as an orderly end takes.
func withRunner(
	ctx context.Context, env *Env, f flags, o runFlags, begin func(context.Context, *migration.Runner) error, do func(*run) error,
) error {
	defer env.process.withoutPipes()()
	c, err := load(env, f)
	if err != nil {
		return err
	}
	if o.passphraseFile != "" {
		if _, err := secret.File(o.passphraseFile)(ctx); err != nil {
			return exit(ExitUsage, fmt.Errorf("--passphrase-file: %w", err))
		}
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	as := part{acting: true, adopt: true, migrates: begin}
	if o.dry {
		as = looking()
	}
	r, err := assemble(life, env, c, as)
	if err != nil {
		return err
	}
	defer r.close()
	defer r.letEnd(ctx)
	if err := settled(ctx, r.engine); err != nil {
		return exit(ExitFailed, err)
	}
	return do(r)
}

func dryRun(env *Env, calls []appliance.Call) error {
	for _, c := range calls {
		if _, err := fmt.Fprintln(env.Out, requestLine(c)); err != nil {
			return exit(ExitFailed, err)
		}
	}
	return nil
}

// confirm asks whether to begin; what cannot be undone takes the number of backups, typed. Without a terminal only --yes does.
func confirm(ctx context.Context, env *Env, o runFlags, plan *migration.Plan) error {
	if o.yes || len(plan.Items) == 0 {
		return nil
	}
	if !env.Terminal {
		return exit(ExitRefused, errors.New("nobody is here to confirm it: run it in a terminal or with --yes; nothing was sent"))
	}
	want := "yes"
	if policy.RiskOf(plan.Verb, true) == policy.RiskCode {
		want = strconv.Itoa(len(plan.Items))
	}
	fmt.Fprintf(env.Err, "%s. Type %s to begin: ", plan.Words(), want)
	line, err := answer(ctx, func() (string, error) { return bufio.NewReader(env.In).ReadString('\n') })
	if strings.TrimSpace(line) != want {
		return exit(ExitRefused, errors.Join(errors.New("not confirmed, nothing was sent"), ignoreEOF(err)))
	}
	return nil
}

// watch prints how a migration goes until it rests. The end of ctx pauses it.
func (r *run) watch(ctx context.Context, env *Env, id string, o runFlags) error {
	p := newProgress(env, r, o.asJSON)
	defer p.end()
	for {
		v, err := p.follow(ctx, id)
		if err != nil {
			return r.interrupted(ctx, env, id, err)
		}
		again, err := r.givePassphrase(ctx, env, &v, o)
		switch {
		case err != nil:
			return err
		case again:
			continue
		}
		p.end()
		return r.ended(env, &v, o)
	}
}

// reportJSON is the last line of --json.
type reportJSON struct {
	Report migration.Report `json:"report"`
}

// interrupted pauses a migration that its operator leaves, and says how to go on.
func (r *run) interrupted(ctx context.Context, env *Env, id string, err error) error {
	if ctx.Err() == nil {
		return exit(ExitFailed, err)
	}
	_ = r.migrations.Pause(r.person, id) // else it stands already
	if v, err := r.migrations.View(id); err == nil {
		fmt.Fprintf(env.Err, "\nmigration %s is paused: %s; what is under way goes on at the appliances\n", id, v.Tally())
	}
	return exit(ExitFailed, fmt.Errorf("%w; holdfast migrate resume %s goes on with it", context.Cause(ctx), id))
}

// givePassphrase gives the steps that wait for it what they need, and reports whether there is more to wait for. One from a file
// is tried once.
func (r *run) givePassphrase(ctx context.Context, env *Env, v *migration.View, o runFlags) (again bool, err error) {
	for n := range v.Steps {
		s := &v.Steps[n]
		if s.Phase != migration.PhasePassphrase {
			continue
		}
		var phrase secret.Secret
		switch {
		case o.passphraseFile != "" && s.Note == "" || o.passphraseFile != "" && !r.tried[n]:
			if phrase, err = secret.File(o.passphraseFile)(ctx); err != nil {
				return false, exit(ExitUsage, fmt.Errorf("--passphrase-file: %w", err))
			}
			r.tried[n] = true
		case env.Terminal && env.ReadPassword != nil:
			text, _ := answer(ctx, func() (string, error) { // who gives none is asked by the next resume
				return env.ReadPassword(fmt.Sprintf("Passphrase of %s, for %s to process it: ", s.Item.Label, v.Plan.Target))
			})
			if text == "" {
				return false, nil
			}
			phrase = secret.New(text)
		default:
			return false, nil
		}
		if err := r.migrations.Passphrase(r.person, v.ID, n, phrase); err != nil {
			return false, exit(ExitFailed, err)
		}
		again = true
	}
	return again, nil
}

// ended prints the report and says how to go on with what is left.
func (r *run) ended(env *Env, v *migration.View, o runFlags) error {
	if o.asJSON {
		if err := json.NewEncoder(env.Out).Encode(reportJSON{v.Report()}); err != nil {
			return exit(ExitFailed, fmt.Errorf("print the report: %w", err))
		}
	} else if err := printReport(env, v.Report(), false); err != nil {
		return err
	}
	return outstanding(v)
}

// migrate begins to look after migrations. A run that may change nothing takes over none, and shows them.
func (r *run) migrate(ctx context.Context, c *config.Config, begin func(context.Context, *migration.Runner) error) error {
	r.migrations = migration.New(migration.Options{
		Fleet: r.engine, Store: r.record.journal, Log: r.logger, Person: r.person, ReadOnly: c.ReadOnly,
	})
	r.tried = map[int]bool{}
	return exit(ExitFailed, begin(ctx, r.migrations))
}
