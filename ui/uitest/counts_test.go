package uitest_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/fault"
	"holdfast/ui/uitest"
)

// goesWrong has something go wrong from now on.
func goesWrong(t *testing.T, x *uitest.Terminal, rule string) {
	t.Helper()
	r, err := fault.Parse(rule)
	if err == nil {
		_, err = x.Fleet.Faults().Add(r)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Every row is counted, a lost lock too, until nobody needs to know of it any more.
func TestCountsHoldEveryRow(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("2 Locks", "1 · 0 held · 0 yours")
		acquire(x, "updates", "20m")
		x.Until("2 Locks", "2 · 1 held · 1 yours").UntilMatch(`UP Updates +you`)
		x.Fleet.Appliance("dc1-lxca").LXCA.StealLock(func(int) int { return 0 })
		x.Advance(12 * time.Second)
		x.Until("LOST at").Until("2 Locks", "2 · 1 lost · 0 held · 0 yours")
		x.Press("2", "g", "r").Until("release: it is lost; A takes it off the screen")
		x.Press("enter").Until("state", "lost: the appliance does not have it any more").Press("esc")
		x.Press("A").Until("2 Locks", "1 · 0 held · 0 yours")
	})
}

// A request whose answer was lost is a row with a count and a scope of its own, and no lock that could be released.
func TestCountsTellDoubts(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		goesWrong(t, x, "drop-before POST sftp/locks")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you", "outcome unknown").Until("2 Locks", "2 · 1 outcome unknown · 0 held · 0 yours")
		for _, key := range []string{"r", "e", "K"} {
			x.Press("2", "g", key).Until(": whether it was granted is not known yet; it is being looked for")
		}
	})
}

// What a filter hides, and what there is no room for, is told in every pane, in the same way.
func TestCountsTellWhatIsHidden(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		for _, c := range []string{"FC", "SS", "DM", "CN", "MI", "DS"} {
			f.Appliance("dc1-lxca").LXCA.AddForeignLock(c, time.Hour)
		}
	}
	cfg := fleet()
	cfg.Backups, cfg.Jobs = 9, 9
	play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("7 · 6 held").Until("3 Backups", "9").Until("4 Jobs", "18 · 0 running")
		x.Resize(60, 11)
		for pane, title := range map[string]string{"2": "2 Locks", "3": "3 Backups", "4": "4 Jobs", "6": "6 Requests", "7": "7 Timeline"} {
			x.Press(pane, "z").UntilMatch(title + `.* ↓ \d+ more ─╮`).UntilNoMatch(`↑ \d+ more`)
			x.Press("G").UntilMatch(title+`.* ↑ \d+ more ─╮`).UntilNoMatch(`↓ \d+ more`).Press("g", "z")
		}
		x.Press("3", "/").Type("nightly").Press("enter").Until("/nightly  9 of 9", "more").Press("esc")
		x.Press("/").Type("31").Press("enter").Until("/31  1 of 9").UntilNoMatch(`\d more`).Press("esc")
		x.Press("1", "/").Type("lxca").Press("enter").Until("1 Appliances", "/lxca  2 of 3")
	})
}

// What can be done with the row under the cursor stands first on the bottom line.
func TestBottomLineFitsTheRow(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		f.Appliance("ecb-edge").ECB.LockByOther(broker.SourceGUI)
		f.Appliance("dc1-lxca").LXCA.AddForeignLock("FC", time.Hour)
	}
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		begins := func(keys string) {
			t.Helper()
			lines := strings.Split(x.Screen(), "\n")
			if line := lines[len(lines)-1]; !strings.HasPrefix(line, " "+keys+"  ") || !strings.HasSuffix(line, "/ filter  z zoom  ? help  q quit") {
				t.Errorf("the bottom line is %q, not %q first", line, keys)
			}
		}
		x.Until("FC Operating", "another").Press("2", "g")
		begins("a acquire  r release") // somebody else's: it is not the first thing to be done
		x.Press("G").Until("▸ ecb-edge")
		begins("w wait  a acquire")
		x.Press("1", "g")
		begins("a acquire")
		x.Press("3")
		begins("c copy  m move  p push  n new backup  D delete  M migrate  o more  a acquire")
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you`).Press("2", "g").Until("▸ dc1-lxca", "UP Updates")
		x.Advance(10 * time.Second)
		begins("e extend  r release  K keep  a acquire")
		x.Press("K", "enter").UntilMatch(`you · kept`)
		x.Advance(10 * time.Second)
		begins("e extend  r release  K stop keeping  a acquire")
		x.Fleet.Appliance("dc1-lxca").LXCA.StealLock(func(int) int { return 0 })
		x.Advance(22 * time.Second)
		x.Until("LOST at")
		x.Advance(10 * time.Second)
		begins("A acknowledge  a acquire")
	})
}

// An event that is longer than its line can be read to its end: below the list when that is zoomed, and in its detail.
func TestEventIsWhole(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Width: 80, Height: 24}, func(x *uitest.Terminal) {
		goesWrong(t, x, "drop-before POST sftp/locks")
		acquire(x, "updates", "20m")
		x.Until("outcome unknown").Press("5", "z").Until("the answer was lost", "…")
		read := func() string {
			return strings.Join(strings.Fields(strings.NewReplacer("│", " ").Replace(x.Screen())), " ")
		}
		const end = "then asked for once more (you)"
		if got := read(); !strings.Contains(got, end) {
			t.Errorf("zoomed, no %q in\n%s", end, x.Screen())
		}
		x.Press("enter").Until("level", "warning").Until("who", "maria")
		if got := read(); !strings.Contains(got, "then asked for once more") {
			t.Errorf("the detail has no %q:\n%s", end, x.Screen())
		}
	})
}
