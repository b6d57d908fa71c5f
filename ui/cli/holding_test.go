package cli

import (
	"io"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/sim"
)

// A list says of a lock no more than its appliance does, and that it is kept only while a process runs that keeps it.
func TestFault_JNL11_ListOfLocks(t *testing.T) {
	noon := appliance.Reading{Wall: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	of := func(change func(*fleet.Holding)) fleet.Holding {
		h := fleet.Holding{Appliance: "edge", Lock: appliance.ConfigurationLock, Exclusive: true, Who: "maria", State: fleet.HoldingHeld,
			Sent: noon.Wall.Add(-time.Minute), TTL: 10 * time.Minute, Kept: true}
		change(&h)
		return h
	}
	same := func(*fleet.Holding) {}
	shared := func(h *fleet.Holding) { h.Exclusive = false }
	late := noon.Wall.Add(9 * time.Minute)
	for name, c := range map[string]struct {
		listed string
		ours   []holding
		want   listedJSON
	}{
		"nothing known": {"unknown", nil, listedJSON{Holder: "unknown", State: "unknown"}},
		"a process that runs": {"unknown", []holding{{of(same), true}},
			listedJSON{Holder: "you", By: "maria", State: "held", Ends: &late, Kept: true, Note: "as the journal says: the appliance does not tell"}},
		"a process that has ended": {"unknown", []holding{{of(same), false}},
			listedJSON{Holder: "you", By: "maria", State: "unknown", Note: "of a run that has ended; until 12:09:00 UTC at the latest"}},
		"another has it": {"another", []holding{{of(same), true}}, listedJSON{Holder: "another", State: "unknown"}},
		"nobody has it":  {"nobody", []holding{{of(same), true}}, listedJSON{Holder: "nobody", State: "unknown"}},
		"it must have ended": {"unknown", []holding{{of(func(h *fleet.Holding) { h.Sent = noon.Wall.Add(-time.Hour) }), true}},
			listedJSON{Holder: "unknown", State: "unknown"}},
		"it was lost": {"unknown", []holding{{of(func(h *fleet.Holding) { h.State = fleet.HoldingLost }), true}},
			listedJSON{Holder: "unknown", State: "unknown"}},
		"listed by its id, of a process that runs": {"another", []holding{{of(shared), true}},
			listedJSON{Holder: "you", By: "maria", State: "unknown", Kept: true}},
		"listed by its id, of a process that has ended": {"another", []holding{{of(shared), false}},
			listedJSON{Holder: "you", By: "maria", State: "unknown"}},
	} {
		x := listedJSON{Appliance: "edge", ID: appliance.ConfigurationLock, Holder: c.listed, State: "unknown"}
		c.want.Appliance, c.want.ID = x.Appliance, x.ID
		got := withHolding(x, c.ours, noon)
		if got.Ends != nil && c.want.Ends != nil && got.Ends.Equal(*c.want.Ends) {
			got.Ends = c.want.Ends
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// Of several processes that had a lock, the newest that runs counts.
func TestFault_JNL06_TheLivingCount(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, _ *sim.Fleet, config string) {
		env := &Env{User: "maria", Clock: processClock(), Err: io.Discard}
		c, err := load(env, flags{config: config})
		if err != nil {
			t.Fatal(err)
		}
		for _, engine := range []string{"runs1", "runs2", "ended"} {
			j, err := journal.Open(t.Context(), journalPath(c), journal.Options{Engine: engine, Clock: env.Clock})
			if err == nil {
				err = j.Hold(t.Context(), fleet.Holding{Appliance: "edge", Lock: appliance.ConfigurationLock, Who: engine, Kept: true})
			}
			if err != nil {
				t.Fatal(err)
			}
			if engine == "ended" {
				err = j.Close()
			} else {
				t.Cleanup(func() { _ = j.Close() })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		all := (&run{config: c}).remembered(t.Context(), env).ours
		got := ""
		for _, h := range all {
			if got += h.Who + " "; h.lives != (h.Who != "ended") {
				t.Errorf("%s lives: %v", h.Who, h.lives)
			}
		}
		if got != "runs2 runs1 ended " {
			t.Errorf("%q", got)
		}
	})
}
