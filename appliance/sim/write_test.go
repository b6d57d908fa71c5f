package sim

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A look at what a fleet is to be makes none of what it starts with.
func TestCheckMakesNothing(t *testing.T) {
	allocations := func(n int) float64 {
		cfg := Config{Appliances: []Spec{{Kind: KindLXCA}}, Locks: n, Backups: n, Jobs: n}
		return testing.AllocsPerRun(1, func() {
			if err := cfg.Check(); err != nil {
				t.Error(err)
			}
		})
	}
	if few, many := allocations(0), allocations(2_000); many > few+1_000 {
		t.Errorf("%.0f allocations, %.0f for nothing", many, few)
	}
}

// An appliance that listens on every address of the host tells one that a client can connect to, and its certificate is for that.
func TestListenEverywhere(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA, Addr: addr}}})
		a := f.Appliances()[0]
		if !strings.HasPrefix(a.URL, "https://127.0.0.1:") {
			t.Errorf("%s: URL %s", addr, a.URL)
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(a.Certificate())
		c, err := tls.Dial("tcp", strings.TrimPrefix(a.URL, "https://"), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		_ = c.Close()
	}
}

// What keeps the configuration from being written is told with the file that was asked for, and not with one that nobody knows.
func TestWriteConfigFails(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Name: "dc1", Kind: KindLXCA}}})
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "c.toml"): "write the password of dc1 to " + filepath.Join(dir, "no", "dc1.password") + ": no such file or directory",
		dir:                                "write the configuration to " + dir + ": ",
	} {
		if err := WriteConfig(path, f); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "rename") {
			t.Errorf("%s: %v", path, err)
		}
		if err := Writable(path); err == nil || strings.Contains(err.Error(), ".holdfast") {
			t.Errorf("%s can be written: %v", path, err)
		}
	}
	if err := Writable(filepath.Join(dir, "c.toml")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
