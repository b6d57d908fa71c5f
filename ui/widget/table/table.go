package table

import (
	"strings"

	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// Model is a table with a cursor and marks, which are keys and survive every new index.
type Model[R any] struct {
	columns []Column[R]
	index   *Index[R]
	cursor  string // key of the row under the cursor
	place   int    // where that row was last, for when it vanishes
	offset  int    // first row shown
	page    int    // rows shown when last drawn
	marks   map[string]struct{}
	sort    int // column; -1 = the default order
	down    bool
	version int // grows with everything that changes the picture but the time
	touched bool
}

// New makes an empty table.
func New[R any](columns []Column[R]) *Model[R] {
	return &Model[R]{columns: columns, index: &Index[R]{}, marks: map[string]struct{}{}, sort: -1}
}

// Touch binds the cursor to the row that it stands on: until somebody uses the table it stays on the first row.
func (m *Model[R]) Touch() { m.touched = true }

// Version tells whether the picture may have changed.
func (m *Model[R]) Version() int { return m.version }

// Index is what is shown.
func (m *Model[R]) Index() *Index[R] { return m.index }

// SetIndex shows another index. The cursor stays on its row; a vanished row gives it to its neighbour. Marks of rows that
// are gone from an unfiltered index go too.
func (m *Model[R]) SetIndex(ix *Index[R]) {
	m.index = ix
	m.version++
	if ix.Query == "" {
		for k := range m.marks {
			if _, ok := ix.At(k); !ok {
				delete(m.marks, k)
			}
		}
	}
	if !m.touched {
		m.place = 0
	} else if at, ok := ix.At(m.cursor); ok {
		if m.offset > 0 { // the row stays where it is on the screen; from the top nothing that comes is hidden
			m.offset = max(0, m.offset+at-m.place)
		}
		m.place = at
	}
	m.moveTo(m.place)
}

// Cursor is the row under the cursor.
func (m *Model[R]) Cursor() (R, bool) {
	var none R
	if m.index.Len() == 0 {
		return none, false
	}
	return m.index.Rows[m.place], true
}

// CursorKey is its key, empty without rows.
func (m *Model[R]) CursorKey() string {
	if m.index.Len() == 0 {
		return ""
	}
	return m.cursor
}

// Move moves the cursor by n rows.
func (m *Model[R]) Move(n int) { m.moveTo(m.place + n) }

// Page moves the cursor by n pages.
func (m *Model[R]) Page(n int) { m.moveTo(m.place + n*max(1, m.page-1)) }

// First and Last move the cursor to the ends.
func (m *Model[R]) First() { m.moveTo(0) }

// Last moves the cursor to the last row.
func (m *Model[R]) Last() { m.moveTo(m.index.Len() - 1) }

// Go moves the cursor to a key, if it is there.
func (m *Model[R]) Go(key string) bool {
	at, ok := m.index.At(key)
	if ok {
		m.moveTo(at)
	}
	return ok
}

func (m *Model[R]) moveTo(at int) {
	n := m.index.Len()
	at = max(0, min(at, n-1))
	if n > 0 {
		if key := m.index.key(m.index.Rows[at]); key != m.cursor || at != m.place {
			m.cursor = key
			m.version++
		}
	}
	m.place = at
}

// ToggleMark marks the row under the cursor or takes the mark back, and goes on to the next row.
func (m *Model[R]) ToggleMark() {
	if m.index.Len() == 0 {
		return
	}
	if _, ok := m.marks[m.cursor]; ok {
		delete(m.marks, m.cursor)
	} else {
		m.marks[m.cursor] = struct{}{}
	}
	m.version++
	m.Move(1)
}

// Unmark takes all marks back.
func (m *Model[R]) Unmark() {
	if len(m.marks) > 0 {
		clear(m.marks)
		m.version++
	}
}

// Marked is the marked rows in the order in which they are shown.
func (m *Model[R]) Marked() []R {
	var rows []R
	if len(m.marks) == 0 {
		return nil
	}
	for _, r := range m.index.Rows {
		if _, ok := m.marks[m.index.key(r)]; ok {
			rows = append(rows, r)
		}
	}
	return rows
}

// Marks is how many rows are marked.
func (m *Model[R]) Marks() int { return len(m.marks) }

// SortNext goes on to the next way of sorting: each column up, then down, then the default order.
func (m *Model[R]) SortNext() {
	m.version++
	if m.sort >= 0 && !m.down {
		m.down = true
		return
	}
	m.down = false
	for m.sort++; m.sort < len(m.columns); m.sort++ {
		if m.columns[m.sort].Compare != nil {
			return
		}
	}
	m.sort = -1
}

// Order is the chosen way of sorting, for a Spec, and its name, empty for the default.
func (m *Model[R]) Order() (by func(a, b R) int, down bool, name string) {
	if m.sort < 0 {
		return nil, false, ""
	}
	return m.columns[m.sort].Compare, m.down, m.columns[m.sort].Title
}

// Visible calls f for each row that is on the screen.
func (m *Model[R]) Visible(f func(R)) {
	for i := m.offset; i < min(m.offset+m.page, m.index.Len()); i++ {
		f(m.index.Rows[i])
	}
}

// Hidden is how many rows there are above and below those that were drawn last.
func (m *Model[R]) Hidden() (above, below int) {
	return m.offset, max(0, m.index.Len()-m.offset-max(0, m.page))
}

// gutter is the cells before a row, for cursor and mark; margin those behind it.
const gutter, margin = 2, 1

// View draws headings and rows, exactly w by h cells. Without focus the cursor is dim.
func (m *Model[R]) View(f widget.Frame, w, h int, focused bool) []string {
	if h <= 0 || w <= 0 {
		return nil
	}
	m.page = h - 1
	m.scroll()
	cols := m.layout(w - gutter - margin)
	lines := make([]string, 0, h)
	lines = append(lines, m.headings(f, cols, w))
	for i := m.offset; i < min(m.offset+m.page, m.index.Len()); i++ {
		lines = append(lines, m.row(f, cols, w, i, focused))
	}
	for len(lines) < h {
		lines = append(lines, widget.Pad(w))
	}
	return lines
}

// scroll moves the window so that the cursor is in it and no more than needed.
func (m *Model[R]) scroll() {
	m.offset = min(m.offset, m.index.Len()-m.page)
	m.offset = max(0, min(m.offset, m.place))
	if m.place >= m.offset+m.page {
		m.offset = m.place - m.page + 1
	}
}

// placed is a column with the width it has on this screen and the blanks before it.
type placed struct {
	column int
	width  int
	gap    int
}

// layout gives each column its width; what does not fit is dropped, the most droppable first.
func (m *Model[R]) layout(w int) []placed {
	keep := make([]placed, 0, len(m.columns))
	for i, c := range m.columns {
		keep = append(keep, placed{column: i, width: c.Width})
	}
	m.space(keep)
	for need(keep) > w {
		worst, at := 0, -1
		for i, p := range keep {
			if d := m.columns[p.column].Drop; d > worst {
				worst, at = d, i
			}
		}
		if at < 0 {
			break
		}
		keep = append(keep[:at], keep[at+1:]...)
		m.space(keep)
	}
	m.grant(keep, w)
	rest, shares := w-need(keep), 0
	for _, p := range keep {
		shares += m.columns[p.column].Grow
	}
	for i := range keep {
		if g := m.columns[keep[i].column].Grow; g > 0 && rest > 0 {
			more := rest * g / shares
			keep[i].width += more
			rest, shares = rest-more, shares-g
		}
	}
	for i := len(keep) - 1; i >= 0 && need(keep) > w; i-- { // still too wide: narrow what may be, from the right
		if least := m.columns[keep[i].column].Least; least > 0 {
			keep[i].width = max(least, keep[i].width-(need(keep)-w))
		}
	}
	for i := len(keep) - 1; i >= 0 && need(keep) > w; i-- {
		keep[i].width = max(0, keep[i].width-(need(keep)-w))
	}
	return keep
}

// grant gives the columns what their rows wish for, from the left: out of what is free and out of what others do not need.
// Which columns there are has been decided before, so that no row makes another column come or go.
func (m *Model[R]) grant(cols []placed, w int) {
	wants := m.index.wants
	if len(wants) != len(m.columns) {
		return
	}
	for i, p := range cols {
		if least, want := m.columns[p.column].Least, wants[p.column]; least > 0 && want > 0 {
			cols[i].width = min(p.width, max(least, want))
		}
	}
	for i, p := range cols {
		if lacks := wants[p.column] - p.width; lacks > 0 {
			cols[i].width += max(0, min(lacks, w-need(cols)))
		}
	}
}

// space puts two blanks between columns, one behind a tight one.
func (m *Model[R]) space(cols []placed) {
	for i := range cols {
		switch {
		case i == 0:
			cols[i].gap = 0
		case m.columns[cols[i-1].column].Tight:
			cols[i].gap = 1
		default:
			cols[i].gap = 2
		}
	}
}

func need(cols []placed) int {
	n := 0
	for _, c := range cols {
		n += c.gap + c.width
	}
	return n
}

func (m *Model[R]) headings(f widget.Frame, cols []placed, w int) string {
	var b strings.Builder
	paint := func(s string) { b.WriteString(f.Theme.Paint(theme.Heading, s)) }
	paint(widget.Pad(gutter))
	used := gutter
	for _, p := range cols {
		c := m.columns[p.column]
		used += p.gap + p.width
		if c.Head != nil {
			paint(widget.Pad(p.gap))
			picture(&b, f.Theme.Paint, c.Head(f, p.width))
			continue
		}
		title := c.Title
		if p.column == m.sort {
			sign := f.Theme.Symbols.SortUp
			if m.down {
				sign = f.Theme.Symbols.SortDown
			}
			title = widget.Cut(title, p.width-1, "") + sign
		}
		paint(widget.Pad(p.gap) + widget.Fit(title, p.width, c.Right, ""))
	}
	return b.String() + widget.Pad(w-used)
}

// picture writes cells side by side as they are.
func picture(b *strings.Builder, paint func(theme.Role, string) string, cells []Cell) {
	for _, c := range cells {
		b.WriteString(paint(c.Role, c.Text))
	}
}

func (m *Model[R]) row(f widget.Frame, cols []placed, w, i int, focused bool) string {
	r := m.index.Rows[i]
	_, marked := m.marks[m.index.key(r)]
	onCursor := i == m.place
	lit := onCursor && focused
	var b strings.Builder
	b.Grow(w * 3)
	b.WriteString(m.signs(f, onCursor, marked, focused))
	used := gutter
	for _, p := range cols {
		c := m.columns[p.column]
		paint := f.Theme.Paint
		if lit && !c.Ticks {
			paint = f.Theme.PaintCursor
		} else {
			lit = false // the light ends where the row begins to tick
		}
		b.WriteString(paint(theme.Plain, widget.Pad(p.gap)))
		used += p.gap + p.width
		if c.Draw != nil {
			picture(&b, paint, c.Draw(f, r, p.width))
			continue
		}
		cell := c.Cell(f, r)
		if cell.Short != "" && widget.Width(cell.Text) > p.width {
			cell.Text = cell.Short
		}
		text := widget.Fit(cell.Text, p.width, c.Right, f.Theme.Symbols.Ellipsis)
		b.WriteString(paint(cell.Role, text))
	}
	rest := widget.Pad(w - used)
	if lit {
		rest = f.Theme.PaintCursor(theme.Plain, rest)
	}
	b.WriteString(rest)
	return b.String()
}

// signs is what stands in the gutter of a row: cursor and mark.
func (m *Model[R]) signs(f widget.Frame, onCursor, marked, focused bool) string {
	s := f.Theme.Symbols
	cursor, mark := " ", " "
	if onCursor {
		cursor = f.Theme.Paint(theme.Dim, s.Cursor)
		if focused {
			cursor = f.Theme.Paint(theme.Accent, s.Cursor)
		}
	}
	if marked {
		mark = f.Theme.Paint(theme.Accent, s.Mark)
	}
	return cursor + mark
}
