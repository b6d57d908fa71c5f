// Command holdfast shows and holds the locks, backups and jobs of LXCA and ECB appliances in a terminal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"holdfast/ui/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := cli.Main(ctx, cli.Host())
	stop()
	os.Exit(code)
}
