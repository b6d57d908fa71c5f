package broker_test

import (
	"slices"
	"testing"
	"time"
)

func TestElementTypes(t *testing.T) {
	for shape, leaf := range map[string]string{"elementTypes-elementType": "elementType", "type-name": "name"} {
		r := newRig(t, "element-types="+shape)
		a := r.get("configuration/elementTypes", r.login(viewerBasic))
		if got := a.leaves(leaf); !slices.Equal(got, []string{"session-agent", "session-group", "user-number"}) {
			t.Errorf("%s: %s", shape, a.body)
		}
	}
	r := newRig(t, "element-types=absent")
	r.want(r.get("configuration/elementTypes", r.login(viewerBasic)), 404, "Resource not found.")
}

// At the first look what was before may still be shown.
func TestAsyncShownLater(t *testing.T) {
	r := newRig(t, "async-begins=second-look")
	token := r.locked()
	r.put("configuration/management?action=save", token)
	if a := r.get("admin/asyncstatus", token); a.leaf("operation") != "" {
		t.Errorf("shown at once: %s", a.body)
	}
	r.base.Pass(time.Minute)
	r.wantState(token, "save", "success")
	r.put("configuration/management?action=save", token)
	r.wantState(token, "save", "success") // of the first
	r.wantState(token, "save", "inProgress")
}

func TestRestoreOfAFileThatIsGone(t *testing.T) {
	const path = "configuration/management?action=restore&restoreSource=backupFile&filename=none.gz"
	for value, status := range map[string]int{"404": 404, "400": 400, "async-fail": 202} {
		r := newRig(t, "restore-missing="+value)
		token := r.locked()
		r.want(r.put(path, token), status, "")
		r.base.Pass(time.Minute)
		if status == 202 {
			if a := r.wantState(token, "restore", "fail"); a.leaf("errorMessage") != "File not found." {
				t.Errorf("%s", a.body)
			}
		}
		r.wantEffects("config.restored")
	}
}
