package app

import (
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/keymap"
	"holdfast/ui/pane/backups"
	"holdfast/ui/widget/dialog"
)

// browse changes how backups and jobs are looked at. It asks no appliance anything.
func (m *Model) browse(a keymap.Action) tea.Cmd {
	switch a {
	case keymap.All:
		m.backups.ToggleAll()
	case keymap.Group:
		m.backups.Regroup()
	case keymap.Differ:
		return m.findSides(nil)
	case keymap.Parts:
		if !m.jobs.ToggleParts() {
			return m.say("this job has no parts to show", true)
		}
		return m.rebuild(paneJobs)
	case keymap.Finished:
		m.jobs.ToggleOld()
		return m.rebuild(paneJobs)
	}
	return m.rebuild(paneBackups)
}

// whyNotBrowse is why such a key does nothing here.
func (m *Model) whyNotBrowse(a keymap.Action) string {
	ofJobs := a == keymap.Parts || a == keymap.Finished
	switch {
	case ofJobs && m.focus != paneJobs:
		return "go to the jobs first, pane 4"
	case !ofJobs && m.focus != paneBackups:
		return "go to the backups first, pane 3"
	case a == keymap.Parts && m.jobs.Key() == "":
		return "there is no job"
	}
	return ""
}

// browseKeys is the keys that change how backups are looked at, for the foot of their pane.
func (m *Model) browseKeys() string {
	var words []string
	for _, k := range []struct {
		action keymap.Action
		word   string
	}{{keymap.All, "all"}, {keymap.Group, "group"}, {keymap.Differ, "differences"}} {
		if key := m.opts.Keys.Of(k.action).Key(m.opts.ASCII); key != "" {
			words = append(words, key+" "+k.word)
		}
	}
	return strings.Join(words, "  ")
}

// browsed reports whether a newer snapshot changes what the pane of backups shows: most polls are about other things, and making
// the rows of a large fleet anew costs more than all else together.
func (m *Model) browsed(was, is *fleet.Snapshot) bool {
	if is.Name != m.chosen && !m.backups.All() && !m.backups.Comparing() && m.backups.Marks() == 0 {
		return false
	}
	return !backups.Same(was, is)
}

// sidesMsg brings what can be compared; here is the side that was chosen already.
type sidesMsg struct {
	sides []backups.Side
	here  *backups.Side
}

// sideMsg is a side that was chosen: the first, or with here the second.
type sideMsg struct {
	side backups.Side
	here *backups.Side
}

// findSides looks for what can be compared, beside the event loop.
func (m *Model) findSides(here *backups.Side) tea.Cmd {
	src := m.source()
	return func() tea.Msg { return sidesMsg{backups.Sides(src), here} }
}

// chooseSide asks for the first side, or for the second.
func (m *Model) chooseSide(msg sidesMsg) tea.Cmd {
	sides, title, word := msg.sides, "Compare", "with"
	if msg.here != nil {
		sides = slices.DeleteFunc(sides, func(s backups.Side) bool { return s == *msg.here })
		title, word = "Compare "+msg.here.String()+" with", "against"
	}
	switch {
	case msg.here == nil && len(sides) < 2, len(sides) == 0:
		return m.say("differences: there are no two places to compare", true)
	case m.dialog != nil || m.form != nil || m.focus != paneBackups: // something else has been opened meanwhile
		return nil
	}
	spec := dialog.Spec{Title: title, Opener: m.opts.Keys.Of(keymap.Differ).Key(m.opts.ASCII), Verb: "compare", Word: word,
		Risk: func(dialog.Values) policy.Risk { return policy.RiskNone }}
	for i, s := range sides {
		o := dialog.Option{Value: strconv.Itoa(i), Label: appliance.Label(s.String()).String()}
		switch {
		case s.Location == "":
			o.Note = "every place of it"
		case s.Appliance == "":
			o.Note = string(s.Location) + " of every appliance"
		default:
			o.Note = string(s.Location)
		}
		o.Note = appliance.Label(o.Note).String()
		spec.Options = append(spec.Options, o)
	}
	spec.Action = func(v dialog.Values) any {
		i, err := strconv.Atoi(v.Choice)
		if err != nil || i < 0 || i >= len(sides) {
			return nil
		}
		return sideMsg{sides[i], msg.here}
	}
	if len(sides) == 1 {
		return m.compareSides(sideMsg{sides[0], msg.here})
	}
	m.dialog = dialog.New(spec)
	return nil
}

// compareSides shows what differs once both sides are known.
func (m *Model) compareSides(msg sideMsg) tea.Cmd {
	if msg.here == nil {
		return m.findSides(&msg.side)
	}
	m.backups.Compare(*msg.here, msg.side)
	return m.rebuild(paneBackups)
}
