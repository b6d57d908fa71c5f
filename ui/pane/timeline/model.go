// Package timeline is the pane of every lock as a bar on an axis of time, so that the next gap in what is held is seen and need
// not be computed. Nothing in it moves by the second: the axis stands still for a fifth to a quarter of its span, and a bar
// changes when the present comes into its next cell.
package timeline

import (
	"strings"

	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/pane/locks"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// Pane is the list of bars and how much time they show.
type Pane struct {
	*pane.List[Row]
	view *view
}

// view is what the columns are drawn by, read and changed by the event loop alone.
type view struct {
	span int
	keys string
}

// New makes the pane for the person me; keys are those that change the span, as they are shown.
func New(me, keys string) *Pane {
	v := &view{span: usual, keys: keys}
	return &Pane{view: v, List: pane.NewList(pane.Def[Row]{
		Number: 7, Name: "Timeline", Columns: columns(v), Detail: detail(me),
		Key:       func(r Row) string { return r.Key },
		Appliance: func(r Row) string { return r.Appliance },
		Words:     func(r Row) string { return r.Appliance + " " + r.Scope + " " + r.Holder },
		Default:   order,
		Gather:    gather(me),
		Empty:     locks.Empty,
		Foot:      v.foot,
	})}
}

// Longer shows the next longer span of time; false when there is none.
func (p *Pane) Longer() bool { return p.zoom(1) }

// Shorter shows the next shorter span of time; false when there is none.
func (p *Pane) Shorter() bool { return p.zoom(-1) }

func (p *Pane) zoom(n int) bool {
	at := p.view.span + n
	if at < 0 || at >= len(spans) {
		return false
	}
	p.view.span = at
	p.Redraw()
	return true
}

func columns(v *view) []table.Column[Row] {
	text := func(of func(Row) string) func(widget.Frame, Row) table.Cell {
		return func(_ widget.Frame, r Row) table.Cell { return table.Cell{Text: of(r), Role: role(r)} }
	}
	on := func(r Row) string { return r.Appliance }
	scope := func(r Row) string { return r.Scope }
	holder := func(r Row) string { return r.Holder }
	return []table.Column[Row]{
		{Title: "APPLIANCE", Width: 9, Least: 6, Wish: on, Cell: text(on), Compare: pane.By(on)},
		{Title: "SCOPE", Width: 8, Least: 4, Grow: 1, Cell: text(scope), Compare: pane.By(scope)},
		{Title: "HOLDER", Width: 7, Drop: 2, Wish: holder, Cell: text(holder), Compare: pane.By(holder)},
		{Title: "", Width: 20, Grow: 5, Ticks: true, Head: v.head, Draw: v.draw},
		{Title: "ENDS", Width: 8, Right: true, Ticks: true, Drop: 1, Cell: func(f widget.Frame, r Row) table.Cell {
			return table.Cell{Text: ends(f, r), Role: endRole(f, r)}
		}},
	}
}

func role(r Row) theme.Role {
	switch {
	case r.Gap:
		return theme.Alarm
	case r.Mine:
		return theme.Ours
	default:
		return theme.Plain
	}
}

func endRole(f widget.Frame, r Row) theme.Role {
	switch state, _ := r.Term.At(f.Now); {
	case r.Gap:
		return theme.Alarm
	case r.Known() && state != lease.Held:
		return theme.Warn
	default:
		return theme.Dim
	}
}

// head is the clock times of the axis, with the present.
func (v *view) head(f widget.Frame, w int) []table.Cell {
	var cells []table.Cell
	if w <= 0 {
		return nil
	}
	at := 0
	for _, l := range newAxis(f.Now, spans[v.span], w).labels() {
		role := theme.Heading
		if l.text == nowWord {
			role = theme.Strong
		}
		cells = append(cells, table.Cell{Text: widget.Pad(l.cell - at)}, table.Cell{Text: l.text, Role: role})
		at = l.cell + len(l.text)
	}
	return append(cells, table.Cell{Text: widget.Pad(w - at)})
}

// draw is the bar of a row, or the words for what has none, with the mark of the present.
func (v *view) draw(f widget.Frame, r Row, w int) []table.Cell {
	if w <= 0 {
		return nil
	}
	a := newAxis(f.Now, spans[v.span], w)
	present := a.cell(a.now)
	signs := a.bar(r)
	look := looks(f.Theme.Symbols, r)
	var cells []table.Cell
	add := func(text string, role theme.Role) {
		if last := len(cells) - 1; last >= 0 && cells[last].Role == role {
			cells[last].Text += text
			return
		}
		cells = append(cells, table.Cell{Text: text, Role: role})
	}
	words := ""
	if text := r.words(); text != "" {
		words = widget.Fit(" "+text, w-present-1, false, f.Theme.Symbols.Ellipsis)
	}
	for i, s := range signs {
		switch l := look[s]; {
		case i == present && s != uncertain && s != gap: // what is doubtful now is said in its place
			add(f.Theme.Symbols.Now, theme.Strong)
		case i > present && words != "":
			add(words, theme.Dim)
			return cells
		case i == w-1 && a.onward(r, signs):
			add(f.Theme.Symbols.Onward, l.role)
		default:
			add(l.symbol, l.role)
		}
	}
	return cells
}

// look is how a sign is drawn.
type look struct {
	symbol string
	role   theme.Role
}

func looks(s theme.Symbols, r Row) [gap + 1]look {
	sure := role(r)
	return [...]look{
		blank: {" ", theme.Plain}, past: {s.Past, theme.Dim}, held: {s.Held, sure},
		uncertain: {s.Uncertain, theme.Warn}, kept: {s.Kept, sure}, gap: {s.Gap, theme.Alarm},
	}
}

// foot explains the signs, and how much time is shown.
func (v *view) foot(f widget.Frame, w int) string {
	s := f.Theme.Symbols
	words := []string{strings.TrimRight("  "+widget.Span(spans[v.span].Whole)+"  "+v.keys, " ")}
	for _, p := range [][2]string{{s.Past, "past"}, {s.Held, "held"}, {s.Uncertain, "may be gone"}, {s.Kept, "to be kept"}, {s.Gap, "gap"}} {
		words = append(words, strings.Repeat(p[0], 2)+" "+p[1])
	}
	return f.Theme.Paint(theme.Dim, widget.Fit(strings.Join(words, "   "), w, false, s.Ellipsis))
}

// detail is that of the lock, or the bounds of a gap.
func detail(me string) func(widget.Frame, Row) pane.Detail {
	of := locks.Detail(me)
	return func(f widget.Frame, r Row) pane.Detail {
		if !r.Gap {
			return of(f, r.lock)
		}
		return pane.Detail{Title: r.Appliance + " " + r.Scope, Fields: []pane.Pair{
			{Name: "state", Value: "gap: it may not have been covered by a lock", Role: theme.Alarm},
			{Name: "from", Value: f.Second(f.Now.Wall.Add(r.From - f.Now.Run))},
			{Name: "to", Value: f.Second(f.Now.Wall.Add(r.To - f.Now.Run))},
			{Name: "at the most", Value: widget.Span(r.To - r.From)},
		}}
	}
}
