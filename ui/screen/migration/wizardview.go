package migration

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

const (
	low  = 14  // the height from which there is room for a blank line
	wide = 112 // the width from which there is room for what is to be said of a setting beside it
)

// View draws the wizard, exactly width by h cells.
func (w *Wizard) View(f widget.Frame, width, h int) []string {
	t, inner := f.Theme, width-2
	lines := []string{w.tabs(f, inner), widget.Fit(" "+w.total(), inner, false, t.Symbols.Ellipsis)}
	if h >= low {
		lines = append(lines, widget.Pad(inner))
	}
	foot := w.foot(f, inner)
	body := w.body(f, inner)
	room := max(1, h-2-len(lines)-len(foot))
	if w.stage != stageReview {
		w.follow(room, len(body))
	}
	first, end := w.place.Fit(len(body), room)
	for _, l := range body[first:end] {
		lines = append(lines, widget.Fit(l, inner, false, t.Symbols.Ellipsis))
	}
	for len(lines) < h-2-len(foot) {
		lines = append(lines, widget.Pad(inner))
	}
	return f.Box("Migrate", f.More(w.place.Hidden()), append(lines, foot...), width, h, true)
}

// tabs names the four steps.
func (w *Wizard) tabs(f widget.Frame, width int) string {
	t := f.Theme
	line, between := " ", "  "+t.Symbols.Arrow+"  "
	if width < 50 {
		between = " "
	}
	for i, name := range stageNames {
		role := theme.Dim
		if stage(i) == w.stage {
			role = theme.Accent
		}
		line += t.Paint(role, fmt.Sprintf("%d %s", i+1, name))
		if i < len(stageNames)-1 {
			line += t.Paint(theme.Dim, between)
		}
	}
	return widget.Fit(line, width, false, "")
}

func (w *Wizard) total() string {
	sum, sized := (&migration.Plan{Items: w.chosen()}).Bytes()
	total := fmt.Sprintf("%d of %d backups, %s", len(w.chosen()), len(w.items), widget.Size(sum))
	switch {
	case !sized && sum == 0:
		total = fmt.Sprintf("%d of %d backups, of a size that is not told", len(w.chosen()), len(w.items))
	case !sized:
		total += " and those whose size is not told"
	}
	return total
}

// foot is why the last key did nothing, or what begins the migration.
func (w *Wizard) foot(f widget.Frame, width int) (lines []string) {
	t := f.Theme
	if w.said != "" {
		for _, l := range widget.Wrap(w.said, max(1, width-2)) {
			lines = append(lines, t.Paint(theme.Alarm, widget.Fit(" "+l, width, false, "")))
		}
		lines = lines[:min(len(lines), 3)]
	}
	if w.stage == stageHow && width < wide && len(lines) == 0 {
		about := widget.Wrap(w.settings()[w.cursor[stageHow]].about, max(1, width-2))
		for _, l := range about[:min(2, len(about))] {
			lines = append(lines, t.Paint(theme.Dim, widget.Fit(" "+l, width, false, "")))
		}
	}
	if w.stage != stageReview {
		return lines
	}
	if migration.Stops(w.found) {
		return append(lines, t.Paint(theme.Alarm, widget.Fit(" it cannot run like this", width, false, "")))
	}
	ask := fmt.Sprintf(" Type %s and press enter to begin: ", w.wanted())
	if width < 50 {
		ask = fmt.Sprintf(" Type %s to begin: ", w.wanted())
	}
	return append(lines, widget.Fit(t.Paint(theme.Warn, ask)+w.code.View(f, 8, true), width, false, ""))
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
	if w.stage == stageWhere && at >= len(ways) {
		return at + 2 // a blank line and the heading stand between ways and places
	}
	return at
}

func (w *Wizard) body(f widget.Frame, width int) []string {
	switch w.stage {
	case stageWhat:
		return w.what(f)
	case stageWhere:
		return w.where(f, width)
	case stageHow:
		return w.how(f, width)
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

// called is a backup's name, or where it has none its uuid.
func called(it migration.Item) string {
	return name(&migration.Step{Item: it})
}

func (w *Wizard) what(f widget.Frame) (lines []string) {
	t := f.Theme
	label, from := 8, 4
	for _, it := range w.items {
		label, from = max(label, min(28, widget.Width(called(it)))), max(from, min(16, widget.Width(it.Appliance)))
	}
	for i, it := range w.items {
		sign, role := w.lead(f, i)
		mark := t.Symbols.Mark
		if w.out[i] {
			mark, role = " ", theme.Off
		}
		lines = append(lines, sign+t.Paint(theme.Ours, "["+mark+"] ")+t.Paint(role, widget.Fit(called(it), label, false, t.Symbols.Ellipsis))+"  "+
			widget.Fit(widget.Size(it.Size), 9, true, "")+"  "+
			t.Paint(theme.Dim, widget.Fit(it.Appliance, from, false, t.Symbols.Ellipsis)+"  "+string(it.Backup)))
	}
	return lines
}

func (w *Wizard) where(f widget.Frame, width int) (lines []string) {
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
	label := 8
	for _, d := range w.places {
		label = max(label, min(32, width/2, widget.Width(d.Label)))
	}
	for i, d := range w.places {
		sign, role := w.lead(f, len(ways)+i)
		note := d.Note
		if d.WhyNot != "" {
			role, note = theme.Off, d.WhyNot
		}
		lines = append(lines, sign+t.Paint(role, widget.Fit(d.Label, label, false, t.Symbols.Ellipsis))+"  "+t.Paint(theme.Dim, note))
	}
	sign, _ := w.lead(f, w.whereRows()-1)
	word := "a mount point: "
	if w.plan.Verb == appliance.VerbPush {
		word = "an address: "
	}
	return append(lines, sign+t.Paint(theme.Dim, word)+w.typed.View(f, min(40, max(4, width-len(word)-4)), w.typing))
}

func (w *Wizard) how(f widget.Frame, width int) (lines []string) {
	t := f.Theme
	label, value := 28, 18
	if width < 60 {
		label, value = 24, 12
	}
	for i, s := range w.settings() {
		sign, role := w.lead(f, i)
		line := sign + t.Paint(theme.Dim, widget.Fit(s.label, label, false, "")) + t.Paint(role, widget.Fit(s.value, value, false, t.Symbols.Ellipsis))
		if width >= wide {
			line += t.Paint(theme.Dim, s.about)
		}
		lines = append(lines, line)
	}
	return lines
}

func (w *Wizard) reviewed(f widget.Frame, width int) (lines []string) {
	t := f.Theme
	add := func(role theme.Role, text string) {
		for _, l := range widget.Wrap(text, max(1, width-4)) {
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
	lines = append(lines, "", t.Paint(theme.Heading, "  WHAT"))
	for i, it := range w.plan.Items { // who looks alike is told apart by uuid and checksum (faults.md DAT-10)
		add(theme.Plain, fmt.Sprintf("%d  %s  %s  %s  checksum %s", i+1, called(it), it.Backup, widget.Size(it.Size), checksum(it, t)))
	}
	lines = append(lines, "", t.Paint(theme.Heading, "  WHAT WILL BE SENT"))
	for _, c := range w.calls {
		add(theme.Dim, strings.TrimSpace(c.Method+" "+c.URL+" "+c.Body))
	}
	return lines
}

func checksum(it migration.Item, t *theme.Theme) string {
	if it.Checksum.Empty() {
		return "not told"
	}
	return widget.Cut(it.Checksum.String(), 12, t.Symbols.Ellipsis)
}
