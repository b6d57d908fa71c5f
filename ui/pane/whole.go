package pane

import (
	"strings"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// wholeHeight is the lines of the whole text of a row, always as many, so that nothing moves.
const wholeHeight = 4

// whole is a rule and below it what the row under the cursor says.
func (l *List[R]) whole(f widget.Frame, w int) []string {
	lines := []string{f.Theme.Paint(theme.Dim, strings.Repeat(f.Theme.Symbols.Horizontal, w))}
	r, _ := l.table.Cursor()
	words := widget.Wrap(l.def.Whole(f, r), w-4)
	if len(words) > wholeHeight { // more than there is room for: the detail has it
		words[wholeHeight-1] = widget.Cut(words[wholeHeight-1], w-6, "") + " " + f.Theme.Symbols.Ellipsis
	}
	for i := range wholeHeight {
		line := widget.Pad(w)
		if i < len(words) {
			line = widget.Fit("  "+words[i], w, false, "")
		}
		lines = append(lines, line)
	}
	return lines
}
