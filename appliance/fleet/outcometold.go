package fleet

// What the listings tell of the outcome of a transfer: outcome.go decides when they are asked, and this what is said.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast/appliance"
)

// untold is the ending of a transfer whose outcome no listing can tell.
func (c *check) untold() Ending {
	e := c.ending(FateUnknown)
	e.Text = cmp.Or(c.said, "what came of it is not known") + noListing
	if c.success {
		e.Fate, e.Text = FateTold, cmp.Or(c.said, "the appliance said that it is done")+noListing
	}
	return e
}

const noListing = "; the backups cannot be listed there"

// stocked is the transfer's backup as listed last; the zero one when it is not.
func (w *watcher) stocked(t appliance.Transfer) (b appliance.Backup) {
	for _, x := range w.stock.Backups {
		if x.ID == t.Backup {
			b = x
		}
	}
	return b
}

// tellSearch says what came of the search for a transfer of which nobody knew whether it ran.
func (w *watcher) tellSearch(c *check, sure bool) Ending {
	t, e := c.transfer, c.ending(FateThere)
	level, b := Good, w.stocked(t)
	e.Same = sure && !b.Checksum.Empty() && b.Checksum == t.Checksum
	switch {
	case t.Verb == appliance.VerbMove && c.lists[laneBackups] > 0,
		t.Verb == appliance.VerbCopy && sure && differ(b.Checksum, t.Checksum):
		return w.tellCheck(c)
	case t.Verb == appliance.VerbPush && sure:
		b, asked := w.e.arrival(t, c.since)
		return w.tellArrival(c, b, asked)
	case t.Verb == appliance.VerbDelete && !sure && c.lists[laneBackups] == 0:
		level, e.Fate, e.Text = Warn, FateUnknown, "whether the "+w.e.transferWords(t)+" took place is not known"+noListing
	case t.Verb == appliance.VerbDelete && !sure && t.Destination == string(appliance.Everywhere): // it may be gone from some
		level, e.Fate = Warn, FateUnknown
		e.Text = fmt.Sprintf("the %s is not complete: it is still listed at %s", w.e.transferWords(t), placesOf(b))
	case t.Verb == appliance.VerbDelete && !sure:
		level, e.Fate = Warn, FateUnknown // it may come late: nothing ever says that it will not
		e.Text = "whether the " + w.e.transferWords(t) + " takes place is not known: it is listed there as before"
	case !sure:
		level, e.Fate = Warn, FateUnknown
		e.Text = fmt.Sprintf("unknown, nothing found: no job of the %s, and the backup was not seen there", w.e.transferWords(t))
	default:
		e.Text = fmt.Sprintf("the %s took place, as the listing says", w.e.transferWords(t))
	}
	w.e.event(level, w.name, "", e.Text)
	return e
}

// gone reports whether a backup, as listed, lies no more where it was to be removed from.
func gone(t appliance.Transfer, b appliance.Backup) bool {
	if t.Destination == string(appliance.Everywhere) {
		return len(b.Locations) == 0
	}
	return !b.At(appliance.Location(t.Destination))
}

// removed reports whether a removal is settled that the appliance said to have done: the backup is listed there no more, or has
// been for long enough.
func (w *watcher) removed(c *check) bool {
	is := gone(c.transfer, w.stocked(c.transfer)) && w.stock.Unreadable == 0 // a row that cannot be read may be it
	if !is && !c.late[laneBackups] {
		return false
	}
	w.over(c.intent, w.tellRemoval(c, is))
	return true
}

// tellRemoval says what the newest listing tells of a removal that the appliance said to have done.
func (w *watcher) tellRemoval(c *check, is bool) Ending {
	e := c.ending(FateThere)
	e.Text = fmt.Sprintf("the %s took place, as the listing says", w.e.transferWords(c.transfer))
	level, b := Good, w.stocked(c.transfer)
	switch {
	case is && c.transfer.Stays != "" && !b.At(c.transfer.Stays):
		level, e.Fate = Alarm, FateNeither
		e.Text += fmt.Sprintf(", and nor is the copy listed at %s any more", appliance.Label(string(c.transfer.Stays)))
	case !is:
		level, e.Fate = Alarm, FateUnknown
		e.Text = fmt.Sprintf("the appliance said that the %s is done, and lists it still at %s", w.e.transferWords(c.transfer),
			placesOf(b))
	}
	w.e.event(level, w.name, "", e.Text)
	return e
}

// made reports whether the new backup is listed.
func (w *watcher) made(c *check) bool {
	return c.before != nil && slices.ContainsFunc(w.stock.Backups, func(b appliance.Backup) bool {
		return !c.before[b.ID] && (b.Label == c.transfer.Label || b.ID == appliance.BackupID(c.transfer.Label.String()))
	})
}

// tellMade says what the newest listing tells of a new backup whose job has ended.
func (w *watcher) tellMade(c *check) Ending {
	e := c.ending(FateNot)
	e.Text = cmp.Or(c.said, "the new backup is not listed")
	switch listed := w.made(c); {
	case listed && c.success:
		e.Fate, e.Text = FateThere, fmt.Sprintf("backup %s is made, as the listing says", c.transfer.Label)
		w.e.event(Good, w.name, "", e.Text)
	case listed:
		e.Fate, e.Text = FateUnknown, fmt.Sprintf("backup %s is listed although its job did not say success", c.transfer.Label)
		w.e.event(Warn, w.name, "", e.Text)
	case c.success && c.before == nil:
		e.Fate, e.Text = FateTold, "its job said success; which backup it is cannot be told"
	case c.success:
		e.Fate, e.Text = FateUnknown, fmt.Sprintf("backup %s is not listed although its job said success", c.transfer.Label)
		w.e.event(Warn, w.name, "", e.Text)
	}
	return e
}

// placesOf names where a backup lies.
func placesOf(b appliance.Backup) string {
	var names []string
	for _, l := range b.Locations {
		names = append(names, appliance.Label(string(l)).String())
	}
	return strings.Join(names, ", ")
}

// tellCheck says what the newest listing of backups tells of a copy or a move.
func (w *watcher) tellCheck(c *check) Ending {
	t := c.transfer
	if t.Verb == appliance.VerbCreate {
		return w.tellMade(c)
	}
	b := w.stocked(t)
	place := appliance.Location(t.Destination)
	source, there := b.At(appliance.Internal), b.At(place)
	e := c.ending(FateNot)
	tell := func(level Level, fate Fate, format string, args ...any) {
		e.Fate, e.Text = fate, fmt.Sprintf("backup %s (%s) ", t.Label, t.Backup)+fmt.Sprintf(format, args...)
		w.e.event(level, w.name, "", e.Text)
	}
	untold := b.Checksum.Empty() || t.Checksum.Empty()
	e.Same = there && !untold && b.Checksum == t.Checksum
	switch {
	case there && differ(b.Checksum, t.Checksum):
		tell(Alarm, FateOther, "is listed at %s with another checksum: %s, not %s", place, b.Checksum, t.Checksum)
	case t.Verb == appliance.VerbCopy && there:
		e.Fate, e.Text = FateThere, fmt.Sprintf("copied to %s, as the listing says", place)
		if !c.success {
			tell(Warn, FateThere, "is listed at %s although the job did not say success", place)
		}
	case t.Verb == appliance.VerbCopy && len(b.Locations) == 0:
		tell(Alarm, FateNeither, "is listed nowhere any more, neither where it lay nor at %s (checksum %s, job %s)", place,
			t.Checksum, c.job)
	case t.Verb == appliance.VerbCopy && c.success:
		tell(Warn, FateUnknown, "is not listed at %s although the job said success", place)
	case t.Verb == appliance.VerbCopy:
		e.Text = cmp.Or(c.said, "it is not listed at "+string(place))
	case there && source:
		tell(Warn, FateBoth, "is copied to %s; the original in internal is kept", place)
	case there && untold:
		tell(Warn, FateThere, "is moved to %s, as the listing says; whether it is the same cannot be told, as no checksum is", place)
	case there && !c.success:
		tell(Warn, FateThere, "is moved to %s, as the listing says, although no job said success", place)
	case there:
		tell(Good, FateThere, "is moved to %s", place)
	case source && c.unknown:
		tell(Warn, FateNot, "is not moved: it lies in internal as before, and no job of it was found")
	case source:
		tell(Warn, FateNot, "is not moved: it lies in internal as before")
	default:
		tell(Alarm, FateNeither, "is listed neither in internal nor at %s (checksum %s, job %s)", place, t.Checksum, c.job)
	}
	if e.Fate == FateNot && c.said != "" {
		e.Text = c.said
	}
	return e
}
