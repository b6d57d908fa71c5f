package xclarity

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// python talks as pylxca does, Lenovo's own client (github.com/lenovo/pylxca, package pylxca_api): through one session
// of the library requests, whose bytes are written out here. What it sends, and what it needs of an answer, is told
// beside each call by the function of pylxca that it comes from.
type python struct {
	t       *testing.T
	host    string
	conn    *tls.Conn
	in      *bufio.Reader
	headers []string // of the session
	cookies []*http.Cookie
}

// newPython connects as lxca_connection.connect does with a CA bundle: the certificate and its name are checked.
func newPython(t *testing.T, a *Appliance) *python {
	t.Helper()
	srv := httptest.NewTLSServer(a)
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // so that nothing hangs
		t.Fatal(err)
	}
	return &python{t: t, host: srv.Listener.Addr().String(), conn: conn, in: bufio.NewReader(conn), headers: []string{
		// The defaults of requests, two of them overwritten by lxca_connection.connect; GETs carry the type too.
		"User-Agent: LXCA via Python Client / 4.2.0", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive",
		"content-type: application/json; charset=utf-8",
	}}
}

// send writes a request as requests does and reads the answer; a body is what json.dumps makes.
func (p *python) send(method, target, body string, header ...string) (*http.Response, string) {
	p.t.Helper()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + p.host}, p.headers...)
	lines = append(lines, header...)
	if len(p.cookies) > 0 {
		pairs := make([]string, len(p.cookies))
		for i, c := range p.cookies {
			pairs[i] = c.Name + "=" + c.Value
		}
		lines = append(lines, "Cookie: "+strings.Join(pairs, "; "))
	}
	if body != "" || method != "GET" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(p.conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	from := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if from, err = gzip.NewReader(resp.Body); err != nil {
			p.t.Fatalf("%s %s: %v", method, target, err)
		}
	}
	text, err := io.ReadAll(from)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, target, err)
	}
	p.cookies = append(p.cookies, resp.Cookies()...)
	return resp, string(text)
}

// ok sends a request that must not fail: raise_for_status takes everything below 400.
func (p *python) ok(method, target, body string) string {
	p.t.Helper()
	resp, text := p.send(method, target, body)
	if resp.StatusCode >= 400 {
		p.t.Fatalf("%s %s: %s %s", method, target, resp.Status, text)
	}
	return text
}

// json is ok with the answer read by json.loads into v; the answer to everything but a change must be JSON.
func (p *python) json(method, target string, v any) {
	p.t.Helper()
	text := p.ok(method, target, "")
	if err := json.Unmarshal([]byte(text), v); err != nil {
		p.t.Fatalf("%s %s: %v in %q", method, target, err, text)
	}
}

// connect is lxca_connection.connect and test_connection.
func (p *python) connect(user, password string) {
	p.t.Helper()
	resp, text := p.send("POST", "/sessions", `{"UserId": "`+user+`", "password": "`+password+`"}`, "Referer: https://"+p.host+"/sessions")
	if resp.StatusCode != http.StatusOK { // only then it takes the token from the cookie
		p.t.Fatalf("login: %s %s", resp.Status, text)
	}
	token := ""
	for _, c := range p.cookies {
		if c.Name == "csrf" {
			token = c.Value
		}
	}
	if token == "" {
		p.t.Fatal("no cookie csrf")
	}
	p.headers = append(p.headers, "X-Csrf-Token: "+token)
	var about any
	p.json("GET", "/aicc", &about)
}

// task and legacy are what is read of a job.
type task struct {
	JobUID, Status string
	Percentage     float64
	Children       []task
}

type legacy struct {
	ID     string
	Status struct{ State string }
}

// Lenovo's client can connect, list, poll, cancel and log out.
func TestPylxca(t *testing.T) {
	for _, gzip := range []string{"off", "on"} {
		t.Run("gzip "+gzip, func(t *testing.T) {
			w := newWorld(t)
			b := w.add(Options{Backups: 2, Jobs: 3})
			b.set("gzip="+gzip, "csrf-on-get=required", "success-body=empty")
			p := newPython(t, b.Appliance)
			p.connect("admin", "Passw0rd-admin")
			id := b.put("copy", b.newest(), DefaultShare).want(200).text("jobId")

			// lxca_rest.get_users; lxca_api reads ['response'].
			var users struct{ Response []map[string]any }
			p.json("GET", "/userAccounts", &users)
			var user struct{ Response map[string]any }
			p.json("GET", fmt.Sprintf("/userAccounts/%v", users.Response[0]["id"]), &user)
			if len(users.Response) != 2 || user.Response["userName"] != "ADMIN" {
				t.Errorf("users %v, user %v", users, user)
			}
			p.listLegacy(id, plainUUID(b.newest()))
			p.tasks(w, id)

			// lxca_connection.disconnect: no body goes, and the answer must be JSON whatever else is empty.
			var bye any
			p.json("DELETE", "/sessions", &bye)
			if resp, _ := p.send("GET", "/tasks", ""); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("after the logout: %s", resp.Status)
			}
			if n := len(b.door.all()); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	}
}

// listLegacy is lxca_rest.get_jobs. It joins state and uuid with a comma, and may ask one job with a filter.
func (p *python) listLegacy(id, uuid string) {
	p.t.Helper()
	for target, want := range map[string]int{
		"/jobs": 4, "/jobs?state=Running": 1, "/jobs?uuid=" + uuid: 1, "/jobs?state=Running,uuid=" + uuid: 1, "/jobs?state=Complete,uuid=" + uuid: 0,
		"/jobs?state=Running_With_Errors": 0, "/jobs?state=Interrupted": 0,
	} {
		var jobs []legacy
		p.json("GET", target, &jobs)
		if len(jobs) != want {
			p.t.Errorf("%s: %d jobs, want %d", target, len(jobs), want)
		}
	}
	for _, target := range []string{"/jobs/" + id, "/jobs/" + id + "?state=Running", "/jobs/" + id + "?state=Pending%20,uuid=" + uuid} {
		var one legacy
		p.json("GET", target, &one)
		if one.ID != id || one.Status.State != "Running" {
			p.t.Errorf("%s: %+v", target, one)
		}
	}
}

// tasks lists, polls, updates, cancels and deletes.
func (p *python) tasks(w *world, id string) {
	p.t.Helper()
	list := func(target string) []task { // lxca_rest.get_tasks; lxca_api takes a slice of it, so it must be an array
		var jobs []task
		p.json("GET", target, &jobs)
		return jobs
	}
	if all := list("/tasks?compact=true"); len(all) != 4 || all[3].Children != nil {
		p.t.Errorf("tasks %+v", all)
	}
	if all := list("/tasks"); len(all) != 4 || len(all[3].Children) != 3 {
		p.t.Errorf("tasks %+v", all)
	}
	w.time.Add(time.Second)
	before := list("/tasks/" + id + "?compact=true")
	p.ok("PUT", "/tasks/"+id, `{"jobUID": "`+id+`", "percentage": 50}`) // lxca_rest.put_tasks_update
	polled := list("/tasks/" + id)
	if len(before) != 1 || before[0].Percentage <= 0 || len(polled) != 1 || polled[0].Percentage != 50 || polled[0].Status != "Running" {
		p.t.Errorf("polled %+v, then %+v", before, polled)
	}
	p.ok("PUT", "/tasks", `{"action": "cancel", "list": ["`+id+`"]}`) // lxca_rest.put_tasks
	if done := list("/tasks/" + id); len(done) != 1 || done[0].JobUID != id || done[0].Status != "Cancelled" || done[0].Percentage != 100 {
		p.t.Errorf("cancelled %+v", done)
	}
	p.ok("DELETE", "/tasks/"+id, "") // lxca_rest.delete_tasks
	if resp, _ := p.send("GET", "/tasks/"+id, ""); resp.StatusCode != http.StatusNotFound {
		p.t.Errorf("deleted: %s", resp.Status)
	}
}

// The older way to cancel and delete, lxca_rest.get_jobs with canceljobid and deletejobid: it wants 200, 201 or 202.
func TestPylxcaLegacyCancel(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 1})
	p := newPython(t, b.Appliance)
	p.connect("admin", "Passw0rd-admin")
	id := b.put("copy", b.newest(), DefaultShare).want(200).text("jobId")
	for _, step := range [][3]string{{"PUT", "/jobs/" + id, `{"cancelRequest": "true"}`}, {"DELETE", "/jobs/" + id, ""}} {
		if resp, text := p.send(step[0], step[1], step[2]); resp.StatusCode < 200 || resp.StatusCode > 202 {
			t.Errorf("%v: %s %s", step, resp.Status, text)
		}
	}
	if n := len(b.Jobs()); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
	// Changes of a session need the token in the header, the cookie is not enough.
	p.headers = p.headers[:len(p.headers)-1]
	if resp, _ := p.send("PUT", "/tasks", `{"action": "cancel", "list": ["`+id+`"]}`); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without the token: %s", resp.Status)
	}
}
