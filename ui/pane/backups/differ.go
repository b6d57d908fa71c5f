package backups

import (
	"cmp"
	"slices"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
)

// Side is one of two that are compared: an appliance, a location of every appliance, or a location of one.
type Side struct {
	Appliance string             // empty = every one
	Location  appliance.Location // empty = every one
}

// String is the side for people.
func (s Side) String() string {
	switch {
	case s.Location == "":
		return s.Appliance
	case s.Appliance == "":
		return Place(s.Location)
	default:
		return s.Appliance + " " + Place(s.Location)
	}
}

// about reports whether the backups of an appliance may lie on this side.
func (s Side) about(x *fleet.Snapshot) bool {
	return x.Can.Backups && (s.Appliance == "" || s.Appliance == x.Name)
}

// Sides is all that can be compared, and what is known of each: appliances, then locations of all of them, then those of one. It
// looks through every backup, so it is called beside the event loop.
func Sides(src pane.Source) []Side {
	var appliances, pairs, locations []Side
	seen := map[appliance.Location]bool{}
	for _, s := range src.Snapshots {
		if !s.Can.Backups {
			continue
		}
		appliances = append(appliances, Side{Appliance: s.Name})
		here := map[appliance.Location]bool{}
		for i := range s.Backups {
			for _, l := range s.Backups[i].Locations {
				here[l] = true
			}
		}
		for l := range here {
			pairs = append(pairs, Side{s.Name, l})
			if !seen[l] {
				seen[l] = true
				locations = append(locations, Side{Location: l})
			}
		}
	}
	byLocation := func(a, b Side) int { return cmp.Compare(a.Location, b.Location) }
	slices.SortFunc(locations, byLocation)
	slices.SortStableFunc(pairs, func(a, b Side) int { return cmp.Or(cmp.Compare(a.Appliance, b.Appliance), byLocation(a, b)) })
	return slices.Concat(appliances, locations, pairs)
}

// diff is two sides that are compared.
type diff struct{ here, there Side }

// on is the backups of a side by uuid.
func (s Side) on(src pane.Source) map[appliance.BackupID][]Row {
	rows := map[appliance.BackupID][]Row{}
	for _, x := range src.Snapshots {
		if !s.about(x) {
			continue
		}
		for i := range x.Backups {
			if b := &x.Backups[i]; s.Location == "" || b.At(s.Location) {
				rows[b.ID] = append(rows[b.ID], b)
			}
		}
	}
	return rows
}

// otherChecksum is said of a backup that lies on both sides and is not the same there.
const otherChecksum = "other checksum"

// rows is what differs: what lies on one side only, and what is another there. A side that was never listed tells nothing, so that
// nothing is said to be missing there.
func (d *diff) rows(src pane.Source, out *found) []Row {
	out.verdicts = map[Row]string{}
	if d.unlisted(src) != "" {
		return nil
	}
	here, there := d.here.on(src), d.there.on(src)
	rows := d.differing(here, there, "only "+d.here.String(), out, true)
	return append(rows, d.differing(there, here, "only "+d.there.String(), out, false)...)
}

// differing is the rows of one side that are not alike on the other; with counts, the packages that are
// alike are counted, and those of which that cannot be told.
func (d *diff) differing(one, other map[appliance.BackupID][]Row, only string, out *found, counts bool) []Row {
	var rows []Row
	for id, list := range one {
		some, untold := false, false
		for _, b := range list {
			switch same, told := alike(b, other[id]); {
			case len(other[id]) == 0:
				out.verdicts[b] = only
			case told && !same:
				out.verdicts[b] = otherChecksum
			default:
				some, untold = some || same, untold || !same
				continue
			}
			rows = append(rows, b)
		}
		if counts {
			out.alike += flag(some)
			out.untold += flag(untold && !some)
		}
	}
	return rows
}

func flag(is bool) int {
	if is {
		return 1
	}
	return 0
}

// alike tells whether one of the others is the same as b, and whether that can be told at all: by the checksum.
func alike(b Row, others []Row) (same, told bool) {
	told = true
	for _, o := range others {
		switch {
		case o == b, !b.Checksum.Empty() && o.Checksum == b.Checksum:
			return true, true
		case b.Checksum.Empty() || o.Checksum.Empty():
			told = false
		}
	}
	return false, told
}

// unlisted is the appliances of a comparison whose backups have never been listed, in words.
func (d *diff) unlisted(src pane.Source) string {
	var names []string
	for _, side := range []Side{d.here, d.there} {
		if s := src.Of(side.Appliance); s != nil && s.BackupsPart.At.IsZero() {
			names = append(names, s.Name)
		}
	}
	return strings.Join(slices.Compact(names), ", ")
}

func (d *diff) empty(src pane.Source, out *found) []string {
	if names := d.unlisted(src); names != "" {
		return []string{"The backups of " + names + " have not been listed: what differs is not known."}
	}
	words := "No difference between " + d.here.String() + " and " + d.there.String() + ": " + count(out.alike) + " alike."
	if out.untold > 0 {
		words = "No difference that can be told: " + count(out.alike) + " alike, " + count(out.untold) + " without a checksum to compare."
	}
	return []string{words, "esc goes back to the backups."}
}
