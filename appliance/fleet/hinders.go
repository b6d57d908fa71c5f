package fleet

import (
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// Hinders is why the person may not do this there now, of an act that lacks nothing; empty = may. passing tells that it need not
// be so for long: the appliance does not answer, or is busy with something of ours.
func (e *Engine) Hinders(p policy.Person, name string, act appliance.Act) (why string, passing bool) {
	w := e.byName[name]
	if w == nil {
		return fmt.Sprintf("there is no appliance named %q", name), false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := policy.WhyNot(p, w.rules(), act.Verb); why != "" {
		return why, false
	}
	if works(act.Verb) {
		act.Transfer.Verb = act.Verb
	}
	if why := w.whyAway(); why != "" {
		return why, w.s.State != StateMisset && w.s.State != StateRefused && w.s.State != StateUntrusted && w.s.State != StateUnreadable
	}
	if moves(act.Verb) && w.s.BackupsPart.At.IsZero() {
		return "the backups were not listed yet", true
	}
	if why := w.whyCannot(act.Verb); why != "" {
		return why, false
	}
	if why := w.whyBusy(act); why != "" {
		return why, true
	}
	return w.whyWrong(act, true), false
}
