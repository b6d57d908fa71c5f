package app

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
	screen "holdfast/ui/screen/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
)

// migrating is what a session of the dashboard shows of migrations.
type migrating struct {
	views    []migration.View // newest first; of others too
	known    bool             // the views were told once
	session  *screen.Session
	wizard   *screen.Wizard
	begun    *screen.Wizard // what it made is being recorded
	rates    screen.Rates
	sampling bool
}

// open reports whether the wizard or the sessions stand in the place of the panes.
func (m *migrating) open() bool { return m.wizard != nil || m.session != nil }

// migrationsMsg is how all migrations stand.
type migrationsMsg struct {
	views []migration.View
	news  <-chan struct{} // closed when any has changed since
}

// sampleMsg asks for the rates of what runs.
type sampleMsg struct{}

// begunMsg tells whether a migration was begun.
type begunMsg struct {
	id  string
	err error
}

// nextMigrations waits for the next change, beside the event loop; nil: it does not.
func (m *Model) nextMigrations(news <-chan struct{}) tea.Cmd {
	runner, ctx := m.opts.Migrations, m.opts.Context
	if runner == nil {
		return nil
	}
	return func() tea.Msg {
		if news != nil {
			select {
			case <-news:
			case <-ctx.Done():
				return nil
			}
		}
		next := runner.Changed() // before the views, so that no change is missed
		return migrationsMsg{runner.Board(), next}
	}
}

// migrations takes the newest views over; those that an earlier run left are told once.
func (m *Model) migrations(msg migrationsMsg) tea.Cmd {
	first := !m.migrating.known
	m.migrating.views, m.migrating.known = msg.views, true
	if m.migrating.session != nil {
		m.migrating.session.Set(msg.views)
	}
	cmds := []tea.Cmd{m.nextMigrations(msg.news), m.sample()}
	if left := m.unended(); first && len(left) > 0 {
		cmds = append(cmds, m.say(fmt.Sprintf("%s can be resumed: %s shows it", plural(len(left), "migration", "migrations"),
			m.opts.Keys.Of(keymap.Migrate).Key(m.opts.ASCII)), true))
	}
	return tea.Batch(cmds...)
}

// unended are the migrations of this run that have not ended.
func (m *Model) unended() (left []migration.View) {
	for _, v := range m.migrating.views {
		if !v.State.Ended() && v.Elsewhere == "" {
			left = append(left, v)
		}
	}
	return left
}

// elsewhere are those that have not ended and that this run does not carry on.
func (m *Model) elsewhere() (left []migration.View) {
	for _, v := range m.migrating.views {
		if !v.State.Ended() && v.Elsewhere != "" {
			left = append(left, v)
		}
	}
	return left
}

// sample keeps the rates of what runs up to date.
func (m *Model) sample() tea.Cmd {
	if m.migrating.sampling || len(m.live()) == 0 {
		return nil
	}
	m.migrating.sampling = true
	m.migrating.rates.Sample(m.migrating.views, m.frame().Now, migration.PercentOf(m.engine))
	return tea.Tick(screen.SampleEvery, func(time.Time) tea.Msg { return sampleMsg{} })
}

func (m *Model) sampled() tea.Cmd {
	m.migrating.sampling = false
	return m.sample()
}

func (m *Model) live() (live []migration.View) {
	for _, v := range m.migrating.views {
		if v.Live {
			live = append(live, v)
		}
	}
	return live
}

// migrate opens the wizard for the chosen backups, or the sessions that there are.
func (m *Model) migrate() tea.Cmd {
	rows := m.backups.Chosen()
	switch {
	case m.opts.Migrations == nil:
		return m.say("migrations are not looked after in this run", true)
	case m.migrating.begun != nil:
		return nil // it is about to be shown
	case m.whyNotOrder() != "" && len(m.migrating.views) > 0, // who may only look is shown what there is
		m.backups.Marks() == 0 && (len(m.unended()) > 0 || m.focus != paneBackups || len(rows) == 0):
		if len(m.migrating.views) == 0 {
			return m.say("mark the backups to migrate in pane 3, then press this key there", true)
		}
		m.migrating.session = screen.NewSession(m.migrating.views, "")
		return nil
	}
	var items []migration.Item
	for _, b := range rows {
		items = append(items, migration.Item{Appliance: b.Appliance, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
	}
	m.migrating.wizard = screen.NewWizard(screen.Asked{
		Destinations: m.places,
		Preflight:    func(p *migration.Plan) []migration.Finding { return migration.Preflight(m.engine, m.opts.Person, p) },
		Requests:     func(p *migration.Plan) []appliance.Call { return migration.Requests(m.engine, p) },
		Target:       m.pushTarget,
		Fresh:        m.fresh,
		Scopes:       m.engine.LockRules(rows[0].Appliance).Scopes,
		Code:         m.opts.Code(),
	}, items)
	return nil
}

// places is where all of the items could go: what stands in the way of one stands in the way of all.
func (m *Model) places(verb appliance.Verb, items []migration.Item) []fleet.Destination {
	var all []fleet.Destination
	for i, it := range items {
		s := m.snapshot(it.Appliance)
		if s == nil {
			continue
		}
		for _, b := range s.Backups {
			if b.ID != it.Backup {
				continue
			}
			list := m.engine.Destinations(it.Appliance, b.Backup, verb)
			if i == 0 {
				all = list
				continue
			}
			for n := range all {
				why := "not every appliance has it"
				for _, d := range list {
					if d.Value == all[n].Value {
						why = d.WhyNot
					}
				}
				if all[n].WhyNot == "" {
					all[n].WhyNot = why
				}
			}
		}
	}
	return all
}

// pushTarget is what is sent to name the target of a push, and its name where it is one of ours.
func (m *Model) pushTarget(address string) (sent, name string) {
	for _, s := range m.snapshots {
		if s.Address != "" && fleet.SameAddress(s.Address, address) {
			return s.Address, s.Name
		}
	}
	return address, ""
}

// wizardKey gives a key to the wizard. What it made is begun once: it is closed until that is recorded.
func (m *Model) wizardKey(k tea.KeyPressMsg) tea.Cmd {
	wizard := m.migrating.wizard
	out := wizard.Press(screen.Key{Name: k.String(), Action: m.opts.Keys.Action(k.String()), Press: func(l *input.Line) { l.Press(k) }})
	switch {
	case out.Copy != "":
		return tea.Batch(tea.SetClipboard(out.Copy), m.say("copied as curl, without the secret", false))
	case !out.Close:
		return nil
	}
	m.migrating.wizard = nil
	if out.Plan == nil {
		return nil
	}
	m.migrating.begun = wizard
	runner, ctx, person, plan := m.opts.Migrations, m.opts.Context, m.opts.Person, *out.Plan
	return func() tea.Msg {
		id, err := runner.Begin(ctx, person, plan)
		return begunMsg{id, err}
	}
}

// began shows the migration that was begun, or the wizard again with the reason why it was not.
func (m *Model) began(msg begunMsg) tea.Cmd {
	wizard := m.migrating.begun
	m.migrating.begun = nil
	if msg.err != nil {
		wizard.Say(appliance.Words(msg.err.Error()).String())
		m.migrating.wizard = wizard
		return nil
	}
	m.unmark()
	m.migrating.views = m.opts.Migrations.Board()
	m.migrating.session = screen.NewSession(m.migrating.views, msg.id)
	return m.sample()
}

// migrationView draws the wizard or the sessions; nil when neither is open.
func (m *Model) migrationView(f widget.Frame, w, h int) []string {
	switch {
	case m.migrating.wizard != nil:
		return m.migrating.wizard.View(f, w, h)
	case m.migrating.session != nil:
		return m.migrating.session.View(f, screen.Source{Percent: migration.PercentOf(m.engine), Rates: &m.migrating.rates, Events: m.events}, w, h)
	}
	return nil
}

// migrationWords is how the migrations stand, for the header: the newest that is not at its end, of this run if it has any.
func (m *Model) migrationWords() (text string, role theme.Role) {
	left, where, runs := m.unended(), "", theme.Ours
	if len(left) == 0 {
		left, where, runs = m.elsewhere(), " elsewhere", theme.Plain
	}
	if len(left) == 0 {
		return "", theme.Plain
	}
	v := left[0]
	share := v.Progress(migration.PercentOf(m.engine)).Share
	word := "migration" + where
	if len(left) > 1 {
		word = fmt.Sprintf("%d migrations", len(left)) + where
	}
	switch {
	case v.State == migration.StateAsking || v.State == migration.StateStopped:
		return word + " " + string(v.State), theme.Alarm
	case v.State == migration.StatePaused:
		return word + " paused", theme.Warn
	}
	return fmt.Sprintf("%s %.0f %%", word, 100*share), runs
}

// progressBar is what the terminal itself shows of the newest migration (OSC 9;4).
func (m *Model) progressBar() *tea.ProgressBar {
	left := m.unended()
	if len(left) == 0 {
		return nil
	}
	v, state := left[0], tea.ProgressBarDefault
	switch v.State {
	case migration.StateAsking, migration.StateStopped:
		state = tea.ProgressBarError
	case migration.StatePaused:
		state = tea.ProgressBarWarning
	}
	return tea.NewProgressBar(state, int(100*v.Progress(migration.PercentOf(m.engine)).Share))
}

// leavingMigrations says what becomes of what runs when its operator quits.
func (m *Model) leavingMigrations() []string {
	live := m.live()
	if len(live) == 0 {
		return nil
	}
	var ids []string
	for _, v := range live {
		ids = append(ids, v.ID)
	}
	return []string{"Migration " + strings.Join(ids, ", ") + " runs: what is under way goes on at the appliances, nothing more is begun, and the " +
		"next start offers to resume it."}
}
