package uitest_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// shown is the fleet of the README's picture: that of the demo, whose chance has a fixed seed here.
func shown() uitest.Options {
	o := gallery(uitest.Options{Width: 112, Height: 26})
	o.Sim.Jobs, o.Sim.Speed = 0, 0.05
	o.Mark = func() float64 { return 0.5 }
	o.Prepare = func(f *sim.Fleet) {
		dc1, dc2 := f.Appliance("dc1-lxca").LXCA, f.Appliance("dc2-lxca").LXCA
		dc1.AddForeignLock("FC", 90*time.Second)
		dc1.AddForeignLock("SS", 47*time.Minute)
		dc2.AddForeignLock("DM", 13*time.Minute)
		f.Appliance("ecb-core").ECB.LockByOther(broker.SourceGUI)
		for i, b := range dc1.Backups() {
			if i%2 == 1 && dc1.RemoveBackup(b.UUID, "all") { // every other one lies on the share too
				b.Locations = []string{xclarity.Internal, xclarity.DefaultShare}
				dc1.AddBackup(b)
			}
		}
		copied := xclarity.Transfer{Operation: "copy", UUID: dc2.Backups()[0].UUID, Destination: xclarity.DefaultShare, User: "otto"}
		if _, err := dc2.StartTransfer(copied); err != nil {
			panic(err) // of the test itself
		}
	}
	o.Config = func(text string) string {
		return text + "\n[[appliance]]\nname = \"old-lxca\"\nkind = \"lxca\"\nurl = \"https://198.18.0.99\"\nuser = \"admin\"\n" +
			"password_file = \"dc1-lxca.password\"\n"
	}
	return o
}

// swaying is what differs a little from run to run: what is left of the locks of others, which each list tells to about a second,
// and how far a job is.
var swaying = regexp.MustCompile(`(another +)\d\d:\d\d \S+  \d\d:\d\d:\d\d|\d\d % [━╸─]+|about \S+ left`)

// blurred is a picture without that.
func blurred(picture string) string { return swaying.ReplaceAllString(picture, "$1…") }

// The picture in the README is what the program draws. After a meant change: HOLDFAST_UPDATE_README=1 go test ./ui/uitest -run
// ReadmePicture, and look at it.
func TestReadmePicture(t *testing.T) {
	t.Parallel()
	const readme, begin, end = "../../README.md", "```\n HOLDFAST ", "\n```\n"
	whole, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(whole), begin)
	stands, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the README has no picture")
	}
	var lines []string
	uitest.Run(t, shown(), func(x *uitest.Terminal) {
		x.Until("6 appliances", "5 up", "1 down")
		x.Press("1", "g", "a").Until("Acquire a lock on dc1-lxca").Press("enter").Until("you took UP Updates")
		x.Press("2", "g", "K").Until("Keep").Press("enter").Until("you · kept")
		x.Advance(time.Until(time.Date(2000, 1, 1, 0, 0, 40, 500_000_000, time.UTC)))
		for line := range strings.Lines(x.Screen()) {
			lines = append(lines, strings.TrimRight(line, " \n"))
		}
	})
	picture := strings.Join(lines, "\n")
	if os.Getenv("HOLDFAST_UPDATE_README") != "" {
		fresh := before + "```\n" + picture + end + after
		if err := os.WriteFile(readme, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if blurred(" HOLDFAST "+stands) != blurred(picture) {
		t.Errorf("the README's picture is stale; HOLDFAST_UPDATE_README=1 go test ./ui/uitest -run ReadmePicture draws it anew:\n%s", picture)
	}
}
