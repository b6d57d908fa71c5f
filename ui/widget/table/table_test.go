package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

type row struct {
	id   string
	size int
}

func text(f func(row) string) func(widget.Frame, row) Cell {
	return func(_ widget.Frame, r row) Cell { return Cell{Text: f(r)} }
}

func columns() []Column[row] {
	return []Column[row]{
		{Title: "ID", Width: 6, Grow: 2, Cell: text(func(r row) string { return r.id }), Compare: func(a, b row) int { return cmp.Compare(a.id, b.id) }},
		{Title: "PLAIN", Width: 5, Drop: 2, Cell: text(func(row) string { return "wörter 漢字 und mehr" })},
		{Title: "SIZE", Width: 6, Right: true, Drop: 1, Cell: text(func(r row) string { return fmt.Sprint(r.size) }),
			Compare: func(a, b row) int { return cmp.Compare(a.size, b.size) }},
		{Title: "LEFT", Width: 8, Ticks: true, Cell: text(func(row) string { return "12:34" })},
	}
}

func frame() widget.Frame {
	return widget.Frame{Now: appliance.Reading{}, Theme: theme.New("dark", true, false)}
}

// show shows rows with these ids, in this order.
func show(m *Model[row], query string, ids ...string) {
	rows := make([]row, len(ids))
	for i, id := range ids {
		rows[i] = row{id, (7 * i) % 5}
	}
	by, down, _ := m.Order()
	m.SetIndex(Build(rows, Spec[row]{Key: func(r row) string { return r.id }, Words: func(r row) string { return r.id },
		Query: query, By: by, Down: down}))
}

func TestCursorIsAnIdentity(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	show(m, "", "a", "b", "c", "d")
	m.Move(2)
	if m.CursorKey() != "c" {
		t.Fatalf("cursor %q", m.CursorKey())
	}
	show(m, "", "new", "d", "c", "b", "a")
	if m.CursorKey() != "c" {
		t.Errorf("after another order the cursor is on %q", m.CursorKey())
	}
	show(m, "", "new", "d", "b", "a") // the row vanishes: its neighbour has the cursor
	if m.CursorKey() != "b" {
		t.Errorf("after its row vanished the cursor is on %q", m.CursorKey())
	}
	m.Last()
	show(m, "", "new", "d")
	if m.CursorKey() != "d" {
		t.Errorf("after the end vanished the cursor is on %q", m.CursorKey())
	}
	show(m, "")
	if _, ok := m.Cursor(); ok || m.CursorKey() != "" {
		t.Error("there is a cursor without rows")
	}
	show(m, "", "x", "y")
	if m.CursorKey() != "x" && m.CursorKey() != "y" {
		t.Errorf("after rows have come back the cursor is on %q", m.CursorKey())
	}
}

// Until somebody uses the table, the cursor stays on the first row whatever comes.
func TestUntouchedCursorStaysFirst(t *testing.T) {
	t.Parallel()
	m := New(columns())
	show(m, "", "b", "c")
	show(m, "", "a", "b", "c")
	if m.CursorKey() != "a" {
		t.Errorf("cursor %q", m.CursorKey())
	}
}

func TestMoving(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("r%02d", i)
	}
	show(m, "", ids...)
	m.View(frame(), 60, 11, true)
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { m.Page(1) }, "r09"}, {func() { m.Page(1) }, "r18"}, {func() { m.Page(-1) }, "r09"}, {m.Last, "r49"}, {func() { m.Move(5) }, "r49"},
		{m.First, "r00"}, {func() { m.Move(-1) }, "r00"}, {func() { m.Go("r30") }, "r30"}, {func() { m.Go("none") }, "r30"},
	} {
		if step.do(); m.CursorKey() != step.want {
			t.Errorf("cursor %q, want %q", m.CursorKey(), step.want)
		}
		if lines := m.View(frame(), 60, 11, true); !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(ansi.Strip(l), "▸ "+step.want) }) {
			t.Errorf("%s is not on the screen:\n%s", step.want, strings.Join(lines, "\n"))
		}
	}
}

func TestMarksSurvive(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	show(m, "", "a", "b", "c")
	m.ToggleMark()
	m.ToggleMark()
	if m.CursorKey() != "c" || m.Marks() != 2 {
		t.Fatalf("cursor %q, %d marks", m.CursorKey(), m.Marks())
	}
	show(m, "c", "a", "b", "c") // a filter hides marked rows and keeps their marks
	if m.Marks() != 2 || len(m.Marked()) != 0 {
		t.Errorf("%d marks, %d of them shown", m.Marks(), len(m.Marked()))
	}
	show(m, "", "c", "b", "a")
	if got := m.Marked(); len(got) != 2 || got[0].id != "b" || got[1].id != "a" {
		t.Errorf("marked, as shown: %v", got)
	}
	show(m, "", "c", "b") // a row that is gone loses its mark
	if m.Marks() != 1 {
		t.Errorf("%d marks", m.Marks())
	}
	m.Unmark()
	if m.Marks() != 0 || m.Marked() != nil {
		t.Error("marks are left")
	}
}

func TestSortCycle(t *testing.T) {
	t.Parallel()
	m := New(columns())
	var names []string
	for range 5 {
		_, down, name := m.Order()
		if down {
			name += " down"
		}
		names = append(names, name)
		m.SortNext()
	}
	if got := strings.Join(names, ","); got != ",ID,ID down,SIZE,SIZE down" {
		t.Errorf("orders %s", got)
	}
	if by, _, _ := m.Order(); by != nil {
		t.Error("the usual order does not come back")
	}
}

// Equal rows are ordered by identity, so that they never change places.
func TestBuildIsStable(t *testing.T) {
	t.Parallel()
	spec := Spec[row]{Key: func(r row) string { return r.id }, Words: func(r row) string { return r.id }, By: func(a, b row) int { return cmp.Compare(a.size, b.size) }}
	for _, down := range []bool{false, true} {
		spec.Down = down
		a := Build([]row{{"b", 1}, {"a", 1}, {"c", 0}}, spec)
		b := Build([]row{{"a", 1}, {"c", 0}, {"b", 1}}, spec)
		if !slices.Equal(a.Rows, b.Rows) {
			t.Errorf("down %v: %v and %v", down, a.Rows, b.Rows)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	rows := func() []row {
		return []row{{"dc1-lxca UP Updates", 1}, {"dc2-lxca FC deployment", 2}, {"ecb configuration", 3}}
	}
	spec := Spec[row]{Key: func(r row) string { return r.id }, Words: func(r row) string { return r.id }}
	for query, want := range map[string]int{"": 3, "lxca": 2, "LXCA fc": 1, "updates dc1": 1, "cnfg": 1, "zzz": 0, "  ": 3} {
		spec.Query = query
		ix := Build(rows(), spec)
		if ix.Len() != want || ix.Total != 3 {
			t.Errorf("%q: %d of %d rows, want %d", query, ix.Len(), ix.Total, want)
		}
		for i, r := range ix.Rows {
			if at, ok := ix.At(r.id); !ok || at != i {
				t.Errorf("%q: %s is at %d, said to be at %d", query, r.id, i, at)
			}
		}
	}
	var none *Index[row]
	if _, ok := none.At("x"); ok || none.Len() != 0 {
		t.Error("no index has rows")
	}
}

// Whatever the size, each line is exactly as wide as asked for.
func TestViewFits(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	show(m, "", "short", "a very long identity that does not fit anywhere", "漢字漢字漢字漢字")
	m.ToggleMark()
	for w := range 201 {
		for _, h := range []int{0, 1, 2, 3, 10} {
			lines := m.View(frame(), w, h, w%2 == 0)
			if w < 4 { // no room for the cursor and the blanks between two columns: no pane is as narrow
				continue
			}
			if len(lines) != h {
				t.Fatalf("%dx%d: %d lines", w, h, len(lines))
			}
			for i, l := range lines {
				if got := ansi.StringWidthWc(l); got != w {
					t.Fatalf("%dx%d: line %d is %d wide: %q", w, h, i, got, ansi.Strip(l))
				}
			}
		}
	}
}

// A wide table shows every column, a narrow one drops those that may go, the most droppable first.
func TestColumnsDrop(t *testing.T) {
	t.Parallel()
	m := New(columns())
	show(m, "", "a")
	for w, want := range map[int]string{60: "ID PLAIN SIZE LEFT", 31: "ID SIZE LEFT", 22: "ID LEFT"} {
		if got := strings.Join(strings.Fields(ansi.Strip(m.View(frame(), w, 3, true)[0])), " "); got != want {
			t.Errorf("%d wide: %q, want %q", w, got, want)
		}
	}
}

// What is drawn may be kept while the version stays.
func TestVersionTellsOfChange(t *testing.T) {
	t.Parallel()
	m := New(columns())
	show(m, "", "a", "b")
	before := m.Version()
	m.Move(0)
	if m.Version() != before {
		t.Error("nothing has changed and the version grew")
	}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"move", func() { m.Move(1) }}, {"mark", m.ToggleMark}, {"unmark", m.Unmark}, {"sort", m.SortNext},
		{"rows", func() { show(m, "", "a", "b", "c") }},
	} {
		before := m.Version()
		if step.do(); m.Version() == before {
			t.Errorf("%s: the version stays", step.name)
		}
	}
}

// wishing is a text column that wishes, a figure behind it, and a last column that lends what it does not need.
func wishing() []Column[row] {
	id := func(r row) string { return r.id }
	return []Column[row]{
		{Title: "LABEL", Width: 6, Wish: id, Cell: text(id)},
		{Title: "SIZE", Width: 6, Right: true, Cell: text(func(r row) string { return fmt.Sprint(r.size) })},
		{Title: "LIES IN", Width: 20, Least: 8, Grow: 1, Wish: func(row) string { return "internal" },
			Cell: text(func(row) string { return "internal" })},
	}
}

// A text column is as wide as its widest row where others do not need their cells, and no figure moves while one filters.
func TestWishes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		columns []Column[row]
		w       int
		ids     []string
		query   string
		want    []int
	}{
		"all fit":              {wishing(), 60, []string{"short"}, "", []int{6, 6, 42}},
		"a long one is lent":   {wishing(), 39, []string{"a-label-of-19-cells"}, "", []int{19, 6, 8}},
		"room and a long one":  {wishing(), 60, []string{"a-label-of-19-cells"}, "", []int{19, 6, 29}},
		"filtered away":        {wishing(), 60, []string{"a-label-of-19-cells", "b"}, "b", []int{19, 6, 29}},
		"longer than all else": {wishing(), 38, []string{strings.Repeat("x", 300)}, "", []int{18, 6, 8}},
		"no room":              {wishing(), 30, []string{strings.Repeat("x", 300)}, "", []int{10, 6, 8}},
		"no rows":              {wishing(), 60, nil, "", []int{6, 6, 42}},
	} {
		t.Run(name, func(t *testing.T) {
			m := New(c.columns)
			rows := make([]row, len(c.ids))
			for i, id := range c.ids {
				rows[i] = row{id, i}
			}
			id := func(r row) string { return r.id }
			m.SetIndex(Build(rows, Spec[row]{Key: id, Words: id, Query: c.query, Columns: c.columns}))
			var got []int
			for _, p := range m.layout(c.w - 2) {
				got = append(got, p.width)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("widths %v, want %v", got, c.want)
			}
		})
	}
}

// Whatever runs there are, what is merged is what is sorted.
func TestSortRuns(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 10, 1000, 5000} {
		for _, run := range []int{1, 2, 7, 400, 6000} {
			list := make([]int, n)
			for i := range list {
				list[i] = (i%run)*31 + i/run
			}
			want := slices.Sorted(slices.Values(list))
			if sortRuns(list, cmp.Compare[int]); !slices.Equal(list, want) {
				t.Errorf("%d in runs of %d are not sorted", n, run)
			}
		}
	}
}

// A part of all rows takes no marks but from those that are named as gone.
func TestMarksOfAPart(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	show(m, "", "a", "b", "c")
	m.ToggleMark()
	m.ToggleMark()
	m.SetIndex(Build([]row{{"c", 1}}, Spec[row]{Key: func(r row) string { return r.id }, Part: true, Gone: []string{"b"}}))
	if m.Marks() != 1 || len(m.Marked()) != 0 {
		t.Errorf("%d marks, %d shown", m.Marks(), len(m.Marked()))
	}
	sum := 0
	m.EachMarked(func(_ string, r row) { sum += len(r.id) })
	if sum != 1 {
		t.Errorf("%d marked rows are known", sum)
	}
}
