package uitest_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// storm is a dashboard whose keys are pressed at random while requests and appliances fail at random.
type storm struct {
	*uitest.Terminal

	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	checked int // rows that were held against the truth
}

// Random keys under random faults: at every second no lock is on the screen as held after the last moment at which one of its kind could
// end by itself (faults.md I2), no lock of others is given back (I3), and once all is calm the screen shows exactly what the appliances
// have, in the run that took it and in the next one, which has nothing but the journal (I1).
func TestChaosOnTheScreen(t *testing.T) {
	t.Parallel()
	checked := 0
	for seed := range uint64(raced.Or(6, 2)) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			o := uitest.Options{Width: 160, Height: 50, Sim: sim.Config{Seed: seed + 1, TokenTTL: 10 * time.Minute, Appliances: []sim.Spec{
				{Name: "dc1", Kind: sim.KindLXCA}, {Name: "dc2", Kind: sim.KindLXCA}, {Name: "edge", Kind: sim.KindECB},
			}}}
			uitest.Run(t, o, func(x *uitest.Terminal) {
				s := &storm{Terminal: x, t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7))}
				x.Until("3 up")
				s.blow(5 * time.Minute)
				x.Fleet.Faults().Stop()
				s.calm("the run that took them")
				x.Hangup()
				x.Again()
				s.calm("the next run")
				s.spared()
				checked += s.checked
			})
		})
	}
	if !t.Failed() && checked < 1000 {
		t.Errorf("only %d rows were held against the truth", checked)
	}
}

// blow lets keys and faults come for so long, and looks at every second.
func (s *storm) blow(d time.Duration) {
	const changing = "POST,PUT,DELETE"
	s.fail(fault.Rule{Kind: fault.Mix, P: 0.05, Seed: s.rng.Uint64(), Method: "GET"})
	s.fail(fault.Rule{Kind: fault.Mix, P: 0.2, Seed: s.rng.Uint64(), Method: changing, On: "dc*"})
	// An ECB's lock that is granted long after its request was given up is in nobody's list: there is none.
	s.fail(fault.Rule{Kind: fault.DropAfter, P: 0.1, Seed: s.rng.Uint64(), Method: changing, On: "edge"})
	s.fail(fault.Rule{Kind: fault.DropBefore, P: 0.1, Seed: s.rng.Uint64(), Method: changing, On: "edge"})
	for end := time.Now().Add(d); time.Now().Before(end) && !s.t.Failed(); {
		switch n := s.rng.IntN(12); {
		case n < 2:
			s.others()
		case n < 3:
			s.misfortune()
		case n < 9:
			s.press()
		}
		s.Advance(time.Second)
		s.look()
	}
}

func (s *storm) fail(r fault.Rule) {
	if _, err := s.Fleet.Faults().Add(r); err != nil {
		s.t.Fatal(err)
	}
}

// misfortune is a fault of a whole appliance.
func (s *storm) misfortune() {
	name, d := []string{"dc1", "dc2", "edge"}[s.rng.IntN(3)], time.Duration(1+s.rng.IntN(20))*time.Second
	how := []string{fault.Refused, fault.Unavailable, fault.Hang}[s.rng.IntN(3)]
	if s.rng.IntN(2) == 0 { // an ECB forgets its tokens, and only they give its lock back
		s.fail(fault.Rule{Kind: fault.Restart, On: name, Times: 1, For: d, How: how, KeepLocks: name != "edge" && s.rng.IntN(2) == 0})
		return
	}
	s.fail(fault.Rule{Kind: fault.Outage, On: name, Times: 1, For: d, How: how})
}

// others is what somebody else does with locks.
func (s *storm) others() {
	if s.rng.IntN(4) == 0 {
		if edge := s.Fleet.Appliance("edge").ECB; !edge.LockByOther("rest") && edge.LockOwner() != "admin" {
			edge.UnlockByOther()
		}
		return
	}
	a := s.Fleet.Appliance([]string{"dc1", "dc2"}[s.rng.IntN(2)]).LXCA
	if locks := a.Locks(); len(locks) > 4 {
		for _, l := range locks {
			if l.By != "admin" {
				a.RemoveLock(l.ID)
				return
			}
		}
	}
	a.AddForeignLock(xclarity.Components[s.rng.IntN(4)], time.Duration(30+s.rng.IntN(200))*time.Second)
}

// press opens a dialog about a lock and confirms it, where there is one.
func (s *storm) press() {
	row := slices.Repeat([]string{"j"}, s.rng.IntN(4))
	if s.rng.IntN(3) == 0 {
		s.Press("1", "g").Press(row...).Press("a")
		switch screen := s.Screen(); {
		case strings.Contains(screen, "╭ Acquire a lock on edge"):
			s.Press("y")
		case strings.Contains(screen, "╭ Acquire a lock on"):
			s.Type([]string{"updates", "data man", "firmware"}[s.rng.IntN(3)]).Press("tab", "ctrl+u")
			s.Type(fmt.Sprintf("%dm", 1+s.rng.IntN(4))).Press("enter")
		}
		s.Press("esc", "esc")
		return
	}
	s.Press("2", "g").Press(row...).Press([]string{"e", "r", "K"}[s.rng.IntN(3)])
	for title, key := range map[string]string{"╭ Extend": "enter", "╭ Release": "y", "╭ Keep": "enter"} {
		if strings.Contains(s.Screen(), title) {
			s.Press(key)
			break
		}
	}
	s.Press("esc", "esc")
}

// lockLine is a row of the pane of locks.
type lockLine struct{ appliance, scope, holder, left string }

func (r lockLine) held() bool { return countdown.MatchString(r.left) }

// there reports whether it says that the lock is there: not that it was lost, that nobody knows what came of a request, or, of an ECB,
// that it is not known whose it is.
func (r lockLine) there() bool {
	return !strings.HasPrefix(r.left, "LOST") && r.left != "outcome unknown" && (r.appliance != "edge" || r.ours())
}

func (r lockLine) ours() bool { return strings.HasPrefix(r.holder, "you") }

var (
	lockRow   = regexp.MustCompile(`││[▸ ] (dc1|dc2|edge) +(\S+)(?: \S+)* {2,}(\S+(?: \S+)*) {2,}(\S+(?: \S+)*?)(?: {2,}\S.*)? *│$`)
	countdown = regexp.MustCompile(`^[\d:]+ [━╸╺╶─]`)
)

// rows are what the pane of locks shows.
func (s *storm) rows() (rows []lockLine) {
	for line := range strings.Lines(s.Screen()) {
		if m := lockRow.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			rows = append(rows, lockLine{m[1], m[2], m[3], m[4]})
		}
	}
	return rows
}

// look holds every row that is shown as held against what was granted.
func (s *storm) look() {
	now := time.Now().Add(-1100 * time.Millisecond) // it is drawn each second, and a frame after
	for _, r := range s.rows() {
		if !r.held() {
			continue
		}
		s.checked++
		lives := false
		for _, e := range s.Fleet.Truth().Effects() {
			granted := e.What == "lock.granted" || e.What == "lock.moved" // to another token
			about := e.Appliance == r.appliance && e.Scope == r.scope
			lives = lives || granted && about && (!r.ours() || e.By == "admin") && e.Ends.After(now)
		}
		if !lives {
			s.t.Errorf("seed %d at %s: %+v is shown as held, and none such can be there", s.seed, time.Now(), r)
		}
	}
}

// calm waits until all is quiet, and for a screen that tells what the appliances have: an extension may be under way.
func (s *storm) calm(who string) {
	s.Advance(3 * time.Minute)
	s.Press("esc", "2")
	var want, got []string
	for range 20 {
		want, got = s.there(), s.told()
		if slices.Equal(want, got) {
			return
		}
		s.Advance(time.Second)
	}
	s.t.Errorf("seed %d: %s shows\n%q, and there are\n%q\n%s", s.seed, who, got, want, s.Screen())
}

// there are the locks that the appliances have, but for one of an ECB that is not ours: nobody asks for it.
func (s *storm) there() (locks []string) {
	for _, name := range []string{"dc1", "dc2"} {
		for _, l := range s.Fleet.Appliance(name).LXCA.Locks() {
			locks = append(locks, fmt.Sprintf("%s %s ours=%t", name, l.Component, l.By == "admin"))
		}
	}
	if s.Fleet.Appliance("edge").ECB.LockOwner() == "admin" {
		locks = append(locks, "edge configuration ours=true")
	}
	slices.Sort(locks)
	return locks
}

// told are those that the screen says are there.
func (s *storm) told() (locks []string) {
	for _, r := range s.rows() {
		if r.there() {
			locks = append(locks, fmt.Sprintf("%s %s ours=%t", r.appliance, r.scope, r.ours()))
		}
	}
	slices.Sort(locks)
	return locks
}

// spared fails the test where a lock of somebody else was given back by us.
func (s *storm) spared() {
	ours := map[string]bool{}
	for _, e := range s.Fleet.Truth().Effects() {
		switch {
		case e.What == "lock.granted":
			ours[e.Appliance+e.ID] = e.By == "admin"
		case e.What == "lock.released" && e.By == "admin" && !ours[e.Appliance+e.ID]:
			s.t.Errorf("seed %d: we gave back a lock of others: %+v", s.seed, e)
		}
	}
}
