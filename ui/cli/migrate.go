package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
)

func migrateCommand(env *Env, f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Plan many copies, moves or pushes of backups, run them, and go on after an interruption",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return exit(ExitUsage, errors.New("migrate: say which: plan, run, resume, cancel, list or show"))
		},
	}
	cmd.AddCommand(migratePlanCommand(env, f), migrateRunCommand(env, f), migrateResumeCommand(env, f), migrateCancelCommand(env, f),
		migrateListCommand(env, f), migrateShowCommand(env, f))
	return cmd
}

// planFlags are what a plan is made of.
type planFlags struct {
	from             string
	all              bool
	backups          []string
	copy, move, push bool
	to, out          string
	careful, process bool
	atOnce           int
	onFailure        string
	keepLock         string
}

func migratePlanCommand(env *Env, f *flags) *cobra.Command {
	var p planFlags
	cmd := &cobra.Command{
		Use:   "plan --from APPLIANCE (--all | --backup UUID…) (--copy | --move | --push) --to DESTINATION",
		Short: "Write a plan as a TOML file, and say what speaks against it now; nothing is sent that changes anything",
		Example: "holdfast migrate plan --from dc1-lxca --all --copy --to /mnt/nas --out plan.toml\n" +
			"holdfast migrate plan --from dc1-lxca --backup 4edf27ff-08d1-49b5-b7f3-7e8edc4fd278 --push --to new-lxca",
		Args: wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return migratePlan(cmd.Context(), env, *f, p) },
	}
	fs := cmd.Flags()
	fs.StringVar(&p.from, "from", "", "the appliance that has the backups")
	fs.BoolVar(&p.all, "all", false, "every backup that it lists")
	fs.StringArrayVar(&p.backups, "backup", nil, "one backup by its uuid; may be given several times")
	fs.BoolVar(&p.copy, "copy", false, "the originals stay")
	fs.BoolVar(&p.move, "move", false, "the originals go")
	fs.BoolVar(&p.push, "push", false, "to another appliance, which should be newly set up")
	fs.StringVar(&p.to, "to", "", "internal, a mount point, or for a push an appliance of the settings or an address")
	fs.StringVar(&p.out, "out", "", "the file to write (default: standard output)")
	fs.BoolVar(&p.careful, "careful", false, "a move: copy, verify, and only then delete the original")
	fs.BoolVar(&p.process, "process", false, "a push: have the target validate and decrypt what arrived; asks for the passphrase then")
	fs.IntVar(&p.atOnce, "at-once", 1, "copies or moves at once")
	fs.StringVar(&p.onFailure, "on-failure", string(migration.OnFailureStop), "stop, skip or ask")
	fs.StringVar(&p.keepLock, "keep-lock", "", "keep a lock of this scope meanwhile, like DM")
	exactlyOne(cmd, "copy", "move", "push")
	exactlyOne(cmd, "all", "backup")
	required(cmd, "from", "to")
	return cmd
}

func (p *planFlags) verb() appliance.Verb {
	switch {
	case p.move:
		return appliance.VerbMove
	case p.push:
		return appliance.VerbPush
	}
	return appliance.VerbCopy
}

func migratePlan(ctx context.Context, env *Env, f flags, p planFlags) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	r, err := assemble(ctx, env, c, looking())
	if err != nil {
		return err
	}
	defer r.close()
	if err := settled(ctx, r.engine); err != nil {
		return exit(ExitFailed, err)
	}
	plan, err := r.plan(env, c, p)
	if err != nil {
		return err
	}
	found := migration.Preflight(r.engine, r.person, &plan)
	for _, x := range found {
		fmt.Fprintln(env.Err, "holdfast: "+finding(x))
	}
	b, err := plan.TOML()
	if err != nil {
		return exit(ExitFailed, err)
	}
	if p.out == "" {
		_, err = env.Out.Write(b)
		return exit(ExitFailed, err)
	}
	file, err := os.OpenFile(p.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return exit(ExitUsage, fmt.Errorf("write the plan: %w", err))
	}
	_, err = file.Write(b)
	if err := errors.Join(err, file.Close()); err != nil {
		return exit(ExitFailed, fmt.Errorf("write the plan: %w", err))
	}
	then := fmt.Sprintf("holdfast migrate run %s runs it", p.out)
	if migration.Stops(found) {
		then = "what stops it has to be mended first, there or in the plan"
	}
	fmt.Fprintf(env.Err, "%s: %s; %s\n", p.out, plan.Words(), then)
	return nil
}

// finding is what a preflight found, for people; steps count from 1.
func finding(x migration.Finding) string {
	text := x.Text
	if x.Step >= 0 {
		text = fmt.Sprintf("step %d: %s", x.Step+1, x.Text)
	}
	if x.Stops {
		return "this stops it: " + text
	}
	return text
}

// plan makes the plan of what the newest listing shows.
func (r *run) plan(env *Env, c *config.Config, p planFlags) (migration.Plan, error) {
	s := r.engine.Snapshot(p.from)
	switch {
	case s == nil:
		return migration.Plan{}, exit(ExitUsage, fmt.Errorf("there is no appliance named %q in %s: %s", p.from, c.Path, known(c)))
	case !s.State.Answers():
		return migration.Plan{}, exit(ExitUnreachable, fmt.Errorf("%s: %s", p.from, s.Trouble))
	}
	plan := migration.NewPlan(p.verb(), p.to)
	plan.Made, plan.Who = env.Clock.Now().Wall, env.User
	plan.Careful, plan.Process, plan.AtOnce, plan.KeepLock = p.careful, p.process, p.atOnce, p.keepLock
	plan.OnFailure = migration.OnFailure(p.onFailure)
	if p.push {
		var err error
		if plan.Destination, plan.Target, err = r.pushTo(p.to); err != nil {
			return plan, err
		}
	}
	wanted := map[appliance.BackupID]bool{}
	for _, text := range p.backups {
		id, ok := appliance.ParseUUID(text)
		if !ok {
			return plan, exit(ExitUsage, fmt.Errorf("--backup %q is no uuid", text))
		}
		wanted[id] = true
	}
	for _, b := range s.Backups {
		if p.all || wanted[b.ID] {
			plan.Items = append(plan.Items, migration.Item{Appliance: p.from, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
			delete(wanted, b.ID)
		}
	}
	for id := range wanted {
		return plan, exit(ExitUsage, fmt.Errorf("%s lists no backup %s; holdfast backups list %s shows those that there are", p.from, id, p.from))
	}
	return plan, exit(ExitUsage, plan.Check())
}

// pushTo is the address of a push's target and, where that is one of ours, its name; either may have been said. What is neither is
// wrong usage unless it looks like an address: a mistyped name must send a backup nowhere.
func (r *run) pushTo(said string) (address, name string, err error) {
	for _, s := range r.engine.Snapshots() {
		if s.Address != "" && (s.Name == said || s.Address == said) {
			return s.Address, s.Name, nil
		}
	}
	if !strings.ContainsAny(said, ".:") {
		return "", "", exit(ExitUsage, fmt.Errorf("%q is no appliance in %s and no address: %s", said, r.config.Path, known(r.config)))
	}
	return said, "", nil
}

// migrationJSON is a line of `migrate list --json`. It is documented in the README and only ever grows.
type migrationJSON struct {
	ID    string     `json:"id"`
	Plan  string     `json:"plan"`
	Who   string     `json:"who"`
	State string     `json:"state"`
	Tally string     `json:"tally"`
	Begun time.Time  `json:"begun"`
	Ended *time.Time `json:"ended"`
	Runs  bool       `json:"runs"`
}

func migrateListCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the migrations that the journal has, newest first",
		Args:  wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withMigrations(cmd.Context(), env, *f, func(j *journal.Journal, all []migration.Record) error {
				return migrateList(env, j, all, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

func migrateList(env *Env, j *journal.Journal, all []migration.Record, asJSON bool) error {
	out := json.NewEncoder(env.Out)
	out.SetEscapeHTML(false)
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "ID\tBEGUN\tSTATE\tSTEPS\tPLAN")
	}
	for i := range all {
		r := &all[i]
		x := migrationJSON{ID: r.ID, Plan: r.Plan.Words(), Who: r.Plan.Who, State: string(r.State), Tally: r.Tally(), Begun: r.Begun.UTC(),
			Ended: moment(r.Ended), Runs: !r.State.Ended() && j.Runs(r.Engine)}
		if asJSON {
			if err := out.Encode(x); err != nil {
				return exit(ExitFailed, fmt.Errorf("print the migrations: %w", err))
			}
			continue
		}
		state := x.State
		if !r.State.Ended() && !x.Runs {
			state = "can be resumed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.ID, x.Begun.Format("2006-01-02 15:04"), state, x.Tally, x.Plan)
	}
	return exit(ExitFailed, w.Flush())
}

func migrateShowCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print the report of a migration as it stands, as Markdown",
		Args:  wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMigrations(cmd.Context(), env, *f, func(_ *journal.Journal, all []migration.Record) error {
				i := slices.IndexFunc(all, func(r migration.Record) bool { return r.ID == args[0] })
				if i < 0 {
					return exit(ExitUsage, fmt.Errorf("there is no migration %q; holdfast migrate list shows those that there are", args[0]))
				}
				return printReport(env, all[i].Report(), asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func printReport(env *Env, r migration.Report, asJSON bool) error {
	text := r.Markdown()
	if asJSON {
		b, err := r.JSON()
		if err != nil {
			return exit(ExitFailed, fmt.Errorf("print the report: %w", err))
		}
		text = string(b)
	}
	_, err := fmt.Fprint(env.Out, text)
	return exit(ExitFailed, err)
}

// withMigrations reads the journal; nobody is asked.
func withMigrations(ctx context.Context, env *Env, f flags, show func(*journal.Journal, []migration.Record) error) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, journalPath(c), journal.Options{Clock: env.Clock})
	if err != nil {
		return exit(ExitUsage, err)
	}
	defer func() { _ = j.Close() }() // it was only read
	all, err := j.Migrations(ctx)
	if err != nil {
		return exit(ExitFailed, err)
	}
	return show(j, all)
}

// level is how a step is told as an event.
func level(p migration.Phase) fleet.Level {
	switch {
	case p.Wrong():
		return fleet.Alarm
	case p == migration.PhaseDone:
		return fleet.Good
	case p == migration.PhasePassphrase:
		return fleet.Warn
	}
	return fleet.Info
}
