package uitest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// plan goes through the wizard for the first n backups of dc1-lxca to its last step: the way is that many rows below copy.
func plan(x *uitest.Terminal, n, way int) *uitest.Terminal {
	x.Until("nightly-1231", "internal").Press("3", "g")
	for range n {
		x.Press("space")
	}
	x.Press("M").Until("1 What").Until("backups,").Press("enter").Until("move carefully")
	for range way {
		x.Press("down")
	}
	x.Press("enter", "enter").Until("when a step goes wrong")
	return x
}

const (
	wayCopy = iota
	wayCareful
	wayMove
	wayPush
)

// begin types what the last step of the wizard wants.
func begin(t *testing.T, x *uitest.Terminal) *uitest.Terminal {
	t.Helper()
	word := code(t, x.Press("enter").Until("WHAT WILL BE SENT").Until("Type ", "to begin"))
	return x.Type(word).Press("enter").Until("╭ Migration ")
}

// The wizard takes the marks, asks where to and how, and shows the exact requests; the session then runs to its end, step by step,
// and its report is written.
func TestMigrationCopies(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		plan(x, 2, wayCopy)
		before := changing(x)
		x.Press("enter").Until("Copy 2 backups of dc1-lxca to " + share).Until("Nothing speaks against it now.").Until("PUT https://")
		backups := x.Fleet.Appliance("dc1-lxca").LXCA.Backups()
		for _, b := range backups[:2] {
			x.Until(b.UUID, "checksum "+b.Checksum[:11])
		}
		x.Press("enter").Until("type 2 to begin").Type("3").Press("enter").Until("type 2 to begin").Paste("2").Until("not pasted").Press("enter")
		unchanged(t, x, before)
		x.Until("Type 2").Type("2").Storm("enter", "enter", "enter").Until("╭ Migration ").Until("running", "job 1")
		x.Until("migration ").Until("queued").Press("esc").Until("3 Backups") // it goes on without being looked at
		x.Press("M").Until("╭ Migration ").Until("2 done").Until("done", "took")
		if n := len(effects(x, "dc1-lxca", "backup.copied")); n != 2 {
			t.Errorf("%d copies", n)
		}
		x.Press("w").Until("written to")
		reports, err := filepath.Glob(filepath.Join(x.Dir, "state", "*", "migration-*"))
		if err != nil || len(reports) != 2 {
			t.Errorf("reports %q, %v", reports, err)
		}
	})
}

// A careful move copies, verifies, and only then deletes the original; a plain one is the appliance's own.
func TestMigrationMoves(t *testing.T) {
	t.Parallel()
	for way, want := range map[int][2]string{wayCareful: {"backup.copied", "backup.deleted"}, wayMove: {"backup.moved"}} {
		play(t, uitest.Options{}, func(x *uitest.Terminal) {
			begin(t, plan(x, 2, way))
			x.Until("2 done").Until("done", "took")
			for _, what := range want {
				if n := len(effects(x, "dc1-lxca", what)); what != "" && n != 2 {
					t.Errorf("%d times %s", n, what)
				}
			}
			for _, b := range x.Fleet.Appliance("dc1-lxca").LXCA.Backups()[:2] {
				if len(b.Locations) != 1 || b.Locations[0] != share {
					t.Errorf("%s lies in %q", b.Label, b.Locations)
				}
			}
		})
	}
}

// canary is a passphrase that is found nowhere: not on the screen, not in the log, not in the journal.
const canary = "zzyzx.Canary!4711"

// spotless fails the test when the canary, in whatever coding, is in anything that the program wrote.
func spotless(t *testing.T, x *uitest.Terminal) {
	t.Helper()
	forms := map[string]string{
		"plain": canary, "base64": base64.StdEncoding.EncodeToString([]byte(canary)), "URL": url.QueryEscape(canary),
		"hex": hex.EncodeToString([]byte(canary)),
	}
	look := func(where string, b []byte) {
		for form, text := range forms {
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("the passphrase is in %s (%s)", where, form)
			}
		}
	}
	look("what was written to the terminal", []byte(x.Raw()))
	files := 0
	err := filepath.WalkDir(x.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		look(path, b)
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("looked into %d files: %v", files, err)
	}
}

// secretly gives dc1-lxca one backup more, newer than all others, that the canary decrypts.
func secretly(f *sim.Fleet) {
	f.Appliance("dc1-lxca").LXCA.AddBackup(xclarity.Backup{
		Label: "sealed", Passphrase: canary, Locations: []string{"internal"}, Taken: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	})
}

// A push asks for the passphrase when it has arrived; a wrong one is said and asked for again, and none is kept anywhere.
func TestMigrationPushesAndProcesses(t *testing.T) {
	t.Parallel()
	debug := func(text string) string { return text + "\n[log]\nlevel = \"debug\"\n" }
	play(t, uitest.Options{Prepare: secretly, Config: debug}, func(x *uitest.Terminal) {
		x.Until("sealed", "internal").Press("3", "g", "M").Until("1 What").Until("sealed").Press("enter").Until("move carefully")
		x.Press("down", "down", "down", "enter").Until("▸ new-lxca", "has no backup yet").Press("enter").Until("when a step goes wrong")
		x.Press("down", "space").Until("have the target process it", "yes")
		x.Press("enter").Until("Push 1 backup of dc1-lxca to new-lxca").Until("action=process")
		x.Press("1", "enter").Until("to begin")
		x.Type(code(t, x)).Press("enter").Until("╭ Migration ").Until("needs passphrase")
		x.Press("enter").Until("╭ Passphrase of sealed").Press("enter").Until("type the passphrase")
		x.Type("wrong").Until("*****").Press("enter").UntilGone("╭ Passphrase").Until("needs passphrase", "job 1 (processing")
		x.Press("enter").Until("╭ Passphrase of sealed").Paste(canary + "\r").Until("*****").Press("enter")
		x.Until("1 done").Until("done", "took")
		if n := len(effects(x, "new-lxca", "backup.processed")); n != 1 {
			t.Errorf("processed %d times", n)
		}
		x.Press("w").Until("written to")
		spotless(t, x)
	})
}

// A paused migration begins nothing more; what is under way goes on. Steps can be put in another order, skipped and tried again.
func TestMigrationIsSteered(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		begin(t, plan(x, 3, wayCopy)).Until("running", "job 1")
		if !strings.Contains(x.Title(), ", migration ") || !strings.Contains(x.Raw(), "\x1b]9;4;1;") {
			t.Errorf("the title is %q, or the terminal is not told how far it is", x.Title())
		}
		x.Press("p").Until("paused").Press("G").Until("▸ 3").Press("-").Press("g", "down").Until("▸ 2").Press("s").Until("skipped")
		x.Until("1 done, 1 queued, 1 skipped")
		x.Advance(2 * time.Minute)
		if n := len(effects(x, "dc1-lxca", "backup.copied")); n != 1 {
			t.Errorf("%d copies while it is paused", n)
		}
		x.Press("p").Until("2 done, 1 skipped").UntilMatch(`Copy 3 backups[^│]* done │`)
		x.Press("p").Until("resume: not now")
		x.Until("w report", "esc back")
	})
}

// What cannot be done is said and waits for its operator; who cancels keeps what is done.
func TestMigrationAsks(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { f.Appliance("dc1-lxca").LXCA.SetMounted(share, false) }
	play(t, uitest.Options{Width: 80, Height: 24, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Press("3")
		begin(t, plan(x, 2, wayCopy)).Until("asking").Until("failed").Until("step 1 went wrong")
		x.Until("t retry", "s skip", "p resume", "x cancel")
		x.Fleet.Appliance("dc1-lxca").LXCA.SetMounted(share, true)
		x.Press("t").Until("1 done")
		x.Press("x").Until("╭ Cancel migration").Until("[  No  ]").Press("x", "enter").UntilGone("╭ Cancel migration").Never("cancelled")
		x.Press("x").Until("[  No  ]").Press("y").Until("cancelled")
	})
}

// One who quits is told that a migration runs, and the default answer is to stay.
func TestQuitWhileAMigrationRuns(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		begin(t, plan(x, 2, wayCopy)).Until("running", "job 1").Press("q").Until("3 Backups")
		x.Press("q").Until("╭ Quit").Until("what is under way goes on").Press("enter").UntilGone("╭ Quit").Until("migration ")
		if code := x.Press("q").Until("╭ Quit").Press("y").End(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		x.Again().Until("3 up").Until("1 migration can be resumed").Until("migration paused").Press("M").Until("paused").Until("1 done, 1 queued")
		x.Press("p").Until("2 done")
		if n := len(effects(x, "dc1-lxca", "backup.copied")); n != 2 {
			t.Errorf("%d copies", n)
		}
	})
}

// A run that is killed leaves its journal as it stood: the next one finds out what became of the step under way, offers the rest,
// and sends nothing twice (faults.md JOB-09).
func TestFault_JOB09_KilledMigrationIsResumed(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		begin(t, plan(x, 3, wayMove)).Until("running", "job 1")
		state, kept := filepath.Join(x.Dir, "state"), filepath.Join(t.TempDir(), "kept")
		if err := os.CopyFS(kept, os.DirFS(state)); err != nil {
			t.Fatal(err)
		}
		x.Hangup()
		if err := os.RemoveAll(state); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(state, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
		x.Advance(time.Minute) // the move goes on at the appliance
		x.Again().Until("3 up").Until("1 migration can be resumed").Press("M").Until("paused").Until("1 done, 2 queued")
		if n := len(effects(x, "dc1-lxca", "backup.moved")); n != 1 {
			t.Errorf("%d moves before anybody resumed", n)
		}
		x.Press("p").Until("3 done")
		if n := len(effects(x, "dc1-lxca", "backup.moved")); n != 3 {
			t.Errorf("%d moves of 3 backups", n)
		}
	})
}

// Users remap keys: the screen of migrations names and takes the new ones, and the old ones do nothing there.
func TestMigrationKeysAreRemapped(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		return text + "\n[keys]\npause = [\"y\"]\ncancel = [\"X\"]\ndown = [\"i\"]\n"
	}
	play(t, uitest.Options{Config: config}, func(x *uitest.Terminal) {
		begin(t, plan2(x)).Until("y pause", "X cancel").Press("p", "x").Until("running").Never("╭ Cancel", "paused")
		x.Press("i").Until("▸ 2").Press("?").Until("╭ Help").Until("y  begin no further step").Until("X  cancel").Press("esc")
		x.Press("y").Until("paused").Until("y resume")
		x.Press("esc").Press("1", "j").Never("▸ ● new-lxca").Press("i").Until("▸ ● new-lxca")
	})
}

// plan2 is plan with keys that cannot be remapped only.
func plan2(x *uitest.Terminal) *uitest.Terminal {
	x.Until("nightly-1231", "internal").Press("3", "g", "space", "space", "M").Until("1 What")
	return x.Press("enter").Until("move carefully").Press("enter", "enter").Until("when a step goes wrong")
}

// What appliances wrote stands on these screens too, and only in characters that can be shown (faults.md DAT-07).
func TestFault_DAT07_HostileMigration(t *testing.T) {
	t.Parallel()
	const hostile = "evil\x1b]0;owned\x07\u202e\u200bname\x9b31m"
	prepare := func(f *sim.Fleet) {
		f.Appliance("dc1-lxca").LXCA.AddBackup(xclarity.Backup{
			Label: hostile, Locations: []string{"internal"}, Taken: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		})
	}
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("evil").Press("3", "g", "M").Until("1 What").Press("enter", "enter", "enter", "enter").Until("WHAT WILL BE SENT")
		x.Type("1").Press("enter").Until("1 done").Press("w").Until("written to")
		x.Press("esc", "g", "D").Until("╭ Delete").Press("esc").Press("o").Until("╭ More").Press("esc")
		if raw := x.Raw(); strings.Contains(raw, "owned\x07") || strings.ContainsAny(raw, "\u202e\u200b") || strings.Contains(raw, "\x9b31m") {
			t.Error("a hostile label was written to the terminal as it is")
		}
		reports, _ := filepath.Glob(filepath.Join(x.Dir, "state", "*", "migration-*.md"))
		for _, path := range reports {
			if b, err := os.ReadFile(path); err != nil || bytes.ContainsAny(b, "\x1b\x07\u202e\u200b") {
				t.Errorf("%s: %v\n%q", path, err, b)
			}
		}
		if len(reports) != 1 {
			t.Errorf("%d reports", len(reports))
		}
	})
}
