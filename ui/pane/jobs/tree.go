package jobs

import (
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// mostDepth is how deep parts of parts are followed (faults.md JOB-12).
const mostDepth = 16

// How long a job that has ended stays among those that run, so that one sees how it ended: ours, and those of others. The moment is
// the appliance's; an end that it does not tell is taken for an old one, but of ours.
const (
	oursStay   = time.Hour
	othersStay = 10 * time.Minute
)

// old reports whether a job has ended so long ago that it is folded away.
func old(src pane.Source, s *fleet.Snapshot, j *fleet.Job) bool {
	switch {
	case j.Phase.Live():
		return false
	case j.Job.Ended.IsZero():
		return !j.Mine
	}
	since := src.Now.Wall.Add(s.Skew).Sub(j.Job.Ended)
	return since > othersStay && (!j.Mine || since > oursStay)
}

// heads is the heading of the finished jobs: how many there are, how many of them without success, and the key that shows them or
// folds them away.
func heads(shown, folded []Row, key string) []table.Head {
	at := len(shown)
	for i, r := range shown {
		if r.Old {
			at = i
			break
		}
	}
	n, bad, does := 0, 0, "folds them away"
	count := func(rows []Row) {
		for _, r := range rows {
			if r.Root == nil {
				n++
				bad += flag(r.Phase == appliance.PhaseProblem)
			}
		}
	}
	count(shown[at:])
	if count(folded); len(folded) > 0 {
		does = "shows them"
	}
	if n == 0 {
		return nil
	}
	text := fmt.Sprintf("%d finished earlier", n)
	if bad > 0 {
		text += fmt.Sprintf(", %d without success", bad)
	}
	if key != "" {
		text += "  " + key + " " + does
	}
	return []table.Head{{At: at, Text: text}}
}

// under is the parts of a row that are unfolded, which those at mostDepth never are.
func under(r Row, open map[string]bool) []Row {
	if !r.open || r.cut {
		return nil
	}
	root := r.Root
	if root == nil {
		root = r.Job
	}
	var rows []Row
	for i, c := range r.Children {
		part := Row{Job: &fleet.Job{Job: c, Appliance: r.Job.Appliance}, Order: r.Order, Part: r.Part, Root: root, Depth: r.Depth + 1,
			way: fmt.Sprintf("%s/%d %s", r.way, i, c.ID), Old: r.Old}
		part.open = open[part.key()]
		part.cut = part.Depth >= mostDepth
		rows = append(append(rows, part), under(part, open)...)
	}
	return rows
}
