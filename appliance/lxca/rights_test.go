package lxca

import (
	"errors"
	"strings"
	"testing"

	"holdfast/appliance"
)

// TestAsViewer does what an account without rights may and may not do.
func TestAsViewer(t *testing.T) {
	for _, setting := range []string{"lock-forbidden=envelope", "lock-forbidden=html"} {
		w := newWorld(t, setting)
		c := client(t, w.one, "VIEWER", "Passw0rd-viewer")
		h, err := c.Probe(t.Context())
		if err != nil || h.MayChange || h.Doubt || !strings.Contains(h.NoLocks, "Supervisor") {
			t.Errorf("%s: %+v, %v", setting, h, err)
		}
		for _, call := range allCalls() {
			err := call.do(t.Context(), c)
			if call.change && (!errors.Is(err, appliance.ErrForbidden) || errors.Is(err, appliance.ErrAmbiguous)) {
				t.Errorf("%s: %s: %v", setting, call.name, err)
			}
			if !call.change && err != nil && !errors.Is(err, appliance.ErrGone) {
				t.Errorf("%s: %s: %v", setting, call.name, err)
			}
		}
	}
}

// TestWrongPassword is refused everywhere, cleanly.
func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	for _, call := range allCalls() {
		err := call.do(t.Context(), client(t, w.one, "admin", "wrong"))
		if !errors.Is(err, appliance.ErrCredentials) || errors.Is(err, appliance.ErrAmbiguous) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v", call.name, err)
		}
	}
}
