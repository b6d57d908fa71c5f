// Package cli is the command tree, and the one place where everything is put together. Commands get their streams, their
// environment and who runs them handed in, so that tests and other front doors start exactly what main starts.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

// Env is everything that a run is given from outside.
type Env struct {
	Args    []string // without the program's name
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Environ []string // KEY=VALUE
	User    string   // who runs it: the OS user
	// Terminal tells that In and Out are one, so that a dashboard can be shown and questions asked.
	Terminal bool
	// Width is how many columns the terminal has that Err is; nil = Err is none.
	Width func() int
	// ReadPassword asks for a password without echo; nil = nobody can be asked.
	ReadPassword func(prompt string) (string, error)
	Clock        *clock.Clock // nil = the host's
	// Dial connects to appliances; nil = the network.
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Program []tea.ProgramOption // further options of the dashboard, for tests
	Mark    func() float64      // see app.Options; nil = by chance

	process *process                  // that this is run by; nil = by something within a process
	wrap    func(tea.Model) tea.Model // stands around the dashboard, for tests; nil = nothing
}

// wrapped is the dashboard with what stands around it.
func (e *Env) wrapped(m tea.Model) tea.Model {
	if e.wrap == nil {
		return m
	}
	return e.wrap(m)
}

// Exit codes (design.md 6).
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitRefused     = 3
	ExitUnreachable = 4
	ExitUnknown     = 5
)

// exitError is an error with the code to end with.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// commandError is the end of a command that was run for somebody: its own code, whatever ended it.
type commandError struct{ exitError }

// errSilent is an end with a code about which everything was said already.
var errSilent = errors.New("nothing more to say")

func exit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// Main runs a command and returns the code to end with.
func Main(ctx context.Context, env Env) int {
	if env.Clock == nil {
		env.Clock = clock.System()
	}
	env.User = appliance.Label(env.User).String() // the system's, or whoever logs in, chose it (faults.md SSH-18)
	root := tree(&env)
	judged(root)
	root.SetArgs(env.Args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	failed := aside(root)
	err := fang.Execute(ctx, root, fang.WithoutVersion(), fang.WithErrorHandler(func(_ io.Writer, _ fang.Styles, err error) {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(env.Err, "holdfast: "+words(err))
		}
	}))
	if *failed != nil {
		err = *failed
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(env.Err, "holdfast: "+words(err))
		}
	}
	return code(ctx, &env, err)
}

// code is what to exit with after an end; of a command line that is wrong it says where help is.
func code(ctx context.Context, env *Env, err error) int {
	var coded *exitError
	var own *commandError
	var sig Interrupted
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &own): // also when a signal ended the command
		return own.code
	case errors.As(context.Cause(ctx), &sig):
		return sig.Code()
	case errors.As(err, &coded):
		return coded.code
	}
	var wrong *wrongUsage // the command line itself
	command := "holdfast"
	if errors.As(err, &wrong) {
		command = wrong.command.CommandPath()
	}
	fmt.Fprintln(env.Err, "Try "+command+" --help.")
	if wrong != nil && wrong.command.Name() == holdName {
		return ExitHoldFailed
	}
	return ExitUsage
}

// aside keeps the errors of commands from fang, which at each puts the terminal into raw mode to ask for its background and
// waits seconds for the answer: at an end, which is no time for questions. It gets those of the command line itself.
func aside(c *cobra.Command) *error {
	var failed error
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if run := c.RunE; run != nil {
			c.RunE = func(cmd *cobra.Command, args []string) error {
				failed = run(cmd, args)
				return nil
			}
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(c)
	return &failed
}

// flags are what several commands share.
type flags struct {
	config   string
	readOnly bool
	theme    string
	ascii    bool
}

func tree(env *Env) *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "See and hold the locks, backups and jobs of LXCA and ECB appliances",
		Long: "Holdfast shows live who holds which lock on your Lenovo XClarity Administrators and Oracle Enterprise " +
			"Communications Brokers and for how long, which backups exist and where, and what the jobs are doing. Without a " +
			"command it opens the dashboard.",
		Example: "holdfast demo          # simulated appliances, no configuration\nholdfast               # the dashboard on " +
			"your appliances\nholdfast status --json  # one look, for scripts",
		Args: group,
		RunE: func(cmd *cobra.Command, _ []string) error { return dashboard(cmd.Context(), env, f) },
	}
	f.configured(root.Flags())
	root.Flags().StringVar(&f.theme, "theme", "", "colours (default: as configured)")
	root.Flags().BoolVar(&f.ascii, "ascii", false, "draw with ASCII only")
	root.AddCommand(demoCommand(env, &f), simCommand(env))
	for _, cmd := range []*cobra.Command{statusCommand(env, &f), locksCommand(env, &f), backupsCommand(env, &f), jobsCommand(env, &f),
		migrateCommand(env, &f), eventsCommand(env, &f), configCommand(env, &f), trustCommand(env, &f)} {
		f.configured(cmd.PersistentFlags()) // also of the commands that it has
		root.AddCommand(cmd)
	}
	root.AddCommand(versionCommand(env))
	return root
}

// flagSet is where flags are defined.
type flagSet interface {
	StringVar(p *string, name, value, usage string)
	BoolVar(p *bool, name string, value bool, usage string)
}

// configured gives a command the flags of those that go by a configuration.
func (f *flags) configured(set flagSet) {
	set.StringVar(&f.config, "config", "", "configuration file (default: holdfast/config.toml in your config folder)")
	f.careful(set)
}

// careful gives a command the flag of those that may change something on an appliance.
func (f *flags) careful(set flagSet) {
	set.BoolVar(&f.readOnly, "read-only", false, "change nothing on any appliance in this run")
}

// look is what the environment says, empty when it does not.
func (e *Env) look(name string) string {
	for _, kv := range e.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// mark is the share of a lock's time that is asked for on top of what was typed (fleet.Mark).
func (e *Env) mark() float64 {
	if e.Mark != nil {
		return e.Mark()
	}
	return rand.Float64()
}

func versionCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  wants(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Out, "holdfast "+version())
			return exit(ExitFailed, err)
		},
	}
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown build"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "built from source"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			v += " at " + s.Value[:12]
		}
	}
	return v + ", " + info.GoVersion
}
