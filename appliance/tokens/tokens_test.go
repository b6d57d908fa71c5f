package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/ecb"
	"holdfast/appliance/secret"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

const canary = "c4n4ryTokenText+/=="

var issued = time.Date(2026, 11, 21, 14, 0, 0, 123456789, time.UTC)

// sample is a record with everything in it.
var sample = ecb.Kept{
	Phase: ecb.KeptRenewing, URL: "https://ecb.example.net", User: "maria", Version: "v1.1",
	Token: ecb.KeptToken{Text: secret.New(canary), Issued: issued},
	Next:  ecb.KeptToken{Text: secret.New("n" + canary), Issued: issued.Add(time.Minute)},
	Asked: issued.Add(time.Hour),
}

// same reports whether two records tell the same.
func same(a, b ecb.Kept) bool {
	token := func(x, y ecb.KeptToken) bool { return x.Text.Reveal() == y.Text.Reveal() && x.Issued.Equal(y.Issued) }
	return a.Phase == b.Phase && a.URL == b.URL && a.User == b.User && a.Version == b.Version && a.Asked.Equal(b.Asked) &&
		token(a.Token, b.Token) && token(a.Next, b.Next)
}

// file is where the record of an engine lies.
func (f *Folder) file(t *testing.T, engine string) string {
	t.Helper()
	path, err := f.place(engine)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeepReadForget(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	f := InFolder(state, "dc1")
	if _, err := f.Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("err %v", err)
	}
	if err := f.Forget(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("reading made a folder")
	}
	small := ecb.Kept{Phase: ecb.KeptHeld, URL: "https://a", User: "u", Version: "v1.2", Token: sample.Token}
	for _, k := range []ecb.Kept{sample, small} {
		if err := f.Keep(t.Context(), "one", k); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Kept(t.Context(), "one"); err != nil || !same(got, k) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for path, want := range map[string]os.FileMode{f.path: 0o700, f.file(t, "one"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// Other engines and other appliances are another matter, also such as differ in case only.
	for _, other := range []*Folder{InFolder(state, "dc2"), InFolder(state, "DC1")} {
		if _, err := other.Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
			t.Errorf("err %v", err)
		}
	}
	if err := f.Keep(t.Context(), "two", small); err != nil {
		t.Fatal(err)
	}
	if err := f.Forget(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("err %v", err)
	}
	if got, err := f.Kept(t.Context(), "two"); err != nil || !same(got, small) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever the umask is, only we can read it, and we can.
func TestModesUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o277} {
		old := syscall.Umask(mask)
		f := InFolder(t.TempDir(), "dc1")
		err := os.Mkdir(f.path, 0o700)
		if err == nil {
			err = os.Chmod(f.path, 0o700)
		}
		if err == nil {
			err = f.Keep(t.Context(), "one", sample)
		}
		syscall.Umask(old)
		info, statErr := os.Stat(f.file(t, "one"))
		if err != nil || statErr != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("umask %#o: %v, %v, %v", mask, err, statErr, info)
		}
	}
}

// It is on the disk before Keep returns: a sync that fails is a failure, and leaves what was there before.
func TestFault_TOK02_DurableBeforeKeepReturns(t *testing.T) {
	f := InFolder(t.TempDir(), "dc1")
	var synced []string
	f.sync = func(file *os.File) error { synced = append(synced, filepath.Base(file.Name())); return file.Sync() }
	if err := f.Keep(t.Context(), "one", sample); err != nil {
		t.Fatal(err)
	}
	own := filepath.Base(f.file(t, "one"))
	if got := strings.Join(synced[1:], " "); got != own+".new tokens" {
		t.Errorf("synced %q", got)
	}
	for _, broken := range []string{own + ".new", "tokens"} {
		f.sync = func(file *os.File) error {
			if filepath.Base(file.Name()) == broken {
				return syscall.EIO
			}
			return file.Sync()
		}
		if err := f.Keep(t.Context(), "one", ecb.Kept{Token: sample.Token}); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", broken, err)
		}
		if _, err := os.Stat(f.file(t, "one") + ".new"); err == nil {
			t.Errorf("%s: something is left behind", broken)
		}
		if got, err := f.Kept(t.Context(), "one"); broken != "tokens" && (err != nil || !same(got, sample)) {
			t.Errorf("%s: %+v, %v", broken, got, err)
		}
	}
}

// Links, other kinds of files, other owners and open modes are refused, for writing, reading and removing alike.
func TestFault_JNL10_FolderAndFile(t *testing.T) {
	link := func(path string) error {
		if err := os.Rename(path, path+".real"); err != nil {
			return err
		}
		return os.Symlink(path+".real", path)
	}
	for name, c := range map[string]struct {
		folder, file func(path string) error
		uid          int
		want         string
	}{
		"folder is a link":     {folder: link, want: "is a symbolic link"},
		"folder is a file":     {folder: func(p string) error { return errors.Join(os.RemoveAll(p), os.WriteFile(p, nil, 0o600)) }, want: "is not a folder"},
		"folder is open":       {folder: func(p string) error { return os.Chmod(p, 0o750) }, want: "mode 0750, which lets others in: make it 0700"},
		"folder of another":    {uid: 4711, want: "and you are 4711"},
		"file is a link":       {file: link, want: "is a symbolic link"},
		"file is a dead link":  {file: func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/nowhere", p)) }, want: "is a symbolic link"},
		"file is a folder":     {file: func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, want: "is not a regular file"},
		"file is a pipe":       {file: func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) }, want: "is not a regular file"},
		"file is readable":     {file: func(p string) error { return os.Chmod(p, 0o640) }, want: "mode 0640; make it 0600"},
		"file can be executed": {file: func(p string) error { return os.Chmod(p, 0o700) }, want: "mode 0700; make it 0600"},
	} {
		t.Run(name, func(t *testing.T) {
			f := InFolder(t.TempDir(), "dc1")
			if err := f.Keep(t.Context(), "one", sample); err != nil {
				t.Fatal(err)
			}
			path := f.file(t, "one")
			var err error
			if c.folder != nil {
				err = c.folder(f.path)
			}
			if c.file != nil {
				err = c.file(path)
			}
			if c.uid != 0 {
				f.uid = c.uid
			}
			if err != nil {
				t.Fatal(err)
			}
			_, read := f.Kept(t.Context(), "one")
			for what, err := range map[string]error{"keep": f.Keep(t.Context(), "one", sample), "read": read} {
				s := fmt.Sprint(err)
				if err == nil || errors.Is(err, appliance.ErrGone) || !strings.Contains(s, c.want) || !strings.Contains(s, f.path) {
					t.Errorf("%s: %s", what, s)
				}
				if strings.Contains(s, canary) {
					t.Errorf("%s tells the token: %s", what, s)
				}
			}
			if err := f.Forget(t.Context(), "one"); c.file == nil && err == nil {
				t.Error("forgotten in a folder that is not ours")
			}
		})
	}
}

// The owner of a file is looked at too.
func TestFileOfAnother(t *testing.T) {
	f := InFolder(t.TempDir(), "dc1")
	if err := f.Keep(t.Context(), "one", sample); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(f.file(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	info.Sys().(*syscall.Stat_t).Uid = 1234
	if err := f.private("x", info); err == nil || !strings.Contains(err.Error(), "belongs to user id 1234") {
		t.Errorf("err %v", err)
	}
}

// No id and no name leads out of the folder.
func TestFault_DAT09_Names(t *testing.T) {
	state := t.TempDir()
	for _, engine := range []string{"", "..", "a/b", "A", "a.b", strings.Repeat("a", 33), "ä", "a\x00", "a\n"} {
		f := InFolder(state, "dc1")
		_, read := f.Kept(t.Context(), engine)
		for _, err := range []error{f.Keep(t.Context(), engine, sample), read, f.Forget(t.Context(), engine)} {
			if err == nil || errors.Is(err, appliance.ErrGone) {
				t.Errorf("%q: %v", engine, err)
			}
		}
	}
	for _, name := range []string{"", "..", "../../x", "a/b", "a\x00", strings.Repeat("x", 5000)} {
		f := InFolder(state, name)
		if err := f.Keep(t.Context(), "one", sample); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if dir := filepath.Dir(f.file(t, "one")); dir != filepath.Join(state, "tokens") {
			t.Errorf("%q lies in %s", name, dir)
		}
	}
	if entries, err := os.ReadDir(state); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// What is damaged, foreign or of another version is an error that says where it lies, and tells nothing of it.
func TestDamagedRecords(t *testing.T) {
	f := InFolder(t.TempDir(), "dc1")
	if err := f.Keep(t.Context(), "one", sample); err != nil {
		t.Fatal(err)
	}
	path := f.file(t, "one")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) []byte { return []byte(strings.Replace(string(whole), old, new, 1)) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "is damaged; remove it"},
		"cut":               {whole[:len(whole)-1], "is damaged; remove it"},
		"two":               {append(append([]byte{}, whole...), whole...), "is damaged; remove it"},
		"no tokens":         {[]byte(`{"format":1,"engine":"one","appliance":"dc1","version":"v1.1"}`), "is damaged; remove it"},
		"an empty token":    {with(canary, ""), "is damaged; remove it"},
		"another engine":    {with(`"engine":"one"`, `"engine":"two"`), "is damaged; remove it"},
		"another appliance": {with(`"appliance":"dc1"`, `"appliance":"dc2"`), "is damaged; remove it"},
		"a path as version": {with(`"v1.1"`, `"../x"`), "is damaged; remove it"},
		"a newer format":    {with(`"format":1`, `"format":2`), "has format 2, and this program knows 1 only"},
		"too large":         {[]byte(strings.Repeat(" ", most+1)), "is larger than 65536 bytes"},
	} {
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.Kept(t.Context(), "one")
		if s := fmt.Sprint(err); err == nil || !strings.Contains(s, path) || !strings.Contains(s, c.want) || strings.Contains(s, canary) {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// A write that was killed leaves a file beside the record. It disturbs nobody and goes with the record.
func TestHalfWritten(t *testing.T) {
	f := InFolder(t.TempDir(), "dc1")
	if err := f.Keep(t.Context(), "one", sample); err != nil {
		t.Fatal(err)
	}
	half := f.file(t, "one") + ".new"
	leave := func() {
		if err := os.WriteFile(half, []byte(`{"token":{"text":"`+canary), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	if got, err := f.Kept(t.Context(), "one"); err != nil || !same(got, sample) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := f.Keep(t.Context(), "one", sample); err != nil {
		t.Error(err)
	}
	leave()
	if err := f.Forget(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(f.path); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Nothing that prints or encodes a record tells its tokens; only the store writes them.
func TestFault_SEC05_RecordsDoNotTell(t *testing.T) {
	words := fmt.Sprintf("%v %+v %#v %s", sample, sample, sample, sample)
	b, err := json.Marshal(sample)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(words+string(b), canary) || !strings.Contains(words, secret.Redacted) {
		t.Errorf("%s %s", words, b)
	}
}

// FuzzDecode: nothing that lies in the folder makes a record that is not one, or tells its words.
func FuzzDecode(f *testing.F) {
	whole, err := encode("one", "dc1", sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format":1,"engine":"one","appliance":"dc1","version":"v1.1","token":{}}`))
	f.Add([]byte("{}{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := decode("one", "dc1", data)
		if err != nil {
			if s := err.Error(); s != "is damaged; remove it" && !strings.HasPrefix(s, "has format ") {
				t.Errorf("%q", s)
			}
			return
		}
		again, err := encode("one", "dc1", k)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode("one", "dc1", again); err != nil || !same(back, k) {
			t.Errorf("%+v became %+v, %v", k, back, err)
		}
	})
}
