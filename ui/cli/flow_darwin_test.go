package cli

import "syscall"

// stopOutput is the request that stops the output of a terminal as ctrl-s does, and its argument.
var stopOutput = [2]uintptr{syscall.TIOCSTOP, 0}
