package keymap

import (
	"slices"
	"strings"
	"testing"

	"holdfast/appliance/policy"
)

// Every action has a key, a sentence and a place in the help, and no key does two things.
func TestEveryActionIsDocumented(t *testing.T) {
	t.Parallel()
	seen := map[Action]bool{}
	for _, b := range Default() {
		if seen[b.Action] {
			t.Errorf("%s stands there twice", b.Action)
		}
		seen[b.Action] = true
		if len(b.Keys) == 0 || b.About == "" || b.Group == "" {
			t.Errorf("%s: %+v", b.Action, b)
		}
	}
	if _, err := New(nil); err != nil {
		t.Error(err)
	}
	if len(Names()) != len(seen) {
		t.Errorf("%d names for %d actions", len(Names()), len(seen))
	}
}

// What is called dangerous is what cannot be undone, at least when it is not ours, and the list that leads to such acts.
func TestDangerousIsWhatWantsACode(t *testing.T) {
	t.Parallel()
	for _, b := range Default() {
		if code := b.Action == More || b.Verb != "" && policy.RiskOf(b.Verb, false) == policy.RiskCode; code != b.Dangerous {
			t.Errorf("%s: dangerous %v, wants a code %v", b.Action, b.Dangerous, code)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	m, err := New(map[string][]string{"acquire": {"y", "insert"}, "zoom": nil})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Action{"y": Acquire, "insert": Acquire, "a": "", "z": "", "r": Release, "nothing": ""} {
		if got := m.Action(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if b := m.Of(Zoom); b.Key(false) != "" || b.Label(false) != "" {
		t.Errorf("zoom still has %q", b.Label(false))
	}
	if b := m.Of("no such"); b.Action != "" {
		t.Errorf("%+v", b)
	}
	swapped, err := New(map[string][]string{"acquire": {"r"}, "release": {"a"}})
	if err != nil || swapped.Action("r") != Acquire || swapped.Action("a") != Release {
		t.Errorf("two keys cannot be exchanged: %v", err)
	}
	if d := Default(); d[slices.IndexFunc(d, func(b Binding) bool { return b.Action == Acquire })].Keys[0] != "a" {
		t.Error("an override has changed the default")
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		over map[string][]string
		said []string
	}{
		"unknown action":  {map[string][]string{"acqire": {"n"}}, []string{`"acqire"`, "acquire"}},
		"key of another":  {map[string][]string{"acquire": {"r"}}, []string{`"r"`, "acquire", "release"}},
		"key given twice": {map[string][]string{"acquire": {"y"}, "extend": {"y"}}, []string{`"y"`, "acquire", "extend"}},
	} {
		_, err := New(c.over)
		if err == nil {
			t.Errorf("%s is no error", name)
			continue
		}
		for _, s := range c.said {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %s", name, err, s)
			}
		}
	}
}

// On the screen of migrations keys may mean something else than in the panes, but no key means two things there.
func TestMigrationKeys(t *testing.T) {
	t.Parallel()
	m, err := New(map[string][]string{"pause": {"y"}, "back": {"backspace"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Action{"y": Pause, "p": "", "x": Cancel, "backspace": Back, "esc": "", "s": Skip, "c": "", "1": ""} {
		if got := m.OnMigration(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if m.Action("p") != Push || m.Action("s") != Sort || m.Action("y") != "" {
		t.Errorf("in the panes p is %q, s %q, y %q", m.Action("p"), m.Action("s"), m.Action("y"))
	}
	if _, err := New(map[string][]string{"pause": {"x"}}); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Errorf("one key for pause and cancel: %v", err)
	}
	for _, b := range m.Bindings() {
		if b.Group == Migration {
			t.Errorf("%s is among the bindings of the panes", b.Action)
		}
	}
	seen := map[Action]bool{}
	for _, b := range m.MigrationBindings() {
		seen[b.Action] = true
	}
	if !seen[Pause] || !seen[Cancel] || seen[Acquire] {
		t.Errorf("the bindings of the screen of migrations: %v", seen)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][2]string{"up": {"↑", "up"}, "shift+tab": {"⇧tab", "shift+tab"}, "a": {"a", "a"}, "left": {"←", "left"},
		"right": {"→", "right"}, "down": {"↓", "down"}} {
		if KeyLabel(key, false) != want[0] || KeyLabel(key, true) != want[1] {
			t.Errorf("%s: %q, %q", key, KeyLabel(key, false), KeyLabel(key, true))
		}
	}
	for _, b := range Default() {
		if strings.ContainsFunc(b.Label(true), func(r rune) bool { return r > 0x7e }) {
			t.Errorf("%s in ASCII: %q", b.Action, b.Label(true))
		}
	}
}

// The table for the README has a row for each action, with all of its keys.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	table := Markdown()
	for _, b := range Default() {
		row := "| `" + strings.Join(b.Keys, "` `") + "` | `" + string(b.Action) + "` |"
		if !strings.Contains(table, row) {
			t.Errorf("no row %q", row)
		}
	}
}
