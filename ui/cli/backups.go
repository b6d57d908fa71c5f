package cli

import (
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
	"holdfast/ui/widget"
)

func backupsCommand(env *Env, f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backups",
		Short: "List, make, copy, move, push, delete, process and restore backups",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return exit(ExitUsage, errors.New("backups: say which: list, create, copy, move, push, cancel-push, delete, process or restore"))
		},
	}
	cmd.AddCommand(backupsListCommand(env, f), backupsCreateCommand(env, f), transferCommand(env, f, appliance.VerbCopy),
		transferCommand(env, f, appliance.VerbMove), transferCommand(env, f, appliance.VerbPush), cancelPushCommand(env, f),
		backupsDeleteCommand(env, f), backupsProcessCommand(env, f), backupsRestoreCommand(env, f))
	return cmd
}

// keptJSON is a line of `backups list --json`. It is documented in the README and only ever grows.
type keptJSON struct {
	Appliance string `json:"appliance"`
	backupJSON
	Version string `json:"version,omitempty"`
	By      string `json:"by,omitempty"`
}

func backupsListCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [APPLIANCE]",
		Short: "Look once and print every backup and each place that it lies in",
		Args:  wants(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onFleet(cmd.Context(), env, *f, args, func(ctx context.Context, r *run) error {
				return backupsList(env, r, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

// onFleet looks once at one appliance, or at all, and runs f. It fails when one did not answer, after f.
func onFleet(ctx context.Context, env *Env, f flags, names []string, do func(context.Context, *run) error) error {
	c, err := load(env, f)
	if err == nil && len(names) == 1 {
		c, err = only(c, names[0])
	}
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
	if err := do(ctx, r); err != nil {
		return err
	}
	silent := 0
	for _, s := range r.engine.Snapshots() {
		if !s.State.Answers() {
			silent++
			fmt.Fprintf(env.Err, "holdfast: %s: %s\n", s.Name, s.Trouble)
		}
	}
	if silent > 0 {
		return exit(ExitUnreachable, fmt.Errorf("%d of %d appliances did not answer, or could not be asked", silent, len(c.Appliances)))
	}
	return nil
}

func backupsList(env *Env, r *run, asJSON bool) error {
	out := json.NewEncoder(env.Out)
	out.SetEscapeHTML(false)
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "APPLIANCE\tLABEL\tCREATED\tSIZE\tVERSION\tLIES IN\tID")
	}
	for _, s := range r.engine.Snapshots() {
		for _, b := range s.Backups {
			if asJSON {
				if err := out.Encode(keptJSON{s.Name, toBackup(b), b.Version.String(), b.By.String()}); err != nil {
					return exit(ExitFailed, fmt.Errorf("print the backups: %w", err))
				}
				continue
			}
			created := "not known"
			if !b.Created.IsZero() {
				created = b.Created.UTC().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, nameOf(b), created, widget.Size(b.Size), b.Version, places(b), b.ID)
		}
	}
	return exit(ExitFailed, w.Flush())
}

// nameOf is what a backup is called.
func nameOf(b fleet.Backup) string {
	switch {
	case !b.Label.Empty():
		return b.Label.String()
	case !b.File.Empty():
		return b.File.String()
	}
	return string(b.ID)
}

func places(b fleet.Backup) string {
	text := ""
	for i, l := range b.Locations {
		if i > 0 {
			text += ", "
		}
		text += string(l)
	}
	return text
}

// actFlags are what the commands share that change something.
type actFlags struct {
	yes, noWait bool
	passphrase  string // a file
}

func (o *actFlags) add(cmd *cobra.Command, passphrase bool) {
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it without asking")
	cmd.Flags().BoolVar(&o.noWait, "no-wait", false, "do not wait for the end: say which job it became")
	if passphrase {
		cmd.Flags().StringVar(&o.passphrase, "passphrase-file", "", "a file only you can read with the passphrase (default: asked for)")
	}
}

var transferWords = map[appliance.Verb][2]string{
	appliance.VerbCopy: {"Copy a backup; the original stays", "internal or a mount point"},
	appliance.VerbMove: {"Move a backup; the original goes", "a mount point"},
	appliance.VerbPush: {"Push a backup to another appliance, which should be newly set up", "an appliance of the settings, or an address"},
}

func transferCommand(env *Env, f *flags, verb appliance.Verb) *cobra.Command {
	var o actFlags
	var to string
	cmd := &cobra.Command{
		Use:   string(verb) + " APPLIANCE BACKUP --to DESTINATION",
		Short: transferWords[verb][0],
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onBackup(cmd.Context(), env, *f, args, o, func(r *run, b fleet.Backup) (appliance.Act, error) {
				destination := to
				if verb == appliance.VerbPush {
					var err error
					if destination, _, err = r.pushTo(to); err != nil {
						return appliance.Act{}, err
					}
				}
				return appliance.Act{Verb: verb, Transfer: transferOf(verb, b, destination)}, nil
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", transferWords[verb][1])
	required(cmd, "to")
	o.add(cmd, false)
	return cmd
}

func transferOf(verb appliance.Verb, b fleet.Backup, to string) appliance.Transfer {
	return appliance.Transfer{Verb: verb, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Destination: to}
}

func backupsDeleteCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	var from string
	var last bool
	cmd := &cobra.Command{
		Use:   "delete APPLIANCE BACKUP --from LOCATION",
		Short: "Delete a backup in one place, or in all",
		Long:  "The last copy of a backup is deleted with --last only.",
		Args:  wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onBackup(cmd.Context(), env, *f, args, o, func(_ *run, b fleet.Backup) (appliance.Act, error) {
				return appliance.Act{Verb: appliance.VerbDelete, Transfer: transferOf(appliance.VerbDelete, b, from), Typed: last}, nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "internal, a mount point, or all")
	cmd.Flags().BoolVar(&last, "last", false, "also when nothing would be left of the backup")
	required(cmd, "from")
	o.add(cmd, false)
	return cmd
}

func backupsRestoreCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	var prepare, devices, firmware bool
	cmd := &cobra.Command{
		Use:   "restore APPLIANCE BACKUP",
		Short: "Restore a backup on its appliance, or only prepare that",
		Long: "An LXCA answers nothing for minutes meanwhile, and may come back with the address, the certificate and the users of the " +
			"backup. --prepare decrypts the backup first, for which its passphrase is needed. On an ECB a restore changes the edited " +
			"configuration only, and takes the configuration lock.",
		Args: wants(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return onBackup(cmd.Context(), env, *f, args, o, func(_ *run, b fleet.Backup) (appliance.Act, error) {
				verb := appliance.VerbRestore
				if prepare {
					verb = appliance.VerbPrepare
				}
				return appliance.Act{
					Verb: verb, Transfer: transferOf(verb, b, ""),
					Restore: appliance.Restoring{Backup: b.ID, Label: b.Label, Devices: devices, Firmware: firmware},
				}, nil
			})
		},
	}
	cmd.Flags().BoolVar(&prepare, "prepare", false, "decrypt and prepare it, and restore nothing yet")
	cmd.Flags().BoolVar(&devices, "devices", false, "an LXCA: also the inventory of devices")
	cmd.Flags().BoolVar(&firmware, "firmware", false, "an LXCA: also firmware and device drivers")
	o.add(cmd, true)
	return cmd
}

func backupsProcessCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	cmd := &cobra.Command{
		Use:   "process APPLIANCE",
		Short: "Have an appliance validate and decrypt the package that was pushed to it last",
		Args:  wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return acting(cmd.Context(), env, *f, args[0], o, func(*run) (appliance.Act, error) {
				return appliance.Act{Verb: appliance.VerbProcess}, nil
			})
		},
	}
	o.add(cmd, true)
	return cmd
}

func backupsCreateCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	var n appliance.NewBackup
	var to, source string
	cmd := &cobra.Command{
		Use:   "create APPLIANCE --label NAME",
		Short: "Make a backup of an appliance",
		Long: "An LXCA answers nothing for minutes meanwhile; the passphrase encrypts the backup, and nobody can read it without. On an " +
			"ECB the name is that of a new file, and it takes the configuration lock.",
		Args: wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return acting(cmd.Context(), env, *f, args[0], o, func(r *run) (appliance.Act, error) {
				rules, _ := r.engine.MakingRules(args[0])
				making := n
				making.Destination, making.Source = appliance.Location(to), appliance.ConfigCopy(source)
				if len(rules.Sources) == 0 {
					making.Source = ""
				}
				return appliance.Act{Verb: appliance.VerbCreate, Making: making}, nil
			})
		},
	}
	cmd.Flags().StringVar(&n.Label, "label", "", "its name")
	cmd.Flags().StringVar(&to, "to", "", "an LXCA: the mount point to write it to (default: internal)")
	cmd.Flags().BoolVar(&n.Firmware, "firmware", false, "an LXCA: with firmware and device drivers")
	cmd.Flags().BoolVar(&n.Images, "images", false, "an LXCA: with operating-system images")
	cmd.Flags().StringVar(&source, "source", string(appliance.RunningCopy), "an ECB: the copy to back up: running, saved or edited")
	required(cmd, "label")
	o.add(cmd, true)
	return cmd
}

func cancelPushCommand(env *Env, f *flags) *cobra.Command {
	var o actFlags
	var whichever bool
	cmd := &cobra.Command{
		Use:   "cancel-push APPLIANCE",
		Short: "Stop the push that runs on an appliance",
		Long:  "The appliance stops whichever push runs. One that is not known to be yours is stopped with --any only.",
		Args:  wants(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.noWait = true // it has no end of its own
			return acting(cmd.Context(), env, *f, args[0], o, func(r *run) (appliance.Act, error) {
				if err := r.pushes(args[0]); err != nil {
					return appliance.Act{}, err
				}
				return appliance.Act{Verb: appliance.VerbCancelPush, Job: r.engine.Snapshot(args[0]).Push.Job, Typed: whichever}, nil
			})
		},
	}
	cmd.Flags().BoolVar(&whichever, "any", false, "also one that somebody else started")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it without asking")
	return cmd
}

// toBackup is a backup for JSON.
func toBackup(b fleet.Backup) backupJSON {
	x := backupJSON{ID: string(b.ID), Label: b.Label.String(), Created: moment(b.Created), Checksum: b.Checksum.String(), Locations: []string{}}
	if b.Size >= 0 {
		x.Size = &b.Size
	}
	for _, l := range b.Locations {
		x.Locations = append(x.Locations, string(l))
	}
	return x
}

// spent is how long something took, in words.
func spent(d time.Duration) string { return widget.Span(d.Round(time.Second)) }

// pushes fails when a listing that could be read shows no push under way: there is nothing to stop.
func (r *run) pushes(name string) error {
	s := r.engine.Snapshot(name)
	if s.JobsPart.At.IsZero() || s.JobsPart.Err != "" {
		return nil // it may run, for all that is known
	}
	may := func(j fleet.Job) bool { return j.Phase.Live() && (j.Verb == "" || j.Verb == appliance.VerbPush) }
	if slices.ContainsFunc(s.Jobs, may) {
		return nil
	}
	return exit(ExitRefused, fmt.Errorf("%s: no push runs there; nothing was sent", name))
}
