package fleet

import (
	"context"
	"fmt"
	"time"

	"holdfast/appliance"
)

const (
	// quietEvery is the longest pause between two looks at an appliance that work of ours keeps quiet.
	quietEvery = 5 * time.Second
	// quietLimit is how long its silence is taken for what was to be expected.
	quietLimit = 30 * time.Minute
)

// Quiet is work of ours that keeps an appliance quiet, which then answers nothing for minutes (api/lxca.md 3.1, 3.9).
type Quiet struct {
	Verb  appliance.Verb // VerbCreate or VerbRestore
	Who   string
	Since appliance.Reading
	Text  string // how far it is, as the appliance told last, or what is to be expected; printable
}

// quiets reports whether a verb keeps an appliance quiet that has ways to tell of it.
func quiets(v appliance.Verb) bool { return v == appliance.VerbCreate || v == appliance.VerbRestore }

// quieting is the work of ours that keeps the appliance quiet now; nil = there is none. The caller holds w.mu.
func (w *watcher) quieting() *Quiet {
	if w.able.quiet == nil {
		return nil
	}
	var q *Quiet
	now := w.e.clock.Now()
	found := func(t appliance.Transfer, who string, since time.Duration) {
		if ago := now.Run - since; quiets(t.Verb) && ago < quietLimit && q == nil {
			q = &Quiet{Verb: t.Verb, Who: who, Since: appliance.Reading{Wall: now.Wall.Add(-ago), Run: since}}
		}
	}
	for _, s := range w.started {
		if !s.ended {
			found(s.transfer, s.who, s.since)
		}
	}
	for _, c := range w.checks {
		if c.unknown {
			found(c.transfer, c.who, c.since)
		}
	}
	if q != nil {
		q.Text = expected[q.Verb]
	}
	return q
}

// expected is what an operator should know before the appliance has told anything.
var expected = map[appliance.Verb]string{
	appliance.VerbCreate:  "a backup is made; no answer for minutes is to be expected",
	appliance.VerbRestore: "a restore runs; no answer for minutes is to be expected",
}

// listen asks how far the work is that keeps the appliance quiet, if there is any. That may be all that is answered meanwhile, so
// it is asked before everything else, and a failure says nothing.
func (w *watcher) listen(ctx context.Context) {
	w.mu.Lock()
	q := w.quieting()
	w.mu.Unlock()
	if q == nil {
		w.hush(nil)
		return
	}
	if told, err := w.askQuiet(ctx); err == nil && (told.Making || told.Restoring) {
		q.Text = phase(told, q.Text)
	} else if err != nil && w.snap.Load().Quiet != nil {
		q.Text = w.snap.Load().Quiet.Text
	}
	w.hush(q)
}

// phase is how far it is, in the appliance's words; what a narrow row needs most stands first.
func phase(told appliance.Quiet, otherwise string) string {
	text := told.Phase.String()
	if text == "" {
		text = otherwise
	}
	if told.Percent >= 0 {
		text = fmt.Sprintf("%.0f %%, %s", told.Percent, text)
	}
	return text
}

// askQuiet is Quiet, of a client that may panic.
func (w *watcher) askQuiet(ctx context.Context) (q appliance.Quiet, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			w.panicked(r)
			err = errFailed
		}
	}()
	return w.able.quiet.Quiet(ctx)
}

// hush has the snapshot tell of the work that keeps the appliance quiet.
func (w *watcher) hush(q *Quiet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if (q == nil) != (w.s.Quiet == nil) || q != nil && q.Text != w.s.Quiet.Text {
		w.content = true
	}
	w.s.Quiet = q
	if q != nil && q.Verb == appliance.VerbRestore {
		w.restored = true
	}
}
