package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/adrg/xdg"
)

const small = `
[[appliance]]
name = "a"
kind = "lxca"
url = "https://a.example.net"
user = "u"
`

const smallWithCommand = small + `password_command = ["pass", "a"]` + "\n"

// write makes a file of exactly that mode.
func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFault_SEC04_Modes(t *testing.T) {
	for _, text := range []string{small, smallWithCommand} {
		for mode, bad := range map[fs.FileMode]string{
			0o400: "", 0o600: "", 0o640: "", 0o644: "", 0o444: "", 0o755: "",
			0o620: "0620", 0o660: "0660", 0o664: "0664", 0o602: "0602", 0o646: "0646", 0o666: "0666", 0o777: "0777",
		} {
			path := write(t, text, mode)
			_, err := Load(path)
			if bad == "" {
				if err != nil {
					t.Errorf("mode %#o: %v", mode, err)
				}
				continue
			}
			want := path + ": has mode " + bad + ", and so can be changed by others, who could then have programs run as " +
				"you: take that away (chmod go-w)"
			if err == nil || err.Error() != want {
				t.Errorf("mode %#o: got %v, want %s", mode, err, want)
			}
		}
	}
}

func TestFault_SEC04_Owner(t *testing.T) {
	for _, c := range []struct {
		mode        fs.FileMode
		owner, self uint32
		ok          bool
	}{
		{0o644, 1000, 1000, true}, {0o644, 0, 1000, true}, {0o644, 0, 0, true},
		{0o644, 1001, 1000, false}, {0o600, 1000, 0, false}, {0o664, 0, 1000, false},
		{fs.ModeDir | 0o755, 1000, 1000, false}, {fs.ModeNamedPipe | 0o600, 1000, 1000, false},
	} {
		if err := checkMode(c.mode, c.owner, c.self); (err == nil) != c.ok {
			t.Errorf("%v of %d for %d: %v", c.mode, c.owner, c.self, err)
		}
	}
}

// What counts is the file behind a symbolic link; paths count from where the link lies.
func TestFault_SEC04_SymbolicLink(t *testing.T) {
	good := write(t, small+"ca_file = \"ca.pem\"\n", 0o600)
	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	c, err := Load(link)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(link), "ca.pem"); c.Path != link || c.Appliances[0].Trust.CAFile != want {
		t.Errorf("path %s, ca_file %s, want %s", c.Path, c.Appliances[0].Trust.CAFile, want)
	}
	if err := os.Chmod(good, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link); err == nil {
		t.Error("a link to a file that anybody can write was read")
	}
}

func TestLoadOtherThanFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		want := path + ": is not a regular file: name the configuration file itself"
		if _, err := Load(path); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	below := filepath.Join(write(t, small, 0o600), "config.toml")
	want := below + ": cannot be read: not a directory; make it readable for you, or name another file with --config"
	if _, err := Load(below); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	big := write(t, strings.Repeat("#\n", 3<<20), 0o600)
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "is larger than 4 MiB") {
		t.Errorf("a file of 6 MiB: %v", err)
	}
}

// folders makes xdg look below a folder of the test.
func folders(t *testing.T) string {
	t.Helper()
	t.Cleanup(xdg.Reload) // once the variables are as they were
	dir := t.TempDir()
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "own folder"))
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(dir, "system"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	xdg.Reload()
	return dir
}

func TestNoConfig(t *testing.T) {
	dir := folders(t)
	own := filepath.Join(dir, "own folder/holdfast/config.toml")
	if DefaultPath() != own {
		t.Errorf("default path %s, want %s", DefaultPath(), own)
	}
	_, err := Load(DefaultPath())
	want := "there is no configuration; it is looked for in\n  " + own + "\n  " +
		filepath.Join(dir, "system/holdfast/config.toml") +
		"\nwrite one, then change it to name your appliances:\n  mkdir -p '" +
		filepath.Dir(own) + "' && holdfast config example > '" + own + "'\nor look around first, without any:\n  holdfast demo"
	if !errors.Is(err, ErrNoConfig) || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	missing := filepath.Join(dir, "x.toml")
	_, err = Load(missing)
	var none *NoConfigError
	if !errors.As(err, &none) || len(none.Paths) != 1 || none.Paths[0] != missing {
		t.Errorf("got %v", err)
	}
}

func TestDefaultPathAndState(t *testing.T) {
	dir := folders(t)
	for _, folder := range []string{"system", "own folder"} { // the second is preferred
		path := filepath.Join(dir, folder, "holdfast", "config.toml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(small+"password_file = \"~/a\""), 0o600); err != nil {
			t.Fatal(err)
		}
		if DefaultPath() != path {
			t.Errorf("default path %s, want %s", DefaultPath(), path)
		}
		c, err := Load(DefaultPath())
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, "state/holdfast"); c.StateDir != want || c.Path != path {
			t.Errorf("state %s, want %s; path %s", c.StateDir, want, c.Path)
		}
		if got, want := c.Appliances[0].Password.File, filepath.Join(dir, "home/a"); got != want {
			t.Errorf("password file %s, want %s", got, want)
		}
	}
}
