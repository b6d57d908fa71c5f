package broker_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim/broker"
)

func TestSystemResources(t *testing.T) {
	r := newRig(t)
	token := r.login(viewerBasic)
	status := r.get("system/status", token)
	for leaf, want := range map[string]string{
		"hostName": "ecb-lab", "systemState": "online", "role": "standalone", "healthScorePercent": "100",
	} {
		if got := status.leaf(leaf); got != want {
			t.Errorf("status %s: %q", leaf, got)
		}
	}
	info := r.get("system/information", token)
	for leaf, want := range map[string]string{
		"hostName": "ecb-lab", "name": "ecb-lab", "contact": "", "buildVersion": "PCZ4.2.0 GA (Build 87)",
	} {
		if got := info.leaf(leaf); got != want {
			t.Errorf("information %s: %q", leaf, got)
		}
	}
	if !strings.HasPrefix(info.leaf("serialNum"), "ECB") || info.leaf("upTimeSeconds") == "" {
		t.Errorf("information: %s", info.body)
	}
	version := r.get("system/version", token)
	for _, leaf := range []string{
		"productName", "buildVersion", "oracleLinuxInfo", "host", "user", "buildView", "buildCycle", "buildDate",
	} {
		if version.leaf(leaf) == "" {
			t.Errorf("version: no %s", leaf)
		}
	}
}

func TestUptimeSpellings(t *testing.T) {
	for _, name := range []string{"uptimeSeconds", "upTime", "upTimeSeconds"} {
		r := newRig(t, "status-uptime="+name)
		token := r.login(viewerBasic)
		before := r.get("system/status", token).leaf(name)
		r.base.Pass(time.Second)
		if after := r.get("system/status", token).leaf(name); before == "" || before == after {
			t.Errorf("%s: %q then %q", name, before, after)
		}
	}
}

func TestRoles(t *testing.T) {
	for value, want := range map[string][2]string{
		"standalone": {"standalone", ""}, "active": {"active", "standby"}, "standby": {"standby", "active"},
		"out-of-service": {"out of service", ""},
	} {
		r := newRig(t, "role="+value)
		a := r.get("system/status", r.login(viewerBasic))
		if a.leaf("role") != want[0] || a.leaf("haPeerRole") != want[1] {
			t.Errorf("%s: %s", value, a.body)
		}
	}
}

func TestVersions(t *testing.T) {
	for value, want := range map[string]struct{ latest, others, refused string }{
		"v1.1+v1.2": {"v1.2", "v1.1", "v1.0"}, "v1.2-only": {"v1.2", "", "v1.1"}, "v1.0-only": {"v1.0", "", "v1.1"},
		"v1.0+v1.1+v1.2": {"v1.2", "v1.0|v1.1", "v1.3"},
	} {
		r := newRig(t, "versions="+value)
		r.want(r.call("POST", "/rest/"+want.refused+"/auth/token", "", "", adminBasic), 404, "Unsupported version in URI.")
		a := r.call("POST", "/rest/"+want.latest+"/auth/token", "", "", adminBasic)
		r.want(a, 200, "")
		token := a.leaf("accessToken")
		a = r.call("GET", "/rest/api/supportedversions", token, "")
		if a.leaf("latestVersion") != want.latest || a.leaf("version") != want.others {
			t.Errorf("%s: %s", value, a.body)
		}
		r.want(r.call("GET", "/rest/"+want.latest+"/api/supportedversions", token, ""), 404, "")
	}
	r := newRig(t)
	r.want(r.call("GET", "/rest/api/supportedversions", "", ""), 401, "")
	r.set("supportedversions-token", "open")
	r.want(r.call("GET", "/rest/api/supportedversions", "", ""), 200, "")
}

func TestNotOffered(t *testing.T) {
	r := newRig(t)
	token := r.login(adminBasic)
	for _, path := range []string{
		"POST admin/reboot", "POST admin/switchover", "GET nothing", "PUT configuration/lst", "GET statistics/kpis", "GET statistics/kpiTypes",
	} {
		method, path, _ := strings.Cut(path, " ")
		r.want(r.call(method, "/rest/v1.1/"+path, token, ""), 404, "Resource not found.")
	}
	r.want(r.call("GET", "/", token, ""), 404, "")
	r.want(r.call("GET", "/rest/v1.1//rest/api/supportedversions", token, ""), 404, "")
}

func TestOfferedExtras(t *testing.T) {
	r := newRig(t, "lst=offered", "kpi=offered")
	token := r.locked()
	for query, status := range map[string]int{
		"action=save&filename=x.xml": 200, "action=verify&filename=x.xml": 204, "action=refresh&filename=x.xml": 204,
		"action=moon&filename=x.xml": 400, "action=save": 400,
	} {
		r.want(r.put("configuration/lst?"+query, token), status, "")
	}
	links := r.get("statistics/kpiTypes", token).leaves("link")
	if len(links) != 5 {
		t.Fatalf("links %q", links)
	}
	for _, link := range links {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		r.want(r.call("GET", u.RequestURI(), token, ""), 200, "")
	}
	if a := r.get("statistics/kpis?type=globalSessions", token); a.leaf("sysGlobalCPS") == "" {
		t.Errorf("kpis: %s", a.body)
	}
	r.want(r.get("statistics/kpis?type=moon", token), 400, "")
}

// TestOrderOfChecks breaks one more thing a step, from the last check to the first: the earlier one must win.
func TestOrderOfChecks(t *testing.T) {
	r := newRig(t)
	admin, viewer := r.login(adminBasic), r.login(viewerBasic)
	do := func(method, path, token, accept string) answer {
		return r.call(method, path, token, "", "Accept: "+accept)
	}
	const (
		good = "/rest/v1.1/configuration/management?action=save"
		bad  = "/rest/v1.1/configuration/management?action=moon"
		xml  = "application/xml"
	)
	r.want(do("PUT", good, admin, xml), 423, textNoLock)
	r.want(do("PUT", bad, admin, xml), 400, "")
	r.want(do("PUT", bad, viewer, xml), 403, "")
	r.want(do("PUT", bad, "", xml), 401, "")
	r.want(do("PUT", bad, "", "application/json"), 406, "")
	a := do("PATCH", bad, "", "application/json")
	r.want(a, 405, "")
	if a.header.Get("Allow") != "POST, PUT" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	r.want(do("PATCH", strings.Replace(bad, "management", "moon", 1), "", "application/json"), 404, "Resource not found.")
	r.want(do("PATCH", "/rest/v9/moon", "", "application/json"), 404, "Unsupported version in URI.")
	r.Appliance = broker.New(broker.Options{Name: "strict"})
	r.want(do("PATCH", "/rest/v9/moon", "", "application/json"), 426, "Client must connect with HTTPS.")
}

func TestAccept(t *testing.T) {
	for accept, status := range map[string]int{
		"": 200, "*/*": 200, "application/*": 200, "text/html, application/xml;q=0.9": 200, "application/json": 406, "text/xml": 406,
	} {
		r := newRig(t)
		r.want(r.call("GET", "/rest/v1.1/system/status", r.login(viewerBasic), "", "Accept: "+accept), status, "")
	}
}

func TestCredentials(t *testing.T) {
	r := newRig(t)
	token := r.login(adminBasic)
	for header, status := range map[string]int{
		"Authorization: Bearer " + token: 200, "Authorization: bearer " + token: 200, "Authorization: " + token: 401,
		"Authorization: Bearer": 401, "Authorization: Bearer x": 401, adminBasic: 401,
	} {
		r.want(r.call("GET", "/rest/v1.1/system/status", "", "", header), status, "")
	}
}

func TestBodylessCallsWithABody(t *testing.T) {
	r := newRig(t)
	token := r.login(adminBasic)
	for body, status := range map[string]int{
		"<lock>": 400, "lock": 400, "<a/><b/>": 400, "<a/>tail": 400, "<a></b>": 400, "<!-- only -->": 400,
		" \n ": 204, "<lock/>": 204, "<?xml version=\"1.0\"?><a><b>x</b></a>\n": 204,
	} {
		r.want(r.call("POST", "/rest/v1.1/configuration/lock", token, body), status, "")
	}
	r.want(r.call("POST", "/rest/v1.1/configuration/unlock", token, "<unlock>"), 400, "")
	if r.LockOwner() != "admin" {
		t.Error("a malformed unlock released the lock")
	}
}

func TestErrorNesting(t *testing.T) {
	for value, want := range map[string]string{
		"list": "<messages><errorMessage>Client not authorized.</errorMessage></messages><links/>",
		"item": "<messages><message><errorMessage>Client not authorized.</errorMessage></message></messages><links/>",
		"flat": "<messages/><errorMessage>Client not authorized.</errorMessage><links/>",
	} {
		r := newRig(t, "error-nesting="+value)
		if a := r.get("system/status", ""); !strings.Contains(a.body, "<response><data/>"+want+"</response>") {
			t.Errorf("%s: %s", value, a.body)
		}
		a := r.put("configuration/management?action=verify", r.locked())
		if a.leaf("link") != "https://ecb-lab:8443/rest/v1.1/admin/asyncstatus" {
			t.Errorf("%s: %s", value, a.body)
		}
	}
}

func TestHeaders(t *testing.T) {
	for value, want := range map[string]string{"without": "application/xml", "with": "application/xml;charset=UTF-8"} {
		r := newRig(t, "charset="+value)
		for _, a := range []answer{
			r.get("system/status", ""), r.get("system/status", r.login(adminBasic)),
			r.post("configuration/lock", r.login(adminBasic)),
		} {
			if a.header.Get("Content-Type") != want || a.header.Get("Cache-Control") != "no-cache" || a.header.Get("Date") == "" {
				t.Errorf("%d: %v", a.status, a.header)
			}
		}
	}
}

func TestLinkHost(t *testing.T) {
	r := newRig(t, "link-host=address")
	if a := r.put("configuration/management?action=verify", r.locked()); a.leaf("link") != "https://198.18.0.9/rest/v1.1/admin/asyncstatus" {
		t.Errorf("link %q", a.leaf("link"))
	}
}

func TestEverySwitchValueCanBeSet(t *testing.T) {
	r := newRig(t)
	seen := map[string]bool{}
	for _, s := range broker.Switches() {
		if seen[s.Name] || s.About == "" || len(s.Values) < 2 {
			t.Errorf("switch %q is listed twice or says too little", s.Name)
		}
		seen[s.Name] = true
		if !r.Switches().Is(s.Name, s.Values[0]) {
			t.Errorf("%s does not stand at its first value", s.Name)
		}
		for _, v := range s.Values {
			r.set(s.Name, v)
			r.tryLogin(adminBasic)
			r.get("system/status", "")
		}
		r.set(s.Name, s.Values[0])
	}
}

func TestTruthHoldsNoToken(t *testing.T) {
	r := newRig(t)
	old := r.locked()
	renewed := r.renew(old).leaf("accessToken")
	r.post("configuration/unlock", renewed)
	r.RevokeTokens()
	for _, e := range r.truth.Effects() {
		for _, text := range []string{e.ID, e.By, e.More} {
			if strings.Contains(text, old) || strings.Contains(text, renewed) || strings.Contains(text, "Passw0rd") {
				t.Errorf("a secret in the truth log: %s", e.What)
			}
		}
		if e.Appliance != "ecb-lab" {
			t.Errorf("effect of %q", e.Appliance)
		}
	}
}
