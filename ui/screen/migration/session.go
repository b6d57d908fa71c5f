// Package migration is the whole-screen view of migrations: a wizard of four steps that makes a plan, and the running
// session with a row for every step. It never acts: it returns what is to be done and the root does it.
package migration

import (
	"fmt"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/scroll"
)

// Order is what an operator wants done with a session.
type Order int

// Orders.
const (
	OrderNone Order = iota
	OrderPause
	OrderResume
	OrderSkip
	OrderRetry
	OrderEarlier
	OrderLater
	OrderCancel
	OrderPassphrase
	OrderReport
)

// Word is what an order is called when it is confirmed or refused.
func (o Order) Word() string {
	return [...]string{"", "pause", "resume", "skip", "retry", "move up", "move down", "cancel", "give the passphrase", "write the report"}[o]
}

// Outcome is what a key did.
type Outcome struct {
	Close bool
	Order Order
	ID    string // of the migration
	Step  int
	Plan  *migration.Plan // the wizard: to be begun
	Copy  string          // text for the clipboard
}

// Session shows one migration, and lets its operator go from one to the next.
type Session struct {
	views  []migration.View // newest first
	id     string           // of the one that is shown
	cursor int              // step
	place  scroll.Place
	rates  map[string]*migration.Rate
	spark  map[string][]float64
}

// NewSession opens the view of a migration; with an empty id the newest.
func NewSession(views []migration.View, id string) *Session {
	s := &Session{rates: map[string]*migration.Rate{}, spark: map[string][]float64{}}
	s.id = id
	s.Set(views)
	return s
}

// Set takes the newest views over. The cursor stays on its step.
func (s *Session) Set(views []migration.View) {
	s.views = views
	if s.view() == nil && len(views) > 0 {
		s.id, s.cursor = views[0].ID, 0
	}
	if v := s.view(); v != nil {
		s.cursor = max(0, min(s.cursor, len(v.Steps)-1))
	}
}

// sparkEvery is how much time one bar of the sparkline stands for, sparkMost how many there are.
const (
	sparkEvery = 5 * time.Second
	sparkMost  = 24
)

// Sample notes how far each migration is, for its rate.
func (s *Session) Sample(now appliance.Reading, percent migration.Percent) {
	for i := range s.views {
		v := &s.views[i]
		if !v.Live {
			continue
		}
		r := s.rates[v.ID]
		if r == nil {
			r = &migration.Rate{}
			s.rates[v.ID] = r
		}
		r.Add(now, v.Progress(percent))
		if line := append(s.spark[v.ID], r.PerSecond()); len(line) > sparkMost {
			s.spark[v.ID] = line[len(line)-sparkMost:]
		} else {
			s.spark[v.ID] = line
		}
	}
}

// SampleEvery is how often Sample is to be called.
func SampleEvery() time.Duration { return sparkEvery }

func (s *Session) view() *migration.View {
	for i := range s.views {
		if s.views[i].ID == s.id {
			return &s.views[i]
		}
	}
	return nil
}

// ID is the migration that is shown; empty = none.
func (s *Session) ID() string {
	if v := s.view(); v != nil {
		return v.ID
	}
	return ""
}

// Press handles one key, named as Bubble Tea does.
func (s *Session) Press(key string) Outcome {
	v := s.view()
	if v == nil {
		return Outcome{Close: true}
	}
	out := Outcome{ID: v.ID, Step: s.cursor}
	switch key {
	case "esc", "q", "M":
		out.Close = true
	case "up", "k":
		s.cursor = max(0, s.cursor-1)
	case "down", "j":
		s.cursor = min(len(v.Steps)-1, s.cursor+1)
	case "pgup", "ctrl+b":
		s.cursor = max(0, s.cursor-10)
	case "pgdown", "ctrl+f":
		s.cursor = min(len(v.Steps)-1, s.cursor+10)
	case "g", "home":
		s.cursor = 0
	case "G", "end":
		s.cursor = len(v.Steps) - 1
	case "tab", "right", "l":
		s.other(1)
	case "shift+tab", "left", "h":
		s.other(-1)
	case "p":
		out.Order = OrderPause
		if v.State != migration.StateRunning {
			out.Order = OrderResume
		}
	case "s":
		out.Order = OrderSkip
	case "t":
		out.Order = OrderRetry
	case "K", "-":
		out.Order = OrderEarlier
	case "J", "+":
		out.Order = OrderLater
	case "x":
		out.Order = OrderCancel
	case "enter":
		if v.Steps[s.cursor].Phase == migration.PhasePassphrase {
			out.Order = OrderPassphrase
		}
	case "w":
		out.Order = OrderReport
	}
	return out
}

// other shows the next migration.
func (s *Session) other(by int) {
	for i := range s.views {
		if s.views[i].ID == s.id {
			n := (i + by + len(s.views)) % len(s.views)
			s.id, s.cursor = s.views[n].ID, 0
			return
		}
	}
}

// Source is what a drawing asks the fleet.
type Source struct {
	Percent migration.Percent
	Events  []fleet.Event // oldest first
}

// View draws the screen, exactly w by h cells.
func (s *Session) View(f widget.Frame, src Source, w, h int) []string {
	v := s.view()
	if v == nil {
		return f.Box("Migrations", "esc back", []string{"", " " + widget.Fit("There is no migration.", w-3, false, "")}, w, h, true)
	}
	inner := w - 2
	head := s.head(f, v, src, inner)
	log := min(6, max(0, h-len(head)-10))
	rows := max(1, h-2-len(head)-1-log)
	lines := append(head, s.steps(f, v, src, inner, rows)...)
	if log > 0 {
		lines = append(lines, f.Theme.Paint(theme.Dim, strings.Repeat(f.Theme.Symbols.Horizontal, inner)))
		lines = append(lines, s.log(f, v, src.Events, inner, log-1)...)
	}
	title := "Migration " + v.ID
	if n := len(s.views); n > 1 {
		title += fmt.Sprintf(" · %d of %d", s.number(), n)
	}
	note := keys(v, s.cursor, len(s.views))
	if more := f.More(s.place.Hidden()); more != "" {
		note = more + "  " + note
	}
	return f.Box(title, note, lines, w, h, true)
}

func (s *Session) number() int {
	for i := range s.views {
		if s.views[i].ID == s.id {
			return i + 1
		}
	}
	return 0
}

// keys is what can be pressed now.
func keys(v *migration.View, cursor, sessions int) string {
	var words []string
	switch v.State {
	case migration.StateRunning:
		words = append(words, "p pause")
	case migration.StatePaused, migration.StateAsking, migration.StateStopped:
		words = append(words, "p resume")
	}
	switch p := v.Steps[cursor].Phase; {
	case p == migration.PhasePassphrase:
		words = append(words, "enter passphrase", "s skip")
	case p.Wrong():
		words = append(words, "t retry", "s skip")
	case p == migration.PhaseQueued:
		words = append(words, "s skip", "+- order")
	}
	if !v.State.Ended() {
		words = append(words, "x cancel")
	}
	words = append(words, "w report")
	if sessions > 1 {
		words = append(words, "tab next")
	}
	return strings.Join(append(words, "esc back"), "  ")
}

// head says what it is, how it stands and how far it is.
func (s *Session) head(f widget.Frame, v *migration.View, src Source, w int) []string {
	t := f.Theme
	fit := func(text string, r theme.Role) string {
		return t.Paint(r, widget.Fit(" "+text, w, false, t.Symbols.Ellipsis))
	}
	p := v.Progress(src.Percent)
	words := []string{v.Tally()}
	if r := s.rates[v.ID]; r != nil && v.Live {
		if rate := r.PerSecond(); rate > 0 && p.Sized {
			words = append(words, widget.Size(int64(rate))+"/s")
		}
		if left := r.Left(p); left > 0 {
			words = append(words, widget.Took(left)+" left")
		}
	}
	bar := fmt.Sprintf(" %s %3.0f %%", widget.Bar(t.Symbols, p.Share, 20), 100*p.Share)
	spark := ""
	if line := s.spark[v.ID]; len(line) > 1 && w >= 90 {
		spark = "  " + sparkline(t, line)
	}
	rest := w - widget.Width(bar) - widget.Width(spark)
	lines := []string{
		t.Paint(theme.Plain, widget.Fit(" "+capital(v.Plan.Words()), w-widget.Width(state(v))-1, false, t.Symbols.Ellipsis)) +
			t.Paint(stateRole(v.State), state(v)) + " ",
		bar + t.Paint(theme.Dim, spark) + widget.Fit("  "+strings.Join(words, "  "), rest, false, t.Symbols.Ellipsis),
	}
	if v.Note != "" {
		lines = append(lines, fit(v.Note, theme.Warn))
	}
	return append(lines, widget.Pad(w))
}

// state is the state's word.
func state(v *migration.View) string { return string(v.State) }

func stateRole(s migration.State) theme.Role {
	switch s {
	case migration.StateDone:
		return theme.Good
	case migration.StateAsking, migration.StateStopped:
		return theme.Alarm
	case migration.StatePaused:
		return theme.Warn
	case migration.StateCancelled:
		return theme.Dim
	}
	return theme.Ours
}

var sparks = []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
var sparksASCII = []string{"_", ".", "-", "=", "+", "*", "#", "#"}

// sparkline draws rates by their share of the highest.
func sparkline(t *theme.Theme, line []float64) string {
	signs, top := sparks, 0.0
	if t.ASCII {
		signs = sparksASCII
	}
	for _, x := range line {
		top = max(top, x)
	}
	var b strings.Builder
	for _, x := range line {
		n := 0
		if top > 0 {
			n = int(x / top * float64(len(signs)-1))
		}
		b.WriteString(signs[max(0, min(n, len(signs)-1))])
	}
	return b.String()
}

// steps draws the rows around the cursor.
func (s *Session) steps(f widget.Frame, v *migration.View, src Source, w, h int) []string {
	t := f.Theme
	c := columnsFor(v, w)
	lines := []string{t.Paint(theme.Heading, c.heading(w))}
	first, end := s.place.Fit(len(v.Steps), h-1)
	if s.cursor < first {
		s.place.Scroll(s.cursor - first)
		first, end = s.place.Fit(len(v.Steps), h-1)
	} else if s.cursor >= end {
		s.place.Scroll(s.cursor - end + 1)
		first, end = s.place.Fit(len(v.Steps), h-1)
	}
	for n := first; n < end; n++ {
		lines = append(lines, c.row(f, v, n, src, w, n == s.cursor))
	}
	for len(lines) < h {
		lines = append(lines, widget.Pad(w))
	}
	return lines
}

// columns are the widths of a row's parts.
type columns struct{ number, name, from, size, note int }

const (
	phaseWidth = 16
	barWidth   = 8
)

func columnsFor(v *migration.View, w int) columns {
	c := columns{number: len(fmt.Sprint(len(v.Steps))), name: 8, size: 8}
	for i := range v.Steps {
		c.name = max(c.name, min(28, widget.Width(name(&v.Steps[i]))))
		c.from = max(c.from, min(16, widget.Width(v.Steps[i].Item.Appliance)))
	}
	if len(v.Plan.Appliances()) < 2 || w < 100 {
		c.from = 0
	}
	if w < 70 {
		c.size = 0
	}
	c.note = max(0, w-c.used())
	return c
}

// used is what all but the note takes: the cursor, each part and the blanks behind it.
func (c columns) used() int {
	n := 2 + c.number + 2 + c.name + 2 + phaseWidth + 1 + barWidth + 2
	if c.from > 0 {
		n += c.from + 2
	}
	if c.size > 0 {
		n += c.size + 2
	}
	return n
}

func (c columns) heading(w int) string {
	line := "  " + widget.Fit("#", c.number, true, "") + "  " + widget.Fit("BACKUP", c.name, false, "") + "  "
	if c.from > 0 {
		line += widget.Fit("OF", c.from, false, "") + "  "
	}
	if c.size > 0 {
		line += widget.Fit("SIZE", c.size, true, "") + "  "
	}
	return widget.Fit(line+widget.Fit("STATE", phaseWidth+1+barWidth+2, false, "")+"WHAT IS KNOWN", w, false, "")
}

func (c columns) row(f widget.Frame, v *migration.View, n int, src Source, w int, cursor bool) string {
	t, s := f.Theme, &v.Steps[n]
	lead, label := "  ", theme.Plain
	if cursor {
		lead, label = t.Symbols.Cursor+" ", theme.Strong
	}
	line := t.Paint(theme.Accent, lead) + t.Paint(theme.Dim, widget.Fit(fmt.Sprint(n+1), c.number, true, "")) + "  " +
		t.Paint(label, widget.Fit(name(s), c.name, false, t.Symbols.Ellipsis)) + "  "
	if c.from > 0 {
		line += t.Paint(theme.Dim, widget.Fit(s.Item.Appliance, c.from, false, t.Symbols.Ellipsis)) + "  "
	}
	if c.size > 0 {
		line += widget.Fit(widget.Size(s.Item.Size), c.size, true, "") + "  "
	}
	bar := widget.Pad(barWidth)
	if at := src.Percent(s); s.Phase == migration.PhaseRunning && at >= 0 {
		bar = widget.Bar(t.Symbols, at/100, barWidth)
	}
	line += t.Paint(phaseRole(s.Phase), widget.Fit(string(s.Phase), phaseWidth, false, "")) + " " + bar + "  "
	return line + t.Paint(theme.Dim, widget.Fit(known(v, n), max(0, w-c.used()), false, t.Symbols.Ellipsis))
}

func name(s *migration.Step) string {
	if s.Item.Label.Empty() {
		return string(s.Item.Backup)
	}
	return s.Item.Label.String()
}

func phaseRole(p migration.Phase) theme.Role {
	switch {
	case p == migration.PhaseDone:
		return theme.Good
	case p.Wrong():
		return theme.Alarm
	case p == migration.PhasePassphrase:
		return theme.Warn
	case p.Open():
		return theme.Ours
	}
	return theme.Dim
}

// known is what is to be said of a step, as far as there is room.
func known(v *migration.View, n int) string {
	s := &v.Steps[n]
	var words []string
	if why := v.Waits[n]; why != "" && s.Phase == migration.PhaseQueued {
		words = append(words, "waits: "+why)
	}
	if s.Job != "" && s.Phase.Open() {
		words = append(words, "job "+string(s.Job))
	}
	if s.Took > 0 && (s.Phase == migration.PhaseDone || s.Phase.Open()) {
		words = append(words, "took "+widget.Took(s.Took))
	}
	if s.Note != "" {
		words = append(words, s.Note)
	}
	return strings.Join(words, ", ")
}

// log is the newest events that are about the migration's appliances since it began.
func (s *Session) log(f widget.Frame, v *migration.View, events []fleet.Event, w, h int) []string {
	about := map[string]bool{"": true}
	for _, name := range v.Plan.Appliances() {
		about[name] = true
	}
	var lines []string
	for i := len(events) - 1; i >= 0 && len(lines) < h; i-- {
		e := events[i]
		if e.At.Wall.Before(v.Begun) {
			break
		}
		if !about[e.Appliance] || e.Appliance == "" && !strings.Contains(e.Text, v.ID) {
			continue
		}
		line := " " + f.Clock(e.At.Wall) + "  " + strings.TrimSpace(e.Appliance+"  "+e.Who+" "+e.Text)
		lines = append(lines, f.Theme.Paint(eventRole(e.Level), widget.Fit(line, w, false, f.Theme.Symbols.Ellipsis)))
	}
	return lines
}

func eventRole(l fleet.Level) theme.Role {
	switch l {
	case fleet.Alarm:
		return theme.Alarm
	case fleet.Warn:
		return theme.Warn
	}
	return theme.Dim
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
