package uitest_test

import (
	"slices"
	"testing"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// lies is where a backup of dc1-lxca really is.
func lies(t *testing.T, x *uitest.Terminal, label string) []string {
	t.Helper()
	for _, b := range x.Fleet.Appliance("dc1-lxca").LXCA.Backups() {
		if b.Label == label {
			return b.Locations
		}
	}
	return nil
}

// Maria copies a backup to the share: she sees the job run and end, and then the backup in both places.
func TestCopy(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "c").Until("Copy nightly-1231 of dc1-lxca")
		x.Until("choose, or type a mount point")
		x.Type(share).Until("narrowed to", share).Press("enter").Until("[  No  ]").Until("to", share)
		x.Press("y").Until("copy → ", "dc1-lxca")
		x.UntilMatch(`copy → \S+ +dc1-lxca +[1-9]\d? %`)
		x.UntilMatch(`copy → \S+ +dc1-lxca +Complete`)
		x.Until("nightly-1231", "internal, my_")
		if got := lies(t, x, "nightly-1231"); !slices.Equal(got, []string{"internal", share}) {
			t.Errorf("it lies in %q", got)
		}
	})
}

// A destination that cannot work is offered with its reason, and cannot be taken.
func TestCopyToWhereItLies(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "c").Until("internal", "it lies there already")
		x.Type("internal").Press("enter").Until("internal: it lies there already")
		x.Press("ctrl+u").Type("not a path").Press("enter").Until("type a mount point like")
		x.Press("esc").UntilGone("Copy nightly")
		unchanged(t, x, nil)
	})
}

// Moving deletes the original: it wants the code, and says why.
func TestMove(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "m").Until("Move nightly-1231 of dc1-lxca")
		x.Type("my_remote").Press("enter").Until("There is no way").Until("to", share)
		word := code(t, x)
		x.Press("enter").Until("that is not the code")
		x.Type(word).Press("enter").Until("move → ", "dc1-lxca")
		x.UntilMatch(`nightly-1231 [^│]*GB[^│]* my_`)
		x.UntilGone("nightly-1231", "internal")
		if got := lies(t, x, "nightly-1231"); !slices.Equal(got, []string{share}) {
			t.Errorf("it lies in %q", got)
		}
	})
}

// Maria pushes a backup to the appliance that is newly set up, goes there, and sees it.
func TestPush(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1230", "internal").Press("3", "j", "p").Until("Push nightly-1230 of dc1-lxca")
		x.Until("new-lxca (198.18.0.2)").Press("enter").Until("The target should be newly set up")
		x.Type(code(t, x)).Press("enter").Until("push → new-lxca", "dc1-lxca")
		x.UntilMatch(`push → \S+ +dc1-lxca +Complete`)
		x.Press("1", "j", "R").Until("3 Backups · new-lxca").Until("nightly-1230", "internal")
		if n := len(effects(x, "new-lxca", "backup.arrived")); n != 1 {
			t.Errorf("%d backups have arrived", n)
		}
	})
}

// Cancelling our own push wants a yes; nothing arrives.
func TestCancelPush(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "p", "enter")
		x.Type(code(t, x)).Press("enter").Until("push → new-lxca", "%")
		x.Press("4", "g", "x").Until("Cancel push → new-lxca on dc1-lxca").Until("the push that runs on dc1-lxca")
		x.Until("[  No  ]").Until("/managementServer/data").Press("y")
		x.Until("cancelled the running push")
		x.UntilMatch(`push → \S+ +dc1-lxca +(Cancel|Stopp|Abort)`)
		if n := len(effects(x, "dc1-lxca", "push.cancelled")); n != 1 {
			t.Errorf("cancelled %d times", n)
		}
		if n := len(effects(x, "new-lxca", "backup.arrived")); n != 0 {
			t.Errorf("%d backups have arrived", n)
		}
	})
}

// A dialog about a push that ends meanwhile can confirm nothing any more, and says why.
func TestFault_JOB06_TheJobEndsMeanwhile(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "p", "enter")
		x.Type(code(t, x)).Press("enter").Until("push → new-lxca", "%")
		x.Press("4", "g", "x").Until("Cancel push → new-lxca on dc1-lxca")
		x.Until("The job has ended: Complete. Nothing was sent.").Press("y", "enter", "esc")
		x.Until("0 running").Never("that takes the code")
		if n := len(effects(x, "dc1-lxca", "push.cancelled")); n != 0 {
			t.Errorf("cancelled %d times", n)
		}
	})
}

// A job of somebody else is cancelled with the code only.
func TestCancelForeignJob(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Speed = 0.05
	play(t, uitest.Options{Sim: cfg, Prepare: foreignCopy(t)}, func(x *uitest.Terminal) {
		x.Until("1 running").Press("4", "g", "x").Until("Cancel")
		x.Press("enter")
		x.Type(code(t, x)).Press("enter").Until("asked for job")
		x.Until("0 running")
		if job := x.Fleet.Appliance("dc1-lxca").LXCA.Jobs()[0]; job.State != "Cancelled" {
			t.Errorf("the job is %+v", job)
		}
		x.Press("x").Until("cancel: the job has ended")
	})
}

// Several marked backups are copied at once, each by a job of its own.
func TestCopyMarked(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "space", "space").Until("2 marked")
		x.Press("p").Until("push: an appliance runs one push at a time")
		x.Press("c").Until("Copy 2 backups of dc1-lxca").Type(share).Press("enter").Until("[  No  ]").Press("y")
		x.UntilGone("marked").Until("nightly-1231", "internal, my_").Until("nightly-1230", "internal, my_")
		if n := len(effects(x, "dc1-lxca", "backup.copied")); n != 2 {
			t.Errorf("%d were copied", n)
		}
		if got := lies(t, x, "nightly-1229"); !slices.Equal(got, []string{"internal"}) {
			t.Errorf("the one that was not marked lies in %q", got)
		}
	})
}

// Moving several wants their number.
func TestMoveMarked(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "space", "space", "m").Until("Move 2 backups")
		x.Type(share).Press("enter")
		if got := code(t, x); got != "2" {
			t.Errorf("the code is %q", got)
		}
		x.Press("3", "enter").Until("that is not the code")
		unchanged(t, x, nil)
		x.Press("2", "enter").UntilMatch(`nightly-1230 [^│]*GB[^│]* my_`)
		x.UntilMatch(`nightly-1231 [^│]*GB[^│]* my_`)
		if got := lies(t, x, "nightly-1230"); !slices.Equal(got, []string{share}) {
			t.Errorf("it lies in %q", got)
		}
	})
}

// What is confirmed is named by what cannot look alike: the id and the beginning of the checksum.
func TestFault_DAT10_ConfirmationsNameTheBackup(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) { // the second looks like the first
		f.Appliance("dc1-lxca").LXCA.AddBackup(xclarity.Backup{Label: "nightly-1231\u200b", Locations: []string{"internal"}})
	}
	play(t, uitest.Options{Prepare: prepare}, func(x *uitest.Terminal) {
		backups := x.Fleet.Appliance("dc1-lxca").LXCA.Backups()
		for i, b := range []xclarity.Backup{backups[len(backups)-1], backups[0]} { // newest first
			x.Until("nightly-1231").Press("3", "g")
			for range i {
				x.Press("down")
			}
			for _, key := range []string{"c", "m", "p"} {
				x.Press(key).Until(b.UUID, "checksum "+b.Checksum[:8]).Press("esc")
			}
		}
	})
}
