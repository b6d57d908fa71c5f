package lxca

import (
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// TestBeforeLocks talks to a version that has no locks.
func TestBeforeLocks(t *testing.T) {
	fleet, err := sim.Start(t.Context(), sim.Config{Appliances: []sim.Spec{{Name: "old", Kind: sim.KindLXCA, Version: "4.0.2"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	c := client(t, fleet.Appliance("old"), "admin", adminPassword)
	h, err := c.Probe(t.Context())
	if err != nil || h.NoLocks != "locks need LXCA 4.1.0, this is 4.0.2" {
		t.Errorf("%q, %v", h.NoLocks, err)
	}
	if _, err := c.Locks(t.Context()); !errors.Is(err, appliance.ErrUnsupported) || !strings.Contains(err.Error(), "needs LXCA 4.1.0") {
		t.Errorf("locks: %v", err)
	}
	_, err = c.Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: time.Minute})
	if !errors.Is(err, appliance.ErrUnsupported) || errors.Is(err, appliance.ErrAmbiguous) {
		t.Errorf("acquire: %v", err)
	}
}

// TestAway meets a restarting appliance.
func TestAway(t *testing.T) {
	w := newWorld(t)
	c := client(t, w.one, "admin", adminPassword)
	w.one.LXCA.SetAway(true)
	for _, call := range allCalls() {
		err := call.do(t.Context(), c)
		if !errors.Is(err, appliance.ErrBusy) || errors.Is(err, appliance.ErrAmbiguous) != call.change {
			t.Errorf("%s: %v", call.name, err)
		}
	}
}

// TestRefusals asks for what cannot be done, with each code that it may be refused with.
func TestRefusals(t *testing.T) {
	for setting, want := range map[string]struct{ unknown, conflict, idle int }{
		"transfer-refused=400": {400, 400, 400}, "transfer-refused=404": {404, 400, 400},
		"transfer-conflict=403": {400, 403, 400}, "transfer-conflict=409": {400, 409, 400},
	} {
		w := newWorld(t, setting)
		c := client(t, w.one, "admin", adminPassword)
		start := func(verb appliance.Verb, uuid, to string) error {
			_, err := c.Transfer(t.Context(), appliance.Transfer{Verb: verb, Backup: appliance.BackupID(uuid), Destination: to})
			return err
		}
		_, idle := c.CancelPush(t.Context())
		_, job := c.CancelJob(t.Context(), "4711")
		all := w.one.LXCA.Backups()
		for what, err := range map[string]error{
			"unknown uuid":     start(appliance.VerbCopy, someUUID, xclarity.DefaultShare),
			"unknown share":    start(appliance.VerbCopy, all[0].UUID, "/mnt/nowhere"),
			"move to internal": start(appliance.VerbMove, all[0].UUID, "internal"),
		} {
			if !refusedWith(err, want.unknown) || errors.Is(err, appliance.ErrGone) != (want.unknown == 404) {
				t.Errorf("%s: %s: %v", setting, what, err)
			}
		}
		if !refusedWith(idle, want.idle) || !errors.As(job, new(*appliance.Refusal)) {
			t.Errorf("%s: cancel push: %v; cancel job: %v", setting, idle, job)
		}
		if err := start(appliance.VerbPush, all[0].UUID, w.fresh.Address); err != nil {
			t.Errorf("%s: push: %v", setting, err)
		}
		if err := start(appliance.VerbPush, all[1].UUID, w.fresh.Address); !refusedWith(err, want.conflict) {
			t.Errorf("%s: second push: %v", setting, err)
		}
		if err := start(appliance.VerbCopy, all[0].UUID, xclarity.DefaultShare); !refusedWith(err, want.conflict) {
			t.Errorf("%s: copy of a backup in use: %v", setting, err)
		}
	}
}

// TestJobsThatFail ends in problems, with the words of the appliance.
func TestJobsThatFail(t *testing.T) {
	w := newWorld(t)
	s := &scenario{T: t, world: w, client: client(t, w.one, "admin", adminPassword)}
	w.one.LXCA.SetCapacity(xclarity.DefaultShare, 1)
	full := s.start(appliance.VerbCopy, s.backups()[0].ID, xclarity.DefaultShare)
	s.ends(full, appliance.PhaseProblem)
	if j := s.job(full); len(j.Messages) == 0 || j.Ended.IsZero() || j.Started.IsZero() {
		t.Errorf("no words: %+v", j)
	}
	s.ends(s.start(appliance.VerbPush, s.backups()[0].ID, "198.18.9.9"), appliance.PhaseProblem)
}

// TestForeignLocks sees what others hold, and that it goes.
func TestForeignLocks(t *testing.T) {
	w := newWorld(t)
	c := client(t, w.one, "admin", adminPassword)
	id := w.one.LXCA.AddForeignLock("FC", 10*time.Minute)
	l, err := c.Locks(t.Context())
	if err != nil || len(l.Locks) != 1 || string(l.Locks[0].ID) != id || l.Locks[0].Scope.String() != "FC Operating-system deployment" {
		t.Fatalf("%+v, %v", l, err)
	}
	if h, err := c.Probe(t.Context()); err != nil || h.Service.String() != "SFTP on" {
		t.Errorf("%q, %v", h.Service, err)
	}
	if end := l.Locks[0].Created.Add(l.Locks[0].TTL); end.Sub(l.Stamp.Date).Round(time.Second) != 10*time.Minute {
		t.Errorf("ends %v by the appliance's clock %v", end, l.Stamp.Date)
	}
	w.clock.Advance(11 * time.Minute)
	if l, err := c.Locks(t.Context()); err != nil || len(l.Locks) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}
