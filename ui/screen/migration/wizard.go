package migration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/input"
	"holdfast/ui/widget/scroll"
)

// Asked is what the wizard asks the fleet. Nothing of it waits for an appliance.
type Asked struct {
	Destinations func(verb appliance.Verb, items []migration.Item) []fleet.Destination
	Preflight    func(plan *migration.Plan) []migration.Finding
	Requests     func(plan *migration.Plan) []appliance.Call
	Scopes       []appliance.Scope // of locks that could be kept meanwhile
	Code         string            // what must be typed to begin what cannot be undone
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

// choose makes the plan of a way and its destinations.
func (w *Wizard) choose(n int) {
	w.way = n
	w.plan.Verb, w.plan.Careful = ways[n].verb, ways[n].careful
	w.plan.Items = w.chosen()
	if w.plan.Verb == appliance.VerbPush {
		w.plan.AtOnce = 1
	} else {
		w.plan.Process = false
	}
	w.places = w.asked.Destinations(w.plan.Verb, w.plan.Items)
}

// Paste types pasted text where words are asked for; it never confirms.
func (w *Wizard) Paste(s string) {
	if w.typing {
		w.typed.Paste(s)
	}
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

// Key is a key press as the wizard needs it: its name, and what it types.
type Key struct {
	Name  string
	Press func(*input.Line)
}

// Press handles one key.
func (w *Wizard) Press(k Key) Outcome {
	w.said = ""
	switch {
	case k.Name == "ctrl+c":
		return Outcome{Close: true}
	case k.Name == "esc":
		return w.back()
	case w.stage == stageReview:
		return w.review(k)
	case w.typing && !slices.Contains([]string{"enter", "up", "down", "tab", "shift+tab"}, k.Name):
		k.Press(&w.typed)
		return Outcome{}
	}
	at := &w.cursor[w.stage]
	switch k.Name {
	case "up", "k":
		*at = max(0, *at-1)
	case "down", "j":
		*at = max(0, min(w.rows()-1, *at+1))
	case "g", "home":
		*at = 0
	case "G", "end":
		*at = max(0, w.rows()-1)
	case "tab":
		return w.forward()
	case "shift+tab":
		return w.back()
	case "enter":
		return w.enter()
	case "space":
		w.toggle(1)
	case "right", "l", "+":
		w.toggle(1)
	case "left", "h", "-":
		w.toggle(-1)
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
		w.plan.Destination, w.plan.Target = d.Value, ""
		if w.plan.Verb == appliance.VerbPush {
			w.plan.Target = strings.TrimSuffix(d.Label, " ("+d.Value+")")
		}
	default:
		w.plan.Destination, w.plan.Target = strings.TrimSpace(w.typed.Raw()), ""
		if w.plan.Destination == "" {
			w.said = "type where to, or choose one above"
			return Outcome{}
		}
	}
	return w.forward()
}

// firstPlace is the first destination that can work, or the line that is typed.
func (w *Wizard) firstPlace() int {
	for i, d := range w.places {
		if d.WhyNot == "" {
			return len(ways) + i
		}
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
			w.said = "choose where to"
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
	case w.stage == stageHow:
		w.settings()[at].turn(by)
	}
}

// setting is one line of the third step.
type setting struct {
	label, value, about string
	turn                func(by int)
}

func turned[T comparable](list []T, now T, by int) T {
	at := slices.Index(list, now)
	return list[(at+by+len(list))%len(list)]
}

func (w *Wizard) settings() []setting {
	p := &w.plan
	list := []setting{{
		"when a step goes wrong", string(p.OnFailure), map[migration.OnFailure]string{
			migration.OnFailureAsk: "begin nothing more until you have decided", migration.OnFailureStop: "begin nothing more",
			migration.OnFailureSkip: "go on with the others",
		}[p.OnFailure], func(by int) {
			p.OnFailure = turned([]migration.OnFailure{migration.OnFailureAsk, migration.OnFailureStop, migration.OnFailureSkip}, p.OnFailure, by)
		},
	}}
	if p.Verb == appliance.VerbPush {
		value, about := "no", "it stays encrypted there"
		if p.Process {
			value, about = "yes", "asks for the passphrase when it has arrived, and keeps it nowhere"
		}
		list = append(list, setting{"have the target process it", value, about, func(int) { p.Process = !p.Process }})
	} else {
		list = append(list, setting{"at once at one appliance", fmt.Sprint(p.AtOnce), "what an appliance does with several is not described by the vendor", func(by int) {
			p.AtOnce = max(1, min(p.AtOnce+by, migration.MostAtOnce))
		}})
	}
	scopes, value := []string{""}, "none"
	for _, s := range w.asked.Scopes {
		scopes = append(scopes, s.Code)
		if s.Code == p.KeepLock {
			value = s.String()
		}
	}
	return append(list, setting{"lock to keep meanwhile", value, "taken before the first step, given back at the end", func(by int) {
		p.KeepLock = turned(scopes, p.KeepLock, by)
	}})
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
		case w.code.Raw() != w.wanted():
			w.said = "type " + w.wanted() + " to begin"
			w.code.Set("")
		default:
			plan := w.plan
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

// View draws the wizard, exactly width by h cells.
func (w *Wizard) View(f widget.Frame, width, h int) []string {
	t, inner := f.Theme, width-2
	tabs := " "
	for i, name := range stageNames {
		role := theme.Dim
		if stage(i) == w.stage {
			role = theme.Accent
		}
		tabs += t.Paint(role, fmt.Sprintf("%d %s", i+1, name))
		if i < len(stageNames)-1 {
			tabs += t.Paint(theme.Dim, "  "+t.Symbols.Arrow+"  ")
		}
	}
	sum, sized := (&migration.Plan{Items: w.chosen()}).Bytes()
	total := fmt.Sprintf("%d of %d backups, %s", len(w.chosen()), len(w.items), widget.Size(sum))
	if !sized {
		total += " and what is not told"
	}
	lines := []string{widget.Fit(tabs, inner, false, ""), widget.Fit(" "+total, inner, false, ""), widget.Pad(inner)}
	body := w.body(f, inner)
	room := max(1, h-2-len(lines)-1)
	if w.stage != stageReview {
		w.follow(room, len(body))
	}
	first, end := w.place.Fit(len(body), room)
	for _, l := range body[first:end] {
		lines = append(lines, widget.Fit(l, inner, false, t.Symbols.Ellipsis))
	}
	for len(lines) < h-3 {
		lines = append(lines, widget.Pad(inner))
	}
	last := widget.Pad(inner)
	switch {
	case w.said != "":
		last = t.Paint(theme.Alarm, widget.Fit(" "+w.said, inner, false, t.Symbols.Ellipsis))
	case w.stage == stageReview && !migration.Stops(w.found):
		ask := fmt.Sprintf(" type %s to begin: ", w.wanted())
		last = widget.Fit(t.Paint(theme.Warn, ask)+w.code.View(f, 8, true), inner, false, "")
	}
	note := [stages]string{
		"space in or out  enter next  esc leave", "enter choose  esc back", "space change  enter next  esc back", "ctrl+y copy as curl  esc back",
	}[w.stage]
	if more := f.More(w.place.Hidden()); more != "" {
		note = more + "  " + note
	}
	return f.Box("Migrate", note, append(lines[:min(len(lines), h-3)], last), width, h, true)
}

// follow keeps the row under the cursor in sight.
func (w *Wizard) follow(room, total int) {
	first, end := w.place.Fit(total, room)
	at := w.line()
	if at < first {
		w.place.Scroll(at - first)
	} else if at >= end {
		w.place.Scroll(at - end + 1)
	}
}

// line is the line of the body that the cursor is on.
func (w *Wizard) line() int {
	at := w.cursor[w.stage]
	if w.stage != stageWhere {
		return at
	}
	if at < len(ways) {
		return at
	}
	return at + 2 // the heading between ways and places
}

func (w *Wizard) body(f widget.Frame, width int) []string {
	switch w.stage {
	case stageWhat:
		return w.what(f)
	case stageWhere:
		return w.where(f)
	case stageHow:
		return w.how(f)
	}
	return w.reviewed(f, width)
}

// lead is the sign before a row.
func (w *Wizard) lead(f widget.Frame, n int) (sign string, role theme.Role) {
	if w.cursor[w.stage] == n {
		return f.Theme.Paint(theme.Accent, " "+f.Theme.Symbols.Cursor+" "), theme.Strong
	}
	return "   ", theme.Plain
}

func (w *Wizard) what(f widget.Frame) (lines []string) {
	t := f.Theme
	for i, it := range w.items {
		sign, role := w.lead(f, i)
		mark := t.Symbols.Mark
		if w.out[i] {
			mark, role = " ", theme.Off
		}
		label := it.Label.String()
		if label == "" {
			label = string(it.Backup)
		}
		lines = append(lines, sign+t.Paint(theme.Ours, "["+mark+"] ")+t.Paint(role, widget.Fit(label, 28, false, t.Symbols.Ellipsis))+"  "+
			widget.Fit(widget.Size(it.Size), 9, true, "")+"  "+t.Paint(theme.Dim, widget.Fit(it.Appliance, 16, false, t.Symbols.Ellipsis)+"  "+string(it.Backup)))
	}
	return lines
}

func (w *Wizard) where(f widget.Frame) (lines []string) {
	t := f.Theme
	for i, x := range ways {
		sign, role := w.lead(f, i)
		mark := "( ) "
		if i == w.way {
			mark = "(" + t.Symbols.Up + ") "
		}
		lines = append(lines, sign+t.Paint(theme.Ours, mark)+t.Paint(role, widget.Fit(x.label, 16, false, ""))+t.Paint(theme.Dim, x.note))
	}
	lines = append(lines, "", t.Paint(theme.Heading, "   TO"))
	for i, d := range w.places {
		sign, role := w.lead(f, len(ways)+i)
		note := d.Note
		if d.WhyNot != "" {
			role, note = theme.Off, d.WhyNot
		}
		lines = append(lines, sign+t.Paint(role, widget.Fit(d.Label, 32, false, t.Symbols.Ellipsis))+"  "+t.Paint(theme.Dim, note))
	}
	sign, _ := w.lead(f, w.whereRows()-1)
	word := "a mount point: "
	if w.plan.Verb == appliance.VerbPush {
		word = "an address: "
	}
	return append(lines, sign+t.Paint(theme.Dim, word)+w.typed.View(f, 40, w.typing))
}

func (w *Wizard) how(f widget.Frame) (lines []string) {
	t := f.Theme
	for i, s := range w.settings() {
		sign, role := w.lead(f, i)
		lines = append(lines, sign+t.Paint(theme.Dim, widget.Fit(s.label, 28, false, ""))+t.Paint(role, widget.Fit(s.value, 18, false, t.Symbols.Ellipsis))+
			t.Paint(theme.Dim, s.about))
	}
	return lines
}

func (w *Wizard) reviewed(f widget.Frame, width int) (lines []string) {
	t := f.Theme
	add := func(role theme.Role, text string) {
		for _, l := range widget.Wrap(text, width-4) {
			lines = append(lines, "  "+t.Paint(role, l))
		}
	}
	add(theme.Strong, capital(w.plan.Words())+".")
	if w.plan.Verb == appliance.VerbMove && !w.plan.Careful {
		add(theme.Warn, "The originals are deleted by the appliance once they were copied. There is no way to move them back.")
	}
	if w.plan.Verb == appliance.VerbPush {
		add(theme.Warn, "The target should be newly set up. What a backup replaces there cannot be brought back.")
	}
	for _, x := range w.found {
		role, text := theme.Warn, x.Text
		if x.Step >= 0 {
			text = fmt.Sprintf("step %d: %s", x.Step+1, text)
		}
		if x.Stops {
			role, text = theme.Alarm, "this stops it: "+text
		}
		add(role, text)
	}
	if len(w.found) == 0 {
		add(theme.Good, "Nothing speaks against it now.")
	}
	lines = append(lines, "", t.Paint(theme.Heading, "  WHAT WILL BE SENT"))
	for _, c := range w.calls {
		add(theme.Dim, strings.TrimSpace(c.Method+" "+c.URL+" "+c.Body))
	}
	return lines
}
