// Package backups is the browser of backups: those of the chosen appliance or of the whole fleet, where each one lies, grouped as
// one likes, and the differences between two places.
package backups

import (
	"strconv"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/widget/table"
)

// Row is a backup of an appliance: one for each (appliance, uuid), however many places it lies in (faults.md JOB-11).
type Row = *fleet.Backup

// Pane is the list of backups and how it is looked at.
type Pane struct {
	*pane.List[Row]
	wanted view // of the next build
	shown  view // of the rows that are shown
	found  found
	making making
	keys   string
}

// view is how the backups are looked at.
type view struct {
	all   bool
	group group
	diff  *diff // nil = no difference is asked for
}

// several reports whether rows of more than one appliance may stand there.
func (v view) several() bool { return v.all || v.diff != nil }

// found is what a build found out beside its rows.
type found struct {
	space    map[string]appliance.Space // by appliance
	verdicts map[Row]string             // of a difference
	alike    int                        // packages that are the same on both sides
	untold   int                        // packages on both sides of which that is not told
}

// making is what the last build was made of.
type making struct {
	view  view
	src   pane.Source
	found *found
}

// built is what a build hands to Apply.
type built struct {
	view  view
	found *found
	list  any
}

// New makes the pane; keys are those that change how it is looked at, as they are shown.
func New(keys string) *Pane {
	p := &Pane{keys: keys}
	p.List = pane.NewList(p.define(p.wanted, &p.found))
	return p
}

// define is what the list shows in a view. It is read beside the event loop, so it holds no part of the pane that changes, but
// for what draws.
func (p *Pane) define(v view, out *found) pane.Def[Row] {
	return pane.Def[Row]{
		Number: 3, Name: "Backups", Columns: p.columns(), Detail: detail,
		Key:       func(b Row) string { return b.Key() },
		Appliance: func(b Row) string { return b.Appliance },
		Words:     v.words(out),
		Default:   newestFirst,
		Gather:    func(src pane.Source) []Row { return v.gather(src, out) },
		Title:     v.title,
		Note:      func(src pane.Source, ix *table.Index[Row]) string { return v.note(src, ix, out) },
		Seen:      v.seen,
		Empty:     func(src pane.Source) []string { return v.empty(src, out) },
		Amount:    func(b Row) int64 { return b.Size },
		Foot:      p.foot,
		Fixed:     true,
		Shape: func(src pane.Source, marked []string, spec *table.Spec[Row]) {
			spec.Part, spec.Gone = !v.all || v.diff != nil, gone(src, marked)
			if v.group != ungrouped {
				spec.Group, spec.Heads = v.group.of(src), v.group.heads
			}
		},
	}
}

// Build implements pane.Pane. While neither the backups nor the view has changed, the rows stay as they were made last, so that a
// filter is fast.
func (p *Pane) Build(src pane.Source) func() any {
	if p.making.found == nil || p.making.view != p.wanted || !p.making.view.same(p.making.src, src) {
		p.making = making{p.wanted, src, &found{}}
		p.Define(p.define(p.wanted, p.making.found))
	}
	build, v, out := p.List.Build(src), p.making.view, p.making.found
	return func() any { return built{v, out, build()} }
}

// Apply implements pane.Pane.
func (p *Pane) Apply(x any) {
	if b, ok := x.(built); ok {
		p.shown, p.found = b.view, *b.found
		p.List.Apply(b.list)
	}
}

// All reports whether the backups of every appliance are asked for.
func (p *Pane) All() bool { return p.wanted.all }

// ToggleAll asks for the backups of every appliance, or of the chosen one again, from the next build on.
func (p *Pane) ToggleAll() {
	p.wanted.all, p.wanted.diff = !p.wanted.all, nil
}

// Regroup goes on to the next way of grouping, from the next build on.
func (p *Pane) Regroup() { p.wanted.group = (p.wanted.group + 1) % groups }

// Compare asks for what differs between two sides.
func (p *Pane) Compare(here, there Side) { p.wanted.diff = &diff{here, there} }

// Comparing reports whether differences are asked for.
func (p *Pane) Comparing() bool { return p.wanted.diff != nil }

// StopComparing asks for the backups themselves again.
func (p *Pane) StopComparing() { p.wanted.diff = nil }

// Several reports whether the chosen rows belong to more than one appliance, which no single act can be about.
func (p *Pane) Several() bool {
	rows := p.Chosen()
	for _, b := range rows {
		if b.Appliance != rows[0].Appliance {
			return true
		}
	}
	return false
}

// gone is which of the marked backups are listed nowhere any more.
func gone(src pane.Source, marked []string) []string {
	if len(marked) == 0 {
		return nil
	}
	left := map[string]map[appliance.BackupID]bool{}
	for _, key := range marked {
		name, id, _ := strings.Cut(key, "\x00")
		if left[name] == nil {
			left[name] = map[appliance.BackupID]bool{}
		}
		left[name][appliance.BackupID(id)] = true
	}
	for name, ids := range left {
		if s := src.Of(name); s != nil {
			for i := range s.Backups {
				delete(ids, s.Backups[i].ID)
			}
		}
	}
	var keys []string
	for name, ids := range left {
		for id := range ids {
			keys = append(keys, fleet.Backup{Appliance: name, Backup: appliance.Backup{ID: id}}.Key())
		}
	}
	return keys
}

func newestFirst(a, b Row) int {
	if c := b.Created.Compare(a.Created); c != 0 {
		return c
	}
	return strings.Compare(a.Label.String(), b.Label.String())
}

// places is where a backup lies, in words.
func places(b *fleet.Backup) string {
	if len(b.Locations) == 1 {
		return Place(b.Locations[0])
	}
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

// count is so many backups in words.
func count(n int) string {
	if n == 1 {
		return "1 backup"
	}
	return strconv.Itoa(n) + " backups"
}
