package theme

// Symbols are the signs that stand beside words; none carries a meaning that no word carries.
type Symbols struct {
	Cursor, Mark, Up, Slow, Down, Trouble, Asking string
	Full, Half, Rest                              string // of a bar
	Vertical, Horizontal                          string // of a border
	Corners                                       [4]string
	Arrow, Dot, Ellipsis, SortUp, SortDown        string
	Above, Below                                  string // there is more there
	Past, Held, Uncertain, Kept, Gap, Onward, Now string // of the timeline
}

var unicodeSymbols = Symbols{
	Cursor: "▸", Mark: "✓", Up: "●", Slow: "◐", Down: "○", Trouble: "▲", Asking: "◌",
	Full: "━", Half: "╸", Rest: "─",
	Vertical: "│", Horizontal: "─", Corners: [4]string{"╭", "╮", "╰", "╯"},
	Arrow: "→", Dot: "·", Ellipsis: "…", SortUp: "▴", SortDown: "▾", Above: "↑", Below: "↓",
	Past: "─", Held: "━", Uncertain: "▒", Kept: "·", Gap: "×", Onward: "→", Now: "│",
}

var asciiSymbols = Symbols{
	Cursor: ">", Mark: "*", Up: "+", Slow: "~", Down: "-", Trouble: "!", Asking: "?",
	Full: "#", Half: "=", Rest: "-",
	Vertical: "|", Horizontal: "-", Corners: [4]string{"+", "+", "+", "+"},
	Arrow: "->", Dot: ":", Ellipsis: "~", SortUp: "^", SortDown: "v", Above: "^", Below: "v",
	Past: "-", Held: "=", Uncertain: "?", Kept: ".", Gap: "x", Onward: ">", Now: "|",
}
