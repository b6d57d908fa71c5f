package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
)

// files are the names and contents of all files below dirs.
func files(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			found[path] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Wherever a password comes from, asking for it stores it nowhere: not in the keyring, not in a file, not in the environment.
func TestFault_SEC03_NothingIsStoredThatWasNotAskedFor(t *testing.T) {
	const service, user = "holdfast", "dc1"
	home, work := t.TempDir(), t.TempDir()
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"} {
		t.Setenv(name, home)
	}
	t.Chdir(work)
	keyring.MockInit()
	if err := keyring.Set(service, "in keyring", canary); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOLDFAST_TEST_STORED", canary)
	path := write(t, canary+"\n")
	asked := func(context.Context) (Secret, error) { return New(canary), nil }
	sources := map[string]Source{
		"environment": Env("HOLDFAST_TEST_STORED"), "command": Command([]string{"/bin/cat", path}), "file": File(path),
		"keyring": Keyring(service, "in keyring"), "prompt": Prompt(asked), "remembered": Remember(Prompt(asked)).Get,
	}
	before := files(t, home, work, filepath.Dir(path))
	for name, source := range sources {
		for range 2 {
			got, err := source.Password(t.Context(), user)
			if err != nil || got.Reveal() != canary {
				t.Errorf("%s: %q, %v", name, got.Reveal(), err)
			}
		}
		for _, entry := range []string{user, name, "maria", "", os.Getenv("USER")} {
			if v, err := keyring.Get(service, entry); !errors.Is(err, keyring.ErrNotFound) {
				t.Errorf("%s: the keyring holds %q of %q, %v", name, v, entry, err)
			}
		}
	}
	if after := files(t, home, work, filepath.Dir(path)); !maps.Equal(before, after) {
		t.Errorf("files were %v, are %v", before, after)
	}
	if all := strings.Join(os.Environ(), "\n"); strings.Contains(all, canary) {
		t.Error("it is in the environment")
	}
	if v, err := keyring.Get(service, "in keyring"); err != nil || v != canary {
		t.Errorf("the entry that was read is %q, %v", v, err)
	}
}

// A keyring that is absent, has no such entry, is locked, fails or takes its time: each is said, in words that name the entry
// and no secret, is no password, and holds nobody up for longer than the limit. A later call asks anew.
func TestFault_SEC03_Keyring(t *testing.T) {
	const limit = keyringLimit
	for name, test := range map[string]struct {
		value string
		err   error
		takes time.Duration
		says  string // empty: the password is had
	}{
		"there":               {canary, nil, 0, ""},
		"slow":                {canary, nil, limit - time.Millisecond, ""},
		"too slow":            {canary, nil, limit + time.Minute, "the keyring is locked or does not answer (10s)"},
		"too slow to fail":    {"", errors.New(canary), limit + time.Minute, "does not answer"},
		"no entry":            {"", keyring.ErrNotFound, 0, "absent"},
		"empty entry":         {"", nil, 0, "absent"},
		"none on this system": {"", keyring.ErrUnsupportedPlatform, 0, "there is no keyring on this system"},
		"no service":          {"", errors.New("The name org.freedesktop.secrets was not provided"), 0, "locked or not there: The name org"},
		"locked":              {"", errors.New("prompt dismissed\x1b[2J\u202e"), time.Second, "locked or not there: prompt dismissed␛[2J▯"},
		"failing":             {"", fmt.Errorf("dbus: %w", os.ErrClosed), 0, "locked or not there: dbus: file already closed"},
		"value with an error": {canary, os.ErrClosed, 0, "locked or not there"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			get := func(service, user string) (string, error) {
				asked.Add(1)
				if service != "holdfast" || user != "dc1" {
					t.Errorf("%s: asked for %q of %q", name, service, user)
				}
				<-time.After(test.takes)
				return test.value, test.err
			}
			source := Source(Remember(keyringSource("holdfast", "dc1", get, limit)).Get)
			for round := range int32(2) {
				start := time.Now()
				got, err := source.Password(t.Context(), "maria")
				if took := time.Since(start); took > limit || round == 0 && took != min(test.takes, limit) {
					t.Errorf("%s: took %s", name, took)
				}
				if test.says == "" {
					if err != nil || got.Reveal() != canary || asked.Load() != 1 {
						t.Errorf("%s: %v, asked %d times", name, err, asked.Load())
					}
					continue
				}
				if !errors.Is(err, appliance.ErrNoPassword) || !got.Empty() || asked.Load() != round+1 {
					t.Errorf("%s: %q, %v, asked %d times", name, got.Reveal(), err, asked.Load())
				}
				said := fmt.Sprint(err)
				clean(t, name, said)
				if !strings.Contains(said, test.says) || !strings.Contains(said, `keyring entry "holdfast" of user "dc1"`) {
					t.Errorf("%s: %q", name, said)
				}
			}
			time.Sleep(2 * time.Hour) // virtual: whoever was too slow ends
		})
	}
}

// Who gives up on a locked keyring is let go at once.
func TestFault_SEC03_LeavingALockedKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		source := keyringSource("holdfast", "dc1", func(string, string) (string, error) { <-release; return canary, nil }, keyringLimit)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := source.Password(ctx, "maria")
		if took := time.Since(start); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("took %s: %v", took, err)
		}
	})
}

// What a child of ours can see of us holds no secret: neither our arguments nor its own, nor the environment that it has.
func TestFault_SEC02_ChildrenSeeNothing(t *testing.T) {
	const name = "HOLDFAST_TEST_CHILD"
	t.Setenv(name, canary)
	gives(t, Env(name), canary)
	gives(t, File(write(t, canary)), canary)
	look := `for f in /proc/$PPID/cmdline /proc/$$/cmdline /proc/$$/environ; do tr '\0' ' ' <$f; echo; done; env`
	got, err := Command([]string{"/bin/sh", "-c", look})(t.Context())
	if err != nil || !strings.Contains(got.Reveal(), "/bin/sh -c for f in") || !strings.Contains(got.Reveal(), "PATH=") {
		t.Fatalf("the child saw %q, %v", got.Reveal(), err)
	}
	if strings.Contains(got.Reveal(), name) {
		t.Error("the child has the variable")
	}
	clean(t, "child", got.Reveal())
}
