package appliances

import (
	"fmt"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

func detail(f widget.Frame, s *fleet.Snapshot) pane.Detail {
	_, role := Look(f, s)
	d := pane.Detail{Title: s.Name, Raw: s.Health.Raw}
	add := func(name, value string, role theme.Role) {
		if value != "" {
			d.Fields = append(d.Fields, pane.Pair{Name: name, Value: value, Role: role})
		}
	}
	state := s.State.String()
	if !s.Since.IsZero() {
		state += " since " + f.Moment(s.Since.Wall)
	}
	add("state", state, role)
	add("trouble", s.Trouble, theme.Warn)
	add("what to do", s.Advice, theme.Strong)
	for _, n := range s.Notices {
		add(n.Level.String(), n.Text, pane.LevelRole(n.Level))
	}
	h := s.Health
	add("product", Product(s), theme.Plain)
	add("product name", h.Product.String(), theme.Plain)
	add("version", h.Version.String(), theme.Plain)
	add("host", h.Host.String(), theme.Plain)
	add("service", h.Service.String(), theme.Plain)
	add("logged in as", h.User.String()+rights(s), theme.Plain)
	add("locks", h.NoLocks, theme.Warn)
	add("address for a push", s.Address, theme.Plain)
	if h.Uptime > 0 {
		add("up for", widget.Age(h.Uptime), theme.Plain)
	}
	if s.RoundTrip > 0 {
		add("round trip", widget.Took(s.RoundTrip), theme.Plain)
	}
	if s.Skew.Abs() > 5*time.Second {
		add("its clock is off by", s.Skew.Round(time.Second).String(), theme.Warn)
	}
	if s.Space.Total > 0 && s.Space.Used >= 0 {
		add("repository", fmt.Sprintf("%s of %s used", widget.Size(s.Space.Used), widget.Size(s.Space.Total)), theme.Plain)
	} else {
		add("repository", s.Space.Text.String(), theme.Plain)
	}
	add("connection", h.Peer.Protocol, theme.Plain)
	add("key", h.Peer.Pin, theme.Plain)
	if !h.Peer.NotAfter.IsZero() {
		add("certificate ends", f.Moment(h.Peer.NotAfter), theme.Plain)
	}
	d.Told(h.Fields)
	return d
}

func rights(s *fleet.Snapshot) string {
	switch {
	case s.HealthPart.At.IsZero():
		return ""
	case s.Health.Doubt:
		return ", whether we may change things is unknown"
	case s.Health.MayChange:
		return ", may change things"
	default:
		return ", may only look"
	}
}
