package fleet

import "holdfast/appliance"

// Locate is the requests that ask an appliance for a part, or for one thing of it; empty where its client cannot tell.
func (e *Engine) Locate(name string, part appliance.Part, id string) []appliance.Call {
	w := e.byName[name]
	if w == nil {
		return nil
	}
	if l, ok := w.client.(appliance.Locator); ok {
		return l.Locate(part, id)
	}
	return nil
}
