package xclarity

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBasicAuthentication(t *testing.T) {
	b := newWorld(t).add(Options{})
	r := b.as("ADMIN", "Passw0rd-admin").get("/tasks").want(200)
	if c := r.head["Set-Cookie"]; len(c) != 1 || !strings.HasPrefix(c[0], "userAuthenticationMethod=local; Path=/; Secure") {
		t.Fatalf("cookies %v", c)
	}
	for _, who := range [][2]string{{"admin", "wrong"}, {"nobody", "Passw0rd-admin"}, {"admin", "passw0rd-admin"}} {
		r := b.as(who[0], who[1]).get("/tasks").want(401)
		if r.text("result") != "failed" || r.head.Get("WWW-Authenticate") == "" {
			t.Fatalf("%v %s", r.head, r.body)
		}
	}
	b.as("", "").get("/tasks").want(401)
	b.as("", "").do("POST", "/nowhere", "").want(401) // 401 comes before 403 and 404
	b.viewer().do("POST", "/nowhere", "").want(403)   // 403 before 404
	b.viewer().do("POST", "/aicc", "").want(403)
	b.get("/nowhere").want(404)
	b.get("/AICC").want(404)
	b.get("/tasks/1/2").want(404)
	if allow := b.do("POST", "/tasks", "").want(405).head.Get("Allow"); allow != "GET, PUT" {
		t.Fatalf("Allow %q", allow)
	}
	b.get("/tasks/").want(200)
	b.do("HEAD", "/tasks", "").want(200)
}

func TestLockout(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	for range maxFailures - 1 {
		b.as("viewer", "wrong").get("/aicc").want(401)
	}
	b.viewer().get("/aicc").want(200) // resets the count
	for range maxFailures {
		b.as("viewer", "wrong").get("/aicc").want(401)
	}
	b.viewer().get("/aicc").want(401)
	if n := b.get("/userAccounts").at("response", 1, "loginAttempts"); n != num("20") {
		t.Fatalf("attempts %v", n)
	}
	w.time.Add(lockoutTime)
	b.viewer().get("/aicc").want(200)
}

// A login as Lenovo's own Python client does it: session, cookies, the token from the cookie in a header.
func TestSessionLoginPollCancelLogout(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 2})
	uuid := b.newest()
	guest := b.as("", "")
	login := guest.do("POST", "/sessions", `{"UserId":"admin","password":"Passw0rd-admin"}`,
		"Content-Type", "application/json; charset=utf-8", "Referer", "https://lxca.example/sessions").want(200)
	if login.text("messages", 0, "id") != okID {
		t.Fatalf("login %s", login.body)
	}
	jar := map[string]string{}
	var cookies []string
	for _, line := range login.head["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		jar[c.Name] = c.Value
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if jar["JSESSIONID"] != login.text("response", "session", "id") || jar["csrf"] != login.text("response", "session", "csrf") ||
		jar["inactivityTimeout"] != "1440" || jar["user"] != "ADMIN" {
		t.Fatalf("cookies %v, login %s", jar, login.body)
	}
	cookie := strings.Join(cookies, "; ")
	do := func(method, path, body string) reply {
		t.Helper()
		return guest.do(method, path, body, "Cookie", cookie, "X-Csrf-Token", jar["csrf"])
	}
	do("GET", "/aicc", "").want(200).at("appliance", "version")
	do("GET", "/aicc/service/sftp/locks", "").want(204)
	put := `{"action":"start","operation":"copy","uuid":"` + uuid + `","destination":"` + DefaultShare + `"}`
	guest.do("PUT", dataPath, put, "Cookie", cookie).want(403) // without the token
	guest.do("PUT", dataPath, put, "Cookie", cookie, "X-Csrf-Token", "wrong").want(403)
	id := do("PUT", dataPath, put).want(200).text("jobId")
	if s := do("GET", "/tasks/"+id, "").want(200).text(0, "status"); s != "Running" {
		t.Fatalf("status %s", s)
	}
	do("PUT", "/tasks", `{"action":"cancel","list":["`+id+`"]}`).want(200)
	if s := do("GET", "/tasks/"+id, "").want(200).text(0, "status"); s != "Cancelled" {
		t.Fatalf("status %s", s)
	}
	guest.do("GET", "/tasks", "", "Cookie", cookie).want(200) // a GET needs no token
	b.set("csrf-on-get=required")
	guest.do("GET", "/tasks", "", "Cookie", cookie).want(403)
	b.set("success-body=empty") // a logout has a body all the same
	if r := do("DELETE", "/sessions", "").want(200); r.text("result") != "success" {
		t.Fatalf("logout %s", r.body)
	}
	do("GET", "/tasks", "").want(401)
	for value, code := range map[string]int{"401": 401, "403": 403, "406": 406} {
		b.set("session-expired=" + value)
		do("GET", "/tasks", "").want(code)
	}
}

func TestSessionRefusals(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	guest := b.as("", "")
	login := func() reply {
		return guest.do("POST", "/sessions", `{"UserId":"viewer","password":"Passw0rd-viewer"}`)
	}
	for _, body := range []string{"", "[]", `{"UserId":"viewer"}`, `{"password":"x"}`, `{"UserId":1,"password":"x"}`} {
		guest.do("POST", "/sessions", body).want(400)
	}
	for value, code := range map[string]int{"403": 403, "401": 401, "400": 400} {
		b.set("login-refused=" + value)
		if id := guest.do("POST", "/sessions", `{"UserId":"viewer","password":"x"}`).want(code).text("messages", 0, "id"); id != "FQXHMSE0291J" {
			t.Fatalf("id %s", id)
		}
	}
	first := login().want(200)
	login().want(200)
	login().want(200)
	login().want(403)
	b.set("session-limit=400")
	login().want(400)
	list := b.get("/sessions").want(200)
	if list.len("response") != 3 || list.text("response", 0, "UserId") != "VIEWER" || list.text("response", 0, "idleFor") != "0" {
		t.Fatalf("sessions %s", list.body)
	}
	if n := b.get("/userAccounts").at("response", 1, "activeSessions"); n != num("3") {
		t.Fatalf("active %v", n)
	}
	b.do("DELETE", "/sessions/"+first.text("response", "session", "id"), "").want(200)
	b.do("DELETE", "/sessions/"+first.text("response", "session", "id"), "").want(404)
	login().want(200)
	w.time.Add(inactivity)
	if n := b.get("/sessions").len("response"); n != 0 {
		t.Fatalf("%d sessions are left after the inactivity timeout", n)
	}
}

func TestSessionRenewal(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	guest := b.as("", "")
	id := guest.do("POST", "/sessions", `{"UserId":"viewer","password":"Passw0rd-viewer"}`).text("response", "session", "id")
	look := func(header ...string) reply {
		return guest.do("GET", "/aicc", "", append(header, "Cookie", "JSESSIONID="+id)...)
	}
	w.time.Add(inactivity - time.Second)
	look().want(200) // renews
	w.time.Add(inactivity - time.Second)
	look("X-NOT-USER-INPUT", "checkSession").want(200) // does not
	w.time.Add(time.Second)
	look().want(401)
}

func TestUserAccounts(t *testing.T) {
	b := newWorld(t).add(Options{})
	r := b.viewer().get("/userAccounts").want(200)
	if r.len("response") != 2 || r.text("response", 0, "userName") != "ADMIN" || r.text("response", 0, "groups", 0) != "lxc-supervisor" ||
		r.at("response", 0, "supervisor") != true || r.at("response", 1, "supervisor") != false || r.at("response", 0, "pwExpired") != false ||
		r.at("response", 0, "timeBeforeExpirationInDays") != num("90") {
		t.Fatalf("accounts %s", r.body)
	}
	b.set("password-days=10")
	if r := b.get("/userAccounts"); r.at("response", 0, "timeBeforeExpirationInDays") != num("10") {
		t.Fatalf("accounts %s", r.body)
	}
	b.set("password-days=0", "booleans=string")
	if r := b.get("/userAccounts"); r.at("response", 0, "pwExpired") != "true" {
		t.Fatalf("accounts %s", r.body)
	}
	if s := b.get("/userAccountSettings").want(200); s.at("response", "MaximumLoginFailures") != num("20") || s.at("response", "InactivityTimeout") != num("1440") {
		t.Fatalf("settings %s", s.body)
	}
}
