package cli

// stopOutput is the request that stops the output of a terminal as ctrl-s does, and its argument: TCXONC and TCOOFF.
var stopOutput = [2]uintptr{0x540a, 0}
