package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
	"holdfast/ui/widget"
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
	r, err := assemble(context.WithoutCancel(ctx), env, c, part{acting: true, adopt: true, about: configurationLock})
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
		return exit(ExitRefused, fmt.Errorf("%s: %s; nothing was sent", name, byFlag(act.Verb, why)))
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
	if ctx.Err() != nil { // while something was asked for
		return exit(ExitRefused, fmt.Errorf("%w; nothing was sent", context.Cause(ctx)))
	}
	res, err := r.whole(ctx, env, name, r.engine.Describe(act), act.Verb, func() (fleet.Result, error) {
		return r.engine.DoWith(ctx, r.person, name, act, phrase)
	})
	if err != nil && !errors.Is(err, appliance.ErrAmbiguous) {
		text := name + ": " + byFlag(act.Verb, err.Error())
		if errors.Is(err, fleet.ErrRefusedByUs) && ctx.Err() == nil {
			text += "; nothing was sent"
		}
		return coded(&wording{text, err})
	}
	if err != nil && ctx.Err() != nil {
		return coded(&wording{name + ": " + err.Error(), err})
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
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return exit(ExitUnknown, fmt.Errorf("%s: %w; %s goes on there; what comes of it is found out by the next dashboard that runs", name, err,
			r.engine.Describe(act)))
	}
	took := " after " + spent(env.Clock.Now().Since(began))
	switch ending.Fate {
	case fleet.FateThere, fleet.FateTold:
		r.say(env, name, strings.TrimSuffix(ending.Text, ".")+took)
		return nil
	case fleet.FateUnknown, fleet.FateNeither:
		return exit(ExitUnknown, errors.New(name+": "+strings.TrimSuffix(ending.Text, ".")+took))
	}
	return exit(ExitFailed, errors.New(name+": "+strings.TrimSuffix(ending.Text, ".")+took))
}

// byFlag is a refusal with the flag that says what a dialog asks a code for.
func byFlag(verb appliance.Verb, why string) string {
	flag := "--any"
	if verb == appliance.VerbDelete {
		flag = "--last"
	}
	return strings.Replace(why, fleet.TakesCode, "that takes "+flag, 1)
}

// agree asks whether to go on: for what cannot be undone by a code.
func (r *run) agree(ctx context.Context, env *Env, name string, act appliance.Act, o actFlags) error {
	ours := act.Verb == appliance.VerbCancelPush && r.engine.Snapshot(name).Push.Ours
	risk := policy.RiskOf(act.Verb, ours)
	if o.yes || risk == policy.RiskNone {
		return nil
	}
	want := "yes"
	if risk == policy.RiskCode {
		want = dialog.NewCode()
	}
	return agreed(ctx, env, r.exactly(name, act), want)
}

// agreed asks whether to do what is said; nil = that was typed. Without a terminal only --yes does.
func agreed(ctx context.Context, env *Env, what, want string) error {
	if !env.Terminal {
		return exit(ExitRefused, errors.New("nobody is here to confirm it: run it in a terminal or with --yes; nothing was sent"))
	}
	fmt.Fprintf(env.Err, "%s\nType %s to go on: ", what, want)
	line, err := answer(ctx, func() (string, error) { return bufio.NewReader(env.In).ReadString('\n') })
	if strings.TrimSpace(line) != want {
		return exit(ExitRefused, errors.Join(errors.New("not confirmed, nothing was sent"), ignoreEOF(err)))
	}
	return nil
}

// exactly says in words what an act does, to what, and which requests it will send.
func (r *run) exactly(name string, act appliance.Act) string {
	lines := []string{name + ": " + r.engine.Describe(act)}
	s := r.engine.Snapshot(name)
	if t := act.Transfer; t.Backup != "" {
		i := slices.IndexFunc(s.Backups, func(b fleet.Backup) bool { return b.ID == t.Backup })
		text := fmt.Sprintf("backup %s, checksum %s", t.Backup, cmp.Or(t.Checksum.String(), "not told"))
		if i >= 0 {
			b := s.Backups[i]
			text = fmt.Sprintf("backup %s, %s, checksum %s, lies in %s", b.ID, widget.Size(b.Size), cmp.Or(t.Checksum.String(), "not told"), places(b))
		}
		lines = append(lines, text)
	}
	lines = append(lines, r.alsoMeans(name, act)...)
	for _, c := range r.engine.Explain(name, act) {
		lines = append(lines, "sends "+requestLine(c))
	}
	return strings.Join(lines, "\n  ")
}

// alsoMeans is what else an operator must know before an act is done.
func (r *run) alsoMeans(name string, act appliance.Act) (lines []string) {
	_, configures := r.engine.Configures(name)
	rules, _ := r.engine.MakingRules(name)
	switch act.Verb {
	case appliance.VerbCreate:
		if rules.Silence {
			lines = append(lines, "while it is made, the appliance answers nothing for minutes")
		}
		if rules.Passphrase {
			lines = append(lines, "the passphrase encrypts the backup and is kept nowhere: without it nobody can restore it")
		}
	case appliance.VerbRestore:
		if configures {
			return []string{"it takes the place of the edited configuration; nothing runs by it before it is activated"}
		}
		also := "settings only"
		switch {
		case act.Restore.Devices && act.Restore.Firmware:
			also = "settings, the inventory of devices, and firmware and device drivers"
		case act.Restore.Devices:
			also = "settings and the inventory of devices"
		case act.Restore.Firmware:
			also = "settings, and firmware and device drivers"
		}
		lines = append(lines, "restored are: "+also, "the appliance answers nothing for minutes, and may come back with the address, the "+
			"certificate, the users and the jobs of the backup; it cannot be taken back")
	case appliance.VerbProcess:
		lines = append(lines, "it is whatever was pushed or imported last, and named by nobody: make sure that it is yours")
	case appliance.VerbMove:
		lines = append(lines, "the original goes")
	case appliance.VerbDelete:
		if act.Typed {
			lines = append(lines, "nothing may be left of the backup")
		}
	case appliance.VerbPush:
		lines = append(lines, "the vendor describes a push to a newly set up appliance only")
	case appliance.VerbCancelPush:
		push := r.engine.Snapshot(name).Push
		switch {
		case push.Ours:
			lines = append(lines, fmt.Sprintf("the push that runs is job %s, which was started here", push.Job))
		case push.Job != "":
			lines = append(lines, fmt.Sprintf("the push that runs is job %s, which is not known to be yours", push.Job))
		default:
			lines = append(lines, "whose push runs, if one does, is not known: whichever it is, it ends")
		}
	case appliance.VerbCancelJob:
		for _, j := range r.engine.Snapshot(name).Jobs {
			if j.ID == act.Job {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s, %s %s", j.Title, j.State, percent(j.Percent))), "started by "+cmp.Or(j.By.String(), "nobody knows whom"))
			}
		}
	}
	return lines
}

// requestLine is a request as one line, without its secret.
func requestLine(c appliance.Call) string {
	return strings.TrimSpace(c.Method + " " + c.URL + " " + c.Body)
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
