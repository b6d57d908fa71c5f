// Package requests is the pane of what was sent to the chosen appliance, newest first, and how long it took.
package requests

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"holdfast/appliance"
	"holdfast/ui/pane"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
	"holdfast/ui/widget/table"
)

// New makes the pane.
func New() *pane.List[appliance.Exchange] {
	return pane.NewList(pane.Def[appliance.Exchange]{
		Number: 6, Name: "Requests", Columns: columns(), Newest: true,
		Key:     func(x appliance.Exchange) string { return fmt.Sprint(x.Seq) },
		Words:   func(x appliance.Exchange) string { return fmt.Sprint(x.Method, " ", x.Path, " ", x.Status, " ", x.Err) },
		Default: func(a, b appliance.Exchange) int { return cmp.Compare(b.Seq, a.Seq) },
		Gather: func(src pane.Source) []appliance.Exchange {
			if src.Trace == nil || src.Chosen == "" {
				return nil
			}
			return src.Trace(src.Chosen)
		},
		Title: func(src pane.Source) string {
			if src.Chosen == "" {
				return "Requests"
			}
			return "Requests · " + src.Chosen
		},
		Empty:  func(pane.Source) []string { return []string{"Nothing was sent to this appliance yet."} },
		Detail: detail,
		Whole: func(_ widget.Frame, x appliance.Exchange) string {
			return strings.TrimSpace(x.Method + " " + x.Path + "  " + x.Err)
		},
	})
}

func columns() []table.Column[appliance.Exchange] {
	return []table.Column[appliance.Exchange]{
		{Title: "AT", Width: 8, Cell: func(f widget.Frame, x appliance.Exchange) table.Cell {
			return table.Cell{Text: f.Clock(x.At.Wall), Role: theme.Dim}
		}},
		{Title: "METHOD", Width: 6, Cell: func(_ widget.Frame, x appliance.Exchange) table.Cell {
			if x.Method == http.MethodGet {
				return table.Cell{Text: x.Method, Role: theme.Dim}
			}
			return table.Cell{Text: x.Method, Role: theme.Strong}
		}, Compare: pane.By(func(x appliance.Exchange) string { return x.Method })},
		{Title: "PATH", Width: 20, Wish: path, Cell: func(_ widget.Frame, x appliance.Exchange) table.Cell {
			return table.Cell{Text: x.Path}
		}, Compare: pane.By(path)},
		{Title: "ANSWER", Width: 8, Grow: 1, Cell: answer, Compare: func(a, b appliance.Exchange) int { return cmp.Compare(a.Status, b.Status) }},
		{Title: "TOOK", Width: 7, Right: true, Cell: func(_ widget.Frame, x appliance.Exchange) table.Cell {
			return table.Cell{Text: widget.Took(x.Duration)}
		}, Compare: func(a, b appliance.Exchange) int { return cmp.Compare(a.Duration, b.Duration) }},
		{Title: "SIZE", Width: 8, Right: true, Drop: 1, Cell: func(_ widget.Frame, x appliance.Exchange) table.Cell {
			return table.Cell{Text: widget.Size(x.Size), Role: theme.Dim}
		}, Compare: func(a, b appliance.Exchange) int { return cmp.Compare(a.Size, b.Size) }},
	}
}

func path(x appliance.Exchange) string { return x.Path }

func answer(_ widget.Frame, x appliance.Exchange) table.Cell {
	switch {
	case x.Status == 0:
		return table.Cell{Text: x.Err, Role: theme.Alarm}
	case x.Status >= 400:
		return table.Cell{Text: fmt.Sprint(x.Status), Role: theme.Warn}
	default:
		return table.Cell{Text: fmt.Sprint(x.Status)}
	}
}

func detail(f widget.Frame, x appliance.Exchange) pane.Detail {
	d := pane.Detail{Title: x.Method + " " + x.Path}
	status, body := "none", ""
	if x.Status != 0 {
		status = fmt.Sprint(x.Status)
	}
	if x.HasBody() {
		body = "sent, and not kept, as it may hold a secret: $BODY stands for it"
	}
	for _, p := range []pane.Pair{
		{Name: "at", Value: f.Second(x.At.Wall)},
		{Name: "method", Value: x.Method, Role: theme.Strong},
		{Name: "path", Value: x.Path, Role: theme.Strong},
		{Name: "body", Value: body},
		{Name: "answer", Value: status},
		{Name: "trouble", Value: x.Err, Role: theme.Warn},
		{Name: "took", Value: widget.Took(x.Duration)},
		{Name: "size", Value: widget.Size(x.Size)},
		{Name: "raw answer", Value: "not kept: of a request only what stands here is", Role: theme.Dim},
	} {
		if p.Value != "" {
			d.Fields = append(d.Fields, p)
		}
	}
	return d
}
