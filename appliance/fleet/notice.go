package fleet

import (
	"fmt"
	"slices"
	"time"
)

// skewTold is how far an appliance's clock may be off before it is said (faults.md CLK-01).
const skewTold = 5 * time.Second

// notice rebuilds what lasts and should be known of the appliance. The caller holds w.mu.
func (w *watcher) notice() {
	var list []Notice
	add := func(level Level, format string, args ...any) {
		list = append(list, Notice{level, fmt.Sprintf(format, args...)})
	}
	if what := w.failure.Load(); what != nil {
		add(Alarm, "our own program failed at it: %s; the log tells more, and what is shown here may lack something", *what)
	}
	now := w.e.clock.Now()
	w.noticeHealth(now.Wall, add)
	w.noticeBackups(now.Wall, add)
	if w.s.Skew.Abs() > skewTold {
		where := "ahead of"
		if w.s.Skew < 0 {
			where = "behind"
		}
		add(Warn, "clock %s %s ours; expiry is reckoned with that", rough(w.s.Skew.Abs()), where)
	}
	for l, what := range [...]string{laneLocks: "locks", laneJobs: "jobs", laneBackups: "backups"} {
		p := w.part(lane(l))
		if what != "" && p.Unreadable > 0 {
			add(Warn, "%d of its %s cannot be read", p.Unreadable, what)
		}
		if what != "" && p.Err != "" {
			add(Warn, "%s: %s", what, p.Err)
		}
	}
	if !slices.Equal(list, w.s.Notices) {
		w.s.Notices, w.content = list, true
	}
}

func (w *watcher) noticeHealth(now time.Time, add func(Level, string, ...any)) {
	if w.s.HealthPart.At.IsZero() {
		return
	}
	h := w.s.Health
	if w.locker != nil && h.NoLocks != "" {
		add(Info, "no locks here: %s", h.NoLocks)
	}
	if days := h.PasswordDays; days >= 0 && days <= w.e.warn.PasswordDays {
		add(Warn, "password ends %s", inDays(days))
	}
	if end := h.Peer.NotAfter; !end.IsZero() {
		switch days := int(end.Sub(now).Hours() / 24); {
		case end.Before(now):
			add(Alarm, "certificate ended on %s", end.UTC().Format(time.DateOnly))
		case days <= w.e.warn.CertificateDays:
			add(Warn, "certificate ends %s", inDays(days))
		}
	}
	if h.Peer.Renewed {
		add(Info, "its certificate was renewed, with the same key")
	}
	if h.Peer.Old {
		add(Warn, "it speaks %s only, which is allowed by min_tls", h.Peer.Protocol)
	}
	for _, m := range h.Told {
		add(Info, "%s", m)
	}
}

// noticeBackups warns of old backups; only the age of what was listed is told.
func (w *watcher) noticeBackups(now time.Time, add func(Level, string, ...any)) {
	if w.backups == nil || w.stock.Stamp.Sent.IsZero() {
		return
	}
	if len(w.stock.Backups) == 0 && w.stock.Unreadable == 0 {
		add(Warn, "no backup at all")
		return
	}
	var newest time.Time
	for _, b := range w.stock.Backups {
		if b.Created.After(newest) {
			newest = b.Created
		}
	}
	if age := now.Add(w.s.Skew).Sub(newest); !newest.IsZero() && age > w.e.warn.BackupAge {
		add(Warn, "newest backup is %s old", rough(age))
	}
}

func inDays(days int) string {
	switch {
	case days <= 0:
		return "today"
	case days == 1:
		return "tomorrow"
	default:
		return fmt.Sprintf("in %d days", days)
	}
}
