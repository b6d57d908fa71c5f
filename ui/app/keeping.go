package app

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/policy"
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
	if r.Kept {
		return m.do(actsMsg{{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbUnkeep, Lock: r.Lock.Lock}}})
	}
	rows := m.locks.Chosen()
	now := m.frame().Now.Wall
	spec := dialog.Spec{
		Title: "Keep " + lockNames(rows), Opener: opener, Verb: "keep", Keys: lockKeys(rows), Word: "for",
		Intro: []string{"It is extended by itself from half of its time on. What cannot be extended warns in good time."},
		Options: []dialog.Option{{Value: "0", Label: "until told otherwise"}, {Value: "1h", Label: "one hour"}, {Value: "4h", Label: "four hours"},
			{Value: "12h", Label: "twelve hours"}},
		Risk: func(dialog.Values) policy.Risk { return policy.RiskOf(appliance.VerbKeep, true) },
	}
	m.dialog = m.finish(spec, func(v dialog.Values) []target {
		until := time.Time{}
		if span, err := time.ParseDuration(v.Choice); err == nil && span > 0 {
			until = now.Add(span)
		}
		var targets []target
		for _, r := range rows {
			targets = append(targets, target{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbKeep, Lock: r.Lock.Lock, Until: until}})
		}
		return targets
	})
	return nil
}

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
		Intro: []string{"It is asked for every 10 to 20 seconds until it is yours. The wait ends with this dashboard, and by x."},
		Risk:  func(dialog.Values) policy.Risk { return policy.RiskAsk },
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
	name, id := r.Lock.Appliance, r.ID
	return func() tea.Msg {
		err := engine.Acknowledge(ctx, person, name, id)
		return doneMsg{target: target{name: name}, err: err}
	}
}
