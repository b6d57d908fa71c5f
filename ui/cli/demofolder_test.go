package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// folders are those of demos in that place.
func folders(t *testing.T, tmp string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(tmp, "holdfast-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// However a demo ends, its folder goes with it; what one that was killed left goes with the next, while that of a demo that
// runs, what is not ours and what holds a report stay.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *child){
		"left":      func(c *child) { c.press("q") },
		"SIGTERM":   func(c *child) { c.signal(syscall.SIGTERM) },
		"line gone": func(c *child) { _ = c.master.Close() },
		"forced": func(c *child) {
			c.stall() // so that an orderly end would take long
			c.signal(syscall.SIGINT)
			c.signal(syscall.SIGTERM) // a second SIGINT may be one with the first
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			c := start(t, how{env: []string{"TMPDIR=" + tmp}}, "demo")
			c.until("5 up")
			if list := folders(t, tmp); len(list) != 1 {
				t.Fatalf("folders while it runs: %q", list)
			}
			end(c)
			c.end()
			if list := folders(t, tmp); len(list) != 0 {
				t.Errorf("folders at the end: %q", list)
			}
		})
	}
}

func TestDemoRemovesWhatWasLeft(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	in := how{env: []string{"TMPDIR=" + tmp}}
	killed := start(t, in, "demo")
	killed.until("5 up")
	left := folders(t, tmp)[0]
	killed.signal(syscall.SIGKILL)
	killed.end()
	reported, foreign := filepath.Join(tmp, demoPrefix+"reported"), filepath.Join(tmp, demoPrefix+"foreign")
	for path, text := range map[string]string{
		filepath.Join(reported, demoLock): "", filepath.Join(reported, "state", "report-1.txt"): "why", filepath.Join(foreign, "text"): "mine",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := start(t, in, "demo")
	first.until("5 up")
	second := start(t, in, "demo")
	second.until("5 up")
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed demo left is there still")
	}
	if list := folders(t, tmp); len(list) != 4 { // two that run, the report and what is not a demo's
		t.Errorf("folders: %q", list)
	}
}
