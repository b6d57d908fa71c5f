// Package app is the dashboard: the one Bubble Tea model. It routes messages, lays out panes and owns the dialog in front
// of them. It never waits: what asks an appliance runs as a command, and so does all sorting and filtering.
package app

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
	"holdfast/ui/keymap"
	"holdfast/ui/pane"
	"holdfast/ui/pane/appliances"
	"holdfast/ui/pane/backups"
	"holdfast/ui/pane/events"
	"holdfast/ui/pane/jobs"
	"holdfast/ui/pane/locks"
	"holdfast/ui/pane/requests"
	"holdfast/ui/pane/timeline"
	"holdfast/ui/screen/detail"
	"holdfast/ui/screen/help"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/dialog"
	"holdfast/ui/widget/input"
)

// Options is what one session of the dashboard is given.
type Options struct {
	Context context.Context // ends with the session; acts that were journaled outlive it
	Engine  *fleet.Engine
	// Migrations looks after migrations; nil = nobody does in this run. Reports is the folder for their reports.
	Migrations *migration.Runner
	Reports    string
	Person     policy.Person
	Keys       *keymap.Map
	Theme      string // a name of theme.Names
	ASCII      bool
	NoColor    bool
	Bell       bool // ring on trouble with locks, and when a wait is over
	Mouse      bool // take the mouse: a click chooses a pane, the wheel moves in it
	// Dark tells the background before the terminal has answered.
	Dark bool
	// Code makes the four characters that dangerous dialogs want; nil = dialog.NewCode.
	Code func() string
	// Mark tells how much of the odd time to ask for, 0 to 1; nil = by chance.
	Mark func() float64
}

// Numbers of the panes.
const (
	paneAppliances = iota
	paneLocks
	paneBackups
	paneJobs
	paneEvents
	paneRequests
	paneTimeline
	panes
)

// mostEvents is how many events a session keeps for its pane.
const mostEvents = 2000

// Model is the dashboard.
type Model struct {
	opts   Options
	engine *fleet.Engine
	viewer *fleet.Viewer
	theme  *theme.Theme

	snapshots []*fleet.Snapshot // by order of configuration; nil until the first one came
	place     map[string]int
	events    []fleet.Event

	appliances *pane.List[*fleet.Snapshot]
	locks      *pane.List[locks.Row]
	backups    *backups.Pane
	jobs       *jobs.Pane
	timeline   *timeline.Pane
	requests   *pane.List[appliance.Exchange]
	panes      [panes]pane.Pane
	builds     [panes]build

	width, height int
	focus         int
	bottom        int // which of events, requests and timeline stands at the bottom
	zoomed        bool
	filtering     bool
	filter        input.Line
	dialog        *dialog.Dialog
	detail        *detail.Screen
	opened        opened // what it is about
	help          *help.Screen
	form          *dialog.Form
	// asked numbers the question about a configuration whose answer is waited for; any key leaves it, which is 0. Questions
	// counts them, and until deaf a dialog that opened by itself hears nothing.
	asked, questions int
	deaf             time.Duration
	// drafts is what was typed for a new backup of an appliance that was not made yet, without secrets.
	drafts    map[string]map[string]string
	migrating migrating
	toast     toast
	tick      ticker
	chosen    string // appliance whose backups and requests are shown
	leaving   leaving
	arrival   arrival
	keys      keys
}

// build is the state of making one pane's rows: at most one runs, and changes meanwhile ask for one more.
type build struct{ running, again bool }

// arrival is a row that an act of ours brought and that the cursor goes to when it comes, unless a key is pressed first.
type arrival struct {
	pane int
	key  string
}

// New makes the dashboard of one session.
func New(o Options) *Model {
	if o.Code == nil {
		o.Code = dialog.NewCode
	}
	if o.NoColor {
		o.Theme = "none"
	}
	m := &Model{opts: o, engine: o.Engine, viewer: o.Engine.Subscribe(), theme: theme.New(o.Theme, o.Dark, o.ASCII),
		place: map[string]int{}, drafts: map[string]map[string]string{}, filter: input.New(), bottom: paneEvents, focus: paneLocks}
	for i, name := range o.Engine.Names() {
		m.place[name] = i
	}
	m.snapshots = o.Engine.Snapshots()
	if len(m.snapshots) > 0 {
		m.chosen = m.snapshots[0].Name
	}
	me := o.Person.Name
	m.appliances, m.locks, m.backups, m.jobs = appliances.New(), locks.New(me), backups.New(m.browseKeys()),
		jobs.New(o.Keys.Of(keymap.Finished).Key(o.ASCII))
	m.timeline = timeline.New(me, strings.TrimSpace(o.Keys.Of(keymap.Longer).Key(o.ASCII)+" "+o.Keys.Of(keymap.Shorter).Key(o.ASCII)))
	m.requests = requests.New()
	m.panes = [panes]pane.Pane{m.appliances, m.locks, m.backups, m.jobs, events.New(me), m.requests, m.timeline}
	return m
}

// Init asks for the terminal's background, the first news, and all rows.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.nextNews(), tea.RequestBackgroundColor, m.nextMigrations(nil)}
	for i := range m.panes {
		cmds = append(cmds, m.rebuild(i))
	}
	return tea.Batch(cmds...)
}

// frame is the moment and the colours of one drawing.
func (m *Model) frame() widget.Frame {
	return widget.Frame{Now: m.engine.Clock().Now(), Theme: m.theme}
}

// source is what rows are made of now.
func (m *Model) source() pane.Source {
	return pane.Source{
		Snapshots: append([]*fleet.Snapshot(nil), m.snapshots...),
		Chosen:    m.chosen,
		Events:    m.events,
		Trace:     func(name string) []appliance.Exchange { return m.engine.Trace(name, 0) },
		Me:        m.opts.Person.Name,
		Now:       m.engine.Clock().Now(),
		Scope:     m.scope,
	}
}

// scope finds what an appliance calls a scope.
func (m *Model) scope(name, code string) appliance.Scope {
	for _, s := range m.engine.LockRules(name).Scopes {
		if s.Code == code {
			return s
		}
	}
	return appliance.Scope{Code: code}
}

// snapshot is the newest of an appliance; nil for an unknown name.
func (m *Model) snapshot(name string) *fleet.Snapshot {
	if i, ok := m.place[name]; ok && i < len(m.snapshots) {
		return m.snapshots[i]
	}
	return nil
}

// newsMsg is what changed in the fleet; over tells that there will be no more.
type newsMsg struct {
	fleet.Update
	over bool
}

// nextNews waits for the next change, beside the event loop.
func (m *Model) nextNews() tea.Cmd {
	viewer, ctx := m.viewer, m.opts.Context
	return func() tea.Msg {
		u, err := viewer.Next(ctx)
		return newsMsg{u, err != nil}
	}
}

// Close gives the session's subscription back. It is called when the program has ended.
func (m *Model) Close() { m.viewer.Close() }
