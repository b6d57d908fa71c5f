package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/keymap"
	"holdfast/ui/theme"
)

// Update dispatches. Whatever came, the clock is kept going as fast as the screen needs.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.dispatch(msg)
	return m, tea.Batch(cmd, m.keepTime())
}

func (m *Model) dispatch(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = min(msg.Width, mostWidth), min(msg.Height, mostHeight)
	case tea.BackgroundColorMsg:
		m.theme = theme.New(m.opts.Theme, msg.IsDark(), m.opts.ASCII)
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseClickMsg:
		return m.click(msg.X, msg.Y)
	case tea.MouseWheelMsg:
		return m.wheel(msg)
	case newsMsg:
		return m.news(msg)
	case builtMsg:
		return m.applied(msg)
	case tickMsg:
		return m.ticked(msg)
	case toastOverMsg:
		if int(msg) == m.toast.generation {
			m.toast.text = ""
		}
	case actsMsg:
		return m.do(msg)
	case doneMsg:
		return m.done(msg)
	case waitMsg:
		return m.waitFor(msg)
	case migrationsMsg:
		return m.migrations(msg)
	case moreMsg:
		return m.chosenMore(msg)
	case changesMsg:
		return m.compared(msg)
	case formedMsg:
		return m.confirm(msg.target, msg.phrase, msg.intro)
	case phrasedMsg:
		return m.doWith(msg)
	case editsMsg:
		return m.edits(msg)
	case begunMsg:
		return m.began(msg)
	case sampleMsg:
		return m.sampled()
	case orderMsg:
		return m.order(msg)
	case orderedMsg:
		return m.ordered(msg)
	case quitMsg:
		return m.quit(msg)
	}
	return nil
}

// doneMsg tells how an act ended.
type doneMsg struct {
	target target
	result fleet.Result
	err    error
}

// do carries acts out beside the event loop, each by itself: one that is refused does not stop the others.
func (m *Model) do(acts actsMsg) tea.Cmd {
	m.unmark()
	cmds := make([]tea.Cmd, 0, len(acts))
	for _, t := range acts {
		engine, ctx, person := m.engine, m.opts.Context, m.opts.Person
		cmds = append(cmds, func() tea.Msg {
			result, err := engine.Do(ctx, person, t.name, t.act)
			return doneMsg{t, result, err}
		})
	}
	return tea.Batch(cmds...)
}

// done says how an act ended; the event log has it too.
func (m *Model) done(msg doneMsg) tea.Cmd {
	if m.left(msg) {
		return tea.Quit
	}
	if msg.err == nil && msg.target.act.Verb == appliance.VerbCreate {
		delete(m.drafts, msg.target.name)
	}
	switch {
	case msg.err == nil:
		m.expect(msg)
		if msg.target.act.Verb == appliance.VerbAcquire && m.isConfig(msg.target.name) {
			return tea.Batch(m.pendingEdits(msg.target.name), m.say(msg.target.name+": "+msg.result.Text, msg.result.Unproven))
		}
		return m.say(msg.target.name+": "+msg.result.Text, msg.result.Unproven)
	case errors.Is(msg.err, context.Canceled):
		return nil
	case m.isConfig(msg.target.name) && (errors.Is(msg.err, appliance.ErrNotHeld) || m.lost(msg)): // nothing is sent again by itself (faults.md LCK-10)
		return m.say(fmt.Sprintf("%s: nothing was done: %s acquires the lock again, then %s compares edited with running: %s", msg.target.name,
			m.keyOf(keymap.Acquire), m.keyOf(keymap.More), appliance.Reason(msg.err)), true)
	default:
		return m.say(msg.target.name+": "+appliance.Reason(msg.err), true)
	}
}

// lost reports whether an act was refused where the lock that it takes is not surely ours any more.
func (m *Model) lost(msg doneMsg) bool {
	s := m.engine.Snapshot(msg.target.name)
	return errors.Is(msg.err, fleet.ErrRefusedByUs) && s != nil && !slices.ContainsFunc(s.Locks, func(l fleet.Lock) bool {
		return l.Exclusive && l.Mine && l.Holder == appliance.HolderYou
	})
}

// keyOf is the key of an action, as people know it.
func (m *Model) keyOf(a keymap.Action) string { return m.opts.Keys.Of(a).Key(m.opts.ASCII) }

// expect lets the cursor go to what an act brought: the lock, or the job.
func (m *Model) expect(msg doneMsg) {
	switch {
	case msg.result.Lock != "" && msg.target.act.Verb != appliance.VerbRelease:
		lock := fleet.Lock{Appliance: msg.target.name, Lock: appliance.Lock{ID: msg.result.Lock}}
		m.arrival = arrival{paneLocks, lock.Key()}
	case msg.result.Job != "":
		job := fleet.Job{Appliance: msg.target.name, Job: appliance.Job{ID: msg.result.Job}}
		m.arrival = arrival{paneJobs, job.Key()}
	default:
		return
	}
	m.arrive(m.arrival.pane)
}

func (m *Model) unmark() {
	for _, p := range m.panes {
		p.Unmark()
	}
}

// paste types into what asks for words; it never confirms anything and never reaches a binding.
func (m *Model) paste(s string) tea.Cmd {
	switch {
	case m.form != nil:
		m.form.Paste(s)
	case m.dialog != nil:
		m.dialog.Paste(s)
	case m.migrating.wizard != nil:
		m.migrating.wizard.Paste(s)
	case m.filtering:
		m.filter.Paste(s)
		return m.setQuery(m.filter.Raw())
	}
	return nil
}

// click gives the pane under the mouse the focus. It never acts.
func (m *Model) click(x, y int) tea.Cmd {
	if m.dialog != nil || m.detail != nil || m.help != nil || m.form != nil || m.migrating.open() {
		return nil
	}
	for _, s := range m.layout() {
		if s.x <= x && x < s.x+s.w && s.y <= y && y < s.y+s.h {
			return m.focusOn(s.pane)
		}
	}
	return nil
}

// wheel moves in the detail that is open, else in the focused pane.
func (m *Model) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	n := map[tea.MouseButton]int{tea.MouseWheelUp: -3, tea.MouseWheelDown: 3}[msg.Button]
	switch {
	case m.dialog != nil || m.help != nil || m.form != nil || m.migrating.open():
		return nil
	case m.detail != nil:
		m.detail.Scroll(n)
		return nil
	}
	m.panes[m.focus].Move(n)
	return m.moved()
}
