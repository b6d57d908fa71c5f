package cli

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
)

const (
	readme     = "../../README.md"
	keysBegin  = "<!-- keys: made from ui/keymap -->\n"
	keysEnd    = "<!-- end of keys -->"
	updateWish = "HOLDFAST_UPDATE_README" // set to anything, it has the test rewrite the table
)

// TestReadmeKeys holds the README's table of keys to the bindings that dispatch them.
func TestReadmeKeys(t *testing.T) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	before, rest, ok := strings.Cut(text, keysBegin)
	table, after, ok2 := strings.Cut(rest, keysEnd)
	if !ok || !ok2 {
		t.Fatal("the README has no place for the keys")
	}
	want := keymap.Markdown()
	if os.Getenv(updateWish) != "" {
		if err := os.WriteFile(readme, []byte(before+keysBegin+want+keysEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the README's keys are stale; %s=1 go test ./ui/cli -run ReadmeKeys rewrites them", updateWish)
	}
}

// TestReadmeCommands finds every command of the tree in the README, and the two commands on its first screen.
func TestReadmeCommands(t *testing.T) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	env := Env{}
	seen := 0
	for _, c := range tree(&env).Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		seen++
		if !strings.Contains(text, "holdfast "+c.Name()) {
			t.Errorf("the README does not tell of holdfast %s", c.Name())
		}
		for _, sub := range c.Commands() {
			if !strings.Contains(text, sub.Name()) {
				t.Errorf("the README does not tell of holdfast %s %s", c.Name(), sub.Name())
			}
		}
	}
	if seen < 6 {
		t.Errorf("only %d commands were looked for", seen)
	}
	first := strings.Join(strings.Split(text, "\n")[:40], "\n")
	for _, command := range []string{"go run . demo", "go test ./..."} {
		if !strings.Contains(first, command) {
			t.Errorf("%s is not on the README's first screen", command)
		}
	}
}

// TestHelp holds the help of every command: a sentence on what it does, and no flag without its own.
func TestHelp(t *testing.T) {
	env := Env{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s does not say what it does", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(tree(&env))
}

// TestReadmePlan holds the plan file in the README to the code: it is read as it stands, and has every key that there is.
func TestReadmePlan(t *testing.T) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```\noperation = ")
	text, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("the README has no plan file")
	}
	text = "operation = " + text
	plan, err := migration.ReadPlan("README.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan.Target, plan.KeepLock = "new-lxca", "DM"
	all, err := plan.TOML()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		if key, _, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(key, "#") && !strings.Contains(text, key+" = ") {
			t.Errorf("the README's plan has no key %s", key)
		}
	}
}

// TestReadmeJSON finds every member and every state of what the commands print as JSON in the README.
func TestReadmeJSON(t *testing.T) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	members := func(x any) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(x)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(text, `"`+name+`":`) {
				t.Errorf("the README does not tell of %q of %T", name, x)
			}
		}
	}
	for _, x := range []any{keptJSON{}, workJSON{}, migrationJSON{}, stepJSON{}, reportJSON{}, migration.Report{}, migration.ReportStep{}} {
		members(x)
	}
	for _, state := range []any{
		migration.StateRunning, migration.StatePaused, migration.StateAsking, migration.StateStopped, migration.StateDone, migration.StateCancelled,
		migration.PhaseQueued, migration.PhaseSending, migration.PhaseRunning, migration.PhaseDeleting, migration.PhasePassphrase,
		migration.PhaseProcessing, migration.PhaseDone, migration.PhaseFailed, migration.PhaseUnknown, migration.PhaseSkipped, migration.PhaseCancelled,
	} {
		if !strings.Contains(text, fmt.Sprintf("`%s`", state)) {
			t.Errorf("the README does not tell of the state %s", state)
		}
	}
}
