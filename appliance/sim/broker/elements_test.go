package broker_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const elementsPath = "/rest/v1.1/configuration/configElements"

func elementXML(kind string, pairs ...string) string {
	var b strings.Builder
	b.WriteString("<configElement><elementType>" + kind + "</elementType>")
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("<attribute><name>" + pairs[i] + "</name><value>" + pairs[i+1] + "</value></attribute>")
	}
	b.WriteString("</configElement>")
	return b.String()
}

func TestElementsAreRead(t *testing.T) {
	r := newRig(t)
	token := r.login(viewerBasic)
	for kind, count := range map[string]int{"session-agent": 2, "session-group": 1, "user-number": 2} {
		for _, running := range []string{"", "&running=true", "&running=false"} {
			a := r.get("configuration/configElements?elementType="+kind+running, token)
			if got := a.leaves("elementType"); a.status != 200 || len(got) != count || got[0] != kind {
				t.Errorf("%s%s: %d %q", kind, running, a.status, got)
			}
		}
	}
	a := r.get("configuration/configElements?elementType=session-group&group-name=sg-lab", token)
	if got := a.leaf("value"); got != "sg-lab|a.example.net|b.example.net" {
		t.Errorf("values %q", got)
	}
	for query, status := range map[string]int{
		"": 400, "elementType=moon": 400, "elementType=user-number&hostname=x": 400, "elementType=user-number&offset=-1": 400,
		"elementType=user-number&maxElements=0": 400, "elementType=user-number&offset=x": 400,
		"elementType=user-number&running=maybe": 400, "elementType=user-number&offset=99": 200,
	} {
		r.want(r.get("configuration/configElements?"+query, token), status, "")
	}
}

func TestElementSwitches(t *testing.T) {
	for value, status := range map[string]int{"400": 400, "404": 404} {
		r := newRig(t, "element-type-unknown="+value)
		r.want(r.get("configuration/configElements?elementType=moon", r.login(viewerBasic)), status, "")
	}
	for value, status := range map[string]int{"empty": 200, "404": 404} {
		r := newRig(t, "element-missing="+value)
		a := r.get("configuration/configElements?elementType=session-agent&hostname=x", r.login(viewerBasic))
		r.want(a, status, "")
		if len(a.leaves("elementType")) != 0 {
			t.Errorf("%s: found something: %s", value, a.body)
		}
	}
}

func TestElementPages(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	for i := range 248 { // and two from the start
		body := elementXML("user-number", "number", fmt.Sprintf("n%03d", i))
		r.want(r.call(http.MethodPost, elementsPath, token, body), 200, "")
	}
	next, total, pages := "https://ecb-lab:8443"+elementsPath+"?elementType=user-number&maxElements=500", 0, 0
	for next != "" {
		a := r.call(http.MethodGet, strings.TrimPrefix(next, "https://ecb-lab:8443"), token, "")
		r.want(a, 200, "")
		total += len(a.leaves("elementType"))
		next = a.leaf("link")
		if pages++; pages > 3 {
			t.Fatal("the pages do not end")
		}
	}
	if total != 250 || pages != 3 {
		t.Errorf("%d elements on %d pages", total, pages)
	}
	a := r.get("configuration/configElements?elementType=user-number&offset=10&maxElements=7", token)
	next = a.leaf("link")
	if len(a.leaves("elementType")) != 7 || !strings.Contains(next, "offset=17") || !strings.Contains(next, "maxElements=7") {
		t.Errorf("page of seven: %d, next %q", len(a.leaves("elementType")), next)
	}
}

func TestElementsAreEdited(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	a := r.call(http.MethodPost, elementsPath, token, elementXML("session-agent", "hostname", "c.example.net", "state", "enabled"))
	r.want(a, 200, "")
	a = r.call(http.MethodPut, elementsPath, token, elementXML("session-agent", "hostname", "c.example.net", "state", "disabled"),
		"Content-Type: application/xml")
	r.want(a, 200, "")
	if got := a.leaf("value"); got != "c.example.net|disabled" {
		t.Errorf("PUT must answer the full element, got %q", got)
	}
	r.want(r.call(http.MethodPost, elementsPath, token, elementXML("session-agent", "hostname", "c.example.net")), 400,
		"Configuration element already exists.")
	r.want(r.call(http.MethodPut, elementsPath, token, elementXML("session-agent", "hostname", "d.example.net")), 404, "")
	r.want(r.del("configuration/configElements?elementType=session-agent&hostname=c.example.net", token), 204, "")
	r.want(r.del("configuration/configElements?elementType=session-agent&hostname=c.example.net", token), 404, "")
	r.want(r.del("configuration/configElements?elementType=session-agent", token), 400, "")
	r.want(r.del("configuration/configElements?elementType=moon&x=1", token), 400, "")
	r.wantEffects("config.edited", "session-agent c.example.net admin created", "session-agent c.example.net admin changed",
		"session-agent c.example.net admin deleted")
}

// A change of an element that is running, too, shows in the edited copy alone.
func TestEditLeavesTheOtherCopiesAlone(t *testing.T) {
	r := newRig(t)
	token := r.locked()
	const query = "configuration/configElements?elementType=session-agent&hostname=a.example.net"
	change := elementXML("session-agent", "hostname", "a.example.net", "state", "disabled", "description", "new")
	r.want(r.call(http.MethodPut, elementsPath, token, change), 200, "")
	if got := r.get(query, token).leaf("value"); got != "a.example.net|192.0.2.21|disabled|new" {
		t.Errorf("edited: %q", got)
	}
	if got := r.get(query+"&running=true", token).leaf("value"); got != "a.example.net|192.0.2.21|enabled" {
		t.Errorf("running: %q", got)
	}
}

func TestElementBodies(t *testing.T) {
	good := elementXML("session-agent", "hostname", "a.example.net", "state", "disabled")
	for name, body := range map[string]string{
		"none": "", "cut": good[:len(good)-3], "no XML": "hostname=a", "two roots": good + good, "rubbish after": good + "x",
		"other root": "<element/>", "no type": "<configElement/>", "unknown type": elementXML("moon", "x", "y"),
		"no key":   elementXML("session-agent", "state", "disabled"),
		"nameless": elementXML("session-agent", "hostname", "a.example.net", "", "x"),
		"twice":    elementXML("session-agent", "hostname", "a.example.net", "state", "x", "state", "y"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			token := r.locked()
			r.want(r.call(http.MethodPut, elementsPath, token, body), 400, "")
			r.want(r.call(http.MethodPost, elementsPath, token, body), 400, "")
			r.wantEffects("config.edited")
		})
	}
	r := newRig(t)
	token := r.locked()
	r.want(r.call(http.MethodPut, elementsPath, token, good, "Content-Type: application/json"), 415, "")
	r.want(r.call(http.MethodPut, elementsPath, token, strings.Repeat(" ", 2<<20)+good), 413, "")
	r.set("body-type", "ignored")
	r.want(r.call(http.MethodPut, elementsPath, token, good, "Content-Type: application/json"), 200, "")
}
