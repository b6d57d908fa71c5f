package backups

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// gather makes the rows of a view.
func (v view) gather(src pane.Source, out *found) []Row {
	*out = found{} // it may have been made before, in another order
	out.space = make(map[string]appliance.Space, len(src.Snapshots))
	for _, s := range src.Snapshots {
		out.space[s.Name] = s.Space
	}
	if v.diff != nil {
		return v.diff.rows(src, out)
	}
	n := 0
	for _, s := range v.snapshots(src) {
		n += len(s.Backups)
	}
	rows := make([]Row, 0, n)
	for _, s := range v.snapshots(src) {
		for i := range s.Backups {
			rows = append(rows, &s.Backups[i])
		}
	}
	return rows
}

// snapshots is the appliances that a view is about.
func (v view) snapshots(src pane.Source) []*fleet.Snapshot {
	var list []*fleet.Snapshot
	for _, s := range src.Snapshots {
		switch {
		case v.diff != nil && (v.diff.here.about(s) || v.diff.there.about(s)),
			v.diff == nil && v.all && s.Can.Backups,
			v.diff == nil && !v.all && s.Name == src.Chosen:
			list = append(list, s)
		}
	}
	return list
}

// same reports whether two sources make the same rows and words in a view.
func (v view) same(a, b pane.Source) bool {
	was, is := v.snapshots(a), v.snapshots(b)
	if len(was) != len(is) || len(a.Snapshots) != len(b.Snapshots) || a.Chosen != b.Chosen {
		return false
	}
	for i := range is {
		if !Same(was[i], is[i]) {
			return false
		}
	}
	return true
}

// Same reports whether a newer snapshot shows the same backups and the same repository as an older one, which may be nil: most polls
// are about other things.
func Same(was, is *fleet.Snapshot) bool {
	return was == is || was != nil && was.Name == is.Name && was.BackupsPart == is.BackupsPart && was.Space.Used == is.Space.Used &&
		was.Space.Total == is.Space.Total && was.Space.Text == is.Space.Text && was.Can == is.Can && len(was.Backups) == len(is.Backups) &&
		(len(is.Backups) == 0 || &was.Backups[0] == &is.Backups[0])
}

// words is what a filter looks in.
func (v view) words(out *found) func(Row) string {
	return func(b Row) string {
		words := b.Label.String() + " " + b.File.String() + " " + string(b.ID) + " " + places(b) + " " + b.Version.String() + " " +
			b.CreText.String()
		if v.several() {
			words += " " + b.Appliance
		}
		if v.diff != nil {
			words += " " + out.verdicts[b]
		}
		return words
	}
}

func (v view) title(src pane.Source) string {
	title := "Backups"
	switch {
	case v.diff != nil:
		title += " · " + v.diff.here.String() + " against " + v.diff.there.String()
	case v.all:
		title += " · all"
	case src.Chosen != "":
		title += " · " + src.Chosen
	}
	if v.group != ungrouped {
		title += " · " + v.group.String()
	}
	return title
}

// note is the bytes of all rows, and what is not among them though it should be.
func (v view) note(src pane.Source, ix *table.Index[Row], out *found) string {
	var words []string
	unread, unlisted := 0, 0
	for _, s := range v.snapshots(src) {
		unread += s.BackupsPart.Unreadable
		if s.Can.Backups && s.BackupsPart.At.IsZero() {
			unlisted++
		}
	}
	if unread > 0 {
		words = append(words, fmt.Sprintf("%d unreadable", unread))
	}
	if unlisted > 0 && v.several() {
		words = append(words, fmt.Sprintf("%d not listed", unlisted))
	}
	if v.diff != nil {
		words = append(words, fmt.Sprintf("%d alike", out.alike))
		if out.untold > 0 {
			words = append(words, fmt.Sprintf("%d without checksum", out.untold))
		}
	}
	if ix.Len() > 0 {
		words = append(words, total(ix.Rows))
	}
	return strings.Join(words, " · ")
}

// total is the bytes of rows in words.
func total(rows []Row) string {
	var s pane.Sum
	for _, b := range rows {
		s.Add(b.Size)
	}
	return s.String()
}

// seen is how the listings stand that a view is made of.
func (v view) seen(src pane.Source) []pane.Seen {
	var list []pane.Seen
	for _, s := range v.snapshots(src) {
		x := pane.Seen{Part: s.BackupsPart}
		if v.several() {
			x.Name = s.Name
		}
		list = append(list, x)
	}
	return list
}

func (v view) empty(src pane.Source, out *found) []string {
	switch {
	case v.diff != nil:
		return v.diff.empty(src, out)
	case v.all:
		return emptyFleet(src)
	}
	s := src.Of(src.Chosen)
	switch {
	case s == nil:
		return []string{"The backups of the appliance under the cursor are shown here."}
	case !s.Can.Backups:
		return []string{s.Name + " keeps no backups that can be listed."}
	case s.BackupsPart.Err != "":
		return []string{"The backups of " + s.Name + " could not be listed: " + s.BackupsPart.Err}
	case s.BackupsPart.At.IsZero():
		return []string{"The backups of " + s.Name + " have not been listed yet."}
	default:
		return []string{s.Name + " has no backup. One arrives here by a push from another appliance (p there)."}
	}
}

// emptyFleet says why no appliance shows a backup, as far as that is known.
func emptyFleet(src pane.Source) []string {
	var listed, silent []string
	for _, s := range src.Snapshots {
		switch {
		case s.Can.Backups && s.BackupsPart.At.IsZero():
			silent = append(silent, s.Name)
		case s.Can.Backups:
			listed = append(listed, s.Name)
		}
	}
	var words []string
	if len(listed) > 0 {
		words = append(words, "No backup: "+strings.Join(listed, ", ")+".")
	}
	if len(silent) > 0 {
		words = append(words, "Not listed yet: "+strings.Join(silent, ", ")+".")
	}
	if len(words) == 0 {
		words = []string{"No appliance keeps backups that can be listed."}
	}
	return words
}
