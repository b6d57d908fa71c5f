package ecb

import (
	"errors"
	"slices"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/sim/broker"
)

// does makes work an endpoint of the table; the poll token is had before.
func does(i int) endpoint {
	return endpoint{suffix: jobs[i].suffix, hold: true, do: func(b *bench) error { _, err := jobs[i].do(b); return err }}
}

// working is the column of work that needs the lock: what refuses it with 401 or 423 has taken the lock from us, and what says
// neither yes nor no leaves it ours.
const working = `
	200 empty, 202, 204: ok
	200 cut, 200 page, 301, 301 bare, 302, 302 bare: ambiguous+malformed
	307, 307 bare: malformed
	400: refused
	401, 423, 423 free: nothold/not
	403: forbidden
	405, 406, 415, 426: unsupported
	423 other: held+nothold/not
	429: busy
	500, 502, 503, 504: ambiguous
`

// Every request that needs the lock, answered in every way.
func TestEveryStatusOfWork(t *testing.T) {
	const onFile = working + "404: refused"
	const onOther = working + "404: unsupported"
	read := func(copied appliance.ConfigCopy) func(*bench) error {
		return func(b *bench) error { _, err := b.Config(b.t.Context(), copied); return err }
	}
	everyStatus(t, map[string]endpoint{
		"verify work": does(0), "save": does(1), "activate": does(2), "backup": does(3), "restore": does(4), "delete": does(5),
		"types":  {suffix: "elementTypes", do: read(appliance.EditedCopy)},
		"follow": {suffix: "asyncstatus", do: followOnce},
		"busy":   {suffix: "asyncstatus", hold: true, do: does(1).do},
	}, map[string]string{
		"verify work": onOther, "save": onOther, "activate": onOther, "backup": onOther, "restore": onFile, "delete": onFile,
		"types": `
			200 cut, 200 empty, 200 page, 202, 204, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
			400, 423, 423 free, 423 other, 500: refused
			401: credentials
			403: forbidden
			404: ok
			405, 406, 415, 426: unsupported
			429, 502, 503, 504: busy`,
		"follow": `
			200 cut, 200 empty, 200 page, 202, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
			204, 404: ok
			400, 423, 423 free, 423 other, 500: refused
			401: credentials
			403: forbidden
			405, 406, 415, 426: unsupported
			429, 502, 503, 504: busy`,
		// What cannot be read before is no reason to lose the lock: nothing was begun.
		"busy": `
			200 cut, 200 empty, 200 page, 202, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
			204, 404: ok
			400, 423, 423 free, 423 other, 500: refused
			401: credentials
			403: forbidden
			405, 406, 415, 426: unsupported
			429, 502, 503, 504: busy`,
	})
}

func followOnce(b *bench) error {
	_, err := b.Follow(b.t.Context(), appliance.Operation{Verb: appliance.VerbSave})
	return err
}

// A viewer gets no lock, and so does none of it; the appliance's own refusal is one too.
func TestWorkIsForAdministrators(t *testing.T) {
	b := newBench(t, as("viewer", "Passw0rd-viewer"))
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrForbidden) {
		t.Fatal(err)
	}
	o := ownership{phase: phaseHeld, token: b.goodSpare()}
	if o.token.zero() {
		poll, _, err := b.pollToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.token = poll
	}
	b.setOwnership(o) // as if it had been an administrator's until now
	for _, j := range jobs {
		if _, err := j.do(b); !errors.Is(err, appliance.ErrForbidden) || errors.Is(err, appliance.ErrNotHeld) {
			t.Errorf("%s: %v", j.verb, err)
		}
	}
	if c, err := b.Config(t.Context(), appliance.EditedCopy); err != nil || len(c.Elements) != 5 {
		t.Errorf("reading: %+v, %v", c, err)
	}
}

// toil is an operator's work on a configuration under one switch.
func (s *scenario) toil() {
	if _, err := s.Acquire(s.t.Context(), theClaim); !s.step("acquire", err) {
		return
	}
	s.edit()
	for _, j := range jobs[1:] {
		_, err := j.do(s.bench)
		if !s.step(string(j.verb), err) || j.verb == appliance.VerbDelete {
			continue
		}
		if o := s.through(j.verb); o.Phase != appliance.PhaseSucceeded {
			s.step(string(j.verb)+" to its end", errors.New("it failed: "+o.State.String()))
		}
	}
	running, err := s.Config(s.t.Context(), appliance.RunningCopy)
	edited, err2 := s.Config(s.t.Context(), appliance.EditedCopy)
	if s.step("compare", errors.Join(err, err2)) && len(appliance.ChangesBetween(running, edited)) > 1 {
		s.step("compare", errors.New("too many differences"))
	}
	list, err := s.Backups(s.t.Context())
	files := 2
	if !slices.Contains(s.failed, string(appliance.VerbCreate)) {
		files++
	}
	if s.step("list", err) && (len(list.Backups) != files || slices.ContainsFunc(list.Backups, func(x appliance.Backup) bool { return x.ID == aFile })) {
		s.t.Errorf("files %+v", list)
	}
	s.hands.advance(time.Minute)
	_, err = s.Release(s.t.Context(), theLock)
	s.step("release", err)
}

// TestWorkUnderEverySwitch does all that needs the lock once with every value of every switch.
func TestWorkUnderEverySwitch(t *testing.T) {
	noLogin := []string{"acquire"}
	want := map[string][]string{
		"password-change=401": noLogin, "password-change=403": noLogin, "role=out-of-service": noLogin, "role=standby": noLogin,
		// What was edited is not consistent, and a save that verifies says so; then what follows has another running copy.
		"save-verifies=yes":  {"save to its end"},
		"versions=v1.0-only": {"create"},
	}
	for _, sw := range broker.Switches() {
		for _, value := range sw.Values {
			t.Run(sw.Name+"="+value, func(t *testing.T) {
				s := &scenario{bench: newBench(t), errs: map[string]error{}}
				s.set(sw.Name, value)
				s.toil()
				if !slices.Equal(s.failed, want[sw.Name+"="+value]) {
					t.Errorf("failed: %q, want %q; %v", s.failed, want[sw.Name+"="+value], s.errs)
				}
			})
		}
	}
}
