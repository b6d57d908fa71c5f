package timeline

import "time"

// sign is what a cell of a bar says of its stretch of time.
type sign byte

// The signs.
const (
	blank     sign = iota
	past           // it was held, as far as we know
	held           // it is held until the end of the cell at the least
	uncertain      // it may be gone in a part of the cell
	kept           // it will be held if extending it goes on to succeed
	gap            // what was to be kept may not have been covered
)

// bar is the row of a lock or of a gap, cell by cell. What is said for sure ends with the last cell that lies wholly before
// HeldUntil; everything behind it that may still be held is uncertain, or a promise while the lock is kept.
func (a axis) bar(r Row) []sign {
	signs := make([]sign, a.cells)
	if r.Gap {
		for i := max(0, a.cell(a.of(r.From))); i < min(a.cells, a.cell(a.of(r.To))+1); i++ {
			signs[i] = gap
		}
		return signs
	}
	if !r.Known() {
		return signs
	}
	present := a.cell(a.now)
	began, until, gone := a.of(r.Term.From), a.of(r.Term.HeldUntil), a.of(r.Term.GoneAfter)
	for i := range signs {
		from, to := a.edge(i), a.edge(i+1)
		switch {
		case to <= began || from > gone:
		case to > until:
			signs[i] = uncertain
		case i < present:
			signs[i] = past
		default:
			signs[i] = held
		}
	}
	if r.Kept && a.now <= until {
		promise(signs[max(0, present):], a.cell(a.keptTo(r))-present)
	}
	return signs
}

// promise fills the first n cells with what is to come where nothing is sure.
func promise(signs []sign, n int) {
	for i := range min(max(0, n+1), len(signs)) {
		if signs[i] != held {
			signs[i] = kept
		}
	}
}

// keptTo is the offset at which keeping ends; the end of all there is when it has none.
func (a axis) keptTo(r Row) time.Duration {
	if r.KeptTo.IsZero() {
		return 2 * a.span.Whole
	}
	return a.at(r.KeptTo)
}

// onward reports whether a kept lock goes on behind the right edge.
func (a axis) onward(r Row, signs []sign) bool {
	last := signs[len(signs)-1]
	return r.Kept && (last == kept || last == held) && a.keptTo(r) > a.span.Whole
}
