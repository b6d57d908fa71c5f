package transport

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	pinA = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	pinB = "sha256//BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

var trustedAt = time.Date(2026, 11, 21, 15, 3, 22, 0, time.FixedZone("", 3600))

func TestKnownRemembersAndReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "known_appliances")
	k := must(OpenKnown(path))(t)
	if _, ok := k.Lookup("a:443"); ok {
		t.Error("an empty file knows something")
	}
	for _, add := range []struct{ key, pin, who string }{
		{"a:443", pinA, "maria"}, {"[fe80::1%eth0]:443", pinA, ""}, {"a:443", pinB, "evil\nb:443 \x1b[2J"},
	} {
		if err := k.Add(add.key, add.pin, add.who, trustedAt); err != nil {
			t.Fatal(err)
		}
	}
	want := "[fe80::1%eth0]:443 " + pinA + " 2026-11-21T14:03:22Z\n" +
		"a:443 " + pinB + " 2026-11-21T14:03:22Z evil␊b:443 ␛[2J\n"
	if got := string(must(os.ReadFile(path))(t)); got != want {
		t.Errorf("file:\n%s\nwant:\n%s", got, want)
	}
	if mode := must(os.Stat(path))(t).Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %#o", mode)
	}
	for _, known := range []*Known{k, must(OpenKnown(path))(t)} {
		if pin, ok := known.Lookup("a:443"); !ok || pin != pinB {
			t.Errorf("a:443 has %q, %v", pin, ok)
		}
		if _, ok := known.Lookup("b:443"); ok {
			t.Error("a name made a line")
		}
	}
	entries := must(os.ReadDir(filepath.Dir(path)))(t)
	if len(entries) != 2 { // the file and its lock
		t.Errorf("left behind: %v", entries)
	}
}

func TestKnownKeepsCommentsAndOtherWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	head := "# ours\n\na:443 " + pinA + "\n"
	if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := must(OpenKnown(path))(t), must(OpenKnown(path))(t)
	var wg sync.WaitGroup
	for i, k := range []*Known{one, two, one, two} {
		wg.Go(func() {
			if err := k.Add("b:"+string(rune('1'+i)), pinB, "x", trustedAt); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := string(must(os.ReadFile(path))(t))
	if !strings.HasPrefix(got, head) || strings.Count(got, "\n") != 7 {
		t.Errorf("file:\n%s", got)
	}
	for _, key := range []string{"a:443", "b:1", "b:2", "b:3", "b:4"} {
		if _, ok := must(OpenKnown(path))(t).Lookup(key); !ok {
			t.Errorf("%s is lost", key)
		}
	}
}

func TestKnownRefusesWhatItCannotRead(t *testing.T) {
	for content, words := range map[string]string{
		"a:443":                             ":1: a line is",
		"# x\n\na:443 sha256//x":            ":3: pin",
		"a " + pinA:                         ":1: it does not begin with host:port",
		"A:443 " + pinA:                     ":1: it does not begin with host:port",
		"a:443 " + pinA + "\na:443 " + pinB: ":2: a:443 is there twice",
		"a:443 md5//" + pinA[8:]:            ":1: pin",
	} {
		path := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKnown(path)
		says(t, err, path+words)
		k := &Known{path: path}
		if err := k.Add("c:443", pinA, "x", trustedAt); err == nil {
			t.Errorf("%q was overwritten", content)
		}
	}
	k := must(OpenKnown(filepath.Join(t.TempDir(), "known")))(t)
	for _, bad := range []struct{ key, pin string }{{"", pinA}, {"a", pinA}, {"a:443 b", pinA}, {"#a:443", pinA}, {"a:443", "x"}} {
		if err := k.Add(bad.key, bad.pin, "x", trustedAt); err == nil {
			t.Errorf("%v was added", bad)
		}
	}
}

func TestFault_SEC04_KnownWritableByOthers(t *testing.T) {
	for mode, fine := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o644: true, 0o640: true, 0o660: false, 0o602: false, 0o666: false, 0o777: false,
	} {
		path := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(path, []byte("a:443 "+pinA+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKnown(path)
		if (err == nil) != fine {
			t.Errorf("mode %#o: %v", mode, err)
		}
		if !fine {
			says(t, err, path, "mode 0", "make it 0600")
		}
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	_, err := OpenKnown(link)
	says(t, err, link, "symbolic link")
	_, err = OpenKnown(dir)
	says(t, err, dir, "regular file")
}

// What another process confirms counts from the next look, and so does what it takes back.
func TestKnownIsReadAgainWhenItChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	ours := must(OpenKnown(path))(t)
	confirmed := func(want string) {
		t.Helper()
		if got := must(ours.Confirmed("a:443"))(t); got != want {
			t.Errorf("confirmed is %q, want %q", got, want)
		}
	}
	confirmed("")
	for _, pin := range []string{pinA, pinB} {
		if err := must(OpenKnown(path))(t).Add("a:443", pin, "maria", trustedAt); err != nil {
			t.Fatal(err)
		}
		confirmed(pin)
		confirmed(pin)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := ours.Confirmed("a:443")
	says(t, err, path, "lets others write it")
	if err := os.WriteFile(path, []byte("a:443 x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = ours.Confirmed("a:443")
		says(t, err, path+":1: pin")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	confirmed("")
}
