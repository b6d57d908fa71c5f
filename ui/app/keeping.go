package app

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/keymap"
	"holdfast/ui/pane/jobs"
	"holdfast/ui/pane/locks"
	"holdfast/ui/widget/dialog"
)

// lockRow is the row under the cursor of the locks pane, when that has the focus.
func (m *Model) lockRow() (locks.Row, bool) {
	if m.focus != paneLocks {
		return locks.Row{}, false
	}
	return m.locks.Row()
}

// keep has a lock kept, or kept no longer.
func (m *Model) keep(opener string) tea.Cmd {
	r, _ := m.lockRow()
	rows := m.locks.Chosen()
	if r.Kept {
		var acts actsMsg
		for _, r := range rows {
			if r.Kept {
				acts = append(acts, target{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbUnkeep, Lock: r.Lock.Lock}})
			}
		}
		return m.do(acts)
	}
	spec := dialog.Spec{
		Title: "Keep " + lockNames(rows), Opener: opener, Verb: "keep", Keys: lockKeys(rows),
		Intro: []string{"From half of its time on it is extended by itself, again and again. You are warned in good time if that fails. " +
			"Nothing is sent now."},
		Span: &dialog.Span{Label: "for", Min: time.Minute, Max: longestKeep, Empty: "until told otherwise"},
		Risk: func(dialog.Values) policy.Risk { return policy.RiskOf(appliance.VerbKeep, true) },
		Action: func(v dialog.Values) any {
			act := appliance.Act{Verb: appliance.VerbKeep, Job: appliance.JobID(v.Choice)}
			if v.Span > 0 {
				act.Until, act.Job = m.frame().Now.Wall.Add(v.Span), ""
			}
			var acts actsMsg
			for _, r := range rows {
				act.Lock = r.Lock.Lock
				acts = append(acts, target{r.Lock.Appliance, act})
			}
			return acts
		},
	}
	if ends := m.jobEnds(rows); len(ends) > 0 {
		spec.Options = append([]dialog.Option{{Label: spec.Span.Empty}}, ends...)
		spec.Span.Empty = "as chosen below"
	}
	m.dialog = dialog.New(spec)
	return nil
}

// jobEnds are the jobs with whose end keeping may end: those that run where all of the locks are.
func (m *Model) jobEnds(rows []locks.Row) []dialog.Option {
	var ends []dialog.Option
	name := rows[0].Lock.Appliance
	s := m.snapshot(name)
	if s == nil || slices.ContainsFunc(rows, func(r locks.Row) bool { return r.Lock.Appliance != name }) {
		return nil
	}
	for i := range s.Jobs {
		if j := &s.Jobs[i]; j.Phase.Live() {
			ends = append(ends, dialog.Option{Value: string(j.ID), Label: "until job " + appliance.Label(string(j.ID)).String() + " ends",
				Note: jobs.What(jobs.Of(m.source(), s, j))})
		}
	}
	return ends
}

// longestKeep is the longest time for which keeping is offered; without an end it goes on until told otherwise.
const longestKeep = 7 * 24 * time.Hour

// waitMsg is a wait that its operator wants.
type waitMsg target

// wait offers to wait for the lock that another holds, or ends the wait.
func (m *Model) wait(opener string) tea.Cmd {
	if m.waited() != "" {
		return m.stopWaiting()
	}
	r, _ := m.lockRow()
	claim := appliance.Claim{Scope: r.Scope.Code}
	m.dialog = dialog.New(dialog.Spec{
		Title: "Wait for " + lockNames([]locks.Row{r}), Opener: opener, Verb: "wait",
		Intro: []string{"It is asked for every 10 to 20 seconds until it is yours. " + m.opts.Keys.Of(keymap.Cancel).Key(m.opts.ASCII) +
			" ends the wait, and so does leaving Holdfast. Each try sends:"},
		Risk: func(dialog.Values) policy.Risk { return policy.RiskAsk },
		Calls: func(dialog.Values) []appliance.Call {
			return m.engine.Explain(r.Lock.Appliance, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim})
		},
		Action: func(dialog.Values) any {
			return waitMsg{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbWait, Claim: claim}}
		},
	})
	return nil
}

// waitFor waits beside the event loop; the wait belongs to the session.
func (m *Model) waitFor(msg waitMsg) tea.Cmd {
	engine, ctx, person := m.engine, m.opts.Context, m.opts.Person
	return func() tea.Msg {
		result, err := engine.Wait(ctx, person, msg.name, msg.act.Claim)
		return doneMsg{target(msg), result, err}
	}
}

// waited is the appliance of the row under the cursor if somebody waits for its lock; empty = nobody does.
func (m *Model) waited() string {
	if r, ok := m.lockRow(); ok && r.Wait != nil {
		return r.Lock.Appliance
	}
	return ""
}

func (m *Model) stopWaiting() tea.Cmd {
	m.engine.StopWaiting(m.waited())
	return nil
}

func (m *Model) whyNotWait() string {
	r, ok := m.lockRow()
	switch {
	case !ok || !r.Exclusive:
		return "choose a configuration lock in pane 2"
	case r.Wait != nil:
		return ""
	}
	return m.engine.WhyNot(m.opts.Person, r.Lock.Appliance, appliance.Act{Verb: appliance.VerbWait, Claim: appliance.Claim{Scope: r.Scope.Code}})
}

// acknowledge takes the lost lock under the cursor off the screen.
func (m *Model) acknowledge() tea.Cmd {
	r, _ := m.lockRow()
	engine, ctx, person := m.engine, m.opts.Context, m.opts.Person
	name, id, scope := r.Lock.Appliance, r.ID, r.Scope.String()
	return func() tea.Msg {
		err := engine.Acknowledge(ctx, person, name, id)
		return doneMsg{target: target{name: name}, result: fleet.Result{Text: "the loss of " + scope + " is acknowledged"}, err: err}
	}
}
