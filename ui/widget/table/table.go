package table

import (
	"slices"
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
	offset  int    // first line shown: rows and headings are lines
	page    int    // lines shown when last drawn
	marks   map[string]R
	sort    int // column; -1 = the default order
	down    bool
	version int // grows with everything that changes the picture but the time
	touched bool
}

// New makes an empty table.
func New[R any](columns []Column[R]) *Model[R] {
	return &Model[R]{columns: columns, index: &Index[R]{}, marks: map[string]R{}, sort: -1}
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
	was := m.index.line(m.place)
	m.index = ix
	m.version++
	m.remark()
	if !m.touched {
		m.place = 0
	} else if at, ok := ix.At(m.cursor); ok {
		if m.offset > 0 { // the row stays where it is on the screen; from the top nothing that comes is hidden
			m.offset = max(0, m.offset+ix.line(at)-was)
		}
		m.place = at
	}
	m.moveTo(m.place)
}

// remark brings the marked rows up to date and takes the marks of those that are gone.
func (m *Model[R]) remark() {
	for k := range m.marks {
		if at, ok := m.index.At(k); ok {
			m.marks[k] = m.index.Rows[at]
		} else if m.index.Query == "" && !m.index.part {
			delete(m.marks, k)
		}
	}
	for _, k := range m.index.gone {
		delete(m.marks, k)
	}
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
		m.marks[m.cursor] = m.index.Rows[m.place]
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

// Marked is the marked rows that are shown, in their order.
func (m *Model[R]) Marked() []R {
	if len(m.marks) == 0 {
		return nil
	}
	places := make([]int, 0, len(m.marks))
	for k := range m.marks {
		if at, ok := m.index.At(k); ok {
			places = append(places, at)
		}
	}
	slices.Sort(places)
	var rows []R
	for _, at := range places {
		rows = append(rows, m.index.Rows[at])
	}
	return rows
}

// EachMarked calls f for every marked row, shown or not, in no order.
func (m *Model[R]) EachMarked(f func(key string, r R)) {
	for k, r := range m.marks {
		f(k, r)
	}
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
		if c := m.columns[m.sort]; c.Compare != nil && (c.Hidden == nil || !c.Hidden()) {
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
	m.lines(func(row int) { f(m.index.Rows[row]) }, func(Head) {})
}

// lines goes through the rows and headings that are on the screen, from above.
func (m *Model[R]) lines(row func(int), head func(Head)) {
	at, k := m.index.from(m.offset)
	for range m.page {
		switch {
		case k < len(m.index.heads) && m.index.heads[k].At <= at:
			head(m.index.heads[k])
			k++
		case at < m.index.Len():
			row(at)
			at++
		default:
			return
		}
	}
}

// Hidden is how many rows there are above and below those that were drawn last.
func (m *Model[R]) Hidden() (above, below int) {
	above, _ = m.index.from(m.offset)
	end, _ := m.index.from(m.offset + max(0, m.page))
	return above, m.index.Len() - end
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
	m.lines(func(at int) {
		lines = append(lines, m.row(f, cols, w, at, focused))
	}, func(head Head) {
		lines = append(lines, f.Theme.Paint(theme.Heading, widget.Fit(" "+head.Text, w, false, f.Theme.Symbols.Ellipsis)))
	})
	for len(lines) < h {
		lines = append(lines, widget.Pad(w))
	}
	return lines
}

// scroll moves the window so that the cursor is in it, with the heading of its row where there is room, and no more than needed.
func (m *Model[R]) scroll() {
	line := m.index.line(m.place)
	top := line
	if m.index.headed(m.place) {
		top--
	}
	m.offset = min(m.offset, m.index.Lines()-m.page)
	m.offset = max(0, min(m.offset, top))
	if line >= m.offset+m.page {
		m.offset = line - m.page + 1
	}
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
