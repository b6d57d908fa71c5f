package uitest_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// What an appliance lists and nobody can read is left out and counted, and the count is on the screen: over the list, and among
// the appliance's notices; what can be read beside it is shown.
func TestFault_DAT05_UnreadableIsCounted(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		a := f.Appliance("dc1-lxca").LXCA
		for _, uuid := range []string{"no uuid", "../../etc/passwd"} {
			a.AddBackup(xclarity.Backup{UUID: uuid, Label: "lost " + uuid, Locations: []string{"internal"}, Taken: time.Now()})
		}
		e := f.Appliance("ecb-edge").ECB
		e.AddBackupFile("good.gz")
		e.AddBackupFile("no name.gz")
	}
	play(t, uitest.Options{Prepare: prepare, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		x.Until("3 Backups · dc1-lxca", "2 unreadable").Until("nightly-1231").Never("lost ")
		x.Press("1", "g", "enter").Until("warning", "2 of its backups cannot be read").Press("esc")
		onECB(x)
		x.Until("3 Backups · ecb-edge", "1 unreadable").Until("good.gz").Never("no name")
		x.Press("enter").Until("warning", "1 of its backups cannot be read").Press("esc")
		x.Press("g", "j").Until("▸ ● new-lxca").Never("unreadable", "cannot be read")
	})
}

// A certificate that was renewed with the same key is accepted and told; nothing else changes.
func TestFault_TLS03_RenewalIsTold(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one()}, func(x *uitest.Terminal) {
		x.Until("1 up").Press("1", "enter").Until("product", "LXCA").Never("renewed").Press("esc")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		a := x.Fleet.Appliance("dc1-lxca")
		before := a.Pin
		pin, err := a.SwapCertificate(sim.Cert{NotAfter: time.Now().Add(300 * 24 * time.Hour)})
		if err != nil || pin != before {
			t.Fatalf("pin %s, was %s, %v", pin, before, err)
		}
		if err := a.LXCA.Switches().Set("away", "close"); err != nil {
			t.Fatal(err)
		}
		a.LXCA.SetAway(true) // ends the connection that stands; the next one shows the new certificate
		x.UntilMatch(`dc1-lxca +(restarting|down)`)
		a.LXCA.SetAway(false)
		x.Until("1 up")
		x.Press("1", "enter").Until("its certificate was renewed, with the same key").Never("untrusted").Press("esc")
		x.Until("UP Updates", "you").Press("2", "g", "r", "y").Until("you released UP Updates")
	})
}

// The appliance shows another key between two polls, while we hold a lock there: nothing is sent to it any more, both fingerprints
// stand side by side with what to do, and what is known of the lock stays.
func TestFault_TLS02_SwappedBetweenPolls(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one(), Width: 160, Height: 50}, func(x *uitest.Terminal) {
		x.Until("1 up")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
		a := x.Fleet.Appliance("dc1-lxca")
		sent := func() (n int) {
			for _, k := range a.Requests() {
				n += k
			}
			return n
		}
		if _, err := x.Fleet.Faults().Add(rule(t, "swap-certificate")); err != nil {
			t.Fatal(err)
		}
		x.Advance(time.Second)
		before := sent()
		x.Until("1 untrusted").Until("dc1-lxca", "untrusted")
		x.Advance(5 * time.Minute)
		if n := sent() - before; n != 0 {
			t.Errorf("%d requests were sent to somebody else", n)
		}
		x.Until("UP Updates", "you").Press("1", "enter").Until("what to do", "holdfast trust dc1-lxca")
		screen := strings.Join(strings.Fields(strings.NewReplacer("│", "", "\n", " ").Replace(x.Screen())), "")
		for _, pin := range []string{a.Pin, sim.Pin(a.Certificate())} {
			if !strings.Contains(screen, pin) {
				t.Errorf("%s is not on the screen:\n%s", pin, x.Screen())
			}
		}
		x.Press("esc", "a").Until("acquire: it does not answer now (untrusted)")
	})
}
