package lxca

import (
	"net/http"
	"strings"
	"testing"

	"holdfast/appliance"
)

// TestLocate asks for each part by the request that Locate tells: it is a GET that the appliance answers.
func TestLocate(t *testing.T) {
	const lock = "0123456789abcdef0123456789abcdef"
	c := answering(t, answerOf(http.StatusOK, "[]"))
	for _, want := range []struct {
		part appliance.Part
		id   string
		path string
	}{
		{appliance.PartHealth, "", "/aicc /userAccounts"},
		{appliance.PartLocks, "", "/aicc/service/sftp/locks"},
		{appliance.PartLocks, lock, "/aicc/service/sftp/locks/" + lock},
		{appliance.PartLocks, "../tasks", "/aicc/service/sftp/locks"},
		{appliance.PartBackups, "x", "/managementServer/data"},
		{appliance.PartJobs, "17", "/tasks/17"},
		{"weather", "", ""},
	} {
		var paths []string
		for _, call := range c.Locate(want.part, want.id) {
			if call.Method != http.MethodGet || call.Auth != "basic" || call.Body != "" {
				t.Errorf("%s: %+v", want.part, call)
			}
			paths = append(paths, call.URL[strings.Index(call.URL[len("https://"):], "/")+len("https://"):])
		}
		if got := strings.Join(paths, " "); got != want.path {
			t.Errorf("%s %q is asked by %q, want %q", want.part, want.id, got, want.path)
		}
	}
}
