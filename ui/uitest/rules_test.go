package uitest_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/ui/uitest"
)

// first puts lines before everything else of the configuration.
func first(lines string) func(string) string {
	return func(config string) string { return lines + "\n" + config }
}

// tryEverything presses every key that could change something, on every pane, and answers whatever opens with yes.
func tryEverything(x *uitest.Terminal) {
	for _, pane := range []string{"1", "2", "3", "4"} {
		for _, key := range []string{"a", "e", "r", "c", "m", "p", "x"} {
			x.Press(pane, "g", key, "enter", "y", "enter", "esc", "esc")
		}
	}
}

// looksOnly plays somebody who may change nothing: the keys are dim, each says why, and nothing is sent.
func looksOnly(t *testing.T, o uitest.Options, why string) {
	t.Helper()
	o.Prepare = foreign("FC", time.Hour)
	play(t, o, func(x *uitest.Terminal) {
		x.Until("FC Operating", "another").Until("nightly-1231")
		x.Press("1", "g", "a").Until("acquire: " + why).Never("╭ Acquire")
		x.Press("2", "g", "r").Until("release: " + why)
		x.Press("3", "c").Until("copy: " + why)
		tryEverything(x)
		unchanged(t, x, nil)
		x.Press("?").Until("(" + strings.Fields(why)[0]).Press("esc")
	})
}

func TestViewerOnlyLooks(t *testing.T) {
	t.Parallel()
	looksOnly(t, uitest.Options{Config: first(`role = "viewer"`)}, "your role is viewer, which may only look")
}

func TestReadOnlyRun(t *testing.T) {
	t.Parallel()
	looksOnly(t, uitest.Options{Args: []string{"--read-only"}}, "this run is read-only")
}

func TestReadOnlyConfig(t *testing.T) {
	t.Parallel()
	looksOnly(t, uitest.Options{Config: first("read_only = true")}, "this run is read-only")
}

// An account of the appliance that may only look is said so too.
func TestViewerAccount(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Config: as("viewer", "Passw0rd-viewer")}, func(x *uitest.Terminal) {
		x.Press("1", "g", "a").Until("acquire: locks need the Supervisor role")
		tryEverything(x)
		unchanged(t, x, nil)
	})
}

// Read-only of one appliance leaves the others.
func TestReadOnlyAppliance(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		return strings.Replace(text, "name = \"dc1-lxca\"\n", "name = \"dc1-lxca\"\nread_only = true\n", 1)
	}
	play(t, uitest.Options{Config: config}, func(x *uitest.Terminal) {
		x.Until("dc1-lxca", "read-only").Press("1", "g", "a").Until("acquire: this appliance is read-only")
		x.Press("j", "a").Until("╭ Acquire a lock on new-lxca").Press("enter").Until("UP Updates", "you")
	})
}

// The header says who looks and that nothing can be changed; the keys that cannot be used are not drawn like the others.
func TestReadOnlyIsSeen(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Args: []string{"--read-only"}}, func(x *uitest.Terminal) {
		x.Until("READ-ONLY", "maria", "ADMIN")
		dim, key := x.Style("a acquire"), x.Style("/ filter")
		if dim == key {
			t.Errorf("a, which is off, looks like /, which is not: %q", dim)
		}
	})
}

// An operator acts, and the header says what he is.
func TestOperator(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Config: first(`role = "operator"`), User: "joe"}, func(x *uitest.Terminal) {
		x.Until("joe", "OPERATOR")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
	})
}

// Nobody is there to be told: a fleet without anything still draws.
func TestEmptyFleet(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Appliances: []sim.Spec{{Name: "new-lxca", Kind: sim.KindLXCA, Fresh: true}}, Seed: 1}
	uitest.Run(t, uitest.Options{Sim: cfg}, func(x *uitest.Terminal) {
		x.Until("1 up").Until("No lock is held anywhere. a takes one.").Until("new-lxca has no backup")
		x.Until("No job.").Until("Nothing has happened yet.")
	})
}
