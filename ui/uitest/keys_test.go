package uitest_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/keymap"
	"holdfast/ui/uitest"
)

// plays is what each action must visibly do when its key is pressed. The longer stories of the acts stand in files of
// their own; here every key of every binding is pressed once.
var plays = map[keymap.Action]func(t *testing.T, x *uitest.Terminal, key string){
	keymap.Acquire: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", key).Until("╭ Acquire a lock on dc1-lxca")
	},
	keymap.Extend: func(_ *testing.T, x *uitest.Terminal, key string) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("2", "g", key).Until("╭ Extend UP Updates on dc1-lxca")
	},
	keymap.Release: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("2", "g", key).Until("╭ Release FC")
	},
	keymap.Keep: func(_ *testing.T, x *uitest.Terminal, key string) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("2", "g", key).Until("╭ Keep UP Updates on dc1-lxca").Press("enter")
		x.UntilMatch(`UP Updates +you · kept`).Press(key).Until("stopped keeping").UntilNoMatch(`you · kept`)
	},
	keymap.Wait: func(_ *testing.T, x *uitest.Terminal, key string) {
		ecb := x.Fleet.Appliance("ecb-edge").ECB
		ecb.LockByOther(broker.SourceGUI)
		x.Press("2", "G", key).Until("╭ Wait for configuration on ecb-edge").Press("y").UntilMatch(`another · you wait +try \d+ since 00:0`)
		x.Advance(time.Minute)
		x.Press("x").Until("stopped waiting for configuration")
		x.Press(key).Until("╭ Wait for").Press("y").Until("you wait")
		ecb.UnlockByOther()
		x.Advance(30 * time.Second)
		x.UntilMatch(`configuration +you`).Until("you got configuration after waiting")
	},
	keymap.Ack: func(_ *testing.T, x *uitest.Terminal, key string) {
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you`)
		x.Fleet.Appliance("dc1-lxca").LXCA.StealLock(func(int) int { return 0 })
		x.Advance(12 * time.Second)
		x.Until("LOST at").Press("2", "g", key).UntilGone("LOST at")
	},
	keymap.Copy: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", key).Until("╭ Copy nightly-1231")
	},
	keymap.Move: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", key).Until("╭ Move nightly-1231")
	},
	keymap.Push: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", key).Until("╭ Push nightly-1231")
	},
	keymap.Cancel: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("1 running").Press("4", "g", key).Until("╭ Cancel")
	},
	keymap.Create: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "G", "k", key).Until("╭ Make a backup of new-lxca")
	},
	keymap.Delete: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", "g", key).Until("╭ Delete nightly-1231 of dc1-lxca")
	},
	keymap.Migrate: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", "g", key).Until("1 of 1 backups").Press("esc").UntilGone("╭ Migrate")
	},
	keymap.More: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", "g", key).Until("╭ More for dc1-lxca").Until("restore backup nightly-1231")
	},
	keymap.Pause: func(_ *testing.T, x *uitest.Terminal, key string) {
		waiting(x).Press(key).Until(" paused ").Press(key).Until(" running ")
	},
	keymap.Skip: func(_ *testing.T, x *uitest.Terminal, key string) {
		waiting(x).Press("G", key).Until("skipped")
	},
	keymap.Retry: func(_ *testing.T, x *uitest.Terminal, key string) {
		waiting(x).Press("G", "s").UntilMatch(`▸ 2 .*skipped`).Press(key).UntilMatch(`▸ 2 .*queued`)
	},
	keymap.Passphrase: func(_ *testing.T, x *uitest.Terminal, key string) { // nothing waits for one: TestMigrationPushesAndProcesses
		waiting(x).Press(key).Never("╭ Passphrase")
	},
	keymap.Earlier: func(_ *testing.T, x *uitest.Terminal, key string) {
		waiting(x).Press("G", key).Until("move up: not now") // it is the only one that is queued
	},
	keymap.Later: func(_ *testing.T, x *uitest.Terminal, key string) {
		waiting(x).Press("G", key).Until("move down: not now")
	},
	keymap.Report: func(_ *testing.T, x *uitest.Terminal, key string) { waiting(x).Press(key).Until("written to") },
	keymap.Filter: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", key).Until(" /")
		x.Type("1230").Until("1 of 3").UntilGone("nightly-1231")
	},
	keymap.Sort: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", key).Until("by LABEL").UntilMatch(`nightly-1229[\s\S]*nightly-1231`)
		x.Press(key).Until("▾").UntilMatch(`nightly-1231[\s\S]*nightly-1229`)
	},
	keymap.Mark: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", "g", key).Until("1 marked").Until("✓nightly-1231")
		x.Press("g", key).UntilGone("marked")
	},
	keymap.Unmark: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", "g", "space", "space").Until("2 marked").Press(key).UntilGone("marked")
	},
	keymap.Zoom: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", key).UntilGone("2 Locks").Until("3 Backups").Press(key).Until("2 Locks")
	},
	keymap.Detail: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Until("nightly-1231").Press("3", key).Until("╭ dc1-lxca nightly-1231").Until("checksum")
	},
	keymap.Back: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", "z").UntilGone("2 Locks").Press(key).Until("2 Locks")
	},
	keymap.Look: func(t *testing.T, x *uitest.Terminal, key string) {
		asked := func() int { return x.Fleet.Appliance("dc1-lxca").Requests()["GET /managementServer/data"] }
		before := asked()
		x.Press(key).Until("looking again")
		if asked() <= before {
			t.Errorf("asked %d times, before %d", asked(), before)
		}
	},
	keymap.Requests: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press(key).Until("6 Requests · dc1-lxca").Until("GET", "/aicc", "200")
	},
	keymap.Timeline: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press(key).Until("╭ 7 Timeline").Until("APPLIANCE", "now", "ENDS").Until("dc1-lxca", "│━━━").Press("esc").Until("5 Events")
	},
	keymap.All: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", key).Until("3 Backups · all").UntilMatch(`nightly-1231 +dc1-lxca`).Press(key).Until("3 Backups · dc1-lxca")
	},
	keymap.Group: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", key).Until("· by appliance").Until("dc1-lxca  3 backups")
	},
	keymap.Differ: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("3", key).Until("╭ Compare").Until("new-lxca", "every place of it")
	},
	keymap.Parts: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("4", "g").UntilMatch(`\+ Copy`).Press(key).UntilMatch(`- Copy`).Until("Check space").Press(key).UntilGone("Check space")
	},
	keymap.Finished: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("4", key).Until("finished earlier", key+" folds them away").Press(key).Until("finished earlier", key+" shows them")
	},
	keymap.Longer: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("7").Until("1h", "past").Press(key).Until("4h", "past")
	},
	keymap.Shorter: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("7").Until("1h", "past").Press(key).Until("15m", "past")
	},
	keymap.Help: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press(key).Until("╭ Help").Until("take a lock").Press(key).UntilGone("╭ Help")
	},
	keymap.Quit: func(t *testing.T, x *uitest.Terminal, key string) {
		if code := x.Press(key).End(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	},
	keymap.Up: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "G").Until("▸ ● ecb-edge").Press(key).Until("▸ ● new-lxca")
	},
	keymap.Down: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "g", key).Until("▸ ● new-lxca").Until("3 Backups · new-lxca")
	},
	keymap.First: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "j", key).Until("▸ ● dc1-lxca")
	},
	keymap.Last: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", key).Until("▸ ● ecb-edge")
	},
	keymap.PageDown: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "g", key).Until("▸ ● ecb-edge")
	},
	keymap.PageUp: func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press("1", "G", key).Until("▸ ● dc1-lxca")
	},
	keymap.Next:     walk("2", "3"),
	keymap.Previous: walk("2", "1"),
	keymap.Pane1:    walk("2", "1"),
	keymap.Pane2:    walk("3", "2"),
	keymap.Pane3:    walk("2", "3"),
	keymap.Pane4:    walk("2", "4"),
	keymap.Pane5:    walk("2", "5"),
}

// waiting is a migration of two steps, the second of which waits for the first.
func waiting(x *uitest.Terminal) *uitest.Terminal {
	plan(x, 2, wayCopy).Press("enter").Until("to begin").Type("2").Press("enter")
	return x.Until("╭ Migration ").Until("running", "job").Until("2  nightly", "queued")
}

// walk goes from one pane to another, which the key that zooms then shows alone.
func walk(from, to string) func(*testing.T, *uitest.Terminal, string) {
	return func(_ *testing.T, x *uitest.Terminal, key string) {
		x.Press(from, key, "z").UntilMatch(`(?m)^╭ ` + to + ` \w+`).UntilNoMatch(`(?m)^╭ [^` + to + `] \w+`)
	}
}

// Every key of every binding does what its binding says; a binding without a play fails.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Speed, cfg.Jobs = 0.02, 3
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		a.AddForeignLock("FC", time.Hour)
		_, err := a.StartTransfer(xclarity.Transfer{Operation: "copy", UUID: a.Backups()[2].UUID, Destination: share, User: "night-shift"})
		if err != nil {
			t.Errorf("start a transfer: %v", err)
		}
	}
	for _, b := range keymap.Default() {
		do := plays[b.Action]
		if do == nil {
			t.Errorf("no play shows what %s does", b.Action)
			continue
		}
		for _, key := range b.Keys {
			t.Run(string(b.Action)+"/"+strings.ReplaceAll(key, "/", "slash"), func(t *testing.T) {
				t.Parallel()
				play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
					x.Until("FC Operating", "another")
					do(t, x, key)
				})
			})
		}
	}
	if len(plays) != len(keymap.Default()) {
		t.Errorf("%d plays for %d bindings", len(plays), len(keymap.Default()))
	}
}

// A key that cannot do its work says why and opens nothing.
func TestKeysSayWhyNot(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1")
		for key, why := range map[string]string{
			"e": "extend: choose a lock in pane 2", "r": "release: choose a lock in pane 2",
			"c": "copy: choose a backup in pane 3", "m": "move: choose a backup in pane 3",
			"p": "push: choose a backup in pane 3", "x": "cancel: choose a job in pane 4",
		} {
			x.Press(key).Until(why)
		}
		x.Press("4", "x").Until("cancel: there is no job")
		unchanged(t, x, nil)
	})
}

// Keys from the configuration replace the usual ones, on the bottom line too.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		return strings.Replace(text, "\n[[appliance]]", "\n[keys]\nacquire = [\"y\"]\nzoom = []\n\n[[appliance]]", 1)
	}
	play(t, uitest.Options{Config: config}, func(x *uitest.Terminal) {
		x.Until("y acquire").Never("z zoom", "a acquire")
		x.Press("1", "a", "z").Until("2 Locks").Press("y").Until("╭ Acquire a lock on dc1-lxca")
	})
}
