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
	add("progress", percent(r.Percent), theme.Plain)
	add("started", f.Moment(r.Started), theme.Plain)
	if !r.Job.Ended.IsZero() {
		add("ended", f.Moment(r.Job.Ended), theme.Plain)
	}
	add("started by", r.By.String(), theme.Plain)
	if r.Mine {
		add("asked for by", r.Who, theme.Ours)
	}
	if r.Transfer != nil {
		add("backup", string(r.Transfer.Backup), theme.Plain)
		add("destination", r.Transfer.Destination, theme.Plain)
	}
	for _, m := range r.Messages {
		add("message", m.String(), theme.Plain)
	}
	children(&d, r.Children, 1)
	d.Told(r.Fields)
	return d
}

func children(d *pane.Detail, jobs []appliance.Job, depth int) {
	for _, c := range jobs {
		name := c.Title.String()
		if name == "" {
			name = string(c.ID)
		}
		d.Fields = append(d.Fields, pane.Pair{Name: "part", Value: strings.Repeat("  ", depth-1) + name + ": " + c.State.String() + " " +
			percent(c.Percent)})
		children(d, c.Children, depth+1)
	}
}

func percent(p float64) string {
	if p < 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", p)
}
