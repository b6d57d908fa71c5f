package lxca

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/raced"
	"holdfast/appliance/sim/xclarity"
)

// TestScenarioUnderEverySwitch runs everything that an operator does, once with every value of every switch that the
// simulator has, and with all switches turned at once: a switch that is new there is played here by itself.
func TestScenarioUnderEverySwitch(t *testing.T) {
	var second, last []string
	runs := [][]string{nil}
	for _, s := range xclarity.Switches() {
		for _, v := range s.Values[1:] {
			runs = append(runs, []string{s.Name + "=" + v})
		}
		second = append(second, s.Name+"="+s.Values[1])
		last = append(last, s.Name+"="+s.Values[len(s.Values)-1])
	}
	for i, settings := range append(runs, second, last) {
		if i%raced.Or(1, 4) > 0 {
			continue
		}
		name := strings.Join(settings, " ")
		if len(settings) > 1 {
			name = "all at once, " + settings[0]
		}
		t.Run("switch "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings...)
			s := &scenario{T: t, world: w, client: client(t, w.one, "admin", adminPassword), settings: settings}
			s.look()
			s.locks()
			s.transfers()
			s.pushes()
			s.cancels()
			s.archives()
			s.restores()
		})
	}
}

// scenario is one run with some switches set.
type scenario struct {
	*testing.T
	world

	client   *Client
	settings []string
}

// is reports whether one of the settings is played.
func (s *scenario) is(settings ...string) bool {
	return slices.ContainsFunc(settings, func(setting string) bool { return slices.Contains(s.settings, setting) })
}

// look probes and lists.
func (s *scenario) look() {
	s.Helper()
	h, err := s.client.Probe(s.Context())
	if err != nil {
		s.Fatal("probe:", err)
	}
	if !h.MayChange || h.Doubt || h.NoLocks != "" || h.Version.String() != "4.1.0" || h.Service.String() != "SFTP off" {
		s.Errorf("probe: %+v", h)
	}
	want := 90
	for setting, days := range map[string]int{"password-days=10": 10, "password-days=1": 1, "password-days=0": 0} {
		if s.is(setting) {
			want = days
		}
	}
	if h.PasswordDays != want {
		s.Errorf("password days %d, want %d", h.PasswordDays, want)
	}
	if h.Peer.Pin != s.one.Pin {
		s.Errorf("peer %q, want the pin", h.Peer.Pin)
	}
	space, err := s.client.Space(s.Context())
	if err != nil || space.Used < 0 || space.Total <= 0 {
		s.Errorf("space %+v, %v", space, err)
	}
	jobs, err := s.client.Jobs(s.Context())
	if err != nil || len(jobs.Jobs) != 2 || jobs.Unreadable != 0 {
		s.Errorf("jobs %+v, %v", jobs, err)
	}
}

// backups lists and finds one.
func (s *scenario) backups() []appliance.Backup {
	s.Helper()
	l, err := s.client.Backups(s.Context())
	if err != nil || l.Unreadable != 0 {
		s.Fatalf("backups: %d unreadable, %v", l.Unreadable, err)
	}
	for _, b := range l.Backups {
		truth := s.truth(b.ID)
		if b.Size != truth.Size || b.Checksum.String() != truth.Checksum || len(b.Locations) != len(truth.Locations) {
			s.Errorf("backup %+v, in truth %+v", b, truth)
		}
		if b.Created.IsZero() != s.is("timestamps=empty") || b.CreText.Empty() != s.is("timestamps=empty") {
			s.Errorf("backup date %v, %q", b.Created, b.CreText)
		}
	}
	return l.Backups
}

// truth is the package as the simulator has it.
func (s *scenario) truth(id appliance.BackupID) xclarity.Backup {
	s.Helper()
	for _, b := range s.one.LXCA.Backups() {
		if b.UUID == string(id) {
			return b
		}
	}
	s.Fatalf("no backup %s in truth", id)
	return xclarity.Backup{}
}

// held is the list of locks.
func (s *scenario) held() []appliance.Lock {
	s.Helper()
	l, err := s.client.Locks(s.Context())
	if err != nil || l.Unreadable != 0 {
		s.Fatalf("locks: %d unreadable, %v", l.Unreadable, err)
	}
	return l.Locks
}

// locks takes two, lists and releases them.
func (s *scenario) locks() {
	s.Helper()
	if l := s.held(); len(l) != 0 {
		s.Errorf("locks at the start: %+v", l)
	}
	r, err := s.client.Acquire(s.Context(), appliance.Claim{Scope: "UP", TTL: 20 * time.Minute})
	if err != nil {
		s.Fatal("acquire:", err)
	}
	if (r.Lock.ID == "") != s.is("lock-location=missing") {
		s.Errorf("lock id %q", r.Lock.ID)
	}
	if dated := !s.is("date-header=missing", "date-header=malformed", "date-header=cached"); dated == r.Lock.Created.IsZero() {
		s.Errorf("created %v", r.Lock.Created)
	}
	listed := s.held()
	if len(listed) != 1 || r.Lock.ID != "" && listed[0].ID != r.Lock.ID || listed[0].Scope.String() != "UP Updates" ||
		listed[0].TTL != 20*time.Minute || string(listed[0].ID) != s.one.LXCA.Locks()[0].ID {
		s.Fatalf("listed %+v", listed)
	}
	zoneless := s.is("timestamps=space", "timestamps=dashes", "timestamps=underscore", "timestamps=empty")
	if listed[0].Created.IsZero() != zoneless {
		s.Errorf("created %v of %q", listed[0].Created, listed[0].CreText)
	}
	_, err = s.client.Acquire(s.Context(), appliance.Claim{Scope: "UP", TTL: 20 * time.Minute})
	if refused := errors.As(err, new(*appliance.Refusal)); refused != s.is("lock-duplicate=400") {
		s.Errorf("the same component again: %v", err)
	}
	for _, l := range s.held() {
		if one, _, err := s.client.Lock(s.Context(), l.ID); err != nil || one.TTL != l.TTL || one.ID != l.ID {
			s.Errorf("one lock: %+v, %v", one, err)
		}
		if _, err := s.client.Release(s.Context(), l); err != nil {
			s.Error("release:", err)
		}
		if _, _, err := s.client.Lock(s.Context(), l.ID); !errors.Is(err, appliance.ErrGone) {
			s.Error("a lock that was released:", err)
		}
		if _, err := s.client.Release(s.Context(), l); err != nil {
			s.Error("release of a lock that is gone:", err)
		}
	}
	if l := s.one.LXCA.Locks(); len(l) != 0 {
		s.Errorf("locks at the end: %+v", l)
	}
}

// start starts a transfer and returns its job, found by the listing where the answer names none.
func (s *scenario) start(verb appliance.Verb, b appliance.BackupID, to string) appliance.JobID {
	s.Helper()
	r, err := s.client.Transfer(s.Context(), appliance.Transfer{Verb: verb, Backup: b, Destination: to})
	if err != nil {
		s.Fatalf("%s: %v", verb, err)
	}
	jobs := s.one.LXCA.Jobs()
	newest := appliance.JobID(jobs[len(jobs)-1].ID)
	if s.is("job-id-key=empty") {
		if r.Job != "" || len(r.Told) != 1 || !strings.Contains(r.Told[0].String(), "named no job") {
			s.Errorf("%s: job %q, told %v", verb, r.Job, r.Told)
		}
	} else if r.Job != newest || len(r.Told) != 0 {
		s.Errorf("%s: job %q, want %q; told %v", verb, r.Job, newest, r.Told)
	}
	if about := s.job(newest).Backup; about != b {
		s.Errorf("%s: the job is about %q, want %q", verb, about, b)
	}
	return newest
}

// job looks at one job, by itself and in the list.
func (s *scenario) job(id appliance.JobID) appliance.Job {
	s.Helper()
	one, _, err := s.client.Job(s.Context(), id)
	if err != nil {
		s.Error("one job:", err)
	}
	l, err := s.client.Jobs(s.Context())
	if err != nil || l.Unreadable != 0 {
		s.Fatalf("jobs: %d unreadable, %v", l.Unreadable, err)
	}
	for _, j := range l.Jobs {
		if j.ID == id {
			if one.Phase != j.Phase || one.Backup != j.Backup || len(one.Children) != len(j.Children) {
				s.Errorf("one job: %+v, listed %+v", one, j)
			}
			return j
		}
	}
	s.Fatalf("no job %s in %+v", id, l.Jobs)
	return appliance.Job{}
}

// ends watches a job to its end.
func (s *scenario) ends(id appliance.JobID, want appliance.Phase) {
	s.Helper()
	if j := s.job(id); !j.Phase.Live() || j.Percent < 0 || j.Title.Empty() || j.By.Empty() {
		s.Errorf("job at its start: %+v", j)
	}
	s.clock.Advance(time.Minute)
	j := s.job(id)
	if j.Phase != want || j.Percent != 100 {
		s.Errorf("job at its end: state %q phase %v, %v %%", j.State, j.Phase, j.Percent)
	}
}

// transfers copies and moves.
func (s *scenario) transfers() {
	s.Helper()
	all := s.backups()
	s.ends(s.start(appliance.VerbCopy, all[0].ID, xclarity.DefaultShare), appliance.PhaseSucceeded)
	s.ends(s.start(appliance.VerbMove, all[1].ID, xclarity.DefaultShare), appliance.PhaseSucceeded)
	all = s.backups()
	if !all[0].At(appliance.Internal) || !all[0].At(xclarity.DefaultShare) || len(all[0].Locations) != 2 {
		s.Errorf("copied to %v", all[0].Locations)
	}
	if all[1].At(appliance.Internal) || !all[1].At(xclarity.DefaultShare) {
		s.Errorf("moved to %v", all[1].Locations)
	}
	_, err := s.client.Transfer(s.Context(), appliance.Transfer{
		Verb: appliance.VerbCopy, Backup: all[0].ID, Destination: xclarity.DefaultShare,
	})
	var refusal *appliance.Refusal
	if !errors.As(err, &refusal) || errors.Is(err, appliance.ErrAmbiguous) || refusal.Status < 400 {
		s.Fatalf("copy to where it is: %v", err)
	}
	if !s.is("content-type=html-errors") && (len(refusal.Messages) == 0 || refusal.Messages[0].Text.Empty()) {
		s.Errorf("refusal without words: %+v", refusal)
	}
}

// pushes pushes to the fresh appliance, and cancels a push.
func (s *scenario) pushes() {
	s.Helper()
	all := s.backups()
	job := s.start(appliance.VerbPush, all[2].ID, s.fresh.Address)
	if _, err := s.client.CancelPush(s.Context()); err != nil {
		s.Fatal("cancel push:", err)
	}
	s.clock.Advance(time.Minute)
	if j := s.job(job); j.Phase != appliance.PhaseProblem {
		s.Errorf("cancelled push: %+v", j)
	}
	_, err := s.client.CancelPush(s.Context())
	if idle := err == nil; idle != s.is("cancel-push-idle=success") {
		s.Errorf("cancel push when none runs: %v", err)
	}
	s.ends(s.start(appliance.VerbPush, all[2].ID, s.fresh.Address), appliance.PhaseSucceeded)
	if b := s.fresh.LXCA.Backups(); len(b) != 1 || b[0].UUID != string(all[2].ID) {
		s.Errorf("arrived: %+v", b)
	}
}

// cancels cancels a running and a finished job.
func (s *scenario) cancels() {
	s.Helper()
	job := s.start(appliance.VerbCopy, s.backups()[2].ID, xclarity.DefaultShare)
	advertised := s.job(job).Cancellable
	_, err := s.client.CancelJob(s.Context(), job)
	want := appliance.PhaseProblem
	if s.is("job-cancel=400") {
		want = appliance.PhaseSucceeded
		if !refusedWith(err, 400) {
			s.Errorf("cancel job: %v", err)
		}
	} else if err != nil || !advertised {
		s.Errorf("cancel job: %v, advertised %v", err, advertised)
	}
	s.clock.Advance(time.Minute)
	if j := s.job(job); j.Phase != want {
		s.Errorf("cancelled job: %+v", j)
	}
	if _, err := s.client.CancelJob(s.Context(), job); !errors.As(err, new(*appliance.Refusal)) {
		s.Errorf("cancel of a finished job: %v", err)
	}
}
