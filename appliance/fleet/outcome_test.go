package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// lost has the next transfer's answer lost, before or after its effect.
func (b *bench) lost(effect bool) {
	b.f.with(func() {
		hook := func(call string) error {
			if call == "transfer" || call == "delete" {
				return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
			}
			return nil
		}
		if effect {
			b.f.after = hook
			return
		}
		b.f.before = func(_ context.Context, call string) error { return hook(call) }
	})
}

// JOB-01: only a job that says itself that it is ours is taken for it.
func TestFault_JOB01_OnlyTheJobThatIsAboutTheBackupIsAdopted(t *testing.T) {
	mine := nightly().ID
	live := func(change func(*appliance.Job)) appliance.Job {
		j := appliance.Job{ID: "99", Phase: appliance.PhaseRunning, By: appliance.Label("ADMIN"), Verb: appliance.VerbPush, Backup: mine}
		change(&j)
		return j
	}
	for _, c := range []struct {
		what  string
		jobs  []appliance.Job
		adopt appliance.JobID
	}{
		{"it is", []appliance.Job{live(func(*appliance.Job) {})}, "99"},
		{"its kind is not told", []appliance.Job{live(func(j *appliance.Job) { j.Verb = "" })}, "99"},
		{"its user is not told", []appliance.Job{live(func(j *appliance.Job) { j.By = appliance.Text{} })}, "99"},
		{"another kind", []appliance.Job{live(func(j *appliance.Job) { j.Verb = appliance.VerbCopy })}, ""},
		{"another backup", []appliance.Job{live(func(j *appliance.Job) { j.Backup = "other" })}, ""},
		{"no backup is told", []appliance.Job{live(func(j *appliance.Job) { j.Backup = "" })}, ""},
		{"a firmware job of the same user", []appliance.Job{live(func(j *appliance.Job) { j.Backup, j.Verb = "", "" })}, ""},
		{"another user", []appliance.Job{live(func(j *appliance.Job) { j.By = appliance.Label("otto") })}, ""},
		{"two", []appliance.Job{live(func(*appliance.Job) {}), live(func(j *appliance.Job) { j.ID = "100" })}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, withNightly, func(t *testing.T, b *bench) {
				b.f.with(func() {
					b.f.before = func(_ context.Context, call string) error {
						if call != "transfer" {
							return nil
						}
						b.f.with(func() { b.f.jobs = append(b.f.jobs, c.jobs...) })
						return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
					}
				})
				r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
				must(t, "the job", r.Job, c.adopt)
				must(t, "push is ours", b.snap().Push.Ours, c.adopt != "")
				if c.adopt == "" {
					mustIs(t, err, appliance.ErrAmbiguous)
					must(t, "mine", b.snap().Jobs[0].Mine, false)
				}
				must(t, "sent", b.f.asked("transfer"), 1)
			})
		})
	}
}

// A job that began between our last poll and our request is not of our request.
func TestFault_JOB01_TheJobsAreListedJustBefore(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.pass(3 * time.Second)
		b.f.with(func() {
			b.f.jobs = []appliance.Job{{ID: "8", Phase: appliance.PhaseRunning, Verb: appliance.VerbCopy, Backup: nightly().ID}}
		})
		b.lost(false)
		_, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "mine", b.snap().Jobs[0].Mine, false)
	})
}

// JOB-01: nothing is said of an unknown transfer before it was looked for three times, and it is guarded meanwhile.
func TestFault_JOB01_UnknownIsSearchedForBeforeAnythingIsSaid(t *testing.T) {
	for _, c := range []struct {
		verb appliance.Verb
		says string
	}{
		{appliance.VerbMove, "is not moved: it lies in internal as before, and no job of it was found"},
		{appliance.VerbCopy, "unknown, nothing found: no job of the copy of nightly to /mnt/nas"},
		{appliance.VerbPush, "unknown, nothing found: no job of the push of nightly to /mnt/nas"},
	} {
		t.Run(string(c.verb), func(t *testing.T) {
			run(t, withNightly, func(t *testing.T, b *bench) {
				b.lost(false)
				act := send(c.verb, "/mnt/nas")
				_, err := b.do(act)
				mustIs(t, err, appliance.ErrAmbiguous)
				lists := b.f.asked("backups")
				for range 55 {
					must(t, "said too early", len(b.events(Warn)), 0)
					why := b.e.WhyNot(maria, "dc1", act)
					must(t, "guard: "+why, strings.Contains(why, "is being looked at"), true)
					must(t, "moving", b.snap().Backups[0].Moving, true)
					b.pass(time.Second)
				}
				b.pass(30 * time.Second)
				mustSay(t, b.events(Warn), c.says)
				must(t, "listings", b.f.asked("backups")-lists >= 3, true)
				must(t, "sent", b.f.asked("transfer"), 1)
				b.f.with(func() { b.f.before = nil })
				must(t, "guard", b.e.WhyNot(maria, "dc1", act), "")
			})
		})
	}
}

// Time alone tells nothing: it is the listings that count.
func TestFault_JOB01_ThreeListingsWhateverTheyTake(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.f.with(func() {
			sent := false
			b.f.before = func(_ context.Context, call string) error {
				switch {
				case call == "transfer":
					sent = true
					return appliance.ErrAmbiguous
				case call == "backups" && sent:
					return appliance.ErrMalformed
				}
				return nil
			}
		})
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(5 * time.Minute)
		b.f.with(func() { b.f.before = nil })
		b.pass(21 * time.Second)
		must(t, "listings", b.f.asked("space") > 1, true)
		must(t, "said too early", len(b.events(Warn)), 0)
		b.pass(time.Minute)
		mustSay(t, b.events(Warn), "is not moved")
	})
}

// What an operator decided on an older listing is done only if a fresh one still says the same; else nothing is sent.
func TestFault_JOB10_ALookJustBefore(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fake)
		want   error
	}{
		"changed":    {func(f *fake) { f.backups[0].Checksum = appliance.Label("another") }, ErrRefusedByUs},
		"gone":       {func(f *fake) { f.backups = nil }, ErrRefusedByUs},
		"there":      {func(f *fake) { f.backups[0].Locations = append(f.backups[0].Locations, "/mnt/nas") }, ErrRefusedByUs},
		"unreadable": {func(f *fake) { f.before = failing("backups", appliance.ErrMalformed) }, appliance.ErrMalformed},
		"the same":   {func(*fake) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, withNightly, func(t *testing.T, b *bench) {
				b.f.with(func() { c.change(b.f) })
				_, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
				sent := 1
				if c.want != nil {
					mustIs(t, err, c.want)
					sent = 0
				}
				must(t, "sent", b.f.asked("transfer"), sent)
			})
		})
	}
}

// failing is an appliance of which one call fails.
func failing(which string, err error) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		if call == which {
			return err
		}
		return nil
	}
}

// One push at a time (JOB-06), also while nobody knows whether one runs.
func TestFault_JOB01_NoOtherPushMeanwhile(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		other := nightly()
		other.ID = "aaaaaaaa-08d1-49b5-b7f3-7e8edc4fd278"
		b.f.backups = append(b.f.backups, other)
	}, func(t *testing.T, b *bench) {
		b.lost(false)
		_, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
		mustIs(t, err, appliance.ErrAmbiguous)
		other := send(appliance.VerbPush, "198.18.0.8")
		other.Transfer.Backup = "aaaaaaaa-08d1-49b5-b7f3-7e8edc4fd278"
		_, err = b.do(other)
		mustIs(t, err, ErrRefusedByUs)
		other.Verb, other.Transfer.Verb = appliance.VerbCopy, appliance.VerbCopy
		other.Transfer.Destination = "/mnt/nas"
		must(t, "a copy of another", b.e.WhyNot(maria, "dc1", other), "")
	})
}

// As long as a job lives that could be the transfer, it is not said that there was none, and nothing is sent again.
func TestFault_JOB01_AJobThatCouldBeItKeepsTheGuard(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.lost(false)
		act := send(appliance.VerbMove, "/mnt/nas")
		_, err := b.do(act)
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(10 * time.Second)
		b.f.with(func() {
			b.f.jobs = []appliance.Job{{ID: "77", Phase: appliance.PhaseRunning, By: appliance.Label("ADMIN")}}
		})
		b.pass(10 * time.Minute)
		must(t, "said", len(b.events(Warn)), 0)
		must(t, "guard", b.e.WhyNot(maria, "dc1", act) != "", true)
		must(t, "mine", b.snap().Jobs[0].Mine, false)
		b.f.with(func() { b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"} })
		b.f.end("77", appliance.PhaseSucceeded, "Complete")
		b.pass(90 * time.Second)
		mustSay(t, b.events(Warn), "is moved to /mnt/nas, as the listing says, although no job said success")
	})
}

// The job shows up late and says what it is: from then on it is followed like any other of ours.
func TestFault_JOB01_LateJobIsAdopted(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.lost(false)
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(10 * time.Second)
		b.f.with(func() {
			b.f.jobs = []appliance.Job{{
				ID: "77", Phase: appliance.PhaseRunning, By: appliance.Label("ADMIN"), Verb: appliance.VerbMove, Backup: nightly().ID,
			}}
		})
		b.pass(20 * time.Second)
		must(t, "mine", b.snap().Jobs[0].Mine && b.snap().Jobs[0].Who == "maria", true)
		b.f.with(func() { b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"} })
		b.f.end("77", appliance.PhaseSucceeded, "Complete")
		b.pass(10 * time.Second)
		mustSay(t, b.events(Good), "is moved to /mnt/nas")
	})
}

// What the listing shows settles it, for a copy here and for a push at its target.
func TestFault_JOB01_FoundAtItsDestination(t *testing.T) {
	for _, c := range []struct {
		verb appliance.Verb
		to   string
		had  bool
		says string
		good bool
	}{
		{appliance.VerbCopy, "/mnt/nas", false, "the copy of nightly to /mnt/nas took place", true},
		{appliance.VerbPush, "198.18.0.dc2", false, "the push of nightly to dc2 (198.18.0.dc2) arrived", true},
		{appliance.VerbPush, "198.18.0.dc2", true, "unknown, nothing found", false},
	} {
		t.Run(fmt.Sprint(c.verb, c.had), func(t *testing.T) {
			run(t, func(b *bench, o *Options) {
				withNightly(b, o)
				b.add("dc2")
				if c.had {
					b.fakes[1].backups = []appliance.Backup{nightly()}
				}
			}, func(t *testing.T, b *bench) {
				b.lost(false)
				_, err := b.do(send(c.verb, c.to))
				mustIs(t, err, appliance.ErrAmbiguous)
				b.pass(5 * time.Second)
				b.f.with(func() { b.f.backups[0].Locations = append(b.f.backups[0].Locations, "/mnt/nas") })
				b.fakes[1].with(func() { b.fakes[1].backups = []appliance.Backup{nightly()} })
				b.pass(2 * time.Minute)
				level := Warn
				if c.good {
					level = Good
				}
				mustSay(t, b.events(level), c.says)
				must(t, "guard", b.e.WhyNot(maria, "dc1", send(appliance.VerbPush, c.to)), "")
			})
		})
	}
}

func TestFault_JOB02_NoJobNamed(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.noJob = true })
		r, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		must(t, "error", err, nil)
		must(t, "the job that showed up", r.Job, "1")
		must(t, "sent", b.f.asked("transfer"), 1)
	})
}

func TestFault_JOB07_VanishedJobIsToldAndChecked(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		must(t, "error", err, nil)
		b.pass(5 * time.Second)
		b.f.with(func() { b.f.jobs = nil })
		b.pass(10 * time.Second)
		mustSay(t, b.events(Warn), "not listed any more")
		must(t, "what became of it is not said yet", len(b.events(Warn)), 1)
		must(t, "moving", b.snap().Backups[0].Moving, true)
		b.pass(90 * time.Second)
		mustSay(t, b.events(Warn), "is not moved")
	})
}

func TestFault_JOB07_VanishedJobIsAskedForByID(t *testing.T) {
	onGetter(t, func(t *testing.T, b *bench, g *getter) {
		r, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		must(t, "error", err, nil)
		b.pass(5 * time.Second)
		must(t, "asked for while it is listed", b.f.asked("get job"), 0)
		var job appliance.Job
		b.f.with(func() {
			job, b.f.jobs = b.f.jobs[0], nil
			g.job = func(appliance.JobID) (appliance.Job, error) { return job, nil }
		})
		b.pass(10 * time.Second)
		must(t, "asked for", b.f.asked("get job") > 0, true)
		must(t, "told", len(b.events(Warn)), 0)
		must(t, "it is shown", b.snap().Jobs[0].ID, r.Job)
		b.f.with(func() { g.job = func(appliance.JobID) (appliance.Job, error) { return job, appliance.ErrUnreachable } })
		b.pass(10 * time.Second)
		must(t, "told", len(b.events(Warn)), 0)
		b.f.with(func() { g.job = func(appliance.JobID) (appliance.Job, error) { return job, appliance.ErrGone } })
		b.pass(10 * time.Second)
		mustSay(t, b.events(Warn), "not listed any more")
	})
}

// Without a checksum on both sides nothing says that it is the same.
func TestFault_JOB04_NoChecksumIsNoAgreement(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		b.f.backups[0].Checksum = appliance.Text{}
	}, func(t *testing.T, b *bench) {
		act := send(appliance.VerbMove, "/mnt/nas")
		act.Transfer.Checksum = appliance.Text{}
		r, err := b.do(act)
		must(t, "error", err, nil)
		b.f.with(func() { b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"} })
		b.f.end(r.Job, appliance.PhaseSucceeded, "Complete")
		b.pass(10 * time.Second)
		mustSay(t, b.events(Warn), "is moved to /mnt/nas, as the listing says; whether it is the same cannot be told")
		must(t, "good news", strings.Contains(strings.Join(b.events(Good), "|"), "is moved"), false)
	})
}

// Nor do listings that were asked for while the request could still have its effect, however many: a move that came a little later is
// found out by the next.
func TestFault_JOB01_OnlyAListingAfterTheLastEffectTells(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.lost(false)
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(50 * time.Second)
		looks := b.f.asked("backups")
		b.pass(5 * time.Second)
		must(t, "looks", looks >= 3, true)
		b.f.with(func() { b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"} })
		b.pass(2 * time.Minute)
		must(t, "said"+b.story(), strings.Contains(b.story(), "is not moved"), false)
		mustSay(t, b.events(Warn), "is moved to /mnt/nas")
	})
}
