package cli

import (
	"fmt"
	"syscall"
)

// undumpable makes Linux write no core of this process, whatever its limits, and keeps other processes of the same user from
// reading its memory.
func undumpable() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("make the process undumpable: %w", errno)
	}
	return nil
}

// sessionOf is the session of a process; 0 = of ours.
func sessionOf(pid int) (int, error) {
	sid, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("ask for the session of %d: %w", pid, errno)
	}
	return int(sid), nil
}
