package uitest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/ui/uitest"
)

// Maria takes a lock: she types a part of the component's name and how long she needs it.
func TestAcquire(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1", "a").Until("Acquire a lock on dc1-lxca").Until("for", "20m", "1m to 24h")
		x.Type("upd").Until("narrowed to", "upd").Never("FC Operating")
		x.Until("POST https://198.18.0.1/aicc/service/sftp/locks")
		x.UntilMatch(`"component":"UP","expirationTimeOut":12\d\d\}`) // a few seconds more, so that it is known again
		x.Press("tab", "ctrl+u").Type("1h30m").UntilMatch(`"expirationTimeOut":54\d\d\}`)
		x.Press("enter").UntilMatch(`UP Updates +you +1:(29|30|31):`)
		x.Until("you took UP Updates")
		granted := effects(x, "dc1-lxca", "lock.granted")
		if len(granted) != 1 || granted[0].By != "admin" || !strings.Contains(granted[0].More, "UP") {
			t.Errorf("granted: %+v", granted)
		}
		if left := time.Until(x.Fleet.Appliance("dc1-lxca").LXCA.Locks()[0].Ends); left < 89*time.Minute || left > 92*time.Minute {
			t.Errorf("the lock lasts another %v", left)
		}
	})
}

// What cannot be a duration, or a component, is said and nothing is sent.
func TestAcquireRefusesNonsense(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1", "a", "tab")
		for typed, problem := range map[string]string{"soon": "is not a duration", "5s": "out of range", "25h": "out of range", "": "how long"} {
			x.Press("ctrl+u").Type(typed).Press("enter").Until(problem)
		}
		x.Press("ctrl+u").Type("20m").Press("tab").Type("nothing like it").Press("enter").Until("nothing in the list holds")
		x.Press("esc").UntilGone("Acquire a lock on")
		unchanged(t, x, nil)
	})
}

var leftOf = regexp.MustCompile(`you +(?:(\d+):)?(\d\d):(\d\d) `)

// left is the countdown of our only lock.
func left(t *testing.T, x *uitest.Terminal) time.Duration {
	t.Helper()
	m := leftOf.FindStringSubmatch(x.Screen())
	if m == nil {
		t.Fatalf("no countdown of ours:\n%s", x.Screen())
	}
	var h, min, s int
	_, _ = fmt.Sscan("0"+m[1], &h) // an empty hour is none
	_, _ = fmt.Sscan(m[2]+" "+m[3], &min, &s)
	return time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(s)*time.Second
}

// The countdown falls by the second, never rises, never says more than is left, and ends in silence.
func TestFault_CLK07_CountdownNeverRises(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "1m")
		x.Until("UP Updates", "you")
		ends := x.Fleet.Appliance("dc1-lxca").LXCA.Locks()[0].Ends
		before := left(t, x)
		seen := map[time.Duration]bool{}
		for before > 12*time.Second {
			x.Advance(time.Second)
			now := left(t, x)
			if now > before {
				t.Fatalf("the countdown rose from %v to %v", before, now)
			}
			if truth := time.Until(ends); now > truth+time.Second { // the screen was drawn up to a second ago
				t.Fatalf("%v is told and %v is left", now, truth)
			}
			before, seen[now] = now, true
		}
		if len(seen) < 40 {
			t.Errorf("only %d different countdowns in 48 s", len(seen))
		}
		x.Until("1 · 0 held · 0 yours").Until("UP Updates", "ended")
		if len(effects(x, "dc1-lxca", "lock.expired")) != 1 {
			t.Error("the lock did not expire by itself")
		}
	})
}

// A terminal that stood still (SIGSTOP) shows what is true when it goes on, not what it had counted.
func TestFault_CLK07_LateTick(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.UntilMatch(`UP Updates +you +2\d:\d\d`)
		x.Press("?") // nothing ticks behind the help
		x.Advance(2 * time.Minute)
		x.Press("esc").UntilMatch(`UP Updates +you +1[789]:\d\d`)
	})
}

// Extending takes a new lock, sees it, and only then gives the old one back: at no moment is there none.
func TestExtendByOverlap(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "5m")
		x.UntilMatch(`UP Updates +you +0[456]:\d\d`)
		old := x.Fleet.Appliance("dc1-lxca").LXCA.Locks()[0].ID
		x.Advance(time.Minute)
		x.Press("2", "e").Until("Extend UP Updates on dc1-lxca").Until("from now for", "5m")
		x.Press("ctrl+u").Type("30m").Press("enter").UntilMatch(`UP Updates +you +(29|30|31):\d\d`).Until("you extended UP Updates")
		x.Advance(30 * time.Second) // the next listings show both, then the old one is given back
		locks := x.Fleet.Appliance("dc1-lxca").LXCA.Locks()
		if len(locks) != 1 || locks[0].ID == old {
			t.Fatalf("locks %+v, the old one was %s", locks, old)
		}
		var order []string
		for _, e := range x.Fleet.Truth().Effects() {
			if e.Appliance == "dc1-lxca" && strings.HasPrefix(e.What, "lock.") {
				order = append(order, e.What)
			}
		}
		if got := strings.Join(order, " "); got != "lock.granted lock.granted lock.released" {
			t.Errorf("what happened: %s", got)
		}
		if strings.Count(x.Screen(), "UP Updates              you") > 1 {
			t.Errorf("two locks are shown:\n%s", x.Screen())
		}
	})
}

// Our own lock wants a yes; the key that opened the question and a bare enter are none.
func TestReleaseOwn(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		before := changing(x)
		x.Press("2", "r").Until("Release UP Updates on dc1-lxca").Until("[  No  ]")
		x.Press("r").Until("[  No  ]")
		x.Press("enter").UntilGone("Release UP Updates on")
		x.Press("r", "n").UntilGone("Release UP Updates on")
		x.Press("r", "esc").UntilGone("Release UP Updates on")
		unchanged(t, x, before)
		x.Press("r", "y").Until("you released UP Updates").Until("1 · 0 held · 0 yours")
		if n := len(effects(x, "dc1-lxca", "lock.released")); n != 1 {
			t.Errorf("released %d times", n)
		}
	})
}

// Yes may also be walked to with the arrows.
func TestReleaseOwnWithArrows(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		x.Press("2", "r", "right").Until("[  Yes, release  ]")
		x.Press("left").Until("[  No  ]").Press("tab", "enter").Until("you released UP Updates")
	})
}

// Somebody else's lock goes only with the code that the dialog shows.
func TestReleaseForeign(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", time.Hour)}, func(x *uitest.Terminal) {
		x.Until("FC Operating", "another").Press("2", "g", "r")
		x.Until("Not yours:").Until("Type", "and press enter")
		word := code(t, x)
		x.Press("y", "enter").Until("that is not the code")
		x.Type("zzzz").Press("enter").Until("that is not the code")
		x.Press("esc").UntilGone("Not yours:")
		unchanged(t, x, nil)
		x.Press("r")
		if again := code(t, x); again == word {
			t.Errorf("the code %s is used twice", word)
		}
		x.Type(strings.ToUpper(code(t, x))).Press("enter").Until("you released FC Operating")
		x.UntilGone("FC Operating", "another")
		if n := len(effects(x, "dc1-lxca", "lock.released")); n != 1 {
			t.Errorf("released %d times", n)
		}
	})
}

// Extending what is not ours is refused with the reason, before any dialog.
func TestExtendForeign(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", time.Hour)}, func(x *uitest.Terminal) {
		x.Until("FC Operating", "another").Press("2", "g", "e").Until("extend: it is not yours; take one of your own")
		unchanged(t, x, nil)
	})
}

// Two marked locks of others go together, with their count as the code.
func TestReleaseMarked(t *testing.T) {
	t.Parallel()
	prepare := uitest.Options{Prepare: func(f *sim.Fleet) {
		for _, c := range []string{"FC", "SS", "DM"} {
			f.Appliance("dc1-lxca").LXCA.AddForeignLock(c, time.Hour)
		}
	}}
	play(t, prepare, func(x *uitest.Terminal) {
		x.Until("4 · 3 held · 0 yours").Press("2", "g", "space", "space").Until("2 marked")
		x.Press("r").Until("Release 2 locks")
		if got := code(t, x); got != "2" {
			t.Errorf("the code is %q", got)
		}
		x.Press("2", "enter").Until("2 · 1 held · 0 yours").UntilGone("marked")
		if n := len(effects(x, "dc1-lxca", "lock.released")); n != 2 {
			t.Errorf("released %d", n)
		}
	})
}
