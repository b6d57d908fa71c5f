package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/appliance/fleet"
)

func TestFault_JNL10_Refused(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(dir, path string) error
		uid     int
		want    string
	}{
		{"a folder in its place", func(_, path string) error { return os.Mkdir(path, 0o700) }, 0, "is not a regular file"},
		{"a pipe in its place", func(_, path string) error { return syscall.Mkfifo(path, 0o600) }, 0, "is not a regular file"},
		{"a symbolic link", func(_, path string) error { return os.Symlink("elsewhere", path) }, 0, "is a symbolic link"},
		{"a symbolic link to its side", func(_, path string) error {
			return errors.Join(os.Remove(path+"-wal"), os.Symlink("elsewhere", path+"-wal"))
		}, 0, "is a symbolic link"},
		{"a symbolic link as its gate", func(_, path string) error {
			return os.Symlink("elsewhere", path+".lock")
		}, 0, "is a symbolic link"},
		{"another's folder", func(string, string) error { return nil }, 12345, "belongs to user id"},
		{"a folder with folders", func(dir, _ string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "more"), 0o700), os.Chmod(dir, 0o755))
		}, 0, "set state_dir to a folder of its own"},
		{"a folder for all", func(dir, _ string) error {
			return os.Chmod(dir, 0o777|os.ModeSticky)
		}, 0, "set state_dir to a folder of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, path := folder(t)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(dir, path); err != nil {
				t.Fatal(err)
			}
			before, mode := strings.Join(files(t, dir), " "), modeOf(t, dir)
			sys := host()
			sys.uid += c.uid
			j, err := open(t.Context(), path, Options{Engine: "first"}, sys)
			if !errors.Is(err, ErrUnsafe) || j != nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			after := strings.TrimSpace(strings.ReplaceAll(strings.Join(files(t, dir), " "), "journal.db.lock", ""))
			if strings.Join(strings.Fields(after), " ") != strings.TrimSpace(strings.ReplaceAll(before, "journal.db.lock", "")) ||
				modeOf(t, dir) != mode {
				t.Errorf("the folder holds %q with mode %v, before %q with %v", after, modeOf(t, dir), before, mode)
			}
		})
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestFault_JNL10_Tightened(t *testing.T) {
	dir, path := folder(t)
	closed(t, opened(t, path, "zeroth"))
	for name, mode := range map[string]os.FileMode{dir: 0o755, path: 0o664} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	j := opened(t, path, "first")
	intend(t, j, 1)
	if !said(j.Notices(), dir, "0755", "0700") || !said(j.Notices(), path, "0664", "0600") {
		t.Errorf("notices %q", j.Notices())
	}
	for _, name := range files(t, dir) {
		if mode := modeOf(t, filepath.Join(dir, name)); mode != 0o600 {
			t.Errorf("%s has mode %v", name, mode)
		}
	}
	if mode := modeOf(t, dir).Perm(); mode != 0o700 {
		t.Errorf("the folder has mode %v", mode)
	}
}

// Paths are taken as they are, though SQLite reads them as URIs.
func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "100%", "what?mode=ro", "x#y", "ünï", "a&b=c"} {
		path := filepath.Join(t.TempDir(), name, name+".db")
		j := opened(t, path, "first")
		intend(t, j, 1)
		if _, err := os.Lstat(path); err != nil || j.Writable() != nil {
			t.Errorf("%v, writable: %v", err, j.Writable())
		}
	}
}

func TestFault_JNL07_NetworkFileSystem(t *testing.T) {
	dir, path := folder(t)
	sys := host()
	sys.network = func(folder string) (string, error) {
		if folder != dir {
			t.Errorf("asked about %s", folder)
		}
		return "nfs", nil
	}
	j := openedWith(t, path, Options{Engine: "first", Clock: still(noon)}, sys)
	_, refused := j.Intend(t.Context(), someIntent(1))
	_, unread := j.Events(t.Context(), noon, 1)
	for _, err := range []error{refused, unread, j.Writable(), j.Tell(t.Context(), fleet.Event{})} {
		if !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "network file system (nfs)") ||
			!strings.Contains(err.Error(), "set state_dir to a folder on a local disk") {
			t.Errorf("%v", err)
		}
	}
	if len(files(t, dir)) > 0 || !said(j.Notices(), "nfs") {
		t.Errorf("files %q, notices %q", files(t, dir), j.Notices())
	}
	closed(t, j)
	k := openedWith(t, path, Options{Engine: "second", Clock: still(noon), NetworkAllowed: true}, sys)
	if intend(t, k, 1); !said(k.Notices(), "nfs", "two hosts") {
		t.Errorf("notices %q", k.Notices())
	}
}

func TestFault_JNL07_HostIsAsked(t *testing.T) {
	if kind, err := networkKind(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Errorf("a folder that is not there lies on %q", kind)
	}
	if kind, err := networkKind("/"); err != nil {
		t.Errorf("/ lies on %q, %v", kind, err)
	}
}
