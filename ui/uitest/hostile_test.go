package uitest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// watch returns a check of every byte that was written since the last one.
func watch(t *testing.T, x *uitest.Terminal) (check func()) {
	seen := 0
	return func() {
		t.Helper()
		raw := x.Raw()
		if err := allowed(raw[seen:]); err != nil {
			t.Fatalf("%v\n%s", err, x.Screen())
		}
		seen = len(raw)
		if strings.Contains(x.Clipboard(), "pwned") {
			t.Fatal("words of an appliance have written the clipboard")
		}
	}
}

// evil furnishes the fleet with locks, backups and jobs whose every word is hostile, and refusals that are.
func evil(f *sim.Fleet) {
	a := f.Appliance("dc1-lxca").LXCA
	for i, words := range hostile {
		a.AddForeignLock(words, time.Hour+time.Duration(i)*time.Minute)
		a.AddBackup(xclarity.Backup{Label: words, By: words, Checksum: words, Locations: []string{"internal", "/mnt/" + words},
			Taken: time.Now().Add(time.Duration(i) * time.Minute)})
	}
	f.Appliance("ecb-edge").ECB.LockByOther(broker.SourceGUI)
}

// The locks and the timeline show hostile scopes, in every span and in their details, and the text behind stays readable.
func TestFault_DAT07_HostileTimeline(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: evil, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		check := watch(t, x)
		acquire(x, "updates", "20m")
		for _, pane := range []string{"2", "7"} {
			x.Press(pane, "z", "g")
			for _, words := range hostile { // the end of a long one is cut, what stands behind it is not
				x.Until("dc1-lxca", words[:3], "another", "━")
			}
			check()
			for range 5 {
				x.Press("enter").Until("left at least").Press("G", "Y", "esc", "j")
				check()
			}
			x.Press("+", "-", "/").Paste(hostile[0]).Press("enter", "esc", "z")
			check()
		}
	})
}

// So do the dialogs that are about such a lock: to give it back, to keep it, to wait, and to quit.
func TestFault_DAT07_HostileDialogs(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Switches = []string{"message-text=hostile"}
	play(t, uitest.Options{Sim: cfg, Prepare: evil, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		check := watch(t, x)
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("2", "g", "K").Until("Keep UP Updates").Press("enter").Until("UP Updates", "kept")
		for i := range hostile {
			x.Press("j", "r").Until("Release", fmt.Sprintf("TAIL%d", i+1)).Until("Not yours")
			check()
			x.Press("esc")
			if i == 0 {
				for _, key := range []string{"e", "K", "w"} {
					x.Press(key, "esc")
					check()
				}
			}
		}
		x.Press("r").Until("Not yours")
		x.Type(code(t, x)).Press("enter").Until("released", "TAIL11")
		check()
		onECB(x)
		x.Press("a").Until("Acquire a lock on ecb-edge").Press("y").Until("another").Press("2", "G", "w").Until("Wait for configuration").Press("y").UntilMatch(`configuration +another · (you wait|maria waits)`)
		check()
		x.Press("x").Until("stopped waiting").Press("q").Until("You hold")
		check()
		x.Press("esc")
	})
}

// What the appliance answers to an act is among the events, in their pane and in their details, without its controls.
func TestFault_DAT07_HostileEvents(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Switches = []string{"message-text=hostile"}
	play(t, uitest.Options{Sim: cfg, Prepare: evil, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		check := watch(t, x)
		if _, err := x.Fleet.Faults().Add(rule(t, "cut=200 POST sftp/locks #1")); err != nil {
			t.Fatal(err)
		}
		x.Press("3", "z", "g", "z")
		for range 3 { // to a place that there is not
			x.Press("c").Type("/mnt/nowhere").Press("enter", "y", "enter")
			x.Advance(2 * time.Second)
			check()
			x.Press("esc", "esc", "j")
		}
		a := x.Fleet.Appliance("dc1-lxca").LXCA
		for _, l := range a.Locks() {
			a.RemoveLock(l.ID)
		}
		x.Advance(30 * time.Second)
		x.Press("5", "z")
		x.Until("copy")
		check()
		x.Press("g", "enter", "G", "esc", "/").Type("copy").Press("enter", "esc", "esc")
		check()
	})
}

// rule is a fault as the command line has it.
func rule(t *testing.T, text string) fault.Rule {
	t.Helper()
	r, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
