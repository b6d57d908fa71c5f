package uitest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	engine "holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/sim"
	"holdfast/ui/cli"
	"holdfast/ui/uitest"
)

// kept is the folder of a journal that outlives the terminals of a test.
func kept(t *testing.T) (dir string, config func(string) string) {
	dir = filepath.Join(t.TempDir(), "state")
	return dir, func(text string) string {
		_, rest, _ := strings.Cut(text, "\n")
		return "state_dir = \"" + dir + "\"\n" + rest
	}
}

// An operator takes a lock and leaves; what was done is in the journal, and `holdfast events` tells it.
func TestEventsAreKept(t *testing.T) {
	t.Parallel()
	dir, config := kept(t)
	uitest.Run(t, uitest.Options{Sim: one(), Config: config}, func(x *uitest.Terminal) {
		x.Until("1 up").Press("a").Until("Acquire a lock on dc1-lxca").Press("enter").Until("you took UP Updates")
		x.Press("q").Until("You hold 1 lock").Press("enter")
	})
	path := filepath.Join(dir, "config.toml")
	text := "state_dir = \".\"\n[[appliance]]\nname = \"dc1-lxca\"\nkind = \"lxca\"\nurl = \"https://192.0.2.1\"\nuser = \"a\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The run was in virtual time, which begins with the year 2000.
	var out, errs bytes.Buffer
	code := cli.Main(t.Context(), cli.Env{Args: []string{"--config", path, "events", "--since", "300000h", "--json"}, Out: &out, Err: &errs})
	if code != cli.ExitDone {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	found := false
	for line := range strings.Lines(out.String()) {
		var e struct {
			At                          time.Time
			Level, Appliance, Who, Text string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found = found || e.Appliance == "dc1-lxca" && e.Who == "maria" && e.Level == "done" && strings.HasPrefix(e.Text, "took UP Updates") &&
			e.At.Year() == 2000
	}
	if !found {
		t.Errorf("the lock is not among the events:\n%s", out.String())
	}
}

// A run that was killed between asking and recording the answer leaves an open intent; the next run says so, once.
func TestOpenIntentIsTold(t *testing.T) {
	t.Parallel()
	dir, config := kept(t)
	ctx := context.Background()
	j, err := journal.Open(ctx, filepath.Join(dir, "journal.db"), journal.Options{Engine: "killed"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = j.Intend(ctx, engine.Intent{At: clock.System().Now(), Engine: "killed", Who: "maria", Appliance: "dc1-lxca",
		Act: appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 20 * time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	const said = "an earlier run ended in the middle of acquire UP for 20m"
	uitest.Run(t, uitest.Options{Sim: one(), Config: config}, func(x *uitest.Terminal) { x.Until(said) })
	uitest.Run(t, uitest.Options{Sim: one(), Config: config}, func(x *uitest.Terminal) {
		x.Until("1 up").Never(said)
	})
}

// Without a journal that can be written nothing is asked of an appliance (faults.md I6).
func TestFault_I6_UnwritableJournal(t *testing.T) {
	t.Parallel()
	dir, config := kept(t)
	cfg := one()
	uitest.Run(t, uitest.Options{Sim: cfg, Config: config, Prepare: func(*sim.Fleet) {
		// A journal of a newer Holdfast is only read.
		j, err := journal.Open(context.Background(), filepath.Join(dir, "journal.db"), journal.Options{Engine: "older"})
		if err != nil {
			t.Error(err)
			return
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		newer(t, filepath.Join(dir, "journal.db"))
	}}, func(x *uitest.Terminal) {
		x.Until("1 up").Press("a").Until("Acquire a lock on dc1-lxca").Press("enter").Until("journal not writable")
		if n := x.Fleet.Appliance("dc1-lxca").Requests()["POST /aicc/service/sftp/locks"]; n != 0 {
			t.Errorf("%d locks were asked for", n)
		}
	})
}

// newer makes a journal one of a schema that we do not know: SQLite keeps its number at byte 60 of the file.
func newer(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := f.WriteAt([]byte{0, 0, 0, 99}, 60); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A journal that is damaged is set aside, which the screen says.
func TestFault_JNL02_OnScreen(t *testing.T) {
	t.Parallel()
	dir, config := kept(t)
	uitest.Run(t, uitest.Options{Sim: one(), Config: config, Prepare: func(*sim.Fleet) {
		if err := os.MkdirAll(dir, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(dir, "journal.db"), []byte("no journal at all"), 0o600)
			if err != nil {
				t.Error(err)
			}
		}
	}}, func(x *uitest.Terminal) {
		x.Until("1 up").Until("the journal was damaged")
		acquire(x, "updates", "20m")
		x.Until("you took UP Updates")
	})
}

// The journal cannot be written any more while a lock is held: nothing new is asked for, and the lock is given back all the same,
// which is said to be without a record.
func TestFault_JNL03_GivenBackWithoutARecord(t *testing.T) {
	t.Parallel()
	dir, config := kept(t)
	uitest.Run(t, uitest.Options{Sim: one(), Config: config}, func(x *uitest.Terminal) {
		x.Until("1 up")
		acquire(x, "updates", "20m")
		x.Until("you took UP Updates")
		lxca, path := x.Fleet.Appliance("dc1-lxca").LXCA, filepath.Join(dir, "journal.db")
		held := len(lxca.Locks())
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			if err := os.Rename(name, name+".away"); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		acquire(x, "updates", "30m")
		x.Until("not sent:")
		if n := len(lxca.Locks()); n != held {
			t.Errorf("%d locks, before %d", n, held)
		}
		x.Press("2", "g", "r").Until("Release UP Updates on dc1-lxca").Press("y")
		x.Until("you released UP Updates").Until("is done although it cannot be recorded")
		if n := len(lxca.Locks()); n != held-1 {
			t.Errorf("%d locks, before %d", n, held)
		}
	})
}
