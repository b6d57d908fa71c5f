//go:build !linux

package cli

import "syscall"

// undumpable does nothing here: the core limit is all that there is.
func undumpable() error { return nil }

// sessionOf is the session of a process; 0 = of ours.
func sessionOf(pid int) (int, error) { return syscall.Getsid(pid) }
