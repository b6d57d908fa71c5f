package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const ownEnv = "HOLDFAST_OWN_MOUNTS"

// ownMounts lets the process mount what nobody else sees, where we may.
func ownMounts(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	own := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	probe := child(t, "nothing")
	probe.SysProcAttr = own
	if err := probe.Run(); err != nil {
		t.Log("no mounts of our own:", err)
		return
	}
	cmd.SysProcAttr = own
	cmd.Env = append(cmd.Env, ownEnv+"=1")
}

// childFull fills a file system of its own, where it may make one; elsewhere it meets the limit on files.
func childFull() error {
	path := os.Getenv("JOURNAL")
	if os.Getenv(ownEnv) == "" || syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", 0, "size=256k,mode=0700") != nil {
		return childLimit()
	}
	return fill(path, syscall.ENOSPC)
}
