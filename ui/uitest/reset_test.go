package uitest_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/ui/cli"
	"holdfast/ui/uitest"
)

// While three locks are kept every connection is reset for a minute, at the worst times. Those that last longer than that are
// held without a gap; of shorter ones each gap there is, is told with bounds that hold it, and no other is.
func TestFault_LCK06_AMinuteOfResets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ttl   time.Duration // of all three
		after time.Duration // from when they are kept
		gap   bool
	}{
		"at the time to extend":     {4 * time.Minute, 2*time.Minute - 10*time.Second, false},
		"when they are extended":    {4 * time.Minute, 2*time.Minute + 2*time.Second, false},
		"longer than they may last": {time.Minute, 20 * time.Second, true},
	} {
		for _, rules := range [][]string{
			{"reset until=60s"},
			{"reset POST,DELETE,PUT p=0.5 seed=3 effect=yes until=60s", "reset until=60s"},
		} {
			t.Run(name+": "+rules[0], func(t *testing.T) {
				t.Parallel()
				o := uitest.Options{Sim: sim.Config{TokenTTL: c.ttl, Seed: 1, Speed: 1e6, Appliances: []sim.Spec{
					{Name: "dc1-lxca", Kind: sim.KindLXCA}, {Name: "ecb-edge", Kind: sim.KindECB},
				}}}
				uitest.Run(t, o, func(x *uitest.Terminal) {
					x.Until("2 up")
					keepThree(x, c.ttl)
					pass(x, c.after)
					for _, text := range rules {
						r, err := fault.Parse(text)
						if err != nil {
							t.Fatal(err)
						}
						if _, err := x.Fleet.Faults().Add(r); err != nil {
							t.Fatal(err)
						}
					}
					pass(x, 2*time.Minute)
					if x.Fleet.Faults().Total() < 10 {
						t.Errorf("only %d connections were reset", x.Fleet.Faults().Total())
					}
					x.Until("2 up")
					gaps := uncovered(x)
					if (len(gaps) > 0) != c.gap {
						t.Errorf("the gaps: %v", gaps)
					}
					named(t, x, gaps)
				})
			})
		}
	}
}

// keepThree takes two locks on the LXCA and that of the ECB, and has them kept.
func keepThree(x *uitest.Terminal, ttl time.Duration) {
	for _, component := range []string{"updates", "data management"} {
		acquire(x, component, ttl.String())
	}
	x.Press("1", "G").Until("▸ ● ecb-edge").Press("a").Until("configuration lock is exclusive").Press("y").Until("you took configuration")
	x.Press("2", "g", "space", "space", "space").Until("3 marked").Press("K").Until("╭ Keep 3 locks").Press("enter")
	for _, scope := range []string{"UP Updates", "DM Data", "configuration"} {
		x.Until(scope, "you · kept")
	}
}

// gap is a time in which no lock of ours about a scope was there.
type gap struct {
	scope    string
	from, to time.Time
}

func (g gap) String() string { return fmt.Sprintf("%s %s to %s", g.scope, g.from, g.to) }

// uncovered are the gaps between the locks of ours that really were, up to now.
func uncovered(x *uitest.Terminal) (gaps []gap) {
	alive, since := map[string]int{}, map[string]time.Time{} // by scope: how many there are, from when on there was none
	for _, e := range x.Fleet.Truth().Effects() {
		switch {
		case e.Scope == "" || e.By != "" && e.By != "admin":
		case e.What == "lock.granted":
			if from, none := since[e.Scope]; none {
				gaps = append(gaps, gap{e.Scope, from, e.At})
				delete(since, e.Scope)
			}
			alive[e.Scope]++
		case e.What == "lock.released", e.What == "lock.expired":
			if alive[e.Scope]--; alive[e.Scope] == 0 {
				since[e.Scope] = e.At
			}
		}
	}
	for scope, from := range since {
		gaps = append(gaps, gap{scope, from, time.Now()})
	}
	return gaps
}

var toldGap = regexp.MustCompile(`between (\d\d:\d\d:\d\d) UTC and (\d\d:\d\d:\d\d) UTC no lock about (\w+)`)

// named fails the test unless each gap is told, and nothing else is; the configuration lock, which is not taken anew, is told
// to be lost instead.
func named(t *testing.T, x *uitest.Terminal, gaps []gap) {
	t.Helper()
	said := toldGap.FindAllStringSubmatch(told(t, x), -1)
	for _, g := range gaps {
		if g.scope == "configuration" {
			x.Until("LOST at")
			continue
		}
		found := false
		for _, m := range said {
			from, to := clockTime(t, m[1], g.from), clockTime(t, m[2], g.to)
			found = found || m[3] == g.scope && !from.After(g.from) && !to.Add(time.Second).Before(g.to)
		}
		if !found {
			t.Errorf("the gap %s is not told: %q", g, said)
		}
	}
	if (len(said) > 0) != (len(gaps) > 0) {
		t.Errorf("the gaps are %v, and told are %q", gaps, said)
	}
}

// clockTime is a time of the day of another.
func clockTime(t *testing.T, text string, day time.Time) time.Time {
	t.Helper()
	at, err := time.Parse("15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

// told is every event in the journal.
func told(t *testing.T, x *uitest.Terminal) string {
	t.Helper()
	var out, errs bytes.Buffer
	args := []string{"--config", filepath.Join(x.Dir, "config.toml"), "events"}
	if code := cli.Main(context.Background(), cli.Env{Args: args, Out: &out, Err: &errs}); code != cli.ExitDone {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	return out.String()
}

// pass lets time pass on a screen that costs little to draw each second.
func pass(x *uitest.Terminal, d time.Duration) {
	x.Resize(40, 10)
	x.Advance(d)
	x.Resize(120, 40)
}
