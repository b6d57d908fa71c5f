package pane

import (
	"holdfast/appliance/fleet"
	"holdfast/ui/theme"
)

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
