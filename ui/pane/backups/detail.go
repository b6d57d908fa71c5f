package backups

import (
	"strings"

	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

func detail(f widget.Frame, b Row) pane.Detail {
	d := pane.Detail{Title: b.Appliance + " " + Name(b), Raw: b.Raw}
	add := func(name, value string, role theme.Role) {
		if value != "" {
			d.Fields = append(d.Fields, pane.Pair{Name: name, Value: value, Role: role})
		}
	}
	where := make([]string, len(b.Locations))
	for i, l := range b.Locations {
		where[i] = string(l)
	}
	add("label", b.Label.String(), theme.Strong)
	add("lies in", strings.Join(where, ", "), theme.Strong)
	add("created", f.Moment(b.Created), theme.Plain)
	add("size", widget.Size(b.Size), theme.Plain)
	add("checksum", b.Checksum.String(), theme.Plain)
	add("made by version", b.Version.String(), theme.Plain)
	add("asked for by", b.By.String(), theme.Plain)
	add("file", b.File.String(), theme.Plain)
	add("id", string(b.ID), theme.Plain)
	if b.Moving {
		add("now", "a transfer of ours is under way", theme.Warn)
	}
	if b.Raw.Empty() {
		add("raw answer", "not kept: the listing is too long", theme.Dim)
	}
	d.Told(b.Fields.List())
	return d
}
