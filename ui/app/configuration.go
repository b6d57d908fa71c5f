package app

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/keymap"
	"holdfast/ui/pane"
	"holdfast/ui/pane/backups"
	"holdfast/ui/screen/detail"
	"holdfast/ui/theme"
)

// changesMsg is what differs between the edited and the running configuration; the target is what was wanted once that is known,
// without a verb to be shown it, and backup what it is about.
type changesMsg struct {
	target
	backup  backups.Row
	asked   int
	changes []appliance.ConfigChange
	missing []appliance.Text
	err     error
}

func (m *Model) isConfig(name string) bool {
	_, ok := m.engine.Configures(name)
	return ok
}

// compare reads both copies beside the event loop.
func (m *Model) compare(t target, b backups.Row) tea.Cmd {
	engine, ctx := m.engine, m.opts.Context
	m.questions++
	m.asked = m.questions
	n := m.asked
	return func() tea.Msg {
		changes, missing, err := engine.Changes(ctx, t.name)
		return changesMsg{t, b, n, changes, missing, err}
	}
}

// deafFor is how long a dialog that opened by itself hears no key.
const deafFor = 300 * time.Millisecond

// compared shows what differs, alone or before what was wanted is confirmed (faults.md LCK-10: others' half-made edits may lie there).
// Nothing opens over what somebody has begun meanwhile.
func (m *Model) compared(msg changesMsg) tea.Cmd {
	if msg.asked != m.asked {
		return nil
	}
	m.asked = 0
	if msg.err != nil {
		return m.say(msg.name+": "+appliance.Reason(msg.err), true)
	}
	lines := changeLines(msg.changes, msg.missing)
	if msg.act.Verb == "" {
		d := pane.Detail{Title: msg.name + ": edited against running"}
		for _, l := range lines {
			d.Fields = append(d.Fields, pane.Pair{Value: l, Role: theme.Plain})
		}
		m.detail, m.opened = detail.New(d, nil), opened{}
		return nil
	}
	const most = 6
	intro := []string{map[appliance.Verb]string{
		appliance.VerbSave:     "Everything that was edited is saved, also what somebody else left half-made:",
		appliance.VerbActivate: "The saved configuration goes into use. Edited against running now:",
		appliance.VerbRestore:  "What is edited now is thrown away:",
	}[msg.act.Verb]}
	if msg.backup != nil && msg.act.Transfer.Backup != "" {
		intro = append([]string{identity(msg.backup)}, intro...)
	}
	intro = append(intro, lines[:min(most, len(lines))]...)
	if len(lines) > most {
		intro = append(intro, fmt.Sprintf("and %d more lines: esc, then compare", len(lines)-most))
	}
	m.deaf = m.frame().Now.Run + deafFor
	return m.confirm(msg.target, nil, intro)
}

// changeLines words the differences.
func changeLines(changes []appliance.ConfigChange, missing []appliance.Text) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.How, c.Type, c.Key)))
		for _, a := range c.Attributes {
			lines = append(lines, fmt.Sprintf("  %s: %s -> %s", a.Name, values(a.Before), values(a.After)))
		}
	}
	if len(changes) == 0 {
		lines = append(lines, "nothing differs")
	}
	if len(missing) > 0 {
		var names []string
		for _, t := range missing {
			names = append(names, t.String())
		}
		lines = append(lines, "could not be read, and may differ: "+strings.Join(names, ", "))
	}
	return lines
}

func values(list []appliance.Text) string {
	var words []string
	for _, v := range list {
		words = append(words, v.String())
	}
	return cmp.Or(strings.Join(words, ", "), "nothing")
}

// pendingEdits looks what lies edited on an appliance whose configuration was just locked, and says so (faults.md LCK-10).
func (m *Model) pendingEdits(name string) tea.Cmd {
	engine, ctx := m.engine, m.opts.Context
	return func() tea.Msg {
		changes, missing, err := engine.Changes(ctx, name)
		if err != nil || len(changes)+len(missing) == 0 {
			return nil
		}
		return editsMsg{name, len(changes)}
	}
}

// editsMsg tells that somebody's edits lie on an appliance.
type editsMsg struct {
	name string
	n    int
}

func (m *Model) edits(msg editsMsg) tea.Cmd {
	text := fmt.Sprintf("%s: edited differs from running in %s, maybe by somebody's half-made edits", msg.name, plural(msg.n, "element", "elements"))
	if msg.n == 0 {
		text = msg.name + ": whether edited differs from running could not be read wholly"
	}
	m.engine.Say(fleet.Warn, text) // a message goes, an event stays
	return m.say(text+": "+m.keyOf(keymap.More)+" compares", true)
}
