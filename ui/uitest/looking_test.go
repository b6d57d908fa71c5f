package uitest_test

import (
	"image/color"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/ui/uitest"
)

// A filter narrows while it is typed, says when nothing matches, is kept by enter and left by esc.
func TestFilter(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3", "/").Type("1230").Until("1 of 3").UntilGone("nightly-1231")
		x.Press("backspace").Until("2 of 3").Until("nightly-1231")
		x.Type("zzz").Until("no row holds", "esc clears the filter").Press("ctrl+u").Type("1229").Press("enter")
		x.Until("/1229", "1 of 3").Press("j", "G").Until("▸ nightly-1229")
		x.Press("esc").Until("nightly-1231").UntilGone("of 3")
		x.Press("/").Type("q").Press("esc").Until("nightly-1231") // q is a letter here
		x.Press("/").Paste("1231\r\n").Until("1 of 3").Press("enter").Until("nightly-1231")
	})
}

// A filter finds locks by component, holder and appliance, and a mark survives it.
func TestFilterKeepsMarks(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		f.Appliance("dc1-lxca").LXCA.AddForeignLock("FC", time.Hour)
		f.Appliance("new-lxca").LXCA.AddForeignLock("SS", time.Hour)
	}
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		x.Until("3 · 2 held · 0 yours").Press("2", "g", "space").Until("1 marked")
		x.Press("/").Type("new-lxca another").Press("enter").Until("1 of 3").UntilGone("FC Operating")
		x.Press("esc").Until("FC Operating").Until("1 marked")
	})
}

// Sorting goes through every column, both ways, and back to the usual order.
func TestSortCycle(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Width: 160, Height: 50}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3")
		for _, column := range []string{"LABEL", "CREATED", "SIZE", "VERSION", "LIES IN"} {
			x.Press("s").Until("by " + column)
			up := x.Screen()
			if x.Press("s").Until("by " + column); x.Screen() == up && column != "VERSION" { // all are of one version
				t.Errorf("by %s both ways are the same:\n%s", column, up)
			}
		}
		x.Press("s").UntilGone("by ")
	})
}

// The cursor stays on its backup when the order changes.
func TestCursorIsARow(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3", "g").Until("▸ nightly-1231").Press("s", "s").Until("▸ nightly-1231")
		x.Press("s", "s", "s").Until("▸ nightly-1231")
	})
}

// A dialog shows what will be sent, and copies it.
func TestDialogCopiesCurl(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1", "a", "ctrl+y").Until("copied as curl")
		if clip := x.Clipboard(); !strings.Contains(clip, "-X POST -u admin") || !strings.Contains(clip, `"component":"UP"`) ||
			strings.Contains(clip, "Passw0rd") {
			t.Errorf("the clipboard holds %q", clip)
		}
		onECBNow := x.Press("esc", "1", "G", "a").Until("Acquire a lock on ecb-edge")
		onECBNow.Press("Y").Until("copied as curl")
		if clip := x.Clipboard(); !strings.Contains(clip, "/configuration/lock") || strings.Contains(clip, "Passw0rd") {
			t.Errorf("the clipboard holds %q", clip)
		}
		unchanged(t, x, nil)
	})
}

// The help fits or scrolls, and every binding is in it.
func TestHelpScrolls(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Width: 80, Height: 24}, func(x *uitest.Terminal) {
		x.Press("?").UntilMatch(`╭ Help .*↓ \d+ more`).Until("take a lock")
		x.Press("G").Until("5  events").UntilNoMatch(`↓ \d+ more`).Never("take a lock")
		x.Press("g").Until("take a lock").Press("space", "pgdown", "k", "j").Press("esc").UntilGone("╭ Help")
	})
}

// Pane 6 shows what was sent, newest first, and its rows have details.
func TestRequests(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Press("6").Until("POST", "/aicc/service/sftp/locks", "201")
		x.Press("/").Type("POST").Press("enter").Until("1 of").Press("enter").Until("╭ POST /aicc/service/sftp/locks").Until("answer", "201")
		x.Press("esc", "esc", "esc").Until("5 Events")
		x.Press("1", "G", "6").Until("6 Requests · ecb-edge").Until("/rest/v1.")
		x.Never("Passw0rd")
	})
}

// Without locks q leaves; with one it asks, and a bare enter leaves the lock alone.
func TestQuitLeavesLocks(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("q").Until("You hold 1 lock.").Until("  UP Updates on dc1-lxca").Until("leave it to its end").Never("kept now")
		x.Press("esc").UntilGone("You hold").Press("ctrl+c").Until("You hold 1 lock.")
		if code := x.Press("enter").End(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := len(x.Fleet.Appliance("dc1-lxca").LXCA.Locks()); n != 1 {
			t.Errorf("%d locks are left", n)
		}
	})
}

func TestFault_LCK11_QuitReleases(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		acquire(x, "console", "20m")
		x.Until("3 · 2 held · 2 yours").Press("q").Until("You hold 2 locks.").Press("down", "enter")
		if code := x.End(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := len(x.Fleet.Appliance("dc1-lxca").LXCA.Locks()); n != 0 {
			t.Errorf("%d locks are left", n)
		}
	})
}

// A line that drops ends the program and releases nothing: the locks are left to their expiry.
func TestFault_LCK11_DroppedLine(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		if code := x.Hangup(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := len(effects(x, "dc1-lxca", "lock.released")); n != 0 {
			t.Errorf("%d locks were released", n)
		}
	})
}

// On 80 columns the panes stand behind tabs, on 40x10 there is one.
func TestNarrow(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Resize(80, 24).Until("1 Appliances", "2 Locks", "3 Backups", "4 Jobs", "5 Events")
		x.Press("3").Until("╭ 3 Backups").Until("╭ 2 Locks").Press("4").Until("╭ 4 Jobs").UntilGone("╭ 3 Backups")
		x.Resize(40, 10).Until("╭ 4 Jobs").UntilGone("╭ 2 Locks").Press("tab").Until("╭ 5 Events").Press("right", "l").Until("╭ 2 Locks")
		x.Resize(39, 10).Until("needs 40x10").Press("a", "?").Resize(120, 40).Until("╭ 1 Appliances").Never("╭ Acquire", "╭ Help")
	})
}

// The title of the window says how the fleet is.
func TestWindowTitle(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		if got := x.Title(); got != "holdfast: 3 up" {
			t.Errorf("title %q", got)
		}
		x.Fleet.Appliance("dc1-lxca").LXCA.SetAway(true)
		x.Press("R").Until("3 appliances", "2 up")
		if got := x.Title(); got != "holdfast: 2 up, 1 restarting" {
			t.Errorf("title %q", got)
		}
	})
}

// The theme auto follows the terminal's background.
func TestThemeFollowsBackground(t *testing.T) {
	t.Parallel()
	brand := func(o uitest.Options) string {
		style := ""
		play(t, o, func(x *uitest.Terminal) {
			x.Advance(time.Second) // the terminal's answer is drawn with the next frame
			style = x.Style("HOLDFAST")
		})
		return style
	}
	dark, light := brand(uitest.Options{}), brand(uitest.Options{Background: color.White})
	if dark == light {
		t.Errorf("on black and on white the name looks the same: %q", dark)
	}
	if want := brand(uitest.Options{Args: []string{"--theme", "light"}}); light != want {
		t.Errorf("on white it is %q, the theme light has %q", light, want)
	}
	if chosen := brand(uitest.Options{Args: []string{"--theme", "dark"}, Background: color.White}); chosen != dark {
		t.Errorf("a chosen theme follows the background: %q", chosen)
	}
}
