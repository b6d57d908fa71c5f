package uitest_test

import (
	"strings"
	"testing"

	"holdfast/appliance/sim"
	"holdfast/ui/uitest"
)

// settled is three LXCAs none of which is newly set up.
func settled() uitest.Options {
	o := uitest.Options{Sim: fleet()}
	o.Sim.Appliances = []sim.Spec{
		{Name: "dc1-lxca", Kind: sim.KindLXCA, RequestLog: true}, {Name: "dc2-lxca", Kind: sim.KindLXCA}, {Name: "dc3-lxca", Kind: sim.KindLXCA},
	}
	return o
}

// No target is chosen for the operator that has backups already: what a push replaces there cannot be brought back.
func TestPushChoosesOnlyAFreshTarget(t *testing.T) {
	t.Parallel()
	play(t, settled(), func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("1", "R", "3", "g", "p").Until("Push nightly-1231 of dc1-lxca")
		x.Until("dc2-lxca (198.18.0.2)", "it has 3 backups").Never("▸ dc2-lxca", "▸ dc3-lxca", "PUT https")
		x.Press("enter").Until("choose one").Never("Type ")
		x.Press("down").Until("▸ dc2-lxca").Press("enter").Until("dc2-lxca (198.18.0.2): is in use: it has 3 backups.")
		unchanged(t, x, nil)
	})
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "p").Until("▸ new-lxca", "has no backup yet").Until("PUT https")
	})
}

// An address that is none of ours is said to be none before the code is typed; one of ours is known in whatever way it is
// written, and sent as its settings name it.
func TestPushTypedAddress(t *testing.T) {
	t.Parallel()
	config := func(text string) string { // dc2-lxca is pushed to by its name
		return strings.Replace(text, `address = "198.18.0.2"`, `address = "dc2.example.net"`, 1)
	}
	o := settled()
	o.Config = config
	play(t, o, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "p").Until("Push nightly-1231")
		x.Type("10.0.0.9").Until(`"destination":"10.0.0.9"`).Press("enter")
		x.Until("None of your appliances has this address: the arrival cannot be").Until("and press enter")
		x.Press("esc", "ctrl+u").Type("DC2.Example.NET:443").Until(`"destination":"dc2.example.net"`).Press("enter")
		x.Until("dc2-lxca (dc2.example.net): is in use: it has 3 backups.").Never("not one of your")
		x.Press("esc", "ctrl+u").Type("198.18.0.1:443").Press("enter").Until("that is this appliance itself")
		x.Press("ctrl+u").Type("https://10.0.0.9").Press("enter").Until("is not an address")
		unchanged(t, x, nil)
	})
}

// Where a backup can be moved nowhere, nothing is chosen and enter says why, on a narrow screen too.
func TestMoveToNowhere(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		for _, b := range a.Backups() {
			a.RemoveBackup(b.UUID, "all")
			b.Locations = []string{"internal", share}
			a.AddBackup(b)
		}
	}
	play(t, uitest.Options{Width: 80, Height: 24, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Press("3").Until("nightly-1231", "internal").Press("g", "space", "space", "m").Until("Move 2 backups of dc1-lxca")
		x.Until("none of these can be chosen; type a mount point").Until("vendor; copy it, then delete the original").Never("▸ internal")
		x.Press("enter").Until("share: it lies there already")
		unchanged(t, x, nil)
	})
}

// A message is about what stood there when it was said, so that it does not stay under what is opened next.
func TestMessageGoesWithWhatItWasAbout(t *testing.T) {
	t.Parallel()
	for key, opened := range map[string]string{"enter": "╭ dc1-lxca", "?": "╭ Help", "a": "╭ Acquire"} {
		play(t, uitest.Options{}, func(x *uitest.Terminal) {
			x.Press("1", "e").Until("extend: choose a lock in pane 2").Press("g").Until("extend: choose").Press(key).Until(opened)
			x.Never("extend: choose a lock")
		})
	}
}
