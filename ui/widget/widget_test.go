package widget

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/ui/theme"
)

func TestLeft(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "00:00", 0: "00:00", 999 * time.Millisecond: "00:00", time.Second: "00:01", 59*time.Minute + 59*time.Second: "59:59",
		time.Hour: "1:00:00", 23*time.Hour + 59*time.Minute + 59*time.Second: "23:59:59", 24 * time.Hour: "1d 00h", 51 * time.Hour: "2d 03h",
	} {
		if got := Left(d); got != want {
			t.Errorf("Left(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestAges(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "now", 0: "now", 9 * time.Second: "now", 10 * time.Second: "10 s", 59 * time.Second: "50 s", time.Minute: "1 m",
		59 * time.Minute: "59 m", time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d",
	} {
		if got := Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
	if Ago(0) != "just now" || Ago(time.Minute) != "1 m ago" {
		t.Errorf("%q, %q", Ago(0), Ago(time.Minute))
	}
}

func TestTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "<1 ms", 840 * time.Millisecond: "840 ms", 3200 * time.Millisecond: "3.2 s", 59 * time.Second: "59 s", 130 * time.Second: "2m10s",
		2*time.Hour + 3*time.Minute: "2h03m",
	} {
		if got := Took(d); got != want {
			t.Errorf("Took(%v) = %q, want %q", d, got, want)
		}
	}
}

// A duration is written as it may be typed again.
func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		20 * time.Minute: "20m", 90 * time.Minute: "1h30m", 45 * time.Second: "45s", time.Hour: "1h", 24 * time.Hour: "24h", 0: "0s",
		time.Hour + 5*time.Second: "1h0m5s", 10*time.Minute + 10*time.Second: "10m10s", 100 * time.Hour: "100h",
	} {
		got := Span(d)
		if back, err := time.ParseDuration(got); got != want || err != nil || back != d {
			t.Errorf("Span(%v) = %q, want %q, which reads %v %v", d, got, want, back, err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		-1: "unknown", 0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_400_000_000: "12.4 GB", 999_949: "999.9 kB", 999_950: "1.0 MB",
		math.MaxInt64: "9223.4 PB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

// A bar is as wide as asked for whatever the share is, and never shrinks when the share grows.
func TestBar(t *testing.T) {
	t.Parallel()
	s := theme.New("dark", true, true).Symbols
	for _, share := range []float64{math.NaN(), math.Inf(-1), -1, 0, 0.01, 0.5, 1, 2, math.Inf(1)} {
		for _, w := range []int{-1, 0, 1, 10} {
			if got := Bar(s, share, w); utf8.RuneCountInString(got) != max(0, w) {
				t.Errorf("Bar(%v, %d) = %q", share, w, got)
			}
		}
	}
	if Bar(s, 0, 4) != "----" || Bar(s, 1, 4) != "####" || Bar(s, 0.5, 4) != "##--" || Bar(s, 0.625, 4) != "##=-" {
		t.Errorf("%q %q %q %q", Bar(s, 0, 4), Bar(s, 1, 4), Bar(s, 0.5, 4), Bar(s, 0.625, 4))
	}
	full := 0
	for i := range 101 {
		n := strings.Count(Bar(s, float64(i)/100, 10), "#")
		if n < full {
			t.Fatalf("at %d %% the bar shrinks", i)
		}
		full = n
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "abc", "wörter", "漢字漢字", "a漢b", "\x1b[31mred\x1b[m and more", "e\u0301\u0301"} {
		for w := range 12 {
			for _, right := range []bool{false, true} {
				if got := ansi.StringWidthWc(Fit(s, w, right, "…")); got != w {
					t.Errorf("Fit(%q, %d, %v) is %d wide", s, w, right, got)
				}
			}
			if got := Width(Cut(s, w, "…")); got > w {
				t.Errorf("Cut(%q, %d) is %d wide", s, w, got)
			}
		}
	}
	if Fit("ab", 4, true, "") != "  ab" || Fit("abcdef", 4, false, "…") != "abc…" || Cut("abc", 3, "…") != "abc" {
		t.Error("not cut or aligned as asked")
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"one two three four five", "averylongwordthatdoesnotfit", "漢字 漢字漢字", ""} {
		for w := 1; w < 20; w++ {
			for _, l := range Wrap(s, w) {
				if Width(l) > max(w, 2) {
					t.Errorf("Wrap(%q, %d): %q", s, w, l)
				}
			}
		}
	}
	if Wrap("x", 0) != nil {
		t.Error("no room holds words")
	}
}

// A box is exactly as large as asked for, whatever its title and note are.
func TestBox(t *testing.T) {
	t.Parallel()
	f := Frame{Theme: theme.New("light", false, false)}
	for _, title := range []string{"", "Locks", "a very long title that needs more than there is", "漢字漢字漢字"} {
		for _, note := range []string{"", "5 · 2 yours", "a note that is much too long for it as well"} {
			for w := 4; w < 80; w++ {
				lines := f.Box(title, note, []string{Pad(w - 2)}, w, 4, w%2 == 0)
				if len(lines) != 4 {
					t.Fatalf("%d lines", len(lines))
				}
				for _, l := range lines {
					if got := ansi.StringWidthWc(l); got != w && w >= 8 {
						t.Fatalf("title %q note %q: a line of %d is %d wide: %q", title, note, w, got, ansi.Strip(l))
					}
				}
			}
		}
	}
	if f.Box("x", "", nil, 3, 5, false) != nil || f.Box("x", "", nil, 5, 1, false) != nil {
		t.Error("a box without room is drawn")
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	f := Frame{Now: appliance.Reading{Wall: time.Date(2026, 11, 22, 14, 0, 0, 0, time.FixedZone("X", 3600))}}
	if got := f.Moment(time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC)); got != "2026-11-22 00:30" {
		t.Errorf("moment %q", got)
	}
	if got := f.Moment(time.Time{}); got != "unknown" {
		t.Errorf("no moment %q", got)
	}
	if got := f.Clock(time.Date(2026, 11, 22, 13, 1, 2, 0, time.UTC)); got != "14:01:02" {
		t.Errorf("clock %q", got)
	}
}
