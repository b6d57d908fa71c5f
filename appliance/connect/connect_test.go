package connect

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/config"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim"
	"holdfast/appliance/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// otherPin is well formed and nobody's.
const otherPin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// start runs one LXCA and one ECB on loopback and returns them with the settings that were written for them.
func start(t *testing.T) (*sim.Fleet, *config.Config) {
	t.Helper()
	fleet, err := sim.Start(t.Context(), sim.Config{
		Appliances: []sim.Spec{{Name: "l", Kind: sim.KindLXCA}, {Name: "e", Kind: sim.KindECB}},
		TokenTTL:   5 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := sim.WriteConfig(path, fleet); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return fleet, c
}

// client makes the client of a; nothing of it is left when the test ends.
func client(t *testing.T, a config.Appliance, d Deps) appliance.Appliance {
	t.Helper()
	d.Clock = clock.System()
	c, err := New(a, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSettingsBecomeClients(t *testing.T) {
	_, c := start(t)
	for _, a := range c.Appliances {
		got := client(t, a, Deps{})
		if got.Name() != a.Name || got.Kind() != a.Kind {
			t.Errorf("%s %s became %s %s", a.Name, a.Kind, got.Name(), got.Kind())
		}
		health, err := got.Probe(t.Context())
		if err != nil || health.Peer.Pin != a.Trust.Pin {
			t.Errorf("%s: %+v, %v", a.Name, health, err)
		}
		locks, ok := got.(appliance.Locker)
		if !ok {
			t.Fatalf("%s cannot lock", a.Name)
		}
		if rules := locks.LockRules(); a.Kind == appliance.ECB && rules.DefaultTTL != 5*time.Minute {
			t.Errorf("the lock of %s lasts %v, not as token_lifetime says", a.Name, rules.DefaultTTL)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := New(config.Appliance{Name: "a", Kind: "vax", URL: "https://127.0.0.1"}, Deps{})
	if err == nil || err.Error() != `a: there is no client for kind "vax"` {
		t.Errorf("got %v", err)
	}
}

func TestNotUsableAsConfigured(t *testing.T) {
	for _, a := range []config.Appliance{
		{Name: "a", Kind: appliance.LXCA, URL: "http://127.0.0.1"},
		{Name: "a", Kind: appliance.LXCA, URL: "https://127.0.0.1", Trust: config.Trust{CAFile: "/does/not/exist"}},
		{Name: "a", Kind: appliance.LXCA, URL: "https://127.0.0.1", Trust: config.Trust{Pin: "sha256//x"}},
	} {
		if c, err := New(a, Deps{}); err == nil {
			t.Errorf("%+v became %v", a, c)
		}
	}
}

// Who is believed: a pin of the settings, else a confirmed one, else the CA file, else the system.
func TestFault_TLS01_WhoIsTrusted(t *testing.T) {
	fleet, c := start(t)
	a, served := c.Appliances[0], fleet.Appliance("l")
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, sim.PEM(served.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, key, err := transport.Canonical(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	known := func(pin string) *transport.Known {
		k, err := transport.OpenKnown(filepath.Join(t.TempDir(), "known_appliances"))
		if err != nil {
			t.Fatal(err)
		}
		if pin != "" {
			if err := k.Add(key, pin, "maria", time.Unix(1764000000, 0)); err != nil {
				t.Fatal(err)
			}
		}
		return k
	}
	for _, tc := range []struct {
		name, pin, confirmed, caFile string
		trusted                      bool
	}{
		{"right pin", served.Pin, "", "", true},
		{"wrong pin", otherPin, "", "", false},
		{"right pin over a wrong confirmed one", served.Pin, otherPin, "", true},
		{"wrong pin over a right confirmed one", otherPin, served.Pin, caFile, false},
		{"right confirmed pin", "", served.Pin, "", true},
		{"wrong confirmed pin over the CA file", "", otherPin, caFile, false},
		{"CA file", "", "", caFile, true},
		{"nothing but the system", "", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := a
			a.Trust = config.Trust{Pin: tc.pin, CAFile: tc.caFile}
			_, err := client(t, a, Deps{Known: known(tc.confirmed)}).Probe(t.Context())
			if tc.trusted && err != nil || !tc.trusted && !errors.Is(err, appliance.ErrUntrusted) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFault_TLS01_TrustedMeanwhile confirms a key as `holdfast trust` does from another terminal: the client that refused it
// believes it from then on. A pin of the settings still wins.
func TestFault_TLS01_TrustedMeanwhile(t *testing.T) {
	fleet, c := start(t)
	path := filepath.Join(t.TempDir(), "known_appliances")
	open := func() *transport.Known {
		k, err := transport.OpenKnown(path)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ours := open()
	for _, a := range c.Appliances {
		pinned := a
		a.Trust = config.Trust{}
		got, strict := client(t, a, Deps{Known: ours}), client(t, pinned, Deps{Known: ours})
		_, key, err := transport.Canonical(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			pin string
			err error
		}{{"", appliance.ErrUntrusted}, {fleet.Appliance(a.Name).Pin, nil}} {
			if step.pin != "" {
				if err := open().Add(key, step.pin, "maria", time.Unix(1764000000, 0)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := got.Probe(t.Context()); !errors.Is(err, step.err) {
				t.Errorf("%s with %q: %v", a.Name, step.pin, err)
			}
		}
		if err := open().Add(key, otherPin, "maria", time.Unix(1764000000, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := strict.Probe(t.Context()); err != nil {
			t.Errorf("%s, pinned by the settings: %v", a.Name, err)
		}
	}
}

func TestReadOnlyOfRunAndAppliance(t *testing.T) {
	_, c := start(t)
	for _, tc := range []struct{ run, own, want bool }{
		{false, false, false}, {true, false, true}, {false, true, true}, {true, true, true},
	} {
		a := c.Appliances[0]
		a.ReadOnly = tc.own
		locker, ok := client(t, a, Deps{ReadOnly: tc.run}).(appliance.Locker)
		if !ok {
			t.Fatal("an LXCA cannot lock")
		}
		_, err := locker.Acquire(t.Context(), appliance.Claim{Scope: "UP", TTL: time.Minute})
		if errors.Is(err, appliance.ErrReadOnly) != tc.want || !tc.want && err != nil {
			t.Errorf("run %v, appliance %v: %v", tc.run, tc.own, err)
		}
	}
}

func TestTransportOptions(t *testing.T) {
	a := config.Appliance{
		Name: "a", URL: "https://a.example.net:8443", MinTLS: 0x0302, Proxy: config.ProxyEnvironment,
		Trust: config.Trust{CAFile: "/ca.pem"},
	}
	got, err := TransportOptions(a, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || got.URL != a.URL || got.MinTLS != 0x0302 || !got.Proxy || got.ReadOnly || got.Clock == nil ||
		got.Trust != (transport.Trust{CAFile: "/ca.pem"}) {
		t.Errorf("got %+v", got)
	}
	a.Proxy = config.ProxyNone
	if got, err := TransportOptions(a, Deps{}); err != nil || got.Proxy {
		t.Errorf("proxy none: %+v, %v", got, err)
	}
	if _, err := TransportOptions(config.Appliance{Name: "a", URL: "a"}, Deps{}); err == nil {
		t.Error("a URL that is none was taken")
	}
}

// A password is asked for once, of the right person, and not at all before it is needed.
func TestPasswordIsAskedOnce(t *testing.T) {
	_, c := start(t)
	for _, a := range c.Appliances {
		a.Password = config.PasswordFrom{Prompt: true}
		asked := 0
		got := client(t, a, Deps{Prompt: func(_ context.Context, user, name string) (secret.Secret, error) {
			asked++
			if user != a.User || name != a.Name {
				t.Errorf("asked for %s at %s", user, name)
			}
			return secret.New("Passw0rd-admin"), nil
		}})
		if asked != 0 {
			t.Errorf("%s: asked before anything was to be sent", a.Name)
		}
		for range 2 {
			if _, err := got.Probe(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if asked != 1 {
			t.Errorf("%s: asked %d times", a.Name, asked)
		}
	}
}

func TestPasswordPlaces(t *testing.T) {
	_, c := start(t)
	t.Setenv("HOLDFAST_CONNECT_TEST", "Passw0rd-admin")
	keyring.MockInit() // in memory
	if err := keyring.Set("holdfast", c.Appliances[0].Name, "Passw0rd-admin"); err != nil {
		t.Fatal(err)
	}
	for _, from := range []config.PasswordFrom{
		{Env: "HOLDFAST_CONNECT_TEST"},
		c.Appliances[0].Password, // a file
		{Keyring: "holdfast"},
		{Command: []string{"printf", "Passw0rd-%s", "admin"}},
	} {
		a := c.Appliances[0]
		a.Password = from
		if _, err := client(t, a, Deps{}).Probe(t.Context()); err != nil {
			t.Errorf("%+v: %v", from, err)
		}
	}
}

// A password that is not to be had is the same error for every kind and place, and nothing is sent.
func TestPasswordThatCannotBeHad(t *testing.T) {
	_, c := start(t)
	empty := func(context.Context, string, string) (secret.Secret, error) { return secret.New(""), nil }
	for _, a := range c.Appliances {
		for _, test := range []struct {
			from   config.PasswordFrom
			prompt func(context.Context, string, string) (secret.Secret, error)
			want   error
		}{
			{config.PasswordFrom{Prompt: true}, nil, ErrNoPrompt},
			{config.PasswordFrom{Prompt: true}, empty, appliance.ErrNoPassword},
			{config.PasswordFrom{Env: "HOLDFAST_CONNECT_TEST_UNSET"}, nil, appliance.ErrNoPassword},
			{config.PasswordFrom{File: "/does/not/exist"}, nil, appliance.ErrNoPassword},
			{config.PasswordFrom{Command: []string{"/bin/false"}}, nil, appliance.ErrNoPassword},
		} {
			a.Password = test.from
			got := client(t, a, Deps{Prompt: test.prompt})
			if _, err := got.Probe(t.Context()); !errors.Is(err, appliance.ErrNoPassword) || !errors.Is(err, test.want) {
				t.Errorf("%s, %+v: %v", a.Name, test.from, err)
			}
			if sent := got.(appliance.Tracer).Trace(0); len(sent) != 0 {
				t.Errorf("%s, %+v: sent %v", a.Name, test.from, sent)
			}
		}
	}
}

// TestPasswordPutRight mends a password file after a rejection: once the client is told to forget, it reads the file again.
func TestPasswordPutRight(t *testing.T) {
	_, c := start(t)
	for _, a := range c.Appliances {
		right, err := os.ReadFile(a.Password.File)
		if err != nil {
			t.Fatal(err)
		}
		a.Password.File = filepath.Join(t.TempDir(), "password")
		write := func(s string) {
			if err := os.WriteFile(a.Password.File, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("wrong")
		got := client(t, a, Deps{})
		ask := func() error { _, err := got.Probe(t.Context()); return err }
		if err := ask(); !errors.Is(err, appliance.ErrCredentials) {
			t.Errorf("%s with a wrong password: %v", a.Name, err)
		}
		write(string(right))
		if err := ask(); !errors.Is(err, appliance.ErrCredentials) {
			t.Errorf("%s read its password again unasked: %v", a.Name, err)
		}
		got.(appliance.Forgetter).ForgetPassword()
		if err := ask(); err != nil {
			t.Errorf("%s after the password was put right: %v", a.Name, err)
		}
	}
}
