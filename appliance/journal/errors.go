package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"holdfast/appliance/fleet"
)

// What can be wrong, for errors.Is.
var (
	// ErrNotWritable: nothing can be recorded now; the error says why, where, and what to do (faults.md JNL-03, -07, -08).
	ErrNotWritable = errors.New("journal not writable")
	// ErrBusy: another process wrote for longer than we wait; nothing was recorded (faults.md JNL-04).
	ErrBusy = errors.New("journal busy")
	// ErrUnsafe: what lies at the path cannot be a journal that only we write (faults.md JNL-10).
	ErrUnsafe = errors.New("not a safe place for the journal")
	// ErrDamaged: the journal was found damaged while it was read; it is being set aside.
	ErrDamaged = errors.New("journal damaged")
	// ErrNotOurs: the intent, the transfer that came of it, or the migration is not there, or another engine answers for it.
	ErrNotOurs = fleet.ErrNotOurs
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("journal closed")
)

// trouble is an error of one kind with what was being done, why it failed and what to do.
type trouble struct {
	doing, path, advice string
	kind, cause         error
}

// Error is one sentence.
func (t *trouble) Error() string {
	s := fmt.Sprintf("cannot %s (%s): %v", t.doing, t.path, t.cause)
	if t.advice != "" {
		s += "; " + t.advice
	}
	return s
}

// Unwrap makes it answer to its kind and its cause.
func (t *trouble) Unwrap() []error { return []error{t.kind, t.cause} }

// damage is what is wrong with the content of the file.
type damage struct{ what string }

// Error says what is wrong.
func (d *damage) Error() string { return d.what }

// Is makes it ErrDamaged.
func (d *damage) Is(target error) bool { return target == ErrDamaged }

func damaged(format string, args ...any) error { return &damage{fmt.Sprintf(format, args...)} }

// networkError refuses a network file system.
type networkError struct{ folder, kind string }

// Error says what it is.
func (e *networkError) Error() string {
	return fmt.Sprintf("%s lies on a network file system (%s), whose locks may not hold", e.folder, e.kind)
}

// newerError refuses to write a schema that we do not know.
type newerError struct{ version, ours int }

// Error says which.
func (e *newerError) Error() string {
	return fmt.Sprintf("it has schema %d and was written by a newer Holdfast; this one knows schema %d", e.version, e.ours)
}

// code is SQLite's extended result code in err, 0 when there is none.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// isDamage tells errors that speak of the content of the file. Our statements are constant, so that one that does not fit
// the tables means that the tables are not ours any more.
func isDamage(err error) bool {
	if errors.Is(err, ErrDamaged) {
		return true
	}
	c := code(err)
	switch c {
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS, sqlite3.SQLITE_IOERR_DATA:
		return true
	}
	switch c & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT,
		sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG:
		return true
	}
	return false
}

// fatal tells errors after which there is no point in having a Journal at all.
func fatal(err error) bool { return errors.Is(err, ErrUnsafe) || errors.Is(err, errSameEngine) }

// final are errors that say nothing of the journal: what was asked for cannot be, or was given up.
var final = []error{
	ErrNotOurs, fleet.ErrRefTaken, fleet.ErrNoSuchRef, context.Canceled, context.DeadlineExceeded,
}

// explain gives an error its kind and says what to do about it.
func (j *Journal) explain(doing string, err error) error {
	if err == nil || fatal(err) || isOneOf(err, final...) || isOneOf(err, ErrNotWritable, ErrClosed) {
		return err
	}
	t := &trouble{doing: doing, path: j.path, kind: ErrNotWritable, cause: err}
	network, newer := (*networkError)(nil), (*newerError)(nil)
	switch c := code(err) & 0xff; {
	case errors.Is(err, ErrBusy), c == sqlite3.SQLITE_BUSY, c == sqlite3.SQLITE_LOCKED, c == sqlite3.SQLITE_PROTOCOL:
		t.kind, t.cause = ErrBusy, fmt.Errorf("another process has kept it busy for longer than %v", j.options.Wait)
		t.advice = "try again"
	case isDamage(err):
		t.kind = ErrDamaged
	case c == sqlite3.SQLITE_INTERRUPT:
		t.kind, t.cause = context.Canceled, context.Canceled
	case errors.As(err, &network):
		t.advice = "set state_dir to a folder on a local disk"
	case errors.As(err, &newer):
		t.advice = "use that one, or another state_dir"
	case errors.Is(err, errReader):
	default:
		t.cause, t.advice = diagnose(filepath.Dir(j.path), err)
	}
	return t
}

func isOneOf(err error, kinds ...error) bool {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// diagnose finds the host's own words for a failure of SQLite, which does not tell them, by writing beside the journal.
func diagnose(folder string, err error) (cause error, advice string) {
	cause = err
	if tried := try(folder); tried != nil {
		cause = tried
	} else if code(err) != 0 {
		var limit syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit) == nil && limit.Cur < math.MaxInt64 {
			cause = fmt.Errorf("%w at %d bytes", syscall.EFBIG, limit.Cur)
		}
	}
	if p, ok := errors.AsType[*fs.PathError](cause); ok {
		cause = p.Err
	}
	switch {
	case isOneOf(cause, syscall.ENOSPC, syscall.EDQUOT):
		advice = "free some space there"
	case errors.Is(cause, syscall.EFBIG):
		advice = "raise the file-size limit (ulimit -f) and start again"
	case errors.Is(cause, syscall.EROFS):
		advice = "make it writable, or set state_dir to another folder"
	case errors.Is(cause, fs.ErrPermission):
		advice = "make the folder and what is in it yours (chown, chmod u+rwX), or set state_dir to another folder"
	default:
		advice = "look at the disk, or set state_dir to another folder"
	}
	return cause, advice
}

// try writes a page into a new file of the folder, to its end on the disk.
func try(folder string) error {
	f, err := os.CreateTemp(folder, ".try-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// first is the first of two errors that is one: what went wrong, rather than what went wrong while tidying up after it.
func first(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
