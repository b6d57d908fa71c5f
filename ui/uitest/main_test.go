package uitest_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain reads every time of day in UTC, so that a picture does not depend on where it is taken, and ends with a look for
// goroutines that scenarios in real time may have left. Ticks of the program cannot be stopped; they end by themselves
// within seconds, as virtual time shows.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("charm.land/bubbletea/v2.Tick.func1"))
}
