package widget

import (
	"fmt"
	"time"
)

// Left writes a countdown: 12:44 below an hour, 3:05:09 below a day, else 2d 03h. It rounds down, so that it never says
// more than is left.
func Left(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s < 3600:
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	default:
		return fmt.Sprintf("%dd %02dh", s/86400, s/3600%24)
	}
}

// Age writes how old something is in steps so coarse that a standing screen stays still: tens of seconds, then minutes,
// hours, days.
func Age(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second)/10*10)
	case d < time.Hour:
		return fmt.Sprintf("%d m", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	default:
		return fmt.Sprintf("%d d", int(d/(24*time.Hour)))
	}
}

// Ago is Age as a phrase.
func Ago(d time.Duration) string {
	if d < 10*time.Second {
		return "just now"
	}
	return Age(d) + " ago"
}

// Took writes a duration that is over: 840 ms, 3.2 s, 2m10s.
func Took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d/time.Minute), int(d/time.Second)%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d/time.Hour), int(d/time.Minute)%60)
	}
}

// Span writes a duration that was asked for: 20m, 1h30m, 45s.
func Span(d time.Duration) string {
	s := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(s) > len(zero) && s[len(s)-len(zero):] == zero {
			s = s[:len(s)-2]
		}
	}
	return s
}
