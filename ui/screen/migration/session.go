// Package migration is the whole-screen view of migrations: a wizard of four steps that makes a plan, and the running
// session with a row for every step. It never acts: it returns what is to be done and the root does it.
package migration

import (
	"slices"

	"holdfast/appliance/migration"
	"holdfast/ui/keymap"
	"holdfast/ui/widget/scroll"
)

// Order is what an operator wants done with a session.
type Order int

// Orders.
const (
	OrderNone Order = iota
	OrderPause
	OrderResume
	OrderSkip
	OrderRetry
	OrderEarlier
	OrderLater
	OrderCancel
	OrderPassphrase
	OrderReport
)

// Word is what an order is called when it is confirmed or refused.
func (o Order) Word() string {
	return [...]string{"", "pause", "resume", "skip", "retry", "move up", "move down", "cancel", "give the passphrase", "write the report"}[o]
}

// Outcome is what a key did.
type Outcome struct {
	Close bool
	Order Order
	ID    string // of the migration
	Step  int
	Plan  *migration.Plan // the wizard: to be begun
	Copy  string          // text for the clipboard
}

// Offer is a key that does something now: by its action where users may remap it, else by its name.
type Offer struct {
	Action    keymap.Action
	Key, Word string
}

// Session shows one migration, and lets its operator go from one to the next.
type Session struct {
	views  []migration.View // newest first
	id     string           // of the one that is shown
	cursor int              // step
	place  scroll.Place
}

// NewSession opens the view of a migration; with an empty id the newest.
func NewSession(views []migration.View, id string) *Session {
	s := &Session{id: id}
	s.Set(views)
	return s
}

// Set takes the newest views over. The cursor stays on its step.
func (s *Session) Set(views []migration.View) {
	s.views = views
	if s.view() == nil && len(views) > 0 {
		s.id, s.cursor = views[0].ID, 0
	}
	if v := s.view(); v != nil {
		s.cursor = max(0, min(s.cursor, len(v.Steps)-1))
	}
}

// number is the place of the shown migration among all, from 1; 0 = none is shown.
func (s *Session) number() int {
	return 1 + slices.IndexFunc(s.views, func(v migration.View) bool { return v.ID == s.id })
}

func (s *Session) view() *migration.View {
	if n := s.number(); n > 0 {
		return &s.views[n-1]
	}
	return nil
}

// page is how many steps a page key goes.
const page = 10

// Press does what a binding says.
func (s *Session) Press(a keymap.Action) Outcome {
	v := s.view()
	if v == nil {
		return Outcome{Close: a == keymap.Back || a == keymap.Quit || a == keymap.Migrate}
	}
	out := Outcome{ID: v.ID, Step: s.cursor}
	last := len(v.Steps) - 1
	switch a {
	case keymap.Back, keymap.Quit, keymap.Migrate:
		out.Close = true
	case keymap.Up:
		s.cursor = max(0, s.cursor-1)
	case keymap.Down:
		s.cursor = min(last, s.cursor+1)
	case keymap.PageUp:
		s.cursor = max(0, s.cursor-page)
	case keymap.PageDown:
		s.cursor = min(last, s.cursor+page)
	case keymap.First:
		s.cursor = 0
	case keymap.Last:
		s.cursor = last
	case keymap.Next:
		s.other(1)
	case keymap.Previous:
		s.other(-1)
	default:
		out.Order = order(v, s.cursor, a)
	}
	return out
}

// order is what an action asks for of a migration and its step.
func order(v *migration.View, step int, a keymap.Action) Order {
	switch a {
	case keymap.Pause:
		if v.State == migration.StateRunning {
			return OrderPause
		}
		return OrderResume
	case keymap.Skip:
		return OrderSkip
	case keymap.Retry:
		return OrderRetry
	case keymap.Earlier:
		return OrderEarlier
	case keymap.Later:
		return OrderLater
	case keymap.Cancel:
		return OrderCancel
	case keymap.Passphrase:
		if v.Steps[step].Phase == migration.PhasePassphrase {
			return OrderPassphrase
		}
	case keymap.Report:
		return OrderReport
	}
	return OrderNone
}

// other shows the next migration.
func (s *Session) other(by int) {
	n := (s.number() - 1 + by + len(s.views)) % len(s.views)
	s.id, s.cursor = s.views[n].ID, 0
}

// Offers is what can be pressed now, what fits the step under the cursor first.
func (s *Session) Offers() (offers []Offer) {
	v := s.view()
	add := func(a keymap.Action, word string) { offers = append(offers, Offer{Action: a, Word: word}) }
	switch {
	case v == nil:
	case v.Elsewhere != "":
		offers = append(offers, s.toAll()...)
	default:
		switch p := v.Steps[s.cursor].Phase; {
		case p == migration.PhasePassphrase:
			add(keymap.Passphrase, "passphrase")
			add(keymap.Skip, "skip")
		case p.Wrong():
			add(keymap.Retry, "retry")
			add(keymap.Skip, "skip")
		case p == migration.PhaseSkipped && !v.State.Ended():
			add(keymap.Retry, "retry")
		case p == migration.PhaseQueued:
			add(keymap.Skip, "skip")
			if len(v.Order) > 1 {
				add(keymap.Earlier, "earlier")
				add(keymap.Later, "later")
			}
		}
		switch v.State {
		case migration.StateRunning:
			add(keymap.Pause, "pause")
		case migration.StatePaused, migration.StateAsking, migration.StateStopped:
			add(keymap.Pause, "resume")
		}
		if !v.State.Ended() {
			add(keymap.Cancel, "cancel")
		}
		offers = append(offers, s.toAll()...)
	}
	add(keymap.Back, "back")
	add(keymap.Help, "help")
	return offers
}

// toAll is what can be done with any migration, whoever carries it on.
func (s *Session) toAll() []Offer {
	offers := []Offer{{Action: keymap.Report, Word: "report"}}
	if len(s.views) > 1 {
		offers = append(offers, Offer{Action: keymap.Next, Word: "next migration"})
	}
	return offers
}
