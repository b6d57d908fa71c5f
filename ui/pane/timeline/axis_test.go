package timeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// at is a moment on clocks that were never stepped; the run begins long before noon.
func at(run time.Duration) appliance.Reading {
	return appliance.Reading{Wall: noon.Add(run), Run: 1000*time.Hour + run}
}

// anyAxis is an axis of any span, width and time zone.
func anyAxis(t *rapid.T) axis {
	now := at(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "now")))
	zone := rapid.SampledFrom([]int{0, 3600, -5 * 3600, 5*3600 + 1800, 12*3600 + 2700}).Draw(t, "zone")
	now.Wall = now.Wall.In(time.FixedZone("X", zone))
	return newAxis(now, rapid.SampledFrom(spans).Draw(t, "span"), rapid.IntRange(1, 400).Draw(t, "cells"))
}

// Cells lie side by side without a gap, each moment falls into the one around it, and there is always some past and more
// that is to come.
func TestAxis(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyAxis(t)
		if a.edge(0) != 0 || a.edge(a.cells) != a.span.Whole {
			t.Fatalf("edges %v and %v", a.edge(0), a.edge(a.cells))
		}
		for i := range a.cells {
			if a.edge(i) >= a.edge(i+1) || a.cell(a.edge(i)) != i || a.cell(a.edge(i+1)-1) != i {
				t.Fatalf("cell %d, %v to %v, is %d to %d", i, a.edge(i), a.edge(i+1), a.cell(a.edge(i)), a.cell(a.edge(i+1)-1))
			}
		}
		if a.cell(-1) != -1 || a.cell(a.span.Whole) != a.cells {
			t.Fatalf("outside is %d and %d", a.cell(-1), a.cell(a.span.Whole))
		}
		if share := float64(a.now) / float64(a.span.Whole); share < 0.2 || share > 0.5 {
			t.Fatalf("the present is at %v of the axis", share)
		}
		if _, zone := a.from.Zone(); (a.from.Unix()+int64(zone))%int64(a.span.Step/time.Second) != 0 {
			t.Fatalf("the axis begins at %v, which is not round by %v", a.from, a.span.Step)
		}
	})
}

// The axis stands still while the present goes on by less than a step.
func TestAxisStandsStill(t *testing.T) {
	t.Parallel()
	for _, s := range spans {
		first := newAxis(at(0), s, 60)
		if got := newAxis(at(s.Step-time.Nanosecond), s, 60).from; !got.Equal(first.from) {
			t.Errorf("%v: from %v to %v", s, first.from, got)
		}
		if got := newAxis(at(s.Step), s, 60).from; !got.Equal(first.from.Add(s.Step)) {
			t.Errorf("%v: after a step from %v to %v", s, first.from, got)
		}
	}
}

// Labels stand at their time, in the axis, with a blank between, and the present is always among them where it fits.
func TestLabels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyAxis(t)
		free, present := 0, false
		for _, l := range a.labels() {
			if l.cell < free || l.cell+len(l.text) > a.cells {
				t.Fatalf("%q at %d of %d, free from %d: %v", l.text, l.cell, a.cells, free, a.labels())
			}
			free = l.cell + len(l.text) + 1
			if l.text == nowWord {
				present = true
				if cell := a.cell(a.now); cell < l.cell-1 || cell > l.cell+len(nowWord) {
					t.Fatalf("the present is at %d, its word at %d", cell, l.cell)
				}
				continue
			}
			offset := (a.edge(l.cell+1) - 1).Truncate(a.span.Step)
			if a.cell(offset) != l.cell || a.from.Add(offset).Format("15:04") != l.text {
				t.Fatalf("%q stands at %d, which has %v", l.text, l.cell, a.from.Add(offset))
			}
		}
		if present != (a.cells >= len(nowWord)) {
			t.Fatalf("the present is shown: %v, in %d cells", present, a.cells)
		}
	})
}

func TestLabelsAreRoundInTheirZone(t *testing.T) {
	t.Parallel()
	now := at(40 * time.Minute)
	now.Wall = now.Wall.In(time.FixedZone("Nepal", 5*3600+45*60))
	var got []string
	for _, l := range newAxis(now, spans[3], 120).labels() {
		got = append(got, l.text)
	}
	if want := "17:00 18:00 now 19:00 20:00"; join(got) != want {
		t.Errorf("%q, want %q", join(got), want)
	}
}

func join(words []string) string {
	all := ""
	for i, w := range words {
		if i > 0 {
			all += " "
		}
		all += w
	}
	return all
}
