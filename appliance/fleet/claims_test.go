package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

func TestOwnLockFromGrantToEnd(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		l := b.lock(id)
		if l == nil || !l.Mine || l.By != "maria" || l.Holder != appliance.HolderYou || l.Unlisted {
			t.Fatalf("after the fresh poll the lock is %+v", l)
		}
		state, left := l.Term.At(b.clock.Now())
		must(t, "state", state, lease.Held)
		must(t, "left", left, 20*time.Minute)
		b.pass(19*time.Minute + 30*time.Second)
		must(t, "events", len(b.e.Events(0, 0)), 3)
		mustSay(t, b.events(Warn), "lock UP (00000000…) ends in 4 min")
		mustSay(t, b.events(Alarm), "lock UP (00000000…) ends in 1 min")
		b.pass(40 * time.Second)
		must(t, "gone from the list", b.lock(id), nil)
		must(t, "told as a warning", strings.HasSuffix(strings.Join(b.events(Warn), "|"), "|lock UP (00000000…) of yours has ended"), true)
		must(t, "losses", len(b.snap().Lost), 0)
	})
}

func TestI2_LessWasGrantedThanAskedFor(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.after = func(string) error {
				for i := range b.f.locks {
					b.f.locks[i].TTL = 5 * time.Minute
				}
				return nil
			}
		})
		l := b.lock(b.acquire(20 * time.Minute))
		_, left := l.Term.At(b.clock.Now())
		must(t, "left", left, 5*time.Minute)
	})
}

// I1: a granted lock is shown before any listing has it, and for as long as the appliance does not answer.
func TestI1_GrantedLockIsShownWithoutAListing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "locks" && b.f.asked("acquire") > 0 {
					return appliance.ErrUnreachable
				}
				return nil
			}
		})
		id := b.acquire(10 * time.Minute)
		l := b.lock(id)
		if l == nil || !l.Mine || !l.Unlisted {
			t.Fatalf("the lock is %+v", l)
		}
		b.pass(9 * time.Minute)
		must(t, "still shown", b.lock(id) != nil, true)
		b.pass(2 * time.Minute)
		must(t, "past its end", b.lock(id), nil)
		mustSay(t, b.events(Warn), "of yours has ended")
	})
}

func TestI1_GrantedLockThatIsNeverListedIsUnknown(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.hidden["00000000000000000000000000000001"] = true })
		id := b.acquire(10 * time.Minute)
		b.pass(time.Minute)
		l := b.lock(id)
		if l == nil || !l.Mine || !l.Unlisted || l.Holder != appliance.HolderUnknown {
			t.Fatalf("the lock is %+v", l)
		}
		must(t, "alarms", len(b.events(Alarm)), 1)
	})
}

func TestFault_CLK02_MissingFromTheListIsLost(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(time.Hour)
		b.f.with(func() { b.f.locks = nil })
		b.pass(10 * time.Second)
		must(t, "lock", b.lock(id), nil)
		alarms := b.events(Alarm)
		if len(alarms) != 1 || !strings.Contains(alarms[0], "is lost") {
			t.Errorf("alarms: %q", alarms)
		}
	})
}

func TestFault_CLK01_SkewDoesNotTouchOwnLocksAndIsNoticed(t *testing.T) {
	for _, skew := range []time.Duration{-10 * 365 * 24 * time.Hour, -time.Minute, 0, time.Minute, 10 * 365 * 24 * time.Hour} {
		run(t, func(b *bench, _ *Options) {
			b.f.skew = skew
			b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall.Add(skew))}
		}, func(t *testing.T, b *bench) {
			id := b.acquire(20 * time.Minute)
			_, left := b.lock(id).Term.At(b.clock.Now())
			must(t, "own lock lasts", left, 20*time.Minute)
			_, left = b.snap().Locks[0].Term.At(b.clock.Now())
			if left < time.Hour-2*time.Second || left > time.Hour+2*time.Second {
				t.Errorf("skew %s: the foreign lock lasts %s, want an hour", skew, left)
			}
			b.pass(20 * time.Second)
			noticed := slices.ContainsFunc(b.snap().Notices, func(n Notice) bool { return strings.HasPrefix(n.Text, "clock ") })
			must(t, fmt.Sprintf("notice of skew %s", skew), noticed, skew != 0)
		})
	}
}

// The Date is good to a second; a foreign lock's countdown must not go up by that.
func TestFault_CLK04_ForeignCountdownNeverRises(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)}
		o.Members = []Member{{Appliance: b.f, Name: "dc1", Intervals: Intervals{Locks: 1300 * time.Millisecond}}}
	}, func(t *testing.T, b *bench) {
		end := b.snap().Locks[0].Term.End
		for range 200 {
			b.pass(7 * time.Second)
			now := b.snap().Locks[0].Term.End
			if now > end {
				t.Fatalf("the end moved from %s to %s", end, now)
			}
			end = now
		}
		b.f.with(func() { b.f.skew = -10 * time.Minute }) // its clock was set back: it lasts that much longer
		b.pass(3 * time.Second)
		if now := b.snap().Locks[0].Term.End; now < end+9*time.Minute {
			t.Errorf("after the appliance's clock was set the end is %s, was %s", now, end)
		}
	})
}

func TestFault_LCK02_GrantThatDoesNotSayWhich(t *testing.T) {
	for _, c := range []struct {
		what   string
		others int // locks by others that fit, made at the same moment
		ok     bool
		posts  int
	}{{"one new lock is adopted", 0, true, 1}, {"of several none is", 1, false, 1}} {
		t.Run(c.what, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				b.f.with(func() {
					b.f.noID = true
					b.f.after = func(call string) error {
						if call == "acquire" {
							for range c.others {
								b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall)
							}
							b.f.put("UP", time.Minute, b.clock.Now().Wall) // another time
							b.f.put("FC", up20.Claim.TTL, b.clock.Now().Wall)
							b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall.Add(-time.Minute)) // made before
						}
						return nil
					}
				})
				r, err := b.do(up20)
				must(t, "requests for a lock", b.f.asked("acquire"), c.posts)
				if c.ok {
					must(t, "error", err, nil)
					must(t, "id", r.Lock, b.f.granted[0])
					must(t, "mine", b.lock(r.Lock).Mine, true)
					return
				}
				mustIs(t, err, appliance.ErrAmbiguous)
				must(t, err.Error(), strings.Contains(err.Error(), "2 new locks fit"), true)
				must(t, "outcome, while it may still be found out", b.notes.Records()[0].Outcome, "")
				unknown := 0
				for _, l := range b.snap().Locks {
					must(t, "mine", l.Mine, false)
					if l.Holder == appliance.HolderUnknown {
						unknown++
					}
				}
				must(t, "locks of which it is not known whose they are (I1)", unknown, 2)
				must(t, "doubts shown", len(b.snap().Doubts), 1)
				b.pass(up20.Claim.TTL + lateEffect + time.Second)
				must(t, "outcome", b.notes.Records()[0].Outcome, OutcomeUnknown)
				must(t, "doubts shown", len(b.snap().Doubts), 0)
			})
		})
	}
}

func TestFault_LCK02_AnswerLost(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		lost := func(call string) error {
			if call == "acquire" {
				return fmt.Errorf("post: %w", appliance.ErrAmbiguous)
			}
			return nil
		}
		b.f.with(func() { b.f.after = lost })
		id := b.acquire(up20.Claim.TTL)
		must(t, "mine", b.lock(id).Mine, true)
		must(t, "requests", b.f.asked("acquire"), 1)
		// Without an effect nothing is adopted, and it is asked for once more.
		b.f.with(func() {
			b.f.after = nil
			b.f.before = func(_ context.Context, call string) error { return lost(call) }
		})
		_, err := b.do(appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "FC", TTL: time.Minute}})
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "requests", b.f.asked("acquire"), 3)
		// It takes effect late: it is not called another's.
		b.f.with(func() { b.f.put("FC", time.Minute, b.clock.Now().Wall) })
		b.pass(10 * time.Second)
		late := b.snap().Locks[1]
		must(t, "holder of the late one", late.Holder, appliance.HolderUnknown)
	})
}

func TestFault_LCK04_ExtendByOverlap(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.acquire(20 * time.Minute)
		b.pass(10 * time.Minute)
		r, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock})
		must(t, "error", err, nil)
		b.pass(12 * time.Second)
		must(t, "order", strings.Join(b.f.log, ", "), fmt.Sprintf("acquire %s, acquire %s, release %s", old, r.Lock, old))
		must(t, "locks", len(b.snap().Locks), 1)
		_, left := b.lock(r.Lock).Term.At(b.clock.Now())
		must(t, "the old time again", left, 20*time.Minute-12*time.Second)
		verbs := ""
		for _, rec := range b.notes.Records() {
			verbs += string(rec.Act.Verb) + " " + string(rec.Outcome) + "; "
		}
		must(t, "journal", verbs, "acquire done; extend done; release done; ")
		must(t, "alarms", len(b.events(Alarm)), 0)
	})
}

func TestFault_LCK04_NewLockNotListedKeepsBoth(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.acquire(20 * time.Minute)
		b.f.with(func() { b.f.hidden["00000000000000000000000000000002"] = true })
		r, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: appliance.Claim{TTL: time.Hour}})
		must(t, "error", err, nil)
		b.pass(15 * time.Minute)
		must(t, "releases", b.f.asked("release"), 0)
		must(t, "both are shown", b.lock(old) != nil && b.lock(r.Lock) != nil, true)
		mustSay(t, b.events(Alarm), "was granted the lock UP (00000000…), and the appliance does not list it")
	})
}

func TestFault_LCK05_ExtensionRefusedKeepsTheLock(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.acquire(20 * time.Minute)
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "acquire" {
					return &appliance.Refusal{Status: 400, Kind: nil}
				}
				return nil
			}
		})
		_, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock})
		must(t, "refused", err != nil && strings.Contains(err.Error(), "stays as it was"), true)
		must(t, "releases", b.f.asked("release"), 0)
		must(t, "mine", b.lock(old).Mine, true)
		must(t, "outcome", b.notes.Records()[1].Outcome, OutcomeRefused)
	})
}

// I3: what is not ours is extended never, and released only when the act names it, once.
func TestI3_ForeignLocks(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)} },
		func(t *testing.T, b *bench) {
			foreign := b.snap().Locks[0]
			must(t, "holder", foreign.Holder, appliance.HolderAnother)
			_, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: foreign.Lock})
			mustIs(t, err, ErrRefusedByUs)
			b.f.with(func() {
				b.f.before = func(_ context.Context, call string) error {
					if call == "release" {
						return appliance.ErrAmbiguous
					}
					return nil
				}
			})
			_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: foreign.Lock})
			mustIs(t, err, ErrRefusedByUs)
			must(t, "releases of another's lock that nobody typed", b.f.asked("release"), 0)
			_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: foreign.Lock, Typed: true})
			mustIs(t, err, appliance.ErrAmbiguous)
			must(t, "releases of another's lock", b.f.asked("release"), 1)
			b.f.with(func() { b.f.before = nil })
			_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: foreign.Lock, Typed: true})
			must(t, "error", err, nil)
			must(t, "locks", len(b.snap().Locks), 0)
			must(t, "alarms about locks", len(b.events(Alarm)), 1)
		})
}

func TestFault_LCK08_OwnReleaseMayBeSentTwice(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		lost := true
		b.f.with(func() {
			b.f.after = func(call string) error {
				if call == "release" && lost {
					lost = false
					return appliance.ErrAmbiguous
				}
				return nil
			}
		})
		_, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
		must(t, "error", err, nil)
		must(t, "releases", b.f.asked("release"), 2)
		b.pass(time.Minute)
		must(t, "lock", b.lock(id), nil)
		must(t, "alarms", len(b.events(Alarm)), 0)
	})
}

func TestReleaseOfWhatIsGoneIsASuccess(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "release" {
					return appliance.ErrGone
				}
				return nil
			}
		})
		r, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock})
		must(t, "error", err, nil)
		must(t, "text", r.Text, "UP (00000000…) was not held any more")
	})
}

// A listing that was asked for before the release and answered after it must not bring the lock back.
func TestStaleListingDoesNotUndoAnAct(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		w := b.e.byName["dc1"]
		stale, err := b.f.Locks(t.Context())
		must(t, "error", err, nil)
		stale.Stamp.Received.Run += 5 * time.Second
		b.pass(time.Second)
		if _, err := b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(id).Lock}); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.listed.Stamp = appliance.Stamp{} // as if the fresh poll had not been answered yet
		w.takeLocks(stale, nil)
		w.publish()
		w.mu.Unlock()
		must(t, "lock", b.lock(id), nil)
	})
}
