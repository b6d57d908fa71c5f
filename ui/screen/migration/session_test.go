package migration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

var begun = time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)

// item is a backup of dc1-lxca.
func item(n int) migration.Item {
	return migration.Item{
		Appliance: "dc1-lxca", Backup: appliance.BackupID(fmt.Sprintf("4edf27ff-08d1-49b5-b7f3-7e8edc4fd2%02d", n)),
		Label: appliance.Label(fmt.Sprintf("nightly-%d", 1121+n)), Checksum: appliance.Label("d041b8a7e2f49c1e"), Size: 12_000_000_000,
	}
}

// seen is a migration of four backups with one step in each of these phases.
func seen(id string, state migration.State, phases ...migration.Phase) migration.View {
	plan := migration.NewPlan(appliance.VerbCopy, "/mnt/nas")
	v := migration.View{Record: migration.Record{ID: id, State: state, Begun: begun}, Waits: map[int]string{}, Live: state == migration.StateRunning}
	for n, p := range phases {
		plan.Items = append(plan.Items, item(n))
		s := migration.Step{Item: item(n), Phase: p, Stage: migration.StageTransfer}
		switch p {
		case migration.PhaseRunning:
			s.Job = "17"
		case migration.PhaseDone:
			s.Took, s.Fate = 95*time.Second, fleet.FateThere
		case migration.PhaseFailed:
			s.Note = "job 18 (copy of nightly-1123 to /mnt/nas) ended: Stopped_With_Error: The share is not mounted.: Mount the share, then start the job again."
		case migration.PhaseQueued:
			v.Order = append(v.Order, n)
		}
		v.Steps = append(v.Steps, s)
	}
	v.Plan = plan
	return v
}

func source() Source {
	r := &Rates{}
	views := []migration.View{seen("abcdefghij", migration.StateRunning, migration.PhaseRunning, migration.PhaseQueued)}
	for i, at := range []float64{0, 10, 15, 40} {
		r.Sample(views, appliance.Reading{Run: time.Duration(i) * SampleEvery}, func(*migration.Step) float64 { return at })
	}
	event := func(at time.Duration, name, who, text string, l fleet.Level) fleet.Event {
		return fleet.Event{At: appliance.Reading{Wall: begun.Add(at)}, Appliance: name, Who: who, Text: text, Level: l}
	}
	return Source{Percent: func(*migration.Step) float64 { return 54 }, Rates: r, Events: []fleet.Event{
		event(-time.Minute, "dc1-lxca", "maria", "took UP Updates", fleet.Good),
		event(0, "", "", "maria began migration abcdefghij: copy 4 backups of dc1-lxca to /mnt/nas", fleet.Info),
		event(time.Second, "dc1-lxca", "maria", "started the copy of nightly-1121 to /mnt/nas, job 16", fleet.Good),
		event(2*time.Second, "dc2-lxca", "", "is about another appliance", fleet.Warn),
		event(95*time.Second, "dc1-lxca", "", "job 16 (copy of nightly-1121 to /mnt/nas) ended: Complete", fleet.Good),
	}}
}

func frame(name string, ascii bool) widget.Frame {
	return widget.Frame{Now: appliance.Reading{Wall: begun.Add(2 * time.Minute)}, Theme: theme.New(name, name != "light", ascii)}
}

// sizes are those of whole screens, less header and bottom line.
var sizes = map[string][2]int{"160x50": {160, 48}, "120x40": {120, 38}, "80x24": {80, 22}, "40x10": {40, 8}}

// drawn fails the test unless every line is exactly as wide as it should be.
func drawn(t *testing.T, lines []string, w, h int) string {
	t.Helper()
	if len(lines) != h {
		t.Errorf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, l := range lines {
		if got := ansi.StringWidthWc(l); got != w {
			t.Errorf("%dx%d: line %d is %d cells wide: %q", w, h, i, got, ansi.Strip(l))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// A session as it runs, as it asks, as it waits for a passphrase and as it ended, in each size and each kind of colour. After a
// meant change: go test ./ui/screen/migration -update, and look at the difference.
func TestGoldenSession(t *testing.T) {
	t.Parallel()
	const done, running, queued, failed = migration.PhaseDone, migration.PhaseRunning, migration.PhaseQueued, migration.PhaseFailed
	asking := seen("abcdefghij", migration.StateAsking, done, done, failed, queued)
	asking.Note = "step 3 went wrong: retry it, skip it, or cancel"
	waits := seen("abcdefghij", migration.StateRunning, done, running, queued, queued)
	waits.Waits[2] = "dc1-lxca does not answer now (down)"
	views := map[string]migration.View{
		"running": waits, "asking": asking, "done": seen("abcdefghij", migration.StateDone, done, done, done, migration.PhaseSkipped),
		"passphrase": seen("abcdefghij", migration.StateAsking, migration.PhasePassphrase, migration.PhaseUnknown),
	}
	for state, v := range views {
		for size, c := range sizes {
			t.Run(state+"-"+size, func(t *testing.T) {
				t.Parallel()
				s := NewSession([]migration.View{v, seen("olderolder", migration.StateDone, done)}, "abcdefghij")
				s.Press(keymap.Down)
				s.Press(keymap.Down)
				golden.RequireEqual(t, ansi.Strip(drawn(t, s.View(frame("dark", false), source(), c[0], c[1]), c[0], c[1])))
			})
		}
	}
	for _, name := range []string{"dark", "light", "none", "high-contrast", "colour-blind", "16-colour"} {
		t.Run("colours-"+name, func(t *testing.T) {
			t.Parallel()
			s := NewSession([]migration.View{asking}, "")
			golden.RequireEqual(t, drawn(t, s.View(frame(name, name == "none"), source(), 100, 22), 100, 22))
		})
	}
}

// Every size from nothing on is drawn, whatever the session is (faults.md TRM-01).
func TestFault_TRM01_SessionSizes(t *testing.T) {
	t.Parallel()
	long := seen("abcdefghij", migration.StateAsking, migration.PhaseFailed, migration.PhaseDone, migration.PhaseRunning, migration.PhaseUnknown)
	long.Steps[0].Item.Label = appliance.Label(strings.Repeat("漢字", 40))
	long.Steps[0].Note, long.Note = strings.Repeat("why ", 90), strings.Repeat("note ", 40)
	elsewhere := long
	elsewhere.Elsewhere = strings.Repeat("another run carries it on ", 20)
	for _, v := range []migration.View{long, elsewhere, seen("a", migration.StateDone, migration.PhaseDone)} {
		s := NewSession([]migration.View{v}, "")
		for w := 40; w <= 130; w++ {
			for _, h := range []int{8, 9, 10, 12, 14, 15, 16, 22, 38} {
				drawn(t, s.View(frame("dark", false), source(), w, h), w, h)
			}
		}
	}
	drawn(t, NewSession(nil, "").View(frame("dark", false), source(), 40, 8), 40, 8)
}

// The keys ask for what fits the step and the state, and the offers name just that.
func TestSessionOrders(t *testing.T) {
	t.Parallel()
	const done, queued, failed, phrase = migration.PhaseDone, migration.PhaseQueued, migration.PhaseFailed, migration.PhasePassphrase
	for name, c := range map[string]struct {
		v       migration.View
		key     keymap.Action
		want    Order
		offered string
	}{
		"pause":         {seen("a", migration.StateRunning, queued, queued), keymap.Pause, OrderPause, "skip earlier later pause cancel report back help"},
		"resume":        {seen("a", migration.StatePaused, queued), keymap.Pause, OrderResume, "skip resume cancel report back help"},
		"retry":         {seen("a", migration.StateAsking, failed), keymap.Retry, OrderRetry, "retry skip resume cancel report back help"},
		"passphrase":    {seen("a", migration.StateAsking, phrase), keymap.Passphrase, OrderPassphrase, "passphrase skip resume cancel report back help"},
		"no passphrase": {seen("a", migration.StateDone, done), keymap.Passphrase, OrderNone, "report back help"},
		"report":        {seen("a", migration.StateCancelled, migration.PhaseSkipped), keymap.Report, OrderReport, "report back help"},
	} {
		s := NewSession([]migration.View{c.v}, "")
		if out := s.Press(c.key); out.Order != c.want || out.ID != "a" || out.Close {
			t.Errorf("%s: %+v", name, out)
		}
		var words []string
		for _, o := range s.Offers() {
			words = append(words, o.Word)
		}
		if got := strings.Join(words, " "); got != c.offered {
			t.Errorf("%s offers %q", name, got)
		}
	}
}

// What another run carries on says so, and offers nothing that acts on it.
func TestSessionElsewhere(t *testing.T) {
	t.Parallel()
	v := seen("abcdefghij", migration.StateRunning, migration.PhaseRunning, migration.PhaseQueued)
	v.Elsewhere = "another run carries it on"
	s := NewSession([]migration.View{v, seen("b", migration.StateDone, migration.PhaseDone)}, "")
	var words []string
	for _, o := range s.Offers() {
		words = append(words, o.Word)
	}
	if got := strings.Join(words, " "); got != "report next migration back help" {
		t.Errorf("offers %q", got)
	}
	if text := ansi.Strip(strings.Join(s.View(frame("dark", false), source(), 100, 22), "\n")); !strings.Contains(text, "Another run carries it on.") {
		t.Errorf("it is not said:\n%s", text)
	}
}

// A step that has its passphrase and waits for its target says so.
func TestSessionWaitsForTheTarget(t *testing.T) {
	t.Parallel()
	v := seen("abcdefghij", migration.StateRunning, migration.PhasePassphrase)
	v.Waits[0] = "step 1 of migration b is on its way to the target"
	s := NewSession([]migration.View{v}, "")
	if text := ansi.Strip(strings.Join(s.View(frame("dark", false), source(), 160, 22), "\n")); !strings.Contains(text, "waits: "+v.Waits[0]) {
		t.Errorf("it is not said:\n%s", text)
	}
}

// The view stays on its migration and its step while others come, and goes from one to the next on request.
func TestSessionStaysWhereItIs(t *testing.T) {
	t.Parallel()
	a := seen("a", migration.StateRunning, migration.PhaseRunning, migration.PhaseQueued, migration.PhaseQueued)
	b := seen("b", migration.StateRunning, migration.PhaseRunning)
	s := NewSession([]migration.View{a}, "a")
	s.Press(keymap.Last)
	s.Set([]migration.View{b, a})
	if out := s.Press(keymap.Skip); out.ID != "a" || out.Step != 2 {
		t.Errorf("%+v", out)
	}
	s.Press(keymap.Next)
	if out := s.Press(keymap.Skip); out.ID != "b" || out.Step != 0 {
		t.Errorf("%+v", out)
	}
	s.Set(nil)
	if out := s.Press(keymap.Skip); out.Order != OrderNone || out.Close {
		t.Errorf("without any: %+v", out)
	}
	if !s.Press(keymap.Back).Close {
		t.Error("it cannot be left")
	}
}

// Rates are those of what runs; what stood still begins anew.
func TestRates(t *testing.T) {
	t.Parallel()
	r, v := &Rates{}, seen("a", migration.StateRunning, migration.PhaseRunning)
	at := 0.0
	percent := func(*migration.Step) float64 { return at }
	sample := func(n int) {
		r.Sample([]migration.View{v}, appliance.Reading{Run: time.Duration(n) * SampleEvery}, percent)
	}
	sample(0)
	at = 50
	sample(1)
	if got := r.of(&v); got == nil || got.PerSecond() != 1.2e9 {
		t.Errorf("rate %v", got)
	}
	if line := r.sparkline(frame("dark", false).Theme, "a"); line != "▁█" {
		t.Errorf("sparkline %q", line)
	}
	for n := range 2 * sparkMost {
		sample(2 + n)
	}
	if n := len([]rune(r.sparkline(frame("dark", true).Theme, "a"))); n != sparkMost {
		t.Errorf("%d bars", n)
	}
	v.Live = false
	sample(100)
	if r.of(&v) != nil {
		t.Error("a rate of what stands still")
	}
}
