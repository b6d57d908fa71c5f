package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// File gives the content of a file without its last line end. The file has to be a regular one and no symbolic link,
// belong to us or to root, give group and others nothing, and hold at most 4 KiB (faults.md SEC-04). An error names the
// file, and the mode where that is wrong.
func File(path string) Source {
	return func(context.Context) (Secret, error) {
		s, err := readFile(path)
		if err != nil {
			return Secret{}, fmt.Errorf("secret file %q: %w", path, err)
		}
		return s, nil
	}
}

func readFile(path string) (Secret, error) {
	// Without waiting, so that a named pipe blocks nobody before it is refused.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return Secret{}, errors.New("is a symbolic link; name the file itself")
	}
	if err != nil {
		return Secret{}, plainCause(err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return Secret{}, plainCause(err)
	}
	if err := private(info, os.Geteuid()); err != nil {
		return Secret{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err != nil {
		return Secret{}, plainCause(err)
	}
	if len(b) > sizeLimit {
		return Secret{}, fmt.Errorf("is larger than %d bytes", sizeLimit)
	}
	s := trimNewline(string(b))
	if s == "" {
		return Secret{}, errors.New("is empty")
	}
	return New(s), nil
}

// private says why a file with that information must not hold a secret of the user uid.
func private(info fs.FileInfo, uid int) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("is not a regular file (%s)", info.Mode().Type())
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != uid {
		return fmt.Errorf("belongs to user id %d, neither to us nor to root", owner.Uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("mode %#o lets others in; make it 0600", mode)
	}
	return nil
}

// plainCause drops the operation and the path, which the caller names.
func plainCause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
