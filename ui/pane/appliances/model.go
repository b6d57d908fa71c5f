// Package appliances is the pane of the whole fleet: one row an appliance, how it is and what is wrong with it.
package appliances

import (
	"cmp"

	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
)

// New makes the pane.
func New() *pane.List[*fleet.Snapshot] {
	return pane.NewList(pane.Def[*fleet.Snapshot]{
		Number: 1, Name: "Appliances", Columns: columns(), Detail: detail,
		Key:       func(s *fleet.Snapshot) string { return s.Name },
		Appliance: func(s *fleet.Snapshot) string { return s.Name },
		Words: func(s *fleet.Snapshot) string {
			return s.Name + " " + string(s.Kind) + " " + s.State.String() + " " + s.Health.Version.String() + " " + s.Trouble
		},
		Default: func(a, b *fleet.Snapshot) int { return cmp.Compare(a.Order, b.Order) },
		Gather: func(src pane.Source) []*fleet.Snapshot {
			return append([]*fleet.Snapshot(nil), src.Snapshots...)
		},
		Empty: func(pane.Source) []string { return []string{"No appliance is configured."} },
	})
}
