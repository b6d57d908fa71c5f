package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/adrg/xdg"
)

// inFolder is where the file and the state are kept below the folders of the system.
const inFolder = "holdfast"

// ErrNoConfig is what a *NoConfigError is.
var ErrNoConfig = errors.New("no configuration")

// NoConfigError tells that there is no file, where it was looked for, and what to do.
type NoConfigError struct{ Paths []string }

// Error is several lines, ready for a person.
func (e *NoConfigError) Error() string {
	path := e.Paths[0]
	return "there is no configuration; it is looked for in\n  " + strings.Join(e.Paths, "\n  ") +
		"\nwrite one, then change it to name your appliances:\n  mkdir -p " + shellWord(filepath.Dir(path)) +
		" && holdfast config example > " + shellWord(path) +
		"\nor look around first, without any:\n  holdfast demo"
}

// Is makes it ErrNoConfig.
func (e *NoConfigError) Is(target error) bool { return target == ErrNoConfig }

// shellWord quotes s for a shell where that is needed.
func shellWord(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./", r)
	}) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// DefaultPath is the file that is read when none is named: the first there is of holdfast/config.toml in the user's and
// the system's configuration folders, else where the user's own would be.
func DefaultPath() string {
	paths := defaultPaths()
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return paths[0]
}

func defaultPaths() []string {
	var paths []string
	for _, dir := range append([]string{xdg.ConfigHome}, xdg.ConfigDirs...) {
		paths = append(paths, filepath.Join(dir, inFolder, "config.toml"))
	}
	return paths
}

// Load reads the settings in the file at path. Errors are a *NoConfigError when there is none, else an *Error.
func Load(path string) (*Config, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the configuration %s: %w", path, err)
	}
	data, err := read(whole)
	if errors.Is(err, fs.ErrNotExist) {
		if paths := defaultPaths(); whole == paths[0] {
			return nil, &NoConfigError{paths}
		}
		return nil, &NoConfigError{[]string{whole}}
	}
	if err != nil {
		return nil, &Error{Problems: []Problem{{File: path, Text: err.Error()}}}
	}
	o := Options{Dir: filepath.Dir(whole), State: filepath.Join(xdg.StateHome, inFolder)}
	o.Home, _ = os.UserHomeDir() // without one, ~ is told to be unknown where it is used
	c, err := Parse(path, data, o)
	if err != nil {
		return nil, err
	}
	c.Path = whole
	return c, nil
}

// read returns the content of a file that nobody but us and root may write. A symbolic link is followed: what counts is
// the file that is read, so it is checked after it was opened.
func read(path string) ([]byte, error) {
	const most = 4 << 20
	// Without waiting, so that a named pipe that nobody writes to does not hang us.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, cannotRead(err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, cannotRead(err)
	}
	owner := uint32(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = st.Uid
	}
	if err := checkMode(info.Mode(), owner, uint32(os.Geteuid())); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, cannotRead(err)
	}
	if len(data) > most {
		return nil, fmt.Errorf("is larger than %d MiB: this is no configuration", most>>20)
	}
	return data, nil
}

// checkMode refuses a file that somebody else can change: it names programs that we run and hosts that get our passwords
// (faults.md SEC-04). That others can read it is fine, since it holds no secret.
func checkMode(mode fs.FileMode, owner, self uint32) error {
	switch {
	case !mode.IsRegular():
		return errors.New("is not a regular file: name the configuration file itself")
	case owner != self && owner != 0:
		return fmt.Errorf("belongs to user id %d, neither to you nor to root, and so can be changed by somebody else: "+
			"make it yours (chown)", owner)
	case mode.Perm()&0o022 != 0:
		return fmt.Errorf("has mode %#o, and so can be changed by others, who could then have programs run as you: "+
			"take that away (chmod go-w)", mode.Perm())
	}
	return nil
}

// cannotRead leaves out the operation and the path, which stands in front of the message already.
func cannotRead(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("cannot be read: %w; make it readable for you, or name another file with --config", err)
}
