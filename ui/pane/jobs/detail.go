package jobs

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

func detail(f widget.Frame, r Row) pane.Detail {
	d := pane.Detail{Title: r.Job.Appliance + " job " + string(r.ID), Raw: r.Raw}
	if r.Root != nil {
		d.Title = r.Job.Appliance + " part of job " + string(r.Root.ID)
		d.Raw = r.Root.Raw // that of the part is a piece of it
	}
	add := func(name, value string, role theme.Role) {
		if value != "" {
			d.Fields = append(d.Fields, pane.Pair{Name: name, Value: value, Role: role})
		}
	}
	add("what", What(r), theme.Strong)
	if title := r.Title.String(); title != What(r) {
		add("title", title, theme.Plain)
	}
	add("state", r.State.String()+" ("+Outcome(r.Phase)+")", theme.Strong)
	add("progress", strings.TrimSpace(percent(r.Percent)), theme.Plain)
	add("started", f.Moment(r.Started), theme.Plain)
	if !r.Job.Ended.IsZero() {
		add("ended", f.Moment(r.Job.Ended), theme.Plain)
	}
	add("started by", r.By.String(), theme.Plain)
	if r.Mine {
		add("asked for by", r.Who, theme.Ours)
	}
	add("time left", r.Pace.left(), theme.Plain)
	add("rate", r.Pace.rate(), theme.Plain)
	add("label", r.Label, theme.Plain)
	if r.Transfer != nil {
		add("backup", string(r.Transfer.Backup), theme.Plain)
		add("destination", r.Transfer.Destination, theme.Plain)
	}
	for _, m := range r.Messages {
		add("message", m.String(), theme.Plain)
	}
	if misleading(r) {
		add("outcome", "it ended without success, whatever its state says: look at its parts", theme.Alarm)
	}
	children(&d, r.Children, 1)
	d.Told(r.Fields)
	return d
}

func children(d *pane.Detail, jobs []appliance.Job, depth int) {
	if depth > mostDepth {
		return
	}
	for _, c := range jobs {
		name := c.Title.String()
		if name == "" {
			name = string(c.ID)
		}
		d.Fields = append(d.Fields, pane.Pair{Name: "part", Value: strings.Repeat("  ", depth-1) + name + ": " + c.State.String() + " " +
			strings.TrimSpace(percent(c.Percent))})
		children(d, c.Children, depth+1)
	}
}

func percent(p float64) string {
	if !(p >= 0) { // NaN too
		return "unknown"
	}
	return fmt.Sprintf("%3.0f %%", min(p, 100))
}

// summary is the row in a line: what is reckoned first, then who and when, then what the appliance says.
func summary(f widget.Frame, r Row) string {
	var words []string
	add := func(before, word, after string) {
		if word != "" {
			words = append(words, before+word+after)
		}
	}
	if r.Root != nil {
		add("part of job ", string(r.Root.ID), "")
	}
	if r.cut && len(r.Children) > 0 {
		add("", "its parts lie too deep to be shown", "")
	}
	if !r.Part.Stale(f.Now) {
		add("about ", r.Pace.left(), " left")
		add("", r.Pace.rate(), "")
	}
	who := ""
	if by(r) != "" {
		who = "by " + by(r) + " "
	}
	switch {
	case !r.Job.Ended.IsZero():
		add(who+"ended ", f.Day(r.Job.Ended), "")
	case !r.Started.IsZero():
		add(who+"since ", f.Day(r.Started), "")
	default:
		add("", strings.TrimSpace(who), "")
	}
	add("", r.Label, "")
	for _, m := range r.Messages {
		if text := m.String(); strings.TrimRight(text, ".") != r.Title.String() { // many say what their title says
			add("", text, "")
		}
	}
	return strings.Join(words, " · ")
}

// whole is all that is to be said of a row in a few lines.
func whole(f widget.Frame, r Row) string {
	words := strings.TrimSpace(What(r) + ": " + wholeState(r))
	if more := summary(f, r); more != "" {
		words += " · " + more
	}
	return words
}

// foot is the row under the cursor in a line.
func (p *Pane) foot(f widget.Frame, w int) string {
	r, ok := p.Row()
	if !ok {
		return widget.Pad(w)
	}
	return f.Theme.Paint(theme.Dim, widget.Fit("  "+summary(f, r), w, false, f.Theme.Symbols.Ellipsis))
}
