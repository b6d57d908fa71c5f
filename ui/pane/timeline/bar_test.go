package timeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// anyLock is a lock that was taken at any time around the axis, for any time.
func anyLock(t *rapid.T, a axis) Row {
	sent := a.run + time.Duration(rapid.Int64Range(int64(-a.span.Whole), 0).Draw(t, "taken"))
	ttl := time.Duration(rapid.Int64Range(int64(time.Second), int64(2*a.span.Whole)).Draw(t, "ttl"))
	trip := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "trip"))
	stamp := appliance.Stamp{Sent: appliance.Reading{Wall: noon, Run: sent}, Received: appliance.Reading{Wall: noon, Run: sent + trip}}
	return Row{Term: lease.Own(stamp, ttl, trip), Kept: rapid.Bool().Draw(t, "kept")}
}

// checkBar holds each cell against the term that it was drawn from.
func checkBar(t *rapid.T, a axis, r Row, signs []sign) {
	t.Helper()
	if len(signs) != a.cells {
		t.Fatalf("%d cells of %d", len(signs), a.cells)
	}
	present := a.cell(a.now)
	for i, s := range signs {
		from, to := a.run+a.edge(i)-a.now, a.run+a.edge(i+1)-a.now // on the run of the term
		switch s {
		case held, past:
			if to > r.Term.HeldUntil {
				t.Fatalf("cell %d goes on to %v and is called held, which is sure until %v: %v", i, to, r.Term.HeldUntil, signs)
			}
			if to <= r.Term.From {
				t.Fatalf("cell %d ends at %v, before the lock begins at %v: %v", i, to, r.Term.From, signs)
			}
			if (s == past) != (i < present) {
				t.Fatalf("cell %d is %d and the present %d: %v", i, s, present, signs)
			}
		case uncertain:
			if to <= r.Term.HeldUntil || from > r.Term.GoneAfter {
				t.Fatalf("cell %d from %v to %v is called uncertain: %+v", i, from, to, r.Term)
			}
		case kept:
			if !r.Kept || i < present || to <= r.Term.HeldUntil || r.Term.HeldUntil < a.run {
				t.Fatalf("cell %d is a promise: %+v", i, r)
			}
		case blank:
			if to > r.Term.From && from <= r.Term.GoneAfter {
				t.Fatalf("cell %d from %v to %v is blank: %+v", i, from, to, r.Term)
			}
		default:
			t.Fatalf("cell %d is %d", i, s)
		}
	}
}

// No cell claims more than is known: sure is only what ends before the last moment at which the lock may be called held, past
// only what lies before the present, and nothing is left blank in which it may be held.
func TestBarClaimsNoMoreThanIsKnown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyAxis(t)
		r := anyLock(t, a)
		checkBar(t, a, r, a.bar(r))
	})
}

// A bar stands still while the present is in the same cell and the axis is the same.
func TestBarStandsStill(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyAxis(t)
		r := anyLock(t, a)
		later := a
		room := min(a.edge(a.cell(a.now)+1), 2*a.span.Step) - a.now - 1
		if state, left := r.Term.At(appliance.Reading{Run: a.run}); state == lease.Held && r.Kept {
			room = min(room, left, r.Term.HeldUntil-a.run) // a promise ends with what it stands on
		}
		d := time.Duration(rapid.Int64Range(0, int64(room)).Draw(t, "later"))
		later.now, later.run = a.now+d, a.run+d
		if before, after := a.bar(r), later.bar(r); !slices.Equal(before, after) {
			t.Fatalf("%v later\n%v\n%v", d, before, after)
		}
	})
}

// picture is a bar in ASCII, one letter a cell.
func picture(a axis, r Row) string {
	var b strings.Builder
	for _, s := range a.bar(r) {
		b.WriteByte(" -=?.x"[s])
	}
	return b.String()
}

func TestBar(t *testing.T) {
	t.Parallel()
	a := newAxis(at(0), spans[usual], 60) // a minute a cell, the present at the 15th
	before, sure := strings.Repeat(" ", 15), strings.Repeat("=", 19)
	own := func(taken, ttl time.Duration) lease.Term {
		return lease.Own(appliance.Stamp{Sent: at(taken), Received: at(taken)}, ttl, 0)
	}
	for name, c := range map[string]struct {
		row  Row
		want string
	}{
		"just taken":      {Row{Term: own(0, 20*time.Minute)}, before + sure + "??"},
		"half over":       {Row{Term: own(-10*time.Minute, 20*time.Minute)}, strings.Repeat(" ", 5) + "----------=========??"},
		"beyond the axis": {Row{Term: own(-time.Hour, 5*time.Hour)}, strings.Repeat("-", 15) + strings.Repeat("=", 45)},
		"kept":            {Row{Term: own(0, 20*time.Minute), Kept: true}, before + sure + strings.Repeat(".", 26)},
		"kept for a while": {Row{Term: own(0, 20*time.Minute), Kept: true, KeptTo: noon.Add(30 * time.Minute)},
			before + sure + strings.Repeat(".", 12)},
		"kept, and failed": {Row{Term: own(-20*time.Minute, 20*time.Minute), Kept: true}, strings.Repeat("-", 14) + "??"},
		"over":             {Row{Term: own(-12*time.Minute, 10*time.Minute)}, "   ---------??"},
		"unknown":          {Row{}, ""},
		"our clock jumped": {Row{Term: own(0, 20*time.Minute), Unsure: true}, ""},
		"a gap":            {Row{Gap: true, From: at(-5 * time.Minute).Run, To: at(-3 * time.Minute).Run}, strings.Repeat(" ", 10) + "xxx"},
		"a gap long ago":   {Row{Gap: true, From: at(-5 * time.Hour).Run, To: at(-4 * time.Hour).Run}, ""},
	} {
		if got := strings.TrimRight(picture(a, c.row), " "); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
}

// What is drawn is exactly as wide as asked for, whatever the lock, and in ASCII nothing else is written.
func TestDrawFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyAxis(t)
		r := anyLock(t, a)
		r.Unsure, r.Mine = rapid.Bool().Draw(t, "unsure"), rapid.Bool().Draw(t, "mine")
		if rapid.Bool().Draw(t, "gap") {
			r.Gap, r.From, r.To = true, r.Term.From, r.Term.End
		}
		v := &view{span: slices.Index(spans, a.span)}
		f := widget.Frame{Now: appliance.Reading{Wall: a.from.Add(a.now), Run: a.run}, Theme: theme.New("dark", true, true)}
		for what, cells := range map[string]string{"bar": text(v, f, r, a.cells), "heading": heading(v, f, a.cells)} {
			if widget.Width(cells) != a.cells || strings.ContainsFunc(cells, func(c rune) bool { return c > 0x7e }) {
				t.Fatalf("the %s of %d cells is %q", what, a.cells, cells)
			}
		}
	})
}

func text(v *view, f widget.Frame, r Row, w int) string {
	all := ""
	for _, c := range v.draw(f, r, w) {
		all += c.Text
	}
	return all
}

func heading(v *view, f widget.Frame, w int) string {
	all := ""
	for _, c := range v.head(f, w) {
		all += c.Text
	}
	return all
}

// The present, the arrow of what goes on, and words for what is not known.
func TestDraw(t *testing.T) {
	t.Parallel()
	v := &view{span: usual}
	f := widget.Frame{Now: at(0), Theme: theme.New("dark", true, true)}
	term := lease.Own(appliance.Stamp{Sent: at(-10 * time.Minute), Received: at(-10 * time.Minute)}, 20*time.Minute, 0)
	soon := lease.Own(appliance.Stamp{Sent: at(-20 * time.Minute), Received: at(-20 * time.Minute)}, 20*time.Minute+30*time.Second, 0)
	for name, c := range map[string]struct {
		row  Row
		want string
	}{
		"held":             {Row{Term: term}, "     ----------|========??"},
		"kept":             {Row{Term: term, Kept: true}, "     ----------|========" + strings.Repeat(".", 35) + ">"},
		"ends in a moment": {Row{Term: soon}, "---------------?"},
		"unknown":          {Row{}, "               | not known whether it is held"},
		"ours, unknown":    {Row{Mine: true}, "               | yours, end unknown"},
		"jumped":           {Row{Term: term, Unsure: true}, "               | unknown, asking"},
	} {
		if got := strings.TrimRight(text(v, f, c.row, 60), " "); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
	if got := strings.TrimRight(heading(v, f, 60), " "); got != "11:45         now             12:15          12:30" {
		t.Errorf("heading %q", got)
	}
}

// Each span is longer than the one before, and has no longer neighbour at the end.
func TestZoom(t *testing.T) {
	t.Parallel()
	p := New("maria", "+ -")
	for p.Shorter() {
	}
	n := 1
	for p.Longer() {
		if n++; n > len(spans) || spans[p.view.span].Whole <= spans[p.view.span-1].Whole {
			t.Fatalf("span %d of %v", n, spans)
		}
	}
	if n != len(spans) || n != 6 {
		t.Errorf("%d spans", n)
	}
}
