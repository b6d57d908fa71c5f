package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
	"holdfast/ui/widget/dialog"
)

// onBackup finds a backup by its id or its name, and does with it what make says.
func onBackup(ctx context.Context, env *Env, f flags, args []string, o actFlags, make func(*run, fleet.Backup) (appliance.Act, error)) error {
	return acting(ctx, env, f, args[0], o, func(r *run) (appliance.Act, error) {
		b, err := r.backup(args[0], args[1])
		if err != nil {
			return appliance.Act{}, err
		}
		return make(r, b)
	})
}

// backup is the one that is meant by its id, or by its name where only one has that.
func (r *run) backup(name, said string) (fleet.Backup, error) {
	s := r.engine.Snapshot(name)
	if s.BackupsPart.At.IsZero() {
		return fleet.Backup{}, exit(ExitUnreachable, fmt.Errorf("the backups of %s were not told: %s", name, s.BackupsPart.Err))
	}
	var found []fleet.Backup
	for _, b := range s.Backups {
		if string(b.ID) == strings.ToLower(said) || string(b.ID) == said {
			return b, nil
		}
		if nameOf(b) == said {
			found = append(found, b)
		}
	}
	switch len(found) {
	case 0:
		return fleet.Backup{}, exit(ExitUsage, fmt.Errorf("%s lists no backup %s; holdfast backups list %s shows those that there are",
			name, appliance.Label(said), name))
	case 1:
		return found[0], nil
	}
	return fleet.Backup{}, exit(ExitUsage, fmt.Errorf("%d backups of %s are named %s: say which by its uuid", len(found), name, appliance.Label(said)))
}

// configurationLock is the scope of the lock that acts on an ECB take. One that an earlier command left is taken up for them.
const configurationLock = "configuration"

// idle waits until the appliance is at work no more, as with the proof that a lock that was taken up is ours: it does one thing at
// a time. Should that take too long, the act is refused.
func (r *run) idle(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, adoptLimit)
	defer cancel()
	viewer := r.engine.Subscribe()
	defer viewer.Close()
	r.engine.Look(name)
	since := r.engine.Clock().Now()
	for {
		s := r.engine.Snapshot(name)
		live := slices.ContainsFunc(s.Jobs, func(j fleet.Job) bool { return j.Phase.Live() })
		if s.JobsPart.At.Run > since.Run && !live {
			return
		}
		if _, err := viewer.Next(ctx); err != nil {
			return
		}
	}
}

// acting does one act on one appliance and waits for its end.
func acting(ctx context.Context, env *Env, f flags, name string, o actFlags, make func(*run) (appliance.Act, error)) error {
	defer env.process.withoutPipes()()
	c, err := load(env, f)
	if err != nil {
		return err
	}
	if _, err := only(c, name); err != nil {
		return err
	}
	r, err := assemble(ctx, env, c, part{acting: true, adopt: true, about: configurationLock})
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.answers(ctx, name, 0); err != nil {
		return err
	}
	if _, configures := r.engine.Configures(name); configures {
		r.inherited(ctx, env, name, 0)
		r.idle(ctx, name)
	}
	act, err := make(r)
	if err != nil {
		return err
	}
	if why := r.engine.WhyNot(r.person, name, act); why != "" {
		return exit(ExitRefused, fmt.Errorf("%s: %s; nothing was sent", name, why))
	}
	if err := r.agree(ctx, env, name, act, o); err != nil {
		return err
	}
	phrase, err := r.phrase(ctx, env, name, act, o)
	if err != nil {
		return err
	}
	return r.through(ctx, env, name, act, phrase, o)
}

// through sends an act and waits for what comes of it.
func (r *run) through(ctx context.Context, env *Env, name string, act appliance.Act, phrase appliance.Passphrase, o actFlags) error {
	act.Ref = "command/" + r.engine.ID()
	began := env.Clock.Now()
	res, err := r.engine.DoWith(ctx, r.person, name, act, phrase)
	if err != nil && !errors.Is(err, appliance.ErrAmbiguous) {
		return coded(err)
	}
	if err != nil {
		r.say(env, name, appliance.Reason(err))
	} else {
		r.say(env, name, res.Text)
	}
	if o.noWait || err == nil && res.Job == "" && act.Verb != appliance.VerbDelete {
		return coded(err)
	}
	ending, err := r.engine.Follow(ctx, name, act.Ref)
	if err != nil {
		return exit(ExitUnknown, fmt.Errorf("it is not followed any more; what comes of it is told by the next holdfast that runs: %w", err))
	}
	took := " after " + spent(env.Clock.Now().Since(began))
	switch ending.Fate {
	case fleet.FateThere, fleet.FateTold:
		r.say(env, name, ending.Text+took)
		return nil
	case fleet.FateUnknown, fleet.FateNeither:
		return exit(ExitUnknown, errors.New(name+": "+ending.Text+took))
	}
	return exit(ExitFailed, errors.New(name+": "+ending.Text+took))
}

// agree asks whether to go on: for what cannot be undone by a code.
func (r *run) agree(ctx context.Context, env *Env, name string, act appliance.Act, o actFlags) error {
	ours := act.Verb == appliance.VerbCancelPush && r.engine.Snapshot(name).Push.Ours
	risk := policy.RiskOf(act.Verb, ours)
	if o.yes || risk == policy.RiskNone {
		return nil
	}
	if !env.Terminal {
		return exit(ExitRefused, errors.New("nobody is here to confirm it: run it in a terminal or with --yes; nothing was sent"))
	}
	want := "yes"
	if risk == policy.RiskCode {
		want = dialog.NewCode()
	}
	what := string(act.Verb)
	if t := act.Transfer; t.Backup != "" {
		what = fmt.Sprintf("%s %s (%s, checksum %s)", act.Verb, t.Label, t.Backup, t.Checksum)
		if t.Destination != "" {
			what += ", " + t.Destination
		}
	}
	fmt.Fprintf(env.Err, "%s: %s\nType %s to go on: ", name, what, want)
	line, err := answer(ctx, func() (string, error) { return bufio.NewReader(env.In).ReadString('\n') })
	if strings.TrimSpace(line) != want {
		return exit(ExitRefused, errors.Join(errors.New("not confirmed, nothing was sent"), ignoreEOF(err)))
	}
	return nil
}

// phrase is the passphrase that an act needs; nil = none.
func (r *run) phrase(ctx context.Context, env *Env, name string, act appliance.Act, o actFlags) (appliance.Passphrase, error) {
	needs := act.Verb == appliance.VerbProcess || act.Verb == appliance.VerbPrepare
	if act.Verb == appliance.VerbCreate {
		rules, _ := r.engine.MakingRules(name)
		needs = rules.Passphrase
	}
	switch {
	case o.passphrase != "":
		s, err := secret.File(o.passphrase)(ctx)
		if err != nil {
			return nil, exit(ExitUsage, fmt.Errorf("--passphrase-file: %w", err))
		}
		return s, nil
	case !needs:
		return nil, nil
	case !env.Terminal || env.ReadPassword == nil:
		return nil, exit(ExitUsage, errors.New("a passphrase is needed: --passphrase-file, or run it in a terminal; nothing was sent"))
	}
	ask := func(prompt string) (string, error) {
		return answer(ctx, func() (string, error) { return env.ReadPassword(prompt) })
	}
	first, err := ask("Passphrase: ")
	if err == nil && act.Verb == appliance.VerbCreate {
		var again string
		if again, err = ask("The same again: "); err == nil && again != first {
			return nil, exit(ExitUsage, errors.New("the two are not the same; nothing was sent"))
		}
	}
	if err != nil || first == "" {
		return nil, exit(ExitUsage, errors.Join(errors.New("no passphrase was given; nothing was sent"), err))
	}
	return secret.New(first), nil
}
