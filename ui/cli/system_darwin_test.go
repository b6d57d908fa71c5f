package cli

import (
	"fmt"
	"syscall"
)

// stopOutput is the request that stops the output of a terminal as ctrl-s does, and its argument.
var stopOutput = [2]uintptr{syscall.TIOCSTOP, 0}

// protection tells how this process is kept from being looked into.
func protection() string {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	return fmt.Sprintf("core limit %d %v", limit.Cur, err)
}

const protected = "core limit 0 <nil>"
