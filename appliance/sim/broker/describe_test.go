package broker_test

import (
	"slices"
	"testing"
)

// What describes the configuration is read with any token and without the lock, and refused as its neighbours are.
func TestDescriptions(t *testing.T) {
	r := newRig(t)
	token := r.login(viewerBasic)
	m := r.get("configuration/elementTypes/metadata?elementType=session-group", token)
	r.want(m, 200, "")
	if m.leaf("elementType") != "session-group" || !slices.Equal(m.leaves("name"), []string{"group-name", "dest"}) || m.leaf("key") != "true|false" {
		t.Errorf("metadata: %s", m.body)
	}
	tpl := r.get("configuration/elementTypes/template?elementType=session-agent", token)
	r.want(tpl, 200, "")
	if tpl.leaf("elementType") != "session-agent" || !slices.Equal(tpl.leaves("name"), []string{"hostname", "ip-address", "state"}) ||
		tpl.leaf("value") != "||" {
		t.Errorf("template: %s", tpl.body)
	}
	boot := r.get("configuration/bootparams", token)
	r.want(boot, 200, "")
	if !slices.Contains(boot.leaves("name"), "targetName") || !slices.Contains(boot.leaves("value"), "ecb-lab") {
		t.Errorf("bootparams: %s", boot.body)
	}
	for _, path := range []string{"configuration/elementTypes/metadata", "configuration/elementTypes/template"} {
		r.want(r.get(path, token), 400, "Required parameter elementType is missing.")
		r.want(r.get(path+"?elementType=moon", token), 400, "Element type is not supported.")
		r.set("element-type-unknown", "404")
		r.want(r.get(path+"?elementType=moon", token), 404, "Element type is not supported.")
		r.set("element-type-unknown", "400")
		r.want(r.get(path+"?elementType=session-agent", ""), 401, "Client not authorized.")
		r.want(r.put(path, token), 405, "")
	}
	r.want(r.get("configuration/bootparams", ""), 401, "Client not authorized.")
	r.want(r.put("configuration/bootparams", r.login(adminBasic)), 405, "")
}

// A template that was filled in is an element that may be created.
func TestTemplateMakesAnElement(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"session-agent", "session-group", "user-number"} {
		names := r.get("configuration/elementTypes/template?elementType="+kind, r.login(adminBasic)).leaves("name")
		body := "<configElement><elementType>" + kind + "</elementType>"
		for _, name := range names {
			body += "<attribute><name>" + name + "</name><value>new</value></attribute>"
		}
		token := r.locked()
		r.want(r.call("POST", "/rest/v1.1/configuration/configElements", token, body+"</configElement>"), 200, "")
		r.want(r.post("configuration/unlock", token), 204, "")
		all := r.get("configuration/configElements?elementType="+kind, token)
		for _, name := range all.leaves("name") { // nothing that an element has is missing from its template
			if !slices.Contains(names, name) {
				t.Errorf("%s: %s is in no template", kind, name)
			}
		}
	}
}
