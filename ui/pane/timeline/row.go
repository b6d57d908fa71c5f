package timeline

import (
	"cmp"
	"fmt"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/pane/locks"
	"holdfast/ui/widget"
)

// Row is what is drawn in one line: a lock, or a gap in what was to be kept.
type Row struct {
	Key       string
	Appliance string
	Scope     string
	Holder    string
	Order     int              // place of the appliance in the configuration
	Told      appliance.Holder // whose it is, as far as the appliance tells
	Mine      bool
	Term      lease.Term
	Unsure    bool // our clock jumped and the locks were not listed since

	Kept   bool      // it is extended by itself
	KeptTo time.Time // when that ends, on our wall clock; zero = when told

	Gap      bool // no lock, but the lack of one
	From, To time.Duration

	lock locks.Row // for the detail; without a lock for a gap
}

// Known reports whether anything can be drawn of a lock's time.
func (r Row) Known() bool { return r.Term.Known && !r.Unsure }

// ID is the lock's; empty for a gap.
func (r Row) ID() appliance.LockID {
	if r.Gap {
		return ""
	}
	return r.lock.ID
}

// words is what is said of a row that has no bar.
func (r Row) words() string {
	switch {
	case r.Known() || r.Gap:
		return ""
	case r.Unsure:
		return "unknown, asking"
	case r.Mine:
		return "yours, end unknown"
	case r.Told == appliance.HolderAnother:
		return "held by another, end unknown"
	case r.Told == appliance.HolderNobody:
		return "free when last seen"
	default:
		return "not known whether it is held"
	}
}

// gather makes the rows of every appliance: the one place where this pane looks into a snapshot.
func gather(me string) func(pane.Source) []Row {
	return func(src pane.Source) []Row {
		var rows []Row
		for _, l := range locks.Gather(src) {
			rows = append(rows, Row{
				Key: l.Lock.Key(), Appliance: l.Lock.Appliance, Scope: l.Scope.String(), Holder: locks.HolderWord(me, l),
				Order: l.Order, Told: l.Lock.Holder, Mine: l.Mine, Term: l.Term, Unsure: l.Unsure, Kept: l.Kept,
				KeptTo: l.KeptTo, lock: l,
			})
		}
		for _, s := range src.Snapshots {
			for _, g := range s.Gaps {
				rows = append(rows, Row{
					Key: fmt.Sprint(s.Name, "\x00gap", g.From.Run), Appliance: s.Name, Scope: g.Scope.String(), Holder: "gap", Order: s.Order,
					Gap: true, From: g.From.Run, To: g.To.Run,
				})
			}
		}
		return rows
	}
}

// order groups by appliance: what is ours first, then what ends first, what has no known end, and gaps last.
func order(a, b Row) int {
	rank := func(r Row) int {
		switch {
		case r.Gap:
			return 3
		case r.Mine:
			return 0
		case r.Term.Known:
			return 1
		default:
			return 2
		}
	}
	return cmp.Or(a.Order-b.Order, rank(a)-rank(b), cmp.Compare(a.From, b.From), cmp.Compare(a.Term.End, b.Term.End))
}

// ends is the word at the right end of a row.
func ends(f widget.Frame, r Row) string {
	switch state, _ := r.Term.At(f.Now); {
	case r.Gap:
		return widget.Span(r.To - r.From)
	case !r.Known():
		return "unknown"
	case state == lease.Expiring:
		return "expiring"
	case state == lease.Gone:
		return "past end"
	case r.Kept && r.KeptTo.IsZero():
		return "kept"
	case r.Kept:
		return "to " + f.Clock(r.KeptTo)[:len("15:04")]
	default:
		return f.Clock(r.Term.EndsWall)
	}
}
