package lease_test

import (
	"math"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

const year = 365 * 24 * time.Hour

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// at is a reading of a clock that was never stepped.
func at(run time.Duration) appliance.Reading { return appliance.Reading{Wall: noon.Add(run), Run: run} }

// answer is the stamp of a call that was sent and answered at these moments of ours.
func answer(sent, received time.Duration, date time.Time) appliance.Stamp {
	return appliance.Stamp{Sent: at(sent), Received: at(received), Date: date}
}

func TestMargin(t *testing.T) {
	cases := []struct{ ttl, worst, want time.Duration }{
		{20 * time.Minute, 0, 2400 * time.Millisecond},               // 0.2 %
		{20 * time.Minute, time.Second, 2400 * time.Millisecond},     // twice the round trip is less
		{20 * time.Minute, 3 * time.Second, 6 * time.Second},         // twice the round trip is more
		{time.Minute, 0, time.Second},                                // at least 1 s
		{time.Minute, -time.Hour, time.Second},                       // a round trip that cannot be
		{24 * time.Hour, 0, time.Minute},                             // at most 60 s
		{time.Hour, 40 * time.Second, time.Minute},                   // at most 60 s
		{10 * time.Second, 0, time.Second},                           // just a tenth
		{5 * time.Second, 0, 500 * time.Millisecond},                 // a tenth, though less than 1 s
		{time.Second, time.Hour, 100 * time.Millisecond},             // a tenth, whatever the round trip
		{time.Hour, math.MaxInt64, time.Minute},                      // no overflow
		{math.MaxInt64, math.MaxInt64, time.Minute},                  //
		{8*time.Hour + 20*time.Minute, 0, time.Minute},               // where 0.2 % meets 60 s
		{500 * time.Second, 500 * time.Millisecond, time.Second},     // where all meet 1 s
		{600 * time.Second, 30 * time.Second, 60 * time.Second},      // where 60 s meets a tenth
		{600*time.Second - 10, 30 * time.Second, 60*time.Second - 1}, //
	}
	for _, c := range cases {
		if got := lease.Margin(c.ttl, c.worst); got != c.want {
			t.Errorf("Margin(%v, %v) = %v, want %v", c.ttl, c.worst, got, c.want)
		}
	}
}

func TestOwn(t *testing.T) {
	const ttl = 20 * time.Minute
	term := lease.Own(answer(10*time.Second, 12*time.Second, time.Time{}), ttl, 3*time.Second)
	want := lease.Term{
		Known: true, From: 10 * time.Second, End: 10*time.Second + ttl, HeldUntil: 4*time.Second + ttl, GoneAfter: 18*time.Second + ttl,
		TTL: ttl, EndsWall: noon.Add(10*time.Second + ttl),
	}
	if term != want {
		t.Fatalf("got  %+v\nwant %+v", term, want)
	}
	cases := []struct {
		now   time.Duration
		state lease.State
		left  time.Duration
		share float64
	}{
		{0, lease.Held, ttl + 10*time.Second, 1}, // before it was asked for: nothing over the whole
		{10 * time.Second, lease.Held, ttl, 1},
		{10*time.Second + ttl/2, lease.Held, ttl / 2, 0.5},
		{4*time.Second + ttl, lease.Held, 6 * time.Second, 0.005},
		{4*time.Second + ttl + 1, lease.Expiring, 6*time.Second - 1, 0.005},
		{10*time.Second + ttl, lease.Expiring, 0, 0},
		{18*time.Second + ttl, lease.Expiring, 0, 0},
		{18*time.Second + ttl + 1, lease.Gone, 0, 0},
		{year, lease.Gone, 0, 0},
	}
	for _, c := range cases {
		state, left := term.At(at(c.now))
		share := term.Share(at(c.now))
		if state != c.state || left != c.left || math.Abs(share-c.share) > 1e-9 {
			t.Errorf("at %v: %v, %v left, share %v; want %v, %v, %v", c.now, state, left, share, c.state, c.left, c.share)
		}
	}
	if got := term.ExtendFrom(); got != 10*time.Second+ttl/2 {
		t.Errorf("extend from %v", got)
	}
}

func TestListed(t *testing.T) {
	const ttl = 20 * time.Minute
	stamp := answer(time.Hour, time.Hour+2*time.Second, noon)
	term := lease.Listed(stamp, noon.Add(-5*time.Minute), ttl, 3*time.Second)
	end := time.Hour + 15*time.Minute - time.Second // a second less than told: the Date may be nearly one behind
	want := lease.Term{
		Known: true, From: end - ttl, End: end, HeldUntil: end - 6*time.Second,
		GoneAfter: time.Hour + 2*time.Second + 15*time.Minute + time.Second + 6*time.Second, TTL: ttl, EndsWall: noon.Add(end),
	}
	if term != want {
		t.Fatalf("got  %+v\nwant %+v", term, want)
	}
	fresh := lease.Listed(stamp, noon, ttl, 0)
	if ahead := lease.Listed(stamp, noon.Add(900*time.Millisecond), ttl, 0); ahead != fresh {
		t.Errorf("made after its Date, which is cut to the second: %+v, want all of the time granted and no more: %+v", ahead, fresh)
	}
}

// TestFault_CLK05_Unknown: what is missing or cannot be is no reason to guess.
func TestFault_CLK05_Unknown(t *testing.T) {
	const ttl = 20 * time.Minute
	good := answer(time.Hour, time.Hour+time.Second, noon)
	undated, unsent := good, good
	undated.Date, unsent.Sent = time.Time{}, appliance.Reading{}
	cases := []struct {
		name    string
		stamp   appliance.Stamp
		created time.Time
		ttl     time.Duration
		known   bool
	}{
		{"just made", good, noon, ttl, true},
		{"made within the coarseness of the Date", good, noon.Add(time.Second), ttl, true},
		{"made in the appliance's future", good, noon.Add(time.Second + 1), ttl, false},
		{"made next year", good, noon.Add(year), ttl, false},
		{"about to end", good, noon.Add(-ttl), ttl, true},
		{"late in going", good, noon.Add(-ttl - time.Hour), ttl, true},
		{"over for more than an hour and still listed", good, noon.Add(-ttl - time.Hour - 1), ttl, false},
		{"made in 1970", good, time.Unix(0, 0), ttl, false},
		{"made in the year 1", good, time.Time{}.Add(1), ttl, false},
		{"made in the year 9999", good, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), ttl, false},
		{"no Date", undated, noon, ttl, false},
		{"no creation time", good, time.Time{}, ttl, false},
		{"never sent", unsent, noon, ttl, false},
		{"no time granted", good, noon, 0, false},
		{"negative time granted", good, noon, -ttl, false},
		{"longest possible time granted", good, noon, math.MaxInt64, false},
		{"a shortest possible one", good, noon, math.MinInt64, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			term := lease.Listed(c.stamp, c.created, c.ttl, time.Second)
			if term.Known != c.known {
				t.Fatalf("known %v, want %v: %+v", term.Known, c.known, term)
			}
			if !c.known {
				checkUnknown(t, term)
			}
		})
	}
}

func TestOwnUnknown(t *testing.T) {
	for _, ttl := range []time.Duration{0, -1, math.MinInt64, math.MaxInt64} {
		checkUnknown(t, lease.Own(answer(0, time.Second, noon), ttl, 0))
	}
	checkUnknown(t, lease.Own(appliance.Stamp{}, time.Hour, 0))
	checkUnknown(t, lease.Term{})
}

func checkUnknown(t *testing.T, term lease.Term) {
	t.Helper()
	if term != (lease.Term{}) {
		t.Errorf("an unknown end, yet %+v", term)
	}
	for _, run := range []time.Duration{0, time.Hour, year} {
		if state, left := term.At(at(run)); state != lease.Unknown || left != 0 {
			t.Errorf("at %v: %v, %v left", run, state, left)
		}
		if s := term.Share(at(run)); s != 0 {
			t.Errorf("share %v", s)
		}
	}
}

func TestStateWords(t *testing.T) {
	for s, want := range map[lease.State]string{
		lease.Unknown: "unknown", lease.Held: "held", lease.Expiring: "expiring", lease.Gone: "gone",
	} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", s, s, want)
		}
	}
	var zero lease.State
	if zero != lease.Unknown {
		t.Error("a state that was never set is not unknown")
	}
}

// TestOwnWithoutAnswer: with no moment of an answer the lock is not called gone before its end.
func TestOwnWithoutAnswer(t *testing.T) {
	term := lease.Own(appliance.Stamp{Sent: at(time.Hour)}, time.Minute, 0)
	if term.GoneAfter < term.End {
		t.Errorf("gone at %v, ends at %v", term.GoneAfter, term.End)
	}
}

// TestFault_CLK07_LateTick: a draw after any pause tells what one without a pause would have told.
func TestFault_CLK07_LateTick(t *testing.T) {
	term := lease.Own(answer(0, time.Second, noon), time.Hour, time.Second)
	ticked := term
	for s := range 4000 {
		now := at(time.Duration(s) * time.Second)
		state, left := ticked.At(now) // has been asked each second
		lateState, lateLeft := term.At(now)
		if state != lateState || left != lateLeft {
			t.Fatalf("at %d s: %v, %v with every tick; %v, %v without", s, state, left, lateState, lateLeft)
		}
		if want := max(0, time.Hour-now.Run); left != want {
			t.Fatalf("at %d s: %v left, want %v", s, left, want)
		}
	}
}
