package kit

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// Switch is one behaviour that the vendor's documents leave open: its name, the values it can play and the default,
// which is the first value.
type Switch struct {
	Name   string
	About  string
	Values []string
}

// Switches holds the chosen value of each switch of one appliance. It is safe for concurrent use.
type Switches struct {
	mu      sync.RWMutex
	known   map[string]Switch
	chosen  map[string]string
	version atomic.Uint64
}

// NewSwitches returns a set in which every switch stands at its default.
func NewSwitches(known []Switch) *Switches {
	s := &Switches{known: map[string]Switch{}, chosen: map[string]string{}}
	for _, k := range known {
		s.known[k.Name] = k
		s.chosen[k.Name] = k.Values[0]
	}
	return s
}

// Set chooses a value. An unknown name or value is an error that lists what there is.
func (s *Switches) Set(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[name]
	if !ok {
		names := make([]string, 0, len(s.known))
		for n := range s.known {
			names = append(names, n)
		}
		sort.Strings(names)
		return fmt.Errorf("unknown switch %q: use one of %s", name, strings.Join(names, ", "))
	}
	if !slices.Contains(k.Values, value) {
		return fmt.Errorf("switch %s cannot be %q: use one of %s", name, value, strings.Join(k.Values, ", "))
	}
	s.chosen[name] = value
	s.version.Add(1)
	return nil
}

// Version grows with every Set, so that an appliance knows when what it has rendered is out of date.
func (s *Switches) Version() uint64 { return s.version.Load() }

// Known reports whether there is a switch of that name.
func (s *Switches) Known(name string) bool {
	_, ok := s.known[name]
	return ok
}

// Get returns the chosen value. Asking for a switch that does not exist is a mistake in the simulator and panics.
func (s *Switches) Get(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.chosen[name]
	if !ok {
		panic("sim: no switch named " + name)
	}
	return v
}

// Is reports whether the switch stands at value.
func (s *Switches) Is(name, value string) bool { return s.Get(name) == value }
