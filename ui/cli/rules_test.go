package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	goversion "go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"holdfast/appliance/sim"
)

// commands are all commands of the tree, the root among them.
func commands() []*cobra.Command {
	all := []*cobra.Command{tree(&Env{})}
	for i := 0; i < len(all); i++ {
		all = append(all, all[i].Commands()...)
	}
	return all
}

var (
	secretive = regexp.MustCompile(`(?i)passw|secret|token|credential|passphrase|api.?key|private`)
	unchecked = regexp.MustCompile(`(?i)insecure|verif|skip|no-?check|unsafe|tls|ssl|cert|trust|(^|-)ca($|-)|pin`)
)

// flagLine is a line of the help on flags: short and long name, type, words.
var flagLine = regexp.MustCompile(`(?m)^ +(-\w, )? *--([\w-]+)( \w+)?   +(.*)$`)

// suspicious are the flags and arguments of a command that seem to take what the pattern is about.
func suspicious(c *cobra.Command, pattern *regexp.Regexp) (found []string, seen int) {
	for _, f := range flagLine.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
		seen++
		if pattern.MatchString(f[2]) || pattern.MatchString(f[4]) {
			found = append(found, c.CommandPath()+" --"+f[2]+f[3])
		}
	}
	if _, args, _ := strings.Cut(c.Use, " "); pattern.MatchString(args) {
		found = append(found, c.CommandPath()+" takes "+c.Use)
	}
	return found, seen
}

// No flag of any command takes a secret: what is about a token is a time, what is about a passphrase names a file or asks for it.
func TestFault_SEC02_NoFlagTakesASecret(t *testing.T) {
	t.Parallel()
	harmless := []string{"holdfast sim --token-ttl duration", "holdfast locks acquire --ttl duration", "holdfast locks extend --ttl duration", "holdfast locks hold --ttl duration",
		"holdfast backups create --passphrase-file string", "holdfast backups process --passphrase-file string",
		"holdfast backups restore --passphrase-file string", "holdfast migrate run --passphrase-file string",
		"holdfast migrate resume --passphrase-file string", "holdfast migrate plan --process"}
	flags := 0
	for _, c := range commands() {
		found, seen := suspicious(c, secretive)
		flags += seen
		for _, f := range found {
			if !slices.Contains(harmless, f) {
				t.Errorf("%s", f)
			}
		}
	}
	if flags < 25 {
		t.Errorf("only %d flags were looked at", flags)
	}
	bad := &cobra.Command{Use: "login USER PASSWORD"}
	bad.Flags().String("api-key", "", "")
	bad.Flags().StringP("as", "a", "", "the password")
	if found, _ := suspicious(bad, secretive); len(found) != 3 {
		t.Errorf("of a bad command only this is seen: %q", found)
	}
}

// No flag skips the check of who an appliance is, nor does anything in the environment: it is not spoken to.
func TestFault_TLS07_NoFlagNorVariable(t *testing.T) {
	t.Parallel()
	harmless := []string{"holdfast migrate plan --careful", "holdfast migrate plan --on-failure string", "holdfast migrate resume --skip"} // about backups
	for _, c := range commands() {
		found, _ := suspicious(c, unchecked)
		for _, f := range found {
			if c.Name() != "trust" && !slices.Contains(harmless, f) {
				t.Errorf("%q", f)
			}
		}
	}
	wishes := []string{
		"HOLDFAST_INSECURE", "HOLDFAST_SKIP_VERIFY", "HOLDFAST_TLS_VERIFY", "INSECURE", "SKIP_VERIFY", "TLS_SKIP_VERIFY", "NO_VERIFY",
		"NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY", "GIT_SSL_NO_VERIFY", "CURL_INSECURE", "SSL_NO_VERIFY",
	}
	sims, err := sim.Start(t.Context(), sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sims.Close)
	config := filepath.Join(t.TempDir(), "config.toml")
	if err := sim.WriteConfig(config, sims); err != nil {
		t.Fatal(err)
	}
	change(t, config, func(text string) string { return "state_dir = \"state\"\n" + text })
	if _, err := sims.Appliance("dc1").SwapCertificate(sim.Cert{NewKey: true}); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"1", "true", "0", "false"} {
		b := launch(t, func(cmd *exec.Cmd) {
			for _, name := range wishes {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}, "--config", config, "status")
		b.end(ExitUnreachable)
		b.says("untrusted")
	}
	for _, flag := range []string{"--insecure", "-k", "--skip-verify", "--no-verify", "--tls-skip-verify", "--no-check-certificate"} {
		say(t, "--config", config, "status", flag).want(t, ExitUsage, "unknown")
	}
	if n := sims.Appliance("dc1").Requests(); len(n) != 0 {
		t.Errorf("it was sent %v", n)
	}
}

// What the program reads of its environment by itself: nothing that a check could be switched off with.
func TestFault_TLS07_WhatIsReadOfTheEnvironment(t *testing.T) {
	t.Parallel()
	var read []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			of, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Getenv", "LookupEnv", "look"}, of.Sel.Name) {
				return true
			}
			name := "of a setting" // password_env, which names it
			if literal, ok := call.Args[0].(*ast.BasicLit); ok {
				name = literal.Value
			}
			read = append(read, strings.TrimPrefix(filepath.ToSlash(path), "../../")+": "+name)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"appliance/secret/source.go: of a setting", `ui/cli/dashboard.go: "NO_COLOR"`}
	if !slices.Equal(read, want) {
		t.Errorf("read of the environment: %q", read)
	}
}

// least is the oldest version of what had holes that is let in (faults.md SEC-06).
var least = map[string]string{"golang.org/x/crypto": "v0.58.0", "charm.land/wish/v2": "v2.0.3", "github.com/charmbracelet/wish/v2": "v2.0.3"}

const leastGo = "go1.26.6"

// The modules that are used, and the Go that builds them, are not older than what is known to have holes.
func TestFault_SEC06_Floors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case len(f) == 2 && f[0] == "go" && goversion.Compare("go"+f[1], leastGo) < 0:
			t.Errorf("go.mod lets Go %s build it: %s is the least", f[1], leastGo)
		case len(f) >= 2 && strings.HasPrefix(f[1], "v"):
			used++
			if floor := least[f[0]]; floor != "" && older(t, f[1], floor) {
				t.Errorf("%s %s is older than %s", f[0], f[1], floor)
			}
		}
	}
	if used < 30 {
		t.Errorf("only %d modules were looked at", used)
	}
	if goversion.Compare(runtime.Version(), leastGo) < 0 {
		t.Errorf("this is %s: %s is the least", runtime.Version(), leastGo)
	}
	for _, x := range []struct {
		a, b  string
		older bool
	}{{"v0.57.9", "v0.58.0", true}, {"v0.58.0", "v0.58.0", false}, {"v0.100.0", "v0.58.0", false}, {"v0.0.0-2026-x", "v0.58.0", true}} {
		if older(t, x.a, x.b) != x.older {
			t.Errorf("%s older than %s: %v", x.a, x.b, !x.older)
		}
	}
}

// older compares versions of modules by their three numbers.
func older(t *testing.T, a, b string) bool {
	t.Helper()
	numbers := func(v string) (n [3]int) {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "-")
		for i, part := range strings.SplitN(v, ".", 3) {
			var err error
			if n[i], err = strconv.Atoi(part); err != nil {
				t.Fatal(fmt.Errorf("version %s: %w", v, err))
			}
		}
		return n
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:]) < 0
}
