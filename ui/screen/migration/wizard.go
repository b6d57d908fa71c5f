package migration

import (
	"slices"
	"strconv"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
	"holdfast/ui/widget/dialog"
	"holdfast/ui/widget/input"
	"holdfast/ui/widget/scroll"
)

// Asked is what the wizard asks the fleet. Nothing of it waits for an appliance.
type Asked struct {
	Destinations func(verb appliance.Verb, items []migration.Item) []fleet.Destination
	Preflight    func(plan *migration.Plan) []migration.Finding
	Requests     func(plan *migration.Plan) []appliance.Call
	// Target is the address that is sent for a push's target and, where it is one of ours, its name; it may have been written
	// in another way than in the settings.
	Target func(address string) (sent, name string)
	Fresh  func(address string) bool // whether a push's target has just told that it has no backup
	Scopes []appliance.Scope         // of locks that could be kept meanwhile
	Code   string                    // what must be typed to begin what cannot be undone
}

// stage is one of the wizard's four steps.
type stage int

const (
	stageWhat stage = iota
	stageWhere
	stageHow
	stageReview
	stages
)

var stageNames = [stages]string{"What", "Where", "How", "Review"}

// way is a kind of transfer that can be chosen.
type way struct {
	verb    appliance.Verb
	careful bool
	label   string
	note    string
}

var ways = []way{
	{appliance.VerbCopy, false, "copy", "the originals stay"},
	{appliance.VerbMove, true, "move carefully", "copy, verify by the listing, and only then delete the original"},
	{appliance.VerbMove, false, "move", "the appliance deletes the originals by itself"},
	{appliance.VerbPush, false, "push", "to another appliance, which should be newly set up"},
}

// Wizard makes a plan in four steps.
type Wizard struct {
	asked  Asked
	items  []migration.Item
	out    map[int]bool // items that were taken out
	stage  stage
	cursor [stages]int
	way    int
	places []fleet.Destination
	plan   migration.Plan
	typed  input.Line // a mount point or an address
	typing bool
	code   input.Line
	found  []migration.Finding
	calls  []appliance.Call
	place  scroll.Place
	said   string // why the last key did nothing
}

// NewWizard begins with what is to be migrated.
func NewWizard(asked Asked, items []migration.Item) *Wizard {
	w := &Wizard{asked: asked, items: items, out: map[int]bool{}, typed: input.New(), code: input.New()}
	w.plan = migration.NewPlan(appliance.VerbCopy, "")
	return w
}

func (w *Wizard) chosen() []migration.Item {
	var list []migration.Item
	for i, it := range w.items {
		if !w.out[i] {
			list = append(list, it)
		}
	}
	return list
}

// choose makes the plan of a way and its destinations. Where to is to be chosen anew then.
func (w *Wizard) choose(n int) {
	w.way = n
	w.plan.Destination, w.plan.Target = "", ""
	w.plan.Verb, w.plan.Careful = ways[n].verb, ways[n].careful
	w.plan.Items = w.chosen()
	if w.plan.Verb == appliance.VerbPush {
		w.plan.AtOnce = 1
	} else {
		w.plan.Process = false
	}
	w.places = w.asked.Destinations(w.plan.Verb, w.plan.Items)
}

// Paste types pasted text where words are asked for; it never confirms, and what begins a migration is not taken from it.
func (w *Wizard) Paste(s string) {
	switch {
	case w.typing:
		w.typed.Paste(s)
	case w.stage == stageReview:
		w.said = "what begins it must be typed, not pasted"
	}
}

// Say has the wizard tell why what it made could not be begun; its operator may mend it and begin again.
func (w *Wizard) Say(why string) {
	w.said = why
	w.code.Set("")
}

// whereRows are the ways, then the destinations, then the line that is typed.
func (w *Wizard) whereRows() int { return len(ways) + len(w.places) + 1 }

func (w *Wizard) rows() int {
	switch w.stage {
	case stageWhat:
		return len(w.items)
	case stageWhere:
		return w.whereRows()
	case stageHow:
		return len(w.settings())
	}
	return 0
}

// Key is a key press as the wizard needs it: its name, what it does elsewhere, and what it types.
type Key struct {
	Name   string
	Action keymap.Action
	Press  func(*input.Line)
}

// fixed are the keys that mean the same here whatever users make of them elsewhere, as in every dialog.
var fixed = map[string]keymap.Action{
	"up": keymap.Up, "down": keymap.Down, "pgup": keymap.PageUp, "pgdown": keymap.PageDown, "home": keymap.First, "end": keymap.Last,
	"right": keymap.Next, "left": keymap.Previous, "space": keymap.Mark, "esc": keymap.Back,
}

// Press handles one key.
func (w *Wizard) Press(k Key) Outcome {
	w.said = ""
	action, known := fixed[k.Name]
	typed := w.stage == stageReview || w.typing
	switch {
	case k.Name == "ctrl+c":
		return Outcome{Close: true}
	case action == keymap.Back || k.Name == "shift+tab":
		return w.back()
	case w.stage == stageReview:
		return w.review(k)
	case k.Name == "enter":
		return w.enter()
	case k.Name == "tab":
		return w.forward()
	case typed && !slices.Contains([]keymap.Action{keymap.Up, keymap.Down}, action):
		k.Press(&w.typed)
		return Outcome{}
	case !known:
		action = k.Action
	}
	return w.move(action)
}

// move moves the cursor, or changes what it is on.
func (w *Wizard) move(a keymap.Action) Outcome {
	at, last := &w.cursor[w.stage], max(0, w.rows()-1)
	switch a {
	case keymap.Up:
		*at = max(0, *at-1)
	case keymap.Down:
		*at = min(last, *at+1)
	case keymap.PageUp:
		*at = max(0, *at-page)
	case keymap.PageDown:
		*at = min(last, *at+page)
	case keymap.First:
		*at = 0
	case keymap.Last:
		*at = last
	case keymap.Mark, keymap.Next, keymap.Longer:
		w.toggle(1)
	case keymap.Previous, keymap.Shorter:
		w.toggle(-1)
	case keymap.Back, keymap.Quit:
		return w.back()
	}
	w.typing = w.stage == stageWhere && *at == w.whereRows()-1
	return Outcome{}
}

// back goes to the step before; out of the first, the wizard closes.
func (w *Wizard) back() Outcome {
	if w.stage == stageWhat {
		return Outcome{Close: true}
	}
	w.stage--
	w.typing = w.stage == stageWhere && w.cursor[stageWhere] == w.whereRows()-1
	w.code.Set("")
	return Outcome{}
}

// enter takes what the cursor is on, and goes on where that is enough.
func (w *Wizard) enter() Outcome {
	at := w.cursor[w.stage]
	if w.stage != stageWhere {
		return w.forward()
	}
	switch {
	case at < len(ways):
		w.choose(at)
		w.cursor[stageWhere] = w.firstPlace()
		w.typing = w.cursor[stageWhere] == w.whereRows()-1
		return Outcome{}
	case at < len(ways)+len(w.places):
		d := w.places[at-len(ways)]
		if d.WhyNot != "" {
			w.said = d.Label + ": " + d.WhyNot
			return Outcome{}
		}
		w.goTo(d.Value)
	default:
		if w.typed.Text() == "" {
			w.said = "type where to, or choose one above"
			return Outcome{}
		}
		w.goTo(w.typed.Text())
	}
	return w.forward()
}

func (w *Wizard) goTo(destination string) {
	w.plan.Destination, w.plan.Target = destination, ""
	if w.plan.Verb == appliance.VerbPush {
		w.plan.Destination, w.plan.Target = w.asked.Target(destination)
	}
}

// firstPlace is the first destination that can work, or the line that is typed. Of a push's targets only one that is newly set up
// is offered like that: others are taken by going there.
func (w *Wizard) firstPlace() int {
	for i, d := range w.places {
		if d.WhyNot == "" && (w.plan.Verb != appliance.VerbPush || w.asked.Fresh(d.Value)) {
			return len(ways) + i
		}
	}
	if w.plan.Verb == appliance.VerbPush && len(w.places) > 0 {
		return w.way
	}
	return w.whereRows() - 1
}

// forward goes to the next step, if what it needs is there.
func (w *Wizard) forward() Outcome {
	w.plan.Items = w.chosen()
	switch w.stage {
	case stageWhat:
		if len(w.plan.Items) == 0 {
			w.said = "nothing is chosen: space takes a backup in"
			return Outcome{}
		}
		w.choose(w.way)
	case stageWhere:
		if w.plan.Destination == "" {
			w.said = "choose where to, with enter"
			return Outcome{}
		}
	case stageHow:
		w.found, w.calls = w.asked.Preflight(&w.plan), w.asked.Requests(&w.plan)
		w.place.Top()
	}
	w.typing = false
	w.stage = min(w.stage+1, stageReview)
	return Outcome{}
}

// toggle changes what the cursor is on.
func (w *Wizard) toggle(by int) {
	at := w.cursor[w.stage]
	switch {
	case w.stage == stageWhat && at < len(w.items):
		w.out[at] = !w.out[at]
	case w.stage == stageWhere && at < len(ways):
		w.choose(at)
	case w.stage == stageHow:
		w.settings()[at].turn(by)
	}
}

// review is the last step: what is found, the exact requests, and the word that begins it.
func (w *Wizard) review(k Key) Outcome {
	switch k.Name {
	case "up":
		w.place.Scroll(-1)
	case "down":
		w.place.Scroll(1)
	case "pgup":
		w.place.Page(-1)
	case "pgdown":
		w.place.Page(1)
	case "ctrl+y":
		text := ""
		for _, c := range w.calls {
			text += c.Curl() + "\n"
		}
		return Outcome{Copy: text}
	case "enter":
		switch {
		case migration.Stops(w.found):
			w.said = "it cannot run like this"
		case !dialog.SameCode(w.code.Text(), w.wanted()):
			w.Say("type " + w.wanted() + " to begin")
		default:
			plan := w.plan
			plan.Items = slices.Clone(w.plan.Items)
			w.code.Set("")
			return Outcome{Close: true, Plan: &plan}
		}
	default:
		k.Press(&w.code)
	}
	return Outcome{}
}

// wanted is what is typed to begin: the number of backups, or for a single one what cannot be undone its code.
func (w *Wizard) wanted() string {
	if len(w.plan.Items) == 1 && w.plan.Verb != appliance.VerbCopy {
		return w.asked.Code
	}
	return strconv.Itoa(len(w.plan.Items))
}

// Offers is what can be pressed now.
func (w *Wizard) Offers() []Offer {
	key := func(k, word string) Offer { return Offer{Key: k, Word: word} }
	switch w.stage {
	case stageWhat:
		return []Offer{key("space", "in or out"), key("enter", "next"), key("esc", "leave")}
	case stageWhere:
		return []Offer{key("enter", "choose"), key("esc", "back")}
	case stageHow:
		return []Offer{key("space", "change"), key("enter", "next"), key("esc", "back")}
	}
	return []Offer{key("enter", "begin"), key("ctrl+y", "copy as curl"), key("esc", "back")}
}
