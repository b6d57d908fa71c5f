package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/kit"
)

// handClock is a base clock that moves when a test says so.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// lab is a fleet of one LXCA and one ECB, a plain client, and a way to let time pass.
type lab struct {
	*Fleet
	t      *testing.T
	client *http.Client
	pass   func(time.Duration)
}

// onBoth runs a test over sockets, where the base clock moves by hand, and in memory in virtual time.
func onBoth(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Helper()
	t.Run("sockets", func(t *testing.T) {
		clock := &handClock{now: time.Now()}
		l := newLab(t, Config{Clock: clock.Now})
		l.pass = func(d time.Duration) {
			clock.mu.Lock()
			clock.now = clock.now.Add(d)
			clock.mu.Unlock()
			l.Settle()
		}
		l.client.Timeout = 300 * time.Millisecond // only what hangs comes to it
		test(t, l)
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, Config{Memory: true})
			l.pass = func(d time.Duration) { time.Sleep(d + tick) } // virtual
			l.client.Timeout = 10 * time.Second
			test(t, l)
		})
	})
}

func newLab(t *testing.T, cfg Config) *lab {
	cfg.Appliances = []Spec{{Name: "dc1", Kind: KindLXCA}, {Name: "edge", Kind: KindECB}}
	cfg.Backups, cfg.TokenTTL = 2, 10*time.Minute
	f := start(t, cfg)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the key is not what is tested
	if cfg.Memory {
		tr.DialContext = f.DialAs("tester")
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &lab{Fleet: f, t: t, client: &http.Client{Transport: tr, Timeout: time.Minute}}
}

// outcome is what a client saw of a request.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the answer
}

func (l *lab) send(method, url, body string, header ...string) outcome {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.SetBasicAuth("admin", "Passw0rd-admin")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := l.client.Do(r)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return outcome{resp.StatusCode, resp.Header, string(b), err}
}

// lock asks the LXCA for a lock.
func (l *lab) lock() outcome {
	l.t.Helper()
	return l.send("POST", l.Appliance("dc1").URL+"/aicc/service/sftp/locks", `{"component":"UP","expirationTimeOut":3600}`,
		"X-Request-Id", "op-1")
}

func (l *lab) effects(what string) (found []kit.Effect) {
	for _, e := range l.Truth().Effects() {
		if e.What == what {
			found = append(found, e)
		}
	}
	return found
}

func (l *lab) add(text string) int {
	l.t.Helper()
	r, err := fault.Parse(text)
	if err != nil {
		l.t.Fatal(err)
	}
	id, err := l.Faults().Add(r)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// What a client may see.
func sawReset(o outcome) bool   { return errors.Is(o.err, syscall.ECONNRESET) }
func sawTimeout(o outcome) bool { return errors.Is(o.err, context.DeadlineExceeded) }
func sawClose(o outcome) bool   { return errors.Is(o.err, io.EOF) }
func sawCut(o outcome) bool     { return errors.Is(o.err, io.ErrUnexpectedEOF) && o.status == 201 }
func sawLock(o outcome) bool {
	return o.err == nil && o.status == 201 && strings.HasSuffix(o.body, "}")
}
func sawPage(status int) func(outcome) bool {
	return func(o outcome) bool {
		return o.err == nil && o.status == status && strings.HasPrefix(o.header.Get("Content-Type"), "text/html") && strings.Contains(o.body, "<html>")
	}
}

// Each fault of a request: what the client sees, and whether the effect took place, exactly as said.
func TestFaultsOfRequests(t *testing.T) {
	for rule, want := range map[string]struct {
		see       func(outcome) bool
		now, late int // locks granted at once, and 20 s later
	}{
		"drop-before":           {sawClose, 0, 0},
		"drop-after":            {sawClose, 1, 1},
		"delay-effect=20s":      {sawClose, 0, 1},
		"reset":                 {sawReset, 0, 0},
		"reset effect=yes":      {sawReset, 1, 1},
		"reset effect=20s":      {sawReset, 0, 1},
		"delay-answer=20ms":     {sawLock, 1, 1},
		"cut=10":                {func(o outcome) bool { return sawCut(o) && len(o.body) == 10 }, 1, 1},
		"cut=0":                 {func(o outcome) bool { return sawCut(o) && o.body == "" }, 1, 1},
		"cut=30 of=head":        {func(o outcome) bool { return o.err != nil && o.status == 0 }, 1, 1},
		"status=502":            {func(o outcome) bool { return o.status == 502 && o.header.Get("Retry-After") == "" }, 0, 0},
		"status=500 effect=yes": {func(o outcome) bool { return o.status == 500 }, 1, 1},
		"status=504 effect=20s": {func(o outcome) bool { return o.status == 504 }, 0, 1},
		"status=503 retry-after=5s": {
			func(o outcome) bool { return o.status == 503 && o.header.Get("Retry-After") == "5" }, 0, 0},
		"html=200":              {sawPage(200), 0, 0},
		"html=502 effect=yes":   {sawPage(502), 1, 1},
		"html=503 effect=20s":   {sawPage(503), 0, 1},
		"drip=5000":             {sawLock, 1, 1},
		"black-hole":            {sawTimeout, 0, 0},
		"black-hole effect=yes": {sawTimeout, 1, 1},
		"black-hole effect=20s": {sawTimeout, 0, 1},
	} {
		t.Run(rule, func(t *testing.T) {
			onBoth(t, func(t *testing.T, l *lab) {
				text := strings.Replace(rule, " ", " POST sftp/locks ", 1)
				if !strings.Contains(rule, " ") {
					text += " POST sftp/locks"
				}
				l.add(text + " on=dc1 times=1")
				if o := l.lock(); !want.see(o) {
					t.Errorf("the client saw %+v", o)
				}
				if n := len(l.effects("lock.granted")); n != want.now {
					t.Errorf("%d locks at once", n)
				}
				l.pass(20 * time.Second)
				if n := len(l.effects("lock.granted")); n != want.late {
					t.Errorf("%d locks in the end", n)
				}
				kind, _, _ := strings.Cut(rule, " ")
				kind, _, _ = strings.Cut(kind, "=")
				if c := l.Faults().Counts(); c[fault.Kind(kind)] != 1 || l.Faults().Total() != 1 || l.Faults().Pending() != 0 {
					t.Errorf("counts %v", c)
				}
				logged := l.effects("fault." + kind)
				if len(logged) != 1 || logged[0].Appliance != "dc1" || logged[0].Request != "op-1" || logged[0].Client == "" ||
					logged[0].More != "POST /aicc/service/sftp/locks" || !strings.HasPrefix(logged[0].Rule, kind) {
					t.Errorf("truth %+v", logged)
				}
				if o := l.lock(); !sawLock(o) {
					t.Errorf("the next one: %+v", o)
				}
			})
		})
	}
}

// A drip takes the time that it says, and a delayed answer too.
func TestFaultsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, Config{Memory: true})
		l.add("drip=2 GET /jobs times=1")
		began := time.Now()
		if o := l.send("GET", l.Appliance("dc1").URL+"/jobs", ""); o.err != nil || time.Since(began) != time.Second {
			t.Errorf("[] took %v: %+v", time.Since(began), o)
		}
		l.add("delay-answer=45s GET /jobs")
		began = time.Now()
		if o := l.send("GET", l.Appliance("dc1").URL+"/jobs", ""); o.err != nil || time.Since(began) != 45*time.Second {
			t.Errorf("it took %v: %+v", time.Since(began), o)
		}
	})
}

// While an appliance restarts nobody gets through, each in the way that is said; then sessions, jobs and locks are gone.
func TestFaultRestart(t *testing.T) {
	for rule, see := range map[string]func(outcome) bool{
		"restart=20s":                      func(o outcome) bool { return sawReset(o) || errors.Is(o.err, syscall.ECONNREFUSED) },
		"restart=20s how=503 locks=kept":   sawPage(503),
		"restart=20s how=hang":             sawTimeout,
		"outage=20s":                       func(o outcome) bool { return sawReset(o) || errors.Is(o.err, syscall.ECONNREFUSED) },
		"restart=20s POST /jobs #1":        func(o outcome) bool { return sawReset(o) || errors.Is(o.err, syscall.ECONNREFUSED) },
		"outage=20s how=503 POST /jobs #1": sawPage(503),
	} {
		t.Run(rule, func(t *testing.T) {
			onBoth(t, func(t *testing.T, l *lab) {
				lxca := l.Appliance("dc1")
				l.lock()
				l.send("PUT", lxca.URL+"/managementServer/data", `{"action":"start","operation":"copy","uuid":"`+lxca.LXCA.Backups()[0].UUID+
					`","destination":"/mnt/my_remote_share"}`)
				l.add(rule + " on=dc1")
				if strings.Contains(rule, "POST") {
					l.send("POST", lxca.URL+"/jobs", "")
				} else {
					l.Settle()
				}
				if o := l.lock(); !see(o) {
					t.Errorf("away: %+v", o)
				}
				if o := l.send("POST", l.Appliance("edge").URL+"/rest/v1.1/auth/token", ""); o.status != 200 {
					t.Errorf("the other appliance: %+v", o)
				}
				l.pass(20 * time.Second)
				if o := l.send("GET", lxca.URL+"/aicc/service/sftp/locks", ""); o.err != nil || (o.status == 200) == (len(lxca.LXCA.Locks()) == 0) {
					t.Errorf("back: %+v", o)
				}
				locks, failed := len(lxca.LXCA.Locks()), 0
				for _, e := range l.effects("job.ended") {
					if e.State == "Stopped_With_Error" {
						failed++
					}
				}
				restart := strings.HasPrefix(rule, "restart")
				if kept := !restart || strings.Contains(rule, "kept"); kept != (locks == 1) || (failed == 1) != restart ||
					(len(l.effects("appliance.restarted")) == 1) != restart {
					t.Errorf("%d locks, %d jobs stopped, %v", locks, failed, l.effects("appliance.restarted"))
				}
				if l.Faults().Total() != 1 {
					t.Errorf("counts %v", l.Faults().Counts())
				}
			})
		})
	}
}

// An appliance that restarts does not even shake hands, in whichever way it is away.
func TestNoHandshakeWhileAway(t *testing.T) {
	for _, how := range []string{fault.Refused, fault.Hang} {
		onBoth(t, func(t *testing.T, l *lab) {
			shaken := false
			l.client.Transport.(*http.Transport).TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error {
				shaken = true
				return nil
			}
			l.add("outage=20s how=" + how)
			l.Settle()
			if o := l.lock(); o.err == nil || shaken {
				t.Errorf("%s: %+v, shaken hands %v", how, o, shaken)
			}
			l.pass(20 * time.Second)
			if o := l.lock(); !sawLock(o) || !shaken {
				t.Errorf("%s: back: %+v", how, o)
			}
		})
	}
}

// What waits to come is lost when the appliance is away by then, or has restarted.
func TestLateEffectOfAnApplianceThatIsAway(t *testing.T) {
	for rule, want := range map[string]int{"outage=10s after=15s": 0, "restart=1s after=5s": 0, "outage=1s after=5s": 1} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, Config{Memory: true})
			l.add("delay-effect=20s POST sftp/locks")
			l.add(rule)
			l.lock()
			time.Sleep(40 * time.Second)
			if n := len(l.effects("lock.granted")); n != want || l.Faults().Pending() != 0 {
				t.Errorf("%s: %d locks", rule, n)
			}
		})
	}
}

func TestFaultsOfAppliances(t *testing.T) {
	onBoth(t, func(t *testing.T, l *lab) {
		lxca, edge := l.Appliance("dc1"), l.Appliance("edge")
		date := func() time.Time {
			o := l.send("GET", lxca.URL+"/jobs", "")
			at, err := http.ParseTime(o.header.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		before := date()
		l.add("clock-step=-8760h GET /jobs times=1")
		if after := date(); before.Sub(after) < 8759*time.Hour {
			t.Errorf("the clock went from %v to %v", before, after)
		}
		pin := Pin(lxca.Certificate())
		l.add("swap-certificate GET /jobs times=1 on=dc*")
		date()
		var seen string
		l.client.Transport.(*http.Transport).TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
			seen = Pin(s.PeerCertificates[0])
			return nil
		}
		l.client.CloseIdleConnections() // the one that asked is not idle
		date()
		if seen == "" || seen == pin {
			t.Errorf("pin %q, was %q", seen, pin)
		}

		token := func() string {
			o := l.send("POST", edge.URL+"/rest/v1.1/auth/token", "")
			_, rest, _ := strings.Cut(o.body, "<accessToken>")
			text, _, _ := strings.Cut(rest, "<")
			return "Bearer " + text
		}
		a := token()
		l.add("revoke-token POST configuration/lock effect=yes times=1")
		if o := l.send("POST", edge.URL+"/rest/v1.1/configuration/lock", "", "Authorization", a); o.status != 204 {
			t.Fatalf("lock: %+v", o)
		}
		if o := l.send("GET", edge.URL+"/rest/v1.1/system/status", "", "Authorization", a); o.status != 401 || edge.ECB.LockOwner() != "" {
			t.Errorf("the token lives: %d, lock %q", o.status, edge.ECB.LockOwner())
		}
		b := token()
		l.send("POST", edge.URL+"/rest/v1.1/configuration/lock", "", "Authorization", b)
		l.add("revoke-token locks=kept")
		l.Settle()
		if owner := edge.ECB.LockOwner(); owner != "admin" {
			t.Errorf("the kept lock is %q's", owner)
		}
		l.pass(11 * time.Minute)
		if owner := edge.ECB.LockOwner(); owner != "" {
			t.Errorf("after the token's lifetime the lock is %q's", owner)
		}
		c := token()
		l.add("steal-lock") // there is none: no fault
		l.Settle()
		l.send("POST", edge.URL+"/rest/v1.1/configuration/lock", "", "Authorization", c)
		l.lock()
		l.add("steal-lock by=gui")
		l.Settle()
		if edge.ECB.LockOwner() != "gui" || len(lxca.LXCA.Locks()) != 0 || len(l.effects("lock.stolen")) != 2 {
			t.Errorf("owner %q, locks %v, stolen %v", edge.ECB.LockOwner(), lxca.LXCA.Locks(), l.effects("lock.stolen"))
		}
		if counts := l.Faults().Counts(); counts[fault.StealLock] != 2 || counts[fault.RevokeToken] != 2 || counts[fault.ClockStep] != 1 ||
			counts[fault.SwapCertificate] != 1 {
			t.Errorf("counts %v", counts)
		}
	})
}
