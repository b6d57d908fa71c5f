package ecb

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
)

const aFile appliance.BackupID = "nightly-1119.gz"

// job is one kind of work that needs the lock.
type job struct {
	verb   appliance.Verb
	do     func(*bench) (appliance.Receipt, error)
	suffix string // of its request's path
	sent   string // its request
	effect string // in the truth log
}

// jobs are all of them.
var jobs = []job{
	{
		appliance.VerbVerify, func(b *bench) (appliance.Receipt, error) { return b.VerifyConfig(b.t.Context()) },
		"configuration/management", "PUT " + version + "configuration/management?action=verify", "",
	},
	{
		appliance.VerbSave, func(b *bench) (appliance.Receipt, error) { return b.SaveConfig(b.t.Context()) },
		"configuration/management", "PUT " + version + "configuration/management?action=save", "config.saved",
	},
	{
		appliance.VerbActivate, func(b *bench) (appliance.Receipt, error) { return b.ActivateConfig(b.t.Context()) },
		"configuration/management", "POST " + version + "configuration/management?action=activate", "config.activated",
	},
	{
		appliance.VerbCreate, func(b *bench) (appliance.Receipt, error) {
			return b.CreateBackup(b.t.Context(), appliance.NewBackup{Label: "mine.gz", Source: appliance.EditedCopy}, nil)
		},
		"configuration/management",
		"POST " + version + "configuration/management?action=backup&backupSource=editing&filename=mine.gz", "backup.created",
	},
	{
		appliance.VerbRestore, func(b *bench) (appliance.Receipt, error) {
			return b.Restore(b.t.Context(), appliance.Restoring{Backup: aFile}, nil)
		},
		"configuration/management",
		"PUT " + version + "configuration/management?action=restore&filename=nightly-1119.gz&restoreSource=backupFile", "config.restored",
	},
	{
		appliance.VerbDelete, func(b *bench) (appliance.Receipt, error) {
			return b.DeleteBackup(b.t.Context(), aFile, appliance.Everywhere)
		},
		"management/files", "DELETE " + version + "configuration/management/files?filename=nightly-1119.gz", "backup.deleted",
	},
}

// edit changes the edited configuration by the token that owns the lock: one session agent goes.
func (b *bench) edit() {
	b.t.Helper()
	r := ownedRequest(http.MethodDelete, b.restVersion(), resElements, b.ownership().token.text)
	r.Query = url.Values{"elementType": {"session-agent"}, "hostname": {"b.example.net"}}
	if resp, err := b.http.Do(b.t.Context(), r); err != nil || resp.Status != http.StatusNoContent {
		b.t.Fatalf("edit: %+v, %v", resp, err)
	}
}

// differences are what edited and running do not have in common, as words.
func (b *bench) differences() []string {
	b.t.Helper()
	running, err := b.Config(b.t.Context(), appliance.RunningCopy)
	edited, err2 := b.Config(b.t.Context(), appliance.EditedCopy)
	if err != nil || err2 != nil {
		b.t.Fatal(err, err2)
	}
	var words []string
	for _, c := range appliance.ChangesBetween(running, edited) {
		words = append(words, fmt.Sprintf("%s %s %s", c.Type, c.Key, c.How))
	}
	return words
}

// through follows an operation to its end, a look every two seconds.
func (b *bench) through(verb appliance.Verb) appliance.Operation {
	b.t.Helper()
	o := appliance.Operation{Verb: verb}
	for range 20 {
		var err error
		if o, err = b.Follow(b.t.Context(), o); err != nil {
			b.t.Fatal(err)
		}
		if o.Over() {
			return o
		}
		b.hands.advance(2 * time.Second)
	}
	b.t.Fatalf("it does not end: %+v", o)
	return o
}

// newTrueBench is a bench with its truth log.
func newTrueBench(t *testing.T) (*bench, *kit.Truth) {
	t.Helper()
	h, truth := &hands{}, kit.NewTruth(nil)
	sim := broker.New(broker.Options{Name: "ecb-lab", Clock: kit.NewClock(h.wall), Seed: 1, Truth: truth})
	b := newBenchOn(t, h, sim)
	b.sim = sim
	return b, truth
}

// From an edit to its activation and back, with who did it in the truth log.
func TestEditSaveActivate(t *testing.T) {
	b, truth := newTrueBench(t)
	b.acquire()
	if d := b.differences(); len(d) != 0 {
		t.Errorf("at the beginning: %v", d)
	}
	b.edit()
	const gone = "session-agent b.example.net removed"
	if d := b.differences(); !slices.Equal(d, []string{gone}) {
		t.Errorf("edited: %v", d)
	}
	for i, j := range jobs[1:] { // all but the verification, which finds the edit wanting
		mark := b.mark()
		r, err := j.do(b)
		if err != nil || r.Stamp.Sent.IsZero() || (r.Job == asyncJob) != (j.verb != appliance.VerbDelete) || len(r.Told) != 0 {
			t.Fatalf("%s: %+v, %v", j.verb, r, err)
		}
		status := " 202"
		if j.verb == appliance.VerbDelete {
			status = " 204"
		}
		sent := b.since(mark)
		if last := sent[len(sent)-1]; last != j.sent+status || len(sent) > 3 {
			t.Errorf("%s: sent %q", j.verb, sent)
		}
		if j.verb != appliance.VerbDelete {
			if o := b.through(j.verb); o.Phase != appliance.PhaseSucceeded || !o.Seen || o.Lost {
				t.Errorf("%s: %+v", j.verb, o)
			}
		}
		var found []kit.Effect
		for _, e := range truth.Effects() {
			if e.What == j.effect {
				found = append(found, e)
			}
		}
		if len(found) != 1 || found[0].By != "admin" || found[0].Token == "" || found[0].Client == "" {
			t.Errorf("%d, %s: effects %+v", i, j.verb, found)
		}
	}
	if d := b.differences(); !slices.Equal(d, []string{"session-agent b.example.net added"}) { // the restored file has it
		t.Errorf("at the end: %v", d)
	}
	if _, err := b.Restore(t.Context(), appliance.Restoring{From: appliance.RunningCopy}, nil); err != nil {
		t.Fatal(err)
	}
	if b.through(appliance.VerbRestore); len(b.differences()) != 0 {
		t.Errorf("edits thrown away: %v", b.differences())
	}
	list, err := b.Backups(t.Context())
	if err != nil || len(list.Backups) != 3 || !slices.ContainsFunc(list.Backups, func(x appliance.Backup) bool { return x.ID == "mine.gz" }) {
		t.Errorf("files %+v, %v", list, err)
	}
	b.holder(appliance.HolderYou)
}

// Without the lock nothing is sent; what was stolen is found lost by the answer, said at once, and not asked for again.
func TestFault_LCK10_LostInTheMiddle(t *testing.T) {
	for _, j := range jobs {
		t.Run(string(j.verb), func(t *testing.T) {
			b, truth := newTrueBench(t)
			if _, err := j.do(b); !errors.Is(err, appliance.ErrNotHeld) || !strings.Contains(err.Error(), "compare edited with running") {
				t.Errorf("without the lock: %v", err)
			}
			b.sent(0)
			b.acquire()
			b.edit()
			b.sim.StealByOther(broker.SourceGUI)
			mark := b.mark()
			_, err := j.do(b)
			if !errors.Is(err, appliance.ErrNotHeld) || !errors.Is(err, appliance.ErrHeld) || errors.Is(err, appliance.ErrAmbiguous) ||
				!strings.Contains(appliance.Reason(err), "Resource locked by another user") || !strings.Contains(err.Error(), onceMore) {
				t.Errorf("stolen: %v", err)
			}
			b.holder(appliance.HolderAnother)
			count := len(b.since(mark))
			if _, err := j.do(b); !errors.Is(err, appliance.ErrNotHeld) || len(b.since(mark)) != count {
				t.Errorf("once more: %v, sent %q", err, b.since(mark))
			}
			for _, e := range truth.Effects() {
				if e.What == j.effect && e.What != "" || e.What == "async.begun" {
					t.Errorf("it had an effect: %+v", e)
				}
			}
			// The edit is still there, for whoever has the lock next to look at.
			b.sim.UnlockByOther()
			b.acquire()
			if len(b.differences()) != 1 {
				t.Errorf("differences %v", b.differences())
			}
			if _, err := j.do(b); err != nil {
				t.Errorf("begun anew: %v", err)
			}
		})
	}
}

// A token that ends in the middle is not replaced behind the operator's back: one answer, no second try, and no blame on the
// credentials.
func TestFault_TOK01_TokenEndsMidEdit(t *testing.T) {
	for _, j := range jobs {
		t.Run(string(j.verb), func(t *testing.T) {
			h := &hands{}
			sim := broker.New(broker.Options{Name: "ecb-lab", Clock: kit.NewClock(h.wall), Seed: 1, TokenTTL: 5 * time.Minute})
			b := newBenchOn(t, h, sim) // believes in ten minutes
			b.sim = sim
			b.acquire()
			b.edit()
			h.advance(6 * time.Minute)
			mark := b.mark()
			_, err := j.do(b)
			if !errors.Is(err, appliance.ErrNotHeld) || errors.Is(err, appliance.ErrCredentials) || errors.Is(err, appliance.ErrAmbiguous) ||
				!strings.Contains(err.Error(), onceMore) {
				t.Errorf("ended: %v", err)
			}
			asked := 0
			for _, line := range b.since(mark) {
				if strings.HasPrefix(line, j.sent+" ") {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("sent %q", b.since(mark))
			}
			b.holder(appliance.HolderUnknown)
			b.acquire()
			if len(b.differences()) != 1 {
				t.Errorf("what was edited: %v", b.differences())
			}
			if _, err := j.do(b); err != nil {
				t.Errorf("begun anew: %v", err)
			}
			h.advance(10 * time.Minute)
			mark = b.mark()
			if _, err := j.do(b); !errors.Is(err, appliance.ErrNotHeld) {
				t.Errorf("past our own count: %v", err)
			}
			b.sent(mark)
		})
	}
}

// What was sent and not answered may have been done. It is sent once, and the lock stays ours.
func TestWorkWhoseAnswerIsLost(t *testing.T) {
	for _, j := range jobs {
		for name, m := range map[string]meddler{"done": lose, "not done": swallow} {
			b := newBench(t)
			b.acquire()
			if _, err := b.Jobs(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.between(on(j.suffix, m))
			mark := b.mark()
			_, err := j.do(b)
			if !errors.Is(err, appliance.ErrAmbiguous) || errors.Is(err, appliance.ErrNotHeld) {
				t.Errorf("%s, %s: %v", j.verb, name, err)
			}
			sent := b.since(mark)
			if n := len(sent); sent[n-1] != j.sent+" 0" || n > 2 {
				t.Errorf("%s, %s: sent %q", j.verb, name, sent)
			}
			b.holder(appliance.HolderYou)
		}
	}
}

// While something is under way nothing is begun, as the appliance tells of the latest only. A delete is done at once and may go.
func TestNothingIsBegunWhileBusy(t *testing.T) {
	for _, j := range jobs {
		b := newBench(t)
		b.acquire()
		if err := b.sim.StartAsync("activate", "night-shift"); err != nil {
			t.Fatal(err)
		}
		_, err := j.do(b)
		if async := j.verb != appliance.VerbDelete; errors.Is(err, appliance.ErrBusy) != async || !async && err != nil ||
			async && !strings.Contains(err.Error(), `busy with "activate"`) {
			t.Errorf("%s: %v", j.verb, err)
		}
		for _, line := range b.since(0) {
			if j.verb != appliance.VerbDelete && strings.HasPrefix(line, j.sent) {
				t.Errorf("%s was sent", j.verb)
			}
		}
	}
}

// With a renewed token that is not proven, the proof comes first.
func TestWorkWithAnUnprovenToken(t *testing.T) {
	b := newBench(t)
	b.acquire()
	b.between(busy())
	if r, err := b.Renew(t.Context(), theLock); err != nil || !r.Unproven {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := b.SaveConfig(t.Context()); !errors.Is(err, appliance.ErrBusy) || errors.Is(err, appliance.ErrNotHeld) {
		t.Errorf("while it cannot be proven: %v", err)
	}
	b.between(nil)
	if _, err := b.SaveConfig(t.Context()); !errors.Is(err, appliance.ErrBusy) { // with the proof that was just begun
		t.Errorf("right after the proof: %v", err)
	}
	b.hands.advance(2 * time.Second)
	if _, err := b.SaveConfig(t.Context()); err != nil {
		t.Error(err)
	}
	b.between(on("auth/token", lose))
	if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrAmbiguous) {
		t.Fatal(err)
	}
	b.between(nil)
	if _, err := b.DeleteBackup(t.Context(), aFile, appliance.Internal); !errors.Is(err, appliance.ErrBusy) {
		t.Errorf("while a renewal is open: %v", err)
	}
}
