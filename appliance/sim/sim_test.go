package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance/sim/xclarity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a fleet that ends with the test.
func start(t *testing.T, cfg Config) *Fleet {
	t.Helper()
	f, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// client trusts exactly the appliance's first key and ends its connections with the test.
func client(t *testing.T, a *Appliance, dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the pin below is the check
		VerifyConnection: func(s tls.ConnectionState) error {
			if Pin(s.PeerCertificates[0]) != a.Pin {
				return errors.New("wrong pin")
			}
			return nil
		},
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// do sends a request as the administrator and returns status and body.
func do(t *testing.T, c *http.Client, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("admin", "Passw0rd-admin")
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestFleetServesOverTLS(t *testing.T) {
	f := start(t, Config{
		Appliances: []Spec{{Kind: KindLXCA, RequestLog: true}, {Kind: KindLXCA, Fresh: true}, {Kind: KindECB}}, Backups: 6, Locks: 3, Jobs: 2,
	})
	var names []string
	for _, a := range f.Appliances() {
		names = append(names, a.Name+" "+a.Kind+" "+a.Address)
		if !strings.HasPrefix(a.URL, "https://127.0.0.1:") || !strings.HasPrefix(a.Pin, "sha256//") || a.Switches() == nil {
			t.Errorf("appliance %+v", a)
		}
	}
	if got := strings.Join(names, ", "); got != "lxca-1 lxca 198.18.0.1, fresh-1 lxca 198.18.0.2, ecb-1 ecb 198.18.0.3" {
		t.Fatalf("appliances %s", got)
	}
	one, fresh := f.Appliance("lxca-1"), f.Appliance("fresh-1")
	if f.Appliance("nobody") != nil || one.LXCA == nil || one.ECB != nil || f.Appliance("ecb-1").ECB == nil || !fresh.LXCA.Fresh() {
		t.Fatal("the handles are wrong")
	}
	c := client(t, one, nil)
	if code, body := do(t, c, "GET", one.URL+"/aicc/service/sftp/locks", ""); code != 200 || strings.Count(body, `"id"`) != 3 {
		t.Fatalf("%d %s", code, body)
	}
	uuid := one.LXCA.Backups()[0].UUID
	code, body := do(t, c, "PUT", one.URL+"/managementServer/data",
		`{"action":"start","operation":"push","uuid":"`+uuid+`","destination":"`+fresh.Address+`"}`)
	if code != 200 || one.LXCA.Jobs()[2].State != "Running" {
		t.Fatalf("%d %s", code, body)
	}
	if got := one.Requests(); got["PUT /managementServer/data"] != 1 || got["GET /aicc/service/sftp/locks"] != 1 || len(fresh.Requests()) != 0 {
		t.Fatalf("requests %v", got)
	}
	ecb := f.Appliance("ecb-1")
	resp, err := client(t, ecb, nil).Get(ecb.URL + "/rest/api-versions")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 {
		t.Fatalf("the ECB answers %d", resp.StatusCode)
	}
	if resp.ProtoMajor != 1 || resp.TLS.Version < tls.VersionTLS12 {
		t.Fatalf("%s over %x", resp.Proto, resp.TLS.Version)
	}
}

func TestApplianceAsJSON(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA, Name: "dc1"}}})
	a := f.Appliances()[0]
	got, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"dc1","kind":"lxca","url":"` + a.URL + `","address":"198.18.0.1","pin":"` + a.Pin + `","accounts":[` +
		`{"user":"admin","password":"Passw0rd-admin","role":"admin"},{"user":"viewer","password":"Passw0rd-viewer","role":"viewer"}]}`
	if string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestStartRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	one := []Spec{{Kind: KindLXCA}}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"kind":          {Config{Appliances: []Spec{{Kind: "x"}}}, `unknown kind "x"`},
		"name":          {Config{Appliances: []Spec{{Kind: KindLXCA, Name: "../x"}}}, `name "../x"`},
		"twice":         {Config{Appliances: []Spec{{Kind: KindLXCA, Name: "a"}, {Kind: KindECB, Name: "a"}}}, `named "a"`},
		"switch form":   {Config{Appliances: one, Switches: []string{"lock-location"}}, "NAME=VALUE"},
		"switch name":   {Config{Appliances: one, Switches: []string{"no-such=1"}}, "lock-location"},
		"switch value":  {Config{Appliances: one, Switches: []string{"lock-location=1"}}, "relative"},
		"address taken": {Config{Appliances: []Spec{{Kind: KindLXCA}, {Kind: KindLXCA, Addr: taken.Addr().String()}}}, "start simulated appliance lxca-2"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Start(t.Context(), c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestSwitchesReachEveryApplianceThatHasThem(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA}, {Kind: KindLXCA}, {Kind: KindECB}}, Switches: []string{"lock-location=bare"}, Memory: true})
	for _, a := range f.Appliances()[:2] {
		if !a.Switches().Is("lock-location", "bare") {
			t.Errorf("%s has not got the switch", a.Name)
		}
	}
	kinds := map[string]bool{}
	for _, s := range Switches() {
		kinds[s.Kind] = true
	}
	if len(kinds) != 2 {
		t.Fatalf("switches of %v", kinds)
	}
}

func TestSwapCertificate(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA}}, MinTLS: tls.VersionTLS13})
	a := f.Appliances()[0]
	now := time.Now()
	same, err := a.SwapCertificate(Cert{NotAfter: now.Add(time.Hour), Hosts: []string{"other.example"}})
	if err != nil || same != a.Pin || a.Certificate().NotAfter.Sub(now) > time.Hour {
		t.Fatalf("pin %s, %v", same, err)
	}
	c := client(t, a, nil)
	if code, _ := do(t, c, "GET", a.URL+"/aicc", ""); code != 200 {
		t.Fatalf("status %d", code)
	}
	other, err := a.SwapCertificate(Cert{NewKey: true})
	if err != nil || other == a.Pin {
		t.Fatalf("pin %s, %v", other, err)
	}
	c.CloseIdleConnections()
	if _, err := c.Get(a.URL + "/aicc"); err == nil || !strings.Contains(err.Error(), "wrong pin") {
		t.Fatalf("error %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(PEM(a.Certificate())) {
		t.Fatal("no certificate in the PEM")
	}
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	if code, _ := do(t, trusting, "GET", a.URL+"/aicc", ""); code != 200 {
		t.Fatalf("status %d", code)
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}}}
	if _, err := old.Get(a.URL + "/aicc"); err == nil {
		t.Fatal("TLS 1.2 is taken although 1.3 is the least")
	}
}

// Everything in memory and in virtual time: a transfer and a lock end exactly when they should, also in the truth log
// of appliances that nobody asks.
func TestVirtualTimeOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		f, err := Start(t.Context(), Config{Appliances: []Spec{{Kind: KindLXCA}, {Kind: KindECB}}, Backups: 1, Memory: true, Truth: &out})
		if err != nil {
			t.Fatal(err)
		}
		a := f.Appliances()[0]
		if a.URL != "https://198.18.0.1" {
			t.Fatalf("URL %s", a.URL)
		}
		c := client(t, a, f.DialContext)
		if code, body := do(t, c, "POST", a.URL+"/aicc/service/sftp/locks", `{"component":"UP","expirationTimeOut":60}`); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		began := time.Now()
		if _, err := a.LXCA.StartTransfer(xclarity.Transfer{
			Operation: "copy", UUID: a.LXCA.Backups()[0].UUID, Destination: xclarity.DefaultShare, User: "maria",
		}); err != nil {
			t.Fatal(err)
		}
		<-time.After(61 * time.Second)
		f.Close()
		ends := map[string]time.Duration{}
		for _, e := range f.Truth().Effects() {
			ends[e.What] = e.At.Sub(began)
		}
		if ends["backup.copied"] != 6*time.Second || ends["job.ended"] != 6*time.Second || ends["lock.expired"] != time.Minute || ends["sftp.stopped"] != time.Minute {
			t.Fatalf("truth %v", ends)
		}
		if n := strings.Count(out.String(), "\n"); n != len(f.Truth().Effects()) {
			t.Fatalf("%d lines are written", n)
		}
	})
}

func TestPipeListener(t *testing.T) {
	l, dial := Pipe()
	f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA, Listener: l}}})
	a := f.Appliances()[0]
	if code, _ := do(t, client(t, a, dial), "GET", a.URL+"/tasks", ""); code != 200 {
		t.Fatalf("status %d", code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	idle, dialIdle := Pipe()
	if _, err := dialIdle(ctx, "tcp", "x:1"); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dialIdle(t.Context(), "tcp", "x:1"); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("error %v", err)
	}
	if _, err := idle.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("error %v", err)
	}
	if _, err := f.DialContext(t.Context(), "tcp", "198.18.7.7:443"); err == nil {
		t.Fatal("an address that nobody has is connected")
	}
}

func TestContextEndsTheFleet(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f, err := Start(ctx, Config{Appliances: []Spec{{Kind: KindLXCA}, {Kind: KindECB}}, Life: true})
	if err != nil {
		t.Fatal(err)
	}
	a := f.Appliances()[0]
	c := client(t, a, nil)
	if code, _ := do(t, c, "GET", a.URL+"/aicc", ""); code != 200 {
		t.Fatalf("status %d", code)
	}
	cancel()
	f.Close()
	f.Close()
	if _, err := c.Get(a.URL + "/aicc"); err == nil {
		t.Fatal("it still answers")
	}
}

// Life: within an hour other people's locks have come, gone and expired, and jobs have run; the users' own locks stay.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := Start(t.Context(), Config{
			Appliances: []Spec{{Kind: KindLXCA}, {Kind: KindLXCA, Fresh: true}, {Kind: KindECB}}, Backups: 6, Memory: true, Life: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		a := f.Appliances()[0]
		c := client(t, a, f.DialContext)
		if code, _ := do(t, c, "POST", a.URL+"/aicc/service/sftp/locks", `{"component":"UP","expirationTimeOut":7200}`); code != 201 {
			t.Fatalf("status %d", code)
		}
		c.CloseIdleConnections()
		<-time.After(time.Hour)
		f.Close()
		count := map[string]int{}
		for _, e := range f.Truth().Effects() {
			count[e.What]++
			if e.Appliance == a.Name && e.What == "lock.released" && e.By != xclarity.Other {
				t.Errorf("life has released a user's lock: %+v", e)
			}
		}
		for _, what := range []string{"lock.granted", "lock.released", "lock.expired", "job.started", "job.ended", "backup.copied"} {
			if count[what] == 0 {
				t.Errorf("nothing of %s in an hour: %v", what, count)
			}
		}
		mine := 0
		for _, l := range a.LXCA.Locks() {
			if l.By == "admin" {
				mine++
			}
		}
		if mine != 1 {
			t.Errorf("%d of the user's locks are left", mine)
		}
	})
}

func TestWriteConfig(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Kind: KindLXCA, Name: "dc1"}, {Kind: KindECB, Name: "edge"}}, TokenTTL: 90 * time.Second, Memory: true})
	dir := t.TempDir()
	path := filepath.Join(dir, "holdfast.toml")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil { // an open file becomes private
		t.Fatal(err)
	}
	if err := WriteConfig(path, f); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("# Simulated appliances, written by `holdfast sim`. They exist while it runs.\n")
	for i, a := range f.Appliances() {
		want.WriteString("\n[[appliance]]\nname = \"" + a.Name + "\"\nkind = \"" + a.Kind + "\"\nurl = \"" + a.URL + "\"\naddress = \"" + a.Address +
			"\"\nuser = \"admin\"\npassword_file = \"" + filepath.Join(dir, a.Name+".password") + "\"\npin = \"" + a.Pin + "\"\n")
		if i == 0 {
			want.WriteString("mount_points = [\"/mnt/my_remote_share\"]\n")
		}
		if i == 1 {
			want.WriteString("token_lifetime = \"1m30s\"\n")
		}
	}
	if string(got) != want.String() {
		t.Fatalf("config\n%s\nwant\n%s", got, want.String())
	}
	for name, content := range map[string]string{"holdfast.toml": string(got), "dc1.password": "Passw0rd-admin", "edge.password": "Passw0rd-admin"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != content {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if err := WriteConfig(filepath.Join(dir, "none", "x.toml"), f); err == nil {
		t.Error("a folder that does not exist is no error")
	}
}

func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", 90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", 30 * time.Second: "30s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := quote("a\"b\\c\nd"); got != `"a\"b\\c\u000Ad"` {
		t.Errorf("quoted %s", got)
	}
}
