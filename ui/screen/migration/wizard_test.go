package migration

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
	"holdfast/ui/widget/input"
)

// asked is a fleet of one share, one target that is newly set up and one that is not.
func asked(found ...migration.Finding) Asked {
	return Asked{
		Destinations: func(verb appliance.Verb, _ []migration.Item) []fleet.Destination {
			if verb == appliance.VerbPush {
				return []fleet.Destination{{Value: "10.0.0.2", Label: "dc2-lxca (10.0.0.2)", Note: "is in use: it has 3 backups"},
					{Value: "10.0.0.3", Label: "new-lxca (10.0.0.3)", Note: "has no backup yet"}}
			}
			return []fleet.Destination{{Value: "internal", Label: "internal", WhyNot: "it lies there already"}, {Value: "/mnt/nas", Label: "/mnt/nas"}}
		},
		Preflight: func(*migration.Plan) []migration.Finding { return found },
		Requests: func(p *migration.Plan) (calls []appliance.Call) {
			for _, it := range p.Items {
				calls = append(calls, appliance.Call{Method: "PUT", URL: "https://dc1/data", Body: string(it.Backup) + " to " + p.Destination})
			}
			return calls
		},
		Target: func(address string) (string, string) {
			if address == "10.0.0.3" || address == "10.0.0.3:443" {
				return "10.0.0.3", "new-lxca"
			}
			return address, ""
		},
		Fresh: func(address string) bool { return address == "10.0.0.3" },
		Code:  "AB12",
	}
}

// press gives keys to the wizard as the root does; what is no name of a key is typed.
func press(w *Wizard, keys ...string) (out Outcome) {
	actions := map[string]keymap.Action{"k": keymap.Up, "j": keymap.Down, "q": keymap.Quit}
	for _, k := range keys {
		out = w.Press(Key{Name: k, Action: actions[k], Press: func(l *input.Line) {
			for _, r := range k {
				l.Press(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
		}})
	}
	return out
}

func wizard(a Asked, n int) *Wizard {
	var items []migration.Item
	for i := range n {
		items = append(items, item(i))
	}
	return NewWizard(a, items)
}

// text is what the wizard shows.
func text(w *Wizard) string {
	return ansi.Strip(strings.Join(w.View(frame("dark", false), 120, 38), "\n"))
}

// shows fails the test unless the wizard shows all of it.
func shows(t *testing.T, w *Wizard, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text(w), p) {
			t.Errorf("%q is not shown:\n%s", p, text(w))
		}
	}
}

// The whole way to a plan: what was taken out stays out, and only the count, typed, begins it.
func TestWizardMakesAPlan(t *testing.T) {
	t.Parallel()
	w := wizard(asked(), 3)
	press(w, "down", "space", "enter")
	shows(t, w, "2 of 3 backups", "move carefully")
	press(w, "enter", "enter")
	shows(t, w, "when a step goes wrong", "begin nothing more until you have decided")
	press(w, "space", "down", "right", "right", "left", "enter")
	shows(t, w, "Copy 2 backups of dc1-lxca to /mnt/nas", "Type 2 and press enter")
	if out := press(w, "enter", "3", "enter"); out.Plan != nil {
		t.Errorf("begun without its word: %+v", out)
	}
	w.Paste("2")
	if out := press(w, "enter"); out.Plan != nil {
		t.Error("begun by what was pasted")
	}
	out := press(w, "2", "enter")
	if out.Plan == nil || !out.Close {
		t.Fatalf("%+v", out)
	}
	p := out.Plan
	if p.Verb != appliance.VerbCopy || p.Destination != "/mnt/nas" || p.OnFailure != migration.OnFailureStop || p.AtOnce != 2 || len(p.Items) != 2 ||
		p.Items[1].Backup != item(2).Backup {
		t.Errorf("%+v", p)
	}
	// The same keys once more begin nothing: its word is to be typed anew.
	if again := press(w, "enter"); again.Plan != nil {
		t.Error("begun twice")
	}
}

// Another way asks anew where to, so that nothing goes to a place that was chosen for something else.
func TestWizardForgetsTheDestination(t *testing.T) {
	t.Parallel()
	w := wizard(asked(), 1)
	press(w, "enter", "enter", "enter", "esc", "home", "down", "down", "down", "space", "tab")
	shows(t, w, "choose where to", "(●) push")
	press(w, "enter")
	shows(t, w, "▸ new-lxca")
	out := press(w, "enter", "enter", "ab12", "enter")
	if out.Plan == nil || out.Plan.Target != "new-lxca" || out.Plan.Destination != "10.0.0.3" || out.Plan.AtOnce != 1 {
		t.Errorf("%+v", out.Plan)
	}
}

// No target is offered by itself that has backups already; a typed address of one of ours is known as that.
func TestWizardPushTargets(t *testing.T) {
	t.Parallel()
	a := asked()
	a.Fresh = func(string) bool { return false }
	w := wizard(a, 1)
	press(w, "enter", "down", "down", "down", "enter")
	shows(t, w, "▸ (●) push")
	press(w, "end", "10.0.0.3:443", "enter")
	if w.plan.Target != "new-lxca" || w.plan.Destination != "10.0.0.3" {
		t.Errorf("%+v", w.plan)
	}
	press(w, "esc", "backspace")
	if w.plan.Destination == "" || w.stage != stageWhere {
		t.Errorf("stage %d, %+v", w.stage, w.plan)
	}
}

// What cannot be chosen says why, what stops a plan stops it, and nothing chosen goes no further.
func TestWizardRefuses(t *testing.T) {
	t.Parallel()
	w := wizard(asked(migration.Finding{Step: 0, Stops: true, Text: "the backup is not there any more"}), 1)
	press(w, "space", "enter")
	shows(t, w, "nothing is chosen")
	press(w, "space", "enter", "enter", "up", "enter")
	shows(t, w, "internal: it lies there already")
	press(w, "down", "enter", "enter")
	shows(t, w, "this stops it: step 1: the backup is not there any more", "it cannot run like this")
	if out := press(w, "1", "enter"); out.Plan != nil || out.Close {
		t.Errorf("%+v", out)
	}
	w.Say("nothing was begun: the disk is full")
	shows(t, w, "nothing was begun: the disk is full")
	if out := press(w, "esc", "esc", "esc", "esc"); !out.Close || out.Plan != nil {
		t.Errorf("%+v", out)
	}
}

// The letters that move elsewhere move here too, but where a text is typed they are part of it.
func TestWizardLetters(t *testing.T) {
	t.Parallel()
	w := wizard(asked(), 2)
	if press(w, "j"); w.cursor[stageWhat] != 1 {
		t.Error("j does not go down")
	}
	press(w, "enter", "enter", "end", "j", "k")
	if w.typed.Text() != "jk" {
		t.Errorf("typed %q", w.typed.Text())
	}
	w.Paste("/mnt/x\r\n")
	if w.typed.Text() != "jk/mnt/x" || w.stage != stageWhere {
		t.Errorf("pasted %q, stage %d", w.typed.Text(), w.stage)
	}
	if press(w, "up"); w.cursor[stageWhere] != w.whereRows()-2 {
		t.Error("up does not leave the line that is typed")
	}
	if out := press(w, "q"); out.Close || w.stage != stageWhat {
		t.Errorf("q: %+v, stage %d", out, w.stage)
	}
}

// Every size is drawn in every step (faults.md TRM-01).
func TestFault_TRM01_WizardSizes(t *testing.T) {
	t.Parallel()
	a := asked(migration.Finding{Step: -1, Text: strings.Repeat("a long finding ", 30)})
	w := wizard(a, 40)
	w.items[0].Label, w.items[1].Label, w.items[2].Size = appliance.Label(strings.Repeat("漢字", 40)), appliance.Label(""), -1
	for st := range stages {
		for width := 40; width <= 130; width++ {
			for _, h := range []int{8, 9, 10, 13, 14, 15, 22, 38} {
				drawn(t, w.View(frame("dark", false), width, h), width, h)
			}
		}
		if st != w.stage {
			t.Fatalf("step %d instead of %d", w.stage, st)
		}
		if press(w, "enter"); st == stageWhere {
			press(w, "enter")
		}
	}
	shows(t, w, "40 of 40 backups", "and those whose size is not told", "type 40 to begin")
}
