package jobs

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

var noon = time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)

// screen is a pane of jobs without colours.
type screen struct {
	*Pane
	src pane.Source
}

// show makes the pane of these jobs of one appliance, listed at noon.
func show(jobs ...fleet.Job) *screen {
	now := appliance.Reading{Wall: noon, Run: time.Hour}
	for i := range jobs {
		jobs[i].Appliance = "dc1"
	}
	s := &screen{New("f"), pane.Source{Now: now, Snapshots: []*fleet.Snapshot{{Name: "dc1", Can: fleet.Can{Jobs: true}, Jobs: jobs,
		JobsPart: fleet.Part{At: now, StaleAfter: time.Minute}}}}}
	s.Touch()
	s.build()
	return s
}

func (s *screen) build() { s.Apply(s.Build(s.src)()) }

// lines is the picture, as wide as asked for.
func (s *screen) lines(w int) string {
	f := widget.Frame{Now: s.src.Now, Theme: theme.New("none", true, false)}
	return ansi.Strip(strings.Join(s.View(f, w, 30, true), "\n"))
}

func job(id, state string, phase appliance.Phase, percent float64, parts ...appliance.Job) fleet.Job {
	return fleet.Job{Job: part(id, state, phase, percent, parts...)}
}

func part(id, state string, phase appliance.Phase, percent float64, parts ...appliance.Job) appliance.Job {
	return appliance.Job{ID: appliance.JobID(id), Title: appliance.Label("title " + id), State: appliance.Label(state), Phase: phase,
		Percent: percent, Children: parts}
}

func (s *screen) want(t *testing.T, w int, has []string, not ...string) {
	t.Helper()
	got := s.lines(w)
	for _, x := range has {
		if !strings.Contains(got, x) {
			t.Errorf("%q is not shown at %d:\n%s", x, w, got)
		}
	}
	for _, x := range not {
		if strings.Contains(got, x) {
			t.Errorf("%q is shown at %d:\n%s", x, w, got)
		}
	}
}

// What is no percentage is not shown as one, what is beyond an end stays at it, and no unknown word is made into another.
func TestFault_JOB07_OddProgressIsShownAsItIs(t *testing.T) {
	for percent, want := range map[float64]string{
		54: " 54 % ━━━───", 140: "100 % ━━━━━━", 0: "  0 % ──────", math.Inf(1): "100 % ━━━━━━",
	} {
		show(job("9", "Running", appliance.PhaseRunning, percent)).want(t, 120, []string{"Running  " + want})
	}
	for _, percent := range []float64{-1, math.NaN(), math.Inf(-1)} {
		show(job("9", "Running", appliance.PhaseRunning, percent)).want(t, 120, []string{"Running"}, "%", "━", "NaN")
	}
	for _, w := range []int{53, 120} {
		s := show(job("9", "Pondering", appliance.PhaseUnknown, 40))
		s.want(t, w, []string{"   9  ", "Pondering", "1 running"}, "Running")
		s.src.Snapshots[0].Jobs = nil // gone: nothing is said to have succeeded
		s.build()
		s.want(t, w, []string{"No job."}, "Complete", "Pondering")
	}
}

// It may go backwards: the bar does, and the time that is left is told by what the newest listing says.
func TestFault_JOB07_Backwards(t *testing.T) {
	j := job("9", "Running", appliance.PhaseRunning, 50)
	j.Started = noon.Add(-4 * time.Minute)
	s := show(j)
	s.want(t, 120, []string{" 50 % ━━━───", "4m"})
	s.src.Snapshots[0].Jobs[0].Percent = 25
	s.build()
	s.want(t, 120, []string{" 25 % ━╸────", "12m"})
}

// A word that sounds well is no success: of a job that is at its end without one this is said in words, on the narrowest pane too.
func TestFault_JOB08_NoSuccessIsSaid(t *testing.T) {
	for state, said := range map[string]bool{
		"Complete": true, "Completed": true, "Running": true, "": true, "Whatever": true,
		"CompleteWithErrors": false, "Stopped_With_Error": false, "Cancelled": false, "Failed": false,
	} {
		j := job("9", state, appliance.PhaseProblem, 100, part("10", "Stopped_With_Error", appliance.PhaseProblem, 100))
		j.Mine = true
		s := show(j)
		if said {
			s.want(t, 120, []string{strings.TrimSpace(state + " without success")})
			s.want(t, 53, []string{" success", "│▸    9"}) // no success, or without success
		} else {
			s.want(t, 120, []string{state}, "without success")
		}
	}
	ok := job("9", "Complete", appliance.PhaseSucceeded, 100)
	ok.Mine = true
	show(ok).want(t, 53, []string{"Complete"}, "success", "%")
}

// What ended because we asked for it is no alarm, and says so (faults.md JOB-06).
func TestFault_JOB06_CancelledIsNoAlarm(t *testing.T) {
	j := job("9", "Cancelled", appliance.PhaseProblem, 40)
	j.Mine, j.Cancelled = true, true
	show(j).want(t, 120, []string{"Cancelled as asked"})
	for asked, role := range map[bool]theme.Role{true: theme.Warn, false: theme.Alarm} {
		if j.Cancelled = asked; state(widget.Frame{}, Row{Job: &j}).Role != role {
			t.Errorf("asked for %v: %v", asked, state(widget.Frame{}, Row{Job: &j}).Role)
		}
	}
}

// 100 per cent is not success, whatever else is told (faults.md JOB-02: warning and failed come as states too).
func TestFault_JOB02_HundredIsNoSuccess(t *testing.T) {
	for _, state := range []string{"Running", "warning", "100"} {
		j := job("9", state, appliance.PhaseProblem, 100)
		j.Mine = true
		show(j).want(t, 120, []string{state + " without success"}, "100 %")
	}
}

// Parts are folded away, are shown level by level, follow their job in every order, and end at depth 16 with a word about it.
func TestFault_JOB12_PartsEndAtDepth16(t *testing.T) {
	p := part("99", "Running", appliance.PhaseRunning, 1)
	for i := 40; i > 0; i-- {
		p = part(fmt.Sprint(100+i), "Running", appliance.PhaseRunning, 1, p)
	}
	s := show(job("9", "Running", appliance.PhaseRunning, 1, p), job("8", "Running", appliance.PhaseRunning, 2))
	s.want(t, 120, []string{"+ title 9"}, "title 101")
	s.Go("dc1\x009")
	for depth := 1; depth <= 20; depth++ {
		if unfolded := s.ToggleParts(); unfolded != (depth <= mostDepth) {
			t.Fatalf("depth %d: unfolded %v", depth, unfolded)
		}
		s.build()
		s.Move(1)
	}
	s.Move(-1) // from the other job to the last part
	got := s.lines(160)
	if !strings.Contains(got, "116  …") || !strings.Contains(got, "its parts lie too deep to be shown") || !strings.Contains(got, "title 116") || strings.Contains(got, "title 117") {
		t.Errorf("depth 16 is not the end:\n%s", got)
	}
	for range 12 {
		s.SortNext()
		s.build()
		got := s.lines(160)
		at := slices.IndexFunc(strings.Split(got, "\n"), func(l string) bool { return strings.Contains(l, "- title 9") })
		if next := strings.Split(got, "\n")[at+1]; !strings.Contains(next, "  title 101") {
			t.Errorf("below job 9 stands %q", next)
		}
	}
	s.Go("dc1\x009")
	s.ToggleParts()
	s.build()
	s.want(t, 120, []string{"+ title 9"}, "title 101")
}

// Parts without an id, or with that of another, are rows of their own, and none of them can be taken for a job.
func TestFault_JOB12_PartsAreKnownByTheirWay(t *testing.T) {
	none := part("", "Pending", appliance.PhasePending, 0)
	s := show(job("9", "Running", appliance.PhaseRunning, 10, none, none, part("9", "Running", appliance.PhaseRunning, 20)))
	s.ToggleParts()
	s.build()
	keys := map[string]bool{}
	for range 4 {
		r, _ := s.Row()
		keys[s.Key()] = true
		if is := r.Root == nil; is != (len(keys) == 1) {
			t.Errorf("row %d is a job: %v", len(keys), is)
		}
		s.Move(1)
	}
	if len(keys) != 4 {
		t.Errorf("rows %v", keys)
	}
}

// A filter finds a job by its parts, and those that are folded away too.
func TestFilterFindsPartsAndFinished(t *testing.T) {
	gone := job("7", "Complete", appliance.PhaseSucceeded, 100, part("70", "Complete", appliance.PhaseSucceeded, 100))
	gone.Job.Ended = noon.Add(-time.Hour)
	s := show(gone, job("9", "Running", appliance.PhaseRunning, 10))
	s.want(t, 120, []string{"1 finished earlier  f shows them", "2 · 1 running", "title 9"}, "title 7")
	s.SetQuery("title 70")
	s.build()
	s.want(t, 120, []string{"title 7", "1 of 2"}, "title 9")
	s.SetQuery("")
	s.ToggleOld()
	s.build()
	s.want(t, 120, []string{"1 finished earlier  f folds them away", "title 7", "title 9"})
}

// What ended stays for a while among those that run, ours for longer; what ended when nobody knows does not, unless it is ours.
func TestFinishedFoldAway(t *testing.T) {
	for _, c := range []struct {
		ago  time.Duration // 0 = not told
		mine bool
		old  bool
	}{
		{time.Minute, false, false}, {9 * time.Minute, false, false}, {11 * time.Minute, false, true}, {0, false, true},
		{11 * time.Minute, true, false}, {59 * time.Minute, true, false}, {61 * time.Minute, true, true}, {0, true, false},
	} {
		j := job("9", "Stopped_With_Error", appliance.PhaseProblem, 100)
		if j.Mine = c.mine; c.ago > 0 {
			j.Job.Ended = noon.Add(-c.ago)
		}
		s := show(j)
		if c.old {
			s.want(t, 120, []string{"1 finished earlier, 1 without success"}, "title 9")
			if !s.Has("dc1\x009") || s.Has("dc1\x008") {
				t.Error("what is folded away is not listed")
			}
		} else {
			s.want(t, 120, []string{"title 9"}, "finished")
		}
	}
}

// Time left and rate are reckoned for what is known only: the rate of a transfer of ours whose size is told.
func TestPace(t *testing.T) {
	started := noon.Add(-100 * time.Second)
	for name, c := range map[string]struct {
		phase   appliance.Phase
		percent float64
		started time.Time
		size    int64
		ours    bool
		want    Pace
	}{
		"ours":         {appliance.PhaseRunning, 50, started, 2e10, true, Pace{1e8, 100 * time.Second}},
		"not ours":     {appliance.PhaseRunning, 50, started, 2e10, false, Pace{0, 100 * time.Second}},
		"no size":      {appliance.PhaseRunning, 50, started, -1, true, Pace{0, 100 * time.Second}},
		"no start":     {appliance.PhaseRunning, 50, time.Time{}, 2e10, true, Pace{}},
		"hardly begun": {appliance.PhaseRunning, 1, started, 2e10, true, Pace{}},
		"no percent":   {appliance.PhaseRunning, -1, started, 2e10, true, Pace{}},
		"not a number": {appliance.PhaseRunning, math.NaN(), started, 2e10, true, Pace{}},
		"at its end":   {appliance.PhaseRunning, 100, started, 2e10, true, Pace{}},
		"ended":        {appliance.PhaseProblem, 50, started, 2e10, true, Pace{}},
		"from later":   {appliance.PhaseRunning, 50, noon.Add(time.Hour), 2e10, true, Pace{}},
	} {
		got := pace(appliance.Job{Phase: c.phase, Percent: c.percent, Started: c.started}, noon, c.size, c.ours)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	j := appliance.Job{Phase: appliance.PhaseRunning, Percent: 50, Started: started, Children: []appliance.Job{
		{Phase: appliance.PhaseRunning, Percent: 80}, {Phase: appliance.PhasePending},
	}}
	if got := pace(j, noon, 2e10, true); got.Rate != 0 {
		t.Errorf("a rate of %d while it is prepared", got.Rate)
	}
	j.Children[0].Phase, j.Children[1].Phase = appliance.PhaseSucceeded, appliance.PhaseRunning
	if got := pace(j, noon, 2e10, true); got.Rate != 1e8 {
		t.Errorf("a rate of %d when it is under way", got.Rate)
	}
}
