package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"holdfast/appliance/config"
	"holdfast/ui/theme"
)

// Wrong usage is one clear message on stderr, exit code 2, and nothing started.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	good := write(t, "config.toml", config.Example())
	for name, c := range map[string]struct {
		args []string
		said string
	}{
		"unknown command":       {[]string{"frobnicate"}, `unknown command "frobnicate"`},
		"unknown flag":          {[]string{"--frobnicate"}, "unknown flag: --frobnicate"},
		"unknown flag of sim":   {[]string{"sim", "--frobnicate"}, "unknown flag: --frobnicate"},
		"too many arguments":    {[]string{"version", "1"}, "version wants no argument; 1 argument is given"},
		"trust of nothing":      {[]string{"trust"}, "trust wants APPLIANCE; 0 arguments are given"},
		"no file":               {[]string{"--config", "/nowhere/config.toml", "status"}, "there is no configuration"},
		"a folder as file":      {[]string{"--config", t.TempDir(), "status"}, "is not a regular file"},
		"unknown theme":         {[]string{"--config", good, "--theme", "pink"}, "pink"},
		"negative locks":        {[]string{"sim", "--locks", "-1"}, "cannot be negative"},
		"no number":             {[]string{"sim", "--locks", "many"}, "many"},
		"speed of nothing":      {[]string{"sim", "--speed", "0"}, "--speed"},
		"speed of no number":    {[]string{"sim", "--speed", "NaN"}, "--speed"},
		"speed without end":     {[]string{"sim", "--speed", "Inf"}, "--speed +Inf cannot be: give a number from 0.001 to 1000000"},
		"speed of nearly none":  {[]string{"sim", "--speed", "1e-300"}, "--speed 1e-300 cannot be"},
		"too many locks":        {[]string{"sim", "--locks", "3000000"}, "--locks 3000000 is too many for each LXCA: give at most 50000"},
		"too many backups":      {[]string{"sim", "--backups", "9223372036854775807"}, "give at most 500000,"},
		"too many jobs":         {[]string{"sim", "--lxca", "127.0.0.1:0", "--jobs", "100001"}, "--jobs 100001 is too many for each LXCA: give at most 100000,"},
		"token of no time":      {[]string{"sim", "--token-ttl", "1ms"}, "--token-ttl"},
		"unknown switch":        {[]string{"sim", "--switch", "no-such=1"}, "unknown switch"},
		"no value of a switch":  {[]string{"sim", "--switch", "labels"}, "NAME=VALUE"},
		"bad value of a switch": {[]string{"sim", "--switch", "labels=pink"}, "labels"},
		"unknown fault":         {[]string{"sim", "--fault", "drop-aftr POST sftp/locks"}, `column 1: unknown fault "drop-aftr": did you mean drop-after?`},
		"fault on no method":    {[]string{"sim", "--fault", "reset", "--fault", "reset post /tasks"}, `column 7: "post" is no method`},
		"switch with a slip":    {[]string{"sim", "--switch", "lables=long"}, `unknown switch "lables": did you mean labels?`},
		"fault on nobody":       {[]string{"sim", "--fault", "reset on=lxca1"}, `there is no appliance "lxca1": did you mean lxca-1?`},
		"fault on no pattern":   {[]string{"sim", "--ecb", "127.0.0.1:0", "--fault", "reset on=lxca-*"}, `there is no appliance "lxca-*": `},
		"bad address":           {[]string{"sim", "--lxca", "nowhere"}, "nowhere"},
		"truth in no folder":    {[]string{"sim", "--truth", "/nowhere/truth.jsonl"}, "truth log"},
		"config in no folder":   {[]string{"sim", "--write-config", "/proc/nowhere/c.toml"}, "make a folder for the configuration"},
		"config as a folder":    {[]string{"sim", "--write-config", t.TempDir()}, "it is a folder"},
		"config in proc":        {[]string{"sim", "--write-config", "/proc/c.toml"}, "holdfast: write the configuration to /proc/c.toml: "},
		"no number of a speed":  {[]string{"sim", "--speed", `a"bc`}, `for "--speed" flag: it is not a number`},
		"no whole number":       {[]string{"sim", "--jobs", "1.5"}, `invalid argument "1.5" for "--jobs" flag: it is not a whole number`},
		"no seed":               {[]string{"sim", "--seed", "-1"}, "it is not a whole number of 0 or more"},
		"endless seed":          {[]string{"sim", "--seed", "99999999999999999999"}, "it is too large"},
		"neither yes nor no":    {[]string{"sim", "--life=perhaps"}, "it is neither true nor false"},
		"address in use":        {[]string{"sim", "--lxca", busy(t)}, "start simulated appliance lxca-1: listen at 127.0.0.1:"},
		"no port":               {[]string{"sim", "--ecb", "127.0.0.1:99999"}, "listen at 127.0.0.1:99999: "},
		"demo with a config":    {[]string{"demo", "--config", good}, "unknown flag: --config\nTry holdfast demo --help."},
		"config before demo":    {[]string{"--config", good, "demo"}, "unknown flag: --config"},
		"sim with a config":     {[]string{"sim", "--config", good}, "unknown flag: --config\nTry holdfast sim --help."},
		"sim that reads only":   {[]string{"--read-only", "sim"}, "unknown flag: --read-only"},
		"version with a config": {[]string{"--config", good, "version"}, "unknown flag: --config\nTry holdfast version --help."},
		"version reads only":    {[]string{"version", "--read-only"}, "unknown flag: --read-only"},
		"unknown appliance":     {[]string{"--config", good, "trust", "nobody"}, `has no appliance "nobody": it has dc1-lxca, edge-ecb`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := say(t, c.args...)
			r.want(t, ExitUsage, c.said)
			r.wantNot(t, "strconv", "parsing", "listen tcp", "bind:", ".holdfast-")
			r.quiet(t)
			if !strings.HasPrefix(r.err, "holdfast: ") {
				t.Errorf("stderr: %q", r.err)
			}
		})
	}
}

// busy is an address on which something listens already.
func busy(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// What the bounds allow is taken, and told of without making it.
func TestSimulationAtItsBounds(t *testing.T) {
	t.Parallel()
	f := simFlags{lxca: []string{"127.0.0.1:0"}, fresh: []string{"127.0.0.1:0"}, locks: maxLocks / 2, backups: maxBackups, jobs: maxJobs / 2,
		speed: maxSpeed, tokenTTL: span{d: time.Minute}}
	if _, err := f.config(); err != nil {
		t.Error(err)
	}
	f.lxca = append(f.lxca, "127.0.0.1:0")
	if _, err := f.config(); err == nil {
		t.Error("another LXCA with as much is taken")
	}
}

// A signal that comes while the simulated appliances are made ends the program: nothing is served, and nothing said on stdout.
func TestSignalWhileSimulatorsAreMade(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(Interrupted{syscall.SIGTERM})
	r := call{args: []string{"sim"}}.run(ctx)
	r.want(t, 143, "make simulated appliances: ended by SIGTERM")
	r.quiet(t)
}

// What is wrong with a simulation is told before anything is written or served.
func TestWrongSimulationTouchesNothing(t *testing.T) {
	t.Parallel()
	truth := write(t, "truth.jsonl", "of the last run\n")
	config := filepath.Join(t.TempDir(), "config.toml")
	for _, wrong := range [][]string{{"--fault", "reset on=nobody"}, {"--switch", "nothing=1"}, {"--switch", "labels=pink"}} {
		say(t, append([]string{"sim", "--truth", truth, "--write-config", config}, wrong...)...).want(t, ExitUsage)
		if text, err := os.ReadFile(truth); err != nil || string(text) != "of the last run\n" {
			t.Errorf("%v: the truth log: %q, %v", wrong, text, err)
		}
		if _, err := os.Stat(config); err == nil {
			t.Errorf("%v: a configuration was written", wrong)
		}
	}
}

// keyed is a configuration with these keys from its second line on.
func keyed(keys string) string {
	return "[keys]\n" + keys + "\n[[appliance]]\nname=\"a\"\nkind=\"lxca\"\nurl=\"https://a\"\nuser=\"u\"\n"
}

// A mistake in the configuration is told with its place and stops every command that reads it.
func TestWrongConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, said string }{
		"unknown key":    {"thene = \"dark\"\n", ":1:1"},
		"unknown action": {keyed("acqire = [\"n\"]"), "acquire"},
		"key twice":      {keyed("acquire = [\"r\"]"), `:2:12: "r" would be both acquire and release`},
		"no such key":    {keyed("acquire = [\"y\", \"ctlr+x\"]"), `:2:17: "ctlr+x" for acquire is no key that a terminal sends (did you mean "ctrl+x"?)`},
		"no such form":   {keyed("acquire = \"Ctrl+A\""), `:2:1: "Ctrl+A" for acquire is no key that a terminal sends (did you mean "ctrl+a"?)`},
		"mistyped":       {keyed("acquire = [\"enterr\"]"), `(did you mean "enter"?)`},
		"no such figure": {keyed("acquire = [\"f99\"]"), `(did you mean "f9"?)`},
		"a blank":        {keyed("acquire = [\" \"]"), `(did you mean "space"?)`},
		"two lines":      {keyed("acquire = [\"y\"]\nextend = [\"E\", \"y\"]"), `:3:16: "y" would be both acquire and extend`},
		"no appliance":   {"", "appliance"},
		"no TOML":        {"x = [", "TOML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, "config.toml", c.text)
			for _, command := range [][]string{{"config", "check"}, {"status"}, {}} {
				r := call{args: append([]string{"--config", path}, command...), terminal: true}.run(t.Context())
				r.want(t, ExitUsage, c.said)
				r.quiet(t)
			}
		})
	}
}

// Without any configuration the program says where it looks, how to write one, and what works without.
func TestNoConfig(t *testing.T) {
	t.Cleanup(xdg.Reload) // registered first, so that it reads the variables as they were
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_DIRS", t.TempDir())
	xdg.Reload()
	for _, command := range [][]string{{}, {"status"}, {"config", "check"}, {"trust", "x"}} {
		r := call{args: command, terminal: true}.run(t.Context())
		r.want(t, ExitUsage, "there is no configuration; it is looked for in", config.DefaultPath(), "holdfast config example", "holdfast demo")
		r.quiet(t)
	}
}

// Without a terminal there is no dashboard, and the message names what works instead.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	good := write(t, "config.toml", config.Example())
	for _, args := range [][]string{{"demo"}, {"--config", good}} {
		r := say(t, args...)
		r.want(t, ExitUsage, "holdfast status")
		r.quiet(t)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := say(t, "version")
	r.want(t, ExitDone, "holdfast ", "go1.")
	if r.err != "" || strings.Count(r.out, "\n") != 1 {
		t.Errorf("%+v", r)
	}
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	example := say(t, "config", "example")
	example.want(t, ExitDone, "[[appliance]]")
	path := write(t, "config.toml", example.out)
	say(t, "--config", path, "config", "check").want(t, ExitDone, path+" is good: 2 appliances")
	if r := say(t, "--config", "some/where.toml", "config", "path"); strings.TrimSpace(r.out) != "some/where.toml" {
		t.Errorf("path %q", r.out)
	}
	if r := say(t, "config", "path"); strings.TrimSpace(r.out) != config.DefaultPath() {
		t.Errorf("path %q", r.out)
	}
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	say(t, "--config", path, "config", "check").want(t, ExitUsage, filepath.Base(path))
}

// The words of the setting theme are the themes that there are.
func TestThemesOfConfig(t *testing.T) {
	t.Parallel()
	if !slices.Equal(config.Themes(), theme.Names()) {
		t.Errorf("config: %q, theme: %q", config.Themes(), theme.Names())
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	r := say(t, "--help")
	r.want(t, ExitDone, "demo", "sim", "status", "config", "trust", "version", "--read-only", "--config")
	for name, flags := range map[string][2]bool{"demo": {false, true}, "sim": {false, false}, "version": {false, false}, "status": {true, true},
		"locks acquire": {true, true}, "migrate run": {true, true}, "config check": {true, true}} {
		r := say(t, append(strings.Fields(name), "--help")...)
		for i, flag := range []string{"--config", "--read-only"} {
			if strings.Contains(r.out, flag+" ") != flags[i] {
				t.Errorf("%s has %s: %v\n%s", name, flag, !flags[i], r.out)
			}
		}
	}
	say(t, "sim", "--help").want(t, ExitDone, "--write-config", "lock-duplicate", "token-limit")
}
