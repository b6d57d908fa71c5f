package config

import (
	"cmp"
	"fmt"
	"strings"

	"holdfast/appliance"
)

// Position is a place in a file; both count from 1, the column in bytes. Zero: the file as a whole.
type Position struct{ Line, Column int }

// Problem is one thing that is wrong with a file and what to do about it.
type Problem struct {
	File string
	At   Position
	Text string
}

// String is file:line:column: text.
func (p Problem) String() string {
	if p.At.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.At.Line, p.At.Column, p.Text)
}

// compare orders by place.
func (p Problem) compare(q Problem) int {
	return cmp.Or(cmp.Compare(p.At.Line, q.At.Line), cmp.Compare(p.At.Column, q.At.Column), cmp.Compare(p.Text, q.Text))
}

// Error is all that is wrong with a file, in the order of the file.
type Error struct{ Problems []Problem }

// Error is one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// quoted shows a word of the file in a message: in quotes, printable, not too long.
func quoted(s string) string {
	const longest = 60
	return `"` + appliance.Clean(s, longest).String() + `"`
}

// oneOf lists words for a message: a, b or c.
func oneOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// didYouMean proposes the word that is nearest to s, or nothing when none is near.
func didYouMean(s string, words []string) string {
	if w, ok := nearest(s, words); ok {
		return " (did you mean " + quoted(w) + "?)"
	}
	return ""
}

// nearest finds the word that differs from s by the fewest typing mistakes, at most a third of its length.
func nearest(s string, words []string) (string, bool) {
	const longest = 64 // nobody mistypes a key of ours into something longer
	if len(s) > longest {
		return "", false
	}
	best, found := len(s)+longest, ""
	for _, w := range words {
		if d := distance(strings.ToLower(s), w); d < best {
			best, found = d, w
		}
	}
	return found, found != "" && best <= max(1, len(found)/3)
}

// distance counts the letters to insert, drop, replace or swap with a neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
