package lxca

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

// begun is the job that an accepted request started, whether the answer names it or not.
func (s *scenario) begun(on *xclarity.Appliance, r appliance.Receipt, err error) appliance.JobID {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	jobs := on.Jobs()
	newest := appliance.JobID(jobs[len(jobs)-1].ID)
	if nameless := r.Job == ""; nameless != (len(r.Told) == 1) || !nameless && r.Job != newest {
		s.Errorf("job %q, want %q; told %v", r.Job, newest, r.Told)
	}
	return newest
}

// archives makes a backup through the silence that it costs, and deletes it again.
func (s *scenario) archives() {
	s.Helper()
	s.clock.Advance(time.Minute)
	before, err := s.client.Space(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if room, err := s.client.Room(s.Context(), before.Total-before.Used); err != nil || !room.Fits || room.Space.Used != before.Used {
		s.Errorf("room for what is left: %+v, %v", room, err)
	}
	room, err := s.client.Room(s.Context(), before.Total-before.Used+1)
	if err != nil || room.Fits || len(room.Told) == 0 || room.Space.Total != before.Total {
		s.Errorf("room for a byte more: %+v, %v", room, err)
	}
	if q, err := s.client.Quiet(s.Context()); err != nil || q.Making || q.Restoring || q.Percent != -1 {
		s.Errorf("nothing runs: %+v, %v", q, err)
	}
	n := appliance.NewBackup{Label: "weekly & more", Firmware: true}
	r, err := s.client.CreateBackup(s.Context(), n, somePassphrase)
	id := s.begun(s.one.LXCA, r, err)
	if _, err := s.client.Quiet(s.Context()); errors.Is(err, appliance.ErrUnreachable) == s.is("quiesce=none") {
		s.Errorf("at the beginning: %v", err)
	}
	s.clock.Advance(30 * time.Second)
	q, err := s.client.Quiet(s.Context())
	if err != nil || !q.Making || q.Restoring || q.Percent != 50 || q.Phase.String() != "Starting export of transformed content" ||
		q.Job != id || q.Label.String() != n.Label || q.By.String() != "ADMIN" || q.Backup == "" || q.Destination != "" {
		s.Errorf("half-way: %+v, %v", q, err)
	}
	if _, err := s.client.Jobs(s.Context()); errors.Is(err, appliance.ErrBusy) == s.is("quiesce=none", "quiesce=status", "away=close") {
		s.Errorf("jobs half-way: %v", err)
	}
	s.clock.Advance(30 * time.Second)
	if j := s.job(id); j.Phase != appliance.PhaseSucceeded || j.Backup != q.Backup {
		s.Errorf("job at its end: %+v", j)
	}
	made := s.backups()
	i := slices.IndexFunc(made, func(b appliance.Backup) bool { return b.ID == q.Backup })
	if i < 0 || !made[i].At(appliance.Internal) || made[i].Version.String() != "4.1.0" {
		s.Fatalf("made %+v", made)
	}
	if after, err := s.client.Space(s.Context()); err != nil || after.Used != before.Used+made[i].Size {
		s.Errorf("space after: %+v, %v", after, err)
	}
	s.deletes(made[i].ID)
}

// deletes copies a backup to a share and deletes it there, then everywhere.
func (s *scenario) deletes(id appliance.BackupID) {
	s.Helper()
	s.ends(s.start(appliance.VerbCopy, id, xclarity.DefaultShare), appliance.PhaseSucceeded)
	if _, err := s.client.DeleteBackup(s.Context(), id, xclarity.DefaultShare); err != nil {
		s.Error("delete from a share:", err)
	}
	if b := s.truth(id); !slices.Equal(b.Locations, []string{xclarity.Internal}) {
		s.Errorf("deleted from the share, lies in %v", b.Locations)
	}
	if _, err := s.client.DeleteBackup(s.Context(), id, xclarity.DefaultShare); !errors.As(err, new(*appliance.Refusal)) {
		s.Error("delete from where it is not:", err)
	}
	if _, err := s.client.DeleteBackup(s.Context(), id, appliance.Everywhere); err != nil {
		s.Error("delete everywhere:", err)
	}
	_, err := s.client.DeleteBackup(s.Context(), id, appliance.Everywhere)
	if !errors.As(err, new(*appliance.Refusal)) || errors.Is(err, appliance.ErrGone) != s.is("transfer-refused=404") {
		s.Error("delete what is gone:", err)
	}
}

// restores processes what was pushed to the new appliance, and restores on both.
func (s *scenario) restores() {
	s.Helper()
	s.clock.Advance(time.Minute)
	target := client(s.T, s.fresh, "admin", adminPassword)
	wrong := secret.New("not this one")
	r, err := target.Process(s.Context(), wrong)
	if s.is("wrong-passphrase=400") {
		if !refusedWith(err, 400) || errors.Is(err, appliance.ErrAmbiguous) {
			s.Error("wrong passphrase:", err)
		}
	} else {
		s.begun(s.fresh.LXCA, r, err)
	}
	s.clock.Advance(time.Minute)
	r, err = target.Process(s.Context(), somePassphrase)
	id := s.begun(s.fresh.LXCA, r, err)
	if q, err := target.Quiet(s.Context()); err != nil || q.Making || !q.Restoring || q.Job != id || q.File.Empty() {
		s.Errorf("while it is processed: %+v, %v", q, err)
	}
	s.clock.Advance(time.Minute)
	pushed := appliance.BackupID(s.fresh.LXCA.Backups()[0].UUID)
	if j, _, err := target.Job(s.Context(), id); err != nil || j.Phase != appliance.PhaseSucceeded || j.Backup != pushed {
		s.Errorf("process: %+v, %v", j, err)
	}
	r, err = target.Restore(s.Context(), appliance.Restoring{Backup: pushed, Devices: true}, somePassphrase)
	s.begun(s.fresh.LXCA, r, err)
	if _, err := target.Probe(s.Context()); (err == nil) != s.is("restore=none") {
		s.Errorf("while it restarts: %v", err)
	}
	s.clock.Advance(time.Minute)
	if s.fresh.LXCA.Settle(); s.fresh.LXCA.Fresh() {
		s.Error("restored, and still newly set up")
	}
	if _, err := target.Probe(s.Context()); errors.Is(err, appliance.ErrUntrusted) == s.is("restore=none") {
		s.Errorf("after a restore: %v", err)
	}
	own := s.backups()[0].ID
	_, err = s.client.Restore(s.Context(), appliance.Restoring{Backup: own}, nil)
	if refusedWith(err, 400) == s.is("restore-unprepared=allowed") && !s.is("restore-passphrase=needed") {
		s.Error("restore of what is not prepared:", err)
	}
	if err == nil { // it is restored
		return
	}
	r, err = s.client.Prepare(s.Context(), own, somePassphrase)
	s.ends(s.begun(s.one.LXCA, r, err), appliance.PhaseSucceeded)
	r, err = s.client.Restore(s.Context(), appliance.Restoring{Backup: own}, somePassphrase)
	s.begun(s.one.LXCA, r, err)
}

// effect is the only one of that kind.
func (w world) effect(t *testing.T, what string) kit.Effect {
	t.Helper()
	var found []kit.Effect
	for _, e := range w.truth() {
		if e.What == what {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d of %s: %+v", len(found), what, found)
	}
	return found[0]
}

// What was asked for is in the truth log, with who asked.
func TestTruthOfBackupsAndRestores(t *testing.T) {
	w := newWorld(t, "restore=none")
	c := client(t, w.one, "admin", adminPassword)
	if _, err := c.CreateBackup(t.Context(), appliance.NewBackup{Label: "weekly", Destination: xclarity.DefaultShare}, somePassphrase); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	w.one.LXCA.Settle()
	made := w.effect(t, "backup.created")
	old := appliance.BackupID(w.one.LXCA.Backups()[0].UUID)
	if _, err := c.Prepare(t.Context(), old, somePassphrase); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	if _, err := c.Restore(t.Context(), appliance.Restoring{Backup: old}, nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	w.one.LXCA.Settle()
	if _, err := c.DeleteBackup(t.Context(), appliance.BackupID(made.UUID), xclarity.DefaultShare); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"backup.created", "backup.prepared", "backup.restored", "backup.deleted"} {
		e := w.effect(t, what)
		if e.By != "admin" || e.Client == "" || e.UUID == "" {
			t.Errorf("%+v", e)
		}
		if strings.Contains(fmt.Sprintf("%+v", e), xclarity.DefaultPassphrase) {
			t.Errorf("%s tells the passphrase", what)
		}
	}
	if made.To != xclarity.DefaultShare || w.effect(t, "backup.deleted").From != xclarity.DefaultShare {
		t.Errorf("created %+v", made)
	}
}

// What goes wrong is told in the appliance's own words with what to do about it, at once or by the job.
func TestFault_JOB05_BackupsThatFail(t *testing.T) {
	const share = xclarity.DefaultShare
	wrong := secret.New("not this one")
	create := func(to appliance.Location) func(*scenario) (appliance.Receipt, error) {
		return func(s *scenario) (appliance.Receipt, error) {
			return s.client.CreateBackup(t.Context(), appliance.NewBackup{Label: "x", Destination: to}, somePassphrase)
		}
	}
	copied := func(s *scenario) (appliance.Receipt, error) {
		return s.client.Transfer(t.Context(), appliance.Transfer{Verb: appliance.VerbCopy, Backup: s.backups()[0].ID, Destination: share})
	}
	prepare := func(p secret.Secret) func(*scenario) (appliance.Receipt, error) {
		return func(s *scenario) (appliance.Receipt, error) {
			return s.client.Prepare(t.Context(), s.backups()[0].ID, p)
		}
	}
	full := func(s *scenario) { s.one.LXCA.SetCapacity(share, 1) }
	away := func(s *scenario) { s.one.LXCA.SetMounted(share, false) }
	for name, test := range map[string]struct {
		atOnce string // the switch with which it is refused at once
		before func(*scenario)
		do     func(*scenario) (appliance.Receipt, error)
		words  string
	}{
		"create, no room":    {"no-space", full, create(share), "There is not enough space in " + share},
		"create, share away": {"share-unmounted", away, create(share), "The remote share " + share + " is not mounted."},
		"copy, share away":   {"share-unmounted", away, copied, "is not mounted."},
		"wrong passphrase":   {"wrong-passphrase", func(*scenario) {}, prepare(wrong), "The passphrase is not correct."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := &scenario{T: t, world: w, client: client(t, w.one, "admin", adminPassword)}
			test.before(s)
			r, err := test.do(s)
			id := s.begun(w.one.LXCA, r, err)
			w.clock.Advance(time.Minute)
			j := s.job(id)
			words := fmt.Sprint(j.Messages)
			if j.Phase != appliance.PhaseProblem || !strings.Contains(words, test.words) || !strings.Contains(words, "Remove the cause") {
				t.Errorf("job %+v", j)
			}
			w = newWorld(t, test.atOnce+"=400")
			s = &scenario{T: t, world: w, client: client(t, w.one, "admin", adminPassword)}
			test.before(s)
			_, err = test.do(s)
			refusal, refused := refusalOf(err)
			if !refused || refusal.Status != 400 || errors.Is(err, appliance.ErrAmbiguous) ||
				!strings.Contains(appliance.Reason(err), test.words) || refusal.Advice().Empty() {
				t.Errorf("refused: %v", err)
			}
			if n := len(w.one.LXCA.Backups()); n != 3 {
				t.Errorf("%d packages", n)
			}
		})
	}
}

// A warning about a delete is a success that is told: part of it was not done.
func TestDeleteEverywhereWithAShareAway(t *testing.T) {
	for setting, done := range map[string]bool{"delete-all-unmounted=refused": false, "delete-all-unmounted=warning": true} {
		w := newWorld(t, setting)
		c := client(t, w.one, "admin", adminPassword)
		id := w.one.LXCA.AddBackup(xclarity.Backup{Locations: []string{xclarity.Internal, xclarity.DefaultShare}})
		w.one.LXCA.SetMounted(xclarity.DefaultShare, false)
		r, err := c.DeleteBackup(t.Context(), appliance.BackupID(id), appliance.Everywhere)
		if done && (err != nil || len(r.Told) != 1 || !strings.Contains(r.Told[0].String(), "is not mounted")) {
			t.Errorf("%s: %+v, %v", setting, r, err)
		}
		if !done && !refusedWith(err, 400) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
