package cli

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// stopOutput is the request that stops the output of a terminal as ctrl-s does, and its argument: TCXONC and TCOOFF.
var stopOutput = [2]uintptr{0x540a, 0}

// protection tells how this process is kept from being looked into.
func protection() string {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	dumpable, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	return fmt.Sprintf("core limit %d %v, dumpable %d %d", limit.Cur, err, dumpable, errno)
}

const protected = "core limit 0 <nil>, dumpable 0 0"

// ran is the time of the CPU that a running process has had.
func ran(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // from the third field on
	fields := bytes.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(string(fields[11])+" "+string(fields[12]), &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * time.Second / 100 // USER_HZ, the same wherever Go runs
}

// While it waits for an act to end with a terminal that is gone, it waits and does not spin.
func TestFault_SIG03_NeverSpins(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]how{"told by a signal": {}, "not told": {loose: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			c := start(t, h, "--config", p.config)
			c.takeLock()
			c.beginRelease(p)
			before, cut := ran(t, c.cmd.Process.Pid), time.Now()
			_ = c.master.Close()
			if code := c.end(); code != 129 {
				t.Errorf("exit code %d", code)
			}
			took := time.Since(cut)
			used := c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime() - before
			if took < actsTime || took > endTime {
				t.Errorf("it ended in %v: what was measured is not the waiting", took)
			}
			if used > took/2 {
				t.Errorf("it used %v of the CPU in %v", used, took)
			}
		})
	}
}
