package fleet

import (
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// ours are the appliances where we may go on with something: to take a lock over is to extend it and to give it back.
func (e *Engine) ours() (names []string) {
	for _, w := range e.watchers {
		if w.client != nil && policy.WhyNot(e.heir, w.rules(), appliance.VerbResume) == "" {
			names = append(names, w.name)
		}
	}
	return names
}

// about says which locks are meant by an id, or by the code or the name of a scope. By an id any lock may be meant of which no
// more is known than that it was asked for.
func (e *Engine) about(said string) Only {
	if said == "" {
		return nil
	}
	return func(where string, lock appliance.LockID, scope string) bool {
		w, isScope := e.byName[where], false
		if w == nil || w.locker == nil {
			return false
		}
		for _, s := range w.locker.LockRules().Scopes {
			if strings.EqualFold(s.Code, said) || (!s.Name.Empty() && strings.EqualFold(s.Name.String(), said)) {
				if isScope = true; strings.EqualFold(s.Code, scope) {
					return true
				}
			}
		}
		return !isScope && (lock == "" || string(lock) == said)
	}
}
