package app

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// ticker is the one clock of the screen: by the second while a countdown is visible, else every ten seconds, so that a
// standing screen writes nothing.
type ticker struct {
	generation int
	fast       bool
	running    bool
}

type tickMsg int

const slowTick = 10 * time.Second

// keepTime starts the next tick when there is none, or when the screen has come to need a faster one.
func (m *Model) keepTime() tea.Cmd {
	fast := m.counting()
	if m.tick.running && (m.tick.fast || !fast) {
		return nil
	}
	m.tick = ticker{m.tick.generation + 1, fast, true}
	return m.nextTick()
}

// nextTick waits for the next full second, or ten of them, on the wall clock.
func (m *Model) nextTick() tea.Cmd {
	step := slowTick
	if m.tick.fast {
		step = time.Second
	}
	now := m.engine.Clock().Now().Wall
	generation := m.tick.generation
	return tea.Tick(now.Truncate(step).Add(step).Sub(now), func(time.Time) tea.Msg { return tickMsg(generation) })
}

// ticked goes on ticking as fast as the screen needs now.
func (m *Model) ticked(msg tickMsg) tea.Cmd {
	if int(msg) != m.tick.generation {
		return nil
	}
	m.tick.fast = m.counting()
	m.freshen()
	cmd := m.nextTick()
	if m.shown(paneRequests) {
		return tea.Batch(cmd, m.rebuild(paneRequests))
	}
	return cmd
}

// counting reports whether anything visible changes by the second.
func (m *Model) counting() bool {
	f := m.frame()
	switch {
	case m.help != nil || m.tooSmall():
		return false
	case m.detail != nil:
		return m.opened.key != "" && m.panes[m.opened.pane].Ticks(f)
	}
	for p := range m.panes {
		if m.shown(p) && m.panes[p].Ticks(f) {
			return true
		}
	}
	return false
}

// toast is a short message on the bottom line.
type toast struct {
	text       string
	bad        bool
	generation int
}

type toastOverMsg int

const (
	toastTime    = 4 * time.Second
	badToastTime = 8 * time.Second
)

// say shows a short message for a while; bad ones stay longer.
func (m *Model) say(text string, bad bool) tea.Cmd {
	m.toast = toast{text, bad, m.toast.generation + 1}
	generation, d := m.toast.generation, toastTime
	if bad {
		d = badToastTime
	}
	return tea.Tick(d, func(time.Time) tea.Msg { return toastOverMsg(generation) })
}
