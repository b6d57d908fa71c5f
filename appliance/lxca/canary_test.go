package lxca

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/secret/canary"
	"holdfast/appliance/sim"
	"holdfast/appliance/transport"
)

// gate lets who knows the password through to an appliance, and has another one answered by echo.
type gate struct {
	real     *Client
	password string
	echo     func(w http.ResponseWriter, said string) // nil: as the appliance does
	heard    atomic.Int32
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, password, _ := r.BasicAuth()
	if password == g.password {
		g.heard.Add(1)
	}
	if g.echo != nil {
		g.echo(w, r.Header.Get("Authorization")+" is admin with "+password)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || password != g.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	a, err := g.real.send(r.Context(), transport.Request{Method: r.Method, Path: r.URL.Path, Body: body, ContentType: r.Header.Get("Content-Type")})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"Content-Type", "Location"} {
		w.Header()[name] = a.Header[name]
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// canaryRun does everything that a client can do, once the appliance lets it, once with a rejected password, once for each way
// of repeating what it sent, and once each with nobody there and in read-only mode. It returns every value and error that came
// of it, what people are shown, and what was logged.
func canaryRun(t *testing.T, user, password string) (values []any, logged string) {
	t.Helper()
	fleet, err := sim.Start(t.Context(), sim.Config{
		Appliances: []sim.Spec{{Name: "one", Kind: sim.KindLXCA}}, Backups: 2, Jobs: 1, Switches: []string{"labels=hostile", "message-text=hostile"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	real := client(t, fleet.Appliance("one"), "admin", adminPassword)
	said := func(status int, contentType, format string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, words string) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "/locks/"+url.PathEscape(words))
			w.WriteHeader(status)
			inJSON, _ := json.Marshal(words)
			_, _ = fmt.Fprintf(w, format, strings.Trim(string(inJSON), `"`))
		}
	}
	gates := map[string]*gate{"let in": {real: real, password: password}, "rejected": {real: real, password: password + "x"}}
	for name, echo := range map[string]func(http.ResponseWriter, string){
		"JSON 400": said(400, "application/json", `{"result":"failed","messages":[{"id":"X","text":"%s","explanation":"%[1]s","recovery":{"text":"%[1]s"}}]}`),
		"JSON 401": said(401, "application/json", `{"statusCode":401,"statusDescription":"%s"}`),
		"text 500": said(500, "text/plain", "no %s"),
		"page 502": said(502, "text/html", "<html>%s</html>"),
		"no JSON":  said(200, "application/json", "%s"),
		"page 200": said(200, "text/html", "<html>%s</html>"),
		"charset":  said(400, "application/json; charset=utf-16", `{"messages":[{"text":"%s"}]}`),
		"redirects": func(w http.ResponseWriter, words string) {
			w.Header().Set("Location", "https://evil.test/"+url.PathEscape(words))
			w.WriteHeader(302)
		},
	} {
		gates[name] = &gate{password: password, echo: echo}
	}
	var kept bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&kept, &slog.HandlerOptions{Level: slog.LevelDebug}))
	connect := func(url string, trust transport.Trust, readOnly bool) *Client {
		tr, err := transport.New(transport.Options{Name: "one", URL: url, Trust: trust, Clock: clock.System(), Log: logger, ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tr.Close)
		return New(Options{Name: "one", User: user, Password: secret.Fixed(secret.New(password)), Transport: tr})
	}
	keep := func(v any, err error) { values = append(values, v, err) }
	use := func(c *Client) {
		ctx := t.Context()
		h, err := c.Probe(ctx)
		keep(h, err)
		r, err := c.Acquire(ctx, appliance.Claim{Scope: "UP", TTL: 20 * time.Minute})
		keep(r, err)
		locks, err := c.Locks(ctx)
		keep(locks, err)
		backups, err := c.Backups(ctx)
		keep(backups, err)
		jobs, err := c.Jobs(ctx)
		keep(jobs, err)
		space, err := c.Space(ctx)
		keep(space, err)
		for _, call := range allCalls() {
			keep(call.name, call.do(ctx, c))
		}
		for _, verb := range []appliance.Verb{appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbCopy, appliance.VerbCancelPush} {
			calls := c.Explain(appliance.Act{Verb: verb, Claim: appliance.Claim{Scope: "UP", TTL: time.Minute}, Lock: appliance.Lock{ID: someLock, Scope: appliance.Scope{Code: "UP"}}})
			keep(calls, nil)
			for _, call := range calls {
				keep(call.Curl(), nil)
			}
		}
		for _, part := range []appliance.Part{appliance.PartHealth, appliance.PartLocks, appliance.PartBackups, appliance.PartJobs} {
			keep(c.Locate(part, ""), nil)
		}
		for _, x := range c.Trace(0) {
			again, _ := x.Call()
			keep(x, nil)
			keep(again.Curl(), nil)
		}
		keep(fmt.Sprintf("%v %+v %#v", c, c, *c), nil)
	}
	heard := false
	for name, g := range gates {
		server := httptest.NewUnstartedServer(g)
		server.TLS = tlsConfig()
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are refused
		server.StartTLS()
		trust := transport.Trust{Pin: sim.Pin(server.Certificate())}
		before := len(values)
		use(connect(server.URL, trust, false))
		if name == "let in" && values[before+1] != nil {
			t.Errorf("the probe with the right password: %v", values[before+1])
		}
		heard = heard || g.heard.Load() > 10
		use(connect(server.URL, trust, true))
		use(connect(server.URL, transport.Trust{}, false)) // not trusted
		server.Close()
		use(connect(server.URL, trust, false)) // nobody there
	}
	if !heard {
		t.Error("the secret was hardly ever sent, so this proves nothing")
	}
	return values, kept.String()
}

// A secret that was sent is in nothing that a run of everything leaves behind: no log, no trace, no error, no request that is
// shown; in no form, whatever the appliance repeats of it.
func TestFault_SEC01_CanaryRun(t *testing.T) {
	const user = "maria"
	password := canary.New()
	values, logged := canaryRun(t, user, password)
	var out strings.Builder
	out.WriteString(logged)
	for _, v := range values {
		fmt.Fprintf(&out, "%v %+v %#v %q\n", v, v, v, v)
		inJSON, err := json.Marshal(v)
		if err == nil {
			out.Write(inJSON)
		}
		if err, ok := v.(error); ok {
			out.WriteString(appliance.Reason(err))
		}
	}
	for _, want := range []string{"GET /aicc", `"path":"/aicc/service/sftp/locks"`, "curl", "[redacted]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing of the run says %s", want)
		}
	}
	for _, form := range canary.Forms(password, user) {
		if i := strings.Index(out.String(), form); i >= 0 {
			t.Errorf("%s is in %q", form, out.String()[max(0, i-100):i+40])
		}
	}
}

// What a client returns holds no secret anywhere in it, not even where nothing prints it: only the client itself keeps where
// it comes from.
func TestFault_SEC05_ValuesHoldNoSecret(t *testing.T) {
	const user = "maria"
	password := canary.New()
	forms := canary.Forms(password, user)
	if found, _ := canary.Find(&struct{ a transport.Auth }{transport.Basic(user, secret.New(password))}, forms); found == "" {
		t.Fatal("a secret within a value is not found, so this proves nothing")
	}
	values, _ := canaryRun(t, user, password)
	all := 0
	for _, v := range values {
		if v == nil {
			continue
		}
		found, looked := canary.Find(v, forms)
		all += looked
		if found != "" {
			t.Errorf("%T holds %q", v, found)
		}
	}
	if all < 1000 {
		t.Errorf("only %d strings were looked at", all)
	}
}

// The password is asked for before each request and not kept by the client, so that one that was forgotten is gone.
func TestFault_SEC05_PasswordIsNotKept(t *testing.T) {
	server := answerOf(200, "[]")
	c := answering(t, server)
	asked, forgotten := 0, 0
	c.password = func(context.Context) (secret.Secret, error) {
		asked++
		return secret.New(fmt.Sprintf("password %d", asked)), nil
	}
	c.forget = func() { forgotten++ }
	for want := 1; want < 4; want++ {
		if _, err := c.Locks(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, sent, _ := (&http.Request{Header: server.last}).BasicAuth(); sent != fmt.Sprintf("password %d", want) {
			t.Errorf("request %d was sent with %q", want, sent)
		}
	}
	if c.ForgetPassword(); asked != 3 || forgotten != 1 {
		t.Errorf("asked %d times, forgotten %d times", asked, forgotten)
	}
}
