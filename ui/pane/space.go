package pane

import (
	"fmt"

	"holdfast/appliance"
	"holdfast/ui/widget"
)

const repositoryWidth = 10 // cells of a repository's bar

// Repository is how full an appliance's own repository is, as a bar and in words; what it told, where that is no figure.
func Repository(f widget.Frame, s appliance.Space) string {
	switch {
	case s.Total > 0 && s.Used >= 0:
		return fmt.Sprintf("repository %s %s of %s used", RepositoryBar(f, s), widget.Size(s.Used), widget.Size(s.Total))
	case !s.Text.Empty():
		return "repository " + s.Text.String()
	default:
		return "repository of unknown size"
	}
}

// RepositoryBar is how full a repository is whose two figures are known.
func RepositoryBar(f widget.Frame, s appliance.Space) string {
	return widget.Bar(f.Theme.Symbols, float64(s.Used)/float64(s.Total), repositoryWidth)
}
