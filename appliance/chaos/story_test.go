package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/sim/kit"
)

// told is how much of a story is printed.
const toldLines = 150

// story is what happened in a run, for people: operations, faults and what engines said. The truth log has the rest.
type story struct {
	base func() time.Time
	mu   sync.Mutex
	told []line
}

type line struct {
	at        time.Time
	appliance string // empty: about all
	text      string
}

// add notes something.
func (s *story) add(name, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, line{s.base(), name, fmt.Sprintf(format, args...)})
}

// of is the end of the story of one appliance up to a moment, with what really happened.
func (s *story) of(name string, until time.Time, truth []kit.Effect) string {
	s.mu.Lock()
	all := slices.Clone(s.told)
	s.mu.Unlock()
	for _, e := range truth {
		if strings.HasPrefix(e.What, "token.") && e.What != "token.renewed" {
			continue
		}
		text := fmt.Sprintf("TRUTH %s %s", e.What, strings.Join(slices.DeleteFunc([]string{e.ID, e.Scope, e.Kind, e.UUID, e.State, e.More,
			e.Rule, e.Client}, func(s string) bool { return s == "" }), " "))
		if e.TTL > 0 {
			text += fmt.Sprintf(" for %d s", e.TTL)
		}
		all = append(all, line{e.At, e.Appliance, text})
	}
	all = slices.DeleteFunc(all, func(l line) bool { return l.at.After(until) || l.appliance != "" && name != "" && l.appliance != name })
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, l := range all[max(0, len(all)-toldLines):] {
		fmt.Fprintf(&b, "    %s %-6s %s\n", stamp(l.at), l.appliance, l.text)
	}
	return b.String()
}

// A failed run says how to run it again.
func TestRunAgain(t *testing.T) {
	t.Run("killed at 7", func(t *testing.T) {
		if got, want := (&world{t: t, seed: 7}).rerun(), "-run 'TestRunAgain/killed_at_7'"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
