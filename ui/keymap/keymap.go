// Package keymap holds every binding of the dashboard, once. The same records feed dispatch, the bottom line, the help,
// the configuration's overrides and the README's table.
package keymap

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"holdfast/appliance"
)

// Action names what a key does; users remap keys by it.
type Action string

// The actions.
const (
	Acquire  Action = "acquire"
	Extend   Action = "extend"
	Release  Action = "release"
	Keep     Action = "keep"
	Wait     Action = "wait"
	Ack      Action = "acknowledge"
	Copy     Action = "copy"
	Move     Action = "move"
	Push     Action = "push"
	Create   Action = "create"
	Delete   Action = "delete"
	Migrate  Action = "migrate"
	More     Action = "more"
	Cancel   Action = "cancel"
	Filter   Action = "filter"
	Sort     Action = "sort"
	Mark     Action = "mark"
	Unmark   Action = "unmark"
	Zoom     Action = "zoom"
	Detail   Action = "detail"
	Back     Action = "back"
	Look     Action = "look"
	Requests Action = "requests"
	Timeline Action = "timeline"
	All      Action = "all-backups"
	Group    Action = "group"
	Differ   Action = "differences"
	Parts    Action = "parts"
	Finished Action = "finished"
	Longer   Action = "longer"
	Shorter  Action = "shorter"
	Help     Action = "help"
	Quit     Action = "quit"
	Up       Action = "up"
	Down     Action = "down"
	PageUp   Action = "page-up"
	PageDown Action = "page-down"
	First    Action = "first"
	Last     Action = "last"
	Next     Action = "next-pane"
	Previous Action = "previous-pane"
	Pane1    Action = "pane-1"
	Pane2    Action = "pane-2"
	Pane3    Action = "pane-3"
	Pane4    Action = "pane-4"
	Pane5    Action = "pane-5"

	Pause      Action = "pause"
	Skip       Action = "skip"
	Retry      Action = "retry"
	Passphrase Action = "passphrase"
	Earlier    Action = "earlier"
	Later      Action = "later"
	Report     Action = "report"
)

// Binding is one action with its keys.
type Binding struct {
	Action    Action
	Keys      []string       // as Bubble Tea names them
	Short     string         // on the bottom line; empty = not there
	About     string         // one sentence, for help and README
	Group     string         // heading in the help
	Verb      appliance.Verb // what it does to an appliance; empty = nothing
	Dangerous bool           // cannot be undone: wants the code that its dialog shows
}

// Map is a set of bindings that was checked: no key does two things.
type Map struct {
	bindings  []Binding
	byKey     map[string]Action
	migration map[string]Action // on the screen of migrations
}

// Acts is the group of what does something to an appliance or with a lock. Migration is the group of what is done on the screen
// of migrations only: its keys may mean something else everywhere else.
const (
	Acts      = "Do"
	Migration = "On a migration"
)

// everywhere are the actions that the screen of migrations shares with the panes.
var everywhere = []Action{
	Cancel, Migrate, Help, Back, Quit, Up, Down, PageUp, PageDown, First, Last, Next, Previous,
}

// Default is the bindings as they are without a configuration, in the order of the help.
func Default() []Binding {
	const act, look, move = Acts, "Look", "Go"
	return []Binding{
		{Acquire, []string{"a"}, "acquire", "take a lock on this row's appliance", act, appliance.VerbAcquire, false},
		{Extend, []string{"e"}, "extend", "have the lock last longer", act, appliance.VerbExtend, false},
		{Release, []string{"r"}, "release", "give the lock back", act, appliance.VerbRelease, true},
		{Keep, []string{"K"}, "keep", "have the lock extended by itself; again: no longer", act, appliance.VerbKeep, false},
		{Wait, []string{"w"}, "wait", "wait for a lock that another holds; again: no longer", act, appliance.VerbWait, false},
		{Ack, []string{"A"}, "acknowledge", "take a lost lock off the screen", act, "", false},
		{Copy, []string{"c"}, "copy", "copy the backup; the original stays", act, appliance.VerbCopy, false},
		{Move, []string{"m"}, "move", "move the backup; the original goes", act, appliance.VerbMove, true},
		{Push, []string{"p"}, "push", "push the backup to another appliance", act, appliance.VerbPush, true},
		{Create, []string{"n"}, "new backup", "make a backup of this row's appliance", act, appliance.VerbCreate, false},
		{Delete, []string{"D"}, "delete", "delete the backup, in one place or in all", act, appliance.VerbDelete, true},
		{Migrate, []string{"M"}, "migrate", "plan a migration of the marked backups, or see those that run", act, "", false},
		{More, []string{"o"}, "more", "what else can be done: restore, process, save, activate, compare", act, "", true},
		{Cancel, []string{"x"}, "cancel", "cancel the job, the push or the wait", act, appliance.VerbCancelJob, true},
		{Filter, []string{"/"}, "filter", "show only rows that hold what you type", look, "", false},
		{Sort, []string{"s"}, "", "sort by the next column, up then down", look, "", false},
		{Mark, []string{"space"}, "", "mark the row; keys then act on all marked", look, "", false},
		{Unmark, []string{"u"}, "", "take all marks back", look, "", false},
		{Zoom, []string{"z"}, "zoom", "this pane alone, or all of them again", look, "", false},
		{Detail, []string{"enter"}, "", "everything known; of what an appliance listed, also raw and as curl", look, "", false},
		{Look, []string{"R"}, "", "look again now; also after a refused password or key", look, "", false},
		{Requests, []string{"6"}, "", "what was sent to the chosen appliance", look, "", false},
		{Timeline, []string{"7"}, "", "every lock as a bar on an axis of time", look, "", false},
		{All, []string{"b"}, "", "the backups of every appliance, or of the chosen one again", look, "", false},
		{Group, []string{"v"}, "", "group the backups by appliance, by location, by label, or not", look, "", false},
		{Differ, []string{"d"}, "", "what differs between two appliances or locations; esc: no longer", look, "", false},
		{Parts, []string{"t"}, "", "show the parts of the job, or fold them away", look, "", false},
		{Finished, []string{"f"}, "", "show the jobs that finished a while ago, or fold them away", look, "", false},
		{Longer, []string{"+", "="}, "", "the timeline shows a longer time", look, "", false},
		{Shorter, []string{"-"}, "", "the timeline shows a shorter time", look, "", false},
		{Help, []string{"?"}, "help", "this help", look, "", false},
		{Back, []string{"esc"}, "", "leave the filter, the zoom or the detail", look, "", false},
		{Quit, []string{"q", "ctrl+c"}, "quit", "leave Holdfast", look, "", false},
		{Up, []string{"up", "k"}, "", "one row up", move, "", false},
		{Down, []string{"down", "j"}, "", "one row down", move, "", false},
		{PageUp, []string{"pgup", "ctrl+b"}, "", "one page up", move, "", false},
		{PageDown, []string{"pgdown", "ctrl+f"}, "", "one page down", move, "", false},
		{First, []string{"g", "home"}, "", "the first row", move, "", false},
		{Last, []string{"G", "end"}, "", "the last row", move, "", false},
		{Next, []string{"tab", "right", "l"}, "", "the next pane", move, "", false},
		{Previous, []string{"shift+tab", "left", "h"}, "", "the pane before", move, "", false},
		{Pane1, []string{"1"}, "", "appliances", move, "", false},
		{Pane2, []string{"2"}, "", "locks", move, "", false},
		{Pane3, []string{"3"}, "", "backups", move, "", false},
		{Pane4, []string{"4"}, "", "jobs", move, "", false},
		{Pane5, []string{"5"}, "", "events", move, "", false},
		{Pause, []string{"p"}, "pause", "begin no further step; again: go on", Migration, "", false},
		{Skip, []string{"s"}, "skip", "leave this step out", Migration, "", false},
		{Retry, []string{"t"}, "retry", "try this step again, which went wrong", Migration, "", false},
		{Passphrase, []string{"enter"}, "passphrase", "give what the target needs to process what arrived", Migration, "", false},
		{Earlier, []string{"-"}, "earlier", "this step before the one above it", Migration, "", false},
		{Later, []string{"+", "="}, "later", "this step after the one below it", Migration, "", false},
		{Report, []string{"w"}, "report", "write the report as Markdown and as JSON", Migration, "", false},
	}
}

// New is the default bindings with overrides applied: action name to the keys that replace its own; none takes its keys
// away. An unknown action is an error, and a key that then does two things a *ClashError. Whether there are such keys at all
// Meant tells.
func New(overrides map[string][]string) (*Map, error) {
	m := &Map{bindings: Default(), byKey: map[string]Action{}, migration: map[string]Action{}}
	names := make([]string, 0, len(overrides))
	for name := range overrides {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		at := slices.IndexFunc(m.bindings, func(b Binding) bool { return b.Action == Action(name) })
		if at < 0 {
			return nil, fmt.Errorf("keys: there is no action %q: use one of %s", name, strings.Join(Names(), ", "))
		}
		m.bindings[at].Keys = overrides[name]
	}
	for _, b := range m.bindings {
		for _, k := range b.Keys {
			if b.Group != Migration {
				if err := bind(m.byKey, k, b.Action); err != nil {
					return nil, err
				}
			}
			if b.Group == Migration || slices.Contains(everywhere, b.Action) {
				if err := bind(m.migration, k, b.Action); err != nil {
					return nil, err
				}
			}
		}
	}
	return m, nil
}

// ClashError tells that a key would do two things in one place.
type ClashError struct {
	Key     string
	Actions [2]Action
}

// Error names both.
func (e *ClashError) Error() string {
	if e.Actions[0] == e.Actions[1] {
		return fmt.Sprintf("%q stands twice for %s: write it once", e.Key, e.Actions[0])
	}
	return fmt.Sprintf("%q would be both %s and %s: give one of them another key", e.Key, e.Actions[0], e.Actions[1])
}

// bind gives a key to an action in one place; it may have one there only.
func bind(keys map[string]Action, k string, a Action) error {
	if other, taken := keys[k]; taken {
		return &ClashError{Key: k, Actions: [2]Action{other, a}}
	}
	keys[k] = a
	return nil
}

// Names is the name of every action, for the configuration.
func Names() []string {
	var names []string
	for _, b := range Default() {
		names = append(names, string(b.Action))
	}
	return names
}

// Action is what a key does; empty = nothing.
func (m *Map) Action(key string) Action { return m.byKey[key] }

// OnMigration is what a key does on the screen of migrations; empty = nothing.
func (m *Map) OnMigration(key string) Action { return m.migration[key] }

// Bindings is all of those that do something in the panes, in the order of the help.
func (m *Map) Bindings() []Binding {
	return slices.DeleteFunc(slices.Clone(m.bindings), func(b Binding) bool { return b.Group == Migration })
}

// MigrationBindings is all of those that do something on the screen of migrations, its own first.
func (m *Map) MigrationBindings() (list []Binding) {
	for _, b := range m.bindings {
		if b.Group == Migration {
			list = append(list, b)
		}
	}
	for _, b := range m.bindings {
		if slices.Contains(everywhere, b.Action) {
			list = append(list, b)
		}
	}
	return list
}

// Of is the binding of an action.
func (m *Map) Of(a Action) Binding {
	for _, b := range m.bindings {
		if b.Action == a {
			return b
		}
	}
	return Binding{}
}

// Key is the first key of a binding for people; empty when it was taken away.
func (b Binding) Key(ascii bool) string {
	if len(b.Keys) == 0 {
		return ""
	}
	return KeyLabel(b.Keys[0], ascii)
}

// Label is the keys of a binding for people: ↑ instead of up.
func (b Binding) Label(ascii bool) string {
	words := make([]string, len(b.Keys))
	for i, k := range b.Keys {
		words[i] = KeyLabel(k, ascii)
	}
	return strings.Join(words, " ")
}

// KeyLabel is one key for people.
func KeyLabel(k string, ascii bool) string {
	if !ascii {
		switch k {
		case "up":
			return "↑"
		case "down":
			return "↓"
		case "left":
			return "←"
		case "right":
			return "→"
		case "shift+tab":
			return "⇧tab"
		}
	}
	return k
}

// Markdown is the table of all keys, for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| key | action | what it does | wants a code |\n|---|---|---|---|\n")
	for _, x := range Default() {
		keys := make([]string, len(x.Keys))
		for i, k := range x.Keys {
			keys[i] = "`" + k + "`"
		}
		danger := ""
		if x.Dangerous {
			danger = "where it cannot be undone"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", strings.Join(keys, " "), x.Action, x.About, danger)
	}
	return b.String()
}
