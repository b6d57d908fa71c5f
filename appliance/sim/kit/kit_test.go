package kit

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestClockStepsButBaseDoesNot(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := NewClock(func() time.Time { return now })
	c.Step(-time.Hour)
	c.Step(time.Minute)
	if got := c.Now(); !got.Equal(now.Add(-59 * time.Minute)) {
		t.Errorf("the appliance's time is %v", got)
	}
	if got := c.Base(); !got.Equal(now) {
		t.Errorf("the base time is %v", got)
	}
	if NewClock(nil).Now().IsZero() {
		t.Error("a clock without base does not go")
	}
}

func TestSwitches(t *testing.T) {
	s := NewSwitches([]Switch{{Name: "b", Values: []string{"1", "2"}}, {Name: "a", Values: []string{"x"}}})
	if s.Get("b") != "1" || s.Version() != 0 || !s.Known("b") || s.Known("c") {
		t.Fatal("it does not start at the defaults")
	}
	if err := s.Set("b", "2"); err != nil || !s.Is("b", "2") || s.Version() != 1 {
		t.Fatalf("set: %v, value %s, version %d", err, s.Get("b"), s.Version())
	}
	if err := s.Set("c", "1"); err == nil || !strings.Contains(err.Error(), "a, b") {
		t.Errorf("unknown name: %v", err)
	}
	if err := s.Set("b", "3"); err == nil || !strings.Contains(err.Error(), "1, 2") || s.Version() != 1 {
		t.Errorf("unknown value: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("reading an unknown switch goes unnoticed")
		}
	}()
	s.Get("c")
}

func TestTruthNumbersAndWrites(t *testing.T) {
	var out bytes.Buffer
	truth := NewTruth(&out)
	truth.Record(Effect{What: "lock.granted", ID: "1"})
	truth.Record(Effect{What: "lock.released", ID: "1"})
	got := truth.Effects()
	if len(got) != 2 || got[0].Seq != 1 || got[1].Seq != 2 || got[1].What != "lock.released" {
		t.Fatalf("effects %+v", got)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[1], `"seq":2`) {
		t.Fatalf("written %q", out.String())
	}
	got[0].What = "changed"
	if truth.Effects()[0].What != "lock.granted" {
		t.Error("a reader can change the log")
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"admin", "Passw0rd-admin", true}, {"ADMIN", "Passw0rd-admin", true}, {"admin", "passw0rd-admin", false}, {"x", "Passw0rd-admin", false},
	} {
		if _, ok := Find(DefaultAccounts(), c.user, c.password); ok != c.want {
			t.Errorf("%s / %s: found %v", c.user, c.password, ok)
		}
	}
}
