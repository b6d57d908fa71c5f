package uitest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/ui/cli"
	"holdfast/ui/uitest"
)

// beside runs a command on the configuration and the fleet of a terminal, as another process of the same person would, until it has
// ended or life has.
func beside(life context.Context, x *uitest.Terminal, config string, args ...string) (code int, said string) {
	var out bytes.Buffer
	code = cli.Main(life, cli.Env{
		Args: append([]string{"--config", filepath.Join(x.Dir, config)}, args...), In: strings.NewReader(""), Out: &out, Err: &out, User: "maria",
		Dial: x.Fleet.DialContext, Environ: []string{"TERM=xterm-256color"},
	})
	return code, out.String()
}

// planBeside writes a plan of copying the first n backups of dc1-lxca.
func planBeside(t *testing.T, x *uitest.Terminal, config string, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "plan.toml")
	args := []string{"migrate", "plan", "--from", "dc1-lxca", "--copy", "--to", share, "--out", path}
	for _, b := range x.Fleet.Appliance("dc1-lxca").LXCA.Backups()[:n] {
		args = append(args, "--backup", b.UUID)
	}
	if code, said := beside(context.Background(), x, config, args...); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	return path
}

// A migration that a command carries on is seen on the dashboard beside it, with no keys that act on it, until after its end.
func TestMigrationOfAnotherRunIsShown(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal")
		life, end := context.WithCancel(context.Background())
		defer end()
		path := planBeside(t, x, "config.toml", 2)
		ended := make(chan string, 1)
		go func() {
			code, said := beside(life, x, "config.toml", "migrate", "run", path, "--yes")
			ended <- fmt.Sprint(code, said)
		}()
		x.Until("migration elsewhere ").Press("M").Until("╭ Migration ").Until("Another run carries it on.").Until("running", "job 1")
		if strings.Contains(x.Screen(), "p pause") || strings.Contains(x.Screen(), "x cancel") {
			t.Errorf("keys that act are offered:\n%s", x.Screen())
		}
		x.Press("p").Until("pause: another run carries it on").Press("x").Until("cancel: another run carries it on").Never("╭ Cancel")
		x.Until("2 done").Until("Another run carried it out.").UntilGone("migration elsewhere")
		if how := <-ended; !strings.HasPrefix(how, "0") {
			t.Errorf("the command ended with %s", how)
		}
		x.Press("w").Until("written to").Press("esc", "q")
	})
}

// Who may only look takes no migration over that a run left: it is shown, and whoever may goes on with it as if nobody had looked.
func TestViewerLeavesMigrationsToOthers(t *testing.T) {
	t.Parallel()
	viewer := func(text string) string { return "role = \"viewer\"\n" + text }
	play(t, uitest.Options{Config: viewer}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal")
		config, err := os.ReadFile(filepath.Join(x.Dir, "config.toml"))
		if err != nil {
			t.Fatal(err)
		}
		operator := strings.Replace(string(config), "role = \"viewer\"\n", "", 1)
		if err := os.WriteFile(filepath.Join(x.Dir, "operator.toml"), []byte(operator), 0o600); err != nil {
			t.Fatal(err)
		}
		path := planBeside(t, x, "operator.toml", 2)
		life, end := context.WithCancelCause(context.Background())
		time.AfterFunc(8*time.Second, func() { end(cli.Interrupted{Signal: syscall.SIGINT}) })
		if code, said := beside(life, x, "operator.toml", "migrate", "run", path, "--yes"); code != 130 {
			t.Fatalf("exit code %d: %s", code, said)
		}
		x.Until("migration elsewhere paused").Press("M").Until("leaves it to others: your role is viewer")
		x.Advance(time.Minute)
		if code, said := beside(context.Background(), x, "operator.toml", "migrate", "resume", "--yes"); code != 0 || !strings.Contains(said, "2 done") {
			t.Errorf("exit code %d: %s", code, said)
		}
		if n := len(effects(x, "dc1-lxca", "backup.copied")); n != 2 {
			t.Errorf("%d copies", n)
		}
		x.Until("Another run carried it out.").Press("esc")
	})
}
