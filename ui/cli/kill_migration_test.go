package cli

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

// deleteData is the removal of an original.
var deleteData = regexp.MustCompile(`^DELETE .*/managementServer/data/`)

// SIG-05: `migrate run` is killed while it asks for the nth transfer or removal, whether that has its effect or not; `migrate resume`
// finds out which, sends nothing twice, and its report is what the appliance lists.
func TestFault_SIG05_MigrationKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request *regexp.Regexp
		nth     int
		effect  bool
	}{{putData, 1, true}, {putData, 4, true}, {putData, 3, false}, {deleteData, 2, true}, {deleteData, 5, false}} {
		t.Run(fmt.Sprintf("%s %d %v", c.request, c.nth, c.effect), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}, Backups: 5, Speed: 100})
			path := filepath.Join(s.dir, "plan.toml")
			s.say("migrate", "plan", "--from", "dc1", "--all", "--move", "--careful", "--to", xclarity.DefaultShare, "--out", path).want(t, ExitDone)
			s.killRun(c.request, c.nth, c.effect, path)
			resumed := s.start("migrate", "resume", "--yes")
			if !c.effect {
				s.tells("whether it ran is looked for")
				s.pass(65 * time.Second) // as long as a request may take
			}
			code, done := resumed.end(), 5
			if !c.effect {
				done = 4
			}
			if want := (code == ExitDone) == c.effect; !want {
				t.Errorf("it ended with %d:\n%s", code, resumed.written())
			}
			s.holds(done, c.request, c.effect)
		})
	}
}

// killRun has a child run a plan, and kills it at the nth request of a kind.
func (s *site) killRun(request *regexp.Regexp, nth int, effect bool, plan string) {
	s.t.Helper()
	c, f := s.start("migrate", "run", plan, "--yes"), s.fronts["dc1"]
	f.arm(func(_ http.ResponseWriter, r *http.Request) bool {
		if !request.MatchString(requestName(r)) || f.sent(request) < nth {
			return false
		}
		if effect {
			f.effect(r)
		}
		_ = c.cmd.Process.Kill()
		<-c.ended
		panic(http.ErrAbortHandler)
	}, nil)
	defer f.arm(nil, nil)
	if code := c.end(); code != -1 {
		s.t.Errorf("it was not killed, but ended with %d:\n%s", code, c.written())
	}
}

// holds wants so many steps done, the last of which killed us and had no effect told as such, nothing twice, and a report that is true.
func (s *site) holds(done int, request *regexp.Regexp, effect bool) {
	s.t.Helper()
	f := s.fronts["dc1"]
	perBackup := map[string]int{}
	for _, e := range s.sims.Truth().Effects() {
		if e.What == "job.started" {
			perBackup[e.UUID]++
		}
	}
	for id, n := range perBackup {
		if n != 1 {
			s.t.Errorf("%d jobs for %s", n, id)
		}
	}
	moved := 0
	for _, b := range s.sims.Appliance("dc1").LXCA.Backups() {
		if at := strings.Join(b.Locations, " "); at == xclarity.DefaultShare {
			moved++
		}
	}
	if moved != done || f.sent(putData) > 5 || f.sent(deleteData) > 5 || s.happened("backup.deleted", func(e kit.Effect) bool { return len(e.Locations) == 0 }) > 0 {
		s.t.Errorf("%d are moved, %d transfers and %d removals were asked for (%s, %v)", moved, f.sent(putData), f.sent(deleteData), request, effect)
	}
	list := s.say("migrate", "list")
	list.want(s.t, ExitDone, fmt.Sprintf("%d done", done))
	id := strings.Fields(strings.Split(list.out, "\n")[1])[0]
	report := s.say("migrate", "show", id)
	if n := strings.Count(report.out, "| done |"); n != done {
		s.t.Errorf("the report has %d done:\n%s", n, report.out)
	}
}
