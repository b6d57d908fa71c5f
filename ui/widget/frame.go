package widget

import (
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/ui/theme"
)

// Frame is what one drawing of the screen has in common: the moment, for which every countdown and age is computed, and
// the colours.
type Frame struct {
	Now   appliance.Reading
	Theme *theme.Theme
}

// Box draws a border around lines, exactly w by h cells. The title stands in the top edge, note at its right end. Lines
// must be w-2 cells wide; missing ones are blank.
func (f Frame) Box(title, note string, lines []string, w, h int, focused bool) []string {
	if w < 4 || h < 2 {
		return nil
	}
	t, s := f.Theme, f.Theme.Symbols
	edge, name := theme.Dim, theme.Title
	if focused {
		edge, name = theme.Accent, theme.Accent
	}
	inner := w - 2
	title = Cut(title, inner-3, s.Ellipsis)
	note = Cut(note, inner-Width(title)-6, s.Ellipsis)
	top := t.Paint(edge, s.Corners[0]+" ") + t.Paint(name, title) + t.Paint(edge, " ")
	fill := inner - Width(title) - 2
	if note != "" {
		fill -= Width(note) + 3
		top += t.Paint(edge, repeat(s.Horizontal, fill)+" ") + t.Paint(theme.Dim, note) + t.Paint(edge, " "+s.Horizontal+s.Corners[1])
	} else {
		top += t.Paint(edge, repeat(s.Horizontal, fill)+s.Corners[1])
	}
	out := make([]string, 0, h)
	out = append(out, top)
	side := t.Paint(edge, s.Vertical)
	for i := range h - 2 {
		line := Pad(inner)
		if i < len(lines) {
			line = lines[i]
		}
		out = append(out, side+line+side)
	}
	return append(out, t.Paint(edge, s.Corners[2]+repeat(s.Horizontal, inner)+s.Corners[3]))
}

// More tells how much there is above and below of what is shown; empty when all of it is.
func (f Frame) More(above, below int) string {
	var words []string
	if above > 0 {
		words = append(words, fmt.Sprintf("%s %d more", f.Theme.Symbols.Above, above))
	}
	if below > 0 {
		words = append(words, fmt.Sprintf("%s %d more", f.Theme.Symbols.Below, below))
	}
	return strings.Join(words, "  ")
}

func repeat(s string, n int) string { return strings.Repeat(s, max(0, n)) }
