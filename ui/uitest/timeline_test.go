package uitest_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/ui/uitest"
)

// Maria opens the timeline, sees what she holds and until when, what others hold, and what nobody can tell.
func TestTimeline(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", 40*time.Minute)}, func(x *uitest.Terminal) {
		x.Press("7").Until("╭ 7 Timeline").Until("23:45", "now", "00:15", "00:30").Until("FC Operating", "another", "│━━━━━")
		x.Until("ecb-edge", "configuration", "│ not known whether it is held")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you", "│━━━━━").Press("7", "z")
		x.Advance(10 * time.Minute)
		x.UntilMatch(`UP Updates +you +──+│━━+▒+ +00:2\d:\d\d`) // past, to come, and where it may be gone
		own, foreign := bar(x.Line("UP Updates", "│", "──")), bar(x.Line("FC Operating", "│", "──"))
		if got := float64(strings.Count(own, "━")) / float64(strings.Count(foreign, "━")); got < 0.25 || got > 0.45 {
			t.Errorf("10 minutes beside 30 are %.2f of them:\n%s", got, x.Screen())
		}
		if !strings.Contains(x.Line("UP Updates", "▒"), "▒") || strings.HasSuffix(own, "━") {
			t.Errorf("nothing says that the end is not sure: %q", own)
		}
		x.Press("g", "enter").Until("╭ dc1-lxca UP Updates").Until("left at least").Press("esc")
		x.Press("/").Type("ecb").Press("enter").Until("1 of 3").Press("esc")
	})
}

// bar is the part of a row behind the present.
func bar(line string) string {
	parts := strings.Split(line, "│")
	return strings.TrimSpace(parts[len(parts)-2][:strings.LastIndex(parts[len(parts)-2], " ")])
}

// The span goes from minutes to a day and says where it ends; while no timeline is shown its keys say so.
func TestTimelineSpans(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", 40*time.Minute)}, func(x *uitest.Terminal) {
		x.Until("FC Operating").Press("+").Until("longer: open the timeline first, pane 7").Press("7").Until("1h  + -")
		for _, span := range []string{"4h", "12h", "24h"} {
			x.Press("+").Until(span+"  + -", "past")
		}
		x.Press("+").Until("the timeline goes no further")
		for _, span := range []string{"12h", "4h", "1h", "15m", "5m"} {
			x.Press("-").Until(span+"  + -", "past")
		}
		x.Until("00:00", "now", "00:03")
	})
}

// A standing timeline costs nothing on the wire: in five minutes the present comes into four cells of each row, and the axis
// stands still.
func TestTimelineIsCalm(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Prepare: foreign("FC", 40*time.Minute)}, func(x *uitest.Terminal) {
		x.Press("7", "z").Until("FC Operating", "│━━━━━")
		x.Advance(time.Minute)
		before := len(x.Raw())
		x.Advance(5 * time.Minute)
		const most = 5*60 + 10*70 // the minute of the header, and a cell of each row when the present comes into it
		if n := len(x.Raw()) - before; n == 0 || n > most {
			t.Errorf("%d bytes in five minutes, want at the most %d", n, most)
		}
	})
}
