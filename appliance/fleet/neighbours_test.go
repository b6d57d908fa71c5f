package fleet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// beside is run with an engine named one, which adopts nothing, on a ledger.
func beside(t *testing.T, body func(t *testing.T, b *bench, l *ledger)) {
	t.Helper()
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		o.ID, o.Journal = "one", &page{ledger: l, engine: "one"}
	}, func(t *testing.T, b *bench) { body(t, b, l) })
}

// unanswered has an engine have recorded that it sends a transfer, of which it never learnt what came.
func unanswered(t *testing.T, b *bench, l *ledger, engine string, act appliance.Act, known ...appliance.JobID) uint64 {
	t.Helper()
	p := &page{ledger: l, engine: engine}
	now := b.clock.Now()
	id, err := p.Intend(t.Context(), Intent{At: now, Engine: engine, Who: "maria", Appliance: "dc1", Act: act})
	must(t, "error", err, nil)
	x := Transit{ID: id, Appliance: "dc1", Who: "maria", Transfer: act.Transfer, Since: now.Wall, Known: append([]appliance.JobID{}, known...)}
	must(t, "error", p.Track(t.Context(), x), nil)
	return id
}

// An engine that took over a transfer whose answer was lost does not take for it what an engine beside it began meanwhile with the
// same backup, whether that one knows its job, does not know it either, or was told its end already.
func TestFault_JOB01_WhatAnEngineBesideBeganIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		what  string
		lost  bool // the answer to the engine beside
		over  bool // its job ended before it was looked for
		later bool // it began only after the other was looked for
	}{{what: "known"}, {what: "over", over: true}, {what: "lost too", lost: true}, {what: "later", later: true}} {
		t.Run(c.what, func(t *testing.T) {
			beside(t, func(t *testing.T, b *bench, l *ledger) {
				left := unanswered(t, b, l, "zero", send(appliance.VerbMove, "/mnt/nas"))
				b.f.with(func() {
					b.f.after = func(call string) error {
						if call != "transfer" {
							return nil
						}
						b.f.jobs[0].Verb = "" // jobs do not say what they do
						if c.lost {
							return appliance.ErrAmbiguous
						}
						return nil
					}
				})
				began := make(chan error, 1)
				begin := func() {
					go func() {
						_, err := b.e.Do(t.Context(), maria, "dc1", send(appliance.VerbPush, "198.18.0.9"))
						began <- err
					}()
					b.pass(time.Millisecond)
				}
				if !c.later {
					begin()
				}
				if c.over {
					b.f.end("1", appliance.PhaseSucceeded, "Complete")
					b.pass(time.Minute)
					must(t, "of one in the journal"+b.story(), len(l.transits), 1)
				}
				l.end("zero")
				next := b.another(t, l, "two", b.f)
				if c.later {
					b.pass(lookAround + time.Second) // the journal is read again by itself four seconds later
					begin()
					next.e.Look("dc1")
				}
				b.pass(30 * time.Second)
				must(t, "said"+next.story(), strings.Contains(next.story(), "became job"), false)
				l.mu.Lock()
				job := l.transits[left].Job
				l.mu.Unlock()
				must(t, "in the journal"+next.story(), job, "")
				b.f.end("1", appliance.PhaseSucceeded, "Complete")
				b.pass(3 * time.Minute)
				must(t, "open"+b.story()+next.story(), len(l.transits), 0)
				must(t, "fate", l.records[left-1].Ending.Fate, FateNot)
				if err := <-began; !c.lost {
					must(t, "error", err, nil)
				}
			})
		})
	}
}

// The same while the answer is waited for: the engine that sent it does not take what the one beside it began.
func TestFault_JOB01_NorWhileTheAnswerIsMissing(t *testing.T) {
	beside(t, func(t *testing.T, b *bench, l *ledger) {
		lost := true
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call != "transfer" || !lost {
					return nil
				}
				lost = false
				unanswered(t, b, l, "two", send(appliance.VerbPush, "198.18.0.9"))
				b.f.with(func() {
					j := appliance.Job{ID: "7", State: appliance.Label("Running"), Phase: appliance.PhaseRunning, Backup: nightly().ID}
					b.f.jobs = append(b.f.jobs, j)
				})
				return appliance.ErrAmbiguous
			}
		})
		r, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "job", r.Job, "")
		must(t, "ours", b.snap().Jobs[0].Mine, false)
	})
}

// Nor is a job taken for an inherited transfer that may be what came of a request of the same engine, whose answer was lost and whose
// end the listing told.
func TestFault_JOB01_TheJobOfWhatTheListingTold(t *testing.T) {
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
	}, func(t *testing.T, b *bench) {
		left := unanswered(t, b, l, "one", send(appliance.VerbPush, "198.18.0.9"))
		b.lost(false)
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		b.f.with(func() { // its job does not say what it does, and was not listed until the backup lay where it was to go
			b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"}
		})
		b.pass(2 * time.Minute)
		mustSay(t, b.events(Warn), "is moved to /mnt/nas, as the listing says, although no job said success")
		b.f.with(func() {
			b.f.jobs = []appliance.Job{{ID: "5", State: appliance.Label("Complete"), Phase: appliance.PhaseSucceeded, Backup: nightly().ID}}
		})
		l.end("one")
		b.pass(3 * time.Minute)
		must(t, "said"+b.story(), strings.Contains(b.story(), "became job"), false)
		must(t, "open"+b.story(), len(l.transits), 0)
		must(t, "fate", l.records[left-1].Ending.Fate, FateUnknown)
	})
}

// Nothing is taken for ours as long as the journal does not tell what others have.
func TestFault_JOB01_NothingIsTakenUnread(t *testing.T) {
	l := newLedger()
	p := &unreadable{page: &page{ledger: l, engine: "one"}, err: errors.New("busy")}
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		o.ID, o.Journal = "one", p
	}, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.after = onceLost("transfer") })
		_, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(20 * time.Second)
		must(t, "ours", b.snap().Jobs[0].Mine, false)
		p.mu.Lock()
		p.err = nil
		p.mu.Unlock()
		b.pass(20 * time.Second)
		must(t, "ours once it was read"+b.story(), b.snap().Jobs[0].Mine, true)
	})
}

// unreadable is a page of a journal that does not tell what others have.
type unreadable struct {
	*page
	err error
}

func (u *unreadable) Others(ctx context.Context) (Estate, error) {
	u.mu.Lock()
	err := u.err
	u.mu.Unlock()
	if err != nil {
		return Estate{}, err
	}
	return u.page.Others(ctx)
}

// onceLost has the answer to the first of such calls lost.
func onceLost(call string) func(string) error {
	lost := false
	return func(is string) error {
		if is != call || lost {
			return nil
		}
		lost = true
		return appliance.ErrAmbiguous
	}
}

// Two engines ask for the very same at once, by the same mark, and an answer is lost: the lock that is there is not taken for that
// of the one while it may be the other's, nor when the other has it.
func TestFault_LCK02_TheVerySameIsAskedForBeside(t *testing.T) {
	for _, held := range []bool{false, true} {
		beside(t, func(t *testing.T, b *bench, l *ledger) {
			two := &page{ledger: l, engine: "two"}
			lost := true
			b.f.with(func() {
				b.f.before = func(_ context.Context, call string) error {
					if call != "acquire" || !lost {
						return nil
					}
					lost = false
					_, err := two.Intend(t.Context(), Intent{At: b.clock.Now(), Engine: "two", Appliance: "dc1", Act: up20})
					must(t, "error", err, nil)
					b.f.with(func() {
						id := b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall)
						if held {
							err = two.Hold(t.Context(), Holding{Appliance: "dc1", Lock: id, Scope: "UP", State: HoldingHeld, TTL: up20.Claim.TTL})
						}
					})
					must(t, "error", err, nil)
					if held {
						must(t, "error", two.Settle(t.Context(), uint64(len(l.records)), OutcomeDone, ""), nil)
					}
					return appliance.ErrAmbiguous
				}
			})
			r, err := b.do(up20)
			theirs := b.f.alive()[0]
			must(t, "ours"+b.story(), b.lock(theirs).Mine, false)
			if held { // nothing came of ours, so it was asked for once more
				must(t, "error", err, nil)
				must(t, "another one", r.Lock != theirs, true)
				must(t, "the other engine's", b.lock(theirs).Elsewhere, true)
				return
			}
			mustIs(t, err, appliance.ErrAmbiguous)
			mustSay(t, []string{err.Error()}, "another run of yours asks for the very same")
			must(t, "holder", b.lock(theirs).Holder, appliance.HolderUnknown)
		})
	}
}
