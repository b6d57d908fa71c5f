package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

const (
	// barEvery is how often the bar of a migration is drawn, lineEvery how often a line is printed where there is no terminal.
	barEvery  = time.Second
	lineEvery = 30 * time.Second
	barWidth  = 24
)

// progress prints how a migration goes.
type progress struct {
	env    *Env
	r      *run
	asJSON bool
	phases map[int]migration.Phase // as they were told
	rate   migration.Rate
	last   appliance.Reading // of the latest line
	drawn  bool              // a bar stands on the terminal

	symbols theme.Symbols
}

func newProgress(env *Env, r *run, asJSON bool) *progress {
	return &progress{env: env, r: r, asJSON: asJSON, phases: map[int]migration.Phase{}, symbols: theme.New("none", false, r.config.ASCII).Symbols}
}

// follow prints until the migration rests.
func (p *progress) follow(ctx context.Context, id string) (migration.View, error) {
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for {
		news := p.r.migrations.Changed()
		v, err := p.r.migrations.View(id)
		if err != nil {
			return v, err
		}
		p.steps(&v)
		p.whole(&v)
		if !v.Live {
			return v, nil
		}
		select {
		case <-news:
		case <-tick.C:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// stepJSON is a line of --json. It is documented in the README and only ever grows.
type stepJSON struct {
	At        time.Time `json:"at"`
	Migration string    `json:"migration"`
	Step      int       `json:"step,omitempty"` // 0: the migration as a whole
	Appliance string    `json:"appliance,omitempty"`
	UUID      string    `json:"uuid,omitempty"`
	State     string    `json:"state"`
	Job       string    `json:"job,omitempty"`
	Share     *float64  `json:"share,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// steps tells what changed.
func (p *progress) steps(v *migration.View) {
	for n := range v.Steps {
		s := &v.Steps[n]
		if p.phases[n] == s.Phase || s.Phase == migration.PhaseQueued && p.phases[n] == "" {
			continue
		}
		p.phases[n] = s.Phase
		if p.asJSON {
			p.json(stepJSON{Migration: v.ID, Step: n + 1, Appliance: s.Item.Appliance, UUID: string(s.Item.Backup), State: string(s.Phase),
				Job: string(s.Job), Note: s.Note})
			continue
		}
		if s.Phase == migration.PhaseSending || s.Phase == migration.PhaseQueued && s.Try > 0 {
			continue // what comes next says more
		}
		text := fmt.Sprintf("%*d/%d %s of %s: %s", len(fmt.Sprint(len(v.Steps))), n+1, len(v.Steps), label(s), s.Item.Appliance, s.Phase)
		if s.Job != "" && s.Phase == migration.PhaseRunning {
			text += ", job " + string(s.Job)
		}
		if s.Note != "" && level(s.Phase) != fleet.Info {
			text += ": " + s.Note
		}
		p.clear()
		fmt.Fprintln(p.env.Err, text)
	}
}

// label is a backup by its name, or by its uuid where it has none.
func label(s *migration.Step) string {
	if s.Item.Label.Empty() {
		return string(s.Item.Backup)
	}
	return s.Item.Label.String()
}

// whole tells how far all of it is.
func (p *progress) whole(v *migration.View) {
	now := p.env.Clock.Now()
	at := v.Progress(migration.PercentOf(p.r.engine))
	p.rate.Add(now, at)
	switch {
	case p.asJSON:
		if p.last.IsZero() || now.Since(p.last) >= lineEvery {
			p.last = now
			p.json(stepJSON{Migration: v.ID, State: string(v.State), Share: &at.Share, Note: v.Note})
		}
	case p.env.Width != nil:
		line := p.line(v, at)
		if columns := p.env.Width(); columns > 1 { // a line that wraps could not be taken away
			line = ansi.Truncate(line, columns-1, "")
		}
		fmt.Fprintf(p.env.Err, "\r\x1b[K%s", line)
		p.drawn = true
	case p.last.IsZero() || now.Since(p.last) >= lineEvery:
		p.last = now
		fmt.Fprintln(p.env.Err, p.line(v, at))
	}
}

func (p *progress) line(v *migration.View, at migration.Progress) string {
	words := []string{fmt.Sprintf("%s %3.0f %%", widget.Bar(p.symbols, at.Share, barWidth), at.Share*100), v.Tally()}
	if rate := p.rate.PerSecond(); rate > 0 && at.Sized {
		words = append(words, humanize.Bytes(uint64(rate))+"/s")
	}
	if left := p.rate.Left(at); left > 0 {
		words = append(words, widget.Span(left.Round(time.Second))+" left")
	}
	for _, why := range v.Waits {
		words = append(words, "waits: "+why)
		break
	}
	return strings.Join(words, "  ")
}

func (p *progress) json(x stepJSON) {
	x.At = p.env.Clock.Now().Wall.UTC()
	b, err := json.Marshal(x)
	if err == nil {
		fmt.Fprintln(p.env.Out, string(b))
	}
}

// clear takes the bar away, so that a line can stand in its place.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.env.Err, "\r\x1b[K")
		p.drawn = false
	}
}

// end leaves the cursor at the beginning of a line.
func (p *progress) end() { p.clear() }
