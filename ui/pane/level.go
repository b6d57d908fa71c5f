package pane

import (
	"holdfast/appliance/fleet"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// Fresh is the colour of data: plain, and dim once it is stale.
func Fresh(f widget.Frame, p fleet.Part) theme.Role {
	if p.Stale(f.Now) {
		return theme.Dim
	}
	return theme.Plain
}

// LevelRole is the colour of a level.
func LevelRole(l fleet.Level) theme.Role {
	switch l {
	case fleet.Good:
		return theme.Good
	case fleet.Warn:
		return theme.Warn
	case fleet.Alarm:
		return theme.Alarm
	default:
		return theme.Plain
	}
}
