package app

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance/fleet"
)

// builtMsg brings the rows of a pane.
type builtMsg struct {
	pane  int
	built any
}

// rebuild makes the rows of a pane beside the event loop. While a build runs, further wishes become one more build.
func (m *Model) rebuild(p int) tea.Cmd {
	b := &m.builds[p]
	if b.running {
		b.again = true
		return nil
	}
	b.running, b.again = true, false
	make := m.panes[p].Build(m.source())
	return func() tea.Msg { return builtMsg{p, make()} }
}

// applied takes the rows that were made.
func (m *Model) applied(msg builtMsg) tea.Cmd {
	b := &m.builds[msg.pane]
	b.running = false
	m.panes[msg.pane].Apply(msg.built)
	if msg.pane == m.opened.pane {
		m.freshen()
	}
	m.arrive(msg.pane)
	m.disarm(msg.pane)
	var cmds []tea.Cmd
	if msg.pane == paneAppliances {
		cmds = append(cmds, m.follow())
	}
	if b.again {
		cmds = append(cmds, m.rebuild(msg.pane))
	}
	return tea.Batch(cmds...)
}

// arrive puts the cursor on the row that was waited for.
func (m *Model) arrive(p int) {
	if m.arrival.key != "" && m.arrival.pane == p && m.panes[p].Go(m.arrival.key) {
		m.panes[p].Touch()
		m.arrival = arrival{}
	}
}

// follow shows the backups and requests of the appliance under the cursor.
func (m *Model) follow() tea.Cmd {
	name := m.appliances.Key()
	if name == "" || name == m.chosen {
		return nil
	}
	m.chosen = name
	return tea.Batch(m.rebuild(paneBackups), m.rebuild(paneRequests))
}

// disarm takes the trigger from a dialog that names a row which is gone, or is about what is over.
func (m *Model) disarm(p int) {
	if m.dialog == nil {
		return
	}
	if why := m.dialog.Over(); why != "" {
		m.dialog.Disarm(why + " Nothing was sent.")
		return
	}
	if p != m.focus || m.panes[p].Query() != "" {
		return
	}
	for _, key := range m.dialog.Keys() {
		if !m.panes[p].Has(key) {
			m.dialog.Disarm("What this was about is not listed any more. Nothing was sent.")
			return
		}
	}
}

// news takes what changed in the fleet.
func (m *Model) news(msg newsMsg) tea.Cmd {
	if msg.over {
		return nil
	}
	var cmds []tea.Cmd
	chosen := false
	for _, s := range msg.Snapshots {
		if i, ok := m.place[s.Name]; ok {
			chosen = chosen || m.browsed(m.snapshots[i], s)
			m.snapshots[i] = s
		}
	}
	if len(msg.Snapshots) > 0 {
		cmds = append(cmds, m.rebuild(paneAppliances), m.rebuild(paneLocks), m.rebuild(paneJobs))
	}
	if chosen {
		cmds = append(cmds, m.rebuild(paneBackups))
	}
	if len(msg.Events) > 0 {
		m.events = append(m.events[max(0, len(m.events)+len(msg.Events)-mostEvents):len(m.events):len(m.events)], msg.Events...)
		cmds = append(cmds, m.rebuild(paneEvents))
		if slices.ContainsFunc(msg.Events, func(ev fleet.Event) bool { return ev.Ring && m.opts.Bell }) {
			cmds = append(cmds, tea.Raw("\a"))
		}
	}
	if m.shown(paneRequests) {
		cmds = append(cmds, m.rebuild(paneRequests))
	}
	if m.bottom == paneTimeline && len(msg.Snapshots) > 0 {
		cmds = append(cmds, m.rebuild(paneTimeline))
	}
	return tea.Batch(append(cmds, m.nextNews())...)
}
