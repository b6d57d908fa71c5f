package uitest_test

import (
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// two is a fleet of two LXCA with backups and an ECB: the oldest of the first lies on its share and at the second too, the newest is
// another one there.
func two() uitest.Options {
	cfg := sim.Config{
		Appliances: []sim.Spec{
			{Name: "dc1-lxca", Kind: sim.KindLXCA, RequestLog: true}, {Name: "dc2-lxca", Kind: sim.KindLXCA, RequestLog: true},
			{Name: "ecb-edge", Kind: sim.KindECB, RequestLog: true},
		},
		Backups: 3, Seed: 1,
	}
	prepare := func(f *sim.Fleet) {
		one, other := f.Appliance("dc1-lxca").LXCA, f.Appliance("dc2-lxca").LXCA
		newest, oldest := one.Backups()[0], one.Backups()[2]
		one.RemoveBackup(oldest.UUID, "all")
		oldest.Locations = []string{"internal", share}
		one.AddBackup(oldest)
		oldest.Locations = []string{"internal"}
		other.AddBackup(oldest)
		newest.Checksum = "00000000" + newest.Checksum[8:]
		other.AddBackup(newest)
		other.AddBackup(xclarity.Backup{Label: "weekly", Locations: []string{share}, Size: 4_200_000_000})
	}
	return uitest.Options{Sim: cfg, Prepare: prepare, Width: 120, Height: 40}
}

// Maria sees the backups of the whole fleet in one table, and those of the chosen appliance again.
func TestBrowseFleet(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Until("3 Backups · dc1-lxca", "3 · 35.6 GB").Press("3", "b", "z").Until("3 Backups · all", "12 · 97.6 GB and 3 of unknown size")
		x.Until("LABEL", "APPLIANCE", "CREATED", "AGE", "SIZE", "VERSION", "CHECKSUM", "LIES IN")
		x.UntilMatch(`nightly-1230 +dc1-lxca +1999-12-30 +34 h +13\.1 GB +4\.1\.0 +5f5c86f8 +internal`)
		x.UntilMatch(`weekly +dc2-lxca .* 4\.2 GB .* my_remote_share`).UntilMatch(`nightly-1120\.gz +ecb-edge +unknown .* internal`)
		x.Press("/").Type("dc2").Until("/dc2  6 of 12").UntilGone("ecb-edge").Press("enter", "esc")
		x.Press("b").Until("3 Backups · dc1-lxca", "3 · 35.6 GB").UntilGone("weekly")
		unchanged(t, x, nil)
	})
}

// The same package in two places is one row with both, counted once; at another appliance it is another row (design.md 1).
func TestFault_JOB11_OneRowWithItsLocations(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "b", "z", "/").Type("nightly-1229").Press("enter").Until("/nightly-1229  3 of 12")
		x.UntilMatch(`nightly-1229 +dc1-lxca .* ff098673 +internal, my_remote_share`).UntilMatch(`nightly-1229 +dc2-lxca .* ff098673 +internal +│`)
	})
}

// Groups have headings with their number and bytes; neither cursor nor mark is ever on one.
func TestBrowseGroups(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "b", "z", "g", "v").Until("· by appliance").Until("│ dc1-lxca  3 backups  35.6 GB")
		x.Until("│ dc2-lxca  6 backups  62.0 GB").Until("│ ecb-edge  3 backups  3 of unknown size")
		x.Press("g", "down", "down").UntilMatch(`▸ nightly-1229 +dc1-lxca`).Press("down").UntilMatch(`▸ weekly +dc2-lxca`)
		x.Press("g", "space", "space", "space", "space").Until("4 marked, 39.8 GB").UntilMatch(`✓weekly`)
		x.Press("v").Until("· by location").Until("│ internal  10 backups").Until("│ internal, my_remote_share  1 backup  13.7 GB")
		x.Until("4 marked, 39.8 GB").Press("v").Until("· by label").Until("│ nightly-1229  3 backups  37.1 GB")
		x.Press("v").UntilGone("by label").UntilGone("1 backup ")
	})
}

// Marks survive whatever is shown, and go with what is gone from the fleet.
func TestBrowseMarksSurvive(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "b", "z", "g", "space", "space").Until("2 marked, 13.1 GB").Press("b").Until("· dc1-lxca", "2 marked, 13.1 GB")
		for _, b := range x.Fleet.Appliance("dc2-lxca").LXCA.Backups() {
			if b.Label == "weekly" {
				x.Fleet.Appliance("dc2-lxca").LXCA.RemoveBackup(b.UUID, "all")
			}
		}
		x.Press("R")
		x.Advance(2 * time.Minute) // backups are listed about once a minute
		x.Until("3 Backups · dc1-lxca", "1 marked, 8.9 GB").Press("b").Until("3 Backups · all", "1 marked, 8.9 GB")
	})
}

// No act is about the backups of several appliances at once: its request would go to one of them.
func TestBrowseActsOnOneAppliance(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "b", "g", "space", "space").Until("2 marked")
		for key, name := range map[string]string{"c": "copy", "m": "move", "D": "delete"} {
			x.Press(key).Until(name+": the marked backups are of several appliances").Never("╭ Copy", "╭ Move", "╭ Delete")
		}
		x.Press("o").Until("╭ More").Type("delete").Press("enter").Until("╭ Delete nightly-1231 of dc2-lxca").Press("esc") // the one that is named there
		x.Press("u", "g", "c").Until("Copy weekly of dc2-lxca").Press("esc")
		unchanged(t, x, nil)
	})
}

// How full the repository is, and what the marked would leave there: what lies there already needs no room.
func TestBrowseRoom(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "b", "z", "g").Until("dc2-lxca repository ━━━─────── 57.8 GB of 200.0 GB used")
		x.Press("space", "space", "g").Until("2 marked, copied here: 13.1 GB more, leaves 129.1 GB")
		x.Press("down").Until("dc1-lxca repository ━━──────── 35.6 GB of 200.0 GB used  1 marked, copied here: 4.2 GB more, leaves 160.2 GB")
		x.Press("G").Until("what is free is not known")
		x.Press("z", "1", "z").UntilMatch(`dc1-lxca .* ━━──────── 35\.6 GB of 200\.0 GB`)
	})
}

// What is here and not there, and what is another one under the same id; esc goes back, and marks stay.
func TestBrowseDifferences(t *testing.T) {
	t.Parallel()
	play(t, two(), func(x *uitest.Terminal) {
		x.Press("3", "z", "d").Until("╭ Compare").Until("dc1-lxca", "every place of it").Type("dc1-lxca").Press("enter")
		x.Until("╭ Compare dc1-lxca with").Type("dc2-lxca").Press("enter").Until("3 Backups · dc1-lxca against dc2-lxca", "1 alike")
		x.UntilMatch(`nightly-1231 +dc1-lxca +other checksum`).UntilMatch(`nightly-1231 +dc2-lxca +other checksum`)
		x.UntilMatch(`nightly-1230 +dc1-lxca +only dc1-lxca`).UntilMatch(`weekly +dc2-lxca +only dc2-lxca`).UntilGone("ff098673")
		x.Press("/").Type("other").Until("/other  2 of 7").Press("enter", "esc")
		x.Press("s").Never("2 alike").Until("sorted by LABEL", "1 alike").Press("s").Never("3 alike").Until("LABEL▾")
		x.Press("g", "space").Until("1 marked").Press("esc").Until("3 Backups · dc1-lxca ", "1 marked").UntilGone("against")
		x.Press("d").Type("internal").Until("╭ Compare").Press("up", "up", "up", "up", "enter").Until("╭ Compare internal with")
		x.Type("my_remote").Press("enter").Until("3 Backups · internal against my_remote_share", "1 alike")
		x.UntilMatch(`weekly +dc2-lxca +only my_remote_share`).UntilMatch(`nightly-1230 +dc1-lxca +only internal`)
		unchanged(t, x, nil)
	})
}

// An appliance that never told what it has is not said to lack anything.
func TestBrowseUnlistedIsUnknown(t *testing.T) {
	t.Parallel()
	o := two()
	prepare := o.Prepare
	o.Prepare = func(f *sim.Fleet) { prepare(f); f.Appliance("dc2-lxca").LXCA.SetAway(true) }
	uitest.Run(t, o, func(x *uitest.Terminal) {
		x.Until("2 up").Press("3", "b").Until("3 Backups · all", "1 not listed")
		x.Press("d").Type("dc1-lxca").Press("enter").Until("╭ Compare dc1-lxca with").Type("dc2-lxca").Press("enter")
		x.Until("against dc2-lxca").Until("The backups of dc2-lxca have not been listed").Never("only dc1-lxca")
	})
}
