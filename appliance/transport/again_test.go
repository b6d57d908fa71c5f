package transport

import (
	"net/http"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// What was sent can be told as a curl line: who asked, how and whom, with no secret and no body, and what is the same of many is
// there once.
func TestExchangeAsCurl(t *testing.T) {
	id := issue(t, nil, nil, nil)
	m := serve(t, id.config(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	c := client(t, m, id, nil)
	read, write, bare := get("/tasks"), post("/locks"), get("/open")
	read.Auth, read.Accept, read.RawQuery = Basic("maria", secret.New("hunter2")), "*/*", "id=1&token=hunter2"
	write.Auth, write.ContentType, write.Body = Bearer(secret.New("hunter2")), "application/json", []byte(`{"password":"hunter2"}`)
	for _, r := range []Request{read, write, bare, read} {
		if _, err := c.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	trace := c.Trace(0)
	for i, want := range []string{
		"curl -X GET -u maria -k --pinnedpubkey 'PIN' -H 'Accept: */*' 'URL/tasks?id=1&token=[redacted]'",
		`curl -X POST -H "Authorization: Bearer $TOKEN" -k --pinnedpubkey 'PIN' -H 'Content-Type: application/json' --data-raw "$BODY" URL/locks`,
		"curl -X GET -k --pinnedpubkey 'PIN' URL/open",
	} {
		call, ok := trace[i].Call()
		line := strings.NewReplacer("'"+call.Pin+"'", "'PIN'", call.Pin, "'PIN'", c.URL(), "URL").Replace(call.Curl())
		if !ok || line != want || trace[i].HasBody() != (i == 1) {
			t.Errorf("%v:\n%s\nwant\n%s", ok, line, want)
		}
	}
	if trace[0].Like != trace[3].Like {
		t.Error("what two requests have in common is there twice")
	}
	for _, x := range []appliance.Exchange{{Path: "/a"}, {Path: "/" + strings.Repeat("a", 9) + "…", Like: trace[0].Like}} {
		if call, ok := x.Call(); ok {
			t.Errorf("%+v is told as %+v", x, call)
		}
	}
}
