package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

func TestFault_JOB06_OnlyThePushThatWasSeenIsCancelledWithoutTyping(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		cancel := func(job appliance.JobID, typed bool) error {
			_, err := b.do(appliance.Act{Verb: appliance.VerbCancelPush, Job: job, Typed: typed})
			return err
		}
		must(t, "before a dialog", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbCancelPush}), "")
		mustIs(t, cancel("", false), ErrRefusedByUs)
		must(t, "sent", b.f.asked("cancel push"), 0)
		must(t, "typed", cancel("", true), nil)
		must(t, "sent", b.f.asked("cancel push"), 1)

		r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
		must(t, "error", err, nil)
		mustIs(t, cancel("", false), ErrRefusedByUs)
		mustIs(t, cancel("98", false), ErrRefusedByUs)
		must(t, "sent", b.f.asked("cancel push"), 1)
		must(t, "ours", cancel(r.Job, false), nil)
		must(t, "sent", b.f.asked("cancel push"), 2)
		must(t, "good news", b.events(Good)[len(b.events(Good))-1], "cancelled the running push (ours, job 1 to 198.18.0.9)")

		b.f.with(func() { b.f.before = on("cancel push", appliance.ErrAmbiguous) })
		mustIs(t, cancel(r.Job, false), appliance.ErrAmbiguous)
		must(t, "never sent twice", b.f.asked("cancel push"), 3)
	})
}

// JOB-06: a foreign push starts, or ours ends and a foreign one starts, between the poll and the request.
func TestFault_JOB06_AForeignPushInTheGap(t *testing.T) {
	for _, c := range []struct {
		what string
		end  bool // ours ends
		job  appliance.Job
		ok   bool
	}{
		{"ours ends, another's begins", true, appliance.Job{Verb: appliance.VerbPush}, false},
		{"another's begins beside ours", false, appliance.Job{Verb: appliance.VerbPush}, false},
		{"a job that may be a push begins", false, appliance.Job{}, false},
		{"a job begins that is no push", false, appliance.Job{Verb: appliance.VerbCopy}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, withNightly, func(t *testing.T, b *bench) {
				r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
				must(t, "error", err, nil)
				b.pass(100 * time.Millisecond) // the next poll is not yet
				must(t, "the dialog sees ours", b.snap().Push.Job, r.Job)
				if c.end {
					b.f.end(r.Job, appliance.PhaseSucceeded, "Complete")
				}
				c.job.ID, c.job.Phase = "500", appliance.PhaseRunning
				b.f.with(func() { b.f.jobs = append(b.f.jobs, c.job) })
				_, err = b.do(appliance.Act{Verb: appliance.VerbCancelPush, Job: r.Job})
				if c.ok {
					must(t, "error", err, nil)
					return
				}
				mustIs(t, err, ErrRefusedByUs)
				must(t, "sent", b.f.asked("cancel push"), 0)
				must(t, "push", b.snap().Push, Push{})
				b.f.with(func() { b.f.jobs[1].Verb = appliance.VerbCopy }) // it tells later what it is
				b.pass(10 * time.Second)
				must(t, "then ours can be told", b.snap().Push.Ours, !c.end)
			})
		})
	}
}

func TestFault_JOB06_WithoutAFreshListNothingIsSent(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
		must(t, "error", err, nil)
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "jobs" {
					return appliance.ErrMalformed
				}
				return nil
			}
		})
		_, err = b.do(appliance.Act{Verb: appliance.VerbCancelPush, Job: r.Job})
		mustIs(t, err, ErrRefusedByUs)
		must(t, "sent", b.f.asked("cancel push"), 0)
	})
}

// I3: a job that was not started here is cancelled only when its code was typed.
func TestI3_ForeignJobs(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		b.f.jobs = []appliance.Job{{ID: "500", Phase: appliance.PhaseRunning, Cancellable: true}}
	}, func(t *testing.T, b *bench) {
		act := appliance.Act{Verb: appliance.VerbCancelJob, Job: "500"}
		must(t, "before the dialog", b.e.WhyNot(maria, "dc1", act), "")
		_, err := b.do(act)
		mustIs(t, err, ErrRefusedByUs)
		act.Typed = true
		_, err = b.do(act)
		must(t, "error", err, nil)
		r, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		must(t, "error", err, nil)
		_, err = b.do(appliance.Act{Verb: appliance.VerbCancelJob, Job: r.Job})
		must(t, "ours", err, nil)
		must(t, "cancelled", strings.Join(b.f.log, "|"), "cancel job 500|copy 4edf27ff-08d1-49b5-b7f3-7e8edc4fd278 /mnt/nas|cancel job 1")
	})
}

// A push goes to an appliance by name where it is one of ours, and its end is no alarm when we asked for it.
func TestFault_JOB06_CancelledAsAsked(t *testing.T) {
	for _, how := range []appliance.Verb{appliance.VerbCancelPush, appliance.VerbCancelJob, ""} {
		run(t, func(b *bench, o *Options) { withNightly(b, o); b.add("dc2") }, func(t *testing.T, b *bench) {
			r, err := b.do(send(appliance.VerbPush, "198.18.0.dc2"))
			must(t, "error", err, nil)
			must(t, "text", r.Text, "started the push of nightly to dc2 (198.18.0.dc2), job "+string(r.Job))
			b.pass(3 * time.Second)
			if how != "" {
				r, err = b.do(appliance.Act{Verb: how, Job: r.Job})
				must(t, "error", err, nil)
			}
			if how == appliance.VerbCancelPush {
				must(t, "text", r.Text, "cancelled the running push (ours, job "+string(r.Job)+" to dc2 (198.18.0.dc2))")
			}
			b.f.end(r.Job, appliance.PhaseProblem, "Cancelled")
			b.pass(3 * time.Second)
			if how == "" {
				mustSay(t, b.events(Alarm), "(push of nightly to dc2 (198.18.0.dc2)) ended: Cancelled")
				return
			}
			must(t, "alarms", len(b.events(Alarm)), 0)
			mustSay(t, b.events(Warn), "(push of nightly to dc2 (198.18.0.dc2)) ended: Cancelled, cancelled as asked")
		})
	}
}

// Nor when an engine beside us asked for it, even just before the end is seen; the next push is not cancelled by that.
func TestFault_JOB06_CancelledByAnotherRun(t *testing.T) {
	for _, how := range []appliance.Act{{Verb: appliance.VerbCancelPush, Typed: true}, {Verb: appliance.VerbCancelJob, Typed: true, Job: "1"}} {
		beside(t, func(t *testing.T, b *bench, l *ledger) {
			next := b.another(t, l, "two", b.f)
			r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
			must(t, "error", err, nil)
			b.pass(12 * time.Second) // it is listed to both
			_, err = next.do(how)
			must(t, "error", err, nil)
			b.f.end(r.Job, appliance.PhaseProblem, "Cancelled")
			b.pass(3 * time.Second)
			must(t, "alarms"+b.story(), len(b.events(Alarm)), 0)
			mustSay(t, b.events(Warn), "ended: Cancelled, cancelled as asked")
			must(t, "shown"+b.story(), b.snap().Jobs[0].Cancelled, true)

			r, err = b.do(send(appliance.VerbPush, "198.18.0.9"))
			must(t, "error", err, nil)
			b.f.end(r.Job, appliance.PhaseProblem, "Cancelled")
			b.pass(3 * time.Second)
			mustSay(t, b.events(Alarm), "ended: Cancelled")
		})
	}
}
