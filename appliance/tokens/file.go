package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/appliance"
	"holdfast/appliance/ecb"
)

// Folder keeps each record in a file of its own, mode 0600, in the folder `tokens` of the state folder, mode 0700. It holds
// what it has kept through a power cut. A symbolic link, another owner and a mode that lets others in are refused (faults.md
// JNL-10, SEC-04): nothing is kept there then, and nothing believed that was.
type Folder struct {
	path      string
	appliance string
	uid       int
	sync      func(*os.File) error
}

var _ ecb.Tokens = (*Folder)(nil)

// InFolder is the store of an appliance below the state folder. It touches nothing yet.
func InFolder(state, appliance string) *Folder {
	return &Folder{path: filepath.Join(state, "tokens"), appliance: appliance, uid: os.Geteuid(), sync: (*os.File).Sync}
}

// Keep writes the record beside the one before, and puts it in its place once it is durable.
func (f *Folder) Keep(_ context.Context, engine string, k ecb.Kept) error {
	path, err := f.place(engine)
	if err == nil {
		err = f.write(path, engine, k)
	}
	return f.wrap("keep", err)
}

func (f *Folder) write(path, engine string, k ecb.Kept) error {
	data, err := encode(engine, f.appliance, k)
	if err != nil {
		return err
	}
	if err := f.secure(true); err != nil {
		return err
	}
	if err := f.replaceable(path); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // left behind by one that was killed
		return err
	}
	if err := f.create(fresh, data); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return f.syncFolder(f.path)
}

// create makes a file and has it on the disk before it returns.
func (f *Folder) create(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	if err := file.Chmod(0o600); err != nil { // whatever the umask took away
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	return f.sync(file)
}

// Kept reads the record of an engine.
func (f *Folder) Kept(_ context.Context, engine string) (ecb.Kept, error) {
	path, err := f.place(engine)
	if err != nil {
		return ecb.Kept{}, f.wrap("read", err)
	}
	data, err := f.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ecb.Kept{}, fmt.Errorf("%w: nothing is kept of it", appliance.ErrGone)
	}
	if err != nil {
		return ecb.Kept{}, f.wrap("read", err)
	}
	k, err := decode(engine, f.appliance, data)
	if err != nil {
		err = fmt.Errorf("%s %w", path, err)
	}
	return k, f.wrap("read", err)
}

func (f *Folder) read(path string) ([]byte, error) {
	if err := f.secure(false); err != nil {
		return nil, err
	}
	// Without waiting, so that a named pipe blocks nobody before it is refused.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link, which is not followed: move it away", path)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := f.private(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("%s is larger than %d bytes: move it away", path, most)
	}
	return data, err
}

// Forget removes the record of an engine, and what a write that was killed left of it.
func (f *Folder) Forget(_ context.Context, engine string) error {
	path, err := f.place(engine)
	if err != nil {
		return f.wrap("remove", err)
	}
	err = f.secure(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return f.wrap("remove", err)
	}
	gone := false
	for _, p := range []string{path + ".new", path} {
		switch err := os.Remove(p); {
		case err == nil:
			gone = true
		case !errors.Is(err, fs.ErrNotExist):
			return f.wrap("remove", err)
		}
	}
	if !gone {
		return nil
	}
	return f.wrap("remove", f.syncFolder(f.path))
}

// place is the file of an engine.
func (f *Folder) place(engine string) (string, error) {
	n, err := name(engine, f.appliance)
	return filepath.Join(f.path, n+".json"), err
}

// wrap says of what an error is, and what can be done about it.
func (f *Folder) wrap(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s the record in %s: %w (see to that folder, or set state_dir or token_store)", verb, f.path, err)
}

// secure sees that the folder is one that only we can get at; with make it is made when it is missing.
func (f *Folder) secure(make bool) error {
	info, err := os.Lstat(f.path)
	if make && errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(f.path, 0o700); err != nil {
			return err
		}
		if err := f.syncFolder(filepath.Dir(f.path)); err != nil {
			return err
		}
		info, err = os.Lstat(f.path)
	}
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not followed: move it away", f.path)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder: move it away", f.path)
	case owner(info) != f.uid:
		return fmt.Errorf("%s belongs to user id %d and you are %d: make it yours (chown) or move it away", f.path, owner(info), f.uid)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s has mode %#o, which lets others in: make it 0700", f.path, info.Mode().Perm())
	}
	return nil
}

// replaceable says why what is at path must not be replaced.
func (f *Folder) replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.private(path, info)
}

// private says why a file must not hold a token of ours.
func (f *Folder) private(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not followed: move it away", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file (%s): move it away", path, info.Mode().Type())
	case owner(info) != f.uid:
		return fmt.Errorf("%s belongs to user id %d and you are %d: make it yours (chown) or move it away", path, owner(info), f.uid)
	case info.Mode().Perm()&0o177 != 0:
		return fmt.Errorf("%s has mode %#o; make it 0600", path, info.Mode().Perm())
	}
	return nil
}

func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// syncFolder makes names in a folder durable.
func (f *Folder) syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.sync(dir)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // a file system that needs none
		err = nil
	}
	return errors.Join(err, dir.Close())
}
