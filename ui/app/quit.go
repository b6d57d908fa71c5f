package app

import (
	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// leaving is the releases that are waited for before the program ends, by the key of the lock.
type leaving struct {
	waiting map[string]bool
	failed  bool // one of them; then the program stays, with the reason on the screen
}

// awaiting waits for these releases.
func awaiting(releases []target) leaving {
	l := leaving{waiting: map[string]bool{}}
	for _, t := range releases {
		l.waiting[t.lock()] = true
	}
	return l
}

// lock is the key of the lock that an act is about.
func (t target) lock() string { return fleet.Lock{Appliance: t.name, Lock: t.act.Lock}.Key() }

// left takes a release from those that are waited for, and reports whether that was the last and none has failed.
func (m *Model) left(msg doneMsg) bool {
	key := msg.target.lock()
	if msg.target.act.Verb != appliance.VerbRelease || !m.leaving.waiting[key] {
		return false
	}
	delete(m.leaving.waiting, key)
	m.leaving.failed = m.leaving.failed || msg.err != nil
	return len(m.leaving.waiting) == 0 && !m.leaving.failed
}
