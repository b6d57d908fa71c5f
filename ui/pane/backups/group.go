package backups

import (
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// group is what rows are put together by.
type group int

const (
	ungrouped group = iota
	byAppliance
	byLocation
	byLabel
	groups
)

// String is the group's words in the title.
func (g group) String() string {
	return [...]string{"not grouped", "by appliance", "by location", "by label"}[g]
}

// of is the place and the name of a row's group. A backup that lies in several places is in the group of those places, so that no row
// stands twice and no byte is counted twice.
func (g group) of(src pane.Source) func(Row) (int, string) {
	place := make(map[string]int, len(src.Snapshots))
	if g == byAppliance {
		for i, s := range src.Snapshots {
			place[s.Name] = i
		}
	}
	return func(b Row) (int, string) { return place[b.Appliance], g.name(b) }
}

// name is what a row's group is called.
func (g group) name(b Row) string {
	switch {
	case g == byAppliance:
		return b.Appliance
	case g == byLabel:
		return Name(b)
	case len(b.Locations) == 0:
		return "no known place"
	default:
		return places(b)
	}
}

// heads makes a heading for each group: its name, how many backups it has, and their bytes.
func (g group) heads(shown, _ []Row) []table.Head {
	var heads []table.Head
	var sum pane.Sum
	begin, name := 0, ""
	add := func(end int) {
		if end > begin {
			heads = append(heads, table.Head{At: begin, Text: name + "  " + count(end-begin) + "  " + sum.String()})
		}
		begin, sum = end, pane.Sum{}
	}
	for i, b := range shown {
		if is := g.name(b); is != name {
			add(i)
			name = is
		}
		sum.Add(b.Size)
	}
	add(len(shown))
	return heads
}
