package lease_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/lease"
)

// floor is how much less than the real time the clock's run may be: by less it sees no step.
const floor = 100 * time.Millisecond

func span(t *rapid.T, label string, from, to time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(int64(from), int64(to)).Draw(t, label))
}

func seconds(t *rapid.T, label string, from, to time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(int64(from/time.Second), int64(to/time.Second)).Draw(t, label)) * time.Second
}

// anyTTL is a time granted: often short, seldom longer than a day, never longer than what is believed.
func anyTTL(t *rapid.T) time.Duration {
	most := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 24 * time.Hour, 90 * year}).Draw(t, "about")
	return seconds(t, "ttl", time.Second, most)
}

// checkTerm asserts the order of a term's moments, and what is said on both sides of each.
func checkTerm(t *rapid.T, term lease.Term) {
	t.Helper()
	if !term.Known {
		t.Fatalf("unknown: %+v", term)
	}
	if term.HeldUntil >= term.End || term.End > term.GoneAfter {
		t.Fatalf("held until %v, end %v, gone after %v", term.HeldUntil, term.End, term.GoneAfter)
	}
	if term.From > term.ExtendFrom() || term.ExtendFrom() > term.End || term.End-term.ExtendFrom() < term.TTL/2 {
		t.Fatalf("extend from %v, in %v to %v", term.ExtendFrom(), term.From, term.End)
	}
	for run, want := range map[time.Duration]lease.State{
		term.HeldUntil: lease.Held, term.HeldUntil + 1: lease.Expiring, term.GoneAfter: lease.Expiring, term.GoneAfter + 1: lease.Gone,
	} {
		if state, _ := term.At(at(run)); state != want {
			t.Fatalf("at %v: %v, want %v (%+v)", run, state, want, term)
		}
	}
}

// checkTruth asserts that nothing is said of the lock at now that is not so, when it really ends at ends.
func checkTruth(t *rapid.T, term lease.Term, now appliance.Reading, really, ends time.Duration) {
	t.Helper()
	state, left := term.At(now)
	switch {
	case state == lease.Held && really > ends:
		t.Fatalf("held at %v, but it ended at %v: %+v", really, ends, term)
	case state == lease.Gone && really <= ends:
		t.Fatalf("gone at %v, but it ends at %v: %+v", really, ends, term)
	}
	if left < 0 || left > max(0, ends-really) {
		t.Fatalf("%v left at %v, but it ends at %v: %+v", left, really, ends, term)
	}
	if s := term.Share(now); s < 0 || s > 1 {
		t.Fatalf("share %v", s)
	}
}

func TestMarginProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl, worst := anyTTL(t), span(t, "worst", 0, 10*time.Minute)
		got := lease.Margin(ttl, worst)
		if got <= 0 || got > ttl/10 || got > time.Minute {
			t.Fatalf("margin %v of %v", got, ttl)
		}
		if got < ttl/10 { // not bounded by the tenth: the formula
			if got < time.Second || got < min(ttl/500, time.Minute) || got < min(2*worst, time.Minute) {
				t.Fatalf("margin %v of %v with a round trip of %v", got, ttl, worst)
			}
			if got > time.Second && got != ttl/500 && got != 2*worst && got != time.Minute {
				t.Fatalf("margin %v of %v with a round trip of %v comes from nowhere", got, ttl, worst)
			}
		}
		if more := lease.Margin(ttl, worst+span(t, "more", 0, time.Minute)); more < got {
			t.Fatalf("margin %v falls to %v with a longer round trip", got, more)
		}
	})
}

// TestOwnProperty: whenever between sending and answer the lock was really granted, nothing false is said of it.
func TestOwnProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := span(t, "sent", 0, year)
		trip := span(t, "round trip", 0, time.Minute)
		granted := sent + span(t, "granted", 0, trip)
		ttl := anyTTL(t)
		term := lease.Own(answer(sent, sent+trip, time.Time{}), ttl, span(t, "worst", 0, 2*time.Minute))
		checkTerm(t, term)
		ends := granted + ttl
		if term.End > ends || term.GoneAfter < ends || term.From > granted {
			t.Fatalf("granted at %v for %v: %+v", granted, ttl, term)
		}
		for _, now := range []time.Duration{
			sent + trip, ends - 1, ends, ends + 1, term.HeldUntil, term.End, term.GoneAfter + 1,
			sent + trip + span(t, "later", 0, 2*ttl),
		} {
			checkTruth(t, term, at(now), now, ends)
		}
	})
}

// TestFault_CLK01_OwnHasNoUseForTheApplianceClock: our own lock's term is the same whatever Date the appliance sends.
func TestFault_CLK01_OwnHasNoUseForTheApplianceClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent, trip, ttl := span(t, "sent", 0, year), span(t, "round trip", 0, time.Minute), anyTTL(t)
		date := noon.Add(span(t, "skew", -10*year, 10*year))
		if a, b := lease.Own(answer(sent, sent+trip, noon), ttl, trip), lease.Own(answer(sent, sent+trip, date), ttl, trip); a != b {
			t.Fatalf("%+v, and with the Date %v %+v", a, date, b)
		}
	})
}

// listing is one appliance, with a clock of its own, that lists a foreign lock once.
type listing struct {
	stamp   appliance.Stamp
	created time.Time     // as listed
	ends    time.Duration // truly, on our run
	ttl     time.Duration
}

// list makes one: the lock was made some time ago, the answer with its Date is written at some moment between sent and
// received, and both times are cut to what the vendor writes (Date to seconds, creation to millis or to seconds).
func list(t *rapid.T, skew time.Duration) listing {
	ttl := anyTTL(t)
	sent := span(t, "sent", 0, year)
	trip := span(t, "round trip", 0, time.Minute)
	written := sent + span(t, "written", 0, trip)
	made := written - span(t, "age", 0, ttl)
	cut := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(t, "cut")
	epoch := noon.Add(skew)
	return listing{
		stamp:   answer(sent, sent+trip, epoch.Add(written).Truncate(time.Second)),
		created: epoch.Add(made).Truncate(cut),
		ends:    made + ttl,
		ttl:     ttl,
	}
}

// TestFault_CLK05_CoarseDate: cut to whole seconds, the times of an appliance never make us overstate a lock.
func TestFault_CLK05_CoarseDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := list(t, span(t, "skew", -10*year, 10*year))
		term := lease.Listed(l.stamp, l.created, l.ttl, span(t, "worst", 0, 2*time.Minute))
		checkTerm(t, term)
		if term.End > l.ends || term.GoneAfter < l.ends {
			t.Fatalf("ends at %v: %+v", l.ends, term)
		}
		received := l.stamp.Received.Run
		for _, now := range []time.Duration{
			received, l.ends - 1, l.ends, l.ends + 1, term.HeldUntil, term.End, term.GoneAfter + 1,
			received + span(t, "later", 0, 2*l.ttl),
		} {
			checkTruth(t, term, at(now), now, l.ends)
		}
	})
}

// TestFault_CLK01_ForeignSkew: an appliance's clock that is off by years tells the same as a right one.
func TestFault_CLK01_ForeignSkew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := list(t, 0)
		skew := seconds(t, "skew", -10*year, 10*year)
		right := lease.Listed(l.stamp, l.created, l.ttl, time.Second)
		l.stamp.Date = l.stamp.Date.Add(skew)
		if off := lease.Listed(l.stamp, l.created.Add(skew), l.ttl, time.Second); off != right {
			t.Fatalf("off by %v: %+v, right: %+v", skew, off, right)
		}
	})
}

// TestFault_CLK02_SteppedApplianceClock: an appliance ends a lock by its own clock, so once that was stepped the next
// listing tells the new end, or that it cannot be told; the old end is not kept.
func TestFault_CLK02_SteppedApplianceClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := list(t, 0)
		step := span(t, "step", -2*l.ttl, 2*l.ttl)
		epoch := noon.Add(step)
		written := l.stamp.Sent.Run // of the listing after the step; the round trip is that of the first
		l.stamp.Date = epoch.Add(written).Truncate(time.Second)
		term := lease.Listed(l.stamp, l.created, l.ttl, 0)
		ends := l.ends - step
		if !term.Known {
			if left := ends - written; left > 0 && left <= l.ttl {
				t.Fatalf("%v left, and the end unknown", left)
			}
			return
		}
		if state, _ := term.At(l.stamp.Received); state == lease.Held && l.stamp.Received.Run > ends {
			t.Fatalf("held after %v: %+v", ends, term)
		}
	})
}

// TestFault_CLK04_CountdownNeverRises: however the host sleeps and its wall clock is set, the countdown falls or stands,
// the states come in their order, and nothing is called held that is over. A wall clock set back hides as much sleep, at
// the most from one floor to the other without a step being seen.
func TestFault_CLK04_CountdownNeverRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wall, mono, real := noon, 40*time.Hour, time.Duration(0)
		ours := clock.New(func() (time.Time, time.Duration) { return wall, mono })
		run := func(d time.Duration) { wall, mono, real = wall.Add(d), mono+d, real+d }

		sent := ours.Now()
		run(span(t, "request", 0, time.Second))
		const mostBacks = 5
		ttl := seconds(t, "ttl", 30*time.Second, time.Hour) // the margin is then 3 s, above the clock's own error
		ends := real + ttl
		run(span(t, "answer", 0, time.Second))
		term := lease.Own(appliance.Stamp{Sent: sent, Received: ours.Now()}, ttl, 2*time.Second)

		backs := 0
		lastState, lastLeft := term.At(ours.Now())
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			by := span(t, "by", 0, ttl/time.Duration(rapid.Int64Range(4, 1000).Draw(t, "part")))
			switch rapid.SampledFrom([]string{"run", "suspend", "forward", "back"}).Draw(t, "how") {
			case "run":
				run(by)
			case "suspend": // the monotonic clock stands still
				wall, real = wall.Add(by), real+by
			case "forward":
				wall = wall.Add(by)
			case "back":
				if backs == mostBacks {
					continue
				}
				wall, backs = wall.Add(-by), backs+1
			}
			state, left := term.At(ours.Now())
			if left > lastLeft {
				t.Fatalf("countdown rose from %v to %v", lastLeft, left)
			}
			if state < lastState {
				t.Fatalf("%v became %v", lastState, state)
			}
			if state == lease.Held && real > ends {
				t.Fatalf("held at %v, but it ended at %v", real, ends)
			}
			if left > max(0, ends-real)+floor+time.Duration(backs)*2*floor {
				t.Fatalf("%v left at %v, but it ended at %v", left, real, ends)
			}
			lastState, lastLeft = state, left
		}
	})
}

// TestFault_CLK03_OverAfterSleep: a lock that ended while the host slept is not held at the first look.
func TestFault_CLK03_OverAfterSleep(t *testing.T) {
	wall, mono := noon, time.Duration(0)
	ours := clock.New(func() (time.Time, time.Duration) { return wall, mono })
	term := lease.Own(appliance.Stamp{Sent: ours.Now(), Received: ours.Now()}, 20*time.Minute, time.Second)
	if state, left := term.At(ours.Now()); state != lease.Held || left != 20*time.Minute {
		t.Fatalf("before: %v, %v", state, left)
	}
	wall = wall.Add(2 * time.Hour)
	if state, left := term.At(ours.Now()); state != lease.Gone || left != 0 {
		t.Errorf("after two hours asleep: %v, %v left", state, left)
	}
}

// TestHugeTerms: no time granted, however long, and no moment, however late, overflows into nonsense.
func TestHugeTerms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := span(t, "ttl", 1, 1<<63-1)
		worst := span(t, "worst", 0, 1<<63-1)
		sent := span(t, "sent", 0, 90*year)
		stamp := answer(sent, sent+time.Second, noon)
		created := noon.Add(-span(t, "age", 0, 1<<63-1))
		for _, term := range []lease.Term{lease.Own(stamp, ttl, worst), lease.Listed(stamp, created, ttl, worst)} {
			if !term.Known {
				continue
			}
			if term.HeldUntil > term.End || term.End > term.GoneAfter || term.From > term.End {
				t.Fatalf("ttl %v, round trip %v: %+v", ttl, worst, term)
			}
			if _, left := term.At(at(sent)); left > ttl {
				t.Fatalf("%v left of %v", left, ttl)
			}
		}
	})
}
