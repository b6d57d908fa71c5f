// Package jobs is the pane of the fleet's jobs: what the appliances are doing, in their own words.
package jobs

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// Row is a job with the place of its appliance.
type Row struct {
	*fleet.Job
	Order int
	Part  fleet.Part
	To    string // where a transfer of ours goes, for people
}

// New makes the pane.
func New() *pane.List[Row] {
	return pane.NewList(pane.Def[Row]{
		Number: 4, Name: "Jobs", Columns: columns(), Detail: detail,
		Key:       func(r Row) string { return r.Job.Key() },
		Appliance: func(r Row) string { return r.Job.Appliance },
		Words: func(r Row) string {
			return r.Job.Appliance + " " + string(r.ID) + " " + What(r) + " " + r.State.String() + " " + r.By.String()
		},
		Default: order,
		Gather:  gather,
		Note:    note,
		Empty:   empty,
	})
}

func gather(src pane.Source) []Row {
	n := 0
	for _, s := range src.Snapshots {
		n += len(s.Jobs)
	}
	rows := make([]Row, 0, n)
	for _, s := range src.Snapshots {
		for i := range s.Jobs {
			rows = append(rows, Of(src, s, &s.Jobs[i]))
		}
	}
	return rows
}

// Of is the row of a job of a snapshot.
func Of(src pane.Source, s *fleet.Snapshot, j *fleet.Job) Row {
	return Row{j, s.Order, s.JobsPart, destination(src, j.Transfer)}
}

// destination is where a transfer goes in a word: the appliance that has the address, or the last part of a mount point.
func destination(src pane.Source, t *appliance.Transfer) string {
	if t == nil {
		return ""
	}
	for _, s := range src.Snapshots {
		if t.Verb == appliance.VerbPush && fleet.SameAddress(s.Address, t.Destination) {
			return s.Name
		}
	}
	return path.Base(t.Destination)
}

// order puts what still runs first, then the newest.
func order(a, b Row) int {
	return cmp.Or(ended(a)-ended(b), b.Started.Compare(a.Started), a.Order-b.Order, byID(b, a))
}

func ended(r Row) int {
	if r.Phase.Ended() {
		return 1
	}
	return 0
}

// byID orders ids as numbers where they are numbers.
func byID(a, b Row) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
}

// What is a job in a few words: ours by what it was started for, others by their title.
func What(r Row) string {
	if t := r.Transfer; t != nil {
		return fmt.Sprintf("%s → %s", t.Verb, r.To)
	}
	if !r.Title.Empty() {
		return r.Title.String()
	}
	return "job " + string(r.ID)
}

func note(src pane.Source, ix *table.Index[Row]) string {
	live := 0
	for _, r := range ix.Rows {
		if r.Phase.Live() {
			live++
		}
	}
	words := fmt.Sprintf("%d running", live)
	if n := unreadable(src); n != "" {
		words = n + " · " + words
	}
	return words
}

func unreadable(src pane.Source) string {
	return src.Unreadable(func(s *fleet.Snapshot) fleet.Part { return s.JobsPart })
}

func empty(src pane.Source) []string {
	var silent []string
	for _, s := range src.Snapshots {
		if s.Can.Jobs && s.JobsPart.At.IsZero() {
			silent = append(silent, s.Name)
		}
	}
	words := []string{"No job. A copy (c), a move (m) or a push (p) of a backup starts one."}
	if n := unreadable(src); n != "" {
		words = []string{"No job that can be read: " + n + "."}
	}
	if len(silent) > 0 {
		words = append(words, "Not listed yet: "+strings.Join(silent, ", ")+".")
	}
	return words
}

// Outcome is the word for a job's end, as far as it is known.
func Outcome(p appliance.Phase) string {
	switch p {
	case appliance.PhaseSucceeded:
		return "succeeded"
	case appliance.PhaseProblem:
		return "ended without success"
	case appliance.PhasePending:
		return "waiting"
	case appliance.PhaseRunning:
		return "running"
	default:
		return "unknown"
	}
}
