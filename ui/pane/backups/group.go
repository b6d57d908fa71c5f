package backups

import (
	"cmp"
	"strings"

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

// order is the order of the groups; nil = there are none. A backup that lies in several places is in the group of those places, so
// that no row stands twice and no byte is counted twice.
func (g group) order(src pane.Source) func(a, b Row) int {
	switch g {
	case byAppliance:
		place := make(map[string]int, len(src.Snapshots))
		for i, s := range src.Snapshots {
			place[s.Name] = i
		}
		return func(a, b Row) int {
			if a.Appliance == b.Appliance {
				return 0
			}
			return cmp.Compare(place[a.Appliance], place[b.Appliance])
		}
	case byLocation:
		return func(a, b Row) int { return strings.Compare(places(a), places(b)) }
	case byLabel:
		return func(a, b Row) int { return strings.Compare(Name(a), Name(b)) }
	default:
		return nil
	}
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
func (g group) heads(order func(a, b Row) int) func(shown, folded []Row) []table.Head {
	return func(shown, _ []Row) []table.Head {
		var heads []table.Head
		for at := 0; at < len(shown); {
			end := at + 1
			for end < len(shown) && order(shown[at], shown[end]) == 0 {
				end++
			}
			heads = append(heads, table.Head{At: at, Text: g.name(shown[at]) + "  " + count(end-at) + "  " + total(shown[at:end])})
			at = end
		}
		return heads
	}
}
