// Package jobs is the pane of the fleet's jobs: what the appliances are doing, in their own words, as trees of their parts.
package jobs

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// Row is a job with the place of its appliance, or a part of a job.
type Row struct {
	*fleet.Job
	Order int
	Part  fleet.Part
	To    string // where a transfer of ours goes, for people
	Label string // of the backup that it is about, where that is known
	Pace  Pace
	Old   bool // it has ended and need not be looked at any more: it is folded away
	// Of a part of a job: the job itself, how deep the part lies, and the way to it; nil, 0 and empty for a job.
	Root  *fleet.Job
	Depth int
	way   string
	// open tells that the parts are shown, cut that there are some and that they are too deep to be.
	open, cut bool
}

// key is the row's identity: a part is known by the way to it, since its id may be missing or that of another.
func (r Row) key() string {
	if r.Root == nil {
		return r.Job.Key()
	}
	return r.Root.Key() + r.way
}

// Pane is the list of jobs, which of them are unfolded, and whether the old ones are shown.
type Pane struct {
	*pane.List[Row]
	open map[string]bool // by row key
	old  bool
	away map[string]bool // keys of the rows that are folded away
	key  string
}

// built is what a build hands to Apply.
type built struct {
	list any
	away map[string]bool
}

// New makes the pane; key is the one that shows finished jobs, as it is shown.
func New(key string) *Pane {
	p := &Pane{open: map[string]bool{}, key: key}
	p.List = pane.NewList(p.define(nil))
	return p
}

// define is what the list shows now. It is read beside the event loop, so it holds copies; what it folds away it tells.
func (p *Pane) define(away map[string]bool) pane.Def[Row] {
	open, old, key := maps.Clone(p.open), p.old, p.key
	return pane.Def[Row]{
		Number: 4, Name: "Jobs", Columns: columns(), Detail: detail,
		Key:       Row.key,
		Appliance: func(r Row) string { return r.Job.Appliance },
		Words:     words,
		Default:   order,
		Gather:    func(src pane.Source) []Row { return gather(src, open) },
		Note:      note,
		Empty:     empty,
		Whole:     whole,
		Foot:      p.foot,
		Shape: func(_ pane.Source, _ []string, spec *table.Spec[Row]) {
			spec.Group = func(r Row) (int, string) { return flag(r.Old), "" }
			spec.Under = func(r Row) []Row { return under(r, open) }
			spec.Heads = func(shown, folded []Row) []table.Head { return heads(shown, folded, key) }
			if !old {
				spec.Folded = func(r Row) bool {
					if r.Old {
						away[r.key()] = true
					}
					return r.Old
				}
			}
		},
	}
}

// Build implements pane.Pane.
func (p *Pane) Build(src pane.Source) func() any {
	away := map[string]bool{}
	p.Define(p.define(away))
	build := p.List.Build(src)
	return func() any { return built{build(), away} }
}

// Apply implements pane.Pane.
func (p *Pane) Apply(x any) {
	if b, ok := x.(built); ok {
		p.away = b.away
		p.List.Apply(b.list)
	}
}

// Has reports whether a job is listed, though it may be folded away: what is asked about it is about something that is there.
func (p *Pane) Has(key string) bool { return p.away[key] || p.List.Has(key) }

// ToggleOld shows the finished jobs that are folded away, or folds them away again, from the next build on.
func (p *Pane) ToggleOld() { p.old = !p.old }

// ToggleParts shows the parts of the row under the cursor, or folds them away again, from the next build on; false when it has none.
func (p *Pane) ToggleParts() bool {
	r, ok := p.Row()
	if !ok || len(r.Children) == 0 || r.cut {
		return false
	}
	if key := r.key(); p.open[key] {
		delete(p.open, key)
	} else {
		p.open[key] = true
	}
	return true
}

func gather(src pane.Source, open map[string]bool) []Row {
	n := 0
	for _, s := range src.Snapshots {
		n += len(s.Jobs)
	}
	rows := make([]Row, 0, n)
	for _, s := range src.Snapshots {
		known := backups(s)
		for i := range s.Jobs {
			r := Of(src, s, &s.Jobs[i])
			r.about(known, s)
			r.Old = old(src, s, r.Job)
			r.open = open[r.key()]
			rows = append(rows, r)
		}
	}
	return rows
}

// Of is the row of a job of a snapshot.
func Of(src pane.Source, s *fleet.Snapshot, j *fleet.Job) Row {
	return Row{Job: j, Order: s.Order, Part: s.JobsPart, To: destination(src, j.Transfer)}
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

// words is what a filter looks in: also the parts, so that one of them finds its job.
func words(r Row) string {
	var b strings.Builder
	b.WriteString(r.Job.Appliance + " " + string(r.ID) + " " + What(r) + " " + r.Label + " " + r.State.String() + " " + r.By.String() + " " + r.Who)
	if r.Transfer != nil {
		b.WriteString(" " + r.Title.String())
	}
	addParts(&b, r.Children, 1)
	return b.String()
}

func addParts(b *strings.Builder, parts []appliance.Job, depth int) {
	if depth > mostDepth {
		return
	}
	for i := range parts {
		b.WriteString(" " + parts[i].Title.String() + " " + parts[i].State.String())
		addParts(b, parts[i].Children, depth+1)
	}
}

// order puts what still runs first, then the newest.
func order(a, b Row) int {
	return cmp.Or(flag(a.Phase.Ended())-flag(b.Phase.Ended()), b.Started.Compare(a.Started), a.Order-b.Order, byID(b, a))
}

func flag(is bool) int {
	if is {
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
	if r.Root != nil && r.ID == "" {
		return "a part without a name"
	}
	return "job " + string(r.ID)
}

func note(src pane.Source, ix *table.Index[Row]) string {
	live := 0
	for _, r := range ix.Rows {
		if r.Root == nil && r.Phase.Live() {
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

// asked reports whether the job ended, and not well, as we asked for: with it end its parts.
func (r Row) asked() bool {
	whole := r.Job
	if r.Root != nil {
		whole = r.Root
	}
	return whole.Cancelled && r.Phase == appliance.PhaseProblem
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
