// Package pane is what the panes of the dashboard have in common: a filtered, sorted list in a box, whose rows are
// made beside the event loop and drawn from a cache while nothing in them changed.
package pane

import (
	"cmp"
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// Source is what rows are made of. It is read beside the event loop and never changed.
type Source struct {
	Snapshots []*fleet.Snapshot // in order of configuration
	Chosen    string            // appliance under the cursor of the appliances pane
	Events    []fleet.Event     // oldest first
	Trace     func(name string) []appliance.Exchange
	Me        string // name of the person who looks
	Now       appliance.Reading
	// Scope is what an appliance calls the scope of a code; the code alone when it does not know it.
	Scope func(name, code string) appliance.Scope
}

// Of is the snapshot of that name, nil when there is none.
func (s Source) Of(name string) *fleet.Snapshot {
	for _, x := range s.Snapshots {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Unreadable is how many rows of a listing could not be read, over all appliances, in words; empty for none.
func (s Source) Unreadable(of func(*fleet.Snapshot) fleet.Part) string {
	n := 0
	for _, x := range s.Snapshots {
		n += of(x).Unreadable
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d unreadable", n)
}

// Detail is everything known of one row.
type Detail struct {
	Title  string
	Fields []Pair
	Raw    appliance.Raw
}

// Pair is one line of a detail; without a name its value is a heading.
type Pair struct {
	Name, Value string
	Role        theme.Role
}

// Told adds every attribute as the appliance told it, under a heading of their own.
func (d *Detail) Told(fields []appliance.Field) {
	if len(fields) == 0 {
		return
	}
	d.Fields = append(d.Fields, Pair{}, Pair{Value: "EVERY ATTRIBUTE", Role: theme.Heading})
	for _, f := range fields {
		d.Fields = append(d.Fields, Pair{Name: f.Key.String(), Value: f.Value.String(), Role: theme.Dim})
	}
}

// Pane is one list of the dashboard, whatever its rows are.
type Pane interface {
	Name() string
	// Build prepares a new index; the function it returns may run beside the event loop, and what that returns is for Apply.
	Build(Source) func() any
	Apply(built any)
	View(f widget.Frame, w, h int, focused bool) []string
	// Ticks tells whether a drawn row changes by the second.
	Ticks(widget.Frame) bool
	// Appliance is the one that the row under the cursor belongs to; empty without rows.
	Appliance() string
	Key() string
	Detail(widget.Frame) (Detail, bool)
	Touch()
	Move(int)
	Page(int)
	First()
	Last()
	Mark()
	Unmark()
	Marks() int
	SortNext()
	Query() string
	SetQuery(string)
	Version() int
	// Has reports whether a row is shown, and Go puts the cursor on it.
	Has(key string) bool
	Go(key string) bool
}

// Def says what a List shows.
type Def[R any] struct {
	Number  int
	Name    string
	Columns []table.Column[R]
	Key     func(R) string
	Words   func(R) string
	Default func(a, b R) int
	Gather  func(Source) []R // makes a slice of its own
	Title   func(Source) string
	// Note goes on after the number of rows, in the upper edge at the right; nil = nothing but the number.
	Note      func(Source, *table.Index[R]) string
	Empty     func(Source) []string // what would be here, and which key brings it
	Ticks     func(widget.Frame, R) bool
	Appliance func(R) string
	Detail    func(widget.Frame, R) Detail
	// Fixed tells that Gather makes the same rows until Define is called: they are then sorted once and filtered as often as wanted.
	Fixed bool
	// Seen is how the listings stand that the rows are from, so that their age is told once they are stale; nil = each row tells.
	Seen func(Source) []Seen
	// Amount is the bytes of a row, below zero for unknown, of which those that are marked are told together; nil = rows have none.
	Amount func(R) int64
	// Shape fills in how rows are grouped and folded, beside the event loop; marked is the keys of the rows with a mark. nil = neither.
	Shape func(src Source, marked []string, spec *table.Spec[R])
	// Foot is a line below the rows, where there is room for one and not for Whole; nil = none.
	Foot func(f widget.Frame, w int) string
	// Whole is what the row under the cursor says where its line may have cut it: it is shown below the rows when the pane is high
	// enough, as it is when it is zoomed. nil = none.
	Whole func(widget.Frame, R) string
	// Newest tells that the first row is the newest and that a cursor on it stays on the first row.
	Newest bool
}

// List is a Pane of rows R.
type List[R any] struct {
	def   Def[R]
	table *table.Model[R]
	query string
	title string
	note  string
	seen  []Seen
	empty []string
	drawn drawn
	marks marks
	// defined counts what Define changed.
	defined int
	base    base[R]
}

// drawn is the picture as it was last made, and what it was made for.
type drawn struct {
	lines   []string
	version int
	w, h    int
	focused bool
	theme   *theme.Theme
	text    string
	step    int64
	ticks   bool
}

// NewList makes an empty list.
func NewList[R any](def Def[R]) *List[R] {
	return &List[R]{def: def, table: table.New(def.Columns), title: def.Name}
}

// Name is the pane's name.
func (l *List[R]) Name() string { return l.def.Name }

func (l *List[R]) atFirst() bool {
	at, ok := l.table.Index().At(l.table.CursorKey())
	return !ok || at == 0
}

// View implements Pane: exactly w by h cells.
func (l *List[R]) View(f widget.Frame, w, h int, focused bool) []string {
	title, note := l.heading(f)
	d := drawn{version: l.table.Version(), w: w, h: h, focused: focused, theme: f.Theme, text: title + note, step: step(f)}
	if was := l.drawn; !was.ticks && was.lines != nil && was.same(d) {
		return was.lines
	}
	inner := l.body(f, w-2, h-2, focused)
	if more := f.More(l.table.Hidden()); more != "" {
		const edges = 6 // what stands between title, note and the ends of the upper edge
		room := w - 2 - edges - widget.Width(title) - widget.Width(more) - 2
		note = strings.TrimLeft(widget.Cut(note, room, f.Theme.Symbols.Ellipsis)+"  "+more, " ") // what is hidden is told in any case
	}
	d.ticks = l.Ticks(f)
	d.lines = f.Box(title, note, inner, w, h, focused)
	l.drawn = d
	return d.lines
}

// Redraw has the next View draw anew, since something changed that is no row.
func (l *List[R]) Redraw() { l.drawn = drawn{} }

// step is the coarse time in which ages move.
func step(f widget.Frame) int64 { return int64(f.Now.Run.Seconds()) / 10 }

func (d drawn) same(o drawn) bool {
	return d.version == o.version && d.w == o.w && d.h == o.h && d.focused == o.focused && d.theme == o.theme &&
		d.text == o.text && d.step == o.step
}

// leastWithFoot and leastWithWhole are the heights from which a foot, or the whole text of a row, takes no row that is needed
// more.
const (
	leastWithFoot  = 6
	leastWithWhole = 14
)

func (l *List[R]) body(f widget.Frame, w, h int, focused bool) []string {
	if l.table.Index().Lines() > 0 {
		switch {
		case l.def.Whole != nil && h >= leastWithWhole && l.table.Index().Len() > 0:
			return append(l.table.View(f, w, h-wholeHeight-1, focused), l.whole(f, w)...)
		case l.def.Foot != nil && h >= leastWithFoot:
			return append(l.table.View(f, w, h-1, focused), l.def.Foot(f, w))
		}
		return l.table.View(f, w, h, focused)
	}
	l.table.View(f, w, h, focused) // so that the page is known
	lines := []string{widget.Pad(w)}
	words := l.empty
	if l.query != "" {
		words = []string{"no row holds " + appliance.Label(l.query).String() + "; esc clears the filter"}
	}
	for _, word := range words {
		for _, line := range widget.Wrap(word, w-4) {
			lines = append(lines, f.Theme.Paint(theme.Dim, widget.Fit("  "+line, w, false, "")))
		}
	}
	return lines[:min(len(lines), h)]
}

// Ticks implements Pane.
func (l *List[R]) Ticks(f widget.Frame) bool {
	ticks := false
	if l.def.Ticks != nil {
		l.table.Visible(func(r R) { ticks = ticks || l.def.Ticks(f, r) })
	}
	return ticks
}

// Row is the row under the cursor.
func (l *List[R]) Row() (R, bool) { return l.table.Cursor() }

// Chosen is the marked rows, or the one under the cursor when none is marked.
func (l *List[R]) Chosen() []R {
	if rows := l.table.Marked(); len(rows) > 0 {
		return rows
	}
	if r, ok := l.table.Cursor(); ok {
		return []R{r}
	}
	return nil
}

// EachMarked calls visit for every marked row, shown or not, in no order.
func (l *List[R]) EachMarked(visit func(R)) { l.table.EachMarked(func(_ string, r R) { visit(r) }) }

// Appliance implements Pane.
func (l *List[R]) Appliance() string {
	if r, ok := l.table.Cursor(); ok && l.def.Appliance != nil {
		return l.def.Appliance(r)
	}
	return ""
}

// Detail implements Pane.
func (l *List[R]) Detail(f widget.Frame) (Detail, bool) {
	r, ok := l.table.Cursor()
	if !ok {
		return Detail{}, false
	}
	return l.def.Detail(f, r), true
}

// Key is the key of the row under the cursor.
func (l *List[R]) Key() string { return l.table.CursorKey() }

// Has reports whether a row is shown.
func (l *List[R]) Has(key string) bool { _, ok := l.table.Index().At(key); return ok }

// Go puts the cursor on a row.
func (l *List[R]) Go(key string) bool { return l.table.Go(key) }

// Version implements Pane.
func (l *List[R]) Version() int { return l.table.Version() }

// Touch binds the cursor to its row, since somebody uses the pane.
func (l *List[R]) Touch() { l.table.Touch() }

// Move implements Pane; so do the following.
func (l *List[R]) Move(n int) { l.table.Move(n) }

// Page moves by pages.
func (l *List[R]) Page(n int) { l.table.Page(n) }

// First goes to the first row.
func (l *List[R]) First() { l.table.First() }

// Last goes to the last row.
func (l *List[R]) Last() { l.table.Last() }

// Mark marks the row under the cursor.
func (l *List[R]) Mark() { l.table.ToggleMark() }

// Unmark takes all marks back.
func (l *List[R]) Unmark() { l.table.Unmark() }

// Marks is how many rows are marked.
func (l *List[R]) Marks() int { return l.table.Marks() }

// SortNext chooses the next order, which the next build brings.
func (l *List[R]) SortNext() { l.table.SortNext() }

// Query is what the rows are filtered by.
func (l *List[R]) Query() string { return l.query }

// SetQuery filters by q from the next build on.
func (l *List[R]) SetQuery(q string) { l.query = q }

// By makes a comparison from something that has an order of its own.
func By[R any, V cmp.Ordered](of func(R) V) func(a, b R) int {
	return func(a, b R) int { return cmp.Compare(of(a), of(b)) }
}
