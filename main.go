// Command holdfast shows and holds the locks, backups and jobs of LXCA and ECB appliances in a terminal.
package main

import (
	"io"
	"log"
	"os"
	"runtime/debug"

	"holdfast/ui/cli"
)

func main() {
	// A thousand appliances keep about 60 MB alive; the heap may grow by two fifths of that before it is collected, not by all of it.
	debug.SetGCPercent(40)
	// net/http writes what appliances send unasked to the process's log; it may hold a secret and is for nobody's eyes.
	log.SetOutput(io.Discard)
	os.Exit(cli.Process())
}
