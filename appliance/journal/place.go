package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// sides are the endings of the files that SQLite keeps beside the journal.
var sides = []string{"-wal", "-shm"}

// secureFolder makes the state folder, or sees that only we can get at it, and tells what it had to change. Rights are only
// taken away from a folder that is plainly for our files alone: state_dir may name any folder, /tmp too.
func secureFolder(folder string, uid int) (tightened string, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make the state folder: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return "", fmt.Errorf("look at the state folder: %w", err)
	}
	if o := owner(info); o != uid {
		return "", unsafe("%s belongs to user id %d and you are %d: run as that user, or set state_dir to a folder of yours",
			folder, o, uid)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return "", nil
	}
	if info.Mode()&fs.ModeSticky != 0 || !onlyOurFiles(folder, uid) {
		return "", unsafe("%s has mode %#o and holds more than our files: set state_dir to a folder of its own, with mode 0700",
			folder, info.Mode().Perm())
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		return "", fmt.Errorf("take the rights of others from the state folder: %w", err)
	}
	return fmt.Sprintf("%s had mode %#o, so that others could look into it; it has 0700 now", folder, info.Mode().Perm()), nil
}

// onlyOurFiles reports whether the folder holds nothing but regular files of the user.
func onlyOurFiles(folder string, uid int) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || owner(info) != uid {
			return false
		}
	}
	return true
}

// secureFile sees that a file is a regular one that only we can get at, and tells what it had to change. A missing one is
// fs.ErrNotExist. The file is not opened: closing it would take SQLite's kernel locks from this process.
func secureFile(path string, uid int) (info fs.FileInfo, tightened string, err error) {
	info, err = os.Lstat(path)
	switch {
	case err != nil:
		return nil, "", err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, "", unsafe("%s is a symbolic link, which is not followed: move it away", path)
	case !info.Mode().IsRegular():
		return nil, "", unsafe("%s is not a regular file (%s): move it away", path, info.Mode().Type())
	case owner(info) != uid:
		return nil, "", unsafe("%s belongs to user id %d and you are %d: make it yours (chown) or move it away",
			path, owner(info), uid)
	}
	if mode := info.Mode().Perm(); mode&0o177 != 0 || mode&0o600 != 0o600 {
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, "", fmt.Errorf("set the mode of %s: %w", path, err)
		}
		tightened = fmt.Sprintf("%s had mode %#o; it has 0600 now", path, mode)
	}
	return info, tightened, nil
}

func unsafe(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsafe, fmt.Sprintf(format, args...))
}

func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// syncFolder makes names in the folder durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // a file system that needs none
		err = nil
	}
	return first(err, f.Close())
}
