package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
)

func TestFault_SEC02_VariableIsUnsetAfterRead(t *testing.T) {
	const name = "HOLDFAST_TEST_PASSWORD"
	t.Setenv(name, canary)
	one, two := Env(name), Env(name)
	gives(t, one, canary)
	if v, ok := os.LookupEnv(name); ok {
		t.Errorf("still set to %q", v)
	}
	gives(t, one, canary)
	gives(t, two, canary)
	gives(t, Command([]string{"/bin/sh", "-c", "echo x$" + name}), "x")
	t.Setenv(name, "newer")
	gives(t, two, "newer")
	gives(t, one, "newer")
	t.Setenv("HOLDFAST_TEST_EMPTY", "")
	fails(t, Env("HOLDFAST_TEST_EMPTY"), "HOLDFAST_TEST_EMPTY", "is not set")
}

func TestFault_SEC04_FileModes(t *testing.T) {
	for mode, fine := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o644: false, 0o620: false, 0o602: false, 0o601: false,
		0o666: false,
	} {
		path := write(t, canary+"\n")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if fine {
			gives(t, File(path), canary)
		} else {
			fails(t, File(path), path, fmt.Sprintf("mode %#o", mode), "make it 0600")
		}
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	for content, want := range map[string]string{
		canary: canary, canary + "\n": canary, canary + "\r\n": canary, canary + "\n\n": canary + "\n", " a ": " a ",
		strings.Repeat("x", 4096): strings.Repeat("x", 4096),
	} {
		gives(t, File(write(t, content)), want)
	}
	fails(t, File(write(t, strings.Repeat(canary, 4097/len(canary)+1))), "larger than 4096 bytes")
	fails(t, File(write(t, "\n")), "is empty")
	fails(t, File(write(t, "")), "is empty")
	dir := t.TempDir()
	fails(t, File(filepath.Join(dir, "absent")), "absent", "no such file")
	fails(t, File(dir), dir, "not a regular file")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write(t, canary), link); err != nil {
		t.Fatal(err)
	}
	fails(t, File(link), link, "symbolic link")
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, File(fifo), fifo, "not a regular file")
}

func TestFileOfSomebodyElse(t *testing.T) {
	info, err := os.Stat(write(t, canary))
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	owner.Uid = 1234
	if err := private(info, 1234); err != nil {
		t.Errorf("our own: %v", err)
	}
	if err := private(info, 1235); err == nil || !strings.Contains(err.Error(), "user id 1234") {
		t.Errorf("somebody else's: %v", err)
	}
	owner.Uid = 0
	if err := private(info, 1235); err != nil {
		t.Errorf("root's: %v", err)
	}
}

func TestCommand(t *testing.T) {
	sh := func(script string) Source { return Command([]string{"/bin/sh", "-c", script, canary}) }
	gives(t, sh("echo secret"), "secret")
	gives(t, sh("printf 'a b\\r\\n\\n'"), "a b\r\n")
	gives(t, Command([]string{"/bin/echo", "-n", "$HOME;*"}), "$HOME;*") // no shell
	gives(t, sh("cat; test -t 0 || printf none"), "none")
	gives(t, sh("(: </dev/tty) 2>/dev/null && echo terminal || echo none"), "none")
	fails(t, sh("exit 3"), `"/bin/sh"`, "exit status 3")
	fails(t, sh("printf '\\033[2Jlocked\\nsecond line' >&2; exit 1"), "␛[2Jlocked")
	fails(t, sh("echo "+canary+"; echo leaked "+canary+" >&2; exit 1"), "leaked [redacted]")
	fails(t, sh("true"), "wrote nothing")
	fails(t, sh("yes | head -c 5000"), "more than 4096 bytes")
	fails(t, Command(nil), "empty")
	fails(t, Command([]string{"/no/such/program", canary}), "/no/such/program", "no such file")
	fails(t, Command([]string{"no-such-program-anywhere"}), "not found")
}

func TestCommandThatHangsIsStoppedWithItsChildren(t *testing.T) {
	s := command([]string{"/bin/sh", "-c", "sleep 600 & sleep 600"}, 50*time.Millisecond)
	fails(t, s, "not finished within 50ms")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Command([]string{"/bin/sh", "-c", "sleep 600 | cat"})(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestKeyring(t *testing.T) {
	keyring.MockInit()
	if err := keyring.Set("holdfast", "dc1", canary); err != nil {
		t.Fatal(err)
	}
	gives(t, Keyring("holdfast", "dc1"), canary)
	fails(t, Keyring("holdfast", "dc2"), `"holdfast"`, `"dc2"`, "absent")
	keyring.MockInitWithError(errors.New("prompt dismissed\x1b[2J"))
	fails(t, Keyring("holdfast", "dc1"), "locked or not there", "prompt dismissed␛")
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	fails(t, Keyring("holdfast", "dc1"), "no keyring on this system")
}

func TestKeyringThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		get := func(string, string) (string, error) { <-release; return canary, nil }
		start := time.Now()
		fails(t, keyringSource("holdfast", "dc1", get, keyringLimit), "locked or does not answer (10s)")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := keyringSource("holdfast", "dc1", get, keyringLimit)(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		close(release)
	})
}

func TestOnceAsksOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := Once(func(context.Context) (Secret, error) {
			asked++
			<-time.After(time.Second)
			return New(canary), nil
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { gives(t, s, canary) })
		}
		wg.Wait()
		gives(t, s, canary)
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestForgetAsksAgain(t *testing.T) {
	asked := 0
	m := Remember(func(context.Context) (Secret, error) {
		asked++
		return New(fmt.Sprint("secret ", asked)), nil
	})
	for _, want := range []string{"secret 1", "secret 1", "secret 2"} {
		if want == "secret 2" {
			m.Forget()
		}
		got, err := m.Get(t.Context())
		if err != nil || got.Reveal() != want {
			t.Errorf("%q, %v; want %q", got.Reveal(), err, want)
		}
	}
}

func TestOnceRemembersNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := Once(func(context.Context) (Secret, error) {
			asked++
			<-time.After(time.Second)
			if asked == 1 {
				return Secret{}, errors.New("wrong key")
			}
			return New(canary), nil
		})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { fails(t, s, "wrong key") }) // all share the one failure
		}
		wg.Wait()
		gives(t, s, canary)
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestOnceGoesOnWhenTheAskerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := Once(func(ctx context.Context) (Secret, error) {
			asked++
			select {
			case <-time.After(10 * time.Second):
				return New(canary), nil
			case <-ctx.Done():
				return Secret{}, ctx.Err()
			}
		})
		var wg sync.WaitGroup
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wg.Go(func() {
			if _, err := s(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the impatient one got %v", err)
			}
		})
		synctest.Wait()
		for range 2 {
			wg.Go(func() { gives(t, s, canary) })
		}
		waiting, stop := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := s(waiting); !errors.Is(err, context.Canceled) {
				t.Errorf("the one that stopped waiting got %v", err)
			}
		})
		synctest.Wait()
		stop()
		wg.Wait()
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestOnceOutlivesAPanic(t *testing.T) {
	first := true
	s := Once(func(context.Context) (Secret, error) {
		if first {
			first = false
			panic("broken")
		}
		return New(canary), nil
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = s(t.Context())
	}()
	gives(t, s, canary)
}

// Wherever a password was to come from, not having it is one and the same error, which names the user and the place.
func TestPasswordThatCannotBeHad(t *testing.T) {
	absent := func(string, string) (string, error) { return "", keyring.ErrNotFound }
	for words, source := range map[string]Source{
		"environment variable": Env("HOLDFAST_TEST_NOT_SET"),
		"secret file":          File(filepath.Join(t.TempDir(), "none")),
		"password command":     Command([]string{"/bin/false"}),
		"keyring entry":        keyringSource("holdfast", "a", absent, time.Second),
		"nobody is there":      Prompt(func(context.Context) (Secret, error) { return Secret{}, errors.New("nobody is there") }),
		"nothing was entered":  Prompt(func(context.Context) (Secret, error) { return New(""), nil }),
		"is empty":             Fixed(New("")),
		"deadline exceeded":    func(context.Context) (Secret, error) { return Secret{}, context.DeadlineExceeded },
	} {
		got, err := source.Password(t.Context(), "maria")
		if !errors.Is(err, appliance.ErrNoPassword) || !got.Empty() {
			t.Errorf("%s: %v", words, err)
		}
		if s := fmt.Sprint(err); !strings.HasPrefix(s, "no password for maria: ") || !strings.Contains(s, words) {
			t.Errorf("%q does not say %q", s, words)
		}
	}
	if got, err := Fixed(New(canary)).Password(t.Context(), "maria"); err != nil || got.Reveal() != canary {
		t.Errorf("%v", err)
	}
}

// An empty answer is not remembered: the next one may be better.
func TestEmptyAnswerIsNotRemembered(t *testing.T) {
	answers := []string{"", canary}
	memory := Remember(Prompt(func(context.Context) (Secret, error) {
		answer := answers[0]
		answers = answers[1:]
		return New(answer), nil
	}))
	fails(t, memory.Get, "nothing was entered")
	gives(t, memory.Get, canary)
}

// Who left did not learn that there is no password.
func TestPasswordForSomebodyWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asking := Source(func(ctx context.Context) (Secret, error) { cancel(); return Secret{}, ctx.Err() })
	if _, err := asking.Password(ctx, "maria"); errors.Is(err, appliance.ErrNoPassword) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	asking = func(context.Context) (Secret, error) { return Secret{}, context.Canceled }
	if _, err := asking.Password(t.Context(), "maria"); !errors.Is(err, appliance.ErrNoPassword) {
		t.Errorf("a prompt that was dismissed: %v", err)
	}
}
