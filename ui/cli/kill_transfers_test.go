package cli

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
	"holdfast/appliance/sim/xclarity"
)

var putData = regexp.MustCompile(`^PUT .*/managementServer/data$`)

// transferActs are those about backups.
func transferActs() []act {
	one := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}, Backups: 1, Speed: 100}
	two := one
	two.Appliances = []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}, {Name: "new", Kind: sim.KindLXCA, Fresh: true}}
	slow := two
	slow.Speed = 0.05
	return []act{
		{name: "copy", request: putData, verb: "copy", sims: one, tracks: true, asks: "Copy nightly",
			begin: func(k *killed) {
				k.onBackup("c", "Copy nightly")
				k.c.press("my_remote")
				k.c.until("narrowed to")
				k.c.press("\r")
				k.c.until("Yes, copy")
				k.c.press("y")
			}, check: func(k *killed) { k.transferred("copy", "internal", xclarity.DefaultShare) }},
		{name: "move", request: putData, verb: "move", sims: one, tracks: true, asks: "Move nightly",
			begin: func(k *killed) {
				k.onBackup("m", "Move nightly")
				k.c.press("my_remote")
				k.c.until("narrowed to")
				k.c.press("\r")
				k.typeCode()
			}, check: func(k *killed) { k.transferred("move", xclarity.DefaultShare) }},
		{name: "push", request: putData, verb: "push", sims: two, tracks: true, asks: "Push nightly", begin: pushBackup,
			check: func(k *killed) { k.transferred("push", "internal") }},
		{name: "cancel push", request: putData, verb: "cancel push", sims: slow, asks: "Cancel push",
			prepare: func(k *killed) {
				pushBackup(k)
				k.c.until("push → new", "1 running", "%")
				k.site.until("the record of the push", func() bool { return len(k.open()) == 0 && len(k.transits()) == 1 })
			},
			begin: func(k *killed) {
				k.c.press("4")
				k.c.press("g")
				k.c.press("x")
				k.c.until("Cancel push")
				k.c.press("y")
			}, check: cancelled},
	}
}

// onBackup opens a dialog about the one backup of dc1.
func (k *killed) onBackup(key, title string) {
	k.c.until("nightly-")
	k.c.press("1")
	k.c.press("g")
	k.c.press("3")
	k.c.press("g")
	k.c.press(key)
	k.c.until(title)
}

// typeCode types what is asked for.
func (k *killed) typeCode() { k.c.press(k.c.match(`Type (\S+) and press enter`)[1] + "\r") }

func pushBackup(k *killed) {
	k.onBackup("p", "Push nightly")
	k.c.until("▸ new")
	k.c.press("\r")
	k.typeCode()
}

// transferred wants the transfer made once if its request had an effect and never else, what is not known looked for and told,
// and the backup where it then is, which is never nowhere.
func (k *killed) transferred(kind string, places ...string) {
	k.t.Helper()
	want := 0
	if k.at.took() {
		want = 1
	} else {
		places = []string{"internal"}
	}
	if !k.at.took() && k.at.open() {
		k.tells("whether it ran is looked for")
		k.pass(65 * time.Second) // as long as a request may take
	}
	k.site.until("its end", func() bool { return len(k.open()) == 0 && len(k.transits()) == 0 && !k.runs() })
	if n := k.happened("job.started", func(e kit.Effect) bool { return e.Kind == kind }); n != want {
		k.t.Errorf("it ran %d times", n)
	}
	if b := k.sims.Appliance("dc1").LXCA.Backups()[0]; !slices.Equal(b.Locations, places) {
		k.t.Errorf("the backup is in %q", b.Locations)
	}
	if kind == "push" && k.happened("backup.arrived", nil) != want {
		k.t.Error("it has not arrived once")
	}
	none := strings.Contains(k.told(), "unknown, nothing found") || strings.Contains(k.told(), "is not moved")
	if none != (!k.at.took() && k.at.open()) {
		k.t.Errorf("that nothing was found was said: %v", none)
	}
	if k.at.took() && !strings.Contains(k.told(), "ended: Complete") && !strings.Contains(k.told(), "as the listing") {
		k.t.Error("that it was done was not said")
	}
}

// runs reports whether a job of a transfer is under way.
func (k *killed) runs() bool {
	return slices.ContainsFunc(k.sims.Appliance("dc1").LXCA.Jobs(), func(j xclarity.Job) bool { return j.State == "Running" || j.State == "Pending" })
}

// cancelled wants the push cancelled once if the request had its effect, else never, and the push followed in both cases.
func cancelled(k *killed) {
	k.tells("is followed further: job")
	want := 0
	if k.at.took() {
		want = 1
		k.site.until("the end of the push", func() bool { return len(k.transits()) == 0 })
	}
	if n := k.happened("push.cancelled", nil); n != want {
		k.t.Errorf("it was cancelled %d times", n)
	}
	if k.runs() == k.at.took() || k.happened("backup.arrived", nil) != 0 {
		k.t.Error("it goes on, or not, as it should not")
	}
	if n := k.front.sent(putData) - k.before; n > 1 {
		k.t.Errorf("it was asked for %d times", n)
	}
}
