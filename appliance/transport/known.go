package transport

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"holdfast/appliance"
)

// Known is the file known_appliances: the keys that somebody trusted, one line for each appliance, as
//
//	host:port sha256//BASE64 2026-11-22T14:03:22Z who
//
// Blank lines and lines that begin with # are kept as they are. It is safe for concurrent use, by several processes too.
type Known struct {
	path string
	mu   sync.Mutex
	pins map[string]string
	seen fs.FileInfo // of the file as it was read; nil: there was none
}

// knownLimit is the largest file that is read, in bytes.
const knownLimit = 4 << 20

// OpenKnown reads the file. A missing one is empty; a line that is not as it should be is an error that names it; a file
// that somebody else can write, or a symbolic link, is refused.
func OpenKnown(path string) (*Known, error) {
	k := &Known{path: path}
	if err := k.load(); err != nil {
		return nil, err
	}
	return k, nil
}

// load reads the pins. With an error nothing changes.
func (k *Known) load() error {
	lines, info, err := k.read()
	if err != nil {
		return err
	}
	pins, err := k.parse(lines)
	if err != nil {
		return err
	}
	k.pins, k.seen = pins, info
	return nil
}

// Confirmed is the pin that is trusted now for the appliance with that key, empty when there is none. When the file was
// changed since it was read, as `holdfast trust` does from another process, it is read again; an error then tells why it
// cannot be, and nothing is to be believed meanwhile.
func (k *Known) Confirmed(key string) (pin string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed() {
		if err := k.load(); err != nil {
			return "", err
		}
	}
	return k.pins[key], nil
}

// changed reports whether the file is not the one that was read. What cannot be looked at counts as changed, so that
// reading it tells why.
func (k *Known) changed() bool {
	info, err := os.Lstat(k.path)
	if err != nil || k.seen == nil {
		return k.seen != nil || !errors.Is(err, fs.ErrNotExist)
	}
	return !os.SameFile(info, k.seen) || !info.ModTime().Equal(k.seen.ModTime()) || info.Size() != k.seen.Size() ||
		info.Mode() != k.seen.Mode()
}

// Lookup is the pin that was trusted for the appliance with that key (see Canonical) when the file was last read.
func (k *Known) Lookup(key string) (pin string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pin, ok = k.pins[key]
	return pin, ok
}

// Add notes that who trusted pin for the appliance with that key, in place of what was trusted before. The file is
// replaced at once or not at all, with mode 0600.
func (k *Known) Add(key, pin, who string, at time.Time) error {
	if !canonicalKey(key) {
		return fmt.Errorf("known appliances: %q is not host:port in its one form", appliance.Label(key))
	}
	if err := CheckPin(pin); err != nil {
		return fmt.Errorf("known appliances: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("known appliances: %w", err)
	}
	lock := flock.New(k.path+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("known appliances: %w", err)
	}
	defer lock.Unlock() //nolint:errcheck // it ends with the file
	lines, _, err := k.read()
	if err != nil {
		return err
	}
	if _, err := k.parse(lines); err != nil {
		return err
	}
	kept := lines[:0]
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) == 0 || fields[0] != key {
			kept = append(kept, line)
		}
	}
	entry := strings.Join([]string{key, pin, at.UTC().Format(time.RFC3339), appliance.Label(who).String()}, " ")
	kept = append(kept, strings.TrimSpace(entry))
	if err := replaceFile(k.path, strings.Join(kept, "\n")+"\n"); err != nil {
		return fmt.Errorf("known appliances: %w", err)
	}
	return k.load()
}

// read returns the lines of the file, and what tells it from a later one; nil for a file that is not there.
func (k *Known) read() ([]string, fs.FileInfo, error) {
	f, err := os.OpenFile(k.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case errors.Is(err, syscall.ELOOP):
		return nil, nil, fmt.Errorf("%s: is a symbolic link, which is not followed", k.path)
	case err != nil:
		return nil, nil, fmt.Errorf("known appliances: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("known appliances: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is not a regular file", k.path)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, nil, fmt.Errorf("%s: mode %#o lets others write it; make it 0600", k.path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, knownLimit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("known appliances: %w", err)
	}
	if len(b) > knownLimit {
		return nil, nil, fmt.Errorf("%s: is larger than %d bytes", k.path, knownLimit)
	}
	content := strings.TrimSuffix(string(b), "\n")
	if content == "" {
		return nil, info, nil
	}
	return strings.Split(content, "\n"), info, nil
}

// parse reads the pins out of the lines.
func (k *Known) parse(lines []string) (map[string]string, error) {
	pins := map[string]string{}
	for i, line := range lines {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		wrong := func(what string) error { return fmt.Errorf("%s:%d: %s", k.path, i+1, what) }
		if len(fields) < 2 {
			return nil, wrong("a line is host:port, pin, time, who")
		}
		key, pin := fields[0], fields[1]
		if !canonicalKey(key) {
			return nil, wrong("it does not begin with host:port in its one form")
		}
		if err := CheckPin(pin); err != nil {
			return nil, wrong(err.Error())
		}
		if _, twice := pins[key]; twice {
			return nil, wrong(key + " is there twice")
		}
		pins[key] = pin
	}
	return pins, nil
}

// canonicalKey reports whether key is one that Canonical gives.
func canonicalKey(key string) bool {
	_, canonical, err := Canonical("https://" + key)
	return err == nil && canonical == key
}

// replaceFile writes a file beside path and puts it in its place.
func replaceFile(path, content string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.WriteString(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
