package pane

import (
	"fmt"

	"holdfast/ui/widget/table"
)

// built is what a build hands to Apply.
type built[R any] struct {
	index       *table.Index[R]
	title, note string
	seen        []Seen
	empty       []string
	base        base[R]
}

// base is prepared rows, and what they were prepared for.
type base[R any] struct {
	rows    *table.Base[R]
	defined int
	order   string
}

// Define changes what the list shows, from the next build on. The columns stay those that it was made with.
func (l *List[R]) Define(def Def[R]) {
	def.Columns = l.def.Columns
	l.def = def
	l.defined++
}

// Build implements Pane.
func (l *List[R]) Build(src Source) func() any {
	by, down, name := l.table.Order()
	spec := table.Spec[R]{Key: l.def.Key, Words: l.def.Words, Default: l.def.Default, Query: l.query, By: by, Down: down,
		Columns: l.def.Columns}
	def := l.def
	var marked []string
	l.table.EachMarked(func(key string, _ R) { marked = append(marked, key) })
	made := base[R]{defined: l.defined, order: fmt.Sprint(name, down)}
	if def.Fixed && l.base.defined == made.defined && l.base.order == made.order {
		made.rows = l.base.rows
	}
	return func() any {
		if def.Shape != nil {
			def.Shape(src, marked, &spec)
		}
		if made.rows == nil {
			if made.rows = table.Prepare(def.Gather(src), spec); def.Fixed {
				made.rows.Read(spec)
			}
		}
		ix := made.rows.Index(spec)
		b := built[R]{index: ix, base: made, title: def.Name, empty: def.Empty(src)}
		if def.Title != nil {
			b.title = def.Title(src)
		}
		if def.Note != nil {
			b.note = def.Note(src, ix)
		}
		if def.Seen != nil {
			b.seen = def.Seen(src)
		}
		return b
	}
}

// Apply implements Pane.
func (l *List[R]) Apply(x any) {
	b, ok := x.(built[R])
	if !ok {
		return
	}
	first := l.def.Newest && l.atFirst()
	l.table.SetIndex(b.index)
	if l.def.Fixed { // others would only keep what is not shown any more
		l.base = b.base
	}
	l.title, l.note, l.seen, l.empty = b.title, b.note, b.seen, b.empty
	if first {
		l.table.First()
	}
}
