package broker_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
)

func TestOverTLS(t *testing.T) {
	a := broker.New(broker.Options{Name: "tls", Truth: kit.NewTruth(nil)})
	srv := httptest.NewTLSServer(a)
	defer srv.Close()
	conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{RootCAs: rootsOf(srv), ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	send := func(path, authorization string) *http.Response {
		t.Helper()
		_, err := io.WriteString(conn, "POST /rest/v1.1/"+path+" HTTP/1.1\r\nHost: "+srv.Listener.Addr().String()+
			"\r\nAuthorization: "+authorization+"\r\nContent-Length: 0\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	resp := send("auth/token", strings.TrimPrefix(adminBasic, "Authorization: "))
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	token := answer{body: string(body)}.leaf("accessToken")
	resp = send("configuration/lock", "Bearer "+token)
	if resp.StatusCode != 204 || resp.ContentLength != 0 || resp.Header.Get("Content-Type") != "application/xml" {
		t.Errorf("lock: %d %v", resp.StatusCode, resp.Header)
	}
	resp = send("configuration/management?action=activate", "Bearer "+token)
	body, err = io.ReadAll(resp.Body)
	want := srv.URL + "/rest/v1.1/admin/asyncstatus"
	if got := (answer{body: string(body)}).leaf("link"); err != nil || got != want {
		t.Errorf("poll link %q, want %q (%v)", got, want, err)
	}
}

func TestAway(t *testing.T) {
	r := newRig(t, "away=503")
	token := r.login(adminBasic)
	r.SetAway(true)
	r.want(r.post("configuration/lock", token), 503, "Service is not available.")
	if r.LockOwner() != "" {
		t.Error("an appliance that is away granted its lock")
	}
	r.set("away", "close")
	func() {
		defer func() {
			if err, aborted := recover().(error); !aborted || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("away, and yet: %v", err)
			}
		}()
		r.get("system/status", "")
	}()
	r.SetAway(false)
	r.want(r.get("system/status", ""), 401, "")
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.SetSlow(3 * time.Second)
		start := time.Now()
		r.want(r.get("system/status", ""), 401, "")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("answered after %s", took)
		}
		r.SetSlow(0)
		r.get("system/status", "")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("still slow: %s", took)
		}
	})
}

func TestSlowCallerGivesUp(t *testing.T) {
	r := newRig(t)
	r.SetSlow(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer func() {
		if err, aborted := recover().(error); !aborted || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("a caller that has gone was answered: %v", err)
		}
	}()
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/rest/v1.1/system/status", nil))
}

func TestNextDue(t *testing.T) {
	r := newRig(t)
	if at, found := r.NextDue(); found {
		t.Errorf("something due at %s on a new appliance", at)
	}
	token := r.locked()
	start := r.base.Now()
	r.put("configuration/management?action=save", token)
	for _, want := range []time.Duration{2 * time.Second, 10 * time.Minute} {
		at, found := r.NextDue()
		if !found || at.Sub(start) != want {
			t.Fatalf("next due in %s (%v), want %s", at.Sub(start), found, want)
		}
		r.base.Pass(at.Sub(r.base.Now()))
		r.Settle()
	}
	if r.LockOwner() != "" || r.Name() != "ecb-lab" || r.Clock() != r.clock {
		t.Error("the lock outlived what was due, or the appliance is another")
	}
}

// TestConcurrentCallers has fifty callers at the lock at once: at any moment at most one holds it.
func TestConcurrentCallers(t *testing.T) {
	a := broker.New(broker.Options{Name: "busy", AllowPlain: true})
	do := func(method, path, header string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, "https://busy/rest/v1.1/"+path, nil)
		req.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, req)
		return w
	}
	var wg sync.WaitGroup
	var inside, grants int
	var mu sync.Mutex
	for range 50 {
		wg.Go(func() {
			login := do("POST", "auth/token", strings.TrimPrefix(adminBasic, "Authorization: "))
			bearer := "Bearer " + answer{body: login.Body.String()}.leaf("accessToken")
			for range 20 {
				do("GET", "system/status", bearer)
				if do("POST", "configuration/lock", bearer).Code != http.StatusNoContent {
					continue
				}
				mu.Lock()
				inside++
				grants++
				if inside != 1 {
					t.Errorf("%d hold the lock", inside)
				}
				inside--
				mu.Unlock()
				if w := do("PUT", "configuration/management?action=save", bearer); w.Code != http.StatusAccepted {
					t.Errorf("the owner's save: %d", w.Code)
				}
				do("GET", "admin/asyncstatus", bearer)
				if w := do("POST", "configuration/unlock", bearer); w.Code != http.StatusNoContent {
					t.Errorf("the owner's unlock: %d", w.Code)
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			a.AddBackupFile("x.gz")
			a.LockOwner()
			a.SetSlow(0)
			if err := a.StartAsync("verify", "life"); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if grants == 0 || a.LockOwner() != "" {
		t.Errorf("%d grants, owner %q at the end", grants, a.LockOwner())
	}
}
