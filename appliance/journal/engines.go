package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// engineID is what an engine's id may be: it becomes part of a file name.
var engineID = regexp.MustCompile(`^[0-9a-z]{1,64}$`)

// errSameEngine tells that an engine of our id runs already.
var errSameEngine = errors.New("an engine of that id runs already")

// lockFlags open a lock file: made when missing, never through a symbolic link.
const lockFlags = os.O_CREATE | os.O_RDWR | syscall.O_NOFOLLOW

// gatePause is the time between two tries of a gate that is shut. It is open again after a write, in well under this.
const gatePause = 2 * time.Millisecond

// gate is the kernel lock that keeps processes from writing a journal while another sets it aside: those that write share
// it, one that opens or sets aside has it alone.
type gate struct {
	path string
	wait time.Duration
}

// enter waits for the gate, at most its time; ErrBusy when that was too short.
func (g gate) enter(ctx context.Context, exclusive bool) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	lock := flock.New(g.path, flock.SetFlag(lockFlags), flock.SetPermissions(0o600))
	if exclusive {
		_, err = lock.TryLockContext(waiting, gatePause)
	} else {
		_, err = lock.TryRLockContext(waiting, gatePause)
	}
	switch {
	case err == nil:
		return func() { _ = lock.Unlock() }, nil // closing the file gives it up in any case
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, ErrBusy
	case errors.Is(err, syscall.ELOOP):
		return nil, unsafe("%s is a symbolic link, which is not followed: move it away", g.path)
	default:
		return nil, err
	}
}

func (j *Journal) enginePath(id string) string { return j.path + ".engine-" + id }

// join takes our engine's kernel lock. The gate is ours alone meanwhile.
func (j *Journal) join() error {
	if j.options.Engine == "" || j.own != nil {
		return nil
	}
	path := j.enginePath(j.options.Engine)
	own := flock.New(path, flock.SetFlag(lockFlags), flock.SetPermissions(0o600))
	got, err := own.TryLock()
	if err != nil {
		return fmt.Errorf("take the kernel lock of this engine: %w", err)
	}
	if !got {
		return errSameEngine
	}
	wit, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return first(fmt.Errorf("open the file of this engine: %w", err), own.Unlock())
	}
	j.own, j.wit = own, wit
	return nil
}

// leave removes our engine's file and gives up its kernel lock, in this order, so that nobody finds a file without one.
func (j *Journal) leave() error {
	if j.own == nil {
		return nil
	}
	err := os.Remove(j.own.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, j.wit.Close(), j.own.Unlock())
	j.own, j.wit = nil, nil
	return err
}

// engineRuns reports whether the engine of that id runs. One of which that cannot be told is taken to.
func (j *Journal) engineRuns(id string) bool {
	if !engineID.MatchString(id) {
		return false
	}
	lock := flock.New(j.enginePath(id), flock.SetFlag(os.O_RDONLY|syscall.O_NOFOLLOW))
	got, err := lock.TryRLock() // shared, so that two who ask at once do not take each other for the engine
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if got {
		_ = lock.Unlock() // closing the file gives it up in any case
	}
	return !got || err != nil
}

// Runs reports whether an engine runs, by its kernel lock (faults.md JNL-06). One of which that cannot be told is taken to.
func (j *Journal) Runs(engine string) bool { return j.engineRuns(engine) }

// runs is engineRuns for one moment: each engine is asked after once.
func (j *Journal) runs() func(id string) bool {
	known := map[string]bool{}
	return func(id string) bool {
		runs, asked := known[id]
		if !asked {
			runs = j.engineRuns(id)
			known[id] = runs
		}
		return runs
	}
}

// witness notes that record n is confirmed, for whoever finds the journal later. It need not be durable: a number that is
// too low proves less and nothing wrong.
func (j *Journal) witness(n uint64) {
	if j.wit == nil {
		return
	}
	if _, err := j.wit.WriteAt(fmt.Appendf(nil, "%020d\n", n), 0); err != nil {
		j.options.Log.Warn("journal: note the number of the last record", "err", err)
	}
}

// witnessed is the highest number that any engine noted whose file is still there, and the ids of these engines.
func (j *Journal) witnessed() (highest uint64, ids []string, err error) {
	entries, err := os.ReadDir(filepath.Dir(j.path))
	if err != nil {
		return 0, nil, err
	}
	prefix := filepath.Base(j.path) + ".engine-"
	for _, e := range entries {
		id, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || !engineID.MatchString(id) || !e.Type().IsRegular() {
			continue
		}
		ids = append(ids, id)
		highest = max(highest, noted(j.enginePath(id)))
	}
	return highest, ids, nil
}

// noted is the number in an engine's file; 0 when it cannot be read, as after a loss of power.
func noted(path string) uint64 {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil || len(b) != 21 || b[20] != '\n' {
		return 0
	}
	n, err := strconv.ParseInt(string(b[:20]), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return uint64(n)
}

// tidy removes the files of engines that ended without Close. What they noted was held against the journal already.
func (j *Journal) tidy(ids []string) {
	for _, id := range ids {
		if id == j.options.Engine || j.engineRuns(id) {
			continue
		}
		if err := os.Remove(j.enginePath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.options.Log.Warn("journal: remove the file of an engine that ended", "err", err)
		}
	}
}
