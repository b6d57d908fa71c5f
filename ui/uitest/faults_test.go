package uitest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

func repeat(n int, keys ...string) []string {
	return slices.Repeat(keys, n)
}

// A key that sticks, and one who presses enter twice, take one lock.
func TestFault_JOB03_DoubleEnter(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Press("1", "a").Until("╭ Acquire").Storm(repeat(40, "enter")...)
		x.Press("esc").Until("UP Updates", "you")
		x.Advance(30 * time.Second)
		if n := len(effects(x, "dc1-lxca", "lock.granted")); n != 1 {
			t.Errorf("%d locks were taken", n)
		}
	})
}

// The whole way to a copy, typed thirty times over without a look at the screen, copies once: while the first is under
// way the engine refuses the others.
func TestFault_JOB03_KeyStorm(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3", "g").Storm(repeat(30, "c", "enter", "y")...)
		x.Press("esc", "esc").Until("copy → ", "Complete")
		if n := changing(x)["dc1-lxca PUT /managementServer/data"]; n != 1 {
			t.Errorf("%d transfers were asked for", n)
		}
	})
}

// Our own lock is released once, however often y is pressed.
func TestFault_JOB03_DoubleYes(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("2", "g").Storm(repeat(10, "r", "y")...)
		x.Press("esc", "esc").Until("1 · 0 held · 0 yours")
		deletes := 0
		for request, n := range changing(x) {
			if strings.Contains(request, "DELETE") {
				deletes += n
			}
		}
		if deletes != 1 {
			t.Errorf("%d releases were sent", deletes)
		}
	})
}

// What is pasted never confirms anything: not a yes, not a code, and no key of the dashboard.
func TestFault_TRM03_Paste(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", time.Hour)}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		before := changing(x)
		x.Press("2", "g", "r").Until("[  No  ]").Paste("y").Paste("y\r").Paste("\r\n").Until("[  No  ]").Press("esc")
		x.Press("j", "r").Until("Not yours")
		x.Paste(code(t, x) + "\r").Press("enter").Until("that is not the code").Press("esc")
		x.Paste("ay\rq").Never("╭ Acquire", "You hold")
		x.Press("1", "g", "a").Paste("con\r").Until("narrowed to").Until("╭ Acquire").Press("esc")
		unchanged(t, x, before)
	})
}

// What a terminal answers to queries arrives where keys arrive; it confirms nothing and closes nothing.
func TestFault_TRM03_TerminalReplies(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		before := changing(x)
		x.Press("2", "g", "r").Until("[  No  ]")
		for _, reply := range []string{
			"\x1b[?62;1;2;4c", "\x1b[>41;354;0c", "\x1b[24;80R", "\x1b]11;rgb:ffff/ffff/ffff\x07", "\x1b]11;rgb:0000/0000/0000\x1b\\",
			"\x1b[?2026;2$y", "\x1b[?1u", "\x1bP>|xterm(397)\x1b\\", "\x1b[I", "\x1b[O", "\x1b[4;600;800t",
		} {
			x.Send(reply)
			x.Advance(300 * time.Millisecond)
			x.Until("╭ Release UP Updates on dc1-lxca").Until("[  No  ]")
		}
		unchanged(t, x, before)
	})
}

// A dialog whose backup vanishes meanwhile can confirm nothing any more, and says so.
func TestFault_JOB10_RowVanishes(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3", "g", "m").Type(share).Press("enter")
		word := code(t, x)
		a := x.Fleet.Appliance("dc1-lxca").LXCA
		if !a.RemoveBackup(a.Backups()[0].UUID, "all") {
			t.Fatal("the backup stays")
		}
		x.Until("is not listed any more").Never("Type " + word)
		x.Type(word).Press("enter", "y", "enter").Until("is not listed any more").Press("esc").Until("▸ nightly-1230")
		unchanged(t, x, nil)
	})
}

// So can one that is about a lock.
func TestFault_JOB10_LockVanishes(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Press("2", "g", "r").Until("[  No  ]")
		a := x.Fleet.Appliance("dc1-lxca").LXCA
		a.RemoveLock(a.Locks()[0].ID)
		before := changing(x)
		x.Until("is not listed any more").Press("y", "enter").Press("esc")
		unchanged(t, x, before)
	})
}

// A backup that is another one now, under the same id, is not touched: one looks again first.
func TestFault_JOB10_BackupChanges(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231").Press("3", "g", "c").Type(share).Press("enter").Until("[  No  ]")
		a := x.Fleet.Appliance("dc1-lxca").LXCA
		b := a.Backups()[0]
		if !a.RemoveBackup(b.UUID, "all") {
			t.Fatal("the backup stays")
		}
		b.Checksum = strings.Repeat("0", 64)
		a.AddBackup(b)
		x.Advance(2 * time.Minute) // backups are listed about once a minute
		x.Press("y").Until("the backup has changed since you looked at it")
		unchanged(t, x, nil)
	})
}

var colours = regexp.MustCompile("\x1b\\[([0-9;:]*)m")

// Without colours and without Unicode every state is still told, by word.
func TestFault_TRM04_NoColourASCII(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		f.Appliance("dc1-lxca").LXCA.AddForeignLock("FC", time.Hour)
		f.Appliance("new-lxca").LXCA.AddBackup(xclarity.Backup{Label: "nächtlich", Locations: []string{"internal"}})
	}
	o := uitest.Options{Args: []string{"--ascii"}, Env: []string{"NO_COLOR=1"}, Prepare: prepare}
	play(t, o, func(x *uitest.Terminal) {
		onlyASCII := func() {
			t.Helper()
			for i, r := range x.Screen() {
				if r > 0x7e || (r < 0x20 && r != '\n') {
					t.Fatalf("%q at %d is not ASCII:\n%s", r, i, x.Screen())
				}
			}
		}
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you").Until("FC Operating", "another").Until("dc1-lxca", "LXCA")
		onlyASCII()
		for _, k := range []string{"?", "esc", "3", "space", "enter", "esc", "c", "esc", "m", "esc", "2", "e", "esc", "r", "esc", "s", "/", "esc", "6"} {
			x.Press(k)
			onlyASCII()
		}
		x.Fleet.Appliance("dc1-lxca").LXCA.SetAway(true)
		x.Until("dc1-lxca", "restarting")
		onlyASCII()
		for _, m := range colours.FindAllStringSubmatch(x.Raw(), -1) {
			for _, p := range strings.Split(m[1], ";") {
				if !slices.Contains([]string{"", "0", "1", "7", "22", "27"}, p) {
					t.Fatalf("a colour was written: %q", m[0])
				}
			}
		}
	})
}

// hostile is words that an appliance may tell, with what would take a terminal over; TAIL must still be readable.
var hostile = []string{
	"esc \x1b[31;5mred\x1b[2J TAIL1", "title \x1b]0;pwned\x07 TAIL2", "open \x1b]8;;x://e TAIL3", "clip \x1b]52;c;cHduZWQ=\x07 TAIL4",
	"cr over\rwritten TAIL5", "c1 \u009b31m\u009d0;pwned\u009c TAIL6", "bidi \u202edesrever\u2066 TAIL7", "del \x7f\b\b\b TAIL8",
	"zero \u200b\u200d\ufeff TAIL9", "line \u2028\u2029\n TAIL10", "dcs \x1bPq#0;2;0;0;0\x1b\\ TAIL11",
}

// allowed reports what in the bytes to a terminal this program does not write by itself.
func allowed(raw string) error {
	state := byte(0)
	p := ansi.NewParser()
	for len(raw) > 0 {
		seq, _, n, next := ansi.DecodeSequence(raw, state, p)
		raw, state = raw[n:], next
		r := []rune(seq)[0]
		switch {
		case strings.HasPrefix(seq, "\x1b]2;"), strings.HasPrefix(seq, "\x1b]0;"):
			if !regexp.MustCompile(`^\x1b\]\d;(holdfast: [0-9a-z, ]+)?(\x07|\x1b\\)$`).MatchString(seq) {
				return fmt.Errorf("title %q", seq)
			}
		case strings.HasPrefix(seq, "\x1b]"):
			if !regexp.MustCompile(`^\x1b\](11;\?|52;c;[A-Za-z0-9+/=]*|111)(\x07|\x1b\\)$`).MatchString(seq) {
				return fmt.Errorf("OSC %q", seq)
			}
		case strings.HasPrefix(seq, "\x1bP"):
			if !strings.HasPrefix(seq, "\x1bP+q") { // asks what the terminal can do
				return fmt.Errorf("DCS %q", seq)
			}
		case seq == "\x1b[5m", strings.Contains(seq, ";5m"), seq == "\x1b[31;5m":
			return fmt.Errorf("colours of somebody else %q", seq)
		case r == '\x1b', r == '\n', r == '\r', r == '\b', r == '\t':
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return fmt.Errorf("control %q", seq)
		}
	}
	return nil
}

// Nothing that an appliance tells reaches the terminal as it is, on any screen, and what stands after it is still seen.
func TestFault_DAT07_HostileLabels(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Switches = []string{"message-text=hostile"}
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		for i, label := range hostile {
			a.AddBackup(xclarity.Backup{Label: label, By: label, Version: label, Checksum: label, Locations: []string{"internal", share},
				Taken: time.Now().Add(time.Duration(i) * time.Minute)})
		}
		if _, err := a.StartTransfer(xclarity.Transfer{Operation: "push", UUID: a.Backups()[3].UUID, Destination: hostile[0], User: hostile[5]}); err != nil {
			t.Errorf("start a transfer: %v", err)
		}
	}
	play(t, uitest.Options{Sim: cfg, Prepare: prepare, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		seen := 0
		check := func() {
			t.Helper()
			raw := x.Raw()
			if err := allowed(raw[seen:]); err != nil {
				t.Fatalf("%v\n%s", err, x.Screen())
			}
			seen = len(raw)
		}
		x.Press("3", "z", "g")
		for i := range hostile {
			x.Until(fmt.Sprintf("TAIL%d", i+1))
		}
		check()
		for range 5 { // newest first
			x.Press("enter").Until("TAIL").Press("G")
			check()
			x.Press("esc", "c").Until("TAIL").Press("esc", "m").Until("TAIL").Press("enter", "esc", "esc", "j")
			check()
		}
		x.Press("g", "c").Type("internal").Press("enter", "esc", "z", "4", "enter", "esc", "6", "enter", "esc", "5", "enter", "esc")
		x.Press("3", "/").Paste(hostile[0]).Press("enter", "esc")
		check()
		if got := x.Title(); !strings.HasPrefix(got, "holdfast: ") {
			t.Errorf("title %q", got)
		}
		if strings.Contains(x.Clipboard(), "pwned") {
			t.Error("a label has written the clipboard")
		}
		x.Press("3", "z", "g", "enter", "Y") // what we copy holds no control either
		if strings.ContainsFunc(strings.ReplaceAll(x.Clipboard(), "\n", ""), unicode.IsControl) {
			t.Errorf("copied: %q", x.Clipboard())
		}
	})
}

// Text behind a hostile label stands on the same line, in its own column.
func TestFault_DAT08_TextAfterIsSeen(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		a.AddBackup(xclarity.Backup{Label: "a\x1b]0;never ends", Size: 4_200_000_000, Locations: []string{"internal"}, Taken: time.Now()})
		a.AddBackup(xclarity.Backup{Label: "b\rover", Size: 4_300_000_000, Locations: []string{"internal"}, Taken: time.Now()})
	}
	play(t, uitest.Options{Sim: cfg, Prepare: prepare}, func(x *uitest.Terminal) {
		x.Press("3", "z").Until("never ends", "4.2 GB", "internal", "│").Until("over", "4.3 GB", "internal", "│")
		if got := len([]rune(x.Line("never ends"))); got != 120 {
			t.Errorf("the line is %d cells wide", got)
		}
	})
}
