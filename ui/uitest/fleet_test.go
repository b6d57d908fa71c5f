package uitest_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

const share = "/mnt/my_remote_share"

// fleet is what most scenarios look at: an LXCA with backups, one that is newly set up, and an ECB.
func fleet() sim.Config {
	return sim.Config{
		Appliances: []sim.Spec{
			{Name: "dc1-lxca", Kind: sim.KindLXCA, RequestLog: true},
			{Name: "new-lxca", Kind: sim.KindLXCA, Fresh: true, RequestLog: true},
			{Name: "ecb-edge", Kind: sim.KindECB, RequestLog: true},
		},
		Backups: 3, Seed: 1,
	}
}

// play runs a scenario on the fleet, once everything has been told.
func play(t *testing.T, o uitest.Options, scenario func(x *uitest.Terminal)) {
	t.Helper()
	if len(o.Sim.Appliances) == 0 {
		o.Sim = fleet()
	}
	uitest.Run(t, o, func(x *uitest.Terminal) {
		x.Until("3 appliances", "3 up")
		scenario(x)
	})
}

// foreign lets somebody else hold a lock on dc1-lxca.
func foreign(component string, ttl time.Duration) func(*sim.Fleet) {
	return func(f *sim.Fleet) { f.Appliance("dc1-lxca").LXCA.AddForeignLock(component, ttl) }
}

// foreignCopy lets somebody else copy the newest backup of dc1-lxca to the share.
func foreignCopy(t *testing.T) func(*sim.Fleet) {
	return func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		_, err := a.StartTransfer(xclarity.Transfer{Operation: "copy", UUID: a.Backups()[0].UUID, Destination: share, User: "night-shift"})
		if err != nil {
			t.Errorf("start a transfer: %v", err)
		}
	}
}

// effects are those of a kind on an appliance.
func effects(x *uitest.Terminal, name, what string) []kit.Effect {
	var found []kit.Effect
	for _, e := range x.Fleet.Truth().Effects() {
		if e.Appliance == name && e.What == what {
			found = append(found, e)
		}
	}
	return found
}

// changing is how often each request came that could change something; a login is none.
func changing(x *uitest.Terminal) map[string]int {
	found := map[string]int{}
	for _, a := range x.Fleet.Appliances() {
		for request, n := range a.Requests() {
			if !strings.HasPrefix(request, "GET ") && !strings.HasSuffix(request, "/auth/token") {
				found[a.Name+" "+request] = n
			}
		}
	}
	return found
}

// unchanged fails the test when anything was sent since before that could change something.
func unchanged(t *testing.T, x *uitest.Terminal, before map[string]int) {
	t.Helper()
	if after := changing(x); !maps.Equal(before, after) {
		t.Errorf("changing requests: %v, before: %v\n%s", after, before, x.Screen())
	}
}

var codeLine = regexp.MustCompile(`Type (\S+) and press enter`)

// code is what the open dialog wants typed.
func code(t *testing.T, x *uitest.Terminal) string {
	t.Helper()
	m := codeLine.FindStringSubmatch(x.Screen())
	if m == nil {
		t.Fatalf("no code is asked for:\n%s", x.Screen())
	}
	x.Advance(400 * time.Millisecond) // a dialog that opened by itself hears nothing at first (faults.md TRM-03)
	return m[1]
}

// acquire takes a lock on dc1-lxca about a component, for as long as is typed.
func acquire(x *uitest.Terminal, component, span string) {
	x.Press("1", "g", "a")
	x.Until("Acquire a lock on dc1-lxca")
	x.Type(component).Press("tab", "ctrl+u").Type(span).Press("enter")
	x.UntilGone("Acquire a lock on")
}
