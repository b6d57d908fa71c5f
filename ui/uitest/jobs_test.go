package uitest_test

import (
	"testing"
	"time"

	"holdfast/ui/uitest"
)

// Maria sees her own copy go on: which backup, where to, how fast, how much longer, and the parts that it consists of.
func TestJobsOfOurs(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Speed = 0.02
	play(t, uitest.Options{Sim: cfg, Width: 160, Height: 50}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Press("3", "g", "c").Type(share).Press("enter").Until("[  No  ]").Press("y").Until("copy → ")
		x.Advance(30 * time.Second)
		x.Press("4", "g", "z").Until("ID", "JOB", "BACKUP", "STATE", "LEFT", "RATE", "BY", "SINCE")
		x.UntilMatch(`▸ +\d+ +\+ copy → my_remote_share +dc1-lxca +nightly-1231 +Running +\d+ % [━╸─]+ +\d+m(\d+s)? +\d+\.\d MB/s +maria +Jan 01 00:0`)
		x.Press("t").UntilMatch(`\d+ +Check space +Complete`).UntilMatch(`\d+ +Copy package +Running +\d+ %`).UntilMatch(`Verify checksum +Pending`)
		x.Press("down", "x").Until("cancel: this is a part of job").Until("go to the job itself")
		x.Press("enter").Until("part of job").Press("esc", "up", "t").UntilGone("Check space")
	})
}

// The ID that dialogs name is on the screen at 120 columns, and time left and rate stand below the rows.
func TestJobsAt120(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Speed = 0.02
	play(t, uitest.Options{Sim: cfg, Prepare: foreignCopy(t)}, func(x *uitest.Terminal) {
		x.Press("4", "g")
		x.Advance(30 * time.Second)
		x.UntilMatch(`│ +ID +JOB`).UntilMatch(`▸ +\d+ +\+ Copy backup .*dc1-lxca +\d+ %`)
		x.UntilMatch(`about \d+m(\d+s)? left · by NIGHT-SHIFT`)
	})
}

// What finished a while ago folds away under one line, which tells how many ended without success; f calls them back, with the part
// that failed and what the appliance says (JOB-08).
func TestFault_JOB08_FinishedAreCalledBack(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Jobs = 5
	play(t, uitest.Options{Sim: cfg, Width: 120, Height: 40}, func(x *uitest.Terminal) {
		x.Until("10 · 0 running").Press("4", "z").Until("8 finished earlier, 2 without success  f shows them").Never("Stopped_With_Error")
		x.Press("f").Until("8 finished earlier, 2 without success  f folds them away").Until("Stopped_With_Error")
		x.Press("/").Type("stopped").Press("enter").Until("/stopped  2 of 10").Press("g", "t")
		x.UntilMatch(`Check space +Complete`).UntilMatch(`Copy package +Stopped_With_Error`).UntilMatch(`Verify checksum +Stopped_With_Error`)
		x.Until("The remote").Until("does not answer. · Remove the cause").Never("100 %")
		x.Press("esc", "f").UntilGone("Stopped_With_Error").Until("f shows them")
		unchanged(t, x, nil)
	})
}
