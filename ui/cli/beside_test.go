package cli

import (
	"bufio"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
)

// catHold is a `locks hold` whose command is cat: it runs until its input is closed.
type catHold struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err output
}

// hold starts one, and returns once its command runs.
func (s *site) hold(config string, args ...string) *catHold {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	h := &catHold{t: s.t, cmd: exec.Command(self, slices.Concat([]string{"--config", config, "locks", "hold"}, args, []string{"--", "cat"})...)}
	h.cmd.Env = append(os.Environ(), asProgram+"=shifted", "SHIFT="+filepath.Join(s.dir, "shift"))
	h.cmd.Stderr = &h.err
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	h.out = bufio.NewReader(out)
	if err := h.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = h.cmd.Process.Kill() }) // it may have ended
	h.runs()
	return h
}

// runs waits for an answer of the command.
func (h *catHold) runs() {
	h.t.Helper()
	if _, err := h.in.Write([]byte("there\n")); err != nil {
		h.t.Fatal(err)
	}
	if line, err := h.out.ReadString('\n'); line != "there\n" {
		h.t.Fatalf("it said %q, %v: %s", line, err, h.err.String())
	}
}

// ends has the command end, and wants the program to end as it did.
func (h *catHold) ends() {
	h.t.Helper()
	_ = h.in.Close() // it may have ended
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("it ended with %v: %s", err, h.err.String())
	}
}

// JNL-05: two dashboards and two `locks hold` run beside each other on one state folder. Each extends and gives back what it
// took itself and nothing else, for as long as the one that took it runs; what a killed one held the other dashboard goes on with.
func TestFault_JNL05_BesideEachOther(t *testing.T) {
	t.Parallel()
	s := newSite(t, sim.Config{Speed: 1e6, TokenTTL: 20 * time.Minute, Appliances: []sim.Spec{
		{Name: "dc1", Kind: sim.KindLXCA}, {Name: "edge", Kind: sim.KindECB},
	}})
	s.sims.Appliance("dc1").LXCA.AddForeignLock("SS", 10*time.Hour)
	configs := map[string]string{}
	asked := map[string]map[string]*front{}
	for _, name := range []string{"first", "second", "updates", "configuration"} {
		configs[name], asked[name] = s.configure(name)
	}
	dashboard := func(name, scope string) *child {
		s.config = configs[name]
		c := s.start()
		c.until("2 up")
		k := &killed{site: s, c: c}
		k.take(scope)
		k.c.until("you took " + scope)
		k.keepTaken()
		return c
	}
	first := dashboard("first", "FC Operating")
	updates := s.hold(configs["updates"], "dc1", "UP", "--ttl", "20m")
	configuration := s.hold(configs["configuration"], "edge", "configuration")
	second := dashboard("second", "RC Remote")
	everyone := func(n int) {
		t.Helper()
		s.pass(11 * time.Minute)
		s.until("an extension of each", func() bool {
			return len(s.open()) == 0 && s.happened("lock.granted", byUs) == 3*(n+1)+1 && s.happened("lock.released", byUs) == 3*n &&
				s.happened("lock.moved", nil) == n
		})
	}
	everyone(1)

	first.signal(syscall.SIGKILL)
	first.end()
	dead := s.sims.Truth().Effects()
	died := dead[len(dead)-1].Seq
	s.tells("an earlier run took the lock FC")
	everyone(2)

	updates.runs()
	updates.ends()
	configuration.runs()
	configuration.ends()
	second.signal(syscall.SIGTERM)
	if code := second.end(); code != 143 {
		t.Errorf("the second dashboard ended with %d", code)
	}
	s.toldApart(died)
	for _, x := range []struct{ who, on, what string }{
		{"first", "edge", "auth/token"}, {"second", "edge", "auth/token"}, {"updates", "edge", ""}, {"configuration", "dc1", ""},
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(asked[x.who][x.on].names())), " "); got != x.what {
			t.Errorf("%s asked %s for %q", x.who, x.on, got)
		}
	}
	if held, scopes := s.alive(), s.scopes(); len(held) != 2 || !slices.Equal(scopes, []string{"FC", "RC"}) {
		t.Errorf("the locks of ours that are left: %q", scopes)
	}
	if t.Failed() {
		t.Logf("the events:\n%s\nthe truth:\n%s", s.say("events").out, s.truth())
	}
}

func byUs(e kit.Effect) bool { return e.By == "admin" }

// toldApart fails the test when anybody touched a lock that another took, but for the second dashboard after the first one died.
func (s *site) toldApart(died int64) {
	s.t.Helper()
	took := map[string]string{} // by scope
	for _, e := range s.sims.Truth().Effects() {
		if e.Scope == "" || e.Request == "" {
			continue
		}
		who := took[e.Scope]
		if who == "" {
			took[e.Scope] = e.Request
			who = e.Request
		}
		if e.Request != who && (who != "first" || e.Request != "second" || e.Seq <= died) {
			s.t.Errorf("%s touched what %s took: %+v", e.Request, who, e)
		}
	}
	want := map[string]string{"UP": "updates", "configuration": "configuration", "FC": "first", "RC": "second"}
	if !maps.Equal(took, want) {
		s.t.Errorf("taken by: %v", took)
	}
}

// scopes are those of our locks on dc1.
func (s *site) scopes() (codes []string) {
	for _, l := range s.sims.Appliance("dc1").LXCA.Locks() {
		if l.By == "admin" {
			codes = append(codes, l.Component)
		}
	}
	slices.Sort(codes)
	return codes
}

// names are the ends of the paths of what was asked for that changes something.
func (f *front) names() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]bool{}
	for _, r := range f.seen {
		parts := strings.Split(r, "/")
		all[strings.Join(parts[max(0, len(parts)-2):], "/")] = true
	}
	return all
}
