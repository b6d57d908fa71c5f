//go:build !linux

package journal

import (
	"os/exec"
	"testing"
)

// ownMounts does nothing: there are no mounts of one process here.
func ownMounts(*testing.T, *exec.Cmd) {}

// childFull meets the limit on files instead.
func childFull() error { return childLimit() }
