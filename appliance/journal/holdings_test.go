package journal

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// by is what an engine has.
func by(engine string, h fleet.Holding) fleet.Holding {
	h.Engine = engine
	return h
}

func TestHoldingsComeBack(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	bare := fleet.Holding{Appliance: "ecb-edge", Lock: appliance.ConfigurationLock}
	want := []fleet.Holding{by("first", someHolding(1)), by("first", bare), by("first", someHolding(3))}
	changed := someHolding(1)
	changed.State, changed.Note, changed.Kept, changed.Exclusive = fleet.HoldingHeld, "", false, false
	hold(t, j, by("somebody", changed))
	hold(t, j, bare)
	hold(t, j, someHolding(2))
	hold(t, j, someHolding(3))
	hold(t, j, someHolding(1)) // in place of the first, and still the oldest
	for range 2 {
		if err := j.Forget(t.Context(), "dc1-lxca", nthLock(2)); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []fleet.Holding{{Lock: lockID}, {Appliance: "dc1-lxca"}} {
		if err := j.Hold(t.Context(), bad); err == nil {
			t.Errorf("%+v is kept", bad)
		}
	}
	closed(t, j)
	k := opened(t, path, "second")
	if got, err := k.Holdings(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("holdings are\n%+v, want\n%+v, %v", got, want, err)
	}
	if got := adopt(t, k); !reflect.DeepEqual(got, fleet.Estate{Holdings: want}) {
		t.Errorf("adopted\n%+v, want\n%+v", got, want)
	}
	if got := locks(t, k); !slices.Equal(got, []string{"second dc1-lxca 1", "second ecb-edge configuration", "second dc1-lxca 3"}) {
		t.Errorf("holdings are %q", got)
	}
}

func TestTransitsComeBack(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	var want []fleet.Transit
	for i := range 4 {
		x := someTransit(intend(t, j, i))
		track(t, j, x)
		switch i {
		case 1: // none is known, and it is known that there is none
			x.Known, x.Job, x.Had, x.Since = []appliance.JobID{}, "", false, time.Time{}
		case 2:
			x.Known = nil
		}
		track(t, j, x)
		x.Engine = "first"
		want = append(want, x)
	}
	for _, id := range []uint64{want[3].ID, want[3].ID, 999, math.MaxUint64} {
		if err := j.Ended(t.Context(), id, someEnding()); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []uint64{0, 999, math.MaxUint64} {
		if err := j.Track(t.Context(), someTransit(id)); !errors.Is(err, ErrNotOurs) {
			t.Errorf("transit %d: %v", id, err)
		}
	}
	k := opened(t, path, "second")
	for _, err := range []error{k.Ended(t.Context(), want[0].ID, someEnding()), k.Track(t.Context(), someTransit(want[0].ID))} {
		if !errors.Is(err, ErrNotOurs) || k.Writable() != nil {
			t.Errorf("what another engine answers for: %v, writable: %v", err, k.Writable())
		}
	}
	closed(t, j)
	if got := adopt(t, k).Transits; !reflect.DeepEqual(got, want[:3]) {
		t.Errorf("adopted\n%+v, want\n%+v", got, want[:3])
	}
	track(t, k, someTransit(want[0].ID))
	if err := k.Ended(t.Context(), want[0].ID, someEnding()); err != nil {
		t.Error(err)
	}
	closed(t, k)
	got := adopt(t, opened(t, path, "third")).Transits
	if len(got) != 2 || got[0].ID != want[1].ID || got[0].Engine != "second" {
		t.Errorf("adopted again %+v", got)
	}
}

// What was listed before an act is as it was told: nothing, or that nothing is known.
func TestBeforeComesBack(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	before := [][]appliance.LockID{nil, {}, {lockID}}
	for _, b := range before {
		if _, err := j.Intend(t.Context(), fleet.Intent{Before: b}); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, j)
	for i, r := range adopt(t, opened(t, path, "second")).Intents {
		if !reflect.DeepEqual(r.Before, before[i]) || !r.Since.IsZero() || !r.Act.Until.IsZero() {
			t.Errorf("%#v, %v, %v; want %#v", r.Before, r.Since, r.Act.Until, before[i])
		}
	}
}

// leave records something of each kind at an appliance.
func leave(t *testing.T, j *Journal, name string, lock int) {
	t.Helper()
	in, h := someIntent(1), someHolding(lock)
	in.Appliance, in.Engine, h.Appliance = name, "", name
	id, err := j.Intend(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, j, h)
	x := someTransit(id)
	x.Appliance = name
	track(t, j, x)
}

// An engine takes over what is at its own appliances, once.
func TestAdoptAtSomeAppliances(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	for i, name := range []string{"dc1-lxca", "ecb-edge", "dc2-lxca"} {
		leave(t, j, name, i)
	}
	closed(t, j)
	k := opened(t, path, "second")
	for _, c := range []struct {
		at   []string
		want []string
	}{
		{[]string{}, nil}, {[]string{"unknown"}, nil}, {[]string{"dc2-lxca", "dc1-lxca"}, []string{"dc1-lxca", "dc2-lxca"}},
		{[]string{"dc1-lxca"}, nil}, {nil, []string{"ecb-edge"}}, {nil, nil},
	} {
		got := adopt(t, k, c.at...)
		var intents, holdings, transits []string
		for _, r := range got.Intents {
			intents = append(intents, r.Appliance)
		}
		for _, h := range got.Holdings {
			holdings = append(holdings, h.Appliance)
		}
		for _, x := range got.Transits {
			transits = append(transits, x.Appliance)
		}
		for _, names := range [][]string{intents, holdings, transits} {
			if !slices.Equal(names, c.want) {
				t.Errorf("at %q: %q, want %q", c.at, names, c.want)
			}
		}
	}
	if got := others(t, opened(t, path, "third")); len(got) != 3 {
		t.Errorf("the second has %q", got)
	}
}

// A lock that is ours already stays as we have it; of several that ended engines had, the one that was begun last.
func TestAdoptWhatIsOurs(t *testing.T) {
	_, path := folder(t)
	held := func(j *Journal, lock int, note string) fleet.Holding {
		h := someHolding(lock)
		h.Note = note
		hold(t, j, h)
		return by(j.options.Engine, h)
	}
	a, b, j := opened(t, path, "a"), opened(t, path, "b"), opened(t, path, "first")
	var left []fleet.Holding
	left = append(left, held(a, 1, "of a"), held(a, 2, "of a"))
	left = append(left, held(b, 2, "of b"), held(b, 3, "of b"))
	held(j, 1, "ours")
	closed(t, a)
	closed(t, b)
	if got := adopt(t, j).Holdings; !reflect.DeepEqual(got, left) {
		t.Errorf("adopted\n%+v, want\n%+v", got, left)
	}
	check := func() {
		t.Helper()
		all, err := j.Holdings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		notes := map[appliance.LockID]string{}
		for _, h := range all {
			notes[h.Lock] = h.Engine + " " + h.Note
		}
		want := map[appliance.LockID]string{nthLock(1): "first ours", nthLock(2): "first of b", nthLock(3): "first of b"}
		if len(all) != 3 || !reflect.DeepEqual(notes, want) {
			t.Errorf("%d holdings, %v, want %v", len(all), notes, want)
		}
	}
	check()
	// It is the same when all of it is recorded anew.
	if err := j.replace(t.Context(), j.db, damaged("for a test")); err != nil {
		t.Fatal(err)
	}
	check()
}

// Only engines that run are the others, and of them what they hold.
func TestOthers(t *testing.T) {
	_, path := folder(t)
	j, k, l := opened(t, path, "first"), opened(t, path, "second"), opened(t, path, "third")
	hold(t, k, someHolding(2))
	hold(t, j, someHolding(1))
	hold(t, l, someHolding(3))
	hold(t, k, someHolding(4))
	want := []string{"second dc1-lxca 2", "third dc1-lxca 3", "second dc1-lxca 4"}
	if got := others(t, j); !slices.Equal(got, want) {
		t.Errorf("others hold %q, want %q", got, want)
	}
	closed(t, k)
	if got := others(t, j); !slices.Equal(got, want[1:2]) {
		t.Errorf("others hold %q, want %q", got, want[1:2])
	}
	if got := adopt(t, l); len(got.Holdings) != 2 {
		t.Errorf("adopted %+v", got)
	}
	if got, want := others(t, j), []string{"third dc1-lxca 2", "third dc1-lxca 3", "third dc1-lxca 4"}; !slices.Equal(got, want) {
		t.Errorf("others hold %q, want %q", got, want)
	}
}

// Nothing is written when nothing was left.
// Who took a lock over, and ended before it took up its token, leaves the name under which that is kept to the next; a lock that is
// held by no token has none.
func TestFault_TOK02_WhoseTokenItIs(t *testing.T) {
	_, path := folder(t)
	first := opened(t, path, "first")
	h := someHolding(1)
	h.Owner = ""
	hold(t, first, h)
	h.Lock, h.Exclusive = nthLock(2), false
	hold(t, first, h)
	closed(t, first)
	for i, want := range [][3]string{{"first", "", ""}, {"second", "first", ""}, {"third", "first", ""}} {
		j := opened(t, path, []string{"second", "third", "fourth"}[i])
		got := adopt(t, j).Holdings
		if len(got) != 2 || got[0].Engine != want[0] || got[0].Owner != want[1] || got[1].Owner != want[2] {
			t.Errorf("%s left %+v", want[0], got)
		}
		if want[0] == "third" { // who has taken it up keeps the token under its own name
			h := got[0]
			h.Owner = ""
			hold(t, j, h)
		}
		closed(t, j)
	}
	if got := adopt(t, opened(t, path, "last")).Holdings; len(got) != 2 || got[0].Engine != "fourth" || got[0].Owner != "" {
		t.Errorf("fourth left %+v", got)
	}
}

func TestAdoptNothing(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	hold(t, j, someHolding(1))
	intend(t, j, 1)
	before := count(t, j, "counter WHERE n = 3")
	if got := adopt(t, j); !reflect.DeepEqual(got, fleet.Estate{}) || before != 1 || count(t, j, "counter WHERE n = 3") != 1 {
		t.Errorf("adopted %+v, counter %d", got, count(t, j, "counter WHERE n = 3"))
	}
}

// A run that ended when it had recorded the end of a transfer, and not yet how its request was answered: the next one does not find
// that nothing was sent. The answer counts when it is recorded after all.
func TestFault_SIG05_TheEndIsRecordedBeforeTheAnswer(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	var asked []uint64
	for i := range 3 {
		in := someIntent(i)
		in.Act.Ref = fmt.Sprint("ref ", i)
		id, err := j.Intend(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, id)
		if i < 2 {
			track(t, j, someTransit(id))
		}
		if err := j.Ended(t.Context(), id, someEnding()); err != nil {
			t.Error(err)
		}
		if i > 0 {
			continue
		}
		if err := j.Settle(t.Context(), id, fleet.OutcomeDone, "started"); err != nil {
			t.Error(err)
		}
	}
	closed(t, j)
	k := opened(t, path, "second")
	if open := unsettled(t, k); !slices.Equal(open, asked[2:]) {
		t.Errorf("open are %v", open)
	}
	for i, want := range []fleet.Outcome{fleet.OutcomeDone, fleet.OutcomeUnknown} {
		if got, err := k.Find(t.Context(), fmt.Sprint("ref ", i)); err != nil || got.Outcome != want {
			t.Errorf("intent %d is %q, %v, want %q", i+1, got.Outcome, err, want)
		}
	}
}
