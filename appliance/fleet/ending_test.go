package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// boss may delete.
var boss = policy.Person{Name: "maria", Role: policy.Admin}

// asked is an act with a ref.
func asked(act appliance.Act) appliance.Act {
	act.Ref = "m1/1/1"
	return act
}

// toldOf is what came of a request, as somebody hears who waits for it in the background.
func (b *bench) toldOf(ref string) func() (Ending, error) {
	var e Ending
	err := errors.New("it is waited for still")
	ctx, cancel := context.WithCancel(b.t.Context())
	b.t.Cleanup(cancel)
	go func() { e, err = b.e.Follow(ctx, "dc1", ref) }()
	synctest.Wait()
	return func() (Ending, error) { synctest.Wait(); return e, err }
}

// withTarget is one nightly backup at dc1 and an empty dc2.
func withTarget(b *bench, o *Options) {
	withNightly(b, o)
	b.add("dc2")
}

const toDC2 = "198.18.0.dc2"

// lies has the nightly backup listed at some places of an appliance; none: not at all.
func lies(f *fake, checksum string, places ...appliance.Location) {
	f.with(func() {
		n := nightly()
		n.Checksum, n.Locations = appliance.Label(checksum), places
		f.backups = []appliance.Backup{n}
		if len(places) == 0 {
			f.backups = nil
		}
	})
}

// Every way in which a transfer can end is told as the listings say, to whoever waits for it, and is in the journal then.
func TestFault_JOB04_EveryFate(t *testing.T) {
	const in, nas, sum = appliance.Internal, appliance.Location("/mnt/nas"), "c0ffee"
	// How it is listed at the end, here and at the target.
	here := func(sum string, places ...appliance.Location) func(*bench) {
		return func(b *bench) { lies(b.f, sum, places...) }
	}
	there := func(sum string, places ...appliance.Location) func(*bench) {
		return func(b *bench) { lies(b.fakes[1], sum, places...) }
	}
	away := func(b *bench) {
		b.fakes[1].with(func() { b.fakes[1].before = failing("backups", appliance.ErrUnreachable) })
	}
	for _, c := range []struct {
		verb    appliance.Verb
		to      string
		found   func(*bench) // how it is listed at the end
		success bool
		fate    Fate
		says    string
	}{
		{appliance.VerbCopy, "/mnt/nas", here(sum, in, nas), true, FateThere, "copied to /mnt/nas, as the listing says"},
		{appliance.VerbCopy, "/mnt/nas", here("", in, nas), true, FateThere, "copied to /mnt/nas, as the listing says"},
		{appliance.VerbCopy, "/mnt/nas", here(sum, in, nas), false, FateThere, "although the job did not say success"},
		{appliance.VerbCopy, "/mnt/nas", here(sum, in), false, FateNot, "ended: Whatever: the share is full"},
		{appliance.VerbCopy, "/mnt/nas", here(sum, in), true, FateUnknown, "is not listed at /mnt/nas although the job said success"},
		{appliance.VerbCopy, "/mnt/nas", here("bad", in, nas), true, FateOther, "another checksum: bad, not c0ffee"},
		{appliance.VerbCopy, "/mnt/nas", here(sum), false, FateNeither, "is listed nowhere any more"},
		{appliance.VerbMove, "/mnt/nas", here(sum, nas), true, FateThere, "is moved to /mnt/nas"},
		{appliance.VerbMove, "/mnt/nas", here(sum, nas), false, FateThere, "although no job said success"},
		{appliance.VerbMove, "/mnt/nas", here(sum, in, nas), true, FateBoth, "the original in internal is kept"},
		{appliance.VerbMove, "/mnt/nas", here(sum, in), true, FateNot, "job 1 (move of nightly to /mnt/nas) ended: Whatever"},
		{appliance.VerbMove, "/mnt/nas", here(sum, in), false, FateNot, "the share is full"},
		{appliance.VerbMove, "/mnt/nas", here(sum), true, FateNeither, "neither in internal nor at /mnt/nas (checksum c0ffee, job 1)"},
		{appliance.VerbMove, "/mnt/nas", here("bad", nas), true, FateOther, "another checksum: bad, not c0ffee"},
		{appliance.VerbPush, "198.18.0.9", here(sum, in), true, FateTold, "its target is none of ours to ask"},
		{appliance.VerbPush, "198.18.0.9", here(sum, in), false, FateNot, "the share is full"},
		{appliance.VerbPush, toDC2, there(sum, in), true, FateThere, "arrived, as the listing of its target says"},
		{appliance.VerbPush, toDC2, there("bad", in), true, FateOther, "another checksum: bad, not c0ffee"},
		{appliance.VerbPush, toDC2, there(sum), true, FateUnknown, "said success, and its target does not list it"},
		{appliance.VerbPush, toDC2, away, true, FateUnknown, "said success, and its target could not be asked"},
		{appliance.VerbPush, toDC2, there(sum), false, FateNot, "ended: Whatever: the share is full"},
		{appliance.VerbPush, toDC2, away, false, FateNot, "its target could not be asked"},
		{appliance.VerbPush, toDC2, there(sum, in), false, FateThere, "although the job did not say success"},
		{appliance.VerbPush, toDC2, there("", in), false, FateUnknown, "whether it is whole cannot be told"},
	} {
		t.Run(fmt.Sprintf("%s, %s", c.verb, c.says), func(t *testing.T) {
			run(t, withTarget, func(t *testing.T, b *bench) {
				act := asked(send(c.verb, c.to))
				r, err := b.do(act)
				must(t, "error", err, nil)
				first, second := b.toldOf(act.Ref), b.toldOf(act.Ref)
				b.pass(5 * time.Second)
				c.found(b)
				phase := appliance.PhaseProblem
				if c.success {
					phase = appliance.PhaseSucceeded
				}
				if !c.success {
					b.f.with(func() { b.f.jobs[0].Messages = []appliance.Text{appliance.Words("the share is full")} })
				}
				b.f.end(r.Job, phase, "Whatever")
				b.pass(2 * time.Minute)
				e, err := first()
				must(t, "error", err, nil)
				must(t, "fate: "+e.Text, e.Fate, c.fate)
				must(t, "job", e.Job, r.Job)
				mustSay(t, []string{e.Text}, c.says)
				again, err := second()
				must(t, "error", err, nil)
				must(t, "another hears", again, e)
				kept, err := b.notes.Find(t.Context(), act.Ref)
				must(t, "error", err, nil)
				must(t, "in the journal", *kept.Ending, e)
				must(t, "transfers under way in the journal", len(b.notes.Transits()), 0)
				late, err := b.e.Follow(t.Context(), "dc1", act.Ref)
				must(t, "error", err, nil)
				must(t, "told later", late, e)
				must(t, "followed still", len(b.e.byName["dc1"].follows), 0)
				must(t, "sent", b.f.asked("transfer"), 1)
			})
		})
	}
}

// Of a push whose target had the backup before, its listing tells nothing.
func TestFault_JOB08_PushOfWhatTheTargetHad(t *testing.T) {
	for _, vanishes := range []bool{false, true} {
		run(t, func(b *bench, o *Options) {
			withTarget(b, o)
			lies(b.fakes[1], "c0ffee", appliance.Internal)
		}, func(t *testing.T, b *bench) {
			act := asked(send(appliance.VerbPush, toDC2))
			r, err := b.do(act)
			must(t, "error", err, nil)
			told := b.toldOf(act.Ref)
			b.pass(5 * time.Second)
			want := FateTold
			if vanishes {
				b.f.with(func() { b.f.jobs = nil })
				want = FateUnknown
			} else {
				b.f.end(r.Job, appliance.PhaseSucceeded, "Complete")
			}
			b.pass(2 * time.Minute)
			e, err := told()
			must(t, "error", err, nil)
			must(t, "fate: "+e.Text, e.Fate, want)
		})
	}
}

// The end of a job that was cancelled is told as asked for.
func TestFault_JOB06_CancelledIsTold(t *testing.T) {
	for _, verb := range []appliance.Verb{appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush} {
		run(t, withTarget, func(t *testing.T, b *bench) {
			to := "/mnt/nas"
			if verb == appliance.VerbPush {
				to = toDC2
			}
			act := asked(send(verb, to))
			r, err := b.do(act)
			must(t, "error", err, nil)
			told := b.toldOf(act.Ref)
			b.pass(3 * time.Second)
			_, err = b.do(appliance.Act{Verb: appliance.VerbCancelJob, Job: r.Job})
			must(t, "error", err, nil)
			b.f.end(r.Job, appliance.PhaseProblem, "Cancelled")
			b.pass(2 * time.Minute)
			e, err := told()
			must(t, "error", err, nil)
			must(t, fmt.Sprintf("%s: cancelled", verb), e.Cancelled, true)
			must(t, "fate", e.Fate, FateNot)
			mustSay(t, []string{e.Text}, "cancelled as asked")
		})
	}
}

// When the answer was lost, it is found out what came of the request, and nothing is sent again (faults.md JOB-01).
func TestFault_JOB01_TheFateOfWhatWasNotAnswered(t *testing.T) {
	const nas = appliance.Location("/mnt/nas")
	copied := func(sum string) func(*bench) { return func(b *bench) { lies(b.f, sum, appliance.Internal, nas) } }
	arrived := func(sum string) func(*bench) { return func(b *bench) { lies(b.fakes[1], sum, nas) } }
	for _, c := range []struct {
		verb   appliance.Verb
		to     string
		effect bool         // it ran
		found  func(*bench) // how it is listed at the end
		fate   Fate
		says   string
	}{
		{appliance.VerbCopy, "/mnt/nas", true, copied("c0ffee"), FateThere, "copied to /mnt/nas"},
		{appliance.VerbCopy, "/mnt/nas", false, nil, FateUnknown, "unknown, nothing found"},
		{appliance.VerbCopy, "/mnt/nas", false, copied("bad"), FateOther, "another checksum"},
		{appliance.VerbMove, "/mnt/nas", true, func(b *bench) { lies(b.f, "c0ffee", nas) }, FateThere, "is moved to /mnt/nas"},
		{appliance.VerbMove, "/mnt/nas", false, nil, FateNot, "is not moved: it lies in internal as before"},
		{appliance.VerbMove, "/mnt/nas", false, func(b *bench) { lies(b.f, "") }, FateNeither, "neither in internal nor at /mnt/nas"},
		{appliance.VerbPush, toDC2, true, arrived("c0ffee"), FateThere, "arrived"},
		{appliance.VerbPush, toDC2, false, nil, FateUnknown, "unknown, nothing found"},
		{appliance.VerbPush, toDC2, false, arrived("bad"), FateOther, "another checksum: bad, not c0ffee"},
		{appliance.VerbDelete, "internal", true, nil, FateThere, "took place, as the listing says"},
		{appliance.VerbDelete, "internal", false, nil, FateUnknown, "takes place is not known: it is listed there as before"},
		{appliance.VerbDelete, "all", false, func(b *bench) { lies(b.f, "c0ffee", nas) }, FateUnknown, "it is still listed at /mnt/nas"},
	} {
		t.Run(fmt.Sprintf("%s, %v, %s", c.verb, c.effect, c.says), func(t *testing.T) {
			run(t, withTarget, func(t *testing.T, b *bench) {
				b.lost(c.effect)
				act := asked(send(c.verb, c.to))
				act.Typed = true
				_, err := b.e.Do(t.Context(), boss, "dc1", act)
				if !c.effect || c.verb == appliance.VerbDelete {
					mustIs(t, err, appliance.ErrAmbiguous)
				}
				told := b.toldOf(act.Ref)
				b.f.with(func() { b.f.before, b.f.after = nil, nil })
				if c.found != nil {
					c.found(b)
				}
				b.f.end("1", appliance.PhaseSucceeded, "Complete")
				b.pass(3 * time.Minute)
				e, err := told()
				must(t, "error", err, nil)
				must(t, "fate: "+e.Text, e.Fate, c.fate)
				mustSay(t, []string{e.Text}, c.says)
				must(t, "sent", b.f.asked("transfer", "delete"), 1)
			})
		})
	}
}

// A client that fails in the middle of a request is as a lost answer.
func TestFault_JOB01_AClientThatFails(t *testing.T) {
	run(t, withTarget, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "transfer" {
					panic("of the client")
				}
				return nil
			}
		})
		act := asked(send(appliance.VerbMove, "/mnt/nas"))
		_, err := b.do(act)
		mustIs(t, err, appliance.ErrAmbiguous)
		told := b.toldOf(act.Ref)
		b.pass(3 * time.Minute)
		e, err := told()
		must(t, "error", err, nil)
		must(t, "fate: "+e.Text, e.Fate, FateNot)
	})
}

// What was never recorded was never sent; what was refused did not take place, and says why.
func TestFollowOfWhatDidNotBegin(t *testing.T) {
	run(t, withTarget, func(t *testing.T, b *bench) {
		follow := func(name, ref string) (Ending, error) { return b.e.Follow(t.Context(), name, ref) }
		_, err := follow("dc1", "m1/1/1")
		mustIs(t, err, ErrNoSuchRef)
		_, err = follow("nowhere", "m1/1/1")
		must(t, fmt.Sprint(err), err != nil && strings.Contains(err.Error(), "no appliance named"), true)
		_, err = follow("dc1", "")
		mustIs(t, err, ErrNoSuchRef)

		act := asked(send(appliance.VerbCopy, "internal")) // where it lies already
		_, err = b.do(act)
		mustIs(t, err, ErrRefusedByUs)
		_, err = follow("dc1", act.Ref)
		mustIs(t, err, ErrNoSuchRef)

		act.Transfer.Destination = "/mnt/nas"
		no := &appliance.Refusal{Status: 400, Messages: []appliance.Message{{Text: appliance.Words("not mounted")}}}
		for i, c := range []struct {
			before func(context.Context, string) error
			says   string
		}{
			{failing("transfer", no), "not mounted"},
			{failing("backups", appliance.ErrMalformed), "nothing was sent"},
			{failing("transfer", appliance.ErrUnreachable), "unreachable"},
		} {
			act.Ref = fmt.Sprintf("m1/1/%d", i)
			b.f.with(func() { b.f.before = c.before })
			_, err := b.do(act)
			must(t, "refused", err != nil, true)
			e, err := follow("dc1", act.Ref)
			must(t, "error", err, nil)
			must(t, "fate", e.Fate, FateNot)
			mustSay(t, []string{e.Text}, c.says)
			must(t, "transfers under way in the journal", len(b.notes.Transits()), 0)
		}
	})
}

// A ref names one request for good: by it nothing is sent twice.
func TestFault_I6_ARefIsUsedOnce(t *testing.T) {
	run(t, withTarget, func(t *testing.T, b *bench) {
		act := asked(send(appliance.VerbMove, "/mnt/nas"))
		b.f.with(func() { b.f.before = failing("transfer", appliance.ErrUnreachable) })
		_, err := b.do(act)
		mustIs(t, err, appliance.ErrUnreachable)
		b.f.with(func() { b.f.before = nil })
		_, err = b.do(act)
		mustIs(t, err, ErrJournal)
		mustIs(t, err, ErrRefTaken)
		must(t, "sent", strings.Join(b.f.log, ""), "")
		act.Ref = "m1/1/2"
		_, err = b.do(act)
		must(t, "error", err, nil)
	})
}

// Whoever follows ends with his own context, and with the engine.
func TestFollowEnds(t *testing.T) {
	run(t, withTarget, func(t *testing.T, b *bench) {
		act := asked(send(appliance.VerbCopy, "/mnt/nas"))
		_, err := b.do(act)
		must(t, "error", err, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 17*time.Second)
		defer cancel()
		_, err = b.e.Follow(ctx, "dc1", act.Ref)
		mustIs(t, err, context.DeadlineExceeded)
		must(t, "followed still", len(b.e.byName["dc1"].follows), 0)
		told := b.toldOf(act.Ref)
		b.pass(time.Second)
		b.e.Close()
		_, err = told()
		mustIs(t, err, ErrClosed)
		_, err = b.e.Follow(t.Context(), "dc1", act.Ref)
		mustIs(t, err, ErrClosed)
	})
}
