package table

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sahilm/fuzzy"

	"holdfast/ui/widget"
)

// Base is rows in their order, with what a filter looks in: what stays while one types. It is made and read beside the event loop, by
// one build at a time.
type Base[R any] struct {
	rows  []R
	keys  []string
	order []int32 // places in rows
	wants []int
	texts []string // in lower case, once something was filtered
}

// Prepare sorts rows, which it owns from then on, whatever the query is.
func Prepare[R any](rows []R, s Spec[R]) *Base[R] {
	b := &Base[R]{rows: rows, keys: make([]string, len(rows)), wants: wishes(rows, s.Columns)}
	for i, r := range rows {
		b.keys[i] = s.Key(r)
	}
	b.arrange(s)
	return b
}

// place is where a row comes by its group, which is found out once.
type place struct {
	at    int32
	group int32
	name  string
}

// arrange sorts by group, then as chosen, and equal rows by their keys, so that they never change places.
func (b *Base[R]) arrange(s Spec[R]) {
	places := make([]place, len(b.rows))
	for i := range places {
		places[i].at = int32(i)
		if s.Group != nil {
			n, name := s.Group(b.rows[i])
			places[i].group, places[i].name = int32(n), name
		}
	}
	order := s.By
	if order == nil {
		order = s.Default
	}
	full := func(x, y place) int {
		if x.group != y.group {
			return cmp.Compare(x.group, y.group)
		}
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		c := 0
		if order != nil {
			c = order(b.rows[x.at], b.rows[y.at])
		}
		switch {
		case c == 0:
			return strings.Compare(b.keys[x.at], b.keys[y.at])
		case s.Down:
			return -c
		default:
			return c
		}
	}
	if order != nil || s.Group != nil {
		sortRuns(places, full)
	}
	b.order = make([]int32, len(places))
	for i, p := range places {
		b.order[i] = p.at
	}
}

// mostRuns is up to how many sorted runs are merged: with more, sorting is as fast.
const mostRuns = 256

// sortRuns sorts what mostly is in order already: what several appliances have listed is a few runs, one behind the other, and merging
// those takes a fraction of the comparisons.
func sortRuns[T any](list []T, order func(a, b T) int) {
	ends := []int{}
	for i := 1; i <= len(list); i++ {
		if i == len(list) || order(list[i-1], list[i]) > 0 {
			if ends = append(ends, i); len(ends) > mostRuns {
				slices.SortFunc(list, order)
				return
			}
		}
	}
	from, to := list, make([]T, len(list))
	for len(ends) > 1 {
		var merged []int
		begin := 0
		for i := 0; i < len(ends); i += 2 {
			mid, end := ends[i], ends[min(i+1, len(ends)-1)]
			merge(to[begin:end], from[begin:mid], from[mid:end], order)
			merged = append(merged, end)
			begin = end
		}
		from, to, ends = to, from, merged
	}
	if len(list) > 0 && &from[0] != &list[0] {
		copy(list, from)
	}
}

// merge puts two sorted lists into one.
func merge[T any](to, a, b []T, order func(a, b T) int) {
	for i := range to {
		if len(b) == 0 || len(a) > 0 && order(a[0], b[0]) <= 0 {
			to[i], a = a[0], a[1:]
		} else {
			to[i], b = b[0], b[1:]
		}
	}
}

// wishes measures how wide each column would like to be: its widest text, and its heading.
func wishes[R any](rows []R, columns []Column[R]) []int {
	wants := make([]int, len(columns))
	for i, c := range columns {
		if c.Wish == nil || len(rows) == 0 {
			continue
		}
		wants[i] = widget.Width(c.Title)
		for _, r := range rows {
			wants[i] = max(wants[i], widget.Width(c.Wish(r)))
		}
	}
	return wants
}

// filter keeps the rows that hold every word of the query; when none does, those that hold its letters in their order.
func (b *Base[R]) filter(s Spec[R]) []int32 {
	b.Read(s)
	words := strings.Fields(strings.ToLower(s.Query))
	kept := b.keep(func(text string) bool { return containsAll(text, words) })
	if kept == nil && len(words) > 0 {
		letters := strings.Join(words, "")
		kept = b.best(letters, b.keep(func(text string) bool { return loosely(text, letters) }))
	}
	return kept
}

// mostRanked is up to how many loose matches are ranked: with more, each key would take too long.
const mostRanked = 2000

// best keeps of what matches loosely what comes near to the best match, where any is good: letters that are strewn over an id are not
// what was meant.
func (b *Base[R]) best(letters string, loose []int32) []int32 {
	if len(loose) > mostRanked {
		return loose
	}
	texts := make([]string, len(loose))
	for i, at := range loose {
		texts[i] = b.texts[at]
	}
	found := fuzzy.Find(letters, texts) // the best first
	near := map[int]bool{}
	for _, m := range found {
		if found[0].Score > 0 && m.Score < found[0].Score/2 {
			break
		}
		near[m.Index] = true
	}
	var kept []int32
	for i, at := range loose {
		if near[i] {
			kept = append(kept, at)
		}
	}
	return kept
}

// Read makes what a filter looks in, if that has not been done, so that the first key of one need not.
func (b *Base[R]) Read(s Spec[R]) {
	if b.texts != nil {
		return
	}
	b.texts = make([]string, len(b.rows))
	for i, r := range b.rows {
		b.texts[i] = strings.ToLower(s.Words(r))
	}
}

func (b *Base[R]) keep(holds func(text string) bool) []int32 {
	var kept []int32
	for _, i := range b.order {
		if holds(b.texts[i]) {
			kept = append(kept, i)
		}
	}
	return kept
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// loosely reports whether the letters stand in the text in their order, with anything between them.
func loosely(text, letters string) bool {
	for _, l := range letters {
		i := strings.IndexRune(text, l)
		if i < 0 {
			return false
		}
		text = text[i:]
		text = text[len(string(l)):]
	}
	return true
}
