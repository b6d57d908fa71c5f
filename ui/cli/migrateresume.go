package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
)

// everyMigration is for a dashboard, which looks after whatever earlier runs left, and opens whether it can or not: what cannot be
// read is said on it, and tried again.
func everyMigration(ctx context.Context, m *migration.Runner) error {
	_ = m.Start(ctx)
	return nil
}

// resumeFlags are what becomes of the steps that went wrong.
type resumeFlags struct {
	runFlags
	retry, skip bool
}

func migrateResumeCommand(env *Env, f *flags) *cobra.Command {
	var o resumeFlags
	cmd := &cobra.Command{
		Use:   "resume [ID]",
		Short: "Go on with a migration that was interrupted, once it is known what became of the steps that were under way",
		Long: "Without ID it is the only one that can be gone on with. Steps that went wrong stay as they are unless --retry or --skip " +
			"says what becomes of them. Of a step of which nobody knows what became of it, --retry asks whether to send it again, which " +
			"may do it twice; with --yes it is sent.",
		Args: wants(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return migrateResume(cmd.Context(), env, *f, args, o) },
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&o.retry, "retry", false, "try the steps again that failed or whose outcome is unknown")
	cmd.Flags().BoolVar(&o.skip, "skip", false, "leave the steps out that failed or whose outcome is unknown")
	exclusive(cmd, "retry", "skip")
	return cmd
}

func migrateResume(ctx context.Context, env *Env, f flags, args []string, o resumeFlags) error {
	rec, err := chosen(ctx, env, f, args, "resume")
	if err != nil || rec == nil {
		return err
	}
	return withRunner(ctx, env, f, o.runFlags, onlyMigrations(rec.ID), func(r *run) error {
		if o.dry {
			return r.dryResume(env, rec, o)
		}
		v, err := r.taken(ctx, env, rec.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Err, "migration %s, %s: %s\n", rec.ID, v.Plan.Words(), v.Tally())
		rest := restOf(&v.Record, o.retry)
		if v.State.Ended() || len(rest) == 0 && !o.skip && !waits(&v) {
			return r.ended(env, &v, o.runFlags)
		}
		plan := planOf(&v.Record, rest)
		if err := confirm(ctx, env, o.runFlags, &plan); err != nil {
			return err
		}
		if err := r.goOn(ctx, env, &v, o); err != nil {
			return err
		}
		return r.watch(ctx, env, rec.ID, o.runFlags)
	})
}

// onlyMigrations is for who looks after those migrations, or none, and leaves all others to others.
func onlyMigrations(ids ...string) func(context.Context, *migration.Runner) error {
	return func(ctx context.Context, m *migration.Runner) error { return m.StartFor(ctx, ids...) }
}

// chosen is the migration that is meant, by its id or as the only one that can be gone on with, once it is sure that its operator
// may do so; nil when there is none. Nothing is taken over: that is left to whoever may.
func chosen(ctx context.Context, env *Env, f flags, args []string, doing string) (rec *migration.Record, err error) {
	c, err := load(env, f)
	if err != nil {
		return nil, err
	}
	err = withMigrations(ctx, env, f, func(j *journal.Journal, all []migration.Record) error {
		rec, err = choose(env, j, all, args, doing)
		return err
	})
	if err != nil || rec == nil {
		return nil, err
	}
	if why := whyNotMigrate(env, c, &rec.Plan); why != "" {
		return nil, exit(ExitRefused, fmt.Errorf("%s migration %s: %s; nothing was taken over and nothing sent", doing, rec.ID, why))
	}
	return rec, nil
}

func choose(env *Env, j *journal.Journal, all []migration.Record, args []string, doing string) (*migration.Record, error) {
	var left []*migration.Record
	var named, run []string
	for i := range all {
		switch r := &all[i]; {
		case len(args) == 1 && r.ID != args[0], len(args) == 0 && r.State.Ended():
		case r.State.Ended():
			return nil, exit(ExitUsage, fmt.Errorf("migration %s is %s: there is nothing to %s", r.ID, r.State, doing))
		case j.Runs(r.Engine):
			run = append(run, r.ID)
		default:
			left, named = append(left, r), append(named, fmt.Sprintf("%s (%s)", r.ID, r.Plan.Words()))
		}
	}
	switch {
	case len(left) == 1:
		return left[0], nil
	case len(left) > 1:
		return nil, exit(ExitUsage, fmt.Errorf("there are several to %s, say which: %s", doing, strings.Join(named, ", ")))
	case len(args) == 1 && len(run) == 0:
		return nil, exit(ExitUsage, fmt.Errorf("there is no migration %q to %s; holdfast migrate list shows those that there are", args[0], doing))
	case len(args) == 1:
		return nil, elsewhere(args[0])
	}
	text := "there is nothing to " + doing
	if len(run) > 0 {
		text += "; a running holdfast has " + strings.Join(run, ", ")
	}
	fmt.Fprintln(env.Err, text)
	return nil, nil
}

// elsewhere is the refusal of what another process of ours answers for.
func elsewhere(id string) error {
	return exit(ExitRefused, fmt.Errorf("migration %s: a running holdfast has it: do it there, or end it first", id))
}

// whyNotMigrate is why nobody may carry out such a plan in this run; empty = may.
func whyNotMigrate(env *Env, c *config.Config, plan *migration.Plan) string {
	who := policy.Person{Name: env.User, Role: c.Role}
	verbs := []appliance.Verb{plan.Verb}
	if plan.Careful {
		verbs = append(verbs, appliance.VerbDelete)
	}
	for _, verb := range verbs {
		if why := policy.WhyNot(who, policy.Rules{ReadOnlyRun: c.ReadOnly}, verb); why != "" {
			return why
		}
		for _, name := range plan.Appliances() {
			a, ok := c.Appliance(name)
			if why := policy.WhyNot(who, policy.Rules{ReadOnlyAppliance: a.ReadOnly}, verb); ok && why != "" {
				return name + ": " + why
			}
		}
	}
	return ""
}

// taken is a migration that this run has taken over, once it is known what became of the steps that were under way.
func (r *run) taken(ctx context.Context, env *Env, id string) (migration.View, error) {
	if _, err := r.migrations.View(id); err != nil { // somebody else was quicker
		return migration.View{}, elsewhere(id)
	}
	v, err := r.migrations.Wait(ctx, id)
	if err != nil {
		return v, r.interrupted(ctx, env, id, err)
	}
	return v, nil
}

// restOf are the steps of which something is not begun yet, in their order; with retry those that went wrong too.
func restOf(rec *migration.Record, retry bool) (rest []migration.Step) {
	for i := range rec.Steps {
		if s := rec.Steps[i]; s.Phase == migration.PhaseQueued || retry && s.Phase.Wrong() {
			rest = append(rest, s)
		}
	}
	return rest
}

// planOf is a plan of those steps only.
func planOf(rec *migration.Record, steps []migration.Step) migration.Plan {
	plan := rec.Plan
	plan.Items = nil
	for i := range steps {
		plan.Items = append(plan.Items, steps[i].Item)
	}
	return plan
}

// waits reports whether a step waits for its passphrase.
func waits(v *migration.View) bool {
	return slices.ContainsFunc(v.Steps, func(s migration.Step) bool { return s.Phase == migration.PhasePassphrase })
}

// dryResume prints what is left to send, for all that the journal says.
func (r *run) dryResume(env *Env, rec *migration.Record, o resumeFlags) error {
	fmt.Fprintf(env.Err, "migration %s, %s: %s\n", rec.ID, rec.Plan.Words(), rec.Tally())
	open := 0
	for i := range rec.Steps {
		if rec.Steps[i].Phase.Open() {
			open++
		}
	}
	if open > 0 {
		fmt.Fprintf(env.Err, "of %d more it is found out first what became of what was sent\n", open)
	}
	return dryRun(env, migration.RequestsOf(r.engine, &rec.Plan, restOf(rec, o.retry)))
}

// goOn gives the orders that have a migration go on.
func (r *run) goOn(ctx context.Context, env *Env, v *migration.View, o resumeFlags) error {
	for n := range v.Steps {
		s := &v.Steps[n]
		var err error
		switch {
		case !s.Phase.Wrong():
		case o.skip:
			err = r.migrations.Skip(r.person, v.ID, n)
		case o.retry && (s.Phase != migration.PhaseUnknown || again(ctx, env, s, n, o)):
			err = r.migrations.Retry(r.person, v.ID, n)
		}
		if err != nil {
			return exit(ExitFailed, err)
		}
	}
	err := r.migrations.Resume(r.person, v.ID)
	if now, _ := r.migrations.View(v.ID); errors.Is(err, migration.ErrNotNow) && (now.State == migration.StateRunning || now.State.Ended()) {
		return nil // what was ordered before had it go on
	}
	return exit(ExitFailed, err)
}

// again asks whether to send what may have been done already.
func again(ctx context.Context, env *Env, s *migration.Step, n int, o resumeFlags) bool {
	what := fmt.Sprintf("step %d, %s of %s: what became of it is not known (%s): sending it again may do it twice", n+1, label(s), s.Item.Appliance, s.Note)
	if o.yes {
		fmt.Fprintln(env.Err, what+"; it is sent again")
		return true
	}
	fmt.Fprintf(env.Err, "%s. Type yes to send it again: ", what)
	line, _ := answer(ctx, func() (string, error) { return bufio.NewReader(env.In).ReadString('\n') }) // who says nothing says no
	return strings.TrimSpace(line) == "yes"
}

func migrateCancelCommand(env *Env, f *flags) *cobra.Command {
	var o runFlags
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "End a migration that was interrupted or stopped: nothing more of it is begun",
		Long: "What is under way at the appliances and provably yours is asked to end; what became of it is waited for. What is done stays " +
			"done.",
		Args: wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return migrateCancel(cmd.Context(), env, *f, args, o) },
	}
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it without asking")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print progress as JSON lines, the last of which is the report")
	return cmd
}

func migrateCancel(ctx context.Context, env *Env, f flags, args []string, o runFlags) error {
	rec, err := chosen(ctx, env, f, args, "cancel")
	if err != nil || rec == nil {
		return err
	}
	if !o.yes {
		err := agreed(ctx, env, fmt.Sprintf("cancel migration %s, %s: %s", rec.ID, rec.Plan.Words(), rec.Tally()), "yes")
		if err != nil {
			return err
		}
	}
	return withRunner(ctx, env, f, o, onlyMigrations(rec.ID), func(r *run) error {
		if _, err := r.migrations.View(rec.ID); err != nil {
			return elsewhere(rec.ID)
		}
		if err := r.migrations.Cancel(r.person, rec.ID); err != nil && !errors.Is(err, migration.ErrNotNow) { // it ended just now
			return exit(ExitFailed, err)
		}
		err := r.watch(ctx, env, rec.ID, o)
		if v, _ := r.migrations.View(rec.ID); v.State == migration.StateCancelled && !slices.ContainsFunc(v.Steps, unclear) {
			return nil
		}
		return err
	})
}

func unclear(s migration.Step) bool { return s.Phase == migration.PhaseUnknown }

// outstanding says why a migration is not done, and what its operator can do about it, with the exit code; nil = it is done.
func outstanding(v *migration.View) error {
	if v.State == migration.StateDone {
		return nil
	}
	code, wrong, resume := ExitFailed, 0, "holdfast migrate resume "+v.ID
	text := fmt.Sprintf("migration %s is %s: %s", v.ID, v.State, v.Tally())
	first := ""
	if v.Note != "" && v.Note != v.Tally() {
		first = "; " + v.Note
	}
	for n := range v.Steps {
		s := &v.Steps[n]
		if s.Phase == migration.PhaseUnknown {
			code = ExitUnknown
		}
		if s.Phase.Wrong() {
			if wrong++; wrong == 1 {
				first = fmt.Sprintf("; step %d, %s of %s: %s: %s", n+1, label(s), s.Item.Appliance, s.Phase, s.Note)
			}
		}
	}
	text += first
	switch {
	case v.State == migration.StateCancelled:
		return exit(code, errors.New(text))
	case wrong > 0:
		return exit(code, fmt.Errorf("%s; %s --retry tries again what went wrong, --skip leaves it out, holdfast migrate cancel %s ends it", text, resume, v.ID))
	case waits(v):
		return exit(code, fmt.Errorf("%s; its passphrase is needed: %s --passphrase-file FILE, or run it in a terminal", text, resume))
	}
	return exit(code, fmt.Errorf("%s; %s goes on with it", text, resume))
}
