package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"charm.land/log/v2"

	"holdfast/appliance/config"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
	"holdfast/ui/keymap"
	"holdfast/ui/theme"
)

// run is one configured fleet, ready to be watched.
type run struct {
	config *config.Config
	engine *fleet.Engine
	keys   *keymap.Map
	person policy.Person
	log    io.Closer
	logger *slog.Logger
	record *record // nil where nothing is changed
	// unsettled tells that what earlier runs left was waited for, and is not settled yet.
	unsettled  bool
	closed     bool              // the engine was ended after a signal: nothing can be asked any more
	migrations *migration.Runner // nil where none are looked after
	tried      map[int]bool      // steps for which the passphrase of a file was tried
}

func (r *run) close() {
	if r.migrations != nil {
		r.migrations.Close()
	}
	r.engine.Close()
	if r.record != nil {
		_ = r.record.close() // what was confirmed is there already
	}
	_ = r.log.Close() // nothing is left to be done about a log that cannot be closed
}

// load reads the configuration; every mistake in it is wrong usage.
func load(env *Env, f flags) (*config.Config, error) {
	path := f.config
	if path == "" {
		path = config.DefaultPath()
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, exit(ExitUsage, err)
	}
	if _, err := bindings(c); err != nil {
		return nil, err
	}
	if f.theme != "" {
		if err := theme.Check(f.theme); err != nil {
			return nil, exit(ExitUsage, err)
		}
		c.Theme = f.theme
	}
	c.ReadOnly = c.ReadOnly || f.readOnly
	c.ASCII = c.ASCII || f.ascii
	return c, nil
}

// part is what a run is for.
type part struct {
	acting  bool   // it may change something, and has a journal
	adopt   bool   // it takes over what earlier runs left
	about   string // of that only this lock, by its id or scope; empty = everything
	purpose string // what its locks are for, when that is one thing
	// migrates begins to look after migrations; nil = it looks after none.
	migrates func(context.Context, *migration.Runner) error
}

func looking() part { return part{} }

// assemble makes the fleet of a configuration and has it watched; with a journal where acting is meant. Passwords that are to
// be asked for are asked for before.
func assemble(ctx context.Context, env *Env, c *config.Config, as part) (*run, error) {
	keys, err := bindings(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("make the state folder: %w", err))
	}
	logger, closer, err := openLog(c)
	if err != nil {
		return nil, exit(ExitFailed, err)
	}
	known, err := transport.OpenKnown(filepath.Join(c.StateDir, "known_appliances"))
	if err != nil {
		return nil, exit(ExitUsage, err)
	}
	id := fleet.NewID()
	deps := connect.Deps{
		Dial: env.Dial, Clock: env.Clock, Log: logger, Known: known, ReadOnly: c.ReadOnly, Prompt: prompts(env, c),
		StateDir: c.StateDir, Engine: id, Remember: remembered(len(c.Appliances)),
	}
	options := fleet.Options{
		ID: id, Members: members(c, deps), Clock: env.Clock, ReadOnly: c.ReadOnly, Log: logger, Warn: warnings(c.Warn),
		Adopt: as.adopt, AdoptOnly: as.about, Purpose: as.purpose,
	}
	r := &run{config: c, keys: keys, person: policy.Person{Name: env.User, Role: c.Role}, log: closer, logger: logger}
	options.AdoptFor = r.person
	if as.acting {
		if r.record, err = openRecord(ctx, env, c, options.ID, journal.Options{
			Log: logger, Keep: time.Duration(c.JournalDays) * 24 * time.Hour,
		}); err != nil {
			return nil, err
		}
		options.Journal = r.record.journal
	}
	if r.engine, err = fleet.New(options); err != nil {
		if r.record != nil {
			err = errors.Join(err, r.record.close())
		}
		return nil, exit(ExitFailed, err)
	}
	if r.record != nil {
		r.record.follow(r.engine)
	}
	r.engine.Start(ctx)
	if as.migrates != nil {
		if err := r.migrate(ctx, c, as.migrates); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

// warnings is the same settings as the engine wants them: a warning that is switched off is one that never comes.
func warnings(w config.Warn) fleet.Warnings {
	out := fleet.Warnings{PasswordDays: w.PasswordDays, CertificateDays: w.CertificateDays, BackupAge: w.BackupAge}
	if w.PasswordDays == 0 {
		out.PasswordDays = -1
	}
	if w.CertificateDays == 0 {
		out.CertificateDays = -1
	}
	if w.BackupAge == 0 {
		out.BackupAge = math.MaxInt64
	}
	return out
}

// remembered is how many exchanges each of n appliances remembers: many appliances share what a few may keep each, as all that a
// thousand sent in the last hour would be the largest part of the program.
func remembered(n int) int { return min(200, max(40, 20_000/max(n, 1))) }

// members makes the client of each appliance; one that cannot be made is a row that says why.
func members(c *config.Config, deps connect.Deps) []fleet.Member {
	var members []fleet.Member
	for _, a := range c.Appliances {
		client, err := connect.New(a, deps)
		members = append(members, fleet.Member{
			Appliance: client, Broken: err, Name: a.Name, Kind: a.Kind, Address: a.Address, MountPoints: a.MountPoints,
			ReadOnly: a.ReadOnly,
			Intervals: fleet.Intervals{Locks: a.Intervals.Locks, Jobs: a.Intervals.Jobs, JobsBusy: a.Intervals.JobsBusy,
				Backups: a.Intervals.Backups, Health: a.Intervals.Health},
		})
	}
	return members
}

// prompts asks for every password that is to be asked for now, before the screen is taken. An empty answer leaves that
// appliance without one, which its row then says.
func prompts(env *Env, c *config.Config) func(ctx context.Context, user, name string) (secret.Secret, error) {
	if env.ReadPassword == nil || !env.Terminal {
		return nil
	}
	answers := map[string]secret.Secret{}
	for _, a := range c.Appliances {
		if !a.Password.Prompt {
			continue
		}
		if s, err := env.ReadPassword(fmt.Sprintf("Password of %s at %s: ", a.User, a.Name)); err == nil && s != "" {
			answers[a.Name] = secret.New(s)
		}
	}
	return func(_ context.Context, _, name string) (secret.Secret, error) {
		if s, ok := answers[name]; ok {
			return s, nil
		}
		return secret.Secret{}, errNoPassword
	}
}

// errNoPassword is the answer of an operator who gave none.
var errNoPassword = errors.New("none was given; start holdfast again to be asked")

// openLog opens the log, which only we can read; it never reaches the screen.
func openLog(c *config.Config) (*slog.Logger, io.Closer, error) {
	path := c.Log.File
	if path == "" {
		path = filepath.Join(c.StateDir, "holdfast.log")
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	handler := log.NewWithOptions(file, log.Options{ReportTimestamp: true, Level: log.Level(c.Log.Level)})
	return slog.New(handler), file, nil
}
