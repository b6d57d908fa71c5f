package cli

import (
	"testing"
	"time"

	"holdfast/appliance/sim"
)

// Whoever watches the jobs of an appliance that was never seen is told so at once; a signal ends a watch of all with its code.
func TestJobsWatchEnds(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		after(t, 5*time.Second, sims, config, "jobs", "watch", "dc1").want(t, 130, "watched no longer: ended by SIGINT")
		spoil(t, sims, "outage=1h")
		r := on(t, sims, config, "jobs", "watch", "dc1", "1")
		r.want(t, ExitUnreachable, "the jobs of dc1 were not told: ")
		r.wantNot(t, "goes on")
	})
}

// A lock that may have come of a request whose answer was lost is not called another's (faults.md I1).
func TestFault_LCK02_ListDoesNotCallItAnothers(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		spoil(t, sims, "outage=5m POST sftp/locks #1 effect=yes")
		locksOf(t, sims, config, "acquire", "dc1", "UP", "--ttl", "20m").want(t, ExitUnknown)
		<-time.After(6 * time.Minute)
		r := on(t, sims, config, "locks", "list", "dc1")
		r.want(t, ExitDone, "unknown", "it may be what", "that is not known yet")
		r.wantNot(t, "another")
		on(t, sims, config, "status").want(t, ExitDone, "UP Updates     unknown")
		on(t, sims, config, "status", "--json").want(t, ExitDone, `"holder": "unknown"`)
	})
}
