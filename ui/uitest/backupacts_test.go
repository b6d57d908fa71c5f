package uitest_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// A backup is made with a name and a passphrase that is typed twice; meanwhile the appliance is quiet, which is said as what it is
// and alarms nobody, and the backup is found by the listing.
func TestMakeABackup(t *testing.T) {
	t.Parallel()
	debug := func(text string) string { return text + "\n[log]\nlevel = \"debug\"\n" }
	play(t, uitest.Options{Config: debug}, func(x *uitest.Terminal) {
		x.Press("1", "g", "n").Until("╭ Make a backup of dc1-lxca").Until("answers nothing for").Until("▸ name")
		before := changing(x)
		x.Press("enter", "enter", "enter", "enter", "enter", "enter").Until("the backup needs a name")
		x.Press("down").Until("▸ name").Type("before-move").Press("tab", "right").Until("< "+share+" >").Press("left", "tab", "space").Until("with firmware", "yes")
		x.Press("tab", "tab").Type(canary).Press("enter").Type("another").Press("enter").Until("the two passphrases are not the same")
		x.Press("ctrl+u").Paste(canary + "\n").Until("▸ again").Press("enter").Until("answers nothing for").Until("[  No  ]")
		unchanged(t, x, before)
		x.Press("enter").UntilGone("[  No  ]").Until("3 Backups")
		unchanged(t, x, before)
		// What was typed is kept for the next try, but for the passphrase.
		x.Press("n").Until("▸ name", "before-move").Until("with firmware", "yes").Press("up", "up").Type(canary).Press("enter").Type(canary).Press("enter").Until("[  No  ]")
		x.Press("y").Until("dc1-lxca", "quiet: a backup is made").UntilMatch(`dc1-lxca +quiet: \d+ %, \w+`).Never("1 down")
		x.UntilNoMatch(`dc1-lxca +quiet: `).Until("3 up").Until("before-move", "internal")
		if n := len(effects(x, "dc1-lxca", "backup.created")); n != 1 {
			t.Errorf("%d backups were made", n)
		}
		x.Press("5").Never("alarm")
		x.Press("n").Until("▸ name").Never("before-move_").Press("esc")
		spotless(t, x)
	})
}

// A backup is prepared and restored with its passphrase; the appliance then is quiet, comes back with another key, and what that
// may be is explained.
func TestPrepareAndRestore(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: secretly}, func(x *uitest.Terminal) {
		x.Until("sealed", "internal").Press("3", "g", "o").Until("╭ More for dc1-lxca").Until("prepare backup sealed: decrypt it")
		x.Type("prep").Press("enter").Until("Nothing is restored yet").Type(canary).Press("enter").Until("[  No  ]").Press("y")
		x.Until("sealed", "ended: Complete")
		x.Press("3", "g", "o").Type("rest").Press("enter").Until("╭ Restore of sealed").Until("empty when it was prepared")
		x.Press("enter", "enter").Type(canary).Press("enter")
		x.Until("and press enter").Until("be taken back").Type(code(t, x)).Press("enter")
		x.Until("1 untrusted").Press("1", "g", "enter").Until("it may be the key of the backup that was restored").Until("holdfast trust dc1-lxca")
		x.Advance(30 * time.Second)
		x.Fleet.Settle()
		if n := len(effects(x, "dc1-lxca", "backup.restored")); n != 1 {
			t.Errorf("restored %d times", n)
		}
		spotless(t, x)
	})
}

// While a restore runs and the appliance answers, its row says how far it is.
func TestRestoreIsToldAsQuiet(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Switches = []string{"restore=none", "restore-unprepared=allowed"}
	play(t, uitest.Options{Sim: cfg, Prepare: secretly}, func(x *uitest.Terminal) {
		x.Until("sealed", "internal").Press("3", "g", "o").Type("rest").Press("enter", "enter", "enter").Type(canary).Press("enter")
		x.Until("and press enter").Type(code(t, x)).Press("enter")
		x.UntilMatch(`dc1-lxca +quiet: \d+ %`).UntilNoMatch(`dc1-lxca +quiet: `).Until("ended: Complete").Never("alarm")
	})
}

// What was pushed is processed on its target, with the passphrase; a wrong one is said in the appliance's words.
func TestProcess(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: secretly}, func(x *uitest.Terminal) {
		x.Until("sealed").Press("3", "g", "p").Until("Push sealed").Press("enter").Until("Type ")
		x.Type(code(t, x)).Press("enter").Until("the push of sealed", "arrived")
		x.Press("1", "j", "o").Until("╭ More for new-lxca").Type("process").Press("enter").Until("make sure that it is yours")
		x.Type("wrong").Press("enter").Until("[  No  ]").Press("y").Until("Stopped_With_Error")
		x.Press("1", "o").Type("process").Press("enter").Until("make sure").Type(canary).Press("enter").Until("[  No  ]").Press("y")
		x.Until("new-lxca", "ended: Complete")
		if n := len(effects(x, "new-lxca", "backup.processed")); n != 1 {
			t.Errorf("processed %d times", n)
		}
		spotless(t, x)
	})
}

// A backup is deleted in one place or in all; that nothing is left of it is said before the code is typed.
func TestDeleteABackup(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		f.Appliance("dc1-lxca").LXCA.AddBackup(xclarity.Backup{
			Label: "twice", Locations: []string{"internal", share}, Taken: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		})
	}
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("twice", "internal").Press("3", "g", "D").Until("╭ Delete twice of dc1-lxca").Until("internal, " + share)
		x.Type("internal").Press("enter").Until("The other copies stay.").Until("Type ")
		before := changing(x)
		x.Paste(code(t, x)).Press("enter").Until("not the code")
		unchanged(t, x, before)
		x.Type(code(t, x)).Press("enter").Until("the removal of twice from internal took place")
		x.UntilMatch(`▸ twice[^│]* my_remote_share`)
		x.Press("3", "g", "D").Until("╭ Delete twice").Type("every").Press("enter").Until("Nothing is left of 1 backup then").Type(code(t, x)).Press("enter")
		x.UntilGone("│▸ twice").UntilGone("│  twice")
		if n := len(effects(x, "dc1-lxca", "backup.deleted")); n != 2 {
			t.Errorf("%d deletions", n)
		}
	})
}

// onLockedECB puts the cursor on the ECB with its configuration locked by us.
func onLockedECB(x *uitest.Terminal) {
	onECB(x)
	x.Press("a").Until("Acquire a lock on ecb-edge").Press("y").Until("you took configuration")
}

// more chooses from the list of what else can be done.
func more(x *uitest.Terminal, what string) *uitest.Terminal {
	return x.Press("1", "G", "o").Until("╭ More for ecb-edge").Type(what).Press("enter")
}

// After locking an ECB, somebody's half-made edits are told; they are shown before anything is saved or activated, which takes a
// code each.
func TestSaveAndActivate(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { f.Appliance("ecb-edge").ECB.EditByOther("sbc-new.example.net") }
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		onLockedECB(x)
		x.Until("edited differs from running in 1 element")
		more(x, "compare").Until("╭ ecb-edge: edited against running").Until("sbc-new.example.net").Press("esc")
		more(x, "verify").Until("finished the verification")
		more(x, "save").Until("also what somebody else left").Until("sbc-new.example.net").Until("PUT https")
		before := changing(x)
		x.Press("enter") // it came by itself, and hears nothing at first
		key := code(t, x)
		x.Never("not the code").Press("enter").Until("not the code")
		unchanged(t, x, before)
		x.Type(key).Press("enter").Until("finished the saving")
		more(x, "activate").Until("The saved configuration goes into use").Type(code(t, x)).Press("enter").Until("finished the activation")
		for _, what := range []string{"config.saved", "config.activated"} {
			if n := len(effects(x, "ecb-edge", what)); n != 1 {
				t.Errorf("%d times %s", n, what)
			}
		}
		more(x, "compare").Until("nothing differs").Press("esc")
	})
}

// On an ECB a backup is made, restored and deleted under the lock; without it each says so, and nothing is sent.
func TestECBBackups(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { f.Appliance("ecb-edge").ECB.AddBackupFile("old.gz") }
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		onECB(x)
		before := changing(x)
		x.Press("n").Until("create: acquire the configuration lock first")
		x.Press("o").Until("save what is edited", "acquire the configuration lock first").Type("save").Press("enter").Until("acquire the").Press("esc")
		x.Press("3", "D").Until("delete: acquire the configuration lock first")
		unchanged(t, x, before)
		onLockedECB(x)
		x.Press("n").Until("╭ Make a backup of ecb-edge").Type("mine.gz").Press("tab", "space").Until("of the configuration", "saved").Press("enter").Until("[  No  ]").Press("y")
		x.Until("mine.gz", "internal")
		x.Press("3", "g", "down").Until("▸ mine.gz").Press("o").Type("restore").Press("enter").Until("What is edited now is thrown away").Until("nothing differs")
		x.Type(code(t, x)).Press("enter").Until("finished the restore")
		x.Press("3", "g", "down", "D").Until("╭ Delete mine.gz").Press("enter").Until("Nothing is left of 1 backup").Type(code(t, x)).Press("enter")
		x.UntilGone("mine.gz", "unknown")
		for what, want := range map[string]int{"backup.created": 1, "config.restored": 1, "backup.deleted": 1} {
			if n := len(effects(x, "ecb-edge", what)); n != want {
				t.Errorf("%d times %s", n, what)
			}
		}
	})
}

// protected is every act that takes the lock of an ECB, from its choice to the last key.
func protected(t *testing.T) map[string]func(x *uitest.Terminal) {
	coded := func(what string) func(*uitest.Terminal) {
		return func(x *uitest.Terminal) { more(x, what).Until("Type "); x.Type(code(t, x)).Press("enter") }
	}
	return map[string]func(x *uitest.Terminal){
		"save": coded("save"), "activate": coded("activate"), "throw": coded("throw"),
		"verify": func(x *uitest.Terminal) { more(x, "verify") },
		"restore": func(x *uitest.Terminal) {
			x.Press("3", "g", "o").Until("╭ More").Type("restore backup").Press("enter").Until("Type ")
			x.Type(code(t, x)).Press("enter")
		},
		"delete": func(x *uitest.Terminal) {
			x.Press("3", "g", "D").Until("╭ Delete").Press("enter").Until("Type ")
			x.Type(code(t, x)).Press("enter")
		},
		"create": func(x *uitest.Terminal) {
			x.Press("1", "G", "n").Until("╭ Make a backup").Type("kept.gz").Press("enter", "enter").Until("[  No  ]").Press("y")
		},
	}
}

// The lock is stolen while an operator is about to act: whatever it is stops with its reason, nothing of it happens, and it is
// offered to lock again and to compare first (faults.md LCK-10).
func TestFault_LCK10_StolenInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, do := range protected(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepare := func(f *sim.Fleet) {
				f.Appliance("ecb-edge").ECB.AddBackupFile("old.gz")
				f.Appliance("ecb-edge").ECB.EditByOther("sbc-new.example.net")
			}
			play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
				onLockedECB(x)
				ecb := x.Fleet.Appliance("ecb-edge").ECB
				stolen := false
				steal := func() {
					if !stolen {
						stolen = ecb.StealByOther("gui")
					}
				}
				steal()
				do(x)
				x.Until("nothing was done: a acquires the lock again, then o compares").Until("configuration", "LOST")
				for _, what := range []string{"config.saved", "config.activated", "config.restored", "backup.deleted", "backup.created", "async.begun"} {
					if n := len(effects(x, "ecb-edge", what)); n > 0 {
						t.Errorf("%d times %s", n, what)
					}
				}
				// What was edited is still there for whoever has the lock next.
				ecb.UnlockByOther()
				onLockedECB(x)
				x.Until("edited differs from running in 1 element")
				if name == "create" {
					x.Press("n").Until("▸ name", "kept.gz").Press("esc")
				}
			})
		})
	}
}

// The token ends in the middle of the work: that is said before, what comes then stops at the 401, nothing is sent a second time with
// another token, and what was typed is still there for the operator to begin anew (faults.md TOK-01).
func TestFault_TOK01_TokenEndsMidWork(t *testing.T) {
	t.Parallel()
	for name, do := range protected(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := fleet()
			prepare := func(f *sim.Fleet) { f.Appliance("ecb-edge").ECB.AddBackupFile("old.gz") }
			play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
				onLockedECB(x)
				pass(x, 8*time.Minute)
				x.Press("5").Until("lock configuration ends in") // the warning before
				x.Advance(5 * time.Second)                       // past the look at the lock that comes with it: the next one finds out by itself
				ecb := x.Fleet.Appliance("ecb-edge").ECB
				ecb.RevokeTokens()
				do(x)
				// Either the act met the 401, or a look at the lock did just before it: then the act is refused, and not sent.
				x.UntilMatch(`nothing was done: a acquires the lock again|is not\s[\s│]*known yet; it is being asked`)
				x.Press("esc", "esc").Until("configuration", "LOST")
				for _, what := range []string{"config.saved", "config.activated", "config.restored", "backup.deleted", "backup.created", "async.begun"} {
					if n := len(effects(x, "ecb-edge", what)); n > 0 {
						t.Errorf("%d times %s", n, what)
					}
				}
				pass(x, 2*time.Minute)
				onLockedECB(x)
				if name == "create" {
					x.Press("n").Until("▸ name", "kept.gz").Press("enter", "enter").Until("[  No  ]").Press("y").Until("kept.gz", "internal")
				}
			})
		})
	}
}

// The key that opens a dialog, what is pasted, and a held enter confirm nothing on these screens either.
func TestFault_TRM03_ActsOnBackups(t *testing.T) {
	t.Parallel()
	config := func(text string) string { // every opener is the key that goes on or confirms
		return text + "\n[keys]\nmore = [\"enter\"]\ndetail = []\npassphrase = []\ncreate = [\"y\"]\n"
	}
	play(t, uitest.Options{Config: config}, func(x *uitest.Terminal) {
		before := changing(x)
		x.Press("1", "g").Storm("enter", "enter", "enter", "enter", "enter", "enter", "enter").Press("esc", "esc")
		x.Press("3", "g").Storm("y", "y", "y", "y").Press("enter").Paste("\r\ny\r").Press("esc", "esc")
		x.Press("D").Storm("D", "D", "enter", "enter", "enter").Paste("\r").Press("esc", "esc")
		x.Press("M").Storm("M", "enter", "enter", "enter", "enter", "enter", "enter", "enter", "enter").Paste("1\r").Press("enter").Press("esc", "esc", "esc", "esc")
		unchanged(t, x, before)
		if !strings.Contains(x.Screen(), "3 Backups") {
			t.Errorf("not back at the panes:\n%s", x.Screen())
		}
		if reports, _ := filepath.Glob(filepath.Join(x.Dir, "state", "*", "migration-*")); len(reports) > 0 {
			t.Errorf("reports: %q", reports)
		}
	})
}
