package ecb

import (
	"errors"
	"slices"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/sim/broker"
)

// scenario is an operator's ordinary day on an appliance with one switch set. It collects the steps that failed. At
// every step what the client says of the lock is held against what the appliance knows.
type scenario struct {
	*bench
	failed []string
	errs   map[string]error
}

func (s *scenario) step(name string, err error) bool {
	if err != nil {
		s.failed = append(s.failed, name)
		s.errs[name] = err
		if errors.Is(err, appliance.ErrMalformed) {
			s.t.Errorf("%s: what the appliance said could not be read: %v", name, err)
		}
	}
	if l := s.lock(); l.Holder == appliance.HolderYou && s.sim.LockOwner() != "admin" {
		s.t.Errorf("after %s the client claims the lock; the appliance says %q", name, s.sim.LockOwner())
	}
	return err == nil
}

func (s *scenario) look() {
	for range 3 {
		h, err := s.Probe(s.t.Context())
		if s.step("probe", err) && (len(h.Told) > 0 || h.Host.Empty() || h.Uptime <= 0) {
			s.t.Errorf("health %+v", h)
		}
	}
	list, err := s.Backups(s.t.Context())
	if s.step("backups", err) && (len(list.Backups) != 3 || list.Unreadable != 0) {
		s.t.Errorf("backups %+v", list)
	}
	_, err = s.Jobs(s.t.Context())
	s.step("jobs", err)
}

// hold takes the lock, keeps it past its first end, and gives it back.
func (s *scenario) hold() {
	_, err := s.Acquire(s.t.Context(), theClaim)
	if !s.step("acquire", err) {
		return
	}
	for range 3 {
		s.hands.advance(4 * time.Minute)
		r, err := s.Renew(s.t.Context(), theLock)
		if s.step("renew", err) && len(r.Told) > 0 {
			s.t.Errorf("told %v", r.Told)
		}
	}
	_, err = s.Jobs(s.t.Context()) // the first look may still show what was before
	s.step("jobs at once after a proof", err)
	jobs, err := s.Jobs(s.t.Context())
	if s.step("jobs after a proof", err) && len(jobs.Jobs) != 1 {
		s.t.Errorf("jobs %+v", jobs)
	}
	_, err = s.Release(s.t.Context(), theLock)
	if s.step("release", err) && s.sim.LockOwner() != "" {
		s.t.Errorf("released, and the appliance says %q", s.sim.LockOwner())
	}
}

// others meets somebody else's lock, and loses its own.
func (s *scenario) others() {
	s.hands.advance(time.Hour)
	s.sim.LockByOther("gui")
	_, err := s.Acquire(s.t.Context(), theClaim)
	if err == nil || !errors.Is(err, appliance.ErrHeld) || s.lock().Holder != appliance.HolderAnother {
		s.step("meet another", errors.Join(errors.New("no refusal"), err))
	}
	s.sim.UnlockByOther()
	if s.lock().Holder == appliance.HolderYou { // the appliance let us in beside the other
		_, err = s.Release(s.t.Context(), theLock)
		s.step("release beside another", err)
	}
	s.hands.advance(time.Hour)
	if _, err = s.Acquire(s.t.Context(), theClaim); !s.step("acquire again", err) {
		return
	}
	s.sim.StealByOther("rest")
	_, err = s.Release(s.t.Context(), theLock)
	if err != nil && !errors.Is(err, appliance.ErrNotHeld) {
		s.step("release what was stolen", err)
	}
	s.hands.advance(time.Hour)
	if _, err = s.Acquire(s.t.Context(), theClaim); !s.step("acquire for the last time", err) {
		return
	}
	s.hands.advance(10 * time.Minute)
	if h := s.lock().Holder; h != appliance.HolderUnknown {
		s.t.Errorf("past its end the lock is said to be of %q", h)
	}
	_, err = s.Release(s.t.Context(), theLock)
	s.step("release what has ended", err)
}

// hardships are the steps that may fail under a switch, and must. Whatever is not listed must go well.
var hardships = map[string][]string{
	"async-empty=404":                  {"jobs"},
	"foreign-lock=gui-unseen":          {"meet another"},
	"foreign-lock=unseen":              {"meet another"},
	"password-change=401":              noLogin,
	"password-change=403":              noLogin,
	"renewal-content-type=strict-bare": {"renew"},
	"renewal-form=accessToken":         {"renew"},
	"renewal-form=token":               {"renew"},
	"renewal-form=ignored":             {"renew"},
	"role=out-of-service":              {"acquire", "acquire again", "meet another"},
	"role=standby":                     {"acquire", "acquire again", "meet another"},
}

var noLogin = []string{"acquire", "acquire again", "backups", "jobs", "meet another", "probe"}

func TestEverySwitch(t *testing.T) {
	for _, sw := range broker.Switches() {
		for _, value := range sw.Values {
			t.Run(sw.Name+"="+value, func(t *testing.T) {
				s := &scenario{bench: newBench(t), errs: map[string]error{}}
				s.set(sw.Name, value)
				s.look()
				s.hold()
				s.others()
				slices.Sort(s.failed)
				failed := slices.Compact(s.failed)
				if want := hardships[sw.Name+"="+value]; !slices.Equal(failed, want) {
					t.Errorf("failed: %q, want %q; %v", failed, want, s.errs)
				}
			})
		}
	}
}

// Whatever way of renewing the client and the appliance have, the client never says longer than is true that it holds
// the lock, and always gives it back (faults.md I2).
func TestEveryWayOfRenewing(t *testing.T) {
	for _, ours := range RenewalForms() {
		for _, theirs := range valuesOf(t, "renewal-form") {
			for _, old := range valuesOf(t, "old-token") {
				for _, unknown := range valuesOf(t, "renewal-unrecognised") {
					t.Run(string(ours)+" "+theirs+" "+old+" "+unknown, func(t *testing.T) {
						s := &scenario{bench: newBench(t, form(ours)), errs: map[string]error{}}
						s.set("renewal-form", theirs)
						s.set("old-token", old)
						s.set("renewal-unrecognised", unknown)
						s.acquire()
						s.hands.advance(6 * time.Minute)
						r, err := s.Renew(t.Context(), theLock)
						understood := theirs == "any" || theirs == string(ours)
						if understood != (err == nil) {
							t.Fatalf("%+v, %v", r, err)
						}
						end := 10 * time.Minute
						if understood {
							end = 16 * time.Minute
						}
						s.holder(appliance.HolderYou)
						s.hands.advance(end - 6*time.Minute - 1)
						s.step("just before the end", nil)
						s.holder(appliance.HolderYou)
						if _, err := s.Release(t.Context(), theLock); err != nil || s.sim.LockOwner() != "" {
							t.Errorf("released: %v, the appliance says %q", err, s.sim.LockOwner())
						}
					})
				}
			}
		}
	}
}

func valuesOf(t *testing.T, name string) []string {
	t.Helper()
	for _, sw := range broker.Switches() {
		if sw.Name == name {
			return sw.Values
		}
	}
	t.Fatalf("no switch %s", name)
	return nil
}

// A standby node that was not asked for its role yet answers for itself.
func TestLockOnStandbyUnasked(t *testing.T) {
	for _, answer := range valuesOf(t, "standby-lock") {
		t.Run(answer, func(t *testing.T) {
			b := newBench(t)
			b.set("role", "standby")
			b.set("standby-lock", answer)
			_, err := b.Acquire(t.Context(), theClaim)
			want := map[string]error{"423": appliance.ErrHeld, "403": appliance.ErrForbidden, "503": appliance.ErrAmbiguous, "204": nil}
			if kind, ok := want[answer]; !ok || !errors.Is(err, kind) {
				t.Errorf("err %v", err)
			}
			if held := b.lock().Holder == appliance.HolderYou; held != (b.sim.LockOwner() == "admin") {
				t.Errorf("held = %v, the appliance says %q", held, b.sim.LockOwner())
			}
		})
	}
}
