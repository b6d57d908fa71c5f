// Package backups is the pane of the chosen appliance's backups and where each one lies.
package backups

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// Row is a backup of the chosen appliance.
type Row = *fleet.Backup

// New makes the pane.
func New() *pane.List[Row] {
	return pane.NewList(pane.Def[Row]{
		Number: 3, Name: "Backups", Columns: columns(), Detail: detail,
		Key:       func(b Row) string { return b.Key() },
		Appliance: func(b Row) string { return b.Appliance },
		Words: func(b Row) string {
			return b.Label.String() + " " + b.File.String() + " " + string(b.ID) + " " + places(b) + " " + b.Version.String() + " " +
				b.CreText.String()
		},
		Default: newestFirst,
		Gather:  gather,
		Title: func(src pane.Source) string {
			if src.Chosen == "" {
				return "Backups"
			}
			return "Backups · " + src.Chosen
		},
		Note: note,
		Part: func(src pane.Source) fleet.Part {
			if s := src.Of(src.Chosen); s != nil {
				return s.BackupsPart
			}
			return fleet.Part{}
		},
		Empty: empty,
	})
}

func gather(src pane.Source) []Row {
	s := src.Of(src.Chosen)
	if s == nil {
		return nil
	}
	rows := make([]Row, len(s.Backups))
	for i := range s.Backups {
		rows[i] = &s.Backups[i]
	}
	return rows
}

func newestFirst(a, b Row) int {
	if c := b.Created.Compare(a.Created); c != 0 {
		return c
	}
	return strings.Compare(a.Label.String(), b.Label.String())
}

func places(b *fleet.Backup) string {
	words := make([]string, len(b.Locations))
	for i, l := range b.Locations {
		words[i] = Place(l)
	}
	return strings.Join(words, ", ")
}

// Place is a location in a word: internal, or the last part of a mount point.
func Place(l appliance.Location) string {
	s := string(l)
	if i := strings.LastIndexByte(s, '/'); i >= 0 && i < len(s)-1 {
		return s[i+1:]
	}
	return s
}

func note(src pane.Source, _ *table.Index[Row]) string {
	s := src.Of(src.Chosen)
	if s == nil || s.BackupsPart.At.IsZero() {
		return ""
	}
	var words []string
	if n := s.BackupsPart.Unreadable; n > 0 {
		words = append(words, fmt.Sprintf("%d unreadable", n))
	}
	if s.Space.Total > 0 && s.Space.Used >= 0 {
		words = append(words, fmt.Sprintf("%s of %s used", widget.Size(s.Space.Used), widget.Size(s.Space.Total)))
	}
	return strings.Join(words, " · ")
}

func empty(src pane.Source) []string {
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
