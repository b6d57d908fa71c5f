// Package locks is the pane of every lock in the fleet, with a countdown to the earliest moment at which each may be gone.
package locks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/lease"
	"holdfast/ui/pane"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// Row is a lock with how fresh the listing is that showed it.
type Row struct {
	*fleet.Lock
	Part   fleet.Part
	Order  int
	Unsure bool           // our clock jumped and the locks were not listed since
	Lost   *fleet.Lost    // no lock any more, but the loss of one
	Doubt  *fleet.Doubt   // no lock that is known, but a request for one whose answer was lost
	Wait   *fleet.Waiting // somebody waits for it
}

// state is what may be said of the lock now.
func (r Row) state(f widget.Frame) (lease.State, time.Duration) {
	if r.Unsure {
		return lease.Unknown, 0
	}
	return r.Term.At(f.Now)
}

// New makes the pane for the person me.
func New(me string) *pane.List[Row] {
	return pane.NewList(pane.Def[Row]{
		Number: 2, Name: "Locks", Columns: columns(me), Detail: Detail(me),
		Key:       Row.key,
		Appliance: func(r Row) string { return r.Lock.Appliance },
		Words: func(r Row) string {
			return r.Lock.Appliance + " " + r.Scope.String() + " " + HolderWord(me, r) + " " + string(r.ID)
		},
		Default: order,
		Gather:  gather,
		Empty:   Empty,
		Note:    note,
		Ticks: func(f widget.Frame, r Row) bool {
			state, _ := r.state(f)
			return state == lease.Held || state == lease.Expiring
		},
	})
}

// key is the row's identity: that of the lock, or of what became of one.
func (r Row) key() string {
	switch {
	case r.Lost != nil:
		return r.Lock.Key() + "\x00lost"
	case r.Doubt != nil:
		return fmt.Sprint(r.Lock.Key(), "\x00doubt", r.Doubt.Since.Run)
	default:
		return r.Lock.Key()
	}
}

// gather makes a row of every lock, of every loss that nobody acknowledged, and of every request whose answer was lost.
func gather(src pane.Source) []Row {
	var rows []Row
	for _, s := range src.Snapshots {
		for i := range s.Lost {
			l := s.Lost[i]
			lock := &fleet.Lock{Appliance: s.Name, By: l.Who, Note: l.Why, Lock: appliance.Lock{ID: l.Lock, Scope: l.Scope}}
			rows = append(rows, Row{Lock: lock, Part: s.LocksPart, Order: s.Order, Lost: &l})
		}
		for i := range s.Doubts {
			d := s.Doubts[i]
			lock := &fleet.Lock{Appliance: s.Name, By: d.Who, Lock: appliance.Lock{Scope: src.Scope(s.Name, d.Claim.Scope)}}
			rows = append(rows, Row{Lock: lock, Part: s.LocksPart, Order: s.Order, Doubt: &d})
		}
	}
	return append(rows, Gather(src)...)
}

// Gather makes a row of every lock in the fleet.
func Gather(src pane.Source) []Row {
	n := 0
	for _, s := range src.Snapshots {
		n += len(s.Locks)
	}
	rows := make([]Row, 0, n)
	for _, s := range src.Snapshots {
		for i := range s.Locks {
			r := Row{Lock: &s.Locks[i], Part: s.LocksPart, Order: s.Order, Unsure: s.Unsure}
			if s.Locks[i].Exclusive {
				r.Wait = s.Wait
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// order puts what is ours first, then what ends first; what has no known end comes last.
func order(a, b Row) int {
	return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Term.End, b.Term.End), a.Order-b.Order)
}

func rank(r Row) int {
	switch {
	case r.Lost != nil || r.Doubt != nil:
		return -1
	case r.Mine:
		return 0
	case r.Term.Known:
		return 1
	case r.Holder == appliance.HolderAnother:
		return 2
	default:
		return 3
	}
}

// note counts the rows by what they are, where they are not all locks that somebody holds.
func note(src pane.Source, ix *table.Index[Row]) string {
	var mine, held, lost, doubtful int
	for _, r := range ix.Rows {
		switch {
		case r.Lost != nil:
			lost++
		case r.Doubt != nil:
			doubtful++
		case r.Mine || !r.Exclusive || r.Holder == appliance.HolderAnother:
			held++
		}
		if r.Mine {
			mine++
		}
	}
	var words []string
	if lost > 0 {
		words = append(words, fmt.Sprintf("%d lost", lost))
	}
	if doubtful > 0 {
		words = append(words, fmt.Sprintf("%d outcome unknown", doubtful))
	}
	if n := unreadable(src); n != "" {
		words = append(words, n)
	}
	if held < ix.Len() {
		words = append(words, fmt.Sprintf("%d held", held))
	}
	if ix.Len() > 0 {
		words = append(words, fmt.Sprintf("%d yours", mine))
	}
	return strings.Join(words, " · ")
}

func unreadable(src pane.Source) string {
	return src.Unreadable(func(s *fleet.Snapshot) fleet.Part { return s.LocksPart })
}

// Empty says that there is no lock, and what brings one. It tells only of appliances that were really asked.
func Empty(src pane.Source) []string {
	var asked, silent []string
	for _, s := range src.Snapshots {
		switch {
		case !s.Can.Lock:
		case s.LocksPart.At.IsZero():
			silent = append(silent, s.Name)
		default:
			asked = append(asked, s.Name)
		}
	}
	if len(asked) == 0 {
		return []string{"No locks have been listed yet."}
	}
	words := []string{"No lock is held anywhere. a takes one."}
	if n := unreadable(src); n != "" {
		words = []string{"No lock that can be read: " + n + "."}
	}
	if len(silent) > 0 {
		words = append(words, "Not listed yet: "+strings.Join(silent, ", ")+".")
	}
	return words
}
