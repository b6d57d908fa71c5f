package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

const (
	demoPrefix = "holdfast-demo-"
	// demoLock is the file in a demo's folder on which its process has a kernel lock while it lives.
	demoLock = "running"
)

// demoFolder makes the folder of a demo, and removes those of demos that had no time to do so before they ended. remove is for
// the end.
func demoFolder() (dir string, remove func() error, err error) {
	fresh, err := os.MkdirTemp("", "holdfast-new-") // it has its name once it has its lock: a folder without one is a leftover
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	lock := flock.New(filepath.Join(fresh, demoLock), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return "", nil, fmt.Errorf("lock the demo's folder: %w", err)
	}
	dir = filepath.Join(filepath.Dir(fresh), demoPrefix+strings.TrimPrefix(filepath.Base(fresh), "holdfast-new-"))
	if err := os.Rename(fresh, dir); err != nil {
		return "", nil, fmt.Errorf("name the demo's folder: %w", err)
	}
	sweepDemos(filepath.Dir(dir))
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// sweepDemos removes what demos of ours that run no more have left, but for those that left a report of a failure. What cannot
// be removed is left to the next time.
func sweepDemos(tmp string) {
	found, _ := filepath.Glob(filepath.Join(tmp, demoPrefix+"*")) // the pattern is good
	for _, dir := range found {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
			continue
		}
		if reports, _ := filepath.Glob(filepath.Join(dir, "state", "report-*")); len(reports) > 0 {
			continue
		}
		lock := flock.New(filepath.Join(dir, demoLock), flock.SetFlag(os.O_RDWR|syscall.O_NOFOLLOW))
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
