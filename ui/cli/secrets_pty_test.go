package cli

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// canary is a password that stands out in every form.
const canary = "c@nary/7+ø q;Xw"

// shapes is the forms in which a password could get out.
func shapes(user, password string) map[string]string {
	return map[string]string{
		"plain": password, "base64": base64.StdEncoding.EncodeToString([]byte(password)),
		"base64 of user:password": base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
		"base64 for URLs":         base64.RawURLEncoding.EncodeToString([]byte(password)),
		"hex":                     hex.EncodeToString([]byte(password)), "URL query": url.QueryEscape(password), "URL path": url.PathEscape(password),
	}
}

// report is the one report in the state folder, which only its owner can read.
func (p *place) report(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "state", "report-*.txt"))
	if err != nil || len(found) != 1 {
		t.Fatalf("reports: %q, %v", found, err)
	}
	info, err := os.Stat(found[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// SIGQUIT ends it with the terminal as it was. Nothing that it has ever written holds a password.
func TestFault_SIG06_QuitWithoutSecrets(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	if err := os.WriteFile(filepath.Join(p.dir, "edge.password"), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, how{}, "--config", p.config)
	c.until("1 up", "refused") // it was sent, and was wrong
	c.signal(syscall.SIGQUIT)
	if code := c.end(); code != 131 {
		t.Errorf("exit code %d", code)
	}
	c.restored()
	c.until("holdfast: ended by SIGQUIT", "a report without secrets is in")
	if report := p.report(t); !strings.Contains(report, "bubbletea") {
		t.Errorf("the report tells nothing:\n%s", report)
	}
	wrote := map[string]string{"the terminal": c.written()}
	err := filepath.WalkDir(filepath.Join(p.dir, "state"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		wrote[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(wrote) < 4 { // terminal, log, journal, report
		t.Errorf("it wrote only %d files", len(wrote)-1)
	}
	for _, password := range []string{canary, p.sims.Appliance("dc1").Accounts[0].Password} {
		for form, text := range shapes("admin", password) {
			for where, all := range wrote {
				if strings.Contains(strings.ToLower(all), strings.ToLower(text)) {
					t.Errorf("%s holds a password, %s", where, form)
				}
			}
		}
	}
}

// Whatever command runs, the process leaves no core, and others cannot look into it.
func TestFault_SIG06_Protected(t *testing.T) {
	t.Parallel()
	c := start(t, how{upset: "protection"}, "version")
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.until("holdfast ", protected)
}
