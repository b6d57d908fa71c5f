// Package events is the pane of what happened, newest first.
package events

import (
	"cmp"
	"fmt"
	"strings"

	"holdfast/appliance/fleet"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// New makes the pane for the person me.
func New(me string) *pane.List[fleet.Event] {
	return pane.NewList(pane.Def[fleet.Event]{
		Number: 5, Name: "Events", Columns: columns(me), Newest: true,
		Key:       func(e fleet.Event) string { return fmt.Sprint(e.Seq) },
		Words:     func(e fleet.Event) string { return e.Appliance + " " + e.Who + " " + e.Text + " " + e.Level.String() },
		Default:   func(a, b fleet.Event) int { return cmp.Compare(b.Seq, a.Seq) },
		Gather:    func(src pane.Source) []fleet.Event { return append([]fleet.Event(nil), src.Events...) },
		Appliance: func(e fleet.Event) string { return e.Appliance },
		Empty:     func(pane.Source) []string { return []string{"Nothing has happened yet."} },
		Detail:    detail,
		Whole: func(_ widget.Frame, e fleet.Event) string {
			return strings.TrimPrefix(e.Appliance+": ", ": ") + sentence(me, e)
		},
	})
}

func columns(me string) []table.Column[fleet.Event] {
	return []table.Column[fleet.Event]{
		{Title: "AT", Width: 8, Cell: func(f widget.Frame, e fleet.Event) table.Cell {
			return table.Cell{Text: f.Clock(e.At.Wall), Role: theme.Dim}
		}},
		{Title: "APPLIANCE", Width: 10, Wish: on, Cell: func(_ widget.Frame, e fleet.Event) table.Cell {
			return table.Cell{Text: e.Appliance}
		}, Compare: pane.By(on)},
		{Title: "", Width: 7, Drop: 1, Cell: func(_ widget.Frame, e fleet.Event) table.Cell {
			if e.Level == fleet.Info {
				return table.Cell{}
			}
			return table.Cell{Text: e.Level.String(), Role: pane.LevelRole(e.Level)}
		}, Compare: func(a, b fleet.Event) int { return cmp.Compare(a.Level, b.Level) }},
		{Title: "WHAT", Width: 20, Grow: 1, Cell: func(_ widget.Frame, e fleet.Event) table.Cell {
			return table.Cell{Text: sentence(me, e)}
		}},
	}
}

func on(e fleet.Event) string { return e.Appliance }

// sentence is an event as one: who did what; what was tried and did not work comes first and who tried it last.
func sentence(me string, e fleet.Event) string {
	who := e.Who
	if who == me {
		who = "you"
	}
	switch {
	case e.Who == "":
		return e.Text
	case e.Level >= fleet.Warn:
		return e.Text + " (" + who + ")"
	default:
		return who + " " + e.Text
	}
}

func detail(f widget.Frame, e fleet.Event) pane.Detail {
	d := pane.Detail{Title: fmt.Sprintf("event %d", e.Seq)}
	for _, p := range []pane.Pair{
		{Name: "at", Value: f.Second(e.At.Wall)},
		{Name: "appliance", Value: e.Appliance},
		{Name: "level", Value: e.Level.String(), Role: pane.LevelRole(e.Level)},
		{Name: "who", Value: e.Who},
		{Name: "what", Value: e.Text, Role: theme.Strong},
	} {
		if p.Value != "" {
			d.Fields = append(d.Fields, p)
		}
	}
	return d
}
