package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast/appliance/fleet"
)

// childEnv names what a re-executed test binary does; its arguments are in the variables below.
const childEnv = "HOLDFAST_JOURNAL_CHILD"

// childMain runs one of them. What it prints are words in lines, for its parent.
func childMain(name string) int {
	do := map[string]func() error{
		"work": childWork, "starts": childStarts, "wait": childWait, "limit": childLimit, "readonly": childReadOnly, "full": childFull,
		"nothing": func() error { return nil },
	}[name]
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1
	}
	return 0
}

// child is such a process that is to be started.
func child(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// output runs a child to its end and returns its lines; killed tells that it ended by SIGKILL, as it may.
func output(t *testing.T, cmd *exec.Cmd) (lines []string, killed bool) {
	t.Helper()
	b, err := cmd.Output()
	if err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		killed = exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if !killed {
			t.Fatalf("child: %v", err)
		}
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), killed
}

func kill() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {}
}

// childWork begins or goes on with a journal, prints what was confirmed, and ends by SIGKILL when it comes to POINT for the
// NTH time.
func childWork() error {
	sys := host()
	nth, err := strconv.Atoi(os.Getenv("NTH"))
	if err != nil {
		return err
	}
	sys.point = func(name string) {
		if name == os.Getenv("POINT") {
			if nth--; nth == 0 {
				kill()
			}
		}
	}
	if os.Getenv("STEPS") == "2" {
		sys.steps = later
	}
	ctx := context.Background()
	j, err := open(ctx, os.Getenv("JOURNAL"), Options{Engine: os.Getenv("ENGINE"), Clock: still(noon)}, sys)
	if err != nil {
		return err
	}
	for i := range 4 {
		id, err := j.Intend(ctx, someIntent(i))
		if err != nil {
			return err
		}
		fmt.Println("intended", id)
		if i%2 == 0 {
			if err := j.Settle(ctx, id, fleet.OutcomeDone, "copied"); err != nil {
				return err
			}
			fmt.Println("settled", id)
		}
		if err := j.Tell(ctx, someEvent(int(id))); err != nil {
			return err
		}
		fmt.Println("told", id)
	}
	return j.Close()
}

// childStarts opens the journal STARTS times as a new engine, takes over what others left and leaves something itself.
func childStarts() error {
	starts, err := strconv.Atoi(os.Getenv("STARTS"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	for i := range starts {
		if err := oneStart(ctx, fmt.Sprintf("%sx%d", os.Getenv("ENGINE"), i)); err != nil {
			return err
		}
	}
	return nil
}

func oneStart(ctx context.Context, engine string) error {
	j, err := Open(ctx, os.Getenv("JOURNAL"), Options{Engine: engine, Clock: still(noon), Wait: patience})
	if err != nil {
		return err
	}
	mine, err := j.Intend(ctx, someIntent(1))
	if err != nil {
		return err
	}
	found, err := j.Adopt(ctx)
	if err != nil {
		return err
	}
	for _, r := range found {
		fmt.Println("adopted", r.ID)
		if err := j.Settle(ctx, r.ID, fleet.OutcomeUnknown, "adopted by "+engine); err != nil {
			return err
		}
	}
	if err := j.Settle(ctx, mine, fleet.OutcomeDone, ""); err != nil {
		return fmt.Errorf("our own intent was taken while we run: %w", err)
	}
	left, err := j.Intend(ctx, someIntent(2))
	if err != nil {
		return err
	}
	fmt.Println("left", left)
	if n := j.Notices(); len(n) > 0 {
		return fmt.Errorf("notices %q", n)
	}
	return j.Close()
}

// childWait holds an open intent until it is killed or its input ends.
func childWait() error {
	ctx := context.Background()
	j, err := Open(ctx, os.Getenv("JOURNAL"), Options{Engine: os.Getenv("ENGINE"), Clock: still(noon)})
	if err != nil {
		return err
	}
	id, err := j.Intend(ctx, someIntent(1))
	if err != nil {
		return err
	}
	fmt.Println(id)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return j.Close()
}

// childLimit writes until a file may grow no more.
func childLimit() error {
	limit := syscall.Rlimit{Cur: 128 << 10, Max: 128 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return fill(os.Getenv("JOURNAL"), syscall.EFBIG)
}

// fill writes until that fails, and prints what was confirmed and then the error, which has to be for that cause.
func fill(path string, cause error) error {
	ctx := context.Background()
	j, err := Open(ctx, path, Options{Engine: "first", Clock: still(noon)})
	if err != nil {
		return err
	}
	for range 10000 {
		id, err := j.Intend(ctx, someIntent(1))
		if err == nil {
			fmt.Println("intended", id)
			continue
		}
		if !errors.Is(err, ErrNotWritable) || !errors.Is(err, cause) || errors.Is(err, ErrDamaged) || j.Writable() == nil {
			return fmt.Errorf("failed with %w, writable: %w", err, j.Writable())
		}
		if _, again := j.Intend(ctx, someIntent(1)); !errors.Is(again, ErrNotWritable) {
			return fmt.Errorf("the next one failed with %w", again)
		}
		if _, err := j.Events(ctx, noon, 1); err != nil {
			return fmt.Errorf("reading failed with %w", err)
		}
		if len(j.Notices()) > 0 {
			return fmt.Errorf("notices %q", j.Notices())
		}
		fmt.Println(err)
		return j.Close()
	}
	return errors.New("it never failed")
}

// childReadOnly becomes somebody without rights, when it is root, and finds a state folder that it may not write to.
func childReadOnly() error {
	path := os.Getenv("JOURNAL")
	dir := filepath.Dir(path)
	if os.Getuid() == 0 {
		const nobody = 65534
		for _, name := range []string{dir, path} {
			if err := os.Lchown(name, nobody, nobody); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if err := syscall.Setuid(nobody); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		return err
	}
	ctx := context.Background()
	j, err := Open(ctx, path, Options{Engine: "first", Clock: still(noon)})
	if err != nil {
		return err
	}
	_, refused := j.Intend(ctx, someIntent(1))
	for _, err := range []error{j.Writable(), refused} {
		if !errors.Is(err, ErrNotWritable) || !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("it says %w", err)
		}
	}
	fmt.Println(refused)
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if _, err := j.Intend(ctx, someIntent(1)); err != nil || j.Writable() != nil {
		return fmt.Errorf("after the folder was made writable: %w, %w", err, j.Writable())
	}
	return j.Close()
}

// firstLine reads a line of a child that goes on.
func firstLine(t *testing.T, r io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
