package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/xclarity"
)

func demoCommand(env *Env, f *flags) *cobra.Command {
	var theme string
	var ascii bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Open the dashboard on simulated appliances; needs no configuration",
		Long: "Three LXCAs, one of them freshly set up, two ECBs and one appliance that cannot be reached are simulated inside " +
			"this process and spoken to over real HTTPS on loopback. Nothing outlives the demo.",
		Args: wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			g := *f
			g.theme, g.ascii = theme, ascii
			return demo(cmd.Context(), env, g)
		},
	}
	f.careful(cmd.Flags())
	cmd.Flags().StringVar(&theme, "theme", "", "colours (default: by the terminal's background)")
	cmd.Flags().BoolVar(&ascii, "ascii", false, "draw with ASCII only")
	return cmd
}

func demo(ctx context.Context, env *Env, f flags) (err error) {
	if !env.Terminal {
		return exit(ExitUsage, errNoTerminal)
	}
	dir, remove, err := demoFolder()
	if err != nil {
		return exit(ExitFailed, err)
	}
	env.process.beforeAbandon(func() { _ = remove() }) // the next demo tries again
	defer func() {
		if failed := (*crash)(nil); errors.As(err, &failed) {
			return // the report lies there
		}
		if gone := remove(); gone != nil && err == nil {
			err = exit(ExitFailed, fmt.Errorf("remove the demo's folder: %w", gone))
		}
	}()
	fleet, err := sim.Start(context.WithoutCancel(ctx), demoFleet()) // an orderly end still speaks to it
	if err != nil {
		return exit(ExitFailed, fmt.Errorf("start the simulated appliances: %w", err))
	}
	defer fleet.Close()
	if err := furnish(fleet); err != nil {
		return exit(ExitFailed, err)
	}
	if f.config, err = demoConfig(dir, fleet); err != nil {
		return exit(ExitFailed, err)
	}
	return dashboard(ctx, env, f)
}

func demoFleet() sim.Config {
	return sim.Config{
		Appliances: []sim.Spec{
			{Name: "dc1-lxca", Kind: sim.KindLXCA}, {Name: "dc2-lxca", Kind: sim.KindLXCA},
			{Name: "new-lxca", Kind: sim.KindLXCA, Fresh: true},
			{Name: "ecb-edge", Kind: sim.KindECB}, {Name: "ecb-core", Kind: sim.KindECB},
		},
		Backups: 6, Life: true, Speed: 0.2, Seed: uint64(time.Now().UnixNano()),
	}
}

// furnish makes the simulated fleet one to look at: locks of other people, one about to end, a job that runs.
func furnish(f *sim.Fleet) error {
	dc1, dc2 := f.Appliance("dc1-lxca").LXCA, f.Appliance("dc2-lxca").LXCA
	dc1.AddForeignLock("FC", 90*time.Second)
	dc1.AddForeignLock("SS", 47*time.Minute)
	dc2.AddForeignLock("DM", 13*time.Minute)
	f.Appliance("ecb-core").ECB.LockByOther(broker.SourceGUI)
	for i, b := range dc1.Backups() {
		if i%2 == 1 && dc1.RemoveBackup(b.UUID, "all") { // every other one lies on the share too
			b.Locations = []string{xclarity.Internal, xclarity.DefaultShare}
			dc1.AddBackup(b)
		}
	}
	backups := dc2.Backups()
	_, err := dc2.StartTransfer(xclarity.Transfer{Operation: "copy", UUID: backups[0].UUID, Destination: "/mnt/my_remote_share",
		User: "admin"})
	if err != nil {
		return fmt.Errorf("furnish the demo: %w", err)
	}
	return nil
}

// demoConfig writes the configuration of the demo and adds an appliance that cannot be reached.
func demoConfig(dir string, f *sim.Fleet) (string, error) {
	path := filepath.Join(dir, "config.toml")
	if err := sim.WriteConfig(path, f); err != nil {
		return "", fmt.Errorf("write the demo's configuration: %w", err)
	}
	closed, err := closedPort()
	if err != nil {
		return "", fmt.Errorf("find a closed port: %w", err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the demo's configuration: %w", err)
	}
	text := fmt.Sprintf("state_dir = %q\n\n%s\n[[appliance]]\nname = \"old-lxca\"\nkind = \"lxca\"\nurl = \"https://%s\"\n"+
		"user = \"admin\"\npassword_file = \"dc1-lxca.password\"\n", filepath.Join(dir, "state"), old, closed)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// closedPort is a loopback address on which nobody listens.
func closedPort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
