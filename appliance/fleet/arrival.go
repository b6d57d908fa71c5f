package fleet

import (
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
)

// arrival is the backup of a push as its target lists it, nil when it does not; asked tells that the target was asked after the
// given run, without which nothing is known.
func (e *Engine) arrival(t appliance.Transfer, after time.Duration) (b *Backup, asked bool) {
	target := e.target(t)
	if target == nil {
		return nil, false
	}
	s := target.snap.Load()
	if s.BackupsPart.At.IsZero() || s.BackupsPart.At.Run <= after {
		return nil, false
	}
	if i := slices.IndexFunc(s.Backups, func(b Backup) bool { return b.ID == t.Backup }); i >= 0 {
		return &s.Backups[i], true
	}
	return nil, true
}

// arrives asks the target of a push whose job has ended, and reports whether that is settled: it lists the backup, or has had
// time enough to (faults.md JOB-06, JOB-08).
func (w *watcher) arrives(c *check) bool {
	target := w.e.target(c.transfer)
	b, asked := w.e.arrival(c.transfer, c.since)
	late := w.e.clock.Now().Run-c.since >= searchFor
	if b == nil && !late && (c.success || !asked) {
		if target != w {
			w.e.sched.wake(target, of(laneBackups)&target.lanes)
		}
		return false
	}
	w.over(c.intent, w.tellArrival(c, b, asked))
	return true
}

// tellArrival says what the target of a push tells of it.
func (w *watcher) tellArrival(c *check, b *Backup, asked bool) Ending {
	words := w.e.transferWords(c.transfer)
	e := c.ending("")
	tell := func(level Level, fate Fate, format string, args ...any) {
		e.Fate, e.Text = fate, fmt.Sprintf(format, args...)
		w.e.event(level, w.name, "", e.Text)
	}
	e.Same = b != nil && !b.Checksum.Empty() && b.Checksum == c.transfer.Checksum
	switch {
	case b != nil && differ(b.Checksum, c.transfer.Checksum):
		tell(Alarm, FateOther, "the %s arrived with another checksum: %s, not %s", words, b.Checksum, c.transfer.Checksum)
	case b != nil && (c.success || c.unknown):
		tell(Good, FateThere, "the %s arrived, as the listing of its target says", words)
	case b != nil && (b.Checksum.Empty() || c.transfer.Checksum.Empty()):
		tell(Warn, FateUnknown, "its target lists what the %s was to bring, although the job did not say success; "+
			"whether it is whole cannot be told, as no checksum is", words)
	case b != nil:
		tell(Warn, FateThere, "the %s arrived, as the listing of its target says, although the job did not say success", words)
	case !c.success && asked: // that it ended so was told
		e.Fate, e.Text = FateNot, c.said
	case !c.success:
		e.Fate, e.Text = FateNot, c.said+"; its target could not be asked"
	case asked:
		tell(Alarm, FateUnknown, "the job of the %s said success, and its target does not list it", words)
	default:
		tell(Warn, FateUnknown, "the job of the %s said success, and its target could not be asked", words)
	}
	return e
}

// differ reports whether two checksums are known and not the same.
func differ(a, b appliance.Text) bool { return !a.Empty() && !b.Empty() && a != b }
