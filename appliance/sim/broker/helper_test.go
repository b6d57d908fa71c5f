package broker_test

import (
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/sim/broker"
	"holdfast/appliance/sim/kit"
)

// base is a clock that only the test moves.
type base struct {
	mu  sync.Mutex
	now time.Time
}

func (b *base) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *base) Pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// rig is an appliance with all that a test looks at.
type rig struct {
	*broker.Appliance
	t     *testing.T
	base  *base
	clock *kit.Clock
	truth *kit.Truth
}

func newRig(t *testing.T, set ...string) *rig {
	t.Helper()
	b := &base{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	r := &rig{t: t, base: b, clock: kit.NewClock(b.Now), truth: kit.NewTruth(nil)}
	accounts := append(kit.DefaultAccounts(), kit.Account{User: "second", Password: "pw2", Role: kit.RoleAdmin})
	r.Appliance = broker.New(broker.Options{
		Name: "ecb-lab", Address: "198.18.0.9", Clock: r.clock, Truth: r.truth, Accounts: accounts, Seed: 7, AllowPlain: true,
	})
	for _, s := range set {
		name, value, _ := strings.Cut(s, "=")
		r.set(name, value)
	}
	return r
}

func (r *rig) set(name, value string) {
	r.t.Helper()
	if err := r.Switches().Set(name, value); err != nil {
		r.t.Fatal(err)
	}
}

// answer is what came back, with the leaves of its XML.
type answer struct {
	status int
	header http.Header
	body   string
}

// leaves are the texts of all elements of this name that have no children.
func (a answer) leaves(name string) []string {
	d := xml.NewDecoder(strings.NewReader(a.body))
	var open, text string
	var found []string
	for {
		tok, err := d.Token()
		if err != nil {
			return found
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			open, text = tok.Name.Local, ""
		case xml.CharData:
			text += string(tok)
		case xml.EndElement:
			if open == tok.Name.Local && open == name {
				found = append(found, text)
			}
			open = ""
		}
	}
}

func (a answer) leaf(name string) string { return strings.Join(a.leaves(name), "|") }

// checkXML fails the test unless the body is one well-formed document in the envelope of api/ecb.md 1.2.
func (a answer) checkXML(t *testing.T) {
	t.Helper()
	if a.status == http.StatusNoContent {
		if a.body != "" {
			t.Errorf("204 with a body: %q", a.body)
		}
		return
	}
	if !strings.HasPrefix(a.body, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`) {
		t.Errorf("no XML declaration: %.80q", a.body)
	}
	d := xml.NewDecoder(strings.NewReader(a.body))
	var path []string
	var top []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, a.body)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(path) == 1 {
				top = append(top, tok.Name.Local)
			}
			path = append(path, tok.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
	if got := strings.Join(top, " "); got != "data messages links" && got != "data messages errorMessage links" {
		t.Errorf("children of the envelope: %s", got)
	}
	if a.status >= 400 && len(a.leaves("errorMessage")) == 0 {
		t.Errorf("%d without an errorMessage: %s", a.status, a.body)
	}
}

// call sends one request; header lines are "Name: value".
func (r *rig) call(method, path, token, body string, header ...string) answer {
	r.t.Helper()
	req := httptest.NewRequest(method, "https://ecb-lab:8443"+path, strings.NewReader(body))
	req.TLS = nil
	req.Header.Set("Accept", "application/xml")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	a.checkXML(r.t)
	return a
}

func (r *rig) get(path, token string) answer {
	r.t.Helper()
	return r.call(http.MethodGet, "/rest/v1.1/"+path, token, "")
}

func (r *rig) post(path, token string) answer {
	r.t.Helper()
	return r.call(http.MethodPost, "/rest/v1.1/"+path, token, "")
}

func (r *rig) put(path, token string) answer {
	r.t.Helper()
	return r.call(http.MethodPut, "/rest/v1.1/"+path, token, "")
}

func (r *rig) del(path, token string) answer {
	r.t.Helper()
	return r.call(http.MethodDelete, "/rest/v1.1/"+path, token, "")
}

const (
	adminBasic  = "Authorization: Basic YWRtaW46UGFzc3cwcmQtYWRtaW4="
	viewerBasic = "Authorization: Basic dmlld2VyOlBhc3N3MHJkLXZpZXdlcg=="
	secondBasic = "Authorization: Basic c2Vjb25kOnB3Mg=="
	wrongBasic  = "Authorization: Basic YWRtaW46d3Jvbmc="
)

func (r *rig) tryLogin(basic string) answer {
	r.t.Helper()
	return r.call(http.MethodPost, "/rest/v1.1/auth/token", "", "", basic)
}

func (r *rig) login(basic string) string {
	r.t.Helper()
	a := r.tryLogin(basic)
	if a.status != http.StatusOK || a.leaf("accessToken") == "" {
		r.t.Fatalf("login: %d %s", a.status, a.body)
	}
	return a.leaf("accessToken")
}

func (r *rig) lock(token string) {
	r.t.Helper()
	r.want(r.post("configuration/lock", token), http.StatusNoContent, "")
}

// locked is an admin's token that holds the lock.
func (r *rig) locked() string {
	r.t.Helper()
	token := r.login(adminBasic)
	r.lock(token)
	return token
}

// want compares status and, unless text is empty, the error text.
func (r *rig) want(a answer, status int, text string) {
	r.t.Helper()
	if a.status != status || (text != "" && a.leaf("errorMessage") != text) {
		r.t.Errorf("got %d %q, want %d %q\n%s", a.status, a.leaf("errorMessage"), status, text, a.body)
	}
}

// effects are the truth log's entries of this kind, as "id by more".
func (r *rig) effects(what string) []string {
	r.Settle()
	var found []string
	for _, e := range r.truth.Effects() {
		if e.What == what {
			found = append(found, strings.Join(strings.Fields(e.ID+" "+e.By+" "+e.More), " "))
		}
	}
	return found
}

func (r *rig) wantEffects(what string, want ...string) {
	r.t.Helper()
	if got := r.effects(what); strings.Join(got, "; ") != strings.Join(want, "; ") {
		r.t.Errorf("truth of %s: %q, want %q", what, got, want)
	}
}

// wantState compares what asyncstatus tells.
func (r *rig) wantState(token, operation, status string) answer {
	r.t.Helper()
	a := r.get("admin/asyncstatus", token)
	if a.status != 200 || a.leaf("operation") != operation || a.leaf("status") != status {
		r.t.Errorf("asyncstatus %d %q %q, want %q %q", a.status, a.leaf("operation"), a.leaf("status"), operation, status)
	}
	return a
}

func rootsOf(srv *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return pool
}
