package ecb

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

func TestWorkThatIsNotSent(t *testing.T) {
	b := newBench(t)
	b.acquire()
	mark, ctx := b.mark(), t.Context()
	create := func(n appliance.NewBackup, p appliance.Passphrase) error {
		_, err := b.CreateBackup(ctx, n, p)
		return err
	}
	restore := func(r appliance.Restoring) error { _, err := b.Restore(ctx, r, nil); return err }
	remove := func(id appliance.BackupID, l appliance.Location) error {
		_, err := b.DeleteBackup(ctx, id, l)
		return err
	}
	fine := appliance.NewBackup{Label: "x.gz", Source: appliance.SavedCopy}
	with := func(change func(*appliance.NewBackup)) appliance.NewBackup { n := fine; change(&n); return n }
	for what, err := range map[string]error{
		"path":               create(with(func(n *appliance.NewBackup) { n.Label = "../x" }), nil),
		"no name":            create(with(func(n *appliance.NewBackup) { n.Label = "" }), nil),
		"no copy":            create(with(func(n *appliance.NewBackup) { n.Source = "" }), nil),
		"firmware":           create(with(func(n *appliance.NewBackup) { n.Firmware = true }), nil),
		"share":              create(with(func(n *appliance.NewBackup) { n.Destination = "/mnt/s" }), nil),
		"passphrase":         create(fine, secret.New("x")),
		"restore nothing":    restore(appliance.Restoring{}),
		"restore a path":     restore(appliance.Restoring{Backup: "a/b"}),
		"restore the edited": restore(appliance.Restoring{From: appliance.EditedCopy}),
		"restore devices":    restore(appliance.Restoring{Backup: aFile, Devices: true}),
		"delete nothing":     remove("", appliance.Internal),
		"delete elsewhere":   remove(aFile, "/mnt/s"),
	} {
		if err == nil || errors.Is(err, appliance.ErrNotHeld) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.sent(mark)
	only := newBench(t, func(_ *Options, to *transport.Options) { to.ReadOnly = true })
	for _, j := range jobs {
		if _, err := j.do(only); !errors.Is(err, appliance.ErrReadOnly) {
			t.Errorf("%s, read-only: %v", j.verb, err)
		}
	}
	only.sent(0)
	if _, err := b.DeleteBackup(ctx, "gone.gz", appliance.Internal); !errors.Is(err, appliance.ErrGone) || errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("delete of what is gone: %v", err)
	}
	if err := restore(appliance.Restoring{Backup: "gone.gz"}); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("restore of what is gone: %v", err)
	}
	if err := create(appliance.NewBackup{Label: string(aFile), Source: appliance.RunningCopy}, nil); statusOf(err) != 400 ||
		!strings.Contains(appliance.Reason(err), "already exists") {
		t.Errorf("a name that exists: %v", err)
	}
}

// What is shown is what is sent, but for the token.
func TestExplainWork(t *testing.T) {
	acts := map[appliance.Verb]appliance.Act{
		appliance.VerbCreate:  {Making: appliance.NewBackup{Label: "mine.gz", Source: appliance.EditedCopy}},
		appliance.VerbRestore: {Restore: appliance.Restoring{Backup: aFile}},
		appliance.VerbDelete:  {Transfer: appliance.Transfer{Backup: aFile, Destination: string(appliance.Everywhere)}},
	}
	for _, j := range jobs {
		b := newBench(t)
		act := acts[j.verb]
		act.Verb = j.verb
		var lines []string
		for _, c := range b.Explain(act) {
			lines = append(lines, c.Method+" "+strings.TrimPrefix(c.URL, b.url))
			if !strings.Contains(c.Curl(), `"Authorization: Bearer $TOKEN"`) {
				t.Errorf("%s: %s", j.verb, c.Curl())
			}
		}
		want := []string{"GET " + version + "admin/asyncstatus", j.sent}
		if j.verb == appliance.VerbDelete {
			want = want[1:]
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%s: %q, want %q", j.verb, lines, want)
		}
	}
	if b := newBench(t); b.Explain(appliance.Act{Verb: appliance.VerbDelete}) != nil || !slices.Equal(b.MakingRules().Sources,
		[]appliance.ConfigCopy{appliance.RunningCopy, appliance.SavedCopy, appliance.EditedCopy}) {
		t.Error("a delete of nothing is shown, or the rules are wrong")
	}
}
