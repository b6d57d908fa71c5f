// Package widget is what panes are drawn with: text of an exact width, boxes, bars, countdowns and ages. Everything here
// is pure: the same input draws the same cells.
package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const spaces = "                                                                                                                "

// Width is how many cells s takes.
func Width(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return ansi.StringWidthWc(s)
		}
	}
	return len(s)
}

// Pad is n blanks.
func Pad(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(spaces) {
		return spaces[:n]
	}
	return strings.Repeat(" ", n)
}

// Cut shortens s to at most w cells, ending in an ellipsis when something is missing.
func Cut(s string, w int, ellipsis string) string {
	if w <= 0 {
		return ""
	}
	if Width(s) <= w {
		return s
	}
	return ansi.TruncateWc(s, w, ellipsis)
}

// Fit makes s exactly w cells wide: cut, or filled with blanks on the right (on the left with right set).
func Fit(s string, w int, right bool, ellipsis string) string {
	s = Cut(s, w, ellipsis)
	fill := w - Width(s)
	switch {
	case fill <= 0:
		return s
	case right:
		return Pad(fill) + s
	default:
		return s + Pad(fill)
	}
}

// Wrap breaks s at blanks into lines of at most w cells.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	return strings.Split(ansi.WrapWc(s, w, ""), "\n")
}
