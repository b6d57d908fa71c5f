package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

func TestFault_JNL01_WaitsForTheDisk(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	for pragma, want := range map[string]string{
		"synchronous": "2", "journal_mode": "wal", "fullfsync": "1", "checkpoint_fullfsync": "1",
	} {
		var got string
		if err := j.db.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
}

// A file or a file system that is full, and a folder that may not be written to, are met by another process, which changes
// its own limits for it.
func TestFault_JNL03_NotWritable(t *testing.T) {
	for name, words := range map[string][]string{
		"limit": {"cannot record what is about to be sent", "file too large", "ulimit -f"},
		"full":  {"cannot record what is about to be sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, path := folder(t)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := child(t, name, "JOURNAL="+path)
			if name == "full" {
				ownMounts(t, cmd)
			}
			lines, _ := output(t, cmd)
			last := lines[len(lines)-1]
			for _, w := range append(words, path) {
				if !strings.Contains(last, w) {
					t.Errorf("it says %q, want %q in it", last, w)
				}
			}
			var want promised
			want.hear(t, lines[:len(lines)-1])
			if len(want.intended) < 5 {
				t.Errorf("%d were confirmed", len(want.intended))
			}
			if _, err := os.Stat(path); err != nil {
				return // it went with the child's file system
			}
			j := opened(t, path, "second")
			if more := want.beyond(t, found(t, j)); more != 0 || len(j.Notices()) > 0 {
				t.Errorf("%d records are there that were not confirmed, notices %q", more, j.Notices())
			}
		})
	}
}

func TestFault_JNL03_ReadOnlyFolder(t *testing.T) {
	for _, there := range []bool{false, true} {
		dir, err := os.MkdirTemp("", "journal") // not below a folder that only we may enter
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		path := filepath.Join(dir, "journal.db")
		if there {
			closed(t, opened(t, path, "zeroth"))
			if err := os.Remove(path + ".lock"); err != nil {
				t.Fatal(err)
			}
		}
		lines, _ := output(t, child(t, "readonly", "JOURNAL="+path))
		if want := "permission denied"; !strings.Contains(lines[0], want) || !strings.Contains(lines[0], "set state_dir") {
			t.Errorf("it says %q, want %q in it", lines[0], want)
		}
	}
}

func TestFault_JNL04_Busy(t *testing.T) {
	_, path := folder(t)
	j := openedWith(t, path, Options{Engine: "first", Clock: still(noon), Wait: 30 * time.Millisecond}, host())
	zeroth, k := opened(t, path, "zeroth"), opened(t, path, "second")
	hold(t, zeroth, someHolding(1)) // for somebody to take over
	begin(t, zeroth, someMigration(1, 2))
	closed(t, zeroth)
	refused := func(what string) {
		t.Helper()
		for name, err := range changes(t.Context(), j) {
			if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "try again") || !errors.Is(j.Writable(), ErrBusy) {
				t.Errorf("%s %s: %v, writable: %v", name, what, err, j.Writable())
			}
		}
	}
	tx, err := k.db.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	refused("while another writes")
	for name, err := range reads(t.Context(), j) {
		if err != nil {
			t.Errorf("%s meanwhile: %v", name, err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	release, err := k.gate.enter(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	refused("while another sets it aside")
	release()
	<-j.turn
	refused("while this process writes")
	j.turn <- struct{}{}
	if id := intend(t, j, 1); j.Writable() != nil || id == 0 {
		t.Errorf("intent %d, writable: %v", id, j.Writable())
	}
	if got, err := contentOf(j); err != nil || len(got.Intents) != 1 {
		t.Errorf("%d intents, %v", len(got.Intents), err)
	}
}

func TestGivenUp(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Intend(ctx, someIntent(1)); !errors.Is(err, context.Canceled) || j.Writable() != nil {
		t.Errorf("%v, writable: %v", err, j.Writable())
	}
	if j, err := Open(ctx, path, Options{Engine: "second"}); !errors.Is(err, context.Canceled) || j != nil {
		t.Errorf("%v", err)
	}
	closed(t, j)
	for _, calls := range []map[string]error{
		changes(t.Context(), j), reads(t.Context(), j), {"writable": j.Writable()},
	} {
		for name, err := range calls {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}
	closed(t, j)
}

func TestReaderOnlyReads(t *testing.T) {
	dir, path := folder(t)
	first := opened(t, path, "first")
	tell(t, first, 1)
	j := opened(t, path, "")
	if got := events(t, j); len(got) != 1 {
		t.Errorf("events %q", got)
	}
	zeroth := opened(t, path, "zeroth")
	hold(t, zeroth, someHolding(1)) // for somebody to take over
	begin(t, zeroth, someMigration(1, 2))
	closed(t, zeroth)
	hold(t, first, someHolding(2))
	for name, err := range changes(t.Context(), j) {
		if !errors.Is(err, ErrNotWritable) {
			t.Errorf("a reader may %s: %v", name, err)
		}
	}
	if all, running := locks(t, j), others(t, j); len(all) != 2 || !slices.Equal(running, []string{"first dc1-lxca 2"}) {
		t.Errorf("locks %q, of engines that run %q", all, running)
	}
	if names := strings.Join(files(t, dir), " "); strings.Count(names, "engine-") != 1 {
		t.Errorf("files: %s", names)
	}
	for _, id := range []string{"../x", "Q", "a b", strings.Repeat("a", 65)} {
		if j, err := Open(t.Context(), path, Options{Engine: id}); err == nil || j != nil {
			t.Errorf("engine id %q is taken", id)
		}
	}
}

func TestSettleRefuses(t *testing.T) {
	_, path := folder(t)
	j, k := opened(t, path, "first"), opened(t, path, "second")
	id := intend(t, j, 1)
	for _, err := range []error{
		j.Settle(t.Context(), id+7, fleet.OutcomeDone, ""), k.Settle(t.Context(), id, fleet.OutcomeDone, ""),
		j.Settle(t.Context(), 1<<63+5, fleet.OutcomeDone, ""),
	} {
		if !errors.Is(err, ErrNotOurs) {
			t.Errorf("%v", err)
		}
	}
	if err := j.Settle(t.Context(), id, "", ""); err == nil {
		t.Error("it has no outcome")
	}
	if j.Writable() != nil || k.Writable() != nil {
		t.Errorf("writable: %v, %v", j.Writable(), k.Writable())
	}
}

func TestFault_I8_OnlyPrintableText(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	const bad = "\x1b[31mred\u202e\n'; DROP TABLE events; --"
	in := fleet.Intent{Who: bad, Appliance: bad, Engine: bad, Before: []appliance.LockID{bad}, Act: appliance.Act{
		Verb: appliance.VerbPush, Claim: appliance.Claim{Scope: bad}, Job: appliance.JobID(bad),
		Lock: appliance.Lock{ID: appliance.LockID(bad), Scope: appliance.Scope{Code: bad}, Holder: appliance.Holder(bad),
			Raw: appliance.RawAnswer([]byte("Passw0rd-admin"))},
		Transfer: appliance.Transfer{Verb: appliance.Verb(bad), Backup: appliance.BackupID(bad), Destination: bad},
	}}
	id, err := j.Intend(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Settle(t.Context(), id, fleet.Outcome(bad), bad); err != nil {
		t.Fatal(err)
	}
	long := bad + strings.Repeat("x", 9000)
	if err := j.Tell(t.Context(), fleet.Event{Level: 99, Appliance: bad, Who: bad, Text: long}); err != nil {
		t.Fatal(err)
	}
	hold(t, j, fleet.Holding{Appliance: bad, Lock: bad, Scope: bad, Who: bad, Purpose: bad, State: bad, Note: bad, Replaces: bad})
	track(t, j, fleet.Transit{ID: id, Appliance: bad, Who: bad, Transfer: in.Act.Transfer, Job: bad, Known: []appliance.JobID{bad}})
	c, err := contentOf(j)
	if err != nil || len(c.Intents) != 1 || len(c.Events) != 1 || len(c.Holdings) != 1 || len(c.Transits) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	clean := appliance.Label(bad).String()
	r, e, h, x := c.Intents[0], c.Events[0], c.Holdings[0], c.Transits[0]
	record, err := r.record()
	if err != nil {
		t.Fatal(err)
	}
	transit, err := x.transit()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		r.who, r.appliance, r.engine, r.scope, r.lock, r.backup, r.destination, r.job, r.outcome, r.note, e.Who, e.Appliance,
		h.appliance, h.lock, h.scope, h.who, h.purpose, h.state, h.note, h.replaces, string(record.Before[0]), x.appliance, x.who,
		x.verb, x.backup, x.destination, x.job, string(transit.Known[0]),
	} {
		if got != clean {
			t.Errorf("%q is kept, want %q", got, clean)
		}
	}
	if e.Level != fleet.Alarm || len([]rune(e.Text)) != appliance.MessageLimit || !e.At.Equal(noon) {
		t.Errorf("event %+v", e)
	}
	if err := j.Forget(t.Context(), bad, bad); err != nil || locks(t, j) != nil {
		t.Errorf("it is found by its name no more: %q, %v", locks(t, j), err)
	}
	closed(t, j)
	for _, name := range files(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(b), "\x1b[31m") || strings.Contains(string(b), "Passw0rd-admin") {
			t.Errorf("%s holds what it must not (%v)", name, err)
		}
	}
}
