package widget

import (
	"strings"

	"holdfast/ui/theme"
)

// Bar draws a share (0 to 1) as w cells in half-cell steps. It wears no colour: a bar that ticks costs bytes.
func Bar(s theme.Symbols, share float64, w int) string {
	if w <= 0 {
		return ""
	}
	if !(share > 0) { // NaN too
		share = 0
	}
	halves := int(min(1, share)*float64(2*w) + 0.5)
	full, half := halves/2, halves%2
	var b strings.Builder
	b.Grow(3 * w)
	for range full {
		b.WriteString(s.Full)
	}
	if half == 1 {
		b.WriteString(s.Half)
	}
	for range w - full - half {
		b.WriteString(s.Rest)
	}
	return b.String()
}
