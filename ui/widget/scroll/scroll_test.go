package scroll

import "testing"

func TestPlace(t *testing.T) {
	t.Parallel()
	var p Place
	for i, step := range []struct {
		do         func()
		first, end int
	}{
		{func() {}, 0, 10}, {func() { p.Scroll(3) }, 3, 13}, {func() { p.Page(1) }, 12, 22}, {func() { p.Bottom() }, 15, 25}, {func() { p.Scroll(9) }, 15, 25},
		{func() { p.Page(-1) }, 6, 16}, {func() { p.Top() }, 0, 10}, {func() { p.Scroll(-4) }, 0, 10},
	} {
		step.do()
		if first, end := p.Fit(25, 10); first != step.first || end != step.end {
			t.Errorf("step %d: %d to %d, want %d to %d", i, first, end, step.first, step.end)
		}
	}
	if above, below := p.Hidden(); above != 0 || below != 15 {
		t.Errorf("at the top: above %d, below %d", above, below)
	}
	p.Bottom()
	if above, below := p.Hidden(); above != 15 || below != 0 {
		t.Errorf("at the bottom: above %d, below %d", above, below)
	}
	if first, end := p.Fit(4, 10); first != 0 || end != 4 { // all of it fits now
		t.Errorf("%d to %d", first, end)
	}
	if first, end := p.Fit(4, -3); first > end {
		t.Errorf("without room: %d to %d", first, end)
	}
}
