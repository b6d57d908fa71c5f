package ecb

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// read parses a document whose envelope the test leaves out.
func read(t *testing.T, data string) *node {
	t.Helper()
	root, err := parse([]byte("<response>"+data+"<messages/><links/></response>"), documentLimits)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestParse(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	tests := []struct {
		name, doc, err string
	}{
		{"plain", "<response/>", ""},
		{"declared", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><response/>`, ""},
		{"byte order mark", "\xef\xbb\xbf<response/>", ""},
		{"comments and white space around", "<!-- a -->\n<response/>\n<!-- b -->\n", ""},
		{"name space", `<r:response xmlns:r="urn:x" r:a="1"/>`, ""},
		{"text around elements", "<response> a <b> c </b> d <e><f> g </f> h </e> i </response>", ""},
		{"at the depth limit", deep(64), ""},
		{"empty", "", "no element"},
		{"only a declaration", `<?xml version="1.0"?>`, "no element"},
		{"text only", "hello", "text outside"},
		{"text before", "x<response/>", "text outside"},
		{"a name over the limit", "<response><" + strings.Repeat("a", 257) + "/></response>", "longer than 256"},
		{"over the depth limit", deep(65), "deeper than 64"},
		{"not closed", "<response><data>", "unexpected EOF"},
		{"wrongly closed", "<response></data>", "closed by"},
		{"unknown entity", "<response>&x;</response>", "entity"},
		{"invalid UTF-8", "<response>\xff</response>", "UTF-8"},
		{"control character", "<response>\x1b[31m</response>", "character"},
		{"XML 1.1", `<?xml version="1.1"?><response/>`, "version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.doc, tt.err) })
	}
}

func check(t *testing.T, doc, want string) *node {
	t.Helper()
	root, err := parse([]byte(doc), documentLimits)
	switch {
	case want == "" && (err != nil || root == nil):
		t.Errorf("err %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || root != nil):
		t.Errorf("%v, err %v, want one with %q", root, err, want)
	}
	return root
}

func TestFault_DAT01_Doctype(t *testing.T) {
	for _, doc := range []string{
		`<!DOCTYPE response><response/>`,
		`<!DOCTYPE response SYSTEM "file:///etc/passwd"><response/>`,
		`<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><response>&b;</response>`,
		`<response/><!DOCTYPE response>`,
		`<response><!ELEMENT a ANY></response>`,
	} {
		check(t, doc, "document type")
	}
}

func TestFault_DAT02_Limits(t *testing.T) {
	var attributes strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&attributes, " a%d=\"x\"", i)
	}
	patient := documentLimits
	patient.time = time.Hour
	for _, tt := range []struct{ doc, err string }{
		{"<response" + attributes.String() + "/>", ""},
		{"<response>" + strings.Repeat("<a/>", documentLimits.nodes) + "</response>", "more than 200000 elements"},
		{strings.Repeat("<a>", 200_000), "deeper than 64"},
		{"<response>" + strings.Repeat("x", documentLimits.bytes) + "</response>", "over the limit"},
	} {
		root, err := parse([]byte(tt.doc), patient)
		if (tt.err == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), tt.err) || root != nil) {
			t.Errorf("%.20s: %v, want %q", tt.doc, err, tt.err)
		}
	}
	began := time.Now()
	if _, err := parse([]byte("<response>"+strings.Repeat("<a></a>", 500_000)+"</response>"), documentLimits); err == nil {
		t.Error("a million elements are taken")
	}
	if took := time.Since(began); took > documentLimits.time+time.Second { // one look at the clock late, on a busy host
		t.Errorf("a hostile document took %v", took)
	}
	quick := documentLimits
	quick.time = 0
	if _, err := parse([]byte("<response>"+strings.Repeat("<a/>", 2000)+"</response>"), quick); err == nil || !strings.Contains(err.Error(), "takes longer") {
		t.Errorf("err %v", err)
	}
}

func TestFault_DAT03_Charsets(t *testing.T) {
	declared := func(charset, text string) string {
		return `<?xml version="1.0" encoding="` + charset + `"?><response>` + text + `</response>`
	}
	for _, tt := range []struct{ charset, text, want, err string }{
		{"UTF-8", "é", "é", ""},
		{"utf-8", "é", "é", ""},
		{"ISO-8859-1", "\xe9", "é", ""},
		{"us-ascii", "e", "e", ""},
		{"ASCII", "\xe9", "", "is not ASCII"},
		{"UTF-16", "e", "", "not accepted"},
		{"windows-1252", "e", "", "not accepted"},
		{"UTF-7", "+ADw-", "", "not accepted"},
	} {
		t.Run(tt.charset, func(t *testing.T) {
			if root := check(t, declared(tt.charset, tt.text), tt.err); root != nil && root.text != tt.want {
				t.Errorf("read as %q", root.text)
			}
		})
	}
	long := strings.Repeat("\xe9", 5000)
	if root := check(t, declared("iso-8859-1", long), ""); root != nil && root.text != strings.Repeat("é", 5000) {
		t.Errorf("a long text is read as %d bytes", len(root.text))
	}
}

func TestFault_NET07_TrailingData(t *testing.T) {
	for doc, want := range map[string]string{
		"<response/><response/>":      "second document",
		"<response/>{}":               "text outside",
		"<response/>\x00":             "character",
		"<response/></response>":      "unexpected end element",
		"<response/><?xml version=1?": "",
	} {
		if _, err := parse([]byte(doc), documentLimits); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestFault_NET06_Envelope(t *testing.T) {
	const good = "<response><data/></response>"
	tests := []struct {
		name, header, body, err string
	}{
		{"good", "application/xml", good, ""},
		{"text/xml", "text/xml", good, ""},
		{"with a charset", "application/xml; charset=UTF-8", good, ""},
		{"empty", "", "", ""},
		{"no type", "", good, "Content-Type"},
		{"page", "text/html", good, "Content-Type"},
		{"JSON", "application/json", "{}", "Content-Type"},
		{"foreign charset", "application/xml; charset=utf-16", good, "character set"},
		{"another root", "application/xml", "<html><response/></html>", "root element"},
		{"another case", "application/xml", "<Response/>", "root element"},
		{"hostile root", "application/xml", "<\u202e/>", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			media, _, _ := strings.Cut(tt.header, ";")
			root, err := envelope(&transport.Response{
				Status: 200, Header: http.Header{"Content-Type": {tt.header}}, ContentType: media, Body: []byte(tt.body),
			})
			switch {
			case tt.name == "hostile root":
				if !errors.Is(err, appliance.ErrMalformed) || strings.Contains(err.Error(), "\u202e") {
					t.Errorf("err %q", err)
				}
			case tt.err == "" && err != nil, tt.err != "" && (!errors.Is(err, appliance.ErrMalformed) || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("err %v, want %q", err, tt.err)
			case (root == nil) != (tt.err != "" || tt.body == ""):
				t.Errorf("root %v", root)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"list", "<messages><errorMessage>a</errorMessage><errorMessage>b</errorMessage></messages>", "a|b"},
		{"item", "<messages><item><errorMessage>a</errorMessage></item></messages>", "a"},
		{"flat", "<errorMessage>a</errorMessage>", "a"},
		{"deep in the data", "<data><x><y><errorMessage>a</errorMessage></y></x></data>", "a"},
		{"prose link", "<links><link>Rebooting in 5 seconds</link></links>", "Rebooting in 5 seconds"},
		{"address", "<links><link>https://h/rest</link></links>", ""},
		{"empty", "<messages><errorMessage/></messages>", ""},
		{"hostile", "<messages><errorMessage>a\u009b31mb\u202e</errorMessage></messages>", "a▯31mb▯"},
	}
	for _, tt := range tests {
		var got []string
		for _, m := range messages(read(t, tt.doc)) {
			got = append(got, m.String())
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if n := len(messages(read(t, strings.Repeat("<errorMessage>a</errorMessage>", 1000)))); n != 20 {
		t.Errorf("%d messages kept", n)
	}
}

func TestTextsOf423(t *testing.T) {
	for text, want := range map[string]appliance.Holder{
		"Resource locked by another user":    appliance.HolderAnother,
		"resource locked by another user.":   appliance.HolderAnother,
		" RESOURCE LOCKED BY ANOTHER USER. ": appliance.HolderAnother,
		"User does not have the lock.":       appliance.HolderNobody,
		"user does not have the lock":        appliance.HolderNobody,
		"locked":                             appliance.HolderUnknown,
		"":                                   appliance.HolderUnknown,
	} {
		if got := holderBy([]appliance.Message{{Text: appliance.Words(text)}}); got != want {
			t.Errorf("%q means %q, want %q", text, got, want)
		}
	}
	if holderBy(nil) != appliance.HolderUnknown {
		t.Error("no words mean something")
	}
}

func TestDecodeToken(t *testing.T) {
	for doc, want := range map[string]string{
		"<data><accessToken>abc+/=</accessToken></data>":                             "abc+/=",
		"<data><accessToken> \n abc \n </accessToken></data>":                        "abc",
		"<data><accessToken/></data>":                                                "",
		"<data><token>abc</token></data>":                                            "",
		"<accessToken>abc</accessToken>":                                             "",
		"<data><accessToken>a b</accessToken></data>":                                "",
		"<data><accessToken>é</accessToken></data>":                                  "",
		"<data><accessToken><a>abc</a></accessToken></data>":                         "",
		"<data><accessToken>" + strings.Repeat("a", 1<<15) + "</accessToken></data>": "",
	} {
		got, err := decodeToken(read(t, doc))
		if got.Reveal() != want || (want == "") != errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%.60s: %q, %v", doc, got.Reveal(), err)
		}
	}
	if _, err := decodeToken(nil); !errors.Is(err, appliance.ErrMalformed) {
		t.Errorf("err %v", err)
	}
}

func TestDecodeStatus(t *testing.T) {
	st, err := decodeStatus(read(t, "<data><hostName>e\u202e1</hostName><role>standby</role><upTime>60</upTime>"+
		"<haSyncState><component><name>cfg</name><state>enabled</state></component></haSyncState><new>thing</new></data>"))
	if err != nil || st.host.String() != "e▯1" || st.role.String() != "standby" || st.uptime != time.Minute {
		t.Errorf("%+v, %v", st, err)
	}
	var keys []string
	for _, f := range st.fields {
		keys = append(keys, f.Key.String())
	}
	if got := strings.Join(keys, " "); got != "status.haSyncState.component.name status.haSyncState.component.state status.hostName status.new status.role status.upTime" {
		t.Errorf("fields %s", got)
	}
	for _, doc := range []string{"", "<data/>"} {
		if _, err := decodeStatus(read(t, doc)); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%q: %v", doc, err)
		}
	}
	for text, want := range map[string]time.Duration{
		"": 0, "-1": 0, "1.5": 0, "x": 0, "9223372036854775807": 0, "99999999999999999999": 0, "0": 0, "734210": 734210 * time.Second,
	} {
		if got := seconds(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestDecodeIdentity(t *testing.T) {
	id, err := decodeInformation(read(t, "<data><systemInformation><hostName>h</hostName><productName>P</productName>"+
		"<buildVersion>B</buildVersion><upTimeSeconds>5</upTimeSeconds><contact/></systemInformation></data>"))
	if err != nil || id.product.String() != "P" || id.build.String() != "B" || id.host.String() != "h" || id.uptime != 5*time.Second || len(id.fields) != 4 {
		t.Errorf("%+v, %v", id, err)
	}
	id, err = decodeVersion(read(t, "<data><systemVersionInfo><host>h</host><buildVersion>B</buildVersion><buildCycle>3</buildCycle></systemVersionInfo></data>"))
	if err != nil || id.host.String() != "h" || id.build.String() != "B" || id.uptime != 0 {
		t.Errorf("%+v, %v", id, err)
	}
	for _, doc := range []string{"", "<data/>", "<data><other/></data>"} {
		_, err1 := decodeInformation(read(t, doc))
		_, err2 := decodeVersion(read(t, doc))
		if !errors.Is(err1, appliance.ErrMalformed) || !errors.Is(err2, appliance.ErrMalformed) {
			t.Errorf("%q: %v, %v", doc, err1, err2)
		}
	}
}

func TestDecodeVersions(t *testing.T) {
	all, err := decodeVersions(read(t, "<data><supportedVersions><latestVersion>v1.2</latestVersion><otherVersions>"+
		"<version>v1.0</version><version/><other>x</other><version>v1.1</version></otherVersions></supportedVersions></data>"))
	if err != nil || fmt.Sprint(all) != "[v1.2 v1.0 v1.1]" {
		t.Errorf("%v, %v", all, err)
	}
	if all, err = decodeVersions(read(t, "<data><supportedVersions><latestVersion>v1.1</latestVersion></supportedVersions></data>")); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	for _, doc := range []string{"", "<data/>", "<data><supportedVersions/></data>"} {
		if _, err := decodeVersions(read(t, doc)); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestDecodeAsync(t *testing.T) {
	state := func(inner string) string { return "<data><operationState>" + inner + "</operationState></data>" }
	for _, tt := range []struct {
		doc   string
		none  bool
		phase appliance.Phase
		bad   bool
	}{
		{doc: "<data/>", none: true},
		{doc: state(""), none: true},
		{doc: state("<operation/><status/>"), none: true},
		{doc: state("<operation>save</operation><status>inProgress</status>"), phase: appliance.PhaseRunning},
		{doc: state("<operation>save</operation><status>success</status>"), phase: appliance.PhaseSucceeded},
		{doc: state("<operation>save</operation><status>FAIL</status>"), phase: appliance.PhaseProblem},
		{doc: state("<operation>save</operation><status>paused</status>"), phase: appliance.PhaseUnknown},
		{doc: state("<status>success</status>"), phase: appliance.PhaseSucceeded},
		{doc: state("<operation>save</operation>"), bad: true},
		{doc: "<data><other>1</other></data>", bad: true},
		{doc: "", bad: true},
	} {
		op, err := decodeAsync(read(t, tt.doc))
		if tt.bad != errors.Is(err, appliance.ErrMalformed) || op.none != tt.none || op.phase != tt.phase {
			t.Errorf("%q: %+v, %v", tt.doc, op, err)
		}
	}
	op, err := decodeAsync(read(t, "<data><operationState><operation>verify</operation><status>fail</status><errorMessage>no \u009bgood</errorMessage></operationState>"+
		"<additionalInfo><verifySummary><verifyError><object>a</object></verifyError></verifySummary></additionalInfo></data>"))
	if err != nil || len(op.messages) != 1 || op.messages[0].String() != "no ▯good" || len(op.fields) != 4 {
		t.Errorf("%+v, %v", op, err)
	}
}

func TestDecodeFiles(t *testing.T) {
	for _, tt := range []struct {
		name, doc, want string
		unreadable      int
		bad             bool
	}{
		{name: "none", doc: "<data/>"},
		{name: "empty list", doc: "<data><backupFiles/></data>"},
		{name: "listed", doc: "<data><backupFiles><file>a.gz</file><file>b</file></backupFiles></data>", want: "a.gz b"},
		{name: "with their sizes", doc: "<data><b><name>a.gz</name><fileSize>12</fileSize><date>2026</date></b></data>", want: "a.gz"},
		{name: "with a path", doc: "<data><file>/code/bkups/a.gz</file></data>", want: "a.gz"},
		{name: "element of another name", doc: "<data><x>a.gz</x><x>12</x></data>", want: "a.gz"},
		{name: "twice", doc: "<data><file>a.gz</file><file>a.gz</file></data>", want: "a.gz"},
		{name: "unreadable ones", doc: "<data><file>../../etc/passwd</file><file>a b</file><file>-rf</file><file>ok.gz</file></data>", want: "ok.gz", unreadable: 3},
		{name: "no name at all", doc: "<data><x>12</x></data>", bad: true},
		{name: "text", doc: "<data>none</data>", bad: true},
		{name: "no data", doc: "", bad: true},
	} {
		list, unreadable, err := decodeFiles(read(t, tt.doc))
		var names []string
		for _, b := range list {
			names = append(names, string(b.ID))
		}
		if strings.Join(names, " ") != tt.want || unreadable != tt.unreadable || tt.bad != errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("%s: %q, %d unreadable, %v", tt.name, names, unreadable, err)
		}
	}
	list, _, err := decodeFiles(read(t, "<data><b><name>a.gz</name><fileSize>12</fileSize></b></data>"))
	if err != nil || len(list[0].Fields()) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	folder := &node{name: "backupFiles"}
	for i := range mostRows + 1 {
		folder.kids = append(folder.kids, &node{name: "file", text: fmt.Sprintf("f%d.gz", i)})
	}
	all := &node{name: "response", kids: []*node{{name: "data", kids: []*node{folder}}}}
	if list, _, err := decodeFiles(all); !errors.Is(err, appliance.ErrTooLarge) || list != nil {
		t.Errorf("%d files, %v", len(list), err)
	}
}

// An element's text is all its own text, whatever elements stand in between.
func TestParseMixedText(t *testing.T) {
	root := check(t, "<r>\n a <b> c </b> d <e><f> g </f> h </e> <![CDATA[<i>]]>&amp;&#106;</r>", "")
	if root == nil || root.child("b").text != "c" || root.child("e").text != "h" || root.child("e").child("f").text != "g" {
		t.Fatalf("%+v", root)
	}
	if got := strings.Join(strings.Fields(root.text), " "); got != "a d <i>&j" {
		t.Errorf("text %q", got)
	}
}
