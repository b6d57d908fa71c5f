package uitest_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// Of the components that the dialog has no room for it says how many there are, and where; typed letters leave those that hold
// them.
func TestAcquireTellsHowManyMore(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1", "g", "a").Until("choose; type to narrow", "↓ 8 more").UntilNoMatch(`↑ \d+ more`)
		x.Press(repeat(10, "down")...).Until("choose", "↑ 4 more  ↓ 4 more")
		x.Press(repeat(10, "down")...).Until("choose", "↑ 8 more").UntilNoMatch(`↓ \d+ more`)
		x.Type("re").Until("narrowed to").UntilNoMatch(`\d+ more`).Until("RC Remote Control").Press("ctrl+u")
		x.Press(repeat(20, "up")...).Until("▸ UP Updates").Until("↓ 8 more")
	})
	play(t, uitest.Options{Width: 80, Height: 24, Args: []string{"--ascii"}}, func(x *uitest.Terminal) {
		x.Press("1", "g", "a").UntilMatch(`choose; type to narrow +v 1\d more`)
	})
}

// spans is what no lock can be taken or extended for, and what is said of it.
var spans = map[string]string{
	"0": "0s is out of range: from 1m to 24h", "-5m": "-5m is out of range: from 1m to 24h", "-0": "out of range: from 1m to 24h",
	"59s": "59s is out of range: from 1m to 24h", "24h1s": "24h0m1s is out of range: from 1m to 24h", "25h": "25h is out of range: from 1m to 24h",
	"1441": "24h1m is out of range: from 1m to 24h", "99999999999h": "99999999999h is out of range: from 1m to 24h",
	"99999999999999999999": "is out of range: from 1m to 24h", "soon": `"soon" is not a duration: from 1m to 24h`,
	"20m;q": "is not a duration: from 1m to 24h", "1m0.5s": "is not whole seconds: from 1m to 24h", "": "how long: from 1m to 24h",
}

// A time that no lock can have is refused where it is typed, with what it may be, and nothing is sent.
func TestFault_LCK12_Form(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		refused := func(title string) {
			t.Helper()
			before := changing(x)
			for typed, problem := range spans {
				x.Press("ctrl+u").Type(typed).Press("enter").Until(problem).Until(title)
			}
			x.Press("esc").UntilGone(title)
			unchanged(t, x, before)
		}
		x.Press("1", "g", "a", "tab")
		refused("Acquire a lock on dc1-lxca")
		acquire(x, "updates", "1m") // so that a minute may still keep it longer
		x.Until("UP Updates", "you")
		x.Advance(20 * time.Second)
		x.Press("2", "g", "e")
		refused("Extend UP Updates on dc1-lxca")
		if n := len(x.Fleet.Appliance("dc1-lxca").LXCA.Locks()); n != 1 {
			t.Errorf("%d locks", n)
		}
	})
}

// What is offered for an extension keeps the lock longer; what would end it earlier is refused with that as its reason.
func TestExtendNeverShortens(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you +2\d:\d\d`)
		before := changing(x)
		x.Press("2", "g", "e").UntilMatch(`from now for +25m_ +2[12]m to 24h`)
		x.Press("ctrl+u").Type("10m").Press("enter").Until("10m would end it earlier than now: from 2").Until("Extend UP")
		unchanged(t, x, before)
		x.Press("esc")
		x.Advance(6 * time.Minute)
		x.Press("e").UntilMatch(`from now for +20m_ +1[1-6]m to 24h`).Press("enter").Until("you extended UP Updates")
		x.UntilMatch(`UP Updates +you +2[01]:\d\d`)
	})
	play(t, uitest.Options{}, func(x *uitest.Terminal) { // the longest lock there is
		acquire(x, "updates", "24h")
		x.UntilMatch(`UP Updates +you +23:5\d:\d\d`).Press("2", "g", "e").UntilMatch(`from now for +24h_ +24h to 24h`)
	})
}

// Keeping asks for a time and for nothing else: what is typed is that time. It sends nothing, so there is nothing to copy.
func TestKeepForATime(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you`)
		before := changing(x)
		x.Press("2", "g", "K").Until("╭ Keep UP Updates on dc1-lxca").Until("1m to 168h; nothing typed: until told otherwise")
		x.Never("copy as curl", "narrow", "https://").Press("ctrl+y").Never("copied")
		x.Type("soon").Press("enter").Until("is not a duration: from 1m to 168h")
		x.Press("ctrl+u").Type("200h").Press("enter").Until("out of range: from 1m to 168h")
		x.Press("ctrl+u").Type("2h").Press("enter").UntilGone("╭ Keep").Until("you began to keep UP Updates")
		unchanged(t, x, before)
		x.UntilMatch(`UP Updates +you · kept`).Press("enter").Until("extended by itself until 2000-01-01 02:0").Press("esc")
		x.Until("K stop keeping").Press("K").Until("stopped keeping")
		x.Press("K", "enter").UntilMatch(`UP Updates +you · kept`).Press("enter").Until("extended by itself until told otherwise")
	})
}

// Keeping may end with a job that needs the lock.
func TestKeepUntilAJobEnds(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		if _, err := a.StartTransfer(xclarity.Transfer{Operation: "copy", UUID: a.Backups()[0].UUID, Destination: share, User: "night-shift"}); err != nil {
			t.Errorf("start a copy: %v", err)
		}
	}
	cfg := fleet()
	cfg.Speed = 0.2
	play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("1 running")
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you`)
		job := x.Fleet.Appliance("dc1-lxca").LXCA.Jobs()[0].ID
		x.Press("2", "g", "K").Until("nothing typed: as chosen below").Until("▸ until told otherwise")
		x.Type("9").Until("for  9_").Until("  until told otherwise").UntilGone("▸ until told otherwise") // what is typed is a time
		x.Press("backspace", "down").Until("▸ until job "+job+" ends", "Copy backup nightly-1231").Press("enter")
		x.UntilMatch(`UP Updates +you · kept`).Press("enter").Until("extended by itself until job " + job + " ends").Press("esc")
		x.Advance(40 * time.Second)
		x.Until("0 running").UntilNoMatch(`you · kept`).Until("is no longer kept: it was to be until job " + job + " ends")
	})
}

// A wait sends what its dialog shows, at each try, and says so.
func TestWaitSendsWhatItShows(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { f.Appliance("ecb-edge").ECB.LockByOther(broker.SourceGUI) }
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		x.Press("2", "G", "w").Until("╭ Wait for configuration on ecb-edge").Until("until it is yours. x ends the")
		x.UntilMatch(`Each try sends:`).Until("POST https://", "/configuration/lock").Until("copy as curl")
		tries := func() int { return x.Fleet.Appliance("ecb-edge").Requests()["POST /rest/v1.1/configuration/lock"] }
		if n := tries(); n != 0 {
			t.Errorf("%d tries before the yes", n)
		}
		x.Press("y").UntilMatch(`another · you wait +try [2-9] since 00:00`)
		if n := tries(); n < 2 {
			t.Errorf("%d tries: %v", n, x.Fleet.Appliance("ecb-edge").Requests())
		}
		x.Until("w stop waiting").Press("w").Until("stopped waiting for configuration")
	})
}

// Keys that are held down, or typed ahead, open a dialog and do nothing else: a lock and a push of somebody else want their
// code, and the key that opened the dialog is no yes.
func TestFault_TRM03_HeldKeysConfirmNothing(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		a.AddForeignLock("FC", time.Hour)
		_, err := a.StartTransfer(xclarity.Transfer{Operation: "push", UUID: a.Backups()[0].UUID, Destination: "198.18.0.2", User: "night-shift"})
		if err != nil {
			t.Errorf("start a push: %v", err)
		}
	}
	cfg := fleet()
	cfg.Speed = 0.01
	play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("FC Operating", "another").Until("1 running")
		const wrongCode = "that is not the code"
		for _, c := range []struct {
			said string
			keys []string
		}{
			{wrongCode, []string{"2", "g", "r", "r", "r", "r", "enter", "y", "enter", "Y", "y", "enter"}},
			{wrongCode, []string{"4", "g", "x", "down", "enter", "x", "x", "y", "enter", "y", "enter"}},
			{"nothing in the list holds", []string{"4", "g", "x", "x", "x", "enter", "y", "enter"}},
		} {
			x.Storm(c.keys...).Until(c.said).Press("esc", "esc", "esc")
			unchanged(t, x, nil)
		}
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		before := changing(x)
		x.Press("2", "g").Storm(slices.Concat([]string{"r"}, repeat(60, "r"))...).Until("[  No  ]").Press("esc")
		unchanged(t, x, before)
	})
}

// Cancelling somebody else's push wants the code, and stops that push.
func TestCancelForeignPush(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		if _, err := a.StartTransfer(xclarity.Transfer{Operation: "push", UUID: a.Backups()[0].UUID, Destination: "198.18.0.2", User: "night-shift"}); err != nil {
			t.Errorf("start a push: %v", err)
		}
	}
	cfg := fleet()
	cfg.Speed = 0.01
	play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("1 running").Press("4", "g", "x").Until("╭ Cancel").Until("the push that runs on dc1-lxca")
		x.Press("down", "enter").Until("This stops whichever push runs there, even one that somebody else")
		word := code(t, x)
		x.Press("y", "enter").Until("that is not the code")
		unchanged(t, x, nil)
		x.Type(word).Press("enter").Until("cancelled the running push").Until("0 running")
		if job := x.Fleet.Appliance("dc1-lxca").LXCA.Jobs()[0]; job.State != "Cancelled" {
			t.Errorf("the push is %+v", job)
		}
	})
}

var clockOf = regexp.MustCompile(`UTC \d\d:\d\d(:\d\d)?`)

// The clock and who looks keep their places, whether seconds are told or not.
func TestClockKeepsItsPlace(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", time.Hour)}, func(x *uitest.Terminal) {
		places := func(seconds bool) [2]int {
			t.Helper()
			line, _, _ := strings.Cut(x.Screen(), "\n")
			if m := clockOf.FindStringSubmatch(line); m == nil || (m[1] != "") != seconds {
				t.Fatalf("the clock of %q", line)
			}
			return [2]int{strings.Index(line, "UTC"), strings.Index(line, "maria")}
		}
		x.Until("FC Operating", "another")
		x.Advance(time.Second)
		ticking := places(true)
		x.Press("3", "z") // nothing ticks there
		x.Advance(20 * time.Second)
		if still := places(false); still != ticking {
			t.Errorf("UTC and maria stand at %v, and while seconds are told at %v", still, ticking)
		}
	})
}
