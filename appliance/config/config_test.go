package config

import (
	"crypto/tls"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

func TestParseEverything(t *testing.T) {
	got := parse(t, everything)
	got.keyAt = nil
	base := Appliance{
		User: "maria", Password: PasswordFrom{Env: "HOLDFAST_PASSWORD"}, Trust: Trust{CAFile: "/etc/holdfast/ca.pem"},
		ReadOnly: true,
		Intervals: Intervals{
			Locks: time.Second, Backups: 2 * time.Minute, Jobs: 10 * time.Second, JobsBusy: 2 * time.Second,
			Health: time.Minute,
		},
		Proxy: ProxyEnvironment, MinTLS: tls.VersionTLS13, APIVersion: "v1.1", TokenLifetime: 10 * time.Minute,
		RenewalForm: RenewalRaw, TokenStore: StoreFile,
	}
	with := func(name string, kind appliance.Kind, url, address string, change func(*Appliance)) Appliance {
		a := base
		a.Name, a.Kind, a.URL, a.Address = name, kind, url, address
		change(&a)
		return a
	}
	want := &Config{
		Path: "c.toml", Role: policy.Operator, ReadOnly: true, StateDir: "/home/maria/state", OnDrop: DropRelease, JournalDays: 30,
		Log: Log{File: "/etc/holdfast/h.log", Level: slog.LevelDebug}, Theme: "dark", ASCII: true, Mouse: true,
		Keys:     map[string][]string{"acquire": {"t", "insert"}, "release": {"ctrl+r"}, "extend": nil},
		Warn:     Warn{PasswordDays: 7, CertificateDays: 30, BackupAge: 36 * time.Hour},
		Defaults: base,
		Appliances: []Appliance{
			with("a", appliance.LXCA, "https://a.example.net", "192.0.2.7", func(a *Appliance) {
				a.Trust.Pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
				a.MountPoints = []appliance.Location{"/mnt/a", "/mnt/b"}
				a.Intervals.Jobs, a.Intervals.JobsBusy, a.Intervals.Health = 3*time.Second, time.Second, time.Hour
			}),
			with("b", appliance.ECB, "https://[2001:db8::1]:8443", "2001:db8::1", func(a *Appliance) {
				a.Password = PasswordFrom{File: "/etc/holdfast/b.secret"}
				a.APIVersion, a.TokenLifetime, a.RenewalForm, a.BareContentType = "v1.2", 90*time.Second, RenewalToken, true
				a.TokenStore, a.ObserverProbe = StoreKeyring, true
				a.Intervals.Locks = 5 * time.Second
			}),
			with("c", appliance.LXCA, "https://c", "c", func(a *Appliance) {
				a.Password = PasswordFrom{Command: []string{"/home/maria/bin/pass", "~/not a path"}}
			}),
			with("d", appliance.LXCA, "https://d", "d", func(a *Appliance) {
				a.Password = PasswordFrom{Keyring: "holdfast"}
			}),
			with("e", appliance.LXCA, "https://e", "e", func(a *Appliance) {
				a.Password = PasswordFrom{Prompt: true}
			}),
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestParseMinimal(t *testing.T) {
	c := parse(t, `appliance = [{name = "a", kind = "ecb", url = "https://a.example.net", user = "u"}]`)
	want := defaults().Defaults
	want.Name, want.Kind, want.User = "a", appliance.ECB, "u"
	want.URL, want.Address = "https://a.example.net", "a.example.net"
	if got, ok := c.Appliance("a"); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := c.Appliance("b"); ok {
		t.Error("found an appliance that there is not")
	}
	if c.StateDir != "/var/lib/holdfast" || c.Log.File != "/var/lib/holdfast/holdfast.log" || c.Role != policy.Admin {
		t.Errorf("state %q, log %q, role %v", c.StateDir, c.Log.File, c.Role)
	}
}

// An appliance does not see what another one set, and an ECB no shares.
func TestAppliancesShareOnlyTheDefaults(t *testing.T) {
	c := parse(t, `
[defaults]
user = "u"
mount_points = ["/mnt/d"]
[[appliance]]
name = "a"
kind = "lxca"
url = "https://a"
mount_points = ["/mnt/a"]
password_file = "f"
[[appliance]]
name = "b"
kind = "lxca"
url = "https://b"
[[appliance]]
name = "c"
kind = "ecb"
url = "https://c"
`)
	var got []string
	for _, a := range c.Appliances {
		line := a.Name
		for _, m := range a.MountPoints {
			line += " " + string(m)
		}
		got = append(got, line+" "+strings.Join(a.Password.keys(), ","))
	}
	want := []string{"a /mnt/a password_file", "b /mnt/d password_prompt", "c password_prompt"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		show string
	}{
		{"10s", 10 * time.Second, "10s"}, {"60s", time.Minute, "1m"}, {"10m0s", 10 * time.Minute, "10m"},
		{"90m", 90 * time.Minute, "1h30m"}, {"24h", day, "24h"}, {"1d", day, "24h"}, {"8d", 8 * day, "8d"},
		{"2d12h", 60 * time.Hour, "2d12h"}, {"500ms", 500 * time.Millisecond, "500ms"}, {"0s", 0, "0s"},
		{"2h30s", 2*time.Hour + 30*time.Second, "2h0m30s"},
	} {
		got, err := parseSpan(c.text)
		if err != nil || got != c.want || showSpan(got) != c.show {
			t.Errorf("%s: %v %v, shown as %s", c.text, got, err, showSpan(got))
		}
	}
	for _, bad := range []string{"", "10", "d", "-1s", "1d-1s", "-1d", "8 d", "65536d", "1w", "65535d2562047h"} {
		if got, err := parseSpan(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add(Example())
	f.Add("appliance = [{name=\"a\"}, 3]\nkeys.\"\\u0000\" = [[1]]\n[defaults.intervals.locks.x]\n")
	f.Add("[[appliance]]\n[[appliance.intervals]]\n[log.file]\n[[warn]]\nrole = {}")
	f.Add("insecure_skip_verify = true\n[[appliance]]\nurl = \"https://u:p@h\"")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f.toml", []byte(text), surroundings)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c, err)
		}
		if err != nil {
			lines := strings.Count(text, "\n") + 1
			for _, p := range err.(*Error).Problems { //nolint:errorlint // Parse promises the type itself
				if p.Text == "" || p.At.Line < 0 || p.At.Line > lines {
					t.Errorf("problem %+v in a file of %d lines", p, lines)
				}
			}
			return
		}
		for _, a := range c.Appliances {
			if a.Name == "" || a.User == "" || !strings.HasPrefix(a.URL, "https://") || len(a.Password.keys()) != 1 {
				t.Errorf("accepted %+v", a)
			}
		}
	})
}
