package app

import (
	tea "charm.land/bubbletea/v2"

	"holdfast/ui/keymap"
	"holdfast/ui/screen/detail"
	"holdfast/ui/screen/help"
)

// key gives one key press to what is in front: dialog, help, detail, filter, then the bindings.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	m.arrival, m.asked = arrival{}, 0
	if m.dialog != nil && m.frame().Now.Run < m.deaf { // it came by itself: what is typed was meant for what stood there (faults.md TRM-03)
		return nil
	}
	switch {
	case m.form != nil:
		return m.formKey(k)
	case m.dialog != nil:
		return m.dialogKey(k)
	case m.help != nil:
		return m.helpKey(key)
	case m.detail != nil:
		return m.detailKey(key)
	case m.filtering:
		return m.filterKey(k)
	case m.tooSmall() && m.opts.Keys.Action(key) != keymap.Quit:
		return nil
	case m.migrating.wizard != nil:
		return m.wizardKey(k)
	case m.migrating.session != nil:
		return m.sessionKey(k)
	}
	action := m.opts.Keys.Action(key)
	if action == "" {
		return nil
	}
	m.panes[m.focus].Touch()
	if why := m.whyNot(action); why != "" {
		return m.say(string(action)+": "+why, true)
	}
	return m.perform(action, key)
}

func (m *Model) dialogKey(k tea.KeyPressMsg) tea.Cmd {
	out := m.dialog.Press(k)
	if out.Copy != "" {
		return tea.Batch(tea.SetClipboard(out.Copy), m.say("copied as curl, without the secret", false))
	}
	if !out.Close {
		return nil
	}
	m.dialog = nil
	if out.Action == nil {
		return nil
	}
	return func() tea.Msg { return out.Action }
}

func (m *Model) helpKey(key string) tea.Cmd {
	switch a := m.opts.Keys.Action(key); a {
	case keymap.Help, keymap.Back, keymap.Quit:
		m.help = nil
	default:
		scroll(m.help, a)
	}
	return nil
}

// scroller is a text that is longer than the screen.
type scroller interface {
	Scroll(int)
	Page(int)
	Top()
	Bottom()
}

func scroll(s scroller, a keymap.Action) {
	switch a {
	case keymap.Up:
		s.Scroll(-1)
	case keymap.Down:
		s.Scroll(1)
	case keymap.PageUp:
		s.Page(-1)
	case keymap.PageDown, keymap.Mark:
		s.Page(1)
	case keymap.First:
		s.Top()
	case keymap.Last:
		s.Bottom()
	}
}

func (m *Model) detailKey(key string) tea.Cmd {
	if key == "Y" {
		if curl := m.detail.Curl(); curl != "" {
			return tea.Batch(tea.SetClipboard(curl), m.say("copied as curl, without the secret", false))
		}
		return nil
	}
	switch a := m.opts.Keys.Action(key); a {
	case keymap.Back, keymap.Quit, keymap.Detail:
		m.detail = nil
	default:
		scroll(m.detail, a)
	}
	return nil
}

// filterKey edits the filter of the focused pane as it is typed.
func (m *Model) filterKey(k tea.KeyPressMsg) tea.Cmd {
	switch key := k.String(); key {
	case "enter":
		m.filtering = false
		return nil
	case "esc", "ctrl+c":
		m.filtering = false
		return m.setQuery("")
	case "up", "down":
		m.panes[m.focus].Move(map[string]int{"up": -1, "down": 1}[key])
		return m.moved()
	}
	m.filter.Press(k)
	return m.setQuery(m.filter.Raw())
}

func (m *Model) setQuery(q string) tea.Cmd {
	if q == m.panes[m.focus].Query() {
		return nil
	}
	m.panes[m.focus].SetQuery(q)
	return m.rebuild(m.focus)
}

// perform does what a binding says. Everything that changes an appliance only opens a dialog here.
func (m *Model) perform(a keymap.Action, key string) tea.Cmd {
	if cmd, ok := m.navigate(a); ok {
		return cmd
	}
	m.toast.text = "" // it was about what stood there before
	switch a {
	case keymap.Acquire:
		m.dialog = m.acquireDialog(key)
	case keymap.Extend:
		m.dialog = m.extendDialog(key)
	case keymap.Release:
		m.dialog = m.releaseDialog(key)
	case keymap.Keep:
		return m.keep(key)
	case keymap.Wait:
		return m.wait(key)
	case keymap.Ack:
		return m.acknowledge()
	case keymap.Copy, keymap.Move, keymap.Push:
		m.dialog = m.transferDialog(m.opts.Keys.Of(a).Verb, key)
	case keymap.Migrate:
		return m.migrate()
	case keymap.Create:
		return m.createForm(m.at())
	case keymap.Delete:
		m.dialog = m.deleteDialog(key, m.backups.Chosen())
	case keymap.More:
		return m.more(key)
	case keymap.Cancel:
		if m.waited() != "" {
			return m.stopWaiting()
		}
		m.dialog = m.cancelDialog(key)
	case keymap.Filter:
		m.filtering = true
		m.filter.Set(m.panes[m.focus].Query())
	case keymap.Sort:
		m.panes[m.focus].SortNext()
		return m.rebuild(m.focus)
	case keymap.Mark:
		m.panes[m.focus].Mark()
		return m.moved()
	case keymap.Unmark:
		m.panes[m.focus].Unmark()
	case keymap.All, keymap.Group, keymap.Differ, keymap.Parts, keymap.Finished:
		return m.browse(a)
	case keymap.Longer:
		return m.spanned(m.timeline.Longer())
	case keymap.Shorter:
		return m.spanned(m.timeline.Shorter())
	case keymap.Zoom:
		m.zoomed = !m.zoomed
	case keymap.Detail:
		m.openDetail()
	case keymap.Back:
		return m.back()
	case keymap.Look:
		m.engine.Look("")
		return m.say("looking again at every appliance", false)
	case keymap.Help:
		m.help = help.New(m.opts.Keys.Bindings(), func(b keymap.Binding) string { return m.whyNot(b.Action) })
	case keymap.Quit:
		return m.askToQuit(key)
	}
	return nil
}

// navigate moves the cursor or the focus.
func (m *Model) navigate(a keymap.Action) (tea.Cmd, bool) {
	p := m.panes[m.focus]
	switch a {
	case keymap.Up:
		p.Move(-1)
	case keymap.Down:
		p.Move(1)
	case keymap.PageUp:
		p.Page(-1)
	case keymap.PageDown:
		p.Page(1)
	case keymap.First:
		p.First()
	case keymap.Last:
		p.Last()
	case keymap.Next:
		return m.focusOn(m.neighbour(1)), true
	case keymap.Previous:
		return m.focusOn(m.neighbour(-1)), true
	case keymap.Pane1, keymap.Pane2, keymap.Pane3, keymap.Pane4, keymap.Pane5:
		return m.focusOn(int(a[len(a)-1] - '1')), true
	case keymap.Requests:
		return m.focusOn(paneRequests), true
	case keymap.Timeline:
		return m.focusOn(paneTimeline), true
	default:
		return nil, false
	}
	return m.moved(), true
}

// moved follows the cursor of the appliances pane.
func (m *Model) moved() tea.Cmd {
	if m.focus == paneAppliances {
		return m.follow()
	}
	return nil
}

// focusOn gives a pane the focus; events, requests and timeline share a place, and the latter two are only made while they
// have it.
func (m *Model) focusOn(p int) tea.Cmd {
	m.focus = p
	if p >= paneEvents {
		m.bottom = p
	}
	if p > paneEvents {
		return m.rebuild(p)
	}
	return nil
}

func (m *Model) neighbour(step int) int {
	order := []int{paneAppliances, paneLocks, paneBackups, paneJobs, m.bottom}
	at := 0
	for i, p := range order {
		if p == m.focus {
			at = i
		}
	}
	return order[(at+step+len(order))%len(order)]
}

// back leaves what is innermost: the filter, the comparison, the marks, the zoom, the requests or the timeline.
func (m *Model) back() tea.Cmd {
	p := m.panes[m.focus]
	switch {
	case p.Query() != "":
		return m.setQuery("")
	case m.focus == paneBackups && m.backups.Comparing():
		m.backups.StopComparing()
		return m.rebuild(paneBackups)
	case p.Marks() > 0:
		p.Unmark()
	case m.zoomed:
		m.zoomed = false
	case m.focus > paneEvents:
		return m.focusOn(paneEvents)
	}
	return nil
}

// spanned says when the timeline can show no other span of time.
func (m *Model) spanned(changed bool) tea.Cmd {
	if changed {
		return nil
	}
	return m.say("the timeline goes no further", true)
}

func (m *Model) openDetail() {
	f := m.frame()
	d, ok := m.panes[m.focus].Detail(f)
	if !ok {
		return
	}
	m.detail, m.opened = detail.New(d, m.locate()), opened{m.focus, m.panes[m.focus].Key()}
}

// opened is a row whose details are shown; without a key they are of nothing that changes.
type opened struct {
	pane int
	key  string
}

// freshen shows the details as they are now; those of a row that the list has no more stay, and say so.
func (m *Model) freshen() {
	if m.detail == nil || m.opened.key == "" {
		return
	}
	p := m.panes[m.opened.pane]
	if !p.Has(m.opened.key) || !p.Go(m.opened.key) {
		m.detail.Leave()
		m.opened = opened{}
		return
	}
	if d, ok := p.Detail(m.frame()); ok {
		m.detail.Show(d)
	}
}
