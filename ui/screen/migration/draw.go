package migration

import (
	"fmt"
	"strings"

	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// Source is what a drawing asks the fleet.
type Source struct {
	Percent migration.Percent
	Rates   *Rates
	Events  []fleet.Event // oldest first
}

// Heights from which the screen has more than the steps.
const (
	lowBlank   = 10 // a blank line below the head
	lowHeading = 5  // the heading of the columns
	lowLog     = 14 // the log
	mostLog    = 8
	mostTold   = 3 // lines of what is known of the step under the cursor
)

// View draws the screen, exactly w by h cells.
func (s *Session) View(f widget.Frame, src Source, w, h int) []string {
	v := s.view()
	if v == nil {
		return f.Box("Migrations", "", []string{widget.Pad(w - 2), widget.Fit(" There is no migration.", w-2, false, "")}, w, h, true)
	}
	inner, room := w-2, h-2
	lines := s.head(f, v, src, inner)
	if room >= lowBlank {
		lines = append(lines, widget.Pad(inner))
	}
	foot := s.told(f, v, inner)
	if room < lowLog {
		foot = foot[:min(len(foot), max(0, room-lowBlank))]
	} else {
		foot = append(foot, f.Theme.Paint(theme.Dim, strings.Repeat(f.Theme.Symbols.Horizontal, inner)))
		foot = append(foot, s.log(f, v, src.Events, inner, min(mostLog, room-lowLog+1))...)
	}
	lines = append(lines, s.steps(f, v, src, inner, max(1, room-len(lines)-len(foot)), room >= lowHeading)...)
	title := "Migration " + v.ID
	if n := len(s.views); n > 1 {
		title += fmt.Sprintf(" · %d of %d", s.number(), n)
	}
	return f.Box(title, f.More(s.place.Hidden()), append(lines, foot...), w, h, true)
}

// head says what it is, how it stands and how far it is.
func (s *Session) head(f widget.Frame, v *migration.View, src Source, w int) []string {
	t := f.Theme
	p := v.Progress(src.Percent)
	var words []string
	if r := src.Rates.of(v); r != nil {
		if rate := r.PerSecond(); rate > 0 && p.Sized {
			words = append(words, widget.Size(int64(rate))+"/s")
		}
		if left := r.Left(p); left > 0 {
			words = append(words, widget.Took(left)+" left")
		}
	}
	words = append(words, v.Tally())
	width := max(6, min(20, w/4))
	bar := fmt.Sprintf(" %s %3.0f %%", widget.Bar(t.Symbols, p.Share, width), 100*p.Share)
	spark := ""
	if line := src.Rates.sparkline(t, v.ID); line != "" && w >= 100 {
		spark = "  " + line
	}
	rest := w - widget.Width(bar) - widget.Width(spark)
	state := string(v.State)
	lines := []string{
		t.Paint(theme.Plain, widget.Fit(" "+capital(v.Plan.Words()), max(0, w-widget.Width(state)-2), false, t.Symbols.Ellipsis)) + " " +
			t.Paint(stateRole(v.State), state) + " ",
		widget.Fit(bar+t.Paint(theme.Dim, spark)+widget.Fit("  "+strings.Join(words, "  "), max(0, rest), false, t.Symbols.Ellipsis), w, false, ""),
	}
	if v.Elsewhere != "" {
		lines = append(lines, t.Paint(theme.Warn, widget.Fit(" "+capital(v.Elsewhere)+".", w, false, t.Symbols.Ellipsis)))
	}
	if v.Note != "" {
		lines = append(lines, t.Paint(theme.Warn, widget.Fit(" "+v.Note, w, false, t.Symbols.Ellipsis)))
	}
	return lines
}

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

// steps draws the rows around the cursor, exactly h lines.
func (s *Session) steps(f widget.Frame, v *migration.View, src Source, w, h int, heading bool) (lines []string) {
	c := columnsFor(v, w)
	if heading && h > 1 {
		lines = append(lines, f.Theme.Paint(theme.Heading, c.heading(w)))
	}
	room := h - len(lines)
	first, end := s.place.Fit(len(v.Steps), room)
	if s.cursor < first {
		s.place.Scroll(s.cursor - first)
	} else if s.cursor >= end {
		s.place.Scroll(s.cursor - end + 1)
	}
	first, end = s.place.Fit(len(v.Steps), room)
	for n := first; n < end; n++ {
		lines = append(lines, c.row(f, v, n, src, w, n == s.cursor))
	}
	for len(lines) < h {
		lines = append(lines, widget.Pad(w))
	}
	return lines
}

// columns are the widths of a row's parts; 0 = it has no room.
type columns struct{ number, name, from, size, bar, note int }

const (
	phaseWidth = 16
	barWidth   = 8
	leastNote  = 8 // less says nothing
)

func columnsFor(v *migration.View, w int) columns {
	c := columns{number: len(fmt.Sprint(len(v.Steps))), name: 8, size: 8, bar: barWidth}
	for i := range v.Steps {
		c.name = max(c.name, min(28, widget.Width(name(&v.Steps[i]))))
		c.from = max(c.from, min(16, widget.Width(v.Steps[i].Item.Appliance)))
	}
	if len(v.Plan.Appliances()) < 2 || w < 100 {
		c.from = 0
	}
	if w < 78 {
		c.size = 0
	}
	if w < 60 {
		c.bar = 0
	}
	if over := c.used() - w; over > 0 {
		c.name = max(8, c.name-over)
	}
	if c.note = w - c.used(); c.note < leastNote {
		c.note = 0
	}
	return c
}

// used is what all but the note takes: the cursor, each part and the blanks behind it.
func (c columns) used() int {
	n := 2 + c.number + 2 + c.name + 2 + phaseWidth + 2
	for _, part := range []int{c.from, c.size} {
		if part > 0 {
			n += part + 2
		}
	}
	if c.bar > 0 {
		n += c.bar + 1
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
	line += widget.Fit("STATE", phaseWidth, false, "") + "  "
	if c.bar > 0 {
		line += widget.Pad(c.bar + 1)
	}
	return widget.Fit(line+widget.Cut("WHAT IS KNOWN", c.note, ""), w, false, "")
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
	line += t.Paint(phaseRole(s.Phase), widget.Fit(string(s.Phase), phaseWidth, false, "")) + "  "
	if c.bar > 0 {
		bar := widget.Pad(c.bar)
		if at := src.Percent(s); s.Phase == migration.PhaseRunning && at >= 0 {
			bar = widget.Bar(t.Symbols, at/100, c.bar)
		}
		line += bar + " "
	}
	return widget.Fit(line+t.Paint(theme.Dim, widget.Fit(known(v, n), c.note, false, t.Symbols.Ellipsis)), w, false, "")
}

// told is what is known of the step under the cursor, where its row has not room for all of it.
func (s *Session) told(f widget.Frame, v *migration.View, w int) (lines []string) {
	text := known(v, s.cursor)
	if widget.Width(text) <= columnsFor(v, w).note {
		return nil
	}
	for _, l := range widget.Wrap(fmt.Sprintf("step %d: %s", s.cursor+1, text), max(1, w-2)) {
		if len(lines) < mostTold {
			lines = append(lines, widget.Fit(" "+l, w, false, ""))
		}
	}
	return lines
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

// known is all that is to be said of a step.
func known(v *migration.View, n int) string {
	s := &v.Steps[n]
	var words []string
	if why := v.Waits[n]; why != "" && (s.Phase == migration.PhaseQueued || s.Phase == migration.PhasePassphrase) {
		words = append(words, "waits: "+why)
	}
	if s.Job != "" && s.Phase.Open() {
		words = append(words, "job "+string(s.Job))
	}
	if s.Took > 0 && (s.Phase == migration.PhaseDone || s.Phase.Open()) {
		words = append(words, "took "+widget.Took(s.Took))
	}
	switch {
	case s.Note != "":
		words = append(words, s.Note)
	case s.Phase == migration.PhaseDone && s.Fate == fleet.FateThere:
		words = append(words, "as the listing says")
	case s.Phase == migration.PhaseDone && s.Fate == fleet.FateTold:
		words = append(words, "as its job says; nobody could be asked")
	}
	return strings.Join(words, ", ")
}

// log is the newest events since the migration began that are about its appliances, exactly h lines.
func (s *Session) log(f widget.Frame, v *migration.View, events []fleet.Event, w, h int) (lines []string) {
	about := map[string]bool{v.Plan.Target: true}
	for _, name := range v.Plan.Appliances() {
		about[name] = true
	}
	for i := len(events) - 1; i >= 0 && len(lines) < h; i-- {
		e := events[i]
		if e.At.Wall.Before(v.Begun) {
			break
		}
		if e.Appliance == "" && !strings.Contains(e.Text, v.ID) || e.Appliance != "" && !about[e.Appliance] {
			continue
		}
		line := " " + f.Clock(e.At.Wall)
		for _, part := range []string{e.Appliance, strings.TrimSpace(e.Who + " " + e.Text)} {
			if part != "" {
				line += "  " + part
			}
		}
		lines = append(lines, f.Theme.Paint(eventRole(e.Level), widget.Fit(line, w, false, f.Theme.Symbols.Ellipsis)))
	}
	for len(lines) < h {
		lines = append(lines, widget.Pad(w))
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
