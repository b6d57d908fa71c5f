package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

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

// TestReadmeExitCodes finds every exit code in the README's table.
func TestReadmeExitCodes(t *testing.T) {
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{ExitDone, ExitFailed, ExitUsage, ExitRefused, ExitUnreachable, ExitUnknown} {
		if !strings.Contains(string(b), fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("the README does not tell of the exit code %d", code)
		}
	}
	if row := fmt.Sprintf("\n| %d, %d, %d | of `locks hold` itself", ExitNotHad, ExitLost, ExitHoldFailed); !strings.Contains(string(b), row) {
		t.Errorf("the README does not say %q", row)
	}
}
