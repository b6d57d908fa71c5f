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
	"slices"
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
		"work": childWork, "migrate": childMigrate, "starts": childStarts, "wait": childWait, "heir": childHeir, "limit": childLimit,
		"readonly": childReadOnly, "full": childFull, "nothing": func() error { return nil },
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

// killAt has this process end by SIGKILL when it comes to POINT for the NTH time.
func killAt(sys *system) error {
	nth, err := strconv.Atoi(os.Getenv("NTH"))
	sys.point = func(name string) {
		if name == os.Getenv("POINT") {
			if nth--; nth == 0 {
				kill()
			}
		}
	}
	return err
}

// childWork begins or goes on with a journal, prints what was confirmed, and ends by SIGKILL when it comes to POINT for the
// NTH time.
func childWork() error {
	sys := host()
	if err := killAt(&sys); err != nil {
		return err
	}
	if os.Getenv("STEPS") == "2" {
		sys.schema = newSchema(later)
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
		if err := haveAndEnd(ctx, j, id, i%2 == 0); err != nil {
			return err
		}
	}
	return j.Close()
}

// haveAndEnd holds a lock and has a transfer under way that are named after an intent, and may end both.
func haveAndEnd(ctx context.Context, j *Journal, id uint64, end bool) error {
	if err := j.Hold(ctx, someHolding(int(id))); err != nil {
		return err
	}
	fmt.Println("held", id)
	if err := j.Track(ctx, someTransit(id)); err != nil {
		return err
	}
	fmt.Println("tracked", id)
	if !end {
		return nil
	}
	fmt.Println("ending", id)
	if err := j.Forget(ctx, "dc1-lxca", nthLock(int(id))); err != nil {
		return err
	}
	fmt.Println("forgotten", id)
	if err := j.Ended(ctx, id, someEnding()); err != nil {
		return err
	}
	fmt.Println("ended", id)
	return nil
}

// leaveAll begins one thing of each kind, named after the intent, whose number it returns, and leaves it.
func leaveAll(ctx context.Context, j *Journal) (uint64, error) {
	id, err := j.Intend(ctx, someIntent(2))
	if err != nil {
		return 0, err
	}
	if err := j.Hold(ctx, someHolding(int(id))); err != nil {
		return 0, err
	}
	if err := j.BeginMigration(ctx, someMigration(int(id), 2)); err != nil {
		return 0, err
	}
	return id, j.Track(ctx, someTransit(id))
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
	mine, err := leaveAll(ctx, j)
	if err != nil {
		return err
	}
	estate, err := takeOver(ctx, j)
	if err != nil {
		return err
	}
	for _, name := range names(estate) {
		fmt.Println("adopted", name)
	}
	if err := finish(ctx, j, estate); err != nil {
		return err
	}
	// Our own is still ours: it is neither told nor taken while we run.
	err = errors.Join(j.Settle(ctx, mine, fleet.OutcomeDone, ""), j.Ended(ctx, mine, someEnding()), endMigration(ctx, j, int(mine)))
	if err != nil {
		return fmt.Errorf("our own was taken while we run: %w", err)
	}
	all, err := j.Holdings(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(h fleet.Holding) bool { return h.Engine == engine && h.Lock == nthLock(int(mine)) }) {
		return errors.New("our own lock was taken while we run")
	}
	if err := j.Forget(ctx, "dc1-lxca", nthLock(int(mine))); err != nil {
		return err
	}
	left, err := leaveAll(ctx, j)
	if err != nil {
		return err
	}
	for _, kind := range []string{"intent", "holding", "transit", "migration"} {
		fmt.Printf("left %s%d\n", kind, left)
	}
	if n := j.Notices(); len(n) > 0 {
		return fmt.Errorf("notices %q", n)
	}
	return j.Close()
}

// childHeir takes over what there is at its start and at each line of its input, says what, and keeps it until its input ends.
func childHeir() error {
	ctx := context.Background()
	j, err := Open(ctx, os.Getenv("JOURNAL"), Options{Engine: os.Getenv("ENGINE"), Clock: still(noon), Wait: patience})
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for more := true; more; more = in.Scan() {
		estate, err := takeOver(ctx, j)
		if err != nil {
			return err
		}
		fmt.Println(strings.Join(names(estate), " "))
	}
	return errors.Join(in.Err(), j.Close())
}

// childWait holds something of each kind until it is killed or its input ends.
func childWait() error {
	ctx := context.Background()
	j, err := Open(ctx, os.Getenv("JOURNAL"), Options{Engine: os.Getenv("ENGINE"), Clock: still(noon)})
	if err != nil {
		return err
	}
	id, err := leaveAll(ctx, j)
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
		if err := j.Hold(ctx, someHolding(1)); !errors.Is(err, ErrNotWritable) || !errors.Is(err, cause) {
			return fmt.Errorf("a lock failed with %w", err)
		}
		for name, err := range reads(ctx, j) {
			if err != nil {
				return fmt.Errorf("%s failed with %w", name, err)
			}
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
	refused := changes(ctx, j)
	delete(refused, "adopt") // they find nothing to write
	delete(refused, "adopt migrations")
	refused["writable"] = j.Writable()
	for name, err := range refused {
		if !errors.Is(err, ErrNotWritable) || !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%s: it says %w", name, err)
		}
	}
	fmt.Println(refused["intend"])
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
