package migration

import (
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
)

// SampleEvery is how often Sample is to be called while something runs, and how much time one bar of a sparkline stands for.
const SampleEvery = 5 * time.Second

// sparkMost is how many bars a sparkline has.
const sparkMost = 24

// Rates is how fast each migration goes and went. It is kept while nobody looks, so that who comes back sees it at once.
type Rates struct {
	rates map[string]*migration.Rate
	spark map[string][]float64
}

// Sample notes how far each migration is that runs.
func (r *Rates) Sample(views []migration.View, now appliance.Reading, percent migration.Percent) {
	if r.rates == nil {
		r.rates, r.spark = map[string]*migration.Rate{}, map[string][]float64{}
	}
	for i := range views {
		v := &views[i]
		if !v.Live {
			delete(r.rates, v.ID) // when it goes on, it begins anew
			continue
		}
		if r.rates[v.ID] == nil {
			r.rates[v.ID] = &migration.Rate{}
		}
		r.rates[v.ID].Add(now, v.Progress(percent))
		line := append(r.spark[v.ID], r.rates[v.ID].PerSecond())
		r.spark[v.ID] = line[max(0, len(line)-sparkMost):]
	}
}

// of is the rate of a migration; nil = nothing is known of it.
func (r *Rates) of(v *migration.View) *migration.Rate {
	if r == nil || !v.Live {
		return nil
	}
	return r.rates[v.ID]
}

var (
	sparks      = []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
	sparksASCII = []string{"_", ".", "-", "=", "+", "*", "#", "#"}
)

// sparkline draws the rates by their share of the highest; empty while there are too few.
func (r *Rates) sparkline(t *theme.Theme, id string) string {
	if r == nil || len(r.spark[id]) < 2 {
		return ""
	}
	signs, top := sparks, 0.0
	if t.ASCII {
		signs = sparksASCII
	}
	for _, x := range r.spark[id] {
		top = max(top, x)
	}
	var b strings.Builder
	for _, x := range r.spark[id] {
		n := 0
		if top > 0 {
			n = int(x / top * float64(len(signs)-1))
		}
		b.WriteString(signs[max(0, min(n, len(signs)-1))])
	}
	return b.String()
}
