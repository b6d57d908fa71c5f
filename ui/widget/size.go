package widget

import (
	"fmt"
	"time"
)

// Size writes bytes as 12.4 GB, in powers of 1000 as vendors do; unknown below zero.
func Size(n int64) string {
	if n < 0 {
		return "unknown"
	}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	unit := ""
	for _, u := range []string{"kB", "MB", "GB", "TB", "PB"} {
		v /= 1000
		unit = u
		if v < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// Moment writes a point in time as people read it on this screen, in the zone of the frame's clock; a dash for none.
func (f Frame) Moment(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.In(f.Now.Wall.Location()).Format("2006-01-02 15:04")
}

// Day writes a point in time in twelve cells for lists: Nov 21 23:11 of this year, else the date.
func (f Frame) Day(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	t = t.In(f.Now.Wall.Location())
	if t.Year() != f.Now.Wall.Year() {
		return t.Format("2006-01-02")
	}
	return t.Format("Jan 02 15:04")
}

// Second writes a point in time to the second.
func (f Frame) Second(t time.Time) string {
	return t.In(f.Now.Wall.Location()).Format("2006-01-02 15:04:05")
}

// Clock writes the time of day, with seconds.
func (f Frame) Clock(t time.Time) string {
	return t.In(f.Now.Wall.Location()).Format("15:04:05")
}
