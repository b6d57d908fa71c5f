// Package table shows rows that have an identity. The rows are filtered and sorted into an Index beside the event loop;
// the table itself only draws the part of it that is visible, so that its cost follows the screen and not the fleet.
package table

import (
	"sort"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// Column is one column of rows R.
type Column[R any] struct {
	Title string
	Width int  // cells that it is planned with; one that grows, or that wishes for more, gets more
	Least int  // cells that it may be narrowed to where nothing else helps; 0 = never below Width but when all else fails
	Grow  int  // share of the width that is left over; 0 = fixed
	Right bool // figures are aligned to the right
	Drop  int  // columns with a higher value vanish first when the table is narrow; 0 = never
	Tight bool // only one cell, not two, before the next column
	Ticks bool // changes by the second: wears no cursor colour, which would be written again each time
	Cell  func(widget.Frame, R) Cell
	// Wish is a text that should stand there whole: where there is room the column is as wide as the widest of them, and what
	// it does not need it lends, down to Least. nil = the width has nothing to do with the rows.
	Wish func(R) string
	// Urgent tells that it gets all that it wishes for before the others get anything, where there is room for it.
	Urgent bool
	// Draw, instead of Cell, fills the given number of cells with a picture. Head does the same for the heading.
	Draw func(f widget.Frame, r R, w int) []Cell
	Head func(f widget.Frame, w int) []Cell
	// Hidden tells that the column is not there for now; nil = it is.
	Hidden func() bool
	// Compare orders rows by this column; nil = cannot be sorted by.
	Compare func(a, b R) int
}

// Cell is the content of one cell.
type Cell struct {
	Text  string
	Short string // instead, where Text does not fit; empty = Text is cut
	Role  theme.Role
}

// Spec says how an index is to be made.
type Spec[R any] struct {
	Key     func(R) string   // identity
	Words   func(R) string   // what a filter looks in
	Default func(a, b R) int // order while no column is chosen
	Query   string
	By      func(a, b R) int // chosen order; nil = Default
	Down    bool             // largest first
	Columns []Column[R]      // whose wishes are measured

	// Group is the place and the name of the group that a row stands in, which come before any order and are never turned round;
	// nil = there are none.
	Group func(R) (int, string)
	// Folded tells of a row that it is counted and not shown, unless a filter looks for it; nil = none is.
	Folded func(R) bool
	// Under is the rows that follow a row wherever it is sorted to, as the parts of a job; nil = none do.
	Under func(R) []R
	// Heads makes the headings between rows that are in order; folded are those that are not shown. nil = no headings.
	Heads func(shown, folded []R) []Head
	// Part tells that the rows are a part of all that there are: a mark on a row that is not among them stays, unless Gone names it.
	Part bool
	Gone []string // keys of marked rows that there are no more
}

// Head is a heading: a line between rows that is no row, so that neither cursor nor mark is ever on it.
type Head struct {
	At   int // place of the row that it stands before; the number of rows for one behind all of them
	Text string
}

// Index is rows as they are to be shown, with where each one is. It is immutable.
type Index[R any] struct {
	Rows  []R
	Total int // before the filter
	Found int // after it, those that are folded away counted, those that stand under others not
	Query string
	wants []int // cells that each column wishes for, filter or not, so that nothing jumps while one is typed; 0 = none
	at    map[string]int
	key   func(R) string
	heads []Head // by place
	part  bool
	gone  []string
}

// Build filters and sorts rows, which it owns from then on. It may take its time; it never runs in an event loop.
func Build[R any](rows []R, s Spec[R]) *Index[R] { return Prepare(rows, s).Index(s) }

// Index is the rows that a spec shows of those that were prepared with it, but for its query, which may be another one.
func (b *Base[R]) Index(s Spec[R]) *Index[R] {
	ix := &Index[R]{Total: len(b.rows), Query: s.Query, wants: b.wants, key: s.Key, part: s.Part, gone: s.Gone}
	var folded []R
	shown := b.order
	switch {
	case s.Query != "":
		shown = b.filter(s)
	case s.Folded != nil:
		shown = nil
		for _, i := range b.order {
			if s.Folded(b.rows[i]) {
				folded = append(folded, b.rows[i])
			} else {
				shown = append(shown, i)
			}
		}
	}
	ix.Found = len(shown) + len(folded)
	ix.Rows, ix.at = make([]R, 0, len(shown)), make(map[string]int, len(shown))
	for _, i := range shown {
		ix.at[b.keys[i]] = len(ix.Rows)
		ix.Rows = append(ix.Rows, b.rows[i])
		if s.Under != nil {
			for _, r := range s.Under(b.rows[i]) {
				ix.at[s.Key(r)] = len(ix.Rows)
				ix.Rows = append(ix.Rows, r)
			}
		}
	}
	if s.Heads != nil {
		ix.heads = s.Heads(ix.Rows, folded)
	}
	return ix
}

// At is the place of a key.
func (ix *Index[R]) At(key string) (int, bool) {
	if ix == nil {
		return 0, false
	}
	i, ok := ix.at[key]
	return i, ok
}

// Len is how many rows are shown.
func (ix *Index[R]) Len() int {
	if ix == nil {
		return 0
	}
	return len(ix.Rows)
}

// Lines is how many lines rows and headings take.
func (ix *Index[R]) Lines() int {
	if ix == nil {
		return 0
	}
	return len(ix.Rows) + len(ix.heads)
}

// line is the line of a row, counted from the first line of all.
func (ix *Index[R]) line(row int) int {
	return row + sort.Search(len(ix.heads), func(k int) bool { return ix.heads[k].At > row })
}

// headed reports whether a heading stands right before a row.
func (ix *Index[R]) headed(row int) bool {
	k := sort.Search(len(ix.heads), func(k int) bool { return ix.heads[k].At >= row })
	return k < len(ix.heads) && ix.heads[k].At == row
}

// from is the first row and the first heading that are not above a line.
func (ix *Index[R]) from(line int) (row, head int) {
	head = sort.Search(len(ix.heads), func(k int) bool { return ix.heads[k].At+k >= line })
	return min(line-head, len(ix.Rows)), head
}
