package appliances

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

func columns() []table.Column[*fleet.Snapshot] {
	return []table.Column[*fleet.Snapshot]{
		{Title: "", Width: 1, Tight: true, Cell: sign},
		{Title: "NAME", Width: 10, Least: 6, Wish: named, Cell: name, Compare: pane.By(named)},
		{Title: "STATE", Width: 14, Grow: 1, Cell: state,
			Compare: func(a, b *fleet.Snapshot) int { return cmp.Compare(b.State, a.State) }},
		{Title: "ROUND", Width: 8, Right: true, Drop: 3, Cell: round,
			Compare: func(a, b *fleet.Snapshot) int { return cmp.Compare(a.RoundTrip, b.RoundTrip) }},
	}
}

// Look is the symbol and the colour of a state.
func Look(f widget.Frame, s *fleet.Snapshot) (string, theme.Role) {
	y := f.Theme.Symbols
	switch s.State {
	case fleet.StateUp:
		if level := worst(s); level >= fleet.Warn {
			return y.Up, pane.LevelRole(level)
		}
		return y.Up, theme.Good
	case fleet.StateSlow, fleet.StateRestarting:
		return y.Slow, theme.Warn
	case fleet.StateAsking:
		return y.Asking, theme.Dim
	case fleet.StateDown:
		return y.Down, theme.Alarm
	default:
		return y.Trouble, theme.Alarm
	}
}

func worst(s *fleet.Snapshot) fleet.Level {
	level := fleet.Info
	for _, n := range s.Notices {
		level = max(level, n.Level)
	}
	return level
}

func sign(f widget.Frame, s *fleet.Snapshot) table.Cell {
	text, role := Look(f, s)
	return table.Cell{Text: text, Role: role}
}

func name(_ widget.Frame, s *fleet.Snapshot) table.Cell { return table.Cell{Text: s.Name} }

func named(s *fleet.Snapshot) string { return s.Name }

// state is what the appliance is while it answers, and what is wrong with it; of the two, what is wrong where only one fits.
func state(f widget.Frame, s *fleet.Snapshot) table.Cell {
	_, role := Look(f, s)
	is, wrong := s.State.String(), s.Trouble
	if q := s.Quiet; q != nil && s.State <= fleet.StateDown { // as was to be expected, so no alarm
		return table.Cell{Text: "quiet: " + q.Text, Role: theme.Ours}
	}
	switch s.State {
	case fleet.StateUp:
		is, wrong = Product(s), notice(s)
		if wrong == "" {
			return table.Cell{Text: is, Role: theme.Plain}
		}
		return table.Cell{Text: is + "  " + wrong, Short: wrong, Role: role}
	case fleet.StateSlow:
		is = "slow " + widget.Took(s.RoundTrip)
	case fleet.StateAsking:
		return table.Cell{Text: is, Role: role}
	default:
		if age := f.Now.Since(s.Since); !s.Since.IsZero() && age >= 10*time.Second {
			is += " " + widget.Age(age)
		}
	}
	if wrong == "" {
		return table.Cell{Text: is, Role: role}
	}
	return table.Cell{Text: is + "  " + wrong, Short: is, Role: role}
}

// Product is the appliance's make in a few words: LXCA 4.1.0 SFTP on, ECB 4.2 active.
func Product(s *fleet.Snapshot) string {
	words := []string{strings.ToUpper(string(s.Kind))}
	if v := number(s.Health.Version.String()); v != "" {
		words = append(words, v)
	}
	if s.ReadOnly {
		words = append(words, "read-only")
	}
	switch s.Kind {
	case appliance.LXCA:
		if s.Health.Service.String() == "SFTP on" {
			words = append(words, "SFTP")
		}
	default:
		if r := s.Health.Role.String(); r != "" {
			words = append(words, r)
		}
	}
	return strings.Join(words, " ")
}

var dotted = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)

// number is the version in a text like PCZ4.2.0 GA (Build 114); the whole text when there is none.
func number(version string) string {
	if n := dotted.FindString(version); n != "" {
		return n
	}
	return version
}

// round is the latest round trip in steps so coarse that a standing screen stays still; the detail tells it exactly.
func round(_ widget.Frame, s *fleet.Snapshot) table.Cell {
	const step = 100 * time.Millisecond
	switch d := s.RoundTrip; {
	case d == 0:
		return table.Cell{}
	case d < step:
		return table.Cell{Text: "<" + widget.Took(step), Role: theme.Dim}
	default:
		return table.Cell{Text: widget.Took(d.Round(step)), Role: theme.Dim}
	}
}

// notice is the gravest of what should be known of an appliance that answers; empty below a warning.
func notice(s *fleet.Snapshot) string {
	level := worst(s)
	for _, n := range s.Notices {
		if n.Level == level && level >= fleet.Warn {
			return n.Text
		}
	}
	return ""
}
