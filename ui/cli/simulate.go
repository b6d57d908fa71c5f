package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
)

// simFlags are what `holdfast sim` is told.
type simFlags struct {
	lxca, fresh, ecb, switches, faults []string
	locks, backups, jobs               int
	life                               bool
	speed                              float64
	tokenTTL                           span
	seed                               uint64
	truth, writeConfig                 string
}

// Bounds of what a fleet starts with, over all its LXCAs, and of how fast jobs run: several times what design.md 8 is measured with.
const (
	maxLocks           = 100_000
	maxBackups         = 500_000
	maxJobs            = 100_000
	minSpeed, maxSpeed = 0.001, 1_000_000
)

func simCommand(env *Env) *cobra.Command {
	f := simFlags{tokenTTL: span{d: 10 * time.Minute}}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run the simulated appliances by themselves, until interrupted",
		Long: "Each simulated appliance serves its vendor's REST API over HTTPS with a certificate of its own. One JSON line an " +
			"appliance tells its URL, pin and accounts once it is ready. Without --lxca, --fresh-lxca and --ecb there is one of " +
			"each.\n\nSwitches, for what the vendors leave open; the first " +
			"value is the default:\n" + switchHelp() +
			"\nFaults made on purpose, each a rule in words:\n  " + fault.Help(),
		Example: "holdfast sim --lxca 127.0.0.1:0 --fresh-lxca 127.0.0.1:0 --ecb 127.0.0.1:0 --write-config /tmp/hf/config.toml\n" +
			"holdfast sim --fault 'drop-after POST sftp/locks #2' --fault 'restart=20s after=60s' --truth truth.jsonl",
		Args: wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd.Context(), env, f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.lxca, "lxca", nil, "an LXCA on this ADDRESS:PORT; port 0 picks a free one")
	flags.StringArrayVar(&f.fresh, "fresh-lxca", nil, "a newly set up LXCA, where a push may arrive")
	flags.StringArrayVar(&f.ecb, "ecb", nil, "an ECB on this ADDRESS:PORT")
	flags.IntVar(&f.locks, "locks", 0, fmt.Sprintf("locks that each LXCA starts with; %d in all at most", maxLocks))
	flags.IntVar(&f.backups, "backups", 6, fmt.Sprintf("backups that each LXCA starts with; %d in all at most", maxBackups))
	flags.IntVar(&f.jobs, "jobs", 0, fmt.Sprintf("jobs that each LXCA starts with; %d in all at most", maxJobs))
	flags.BoolVar(&f.life, "life", false, "other people take locks and run jobs, appliances slow down and come back")
	flags.Float64Var(&f.speed, "speed", 1, "how fast jobs run; at 1 a transfer takes about 6 s")
	flags.Var(&f.tokenTTL, "token-ttl", "how long an ECB's token lasts")
	flags.Uint64Var(&f.seed, "seed", 1, "of everything that is left to chance")
	flags.StringArrayVar(&f.switches, "switch", nil, "NAME=VALUE, see above")
	flags.StringArrayVar(&f.faults, "fault", nil, "a RULE for what goes wrong, see above; may be given again")
	flags.StringVar(&f.truth, "truth", "", "file that gets one JSON line for each thing that really happened")
	flags.StringVar(&f.writeConfig, "write-config", "", "file that gets a configuration of these appliances")
	return cmd
}

func switchHelp() string {
	var b strings.Builder
	for _, s := range sim.Switches() {
		fmt.Fprintf(&b, "  %s %s=%s\n", s.Kind, s.Name, strings.Join(s.Values, "|"))
	}
	return b.String()
}

func simulate(ctx context.Context, env *Env, f simFlags) (err error) {
	cfg, err := f.config()
	if err != nil {
		return exit(ExitUsage, err)
	}
	if f.writeConfig != "" {
		if err := os.MkdirAll(filepath.Dir(f.writeConfig), 0o700); err != nil {
			return exit(ExitUsage, fmt.Errorf("make a folder for the configuration: %w", err))
		}
		if err := sim.Writable(f.writeConfig); err != nil {
			return exit(ExitUsage, err)
		}
	}
	if f.truth != "" {
		file, err := os.OpenFile(f.truth, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return exit(ExitUsage, fmt.Errorf("open the truth log: %w", err))
		}
		defer func() { _ = file.Close() }()
		cfg.Truth = io.Writer(file)
	}
	fleet, err := sim.Start(ctx, cfg)
	if err != nil {
		return exit(ExitUsage, err)
	}
	defer fleet.Close()
	if f.writeConfig != "" {
		if err := ownConfig(f.writeConfig, fleet); err != nil {
			return exit(ExitFailed, err)
		}
	}
	out := json.NewEncoder(env.Out)
	out.SetEscapeHTML(false)
	for _, a := range fleet.Appliances() {
		if err := out.Encode(a); err != nil {
			return exit(ExitFailed, fmt.Errorf("tell of %s: %w", a.Name, err))
		}
	}
	<-ctx.Done()
	return nil
}

// ownConfig writes a configuration whose state is kept in a folder of its own beside it: what is tried there must not stand in the
// operator's journal.
func ownConfig(path string, fleet *sim.Fleet) error {
	if err := sim.WriteConfig(path, fleet); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if err := os.WriteFile(path, append([]byte("state_dir = \"state\"\n\n"), text...), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// config checks the flags and makes them a fleet; without any appliance it is one LXCA, one fresh LXCA and one ECB.
func (f simFlags) config() (sim.Config, error) {
	if f.locks < 0 || f.backups < 0 || f.jobs < 0 {
		return sim.Config{}, fmt.Errorf("--locks, --backups and --jobs cannot be negative")
	}
	if !(f.speed >= minSpeed && f.speed <= maxSpeed) { // nor is NaN
		return sim.Config{}, fmt.Errorf("--speed %g cannot be: give a number from %g to %d; at 1 a transfer takes about 6 s", f.speed, minSpeed, maxSpeed)
	}
	if f.tokenTTL.d < time.Second {
		return sim.Config{}, fmt.Errorf("--token-ttl must be at least 1s")
	}
	cfg := sim.Config{Locks: f.locks, Backups: f.backups, Jobs: f.jobs, Life: f.life, Speed: f.speed, TokenTTL: f.tokenTTL.d,
		Seed: f.seed, Switches: f.switches}
	for _, text := range f.faults {
		rule, err := fault.Parse(text)
		if err != nil {
			return sim.Config{}, err
		}
		cfg.Faults = append(cfg.Faults, rule)
	}
	for _, addr := range f.lxca {
		cfg.Appliances = append(cfg.Appliances, sim.Spec{Kind: sim.KindLXCA, Addr: addr})
	}
	for _, addr := range f.fresh {
		cfg.Appliances = append(cfg.Appliances, sim.Spec{Kind: sim.KindLXCA, Fresh: true, Addr: addr})
	}
	for _, addr := range f.ecb {
		cfg.Appliances = append(cfg.Appliances, sim.Spec{Kind: sim.KindECB, Addr: addr})
	}
	if len(cfg.Appliances) == 0 {
		cfg.Appliances = []sim.Spec{{Kind: sim.KindLXCA}, {Kind: sim.KindLXCA, Fresh: true}, {Kind: sim.KindECB}}
	}
	if err := f.bounded(cfg.Appliances); err != nil {
		return sim.Config{}, err
	}
	return cfg, cfg.Check()
}

// bounded refuses more than can be made within a moment and held in memory.
func (f simFlags) bounded(specs []sim.Spec) error {
	all, old := 0, 0 // LXCAs; those that start with backups
	for _, s := range specs {
		if s.Kind == sim.KindLXCA {
			all++
			if !s.Fresh {
				old++
			}
		}
	}
	for _, of := range []struct {
		flag           string
		each, on, most int
	}{{"locks", f.locks, all, maxLocks}, {"backups", f.backups, old, maxBackups}, {"jobs", f.jobs, all, maxJobs}} {
		if of.on > 0 && of.each > of.most/of.on {
			return fmt.Errorf("--%s %d is too many for each LXCA: give at most %d, for all of them together may have %d",
				of.flag, of.each, of.most/of.on, of.most)
		}
	}
	return nil
}
